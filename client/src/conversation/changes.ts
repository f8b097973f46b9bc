/**
 * What edits, deletions, reactions and examined files make of messages. Every function here is pure.
 *
 * The changes of a message come in the order of the log. A message that was read from the log may have some of them already,
 * and even later ones that are still on their way. To apply one again must therefore do no lasting harm, and does not: each
 * states a result, so after the last of them the message is what the server has. Nothing follows a deletion.
 *
 * @module
 */

import type { AnyEvent } from '../channels.js';
import {
  type Attachment,
  type ChatReaction,
  type EventData,
  type Quote,
  REACTION_USERS_SHOWN_MAX,
  type Reaction,
  type Seq,
  type Timestamp,
} from '../wire.js';
import { type ConversationMessage, excerptOf, type Messages } from './messages.js';

/** The name of an event that changes a message. */
export type ChangeName = 'chat.edit' | 'chat.delete' | 'chat.reaction' | 'file.ready' | 'file.refused';

/** The part of an event that says what becomes of a message. */
export type Change = {
  [Name in ChangeName]: { event: Name; data: EventData[Name] & { target: Seq }; at: Timestamp };
}[ChangeName];

/** Whether an event changes a message. One about a file that no message names changes none. */
export function isChange(event: AnyEvent): event is AnyEvent & Change {
  const isNamed = /^(chat\.(edit|delete|reaction)|file\.(ready|refused))$/.test(event.event);
  return isNamed && (event.data as { target?: Seq }).target !== undefined;
}

/** Applies a change to the list: to the message, and to what quotes it. */
export function withChange(messages: Messages, change: Change): Messages {
  const target = messages.find(({ seq }) => seq === change.data.target);
  return messages.map(message => changed(message, change, target?.attachments));
}

/**
 * Applies a change to a message: because the change is about it, or because it quotes what the change is about.
 *
 * @param files - those of the message that the change is about, if it is known
 */
export function changed(
  message: ConversationMessage,
  change: Change,
  files?: Attachment[],
): ConversationMessage {
  const { target } = change.data;
  const { replyTo, seq, deletedAt } = message;
  if (seq === target && !deletedAt) return changedItself(message, change);
  const quote = replyTo?.seq === target ? requoted(replyTo, change, files) : replyTo;
  return quote === replyTo || !quote ? message : { ...message, replyTo: quote };
}

function changedItself(message: ConversationMessage, { event, data, at }: Change): ConversationMessage {
  switch (event) {
    case 'chat.edit': {
      // Of an edit that another change has replaced, the log only says when it was.
      const { content = message.content, metadata = message.metadata } = data;
      return { ...message, content, ...(metadata && { metadata }), editedAt: new Date(at) };
    }
    case 'chat.delete': {
      const { metadata: _, mentions: __, reactions: ___, attachments: ____, ...rest } = message;
      return { ...rest, content: '', isRead: false, deletedAt: new Date(at) };
    }
    case 'chat.reaction':
      return withReactions(message, reactionsWith(message.reactions, data));
    case 'file.ready':
    case 'file.refused':
      return withFile(message, data.file);
  }
}

/** Replaces a file of a message by what it is now. */
function withFile(message: ConversationMessage, file: Attachment): ConversationMessage {
  const { attachments } = message;
  if (!attachments) return message;
  return { ...message, attachments: attachments.map(one => (one.id === file.id ? file : one)) };
}

/** A quote without an excerpt is that of a deleted message, or of one that has expired, and stays so. */
function requoted(quote: Quote, { event, data }: Change, attachments?: Attachment[]): Quote {
  if (quote.excerpt === undefined || (event !== 'chat.edit' && event !== 'chat.delete')) return quote;
  const { excerpt: _, ...rest } = quote;
  if (event === 'chat.delete') return rest;
  const { content } = data;
  // Only a message with files has no text, and is quoted by the name of the first.
  if (content === undefined || (content === '' && !attachments)) return quote;
  return { ...rest, excerpt: excerptOf({ content, ...(attachments && { attachments }) }) };
}

/** Sets the reaction of one emoji. A new one comes last, and one that nobody uses any more disappears. */
function reactionsWith(reactions: readonly Reaction[] = [], { emoji, count, users }: Reaction): Reaction[] {
  const reaction = { emoji, count, users };
  const isKnown = reactions.some(one => one.emoji === emoji);
  const all = isKnown
    ? reactions.map(one => (one.emoji === emoji ? reaction : one))
    : [...reactions, reaction];
  return all.filter(one => one.count > 0);
}

function withReactions(message: ConversationMessage, reactions: Reaction[]): ConversationMessage {
  const { reactions: _, ...rest } = message;
  return reactions.length > 0 ? { ...rest, reactions } : rest;
}

/**
 * What a user's reaction will make of a message, before the server has said so. Of more than 50 users, only the first 50 are
 * known; a user who is not among them and takes a reaction back is assumed to be one of the others.
 */
export function ownReaction(
  { reactions = [] }: ConversationMessage,
  { target, emoji, on }: Pick<ChatReaction, 'target' | 'emoji' | 'on'>,
  user: string,
): ChatReaction {
  const none: Reaction = { emoji, count: 0, users: [] };
  const { count, users } = reactions.find(one => one.emoji === emoji) ?? none;
  const isListed = users.includes(user);
  if (on) {
    const more = isListed ? users : [...users, user].slice(0, REACTION_USERS_SHOWN_MAX);
    return { target, on, emoji, count: isListed ? count : count + 1, users: more };
  }
  const isCounted = isListed || count > users.length;
  return {
    target,
    on,
    emoji,
    count: isCounted ? count - 1 : count,
    users: users.filter(one => one !== user),
  };
}

/**
 * Whether a message that was read from the log must be read again after a change, because the change does not say what the
 * server has made of the message:
 * - the new data of an edit that another one has replaced is no longer in the log, and the message may have it;
 * - a reaction of a single user is the first with its emoji, so that the emoji comes last, or repeats what the user has said
 *   before, so that it stays where it is.
 */
export function isUnclear(message: ConversationMessage, { event, data }: Change, isExact: boolean): boolean {
  if (message.seq !== data.target || message.deletedAt) return false;
  if (event === 'chat.edit') return data.content === undefined && data.metadata === undefined;
  if (event !== 'chat.reaction' || isExact) return false;
  const { reactions = [] } = message;
  const isKnown = reactions.some(({ emoji }) => emoji === data.emoji);
  return isKnown && reactions.length > 1 && data.on && data.count === 1;
}
