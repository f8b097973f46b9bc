/**
 * The hook `useSearch`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { ConversationChannel, InboxChannel } from '../channels.js';
import { SearchResults, type SearchState } from '../inbox/search-results.js';
import { useClient, useConnection } from './provider.js';
import { useStore } from './store.js';

/** How long a query must stay the same before it is searched for, in milliseconds. */
const PAUSE_MS = 300;

/** The options of {@link useSearch}. */
export interface UseSearchOptions {
  /** The most results to load at first, and with each `loadMore`: 1 to 50. Default: 20. */
  pageSize?: number | undefined;
}

/** The result of {@link useSearch}. */
export interface UseSearch extends SearchState, Pick<SearchResults, 'loadMore'> {}

/**
 * Searches as the user types: a conversation, those in which the user takes part (`user:{userId}`), or, for its team, all of a
 * company (`inbox:{companyId}`). A blank query finds nothing.
 *
 * @example
 * ```tsx
 * const [query, setQuery] = useState('');
 * const { results, hasMore, loadMore } = useSearch('inbox:biz_1', query);
 * return results.map(({ event }) => <li key={`${event.channel} ${event.seq}`}>{event.data.content}</li>);
 * ```
 */
export function useSearch(
  channel: ConversationChannel | InboxChannel,
  query: string,
  { pageSize = 20 }: UseSearchOptions = {},
): UseSearch {
  const client = useClient();
  const search = useMemo(
    () => new SearchResults(client, channel, query, pageSize),
    [client, channel, query, pageSize],
  );
  useConnection(client);
  useEffect(() => {
    let stop = () => {};
    const timer = setTimeout(() => {
      stop = search.start();
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [search]);
  return { ...useStore(search.store), loadMore: search.loadMore };
}
