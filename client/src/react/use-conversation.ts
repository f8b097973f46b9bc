/**
 * The hook `useConversation`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import { Conversation, type ConversationState } from '../conversation/conversation.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { useClient, useConnection } from './provider.js';
import { useGrant, useStore } from './store.js';

/** The options of {@link useConversation}. */
export interface UseConversationOptions {
  /** How many messages to load at first, and with each `loadOlder`: 1 to 100. Default: 50. */
  pageSize?: number | undefined;
  /** Gets a grant from the app's backend, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
}

/** The result of {@link useConversation}. */
export interface UseConversation
  extends ConversationState,
    Pick<
      Conversation,
      'send' | 'retry' | 'discard' | 'edit' | 'remove' | 'react' | 'loadOlder' | 'markAsRead' | 'sendTyping'
    > {}

/**
 * Follows a conversation: its messages as they are now, with the user's own shown at once and older ones on demand, who is
 * typing, and who is present. Messages are edited, deleted and reacted to by the functions of the result, which never reject
 * because of the server: what it has refused is told by the `error` of the message.
 *
 * @example
 * ```tsx
 * const { messages, send, edit, remove, react, retry, typing, loadOlder, hasOlder } = useConversation('conv-123');
 * ```
 */
export function useConversation(
  id: string,
  { pageSize = 50, grant }: UseConversationOptions = {},
): UseConversation {
  const client = useClient();
  const conversation = useMemo(() => new Conversation(client, id, pageSize), [client, id, pageSize]);
  useConnection(client);
  const getGrant = useGrant(grant);
  useEffect(() => conversation.start(getGrant), [conversation, getGrant]);
  const state = useStore(conversation.store);
  const { send, retry, discard, edit, remove, react, loadOlder, markAsRead, sendTyping } = conversation;
  return { ...state, send, retry, discard, edit, remove, react, loadOlder, markAsRead, sendTyping };
}
