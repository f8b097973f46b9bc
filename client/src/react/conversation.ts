/**
 * A conversation as an app shows it, kept up to date. Without React, which only looks at its store.
 *
 * @module
 */

import type { ChannelEvent, ConversationChannel, EventOf } from '../channels.js';
import { type Client, newKey } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import { NOBODY, type PresenceState, watchPresence } from '../presence.js';
import type { SubscribeOptions } from '../subscription.js';
import { typingNotice, watchTyping } from '../typing.js';
import type { ChatDraft, TypingIndicator } from '../wire.js';
import {
  type Messages,
  onItsWay,
  withDraft,
  withEvents,
  without,
  withReceipt,
  withStatus,
} from './messages.js';
import { Store } from './store.js';

/** What there is to show. */
export interface ConversationState {
  /** In the order of the log, and then what is on its way. */
  messages: Messages;
  /** Whether the first page is still to come. */
  isLoading: boolean;
  /** Whether `loadOlder` is at work. */
  isLoadingOlder: boolean;
  /** Whether there are messages before the first one here. */
  hasOlder: boolean;
  /** The others who type now. */
  typing: readonly TypingIndicator[];
  presence: PresenceState;
  /** Why the conversation cannot be shown; `null` where it can. */
  error: FunnelcastError | null;
}

const EMPTY: ConversationState = {
  messages: [],
  isLoading: true,
  isLoadingOlder: false,
  hasOlder: false,
  typing: [],
  presence: NOBODY,
  error: null,
};

/** Follows one conversation between {@link start} and what that returns. */
export class Conversation {
  readonly store = new Store(EMPTY);
  /** Says that we type, or have stopped. */
  readonly sendTyping: (isTyping: boolean) => void;
  readonly #client: Client;
  readonly #id: string;
  readonly #channel: ConversationChannel;
  readonly #pageSize: number;
  /** Where `loadOlder` goes on. */
  #before: number | undefined;
  #drafts = new Map<string, ChatDraft>();

  constructor(client: Client, id: string, pageSize: number) {
    this.#client = client;
    this.#id = id;
    this.#channel = `conversation:${id}`;
    this.#pageSize = pageSize;
    this.sendTyping = typingNotice(client, this.#channel);
  }

  /** Begins to follow; with a grant, where it is not the user's own to be here. */
  start(grant?: SubscribeOptions['grant']): () => void {
    const subscription = this.#client.subscribe(this.#channel, event => this.#hear(event), {
      ...(grant && { grant }),
      onJoined: () => void this.#load(),
      onLost: () => {
        this.#update({ messages: onItsWay(this.store.get().messages) });
        void this.#load();
      },
      onError: error => this.#update({ error, isLoading: false }),
    });
    const stopTyping = watchTyping(this.#client, this.#channel, typing => this.#hearTyping(typing));
    const stopPresence = watchPresence(this.#client, this.#channel, presence => this.#update({ presence }));
    return () => {
      subscription.unsubscribe();
      stopTyping();
      stopPresence();
    };
  }

  /**
   * Shows a message at once, and sends it. It stays in the list as `failed` if the server refuses it, and can be sent
   * again by {@link retry}.
   */
  readonly send = async (content: string, metadata?: Record<string, unknown>): Promise<void> => {
    const key = newKey();
    const draft: ChatDraft = { content, ...(metadata && { metadata }) };
    this.#drafts.set(key, draft);
    const { messages } = this.store.get();
    this.#update({ messages: withDraft(messages, key, this.#id, draft, this.#client.user) });
    this.sendTyping(false);
    await this.#deliver(key, draft);
  };

  /** Sends a message that has failed once more, with the same key: if it did arrive after all, it is there once. */
  readonly retry = async (key: string): Promise<void> => {
    const draft = this.#drafts.get(key);
    if (!draft) return;
    this.#update({ messages: withStatus(this.store.get().messages, key, 'sending') });
    await this.#deliver(key, draft);
  };

  /** Takes a message that has failed off the list. */
  readonly discard = (key: string): void => {
    this.#drafts.delete(key);
    this.#update({ messages: without(this.store.get().messages, key) });
  };

  /** Puts the page before the first message in front of it. */
  readonly loadOlder = async (): Promise<void> => {
    const { isLoadingOlder, hasOlder } = this.store.get();
    if (isLoadingOlder || !hasOlder || this.#before === undefined) return;
    this.#update({ isLoadingOlder: true });
    try {
      await this.#loadPage(this.#before);
    } catch (thrown) {
      this.#update({ error: toError(thrown) });
    } finally {
      this.#update({ isLoadingOlder: false });
    }
  };

  /** Says that all that is shown has been read. */
  readonly markAsRead = async (): Promise<void> => {
    const last = this.store
      .get()
      .messages.filter(({ status }) => status === 'sent')
      .at(-1);
    if (last?.seq !== undefined) await this.#client.ack(this.#channel, last.seq, 'read');
  };

  async #deliver(key: string, draft: ChatDraft): Promise<void> {
    try {
      await this.#client.send(this.#channel, 'chat.message', draft, { key }); // it comes as an event, too
      this.#drafts.delete(key);
    } catch (thrown) {
      this.#update({ messages: withStatus(this.store.get().messages, key, 'failed', toError(thrown)) });
    }
  }

  /** Loads the last page: at first, and after each reconnection, since what others have read may have changed. */
  async #load(): Promise<void> {
    try {
      await this.#loadPage(undefined);
      this.#update({ error: null });
    } catch (thrown) {
      this.#update({ error: toError(thrown) });
    } finally {
      this.#update({ isLoading: false });
    }
  }

  async #loadPage(before: number | undefined): Promise<void> {
    const query = { limit: this.#pageSize, ...(before !== undefined && { before }) };
    const { events, more, next } = await this.#client.history(this.#channel, query);
    const said = events.filter((event): event is EventOf<'chat.message'> => event.event === 'chat.message');
    const { messages, hasOlder, isLoading } = this.store.get();
    // The last page says what is before the list only where the list begins with it.
    const isFirstPage = before !== undefined || isLoading || messages.every(({ seq }) => seq === undefined);
    if (isFirstPage) this.#before = next;
    this.#update({ messages: withEvents(messages, said), hasOlder: isFirstPage ? more : hasOlder });
  }

  #hear(event: ChannelEvent<ConversationChannel>): void {
    const { messages } = this.store.get();
    if (event.event === 'chat.message') this.#update({ messages: withEvents(messages, [event]) });
    else if (event.event === 'chat.receipt') this.#update({ messages: withReceipt(messages, event.data) });
  }

  #hearTyping(typing: TypingIndicator): void {
    if (typing.userId === this.#client.user) return; // another device of ours
    const others = this.store.get().typing.filter(({ userId }) => userId !== typing.userId);
    this.#update({ typing: typing.isTyping ? [...others, typing] : others });
  }

  #update(change: Partial<ConversationState>): void {
    this.store.set({ ...this.store.get(), ...change });
  }
}
