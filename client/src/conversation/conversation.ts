/**
 * A conversation as an app shows it, kept up to date. It does not depend on React, which only renders its store.
 *
 * @module
 */

import type { ChannelEvent, ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { type FunnelcastError, invalid, toError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { watchMute } from '../mute.js';
import { NOBODY, type PresenceState, watchPresence } from '../presence.js';
import { Store } from '../store.js';
import { typingNotice, watchTyping } from '../typing.js';
import type { AccessRevoked, Mute, TypingIndicator } from '../wire.js';
import { isChange } from './changes.js';
import { type Drafts, draftsOf, type SendMessageOptions } from './drafts.js';
import { isMessage, LogReader } from './log-reader.js';
import { type ConversationMessage, type Messages, withQuotesOf } from './messages.js';
import { type OwnChanges, ownChangesOf } from './own-changes.js';

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
  /** Why and until when the user may not send; `null` if they may. What they send all the same fails with the code `muted`. */
  mute: Mute | null;
  /** Why the user has been removed, for example by a ban, until they join the conversation again; `null` if they have not been. */
  removed: AccessRevoked | null;
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
  mute: null,
  removed: null,
  error: null,
};

/** Follows one conversation from {@link start} until the function that it returns is called. */
export class Conversation {
  readonly store: Store<ConversationState>;
  /** Reports whether the user is typing. Call it on every key press. */
  readonly sendTyping: (isTyping: boolean) => void;
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #log: LogReader;
  readonly #drafts: Drafts;
  readonly #changes: OwnChanges;
  /** Up to where the log has come, or been passed over when it was joined; absent until that is known. */
  #place: number | undefined;

  constructor(client: Client, id: string, pageSize: number) {
    this.#client = client;
    this.#channel = `conversation:${id}`;
    this.#log = new LogReader(client, this.#channel, pageSize, () => this.#onRead());
    this.#drafts = draftsOf(client, this.#channel);
    this.#changes = ownChangesOf(client, this.#channel);
    this.store = new Store({ ...INITIAL, messages: this.#drafts.store.get() });
    this.sendTyping = typingNotice(client, this.#channel);
  }

  /** Starts to follow the conversation. A user without access of their own needs a grant. */
  start(grant?: SubscribeOptions['grant']): () => void {
    this.#begin(); // the drafts may have changed since the first rendering
    this.#update({ typing: [], presence: NOBODY, mute: null }); // what is so now, the watchers below will tell
    const subscription = this.#client.subscribe(this.#channel, event => this.#onEvent(event), {
      ...(grant && { grant }),
      onJoined: ({ head }) => {
        this.#place = Math.max(this.#place ?? 0, head);
        const { isBlank } = this.#log;
        this.#update({ removed: null, error: null, isLoading: isBlank });
        void (isBlank ? this.#load() : this.#log.refreshReceipts());
      },
      onLost: () => {
        this.#begin();
        void this.#load();
      },
      onError: error => this.#update({ error, isLoading: false }),
    });
    const stops = [
      watchTyping(this.#client, this.#channel, typing => this.#onTyping(typing)),
      watchPresence(this.#client, this.#channel, presence => this.#update({ presence })),
      watchMute(this.#client, this.#channel, mute => this.#update({ mute })),
      this.#drafts.onAcknowledged(message => this.#onAcknowledged(message)),
      this.#drafts.store.subscribe(() => this.#show()),
      this.#changes.store.subscribe(() => this.#show()),
    ];
    return () => {
      subscription.unsubscribe();
      this.#log.end();
      for (const stop of stops) stop();
    };
  }

  /**
   * Shows a message at once, and sends it. If the server rejects the message, it stays in the list as `failed`, and can be
   * sent again with {@link retry}.
   *
   * @example
   * ```tsx
   * const { messages, send } = useConversation('conv-123');
   * const reply = () => send('Yes, at noon.', { replyTo: messages.at(-1), mentions: ['user_2'] });
   * return <button onClick={reply}>Yes</button>;
   * ```
   */
  readonly send = (content: string, options: SendMessageOptions = {}): Promise<void> => {
    const sending = this.#drafts.send(content, options);
    this.sendTyping(false);
    return sending;
  };

  /** Sends a failed message again, with the same key. If it has arrived after all, it is not duplicated. */
  readonly retry = (key: string): Promise<void> => this.#drafts.retry(key);

  /** Removes a failed message from the list, or the error of a change that has failed from its message. */
  readonly discard = (key: string): void => {
    this.#drafts.discard(key);
    const message = this.#log.timeline.messages.find(one => one.key === key);
    if (message?.seq !== undefined) this.#changes.forgive(message.seq);
  };

  /**
   * Gives a message of the user a new text, which is shown at once. If the server rejects that, the message has its old text
   * again, with `change: 'failed'` and the `error`.
   *
   * @param metadata - new data of the app; without it, the message keeps what it has
   * @returns whether the server has accepted it
   *
   * @example
   * ```tsx
   * const { messages, edit } = useConversation('conv-123');
   * return messages.map(message => (
   *   <button key={message.key} onClick={() => edit(message, 'At one.')}>
   *     {message.content} {message.change === 'failed' && message.error?.message}
   *   </button>
   * ));
   * ```
   */
  readonly edit = (
    message: ConversationMessage,
    content: string,
    metadata?: Record<string, unknown>,
  ): Promise<boolean> =>
    this.#change(message, target => ({
      event: 'chat.edit',
      data: { target, content, ...(metadata && { metadata }) },
    }));

  /**
   * Deletes a message for everybody. Its author and the team of the company may do so. It stays in the list without content,
   * with its time as `deletedAt`, as soon as the server has deleted it, and until then has `change: 'sending'`.
   *
   * @returns whether the server has deleted it; if not, the message has `change: 'failed'` and the `error`
   */
  readonly remove = (message: ConversationMessage): Promise<boolean> =>
    this.#change(message, target => ({ event: 'chat.delete', data: { target } }));

  /**
   * Adds the user's reaction to a message, or takes it back. That is shown at once, and undone if the server rejects it; the
   * message then has `change: 'failed'` and the `error`.
   *
   * @param on - whether the user reacts with this emoji from now on
   * @returns whether the server has accepted it
   *
   * @example
   * ```tsx
   * const client = useClient();
   * const { messages, react } = useConversation('conv-123');
   * return messages.map(message => {
   *   const { count = 0, users = [] } = message.reactions?.find(({ emoji }) => emoji === '👍') ?? {};
   *   const isOn = users.includes(client.user ?? '');
   *   return (
   *     <button key={message.key} aria-pressed={isOn} onClick={() => react(message, '👍', !isOn)}>
   *       👍 {count}
   *     </button>
   *   );
   * });
   * ```
   */
  readonly react = (message: ConversationMessage, emoji: string, on: boolean): Promise<boolean> =>
    this.#change(message, target => ({ event: 'chat.reaction', data: { target, emoji, on } }));

  /** Loads the page before the first message. */
  readonly loadOlder = async (): Promise<void> => {
    const { before } = this.#log;
    if (this.store.get().isLoadingOlder || before === undefined) return;
    this.#update({ isLoadingOlder: true });
    await this.#load(before);
    this.#update({ isLoadingOlder: false });
  };

  /** Marks all messages in the list as read. */
  readonly markAsRead = async (): Promise<void> => {
    const last = this.#log.timeline.messages.at(-1);
    if (last?.seq !== undefined) await this.#client.ack(this.#channel, last.seq, 'read');
  };

  async #change(
    { seq }: ConversationMessage,
    draft: (target: number) => Parameters<OwnChanges['send']>[0],
  ): Promise<boolean> {
    if (seq === undefined) throw invalid('message', 'must be one that the server has');
    return this.#changes.send(draft(seq));
  }

  /** Begins anew: what is read from the log from now on need not continue what was shown. */
  #begin(): void {
    this.#log.begin();
    this.#place = undefined;
    this.#changes.settle(Number.POSITIVE_INFINITY); // a page will have them
    this.#update({ isLoading: true, hasOlder: false });
    this.#show();
  }

  /** Loads the last page, or the one before a place. */
  async #load(before?: number): Promise<void> {
    try {
      const isLoaded = await this.#log.load(before);
      if (isLoaded) this.#update({ error: null, isLoading: false, hasOlder: this.#log.before !== undefined });
    } catch (thrown) {
      this.#update({ error: toError(thrown), isLoading: false });
    }
  }

  #onEvent(event: ChannelEvent<ConversationChannel>): void {
    const { timeline } = this.#log;
    if (event.seq !== undefined) this.#place = event.seq;
    if (isMessage(event)) {
      timeline.add(this.#log.toMessage(event));
      return this.#onRead();
    }
    if (isChange(event)) timeline.change(event);
    else if (event.event === 'chat.receipt') timeline.receipt(event.data);
    else if (event.event === 'access.revoked') return this.#update({ removed: event.data });
    else return;
    this.#show();
  }

  /** Shows an own message that the server has: before its turn if earlier events are missing, or long after it. */
  #onAcknowledged(message: ConversationMessage): void {
    const { timeline } = this.#log;
    const isAhead = this.#place !== undefined && (message.seq ?? 0) > this.#place;
    if (isAhead) timeline.add(message);
    else timeline.addUnclear(message);
    this.#onRead();
  }

  /** Shows what was read, without the drafts that are in it. */
  #onRead(): void {
    this.#drafts.remove(new Set(this.#log.timeline.messages.map(({ key }) => key)));
    this.#show();
  }

  /** Shows the messages of the log in its order, with the user's changes, followed by the drafts. */
  #show(): void {
    const { timeline } = this.#log;
    this.#changes.settle(this.#place ?? 0);
    const logged = this.#changes.appliedTo(timeline.messages);
    const keys = new Set(logged.map(({ key }) => key));
    const drafts = this.#drafts.store.get().filter(({ key }) => !keys.has(key));
    this.#update({ messages: [...logged, ...withQuotesOf(drafts, logged)] });
    void this.#log.refreshUnclear();
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
