import { CodeButton } from '../code/code-button.js';
import { generateFunnel } from '../generation.js';
import type { Room } from '../room.js';
import { samples, syncResource } from './samples.js';

/** Shows a button for each event that a backend may put on the bus. */
export function Events({ room }: { room: Room }) {
  return (
    <section aria-labelledby="events" className="events">
      <header className="section-head">
        <h3 id="events">Backend events</h3>
        <CodeButton of="the backend events" file="backstage/samples.ts" />
      </header>
      <div className="buttons">
        <button type="button" className="button primary" onClick={() => generateFunnel(room)}>
          Generate a funnel
        </button>
        <button type="button" className="button primary" onClick={() => void syncResource(room)}>
          Sync a resource
        </button>
      </div>
      {samples(room).map(({ title, events }) => (
        <fieldset key={title}>
          <legend>{title}</legend>
          <div className="buttons">
            {Object.entries(events).map(([name, emit]) => (
              <button key={name} type="button" className="chip" onClick={() => void emit()}>
                {name}
              </button>
            ))}
          </div>
        </fieldset>
      ))}
    </section>
  );
}
