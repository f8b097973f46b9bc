/**
 * One client of the shipped package, used as an app would: it subscribes, sends and asks as it is told to, and reports
 * what each callback was given and what became of each promise.
 *
 * @module
 */

import { createClient, FunnelcastError, httpApi, watchPresence } from 'funnelcast';
import { createCall } from 'funnelcast/calls';
import { callEnvironment } from './calls.js';
import { Network } from './network.js';

/**
 * @typedef {import('./network.js').Settings & { url: string | null, http: string | null }} DeviceSettings
 * @typedef {import('./socket.js').Tell} Tell
 * @typedef {(about: { channel?: string }) => Promise<string>} Ask gets a token, or a grant for the channel
 * @typedef {import('funnelcast').Channel} Channel
 * @typedef {import('funnelcast').ConversationChannel} ConversationChannel
 * @typedef {import('funnelcast').PresenceChannel} PresenceChannel
 */

/** A client, its network, and what its app has seen. */
export class Device {
  #client;
  #network;
  #tell;
  #ask;
  /** What ends each subscription. @type {Map<string, () => void>} */
  #subscriptions = new Map();
  /** The call of each conversation. @type {Map<string, ReturnType<typeof createCall>>} */
  #calls = new Map();
  /** The last seq of each channel that its handler was given. @type {Map<string, number>} */
  #places = new Map();

  /**
   * @param {DeviceSettings} settings
   * @param {Tell} tell
   * @param {Ask} ask
   */
  constructor({ url, http, ...settings }, tell, ask) {
    this.#tell = tell;
    this.#ask = ask;
    this.#network = new Network(tell);
    const token = () => ask({});
    this.#client = createClient({
      ...(url !== null && { url, token }), // else by tickets
      http: http === null ? undefined : httpApi(http, { token }),
      environment: this.#network.environment(settings),
    });
    this.#client.on('state', ({ state, error }) => tell({ what: 'state', state, error: failure(error) }));
    this.#client.on('error', ({ error, channel }) => tell({ what: 'error', error: failure(error), channel }));
  }

  /**
   * Subscribes, from where the app is in the channel; again, where it has subscribed already.
   *
   * @param {{ id: number, channel: string, grant: boolean, presence: boolean, calls: boolean }} command
   */
  subscribe({ id, channel, grant, presence, calls }) {
    const before = this.#subscriptions.get(channel);
    const ended = new AbortController();
    const tell = (/** @type {Record<string, unknown>} */ report) =>
      this.#tell({ ...report, channel, ...(ended.signal.aborted && { what: 'late' }) });
    const place = new Place(this.#places, channel);
    const subscription = this.#client.subscribe(
      /** @type {Channel} */ (channel),
      event => tell({ what: 'event', event, latest: place.isLatest(event.seq) }),
      {
        since: place.last,
        grant: grant ? () => this.#ask({ channel }) : undefined,
        onJoined: ({ head, recovered }) =>
          tell({ what: 'joined', head, recovered, first: place.begin(head) }),
        onLost: ({ after, next }) => tell({ what: 'lost', after, next }),
        onError: error => tell({ what: 'refused', error: failure(error) }),
      },
    );
    this.#settle(id, subscription.joined);
    const stopPresence = presence ? this.#watch(channel) : () => {};
    const stopCalls = calls ? this.#follow(channel) : () => {};
    this.#subscriptions.set(channel, () => {
      this.#network.hurry(() => {
        subscription.unsubscribe();
        stopPresence();
        stopCalls();
      });
      ended.abort();
    });
    before?.();
  }

  /** @param {{ channel: string }} command */
  unsubscribe({ channel }) {
    this.#subscriptions.get(channel)?.();
    this.#subscriptions.delete(channel);
  }

  /**
   * Calls a method of the client.
   *
   * @param {{ id: number, method: string, args: unknown[] }} command
   */
  call({ id, method, args }) {
    const client = /** @type {Record<string, (...args: unknown[]) => unknown>} */ (
      /** @type {unknown} */ (this.#client)
    );
    this.#settle(id, new Promise(resolve => resolve(client[method]?.(...args))));
  }

  /**
   * Does something about the call of a conversation.
   *
   * @param {{ channel: string, how: 'start' | 'accept' | 'decline' | 'hangUp' }} command
   */
  dial({ channel, how }) {
    this.#calls.get(channel)?.[how]();
  }

  cut() {
    this.#network.cut();
  }

  silence() {
    this.#network.silence();
  }

  /** @param {{ ms: number }} command */
  block({ ms }) {
    this.#network.block(ms);
  }

  /** @param {{ text: string }} command */
  inject({ text }) {
    this.#network.inject(text);
  }

  /** @param {string} channel */
  #watch(channel) {
    return watchPresence(this.#client, /** @type {PresenceChannel} */ (channel), ({ users, count }) => {
      const roster = Object.fromEntries(users.map(({ userId, status }) => [userId, status]));
      this.#tell({ what: 'present', channel, roster, count });
    });
  }

  /**
   * Follows the call of a conversation. Whoever does not any more has hung up.
   *
   * @param {string} channel
   */
  #follow(channel) {
    const call = createCall(this.#client, /** @type {ConversationChannel} */ (channel), {
      environment: callEnvironment,
    });
    this.#calls.set(channel, call);
    const tell = () => {
      const { state, direction } = call.store.get();
      if (this.#calls.get(channel) === call) this.#tell({ what: 'call', channel, state, direction });
    };
    call.store.subscribe(tell);
    return () => call.close();
  }

  /**
   * @param {number} id
   * @param {Promise<unknown>} promise
   */
  #settle(id, promise) {
    promise.then(
      value => this.#tell({ what: 'settled', id, value }),
      error => this.#tell({ what: 'settled', id, error: failure(error) }),
    );
  }
}

/** How far the app is in one channel. */
class Place {
  #places;
  #channel;
  /** Where the subscription has begun, while the last values are told that were before that. */
  #beginsAt = -1;

  /**
   * @param {Map<string, number>} places
   * @param {string} channel
   */
  constructor(places, channel) {
    this.#places = places;
    this.#channel = channel;
  }

  get last() {
    return this.#places.get(this.#channel);
  }

  /**
   * The channel has been joined. Whether the app begins with it.
   *
   * @param {number} head
   */
  begin(head) {
    if (this.last !== undefined) return false;
    this.#places.set(this.#channel, head);
    this.#beginsAt = head;
    queueMicrotask(() => {
      this.#beginsAt = -1;
    });
    return true;
  }

  /**
   * Takes an event. Whether it is a last value from before the beginning.
   *
   * @param {number | undefined} seq
   */
  isLatest(seq) {
    if (seq === undefined) return false;
    if (seq <= this.#beginsAt) return true;
    this.#places.set(this.#channel, Math.max(seq, this.last ?? 0));
    return false;
  }
}

/** @param {unknown} error */
function failure(error) {
  if (error === undefined) return undefined;
  const code = error instanceof FunnelcastError ? error.code : 'thrown';
  return { code, message: error instanceof Error ? error.message : String(error) };
}
