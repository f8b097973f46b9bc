/**
 * The people on this page, each with a client, and thus a connection, of their own.
 *
 * @module
 */

import { type Client, createClient, httpApi, type Moderator, moderation } from 'funnelcast';
import { Network } from './network.js';
import type { Who } from './room.js';
import { getToken } from './stack.js';

/** A person, with their client and their network. */
export interface Person extends Who {
  client: Client;
  network: Network;
  /** Mutes and bans, for the team of the company. */
  moderator: Moderator;
  /** Writes into the chat that they have open, for the buttons of the page; absent while there is none. */
  pen: { write?: (content: string) => void };
}

/** Makes the client of a person. It connects when the first hook that uses it is mounted. */
export function meet(who: Who): Person {
  const network = new Network();
  const { environment } = network;
  const token = () => getToken(who);
  // The stack's HTTP API, which is on the page's own origin here: for tickets, and for polling while WebSockets fail.
  const client = createClient({ http: httpApi('', { token }), environment });
  const moderator = moderation('', { token, environment });
  return { ...who, client, network, moderator, pen: {} };
}
