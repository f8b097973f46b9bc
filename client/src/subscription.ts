/**
 * Listening to a channel.
 *
 * @module
 */

import { type AnyEvent, type Channel, type ChannelEvent, hasLog } from './channels.js';
import type { JoinInfo, Listener, Loss } from './cursor.js';
import { callSafely } from './emitter.js';
import { check } from './encode.js';
import type { Environment } from './environment.js';
import { closed, FunnelcastError, toError } from './errors.js';
import type { Feed } from './feed.js';
import type { Feeds } from './feeds.js';
import { deferred, inTime } from './waiting.js';

/** How long the app's backend may take to give a grant. */
const GRANT_TIMEOUT_MS = 10_000;

/** What one may want when one listens to a channel. */
export interface SubscribeOptions {
  /**
   * The last seq that the app has seen already, e.g. in what its server has rendered; what came after it is told first,
   * whoever else listens to the channel from where on.
   */
  since?: number | undefined;
  /**
   * Gets a grant of the app's backend for this channel. Grants are short-lived: one is asked for at each join and, while the
   * client polls, each time that one counts no more.
   */
  grant?: (() => string | Promise<string>) | undefined;
  /** Ends the subscription when it is aborted. */
  signal?: AbortSignal | undefined;
  /**
   * The channel is about to be joined: what its reply has is later than all that has been heard by now.
   *
   * @internal
   */
  onJoining?: (() => void) | undefined;
  /** The channel has been joined; again after every reconnection. */
  onJoined?: ((info: JoinInfo) => void) | undefined;
  /** Events are gone for good: the client was away for longer than they are kept. Load the state anew. */
  onLost?: ((loss: Loss) => void) | undefined;
  /** The server does not let us join. It is asked again on the next connection, and by the next `subscribe`. */
  onError?: ((error: FunnelcastError) => void) | undefined;
}

/** A handler that is being told of a channel's events. */
export interface Subscription<C extends Channel = Channel> {
  readonly channel: C;
  /** The channel has been joined; fails if the server refuses it. */
  readonly joined: Promise<JoinInfo>;
  /** Ends it. The channel is left when nobody else listens. */
  unsubscribe(): void;
}

/**
 * Makes a subscription: a listener of the channel's feed, which it holds. One that can never be joined, because of a
 * wrong type, is refused at once.
 *
 * @param wanted - told of the feed, which is to be joined
 */
export function subscribe<C extends Channel>(
  feeds: Feeds,
  channel: C,
  handler: (event: ChannelEvent<C>) => void,
  options: SubscribeOptions,
  wanted: (feed: Feed) => void,
): Subscription<C> {
  const { since, grant, signal, onJoining, onJoined, onLost, onError } = options;
  const first = deferred<JoinInfo>();
  const refuse = (error: FunnelcastError) => {
    first.reject(error);
    onError?.(error);
  };
  try {
    check('join', { channel, since });
    if (typeof handler !== 'function') {
      throw new FunnelcastError('bad_request', 'handler must be a function', undefined, 'handler');
    }
  } catch (thrown) {
    queueMicrotask(() => callSafely(refuse, toError(thrown)));
    return { channel, joined: first.promise, unsubscribe: () => {} };
  }
  if (signal?.aborted) {
    first.reject(signal.reason);
    return { channel, joined: first.promise, unsubscribe: () => {} };
  }
  const { feed, release } = feeds.hold(channel);
  const listener: Listener = {
    event: handler as (event: AnyEvent) => void,
    joining: () => onJoining?.(),
    joined(info) {
      first.resolve(info);
      onJoined?.(info);
    },
    lost: loss => onLost?.(loss),
    refused: refuse,
    grant: grant && (() => askForGrant(feeds.env, grant)),
  };
  const unsubscribe = () => {
    feed.unlisten(listener);
    release();
    signal?.removeEventListener('abort', unsubscribe);
    first.reject(signal?.aborted ? signal.reason : closed('unsubscribed'));
  };
  signal?.addEventListener('abort', unsubscribe);
  feed.listen(listener, hasLog(channel) ? since : undefined);
  wanted(feed);
  return { channel, joined: first.promise, unsubscribe };
}

/** That the backend gives no grant is a refusal, and no lost connection. */
async function askForGrant(env: Environment, get: () => string | Promise<string>): Promise<string> {
  let grant: unknown;
  try {
    const late = new FunnelcastError('timeout', 'the grant did not come in time', undefined, 'grant');
    grant = await inTime(env, Promise.resolve(get()), GRANT_TIMEOUT_MS, late);
  } catch (thrown) {
    throw toError(thrown, 'forbidden');
  }
  if (typeof grant === 'string') return grant;
  throw new FunnelcastError('bad_request', 'grant must be a string', undefined, 'grant');
}
