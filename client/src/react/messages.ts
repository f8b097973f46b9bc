/**
 * The messages of a conversation as a list to show: what the log has, in its order, and then what is on its way.
 *
 * Pure: each function takes a list and returns another.
 *
 * @module
 */

import type { EventOf } from '../channels.js';
import type { FunnelcastError } from '../errors.js';
import type { ChatDraft, ChatMessage, Receipt } from '../wire.js';
import { type Dated, dated } from './dated.js';

/** A message, and what has become of it. */
export interface ConversationMessage extends Dated<ChatMessage> {
  /** For React, and for `retry`: the same from the first moment on, before and after the server has it. */
  key: string;
  /** Its place in the log; absent as long as the server does not have it. */
  seq?: number;
  /** Whether the server has it, may get it, or has refused it. */
  status: 'sent' | 'sending' | 'failed';
  /** Why it has failed. */
  error?: FunnelcastError;
}

/** A list of messages. */
export type Messages = readonly ConversationMessage[];

/** With events of the log: new ones, or others' word on what is there. What was on its way has arrived with them. */
export function withEvents(messages: Messages, events: readonly EventOf<'chat.message'>[]): Messages {
  const arrived = new Map(events.map(event => [event.seq, fromEvent(event)]));
  const keys = new Set([...arrived.values()].map(({ key }) => key));
  const others = messages.filter(({ seq, key }) => (seq === undefined ? !keys.has(key) : !arrived.has(seq)));
  return [...others, ...arrived.values()].sort(byPlace);
}

/** With a message that is on its way. */
export function withDraft(
  messages: Messages,
  key: string,
  conversationId: string,
  draft: ChatDraft,
  userId: string | undefined,
): Messages {
  const { content, type = 'user', metadata } = draft;
  const message: ConversationMessage = {
    key,
    id: key,
    conversationId,
    type,
    content,
    timestamp: new Date(),
    isRead: false,
    ...(metadata && { metadata }),
    ...(userId !== undefined && { userId }),
    status: 'sending',
  };
  return [...messages, message];
}

/** With another status of what is on its way. */
export function withStatus(
  messages: Messages,
  key: string,
  status: 'sending' | 'failed',
  error?: FunnelcastError,
): Messages {
  return messages.map(message => {
    if (message.key !== key || message.status === 'sent') return message;
    const { error: _, ...rest } = message;
    return { ...rest, status, ...(error && { error }) };
  });
}

/** Without a message that is on its way, or has failed. */
export function without(messages: Messages, key: string): Messages {
  return messages.filter(message => message.key !== key || message.status === 'sent');
}

/** With what somebody has read: not his own messages, but those of the others. */
export function withReceipt(messages: Messages, { userId, seq, state }: Receipt): Messages {
  if (state !== 'read') return messages;
  return messages.map(message => {
    const isRead = message.seq !== undefined && message.seq <= seq && message.userId !== userId;
    return isRead && !message.isRead ? { ...message, isRead } : message;
  });
}

/** Only what is on its way: the rest is to be loaded anew. */
export function onItsWay(messages: Messages): Messages {
  return messages.filter(({ status }) => status !== 'sent');
}

function fromEvent({ key, seq = 0, data }: EventOf<'chat.message'>): ConversationMessage {
  return { ...dated(data), key: key ?? String(seq), seq, status: 'sent' };
}

/** By the log; what has no place there yet comes last, in the order in which it was said. */
function byPlace(a: ConversationMessage, b: ConversationMessage): number {
  return (a.seq ?? Infinity) === (b.seq ?? Infinity) ? 0 : (a.seq ?? Infinity) - (b.seq ?? Infinity);
}
