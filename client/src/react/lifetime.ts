/**
 * A client is connected while somebody uses it.
 *
 * @module
 */

import { useEffect } from 'react';
import type { Client } from '../client.js';

/**
 * How long a client stays connected that nobody uses: StrictMode unmounts and mounts everything once, and a change of
 * page does so too, and neither should cost a connection.
 */
const LINGER_MS = 1_000;

interface Use {
  users: number;
  cancelClose: () => void;
}

const uses = /* @__PURE__ */ new WeakMap<Client, Use>();

/** Connects the client, and keeps it so until what it returns is called. */
export function retain(client: Client): () => void {
  const use = uses.get(client) ?? { users: 0, cancelClose: () => {} };
  uses.set(client, use);
  use.users++;
  use.cancelClose();
  client.connect();
  return () => {
    if (--use.users > 0) return;
    use.cancelClose = client.environment.after(LINGER_MS, () => {
      // What the user has said before they went elsewhere is delivered first; what fails is shown by `Drafts`.
      void client.drain({ reason: 'no component uses the connection any more' });
    });
  };
}

/** Keeps the client connected while the component is mounted. */
export function useConnection(client: Client, isWanted = true): void {
  useEffect(() => (isWanted ? retain(client) : undefined), [client, isWanted]);
}
