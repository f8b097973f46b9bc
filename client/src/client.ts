/**
 * The client: what an app calls. The work is done by its parts.
 *
 * A message goes from {@link Client.send} to `sending/send-queue.ts`, which keeps it until it is acknowledged, to
 * `sending/requests.ts`, which waits for a link with the channel joined, and to `connection/socket.ts`. An event goes from
 * the socket to `feed/feed.ts`, which puts it in order, to `feed/cursor.ts`, which calls the handler.
 *
 * @module
 */

import {
  type Channel,
  type ChannelEvent,
  type ConversationChannel,
  type DraftOf,
  type InboxChannel,
  isDurable,
  type KindOf,
  type PresenceChannel,
  type SendChannel,
} from './channels.js';
import type { ClientEvents, State } from './client-events.js';
import { check, encodeDraft } from './connection/encode.js';
import type { HttpApi, Loose } from './connection/link.js';
import { defaultEnvironment, type Environment } from './environment.js';
import { closed, type FunnelcastError } from './errors.js';
import { type SubscribeOptions, type Subscription, subscribe } from './feed/feeds.js';
import type {
  CallOptions,
  ClientOptions,
  DrainOptions,
  HistoryPage,
  HistoryQuery,
  InboxQuery,
  SearchPage,
  SearchQuery,
  SendOptions,
} from './options.js';
import { makeParts, type Parts } from './parts.js';
import { type Keyed, type Message, newKey } from './sending/own-messages.js';
import type { Requests } from './sending/requests.js';
import type { Undelivered } from './sending/send-queue.js';
import type {
  ChannelDrafts,
  InboxPage,
  ReceiptState,
  Roster,
  SendFields,
  Sent,
  UserReceipts,
} from './wire.js';

/** How long {@link Client.drain} waits by default. */
const DRAIN_TIMEOUT_MS = 10_000;

/** A client. Make one with {@link createClient}. */
export class Client {
  /** The environment, including what the options have replaced. */
  readonly environment: Environment;
  readonly #parts: Parts;
  #draining: { undelivered: Promise<Undelivered[]>; cancelled: AbortController } | undefined;

  /** Use {@link createClient}. */
  constructor(options: ClientOptions) {
    this.environment = { ...defaultEnvironment, ...options.environment };
    this.#parts = makeParts(this.environment, options);
  }

  /** The state of the connection. */
  get state(): State {
    return this.#parts.connection.state;
  }

  /**
   * Whether messages can be sent and received: a socket is open, or the client polls and the server answers. The event
   * `connected` reports changes.
   */
  get isConnected(): boolean {
    return this.#parts.connectivity.isConnected;
  }

  /** The last error of the connection; `undefined` while it is up. */
  get error(): FunnelcastError | undefined {
    return this.#parts.connection.error;
  }

  /** The id of the user, as the server knows them. Available shortly after the first connection is up. */
  get user(): string | undefined {
    return this.#parts.connection.user;
  }

  /**
   * The stack's HTTP API, if the option `http` is set.
   *
   * @internal
   */
  get http(): HttpApi | undefined {
    return this.#parts.http;
  }

  /**
   * Makes the requests of the imports that not every app pays for.
   *
   * @internal
   */
  get requests(): Requests {
    return this.#parts.requests;
  }

  /** Connects, and stays connected until {@link close}. Does nothing if the client is already connecting or connected. */
  connect(): void {
    this.#cancelDrain();
    this.#parts.connection.connect();
  }

  /** Replaces the connection by a new one at once. Nothing is lost. */
  reconnect(): void {
    this.#cancelDrain();
    this.#parts.connection.reconnect();
  }

  /**
   * Disconnects. Messages without an acknowledgement fail with `closed`. Subscriptions stay, and continue where they were
   * after the next {@link connect}.
   */
  close(reason?: string): void {
    this.#parts.connection.close(closed(reason));
  }

  /**
   * Delivers the messages in the send queue, then closes the client. {@link connect} cancels that. Closes at once if the
   * queue is empty.
   *
   * @returns the messages that failed in the meantime, including those for which the time was too short; never rejects
   */
  drain({ timeoutMs = DRAIN_TIMEOUT_MS, reason }: DrainOptions = {}): Promise<Undelivered[]> {
    if (this.#draining) return this.#draining.undelivered;
    const cancelled = new AbortController();
    const isDown = this.state === 'idle' || this.state === 'closed';
    const undelivered = this.#parts.queue.drain(
      this.environment,
      isDown ? 0 : timeoutMs,
      cancelled.signal,
      () => {
        this.#draining = undefined;
        this.close(reason);
      },
    );
    if (this.state !== 'closed') this.#draining = { undelivered, cancelled };
    return undelivered;
  }

  /**
   * A key for rendering an event, unique in its channel whatever keys other users choose. For a message that this client has
   * sent it is the `key` of the {@link send}; for other events it is made from the seq. A draft that is rendered by its own
   * `key` thus keeps that key when its event arrives.
   */
  renderKey(event: Keyed): string {
    return this.#parts.queue.renderKey(event);
  }

