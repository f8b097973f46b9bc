import { FunnelcastProvider } from 'funnelcast/react';
import { useState } from 'react';
import { Backstage } from './backstage/backstage.js';
import { CodeContext, type ShownCode } from './code/code-context.js';
import { CodePanel } from './code/code-panel.js';
import { Customer } from './customer.js';
import { Merchant } from './merchant.js';
import { PageHead } from './page-head.js';
import type { Person } from './people.js';
import type { Room } from './room.js';
import { Tour } from './tour/tour.js';

/** The views of a phone, which shows one at a time: the people, the merchant's numbers, and the backstage. */
const NUMBERS = 'Numbers';
const BACKSTAGE = 'Backstage';

/** Shows everybody side by side or, on a phone, one view at a time with a switch at the bottom. */
export function App({ room, people }: { room: Room; people: Person[] }) {
  const views = people.flatMap(({ name, role }) => (role === 'merchant' ? [name, NUMBERS] : [name]));
  const [view, setView] = useState(views[0]);
  const [selected, select] = useState(room.customer);
  const [isChatOpen, openChat] = useState(true);
  const [code, showCode] = useState<ShownCode>();
  const [merchant, customer] = people;
  return (
    <>
      <PageHead />
      {merchant && customer && (
        <Tour
          room={room}
          people={[merchant, customer]}
          onStart={() => {
            select(room.customer);
            openChat(true);
          }}
        />
      )}
      <main className="page" data-people={people.length} data-view={view}>
        {people.map(person => (
          // Each provider has a connection. Most apps have one provider, around the whole app.
          <FunnelcastProvider key={person.id} client={person.client}>
            <CodeContext value={{ shown: code, show: showCode, side: person.role }}>
              <section className="person" aria-label={person.name} data-shown={isShown(person, view)}>
                {person.role === 'merchant' ? (
                  <Merchant me={person} room={room} selected={selected} onSelect={select} />
                ) : (
                  <Customer me={person} room={room} isChatOpen={isChatOpen} onChat={openChat} />
                )}
              </section>
            </CodeContext>
          </FunnelcastProvider>
        ))}
        <aside className="backstage" aria-label="Backstage" data-shown={view === BACKSTAGE}>
          <CodeContext value={{ shown: code, show: showCode, side: 'backstage' }}>
            <Backstage room={room} people={people} />
          </CodeContext>
        </aside>
        {code && <CodePanel code={code} onClose={() => showCode(undefined)} />}
      </main>
      <nav className="switch" aria-label="Views">
        {[...views, BACKSTAGE].map(name => (
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

function isShown({ name, role }: Person, view: string | undefined): boolean {
  return view === name || (role === 'merchant' && view === NUMBERS);
}
