/**
 * The messages of a conversation, as a list to show. Every function here is pure: it takes a list and returns another.
 *
 * @module
 */

import type { ConversationChannel, EventOf } from '../channels.js';
import type { FunnelcastError } from '../errors.js';
import { type Dated, dated } from '../store.js';
import {
  type Attachment,
  type CallRecord,
  type ChatDraft,
  type ChatMessage,
  EXCERPT_CHARS_MAX,
  type Quote,
} from '../wire.js';

/** A message as it is now, with its state on the way to the server. */
export interface ConversationMessage extends Omit<Dated<ChatMessage>, 'n'> {
  /**
   * Identifies the message in React and for `retry`. It is unique in the conversation whatever keys other users choose, and
   * a message of this client keeps it when it has arrived.
   */
  key: string;
  /** The message's place in the log; absent until the server has it. */
  seq?: number;
  /** How many messages the log has up to and including this one; absent until the server has it. */
  n?: number;
  /**
   * A call that is over, which has its line among the messages. Its `content` is empty, its `userId` is who has called, and nobody can
   * edit, delete or react to it.
   */
  call?: CallRecord;
  /** Whether the server has the message, has yet to acknowledge it, or has rejected it. */
  status: 'sent' | 'sending' | 'failed';
  /**
   * Whether a change by this user (an edit, a reaction, or that they delete the message) is on its way, or has been rejected
   * and taken back; absent if neither.
   */
  change?: 'sending' | 'failed';
  /** Why the message, or the change of it, has failed. */
  error?: FunnelcastError;
}

/** A list of messages. */
export type Messages = readonly ConversationMessage[];

/** What a message that is being sent is shown with, and its draft only refers to. */
export interface DraftContext {
  replyTo?: Quote | undefined;
  attachments?: readonly Attachment[] | undefined;
  userId?: string | undefined;
}

/** Makes a message that is being sent. */
export function fromDraft(
  key: string,
  channel: ConversationChannel,
  { content = '', type = 'user', metadata, mentions }: ChatDraft,
  { replyTo, attachments, userId }: DraftContext,
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
    ...(mentions && { mentions }),
    ...(attachments?.length && { attachments: [...attachments] }),
    ...(replyTo && { replyTo }),
    status: 'sending',
  };
}

/** Makes a message of the log. `key` is its key for rendering, because its sender may have chosen any key for the event. */
export function fromEvent(
  { seq = 0, data }: Pick<EventOf<'chat.message'>, 'seq' | 'data'>,
  key: string,
): ConversationMessage {
  return { ...dated(data), key, seq, status: 'sent' };
}

/** Makes the line of a call that is over. */
export function fromCall(
  { seq = 0, channel, at, data }: EventOf<'chat.call'>,
  key: string,
): ConversationMessage {
  return {
    key,
    seq,
    id: data.callId,
    conversationId: channel.slice(channel.indexOf(':') + 1),
    type: 'system',
    content: '',
    timestamp: new Date(at),
    isRead: false,
    userId: data.startedBy,
    call: data,
    status: 'sent',
  };
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

/** Quotes a message, as the server does for a reply to it; `undefined` if the server does not have the message. */
export function quoteOf(message: ConversationMessage): Quote | undefined {
  const { seq, userId, deletedAt } = message;
  if (seq === undefined) return undefined;
  return {
    seq,
    ...(userId !== undefined && { userId }),
    ...(!deletedAt && { excerpt: excerptOf(message) }),
  };
}

/** The beginning of a message's text, or of the name of its first file if it has none: so many code points, not UTF-16 units. */
export function excerptOf({ content, attachments }: Pick<ChatMessage, 'content' | 'attachments'>): string {
  const text = content || (attachments?.[0]?.name ?? '');
  // No code point takes more than two units, so the rest of a long text need not be looked at.
  return [...text.slice(0, 2 * EXCERPT_CHARS_MAX)].slice(0, EXCERPT_CHARS_MAX).join('');
}

/** Quotes anew what replies to a message of the list: drafts are not among the messages that changes are applied to. */
export function withQuotesOf(drafts: Messages, messages: Messages): Messages {
  return drafts.map(draft => {
    const quoted = draft.replyTo && messages.find(({ seq }) => seq === draft.replyTo?.seq);
    const replyTo = quoted && quoteOf(quoted);
    return replyTo ? { ...draft, replyTo } : draft;
  });
}
