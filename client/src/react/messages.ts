/**
 * The messages of a conversation as a list to show.
 *
 * Pure: each function takes a list and returns another.
 *
 * @module
 */

import type { ConversationChannel, EventOf } from '../channels.js';
import type { FunnelcastError } from '../errors.js';
import type { ChatDraft, ChatMessage, Receipt } from '../wire.js';
import { type Dated, dated } from './dated.js';

/** A message, and what has become of it. */
export interface ConversationMessage extends Dated<ChatMessage> {
  /**
   * For React, and for `retry`: unique in the conversation whatever the keys of others are, and for what this client has
   * sent the same from the first moment on, before and after the server has it.
   */
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

/** With messages that the log has: new ones, or a newer state of what is there, which then keeps its key. */
export function withLogged(messages: Messages, logged: readonly ConversationMessage[]): Messages {
  const news = new Map(logged.map(message => [message.seq, message]));
  const others = messages.filter(({ seq }) => !news.has(seq));
  return [...others, ...news.values()].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
}

/** A message that is on its way. */
export function fromDraft(
  key: string,
  channel: ConversationChannel,
  { content, type = 'user', metadata }: ChatDraft,
  userId: string | undefined,
): ConversationMessage {
  return {
    key,
    id: key,
    conversationId: channel.slice(channel.indexOf(':') + 1),
    type,
    content,
    timestamp: new Date(),
    isRead: false,
    ...(metadata && { metadata }),
    ...(userId !== undefined && { userId }),
    status: 'sending',
  };
}

/** A message of the log. `key` is what it is rendered by: the event's own is anything that its sender has chosen. */
export function fromEvent({ seq = 0, data }: EventOf<'chat.message'>, key: string): ConversationMessage {
  return { ...dated(data), key, seq, status: 'sent' };
}

/** With another status of one that the server does not have. */
export function withStatus(
  messages: Messages,
  key: string,
  status: 'sending' | 'failed',
  error?: FunnelcastError,
): Messages {
  return messages.map(message => {
    if (message.key !== key) return message;
    const { error: _, ...rest } = message;
    return { ...rest, status, ...(error && { error }) };
  });
}

/** With what a user has read: not their own messages, but those of the others. */
export function withReceipt(messages: Messages, { userId, seq, state }: Receipt): Messages {
  if (state !== 'read') return messages;
  return messages.map(message => {
    const isRead = message.seq !== undefined && message.seq <= seq && message.userId !== userId;
    return isRead && !message.isRead ? { ...message, isRead } : message;
  });
}
