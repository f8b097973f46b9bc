/**
 * The hooks `useInbox` and `useUnread`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { InboxChannel } from '../channels.js';
import { Inbox, type InboxState } from '../inbox/inbox.js';
import { useClient, useConnection } from './provider.js';
import { useStore } from './store.js';

/** The options of {@link useInbox}. */
export interface UseInboxOptions {
  /** How many conversations to load at first, and with each `loadMore`: 1 to 50. Default: 50. */
  pageSize?: number | undefined;
}

/** The result of {@link useInbox}. */
export interface UseInbox extends InboxState, Pick<Inbox, 'loadMore'> {}

/**
 * Follows an inbox: `user:{userId}` for the conversations in which the user takes part, or `inbox:{companyId}` for all of a
 * company, for its team. The last active conversation comes first, and each has the number of messages that the user has not
 * read, on this device or another.
 *
 * @example
 * ```tsx
 * const { conversations, hasMore, loadMore } = useInbox('inbox:biz_1');
 * return conversations.map(({ conversationId, last, unread }) => (
 *   <li key={conversationId}>
 *     {last?.from?.name}: {last?.excerpt} {unread > 99 ? '99+' : unread}
 *   </li>
 * ));
 * ```
 */
export function useInbox(channel: InboxChannel, { pageSize = 50 }: UseInboxOptions = {}): UseInbox {
  const client = useClient();
  const inbox = useMemo(() => new Inbox(client, channel, pageSize), [client, channel, pageSize]);
  useConnection(client);
  useEffect(() => inbox.start(), [inbox]);
  return { ...useStore(inbox.store), loadMore: inbox.loadMore };
}

/**
 * The number of messages that the user has not read, over the 50 conversations of an inbox that were last active.
 *
 * @example
 * ```tsx
 * const unread = useUnread('user:user_1');
 * ```
 */
export function useUnread(channel: InboxChannel): number {
  return useInbox(channel).unread;
}
