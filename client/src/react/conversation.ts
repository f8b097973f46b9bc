/**
 * A conversation as an app shows it, kept up to date. It does not depend on React, which only renders its store.
 *
 * @module
 */

import type { ChannelEvent, ConversationChannel, EventOf } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, toError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { NOBODY, type PresenceState, watchPresence } from '../presence.js';
import { typingNotice, watchTyping } from '../typing.js';
import type { TypingIndicator } from '../wire.js';
import { type Drafts, draftsOf } from './drafts.js';
import { type ConversationMessage, fromEvent, type Messages, withLogged, withReceipt } from './messages.js';
import { Store } from './store.js';

/** The state of a conversation, ready to be rendered. */
export interface ConversationState {
  /** The messages in the order of the log, followed by those that the server does not have yet. */
  messages: Messages;
  /** Whether the first page is being loaded. */
  isLoading: boolean;
  /** Whether `loadOlder` is loading a page. */
  isLoadingOlder: boolean;
  /** Whether there are messages before the first one in the list. */
  hasOlder: boolean;
  /** The other users who are typing. */
  typing: readonly TypingIndicator[];
  /** The users in the conversation. */
  presence: PresenceState;
  /** Why the conversation cannot be shown; `null` if it can. */
  error: FunnelcastError | null;
}

const INITIAL: ConversationState = {
  messages: [],
  isLoading: true,
  isLoadingOlder: false,
  hasOlder: false,
  typing: [],
  presence: NOBODY,
  error: null,
};

/** Follows one conversation from {@link start} until the function that it returns is called. */
export class Conversation {
  readonly store: Store<ConversationState>;
  /** Reports whether the user is typing. Call it on every key press. */
  readonly sendTyping: (isTyping: boolean) => void;
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #pageSize: number;
  readonly #drafts: Drafts;
  /** The messages of the log. */
  #logged: Messages = [];
  /** Whether no page has been loaded, so that the next one tells whether there are older messages. */
  #isBlank = true;
  /** The `before` of the next older page. */
  #before: number | undefined;

  constructor(client: Client, id: string, pageSize: number) {
    this.#client = client;
    this.#channel = `conversation:${id}`;
    this.#pageSize = pageSize;
    this.#drafts = draftsOf(client, this.#channel);
    this.store = new Store({ ...INITIAL, messages: this.#drafts.store.get() });
    this.sendTyping = typingNotice(client, this.#channel);
  }

  /** Starts to follow the conversation. A user without access of their own needs a grant. */
  start(grant?: SubscribeOptions['grant']): () => void {
    const subscription = this.#client.subscribe(this.#channel, event => this.#onEvent(event), {
      ...(grant && { grant }),
      onJoined: () => void this.#load(),
      onLost: () => {
        this.#isBlank = true;
        this.#show([]);
        void this.#load();
      },
      onError: error => this.#update({ error, isLoading: false }),
    });
    const stopTyping = watchTyping(this.#client, this.#channel, typing => this.#onTyping(typing));
    const stopPresence = watchPresence(this.#client, this.#channel, presence => this.#update({ presence }));
    const stopAcknowledged = this.#drafts.onAcknowledged(message => this.#add([message]));
    const stopDrafts = this.#drafts.store.subscribe(() => this.#show());
    this.#show(); // the drafts may have changed since the first rendering
    return () => {
      subscription.unsubscribe();
      stopAcknowledged();
      stopDrafts();
      stopTyping();
      stopPresence();
    };
  }

  /**
   * Shows a message at once, and sends it. If the server rejects the message, it stays in the list as `failed`, and can be
   * sent again with {@link retry}.
   */
  readonly send = (content: string, metadata?: Record<string, unknown>): Promise<void> => {
    const sending = this.#drafts.send(content, metadata);
    this.sendTyping(false);
    return sending;
  };

  /** Sends a failed message again, with the same key. If it has arrived after all, it is not duplicated. */
  readonly retry = (key: string): Promise<void> => this.#drafts.retry(key);

  /** Removes a failed message from the list. */
  readonly discard = (key: string): void => this.#drafts.discard(key);

  /** Loads the page before the first message. */
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

  /** Marks all messages in the list as read. */
  readonly markAsRead = async (): Promise<void> => {
    const last = this.#logged.at(-1);
    if (last?.seq !== undefined) await this.#client.ack(this.#channel, last.seq, 'read');
  };

  /** Loads the last page, also after each reconnection, because others may have read messages in the meantime. */
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
    // The last page tells what precedes the list only if the list begins with that page.
    if (before !== undefined || this.#isBlank) {
      this.#isBlank = false;
      this.#before = next;
      this.#update({ hasOlder: more });
    }
    this.#add(events.filter(isMessage).map(event => this.#toMessage(event)));
  }

  #onEvent(event: ChannelEvent<ConversationChannel>): void {
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

  /** Shows the messages of the log in its order, followed by the drafts. */
  #show(logged = this.#logged): void {
    this.#logged = logged;
    const keys = new Set(logged.map(({ key }) => key));
    const drafts = this.#drafts.store.get().filter(({ key }) => !keys.has(key));
    this.#update({ messages: [...logged, ...drafts] });
  }

  #onTyping(typing: TypingIndicator): void {
    if (typing.userId === this.#client.user) return; // on another device
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
