import type { ConversationChannel, InboxChannel, SearchPage } from 'funnelcast';
import { useClient } from 'funnelcast/react';
import { useEffect, useRef, useState } from 'react';

/** How long to wait for the next letter before a search. */
const PAUSE_MS = 250;
const PAGE_RESULTS = 10;

/** A conversation, or the inbox of a company for all of its conversations. */
export type SearchChannel = ConversationChannel | InboxChannel;

/** What has been found. */
export interface Found extends SearchPage {
  /** The query for which the results are; empty if there has been none. */
  query: string;
  /** The channel in which it was searched for. */
  channel?: SearchChannel;
  isSearching: boolean;
  error?: string;
}

const NOTHING: Found = { query: '', results: [], isSearching: false };

/**
 * Searches a conversation, or all of a company, while the user types, page by page. The results of a query stay until those of
 * the next one are there.
 *
 * @returns what has been found, and the function that searches on
 */
export function useSearch(channel: SearchChannel, query: string): [Found, () => void] {
  const client = useClient();
  const [found, setFound] = useState(NOTHING);
  /** Ends the request that is on its way. */
  const searching = useRef(new AbortController());

  const load = async (before: SearchPage['results'], cursor?: string) => {
    const { signal } = searching.current;
    setFound(shown => ({ ...shown, isSearching: true }));
    const options = { limit: PAGE_RESULTS, cursor };
    try {
      const page = await client.search(channel, query, options, { signal });
      if (signal.aborted) return;
      setFound({ ...page, query, channel, results: [...before, ...page.results], isSearching: false });
    } catch (error) {
      if (signal.aborted) return;
      const { message } = error as Error;
      const next = cursor !== undefined && { next: cursor }; // to try again
      setFound({ query, channel, results: before, isSearching: false, error: message, ...next });
    }
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: searches once for each query, whatever function does it
  useEffect(() => {
    if (query === '') return setFound(NOTHING);
    searching.current = new AbortController();
    const later = setTimeout(() => void load([]), PAUSE_MS);
    return () => {
      clearTimeout(later);
      searching.current.abort();
    };
  }, [client, channel, query]);

  const more = () => {
    if (found.next !== undefined && !found.isSearching) void load(found.results, found.next);
  };
  return [found, more];
}
