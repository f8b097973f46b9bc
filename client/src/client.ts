/**
 * The client: one connection, and the channels on it.
 *
 * @module
 */

import { addressSource } from './address.js';
import { Calls } from './calls.js';
import type { Channel, ChannelEvent, ConversationChannel } from './channels.js';
import { Connection, type State } from './connection.js';
import { Emitter } from './emitter.js';
import { check, encodeDraft } from './encode.js';
import { defaultEnvironment, type Environment } from './environment.js';
import { closed, type FunnelcastError } from './errors.js';
import type { Feed, FeedHooks } from './feed.js';
import { Feeds } from './feeds.js';
import type { HttpApi } from './http.js';
import type { Loose } from './link.js';
import { Memberships } from './memberships.js';
import type {
  CallOptions,
  ClientEvents,
  ClientOptions,
  DrainOptions,
  HistoryPage,
  HistoryQuery,
  SendOptions,
} from './options.js';
import { type Keyed, type Message, newKey } from './own.js';
import type { PresenceChannel, watchPresence } from './presence.js';
import { Reach } from './reach.js';
import { SendQueue, type Undelivered } from './send-queue.js';
import { type SubscribeOptions, type Subscription, subscribe } from './subscription.js';
import type { ClientDrafts, ReceiptState, Roster, Sent, UserReceipts } from './wire.js';

export { newKey };

/** How long {@link Client.drain} waits unless it is told. */
const DRAIN_TIMEOUT_MS = 10_000;

/** A client. Make one with {@link createClient}. */
export class Client {
  /** The world around, with what the options have replaced of it. */
  readonly environment: Environment;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #connection: Connection;
  readonly #feeds: Feeds;
  readonly #memberships: Memberships;
  readonly #calls: Calls;
  readonly #queue: SendQueue;
  readonly #reach = new Reach(this, this.#emitter);
  #draining: { undelivered: Promise<Undelivered[]>; calledOff: AbortController } | undefined;

