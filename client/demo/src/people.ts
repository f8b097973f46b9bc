/**
 * The two people of this page, each with a client, and so a connection, of their own.
 *
 * @module
 */

import { type Client, createClient, httpApi } from 'funnelcast';
import { Network } from './network.js';
import type { Who } from './room.js';
import { getToken } from './stack.js';

/** A person, and how they are connected. */
export interface Person extends Who {
  client: Client;
  network: Network;
}

/** Makes somebody's client. It connects when the first hook that uses it is mounted. */
export function meet(who: Who): Person {
  const network = new Network();
  const client = createClient({
    // The stack's HTTP API, here on the page's own origin: a ticket for each connection, and polling while WebSockets fail.
    http: httpApi('', { token: () => getToken(who) }),
    environment: network.environment,
  });
  return { ...who, client, network };
}
