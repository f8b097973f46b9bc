import { useState } from 'react';
import type { Person } from '../people.js';
import { type Line, useLines } from './use-lines.js';

/** Shows the frames of both connections, and the events that the backend puts on the bus. */
export function Console({ people }: { people: Person[] }) {
  const { lines, clear } = useLines(people);
  const [hidden, setHidden] = useState<readonly string[]>([]);
  const sources = [...people.map(({ name }) => name), 'bus'];
  const toggle = (source: string) =>
    setHidden(hidden.includes(source) ? hidden.filter(one => one !== source) : [...hidden, source]);
  return (
    <section aria-labelledby="console" className="console">
      <header className="section-head">
        <h3 id="console">Console</h3>
        <div className="buttons">
          {sources.map(source => (
            <button
              key={source}
              type="button"
              className="chip"
              aria-pressed={!hidden.includes(source)}
              onClick={() => toggle(source)}
            >
              {source}
            </button>
          ))}
          <button type="button" className="chip" onClick={clear}>
            Clear
          </button>
        </div>
      </header>
      <ol className="lines">
        {lines
          .filter(({ source }) => !hidden.includes(source))
          .map(line => (
            <ConsoleLine key={line.number} line={line} />
          ))}
      </ol>
    </section>
  );
}

const ARROWS = { in: '↓', out: '↑', state: '●' };
const WORDS = { in: 'received', out: 'sent', state: 'state' };

function ConsoleLine({ line: { source, direction, summary, at, body } }: { line: Line }) {
  return (
    <li data-direction={direction}>
      <details>
        <summary>
          <span aria-hidden="true">{ARROWS[direction]}</span>
          <span className="for-readers">{WORDS[direction]}</span>
          <b>{source}</b> <span>{summary}</span> <time>{at.toISOString().slice(11, 23)}</time>
        </summary>
        <pre>{JSON.stringify(body, null, 2)}</pre>
      </details>
    </li>
  );
}
