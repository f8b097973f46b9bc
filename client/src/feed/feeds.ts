/**
 * The channels in use. Each has one feed, which exists as long as a subscription or a request holds it, and a little
 * longer. Subscribing adds a listener to the feed.
 *
 * @module
 */

import { type AnyEvent, type Channel, type ChannelEvent, hasLog } from '../channels.js';
import { check } from '../connection/encode.js';
import type { Environment } from '../environment.js';
import { callSafely, closed, type FunnelcastError, invalid, toError } from '../errors.js';
import { deferred, onAbort, withTimeout } from '../waiting.js';
import type { JoinInfo, Listener, Loss } from './cursor.js';
import { Feed, type FeedHooks } from './feed.js';

/** How long a channel stays joined that nobody uses, so that a page that comes back costs no leave and join. */
const LINGER_MS = 5_000;
/** How long the app's backend may take to issue a grant. */
const GRANT_TIMEOUT_MS = 10_000;

/** The options of `client.subscribe`. */
export interface SubscribeOptions {
  /**
   * The last seq that the app already has, for example from server-side rendering. The events after it are delivered
   * first, wherever the other listeners of the channel started.
   */
  since?: number | undefined;
  /**
   * Gets a grant for this channel from the app's backend. Grants are short-lived, so a new one is requested for each join
   * and, while the client polls, whenever the last one has expired. It is also called after the subscription has ended, as
   * long as messages of this channel are still being sent.
   */
  grant?: (() => string | Promise<string>) | undefined;
  /** Ends the subscription when it is aborted. */
  signal?: AbortSignal | undefined;
  /**
   * The channel is about to be joined: the reply will be newer than everything received so far.
   *
   * @internal
   */
  onJoining?: (() => void) | undefined;
  /** Called when the channel has been joined, and again after every reconnection. */
  onJoined?: ((info: JoinInfo) => void) | undefined;
  /** Called when events are lost, because the client was away for longer than they are kept. Load the state anew. */
  onLost?: ((loss: Loss) => void) | undefined;
  /** Called when the server refuses the channel. The client tries again on the next connection and `subscribe`. */
  onError?: ((error: FunnelcastError) => void) | undefined;
}

/** A handler that receives the events of a channel. */
export interface Subscription<C extends Channel = Channel> {
  readonly channel: C;
  /** Resolves when the channel has been joined; rejects if the server refuses it. */
  readonly joined: Promise<JoinInfo>;
  /** Ends the subscription. The channel is left when nobody uses it any more. */
  unsubscribe(): void;
}

/** A feed that exists until it is released. */
export interface Hold {
  feed: Feed;
  release(): void;
}

/** What the feeds need from the client. */
interface FeedsHooks extends FeedHooks {
  /** The feed is no longer in use. */
  removed(feed: Feed): void;
}

/** The feeds of a client. */
export class Feeds implements Iterable<Feed> {
  readonly env: Environment;
  readonly #hooks: FeedsHooks;
  readonly #feeds = new Map<string, Feed>();

  constructor(env: Environment, hooks: FeedsHooks) {
    this.env = env;
    this.#hooks = hooks;
  }

  /** The feed of a channel, if the channel is in use. */
  get(channel: string): Feed | undefined {
    return this.#feeds.get(channel);
  }

  /** Holds the feed of a channel, which is made if necessary. */
  hold(channel: Channel): Hold {
    const feed = this.#feeds.get(channel) ?? new Feed(this.env, channel, this.#hooks);
    this.#feeds.set(channel, feed);
    feed.holds++;
    feed.cancelRemoval();
    let isHeld = true;
    return {
      feed,
      release: () => {
        if (isHeld && --feed.holds === 0) {
          feed.cancelRemoval = this.env.after(LINGER_MS, () => this.#remove(feed));
        }
        isHeld = false;
      },
    };
  }

  [Symbol.iterator](): Iterator<Feed> {
    return this.#feeds.values();
  }

  #remove(feed: Feed): void {
    this.#feeds.delete(feed.channel);
    feed.dispose();
    this.#hooks.removed(feed);
  }
}

/**
 * Subscribes to a channel: adds a listener to its feed, and holds the feed. A subscription whose channel or options have
 * the wrong type fails at once.
 *
 * @param join - joins the channel of the feed
 */
export function subscribe<C extends Channel>(
  feeds: Feeds,
  channel: C,
  handler: (event: ChannelEvent<C>) => void,
  options: SubscribeOptions,
  join: (feed: Feed) => void,
): Subscription<C> {
  const { since, grant, signal, onJoining, onJoined, onLost, onError } = options;
  const first = deferred<JoinInfo>();
  const ended = { channel, joined: first.promise, unsubscribe: () => {} };
  const refuse = (error: FunnelcastError) => {
    first.reject(error);
    onError?.(error);
  };
  try {
    check('join', { channel, since });
    if (typeof handler !== 'function') throw invalid('handler', 'must be a function');
  } catch (thrown) {
    queueMicrotask(() => callSafely(refuse, toError(thrown)));
    return ended;
  }
  if (signal?.aborted) {
    first.reject(signal.reason);
    return ended;
  }
  const { feed, release } = feeds.hold(channel);
  const listener: Listener = {
    event: handler as (event: AnyEvent) => void,
    joining: onJoining,
    joined(info) {
      first.resolve(info);
      onJoined?.(info);
    },
    lost: onLost,
    refused: refuse,
    grant: grant && (() => requestGrant(feeds.env, grant)),
  };
  const unsubscribe = () => {
    feed.removeListener(listener);
    release();
    forget?.();
    first.reject(signal?.aborted ? signal.reason : closed('the subscription has ended'));
  };
  const forget = signal && onAbort(signal, unsubscribe);
  feed.addListener(listener, hasLog(channel) ? since : undefined);
  join(feed);
  return { ...ended, unsubscribe };
}

/** Gets a grant. A backend that does not issue one refuses the channel; that is not a lost connection. */
async function requestGrant(env: Environment, get: () => string | Promise<string>): Promise<string> {
  let grant: unknown;
  try {
    const late = invalid('grant', 'did not resolve in time', 'timeout');
    grant = await withTimeout(env, Promise.resolve(get()), GRANT_TIMEOUT_MS, late);
  } catch (thrown) {
    throw toError(thrown, 'forbidden');
  }
  if (typeof grant === 'string') return grant;
  throw invalid('grant', 'must resolve to a string');
}
