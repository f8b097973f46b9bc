import type { Client, State } from 'funnelcast';
import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import { type NetworkMode, useNetworkMode } from '../network.js';
import type { Person } from '../people.js';
import { closeConnection } from '../stack.js';

const STATES: State[] = ['idle', 'connecting', 'connected', 'waiting', 'polling', 'closed'];

/** Shows the state machine of a connection, with buttons that disturb it. */
export function ConnectionCard({ person: { name, client, network } }: { person: Person }) {
  const { state, error, reconnect } = useWebSocket();
  const mode = useNetworkMode(network);
  const connectionId = useConnectionId(client);
  const toggle = (to: NetworkMode) => () => {
    network.mode = mode === to ? 'up' : to;
  };
  return (
    <article className="card connection" aria-label={`Network of ${name}`}>
      <header>
        <h4>{name}</h4>
        <code>{state === 'connected' ? connectionId : ''}</code>
      </header>
      <ol className="states" aria-label="State">
        {STATES.map(one => (
          <li key={one} aria-current={one === state ? 'step' : undefined}>
            {one}
          </li>
        ))}
      </ol>
      <p className="error">{error ? `${error.code}: ${error.message}` : 'No error'}</p>
      <div className="buttons">
        <button type="button" className="chip" data-on={mode === 'cut'} onClick={toggle('cut')}>
          {mode === 'cut' ? 'Mend the network' : 'Cut the network'}
        </button>
        <button type="button" className="chip" data-on={mode === 'blocked'} onClick={toggle('blocked')}>
          {mode === 'blocked' ? 'Allow WebSockets' : 'Block WebSockets'}
        </button>
        <button
          type="button"
          className="chip"
          disabled={state !== 'connected' || !connectionId}
          onClick={() => connectionId && void closeConnection(connectionId)}
        >
          Kill the socket
        </button>
        <button type="button" className="chip" onClick={reconnect}>
          Reconnect
        </button>
      </div>
    </article>
  );
}

/** The id of the connection, from the server's reply to `status`. */
function useConnectionId(client: Client): string | undefined {
  const [connectionId, setConnectionId] = useState<string>();
  useEffect(
    () =>
      client.on('frame', ({ direction, text }) => {
        const id = direction === 'in' && JSON.parse(text).data?.connectionId;
        if (id) setConnectionId(id);
      }),
    [client],
  );
  return connectionId;
}
