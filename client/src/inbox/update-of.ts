/**
 * What the events of a conversation mean for an inbox.
 *
 * @module
 */

import type { DurableEvent } from '../channels.js';
import { excerptOf } from '../conversation/messages.js';
import type { InboxUpdate, LastMessage } from '../wire.js';

/** What an event of a log means for the inbox of a participant, who knows this of the last message; nothing for most events. */
export function updateOf(
  conversationId: string,
  { event, data, seq, at, from }: DurableEvent,
  last: LastMessage | undefined,
): InboxUpdate | undefined {
  if (event === 'chat.message') {
    return { conversationId, n: data.n, last: { seq, at, ...(from && { from }), excerpt: excerptOf(data) } };
  }
  if ((event !== 'chat.edit' && event !== 'chat.delete') || data.target !== last?.seq) return undefined;
  const { excerpt, ...rest } = last;
  if (event === 'chat.delete') return { conversationId, last: rest };
  // A message that has no text any more has files, whose names the event does not have.
  if (excerpt === undefined || !data.content) return undefined;
  return { conversationId, last: { ...rest, excerpt: excerptOf({ content: data.content }) } };
}
