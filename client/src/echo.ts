/**
 * Our own message as the others get it. The server sends the connection that it came from an ack and no copy, so this
 * makes one: handlers then hear every event of a channel, whoever said it.
 *
 * @module
 */

import type { AnyEvent } from './channels.js';
import type { Letter } from './outbox.js';
import type { Sent } from './wire.js';

/** The event that this ack is of; nothing where it has no place in the log. */
export function echo(
  { channel, event, data, key }: Letter,
  sent: Sent,
  user: string | undefined,
): AnyEvent | undefined {
  if (sent.seq === undefined) return undefined;
  return {
    type: 'event',
    channel,
    event,
    seq: sent.seq,
    at: sent.at,
    key,
    data: {
      id: sent.id ?? key,
      conversationId: channel.slice(channel.indexOf(':') + 1),
      type: data.type ?? 'user',
      content: data.content,
      timestamp: sent.at,
      isRead: false,
      ...(data.metadata && { metadata: data.metadata }),
      ...(user !== undefined && { userId: user }),
    },
  };
}
