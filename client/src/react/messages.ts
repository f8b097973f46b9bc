/**
 * The messages of a conversation, as a list to render. Every function here is pure: it takes a list and returns another.
 *
 * @module
 */

import type { ConversationChannel, EventOf } from '../channels.js';
import type { FunnelcastError } from '../errors.js';
import type { ChatDraft, ChatMessage, Receipt } from '../wire.js';
import { type Dated, dated } from './store.js';

/** A message, with its state on the way to the server. */
export interface ConversationMessage extends Dated<ChatMessage> {
  /**
   * Identifies the message in React and for `retry`. It is unique in the conversation whatever keys other users choose, and
   * a message of this client keeps it when it has arrived.
   */
  key: string;
  /** The message's place in the log; absent until the server has it. */
  seq?: number;
  /** Whether the server has the message, has yet to acknowledge it, or has rejected it. */
  status: 'sent' | 'sending' | 'failed';
  /** Why the message has failed. */
  error?: FunnelcastError;
}

/** A list of messages. */
export type Messages = readonly ConversationMessage[];

/** Adds messages of the log. One that is already in the list is replaced, and keeps its key. */
export function withLogged(messages: Messages, logged: readonly ConversationMessage[]): Messages {
  const added = new Map(logged.map(message => [message.seq, message]));
  const others = messages.filter(({ seq }) => !added.has(seq));
  return [...others, ...added.values()].sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0));
}

/** Makes a message that is being sent. */
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

/** Makes a message of the log. `key` is its key for rendering, because its sender may have chosen any key for the event. */
export function fromEvent({ seq = 0, data }: EventOf<'chat.message'>, key: string): ConversationMessage {
  return { ...dated(data), key, seq, status: 'sent' };
}

/** Changes the status of a message that the server does not have. */
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

/** Marks the messages that a user has read: those of the others, not their own. */
export function withReceipt(messages: Messages, { userId, seq, state }: Receipt): Messages {
  if (state !== 'read') return messages;
  return messages.map(message => {
    const isRead = message.seq !== undefined && message.seq <= seq && message.userId !== userId;
    return isRead && !message.isRead ? { ...message, isRead } : message;
  });
}
