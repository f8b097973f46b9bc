/**
 * The results of a search as an app shows them, page by page. It does not depend on React, which only renders its store.
 *
 * @module
 */

import type { ConversationChannel, InboxChannel } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import type { SearchPage } from '../options.js';
import { Store } from '../store.js';

/** How many pages without a result are passed over at once. */
const EMPTY_PAGES_MAX = 5;

/** The state of a search, ready to be rendered. */
export interface SearchState {
  /** The messages that were found: page after page, each with the best match first. */
  results: SearchPage['results'];
  /** Whether a page is being loaded. */
  isLoading: boolean;
  /** Whether there is more to search. */
  hasMore: boolean;
  /** Why the last page could not be loaded; `null` if it could. */
  error: FunnelcastError | null;
}

const INITIAL: SearchState = { results: [], isLoading: false, hasMore: false, error: null };

/** One search, from {@link start} until the function that it returns is called. */
export class SearchResults {
  readonly store = new Store(INITIAL);
  readonly #client: Client;
  readonly #channel: ConversationChannel | InboxChannel;
  readonly #query: string;
  readonly #pageSize: number;
  /** The `cursor` of the next page; absent if there is none. */
  #next: string | undefined;
  /** Ends the requests. */
  #loading = new AbortController();

  constructor(client: Client, channel: ConversationChannel | InboxChannel, query: string, pageSize: number) {
    this.#client = client;
    this.#channel = channel;
    this.#query = query;
    this.#pageSize = pageSize;
  }

  /** Loads the first page, unless the query is blank. */
  start(): () => void {
    this.#loading = new AbortController();
    this.#next = undefined;
    this.store.set(INITIAL);
    if (this.#query.trim() !== '') void this.#read(undefined);
    return () => this.#loading.abort();
  }

  /** Loads the next page. Does nothing while a page is being loaded, or if there is none. */
  readonly loadMore = async (): Promise<void> => {
    if (!this.store.get().isLoading && this.#next !== undefined) await this.#read(this.#next);
  };

  async #read(from: string | undefined): Promise<void> {
    const { signal } = this.#loading;
    this.#update({ isLoading: true });
    try {
      for (let cursor = from, pages = 1; ; pages++) {
        const query = { limit: this.#pageSize, ...(cursor !== undefined && { cursor }) };
        const page = await this.#client.search(this.#channel, this.#query, query, { signal });
        if (signal.aborted) return;
        cursor = page.next;
        this.#next = cursor;
        if (page.results.length === 0 && cursor !== undefined && pages < EMPTY_PAGES_MAX) continue;
        const results = [...this.store.get().results, ...page.results];
        this.store.set({ results, isLoading: false, hasMore: cursor !== undefined, error: null });
        return;
      }
    } catch (error) {
      if (!signal.aborted) this.#update({ error: toError(error), isLoading: false });
    }
  }

  #update(state: Partial<SearchState>): void {
    this.store.set({ ...this.store.get(), ...state });
  }
}
