import { FunnelcastProvider } from 'funnelcast/react';
import type { Person } from '../people.js';
import type { Room } from '../room.js';
import { ConnectionCard } from './connection-card.js';
import { Console } from './console.js';
import { Events } from './events.js';

/** What users do not see: the backend, the network, and the frames. */
export function Backstage({ room, people }: { room: Room; people: Person[] }) {
  return (
    <>
      <header className="backstage-head">
        <h2>Backstage</h2>
        <p>Be the network, and be the backend</p>
      </header>
      <div className="levers">
        <section aria-labelledby="connections" className="connections">
          <h3 id="connections">Connections</h3>
          {people.map(person => (
            <FunnelcastProvider key={person.id} client={person.client}>
              <ConnectionCard person={person} />
            </FunnelcastProvider>
          ))}
        </section>
        <Events room={room} />
      </div>
      <Console people={people} />
    </>
  );
}
