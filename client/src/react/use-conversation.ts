/**
 * A conversation, ready to be shown.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { SubscribeOptions } from '../subscription.js';
import { Conversation, type ConversationState } from './conversation.js';
import { useLatest } from './latest.js';
import { useConnection } from './lifetime.js';
import { useClient } from './provider.js';
import { useStore } from './store.js';

/** How the hook behaves. */
export interface UseConversationOptions {
  /** How many messages are loaded at first, and by each `loadOlder`: 1 to 100, 50 by default. */
  pageSize?: number | undefined;
  /** Gets a grant of the app's backend, for a user who has no access of their own; as for `subscribe`. */
  grant?: SubscribeOptions['grant'];
}

/** What {@link useConversation} gives. */
export interface UseConversation
  extends ConversationState,
    Pick<Conversation, 'send' | 'retry' | 'discard' | 'loadOlder' | 'markAsRead' | 'sendTyping'> {}

/**
 * A conversation: its messages with ours shown at once, older ones on demand, who types, who is here.
 *
 * @example
 * ```tsx
 * const { messages, send, retry, typing, loadOlder, hasOlder } = useConversation('conv-123');
 * ```
 */
export function useConversation(
  id: string,
  { pageSize = 50, grant }: UseConversationOptions = {},
): UseConversation {
  const client = useClient();
  const conversation = useMemo(() => new Conversation(client, id, pageSize), [client, id, pageSize]);
  useConnection(client);
  const latestGrant = useLatest(grant);
  const isGuest = grant !== undefined;
  useEffect(() => {
    const getGrant = () => latestGrant.current?.() ?? Promise.reject(new Error('there is no grant any more'));
    return conversation.start(isGuest ? getGrant : undefined);
  }, [conversation, isGuest, latestGrant]);
  const state = useStore(conversation.store);
  const { send, retry, discard, loadOlder, markAsRead, sendTyping } = conversation;
  return { ...state, send, retry, discard, loadOlder, markAsRead, sendTyping };
}
