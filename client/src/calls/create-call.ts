/**
 * Makes the call of a conversation.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { ConversationCall } from './conversation-call.js';
import type { CreateCallOptions } from './options.js';

/**
 * Follows the call of a conversation, and takes part in it: it rings when the others call, and starts a call. There is one call in
 * a conversation at a time, of up to 4 users, and a client is in one call at a time: while it is, other conversations are told that
 * the user is busy.
 *
 * Media go from browser to browser, or by way of a TURN server of the stack's. The client gets the addresses of such servers with
 * the option `http`.
 *
 * @example
 * ```ts
 * const call = createCall(client, 'conversation:conv-123');
 * call.store.subscribe(() => {
 *   const { state, direction, peers } = call.store.get();
 *   if (state === 'ringing' && direction === 'incoming') show('Accept?', call.accept, call.decline);
 *   for (const { name, stream } of peers) show(name, stream); // it is the `srcObject` of a <video>
 * });
 * call.start({ video: true }); // in reply to a click
 * ```
 */
export function createCall(
  client: Client,
  channel: ConversationChannel,
  options: CreateCallOptions = {},
): ConversationCall {
  const call = new ConversationCall(client, channel, { ...options });
  call.open();
  return call;
}
