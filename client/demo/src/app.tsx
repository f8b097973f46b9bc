import { FunnelcastProvider } from 'funnelcast/react';
import { useState } from 'react';
import { Backstage } from './backstage/backstage.js';
import { Customer } from './customer.js';
import { Merchant } from './merchant.js';
import type { Person } from './people.js';
import type { Room } from './room.js';
import { ThemeSwitch } from './theme-switch.js';

/** Shows everybody side by side or, on a phone, one view at a time with a switch at the bottom. */
export function App({ room, people }: { room: Room; people: Person[] }) {
  const views = [...people.map(({ name }) => name), 'Backstage'];
  const [view, setView] = useState(views[0]);
  return (
    <>
      <header className="page-head">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <h1>funnelcast</h1>
        <p>Two people, live, on your own machine</p>
        <ThemeSwitch />
      </header>
      <main className="page" data-people={people.length}>
        {people.map(person => (
          // Each provider has a connection. Most apps have one provider, around the whole app.
          <FunnelcastProvider key={person.id} client={person.client}>
            <section className="person" aria-label={person.name} data-shown={view === person.name}>
              {person.role === 'merchant' ? (
                <Merchant me={person} room={room} />
              ) : (
                <Customer me={person} room={room} />
              )}
            </section>
          </FunnelcastProvider>
        ))}
        <aside className="backstage" aria-label="Backstage" data-shown={view === 'Backstage'}>
          <Backstage room={room} people={people} />
        </aside>
      </main>
      <nav className="switch" aria-label="Views">
        {views.map(name => (
          <button
            key={name}
            type="button"
            aria-current={view === name ? 'page' : undefined}
            onClick={() => setView(name)}
          >
            {name}
          </button>
        ))}
      </nav>
    </>
  );
}
