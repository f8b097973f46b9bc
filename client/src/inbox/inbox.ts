/**
 * An inbox as an app shows it, kept up to date. It does not depend on React, which only renders its store.
 *
 * @module
 */

import type { ChannelEvent, DurableEvent, InboxChannel } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import { Store } from '../store.js';
import {
  INBOX_LIMIT_MAX,
  type InboxEntry,
  type InboxPage,
  type InboxUpdate,
  type LastMessage,
  UNREAD_SHOWN_MAX,
} from '../wire.js';
import { updateOf } from './update-of.js';

/** How long the server may take until a page has what a log has, in milliseconds. It is seconds behind at most when all is well. */
const DIGESTED_MS = 3_000;

/** The state of an inbox, ready to be rendered. */
export interface InboxState {
  /** The conversations, the last active first. */
  conversations: readonly InboxEntry[];
  /** How many messages of these conversations the user has not read. A conversation counts for at most 100. */
  unread: number;
  /** Whether the first page is being loaded. */
  isLoading: boolean;
  /** Whether `loadMore` is loading a page. */
  isLoadingMore: boolean;
  /** Whether there are conversations after the last one in the list. */
  hasMore: boolean;
  /** Why the inbox cannot be shown; `null` if it can. */
  error: FunnelcastError | null;
}

const INITIAL: InboxState = {
  conversations: [],
  unread: 0,
  isLoading: true,
  isLoadingMore: false,
  hasMore: false,
  error: null,
};

/** Follows one inbox from {@link start} until the function that it returns is called. */
export class Inbox {
  readonly store = new Store(INITIAL);
  readonly #client: Client;
  readonly #channel: InboxChannel;
  readonly #pageSize: number;
  /** The `cursor` of the next page; absent if there is none. */
  #next: string | undefined;
  /** The time of the last update of each conversation: of two that cross, the later one counts. */
  readonly #updatedAt = new Map<string, string>();
  /** What came while a page was on its way, and may be newer than the page. */
  #pending: InboxUpdate[] = [];
  /** What the logs of joined conversations have told of them, which may be newer than any page. */
  readonly #heard = new Map<string, InboxUpdate>();
  /** Whether a page is on its way. */
  #isReading = false;
  /** Ends the requests. */
  #loading = new AbortController();
  #stopOwn: (() => void) | undefined;
  #cancelLook: (() => void) | undefined;

  constructor(client: Client, channel: InboxChannel, pageSize: number) {
    this.#client = client;
    this.#channel = channel;
    this.#pageSize = pageSize;
  }