  /** Use {@link createClient}. */
  constructor(options: ClientOptions) {
    const env = { ...defaultEnvironment, ...options.environment };
    const http = options.http?.(env);
    this.environment = env;
    this.#connection = new Connection(env, addressSource(options, http), http?.link, {
      event: (event, socket) => this.#feeds.get(event.channel)?.hear(event, socket),
      frame: (direction, text) => this.#emitter.emit('frame', { direction, text }),
      opened: socket => this.#memberships.open(socket),
      ended: (socket, code) => this.#memberships.end(socket, code),
      state: change => {
        if (http) this.#poll(http, change.state === 'polling');
        if (change.state === 'closed') this.#queue.abandon(closed(change.error?.message));
        this.#emitter.emit('state', change);
        this.#reach.stateChanged();
      },
    });
    http?.watch(this.#reach.httpAsked);
    this.#feeds = new Feeds(env, {
      hooks: feed => this.#feedHooks(feed),
      removed: feed => this.#memberships.remove(feed),
    });
    this.#memberships = new Memberships(env, this.#feeds);
    this.#calls = new Calls(env, this.#connection, this.#feeds, this.#memberships);
    this.#queue = new SendQueue(options.outboxLimit ?? 100, {
      deliver: ({ channel }, attempt, signal) =>
        this.#calls.persist('send', channel, link => attempt(fields => link.request('send', fields)), signal),
      known: channel => this.#feeds.get(channel)?.order.last,
      user: () => this.user,
      event: event => this.#feeds.get(event.channel)?.hear(event, this),
    });
  }

  /** What the connection is doing. */
  get state(): State {
    return this.#connection.state;
  }

  /**
   * Whether messages come and go: a socket is open, or HTTP takes its place while WebSockets fail, and is answered. The
   * event `connected` tells when it changes.
   */
  get isConnected(): boolean {
    return this.#reach.isConnected;
  }

  /** The last thing that went wrong with the connection; nothing while it is up. */
  get error(): FunnelcastError | undefined {
    return this.#connection.error;
  }

  /** Whose connection it is, as the server says; known shortly after the first one is up. */
  get user(): string | undefined {
    return this.#connection.user;
  }

  /** Connects, and stays connected until {@link close}. Does nothing if it already does. */
  connect(): void {
    this.#callOffDrain();
    this.#connection.connect();
  }

  /** Gives up the connection that there is, and makes a new one at once. Nothing is lost by that. */
  reconnect(): void {
    this.#callOffDrain();
    this.#connection.reconnect();
  }

  /**
   * Disconnects. Sends that the server has not confirmed fail with `closed`. Subscriptions stay, and go on where they
   * were after the next {@link connect}.
   */
  close(reason?: string): void {
    this.#connection.close(closed(reason));
  }

  /**
   * Delivers the messages that are waiting, then closes; with none, closes at once. {@link connect} calls that off.
   *
   * @returns the messages that failed meanwhile, those among them that were given up when the time was over; never fails
   */
  drain({ timeoutMs = DRAIN_TIMEOUT_MS, reason }: DrainOptions = {}): Promise<Undelivered[]> {
    if (this.#draining) return this.#draining.undelivered;
    const calledOff = new AbortController();
    const isDown = this.state === 'idle' || this.state === 'closed';
    const undelivered = this.#queue.drain(this.environment, isDown ? 0 : timeoutMs, calledOff.signal, () => {
      this.#draining = undefined;
      this.close(reason);
    });
    if (this.state !== 'closed') this.#draining = { undelivered, calledOff };
    return undelivered;
  }

  /**
   * A key to render an event of a channel's log by, unique in its channel whatever keys others choose: the `key` of the
   * {@link send} that it is, where this client made that; else one made of its seq. So a message has the same one while it
   * is on its way, when that is shown by its own `key`, and when it has arrived.
   */
  renderKey(event: Keyed): string {
    return this.#queue.renderKey(event);
  }

  /** Listens to the client itself; what it returns ends that. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (value: ClientEvents[Name]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Listens to a channel. Durable events come to the handler exactly once and in order, whatever the network does; our
   * own messages too. What comes is what happens from now on, and first the last value of each key where the channel
   * keeps one; what was before is in the {@link history}.
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
    return subscribe(this.#feeds, channel, handler, options, feed => this.#memberships.add(feed));
  }

  /**
   * Publishes on a conversation.
   *
   * A `chat.message` waits in the send queue until the server has it, over any number of connections, and is there once.
   * The other events are of the moment: without a connection they fail with `disconnected`. The status of a
   * `presence.update` belongs to the connection: as long as the channel is in use it is said again on each new one.
   *
   * @returns what the server says of it: for a message, its place in the log
   * @throws {@link FunnelcastError} with the code of the refusal, or `closed`, `outbox_full`, `disconnected`
   *
   * @example
   * ```ts
   * const { seq } = await client.send('conversation:conv-123', 'chat.message', { content: 'Hello!' });
   * ```
   */
  async send<Name extends keyof ClientDrafts>(
    channel: ConversationChannel,
    event: Name,
    data: Loose<ClientDrafts[Name]>,
    { key = newKey(), signal }: SendOptions = {},
  ): Promise<Sent> {
    signal?.throwIfAborted();
    const fields = { channel, event, data: encodeDraft(event, data as ClientDrafts[Name]) };
    if (event !== 'chat.message') return this.#calls.publish(fields, signal);
    const message = { ...fields, key } as Message;
    check('send', { ...message, base: Number.MAX_SAFE_INTEGER });
    return this.#queue.send(message, signal);
  }

  /** Says that we have got, or read, all up to `seq`; returns how far the server knows us to be. */
  async ack(channel: ConversationChannel, seq: number, state: ReceiptState, { signal }: CallOptions = {}) {
    const acked = await this.#calls.ask('ack', { channel, seq, state }, signal);
    return acked.seq;
  }

  /** Reads a page of a channel's log. */
  async history<C extends Channel>(
    channel: C,
    { limit = 50, ...query }: HistoryQuery = {},
    { signal }: CallOptions = {},
  ): Promise<HistoryPage<C>> {
    return (await this.#calls.ask('history', { channel, limit, ...query }, signal)) as HistoryPage<C>;
  }

  /** How far each participant of a conversation has come. */
  async receipts(channel: ConversationChannel, { signal }: CallOptions = {}): Promise<UserReceipts[]> {
    const receipts = await this.#calls.ask('receipts', { channel }, signal);
    return receipts.users;
  }

  /** Who is in a channel now. To follow that, use {@link watchPresence}. */
  presence(channel: PresenceChannel, { signal }: CallOptions = {}): Promise<Roster> {
    return this.#calls.ask('presence', { channel }, signal);
  }

  #feedHooks(feed: () => Feed): FeedHooks {
    return {
      link: () => {
        const link = this.#connection.current('history');
        return link && this.#memberships.has(link, feed()) ? link : undefined;
      },
      rejoin: link => this.#memberships.rejoin(link, feed()),
      revoked: (source, order) => this.#memberships.revoke(feed(), source, order),
      isClosed: () => this.state === 'closed',
      durable: event => this.#queue.heard(event),
      lost: loss => this.#queue.lost(feed().channel, loss.after),
      failed: error => this.#emitter.emit('error', { error, channel: feed().channel }),
    };
  }

  #poll({ link, poll }: HttpApi, isWanted: boolean): void {
    if (isWanted) void this.#memberships.open(link);
    else this.#memberships.end(link);
    poll(isWanted, () => [...this.#feeds].filter(feed => this.#memberships.has(link, feed)));
  }

  #callOffDrain(): void {
    this.#draining?.calledOff.abort();
    this.#draining = undefined;
  }
}

/**
 * Makes a client. It does nothing until `connect()`. Other ways in are {@link httpApi} and the option `ticket`.
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
