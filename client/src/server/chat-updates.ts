/**
 * Messages of the backend, and that it is typing one.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import { CONTENT_BYTES_MAX, METADATA_BYTES_MAX, type MessageType } from '../wire.js';
import { checkId, checkKey, checkText, checkWhole } from './check.js';
import { timestampNow, type Update, type UpdateData } from './updates.js';

/** A message that the backend writes, and no user. */
export interface BackendMessage {
  /** The text. It may be empty if the message has files. */
  content?: string | undefined;
  /** Default: `bot`. */
  type?: MessageType | undefined;
  metadata?: Record<string, unknown> | undefined;
  /** Default: an id that the stack assigns. */
  id?: string | undefined;
  /** The `seq` of the message of the conversation that it replies to. */
  replyTo?: number | undefined;
  /** The ids of users whom it mentions: participants, or users who have been in the conversation. */
  mentions?: string[] | undefined;
  /** The ids of at most 10 files, which the backend has uploaded for this conversation with `uploadFile`. */
  attachments?: string[] | undefined;
  /**
   * See {@link Update.key}: an answer that is sent twice with the same key appears once, unless the conversation has had 100
   * events since.
   */
  key?: string | undefined;
}

/** Who is typing. */
export interface TypingUser {
  /** Default: the app's own user, the parameter `AgentUserId`. */
  id?: string | undefined;
  /** The display name. Default: the id. */
  name?: string | undefined;
}

/** Makes a message of the app's assistant, or of the app itself. */
export function chatMessage(
  conversationId: string,
  { content = '', type = 'bot', metadata, id, replyTo, mentions, attachments, key }: BackendMessage,
): Update<'chat.message'> {
  const channel: ConversationChannel = `conversation:${checkId(conversationId, 'conversationId')}`;
  if (metadata) checkText(JSON.stringify(metadata), METADATA_BYTES_MAX, 'metadata');
  const data: UpdateData<'chat.message'> = {
    ...(id !== undefined && { id }),
    conversationId,
    type,
    content: content === '' && attachments?.length ? '' : checkText(content, CONTENT_BYTES_MAX, 'content'),
    timestamp: timestampNow(),
    ...(metadata && { metadata }),
    ...(replyTo !== undefined && { replyTo: checkWhole(replyTo, 'replyTo') }),
    ...(mentions && { mentions }),
    ...(attachments?.length && { attachments }),
  };
  return {
    detailType: 'ChatMessage',
    channel,
    event: 'chat.message',
    data,
    ...(key !== undefined && { key: checkKey(key) }),
  };
}

/** Makes the news that the app's assistant, or a user for whom the app speaks, is typing, or no longer is. */
export function typingIndicator(
  conversationId: string,
  isTyping: boolean,
  { id, name }: TypingUser = {},
): Update<'chat.typing'> {
  return {
    detailType: 'ChatTyping',
    channel: `conversation:${checkId(conversationId, 'conversationId')}`,
    event: 'chat.typing',
    data: {
      conversationId,
      isTyping,
      ...(id !== undefined && { userId: checkId(id, 'userId') }),
      ...(name !== undefined && { userName: name }),
    },
  };
}
