/**
 * A conversation as an app shows it, kept up to date. Without React, which only looks at its store.
 *
 * @module
 */

import type { ChannelEvent, ConversationChannel, EventOf } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import { NOBODY, type PresenceState, watchPresence } from '../presence.js';
import type { SubscribeOptions } from '../subscription.js';
import { typingNotice, watchTyping } from '../typing.js';
import type { TypingIndicator } from '../wire.js';
import { type Drafts, draftsOf } from './drafts.js';
import { type ConversationMessage, fromEvent, type Messages, withLogged, withReceipt } from './messages.js';
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
  readonly store: Store<ConversationState>;
  /** Says that we type, or have stopped. */
  readonly sendTyping: (isTyping: boolean) => void;
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #pageSize: number;
  readonly #drafts: Drafts;
  /** What the log has. */
  #logged: Messages = [];
  /** Whether no page is there yet, so that the next one says what is before the first message. */
  #isBlank = true;
  /** Where `loadOlder` goes on. */
  #before: number | undefined;

  constructor(client: Client, id: string, pageSize: number) {
    this.#client = client;
    this.#channel = `conversation:${id}`;
    this.#pageSize = pageSize;
    this.#drafts = draftsOf(client, this.#channel);
    this.store = new Store({ ...EMPTY, messages: this.#drafts.store.get() });
    this.sendTyping = typingNotice(client, this.#channel);
  }

  /** Begins to follow; with a grant, where it is not the user's own to be here. */
  start(grant?: SubscribeOptions['grant']): () => void {
    const subscription = this.#client.subscribe(this.#channel, event => this.#hear(event), {
      ...(grant && { grant }),
      onJoined: () => void this.#load(),
      onLost: () => {
        this.#isBlank = true;
        this.#show([]);
        void this.#load();
      },
      onError: error => this.#update({ error, isLoading: false }),
    });
    const stopTyping = watchTyping(this.#client, this.#channel, typing => this.#hearTyping(typing));
    const stopPresence = watchPresence(this.#client, this.#channel, presence => this.#update({ presence }));
    const stopKept = this.#drafts.onKept(message => this.#add([message]));
    const stopDrafts = this.#drafts.store.subscribe(() => this.#show());
    this.#show(); // they may have changed since the first rendering
    return () => {
      subscription.unsubscribe();
      stopKept();
      stopDrafts();
      stopTyping();
      stopPresence();
    };
  }

  /**
   * Shows a message at once, and sends it. It stays in the list as `failed` if the server refuses it, and can be sent
   * again by {@link retry}.
   */
  readonly send = (content: string, metadata?: Record<string, unknown>): Promise<void> => {
    const sending = this.#drafts.send(content, metadata);
    this.sendTyping(false);
    return sending;
  };

  /** Sends a message that has failed once more, with the same key: if it did arrive after all, it is there once. */
  readonly retry = (key: string): Promise<void> => this.#drafts.retry(key);

  /** Takes a message that has failed off the list. */
  readonly discard = (key: string): void => this.#drafts.discard(key);

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
    const last = this.#logged.at(-1);
    if (last?.seq !== undefined) await this.#client.ack(this.#channel, last.seq, 'read');
  };

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
    // The last page says what is before the list only where the list begins with it.
    if (before !== undefined || this.#isBlank) {
      this.#isBlank = false;
      this.#before = next;
      this.#update({ hasOlder: more });
    }
    this.#add(events.filter(isMessage).map(event => this.#toMessage(event)));
  }

  #hear(event: ChannelEvent<ConversationChannel>): void {
    if (isMessage(event)) this.#add([this.#toMessage(event)]);
    else if (event.event === 'chat.receipt') this.#show(withReceipt(this.#logged, event.data));
  }

  #toMessage(event: EventOf<'chat.message'>): ConversationMessage {
    return fromEvent(event, this.#client.renderKey(event));
  }

  #add(messages: readonly ConversationMessage[]): void {
    this.#show(withLogged(this.#logged, messages));
    this.#drafts.remove(new Set(messages.map(({ key }) => key)));
  }

  /** Shows what the log has, in its order, and then what the user has said and the log does not have yet. */
  #show(logged = this.#logged): void {
    this.#logged = logged;
    const keys = new Set(logged.map(({ key }) => key));
    const drafts = this.#drafts.store.get().filter(({ key }) => !keys.has(key));
    this.#update({ messages: [...logged, ...drafts] });
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

function isMessage(event: ChannelEvent<ConversationChannel>): event is EventOf<'chat.message'> {
  return event.event === 'chat.message';
}