  /** Starts to follow the inbox. */
  start(): () => void {
    const subscription = this.#client.subscribe(this.#channel, event => this.#onEvent(event), {
      onJoined: () => void this.#load(),
      onError: error => this.#update({ error, isLoading: false }),
    });
    const stopReading = this.#client.on('read', update => this.#apply(update));
    // A participant is told of a conversation on `user:{id}` unless the connection has joined it: then its own events tell.
    const isOwn = this.#channel.startsWith('user:');
    const stopHearing = isOwn ? this.#client.on('logged', event => this.#hear(event)) : undefined;
    return () => {
      subscription.unsubscribe();
      stopReading();
      stopHearing?.();
      this.#stopOwn?.();
      this.#stopOwn = undefined;
      this.#cancelLook?.();
      this.#loading.abort();
    };
  }

  /** Loads the next page. Does nothing while a page is being loaded, or if there is none. */
  readonly loadMore = async (): Promise<void> => {
    if (this.#isReading || this.#next === undefined) return;
    this.#update({ isLoadingMore: true });
    await this.#read(this.#next, () => this.store.get().conversations);
  };

  /** Loads the list anew, as far as it is shown, which stays as it is until then. */
  async #load(): Promise<void> {
    this.#loading.abort();
    this.#loading = new AbortController();
    this.#pending = [];
    const { conversations, isLoadingMore } = this.store.get();
    await this.#read(undefined, () => [], conversations.length + (isLoadingMore ? this.#pageSize : 0));
  }

  /** Reads a page, or pages until there are so many conversations, and puts them after those that are there. */
  async #read(cursor: string | undefined, before: () => readonly InboxEntry[], count = 0): Promise<void> {
    const { signal } = this.#loading;
    this.#isReading = true;
    try {
      const { conversations, next } = await this.#pages(cursor, count, signal);
      if (signal.aborted) return;
      this.#isReading = false;
      this.#followOwn();
      this.#next = next;
      const known = new Set(before().map(({ conversationId }) => conversationId));
      const fresh = conversations.filter(({ conversationId }) => !known.has(conversationId));
      this.#show([...before(), ...fresh], { isLoading: false, isLoadingMore: false, error: null });
      for (const { conversationId, n } of fresh) {
        const heard = this.#heard.get(conversationId);
        if (heard?.n !== undefined && heard.n > n) this.#apply(heard);
      }
      const pending = this.#pending;
      this.#pending = [];
      // A conversation that became active meanwhile may be missing.
      if (pending.map(update => this.#apply(update) || update.n === undefined).includes(false))
        void this.#load();
    } catch (error) {
      if (signal.aborted) return;
      this.#isReading = false;
      this.#update({ error: toError(error), isLoading: false, isLoadingMore: false });
    }
  }

  /** Reads from a cursor on until there are so many conversations, but at least a page, and no further than an empty one. */
  async #pages(cursor: string | undefined, count: number, signal: AbortSignal): Promise<InboxPage> {
    const read = new Map<string, InboxEntry>();
    for (let next = cursor; ; ) {
      const limit = Math.max(this.#pageSize, Math.min(count - read.size, INBOX_LIMIT_MAX));
      const query = { limit, ...(next !== undefined && { cursor: next }) };
      const page = await this.#client.inbox(this.#channel, query, { signal });
      // One that comes twice, because it has become active in between, has been read later the second time.
      for (const entry of page.conversations) read.set(entry.conversationId, entry);
      next = page.next;
      const isEnough = read.size >= count || page.conversations.length === 0;
      if (next === undefined || isEnough) return { conversations: [...read.values()], ...(next && { next }) };
    }
  }

  /** What the user reads on another device is told on their own channel, which an inbox of a company is not. */
  #followOwn(): void {
    const { user } = this.#client;
    if (this.#stopOwn || user === undefined || this.#channel.startsWith('user:')) return;
    const own = this.#client.subscribe(`user:${user}`, event => {
      if (event.event !== 'inbox.update') return;
      // What else it says, the list's own channel says in order.
      const { conversationId, readN } = event.data;
      if (readN !== undefined) this.#apply({ conversationId, readN });
    });
    this.#stopOwn = () => own.unsubscribe();
  }

  #onEvent(event: ChannelEvent<InboxChannel>): void {
    if (event.event !== 'inbox.update') return;
    const { conversationId, n } = event.data;
    if (n !== undefined) {
      if (event.at < (this.#updatedAt.get(conversationId) ?? '')) return;
      this.#updatedAt.set(conversationId, event.at);
    }
    const isKnown = this.#apply(event.data);
    // A conversation that is not in the list has become active: its participants are in the first page alone.
    if (!isKnown && n !== undefined && !this.#isReading) void this.#load();
  }

  /** Takes what an event of a conversation's own log means for the list. */
  #hear(event: DurableEvent): void {
    if (!event.channel.startsWith('conversation:')) return;
    const conversationId = event.channel.slice('conversation:'.length);
    const before = this.#heard.get(conversationId);
    const update = updateOf(conversationId, event, this.#lastOf(conversationId) ?? before?.last);
    if (!update) return;
    this.#heard.set(conversationId, { ...before, ...update });
    if (this.#apply(update) || before) return;
    // The page has it as soon as the server has taken the message into account.
    this.#cancelLook?.();
    this.#cancelLook = this.#client.environment.after(DIGESTED_MS, () => void this.#load());
  }

  #lastOf(conversationId: string): LastMessage | undefined {
    return this.store.get().conversations.find(entry => entry.conversationId === conversationId)?.last;
  }

  /** Applies an update to its conversation, and once more to the page that is on its way. Returns whether it is in the list. */
  #apply(update: InboxUpdate): boolean {
    if (this.#isReading) this.#pending.push(update);
    const { conversations } = this.store.get();
    const entry = conversations.find(({ conversationId }) => conversationId === update.conversationId);
    if (!entry) return false;
    const isNew = update.n !== undefined && update.n > entry.n;
    const updated = this.#updated(entry, update);
    const others = conversations.filter(other => other !== entry);
    if (isNew) this.#show([updated, ...others]);
    else this.#show(conversations.map(other => (other === entry ? updated : other)));
    return true;
  }

  #updated(entry: InboxEntry, { n, last, readN }: InboxUpdate): InboxEntry {
    if (n !== undefined && n < entry.n) return entry;
    const updated = { ...entry };
    if (n === undefined && last && last.seq === entry.last?.seq) updated.last = last;
    if (n !== undefined) {
      updated.n = n;
      delete updated.last;
      if (last) updated.last = last;
    }
    const { user } = this.#client;
    const isOwn = n !== undefined && user !== undefined && last?.from?.userId === user;
    updated.readN = Math.max(entry.readN, readN ?? 0, isOwn ? n : 0);
    updated.unread = Math.min(Math.max(updated.n - updated.readN, 0), UNREAD_SHOWN_MAX);
    return updated;
  }

  #show(conversations: readonly InboxEntry[], more: Partial<InboxState> = {}): void {
    const unread = conversations.reduce((sum, entry) => sum + entry.unread, 0);
    this.#update({ conversations, unread, hasMore: this.#next !== undefined, ...more });
  }

  #update(changes: Partial<InboxState>): void {
    this.store.set({ ...this.store.get(), ...changes });
  }
}
