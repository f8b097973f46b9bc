/**
 * What a user has done in a conversation and the server does not have yet. It outlives the components that show it, so that
 * it is still there when the user has navigated elsewhere and comes back.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';

/** Makes a function that returns the same object for every component that shows a conversation with the same client. */
export function keptPerConversation<T>(
  Kept: new (client: Client, channel: ConversationChannel) => T,
): (client: Client, channel: ConversationChannel) => T {
  const kept = new WeakMap<Client, Map<ConversationChannel, T>>();
  return (client, channel) => {
    const ofClient = kept.get(client) ?? new Map<ConversationChannel, T>();
    kept.set(client, ofClient);
    const known = ofClient.get(channel) ?? new Kept(client, channel);
    ofClient.set(channel, known);
    return known;
  };
}