  /** Listens to the client itself. The returned function ends that. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#parts.emitter.on(name, listener);
  }

  /**
   * Subscribes to a channel. The handler gets durable events exactly once and in order, whatever the network does, including
   * those that this client has caused. It gets events from now on; on channels that keep a latest value of each key, those
   * values come first. Use {@link history} for earlier events.
   *
   * @example
   * ```ts
   * const subscription = client.subscribe('conversation:conv-123', event => {
   *   if (event.event === 'chat.message') show(event.data.content);
   * });
   * const { head } = await subscription.joined;
   * ```
   */
  subscribe<C extends Channel>(
    channel: C,
    handler: (event: ChannelEvent<C>) => void,
    options: SubscribeOptions = {},
  ): Subscription<C> {
    return subscribe(this.#parts.feeds, channel, handler, options, feed => this.#parts.memberships.add(feed));
  }

  /**
   * Publishes an event in a conversation or a room.
   *
   * A `chat.message`, a change of one (`chat.edit`, `chat.delete`, `chat.reaction`) or an `app.event` stays in the send queue
   * until the server has acknowledged it, over any number of connections, and is added to the log once. All other events are
   * ephemeral, and fail with `disconnected` if there is no connection.
   * The status of a `presence.update` belongs to the connection: while the channel is in use, it is sent again on each new
   * one.
   *
   * @returns the acknowledgement of the server: for what is added to the log, its place there, and its `data` as others
   * receive it
   * @throws {@link FunnelcastError} with the code of the server, or `closed`, `outbox_full` or `disconnected`
   *
   * @example
   * ```ts
   * const { seq } = await client.send('conversation:conv-123', 'chat.message', { content: 'Hello!' });
   * if (seq !== undefined) await client.send('conversation:conv-123', 'chat.edit', { target: seq, content: 'Hello, Bob!' });
   * await client.send('room:lobby', 'app.event', { name: 'poll.vote', payload: { option: 2 } });
   * ```
   */
  async send<C extends SendChannel, Name extends ChannelDrafts[KindOf<C>]>(
    channel: C,
    event: Name,
    data: Loose<DraftOf<Name>>,
    options: SendOptions = {},
  ): Promise<Sent> {
    options.signal?.throwIfAborted();
    const fields: SendFields = { channel, event, data: encodeDraft(event, data) };
    if (!isDurable(event)) return this.#parts.requests.publish(fields, options.signal);
    const message = { ...fields, key: options.key ?? newKey() } as Message;
    check('send', { ...message, base: Number.MAX_SAFE_INTEGER });
    return this.#parts.queue.send(message, options);
  }

  /** Acknowledges all events up to `seq` as delivered or read; returns the seq that the server has recorded. */
  async ack(channel: ConversationChannel, seq: number, state: ReceiptState, { signal }: CallOptions = {}) {
    const acked = await this.#parts.requests.request('ack', channel, { channel, seq, state }, signal);
    const { readN } = acked;
    if (readN !== undefined) this.#parts.emitter.emit('read', { conversationId: idOf(channel), readN });
    return acked.seq;
  }

  /** Reads a page of an inbox: of the user's own, or of a company for its team. `Inbox` and `useInbox` follow it. */
  inbox(
    channel: InboxChannel,
    { limit = 50, cursor }: InboxQuery = {},
    { signal }: CallOptions = {},
  ): Promise<InboxPage> {
    return this.#parts.requests.request('inbox', channel, { ...scope(channel), limit, cursor }, signal);
  }

  /** Reads a page of a channel's log. */
  async history<C extends Channel>(
    channel: C,
    { limit = 50, ...query }: HistoryQuery = {},
    { signal }: CallOptions = {},
  ): Promise<HistoryPage<C>> {
    return (await this.#parts.requests.request(
      'history',
      channel,
      { channel, limit, ...query },
      signal,
    )) as HistoryPage<C>;
  }

  /** Searches a conversation, or all conversations of an inbox. See {@link SearchQuery}. */
  search(
    channel: ConversationChannel | InboxChannel,
    query: string,
    { limit = 20, cursor }: SearchQuery = {},
    { signal }: CallOptions = {},
  ): Promise<SearchPage> {
    const fields = { ...scope(channel), query, limit, cursor };
    return this.#parts.requests.request('search', channel, fields, signal) as Promise<SearchPage>;
  }

  /** Reads up to where each participant of a conversation has received and read it. */
  async receipts(channel: ConversationChannel, { signal }: CallOptions = {}): Promise<UserReceipts[]> {
    const receipts = await this.#parts.requests.request('receipts', channel, { channel }, signal);
    return receipts.users;
  }

  /** Reads the roster of a channel: the users who are in it now. Use `watchPresence` to follow it. */
  presence(channel: PresenceChannel, { signal }: CallOptions = {}): Promise<Roster> {
    return this.#parts.requests.request('presence', channel, { channel }, signal);
  }

  #cancelDrain(): void {
    this.#draining?.cancelled.abort();
    this.#draining = undefined;
  }
}

/** The fields that say which conversations a request is about: one, those of a company, or all of the user's own. */
function scope(channel: ConversationChannel | InboxChannel) {
  if (channel.startsWith('conversation:')) return { channel: channel as ConversationChannel };
  return { companyId: channel.startsWith('inbox:') ? idOf(channel) : undefined };
}

/** The part of a channel's name after its kind. */
function idOf(channel: Channel): string {
  return channel.slice(channel.indexOf(':') + 1);
}

/**
 * Makes a client, which does nothing until `connect()`. Instead of `url` and `token`, it can be given a `ticket` function or
 * {@link httpApi}.
 *
 * @example
 * ```ts
 * const client = createClient({ url: 'wss://abc.execute-api.us-east-1.amazonaws.com/prod', token: getToken });
 * client.connect();
 * ```
 */
export function createClient(options: ClientOptions): Client {
  return new Client(options);
}
