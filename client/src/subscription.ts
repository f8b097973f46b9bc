/**
 * Listening to a channel.
 *
 * @module
 */

import type { AnyEvent, Channel, ChannelEvent } from './channels.js';
import { closed, FunnelcastError } from './errors.js';
import type { JoinInfo, Listener, Loss } from './feed.js';
import type { Feeds } from './feeds.js';
import { deferred } from './waiting.js';

/** What one may want when one listens to a channel. */
export interface SubscribeOptions {
  /**
   * The last seq that the app has seen already, e.g. in what its server has rendered; what came after it is told first.
   * Counts only where nobody else listens to the channel yet.
   */
  since?: number | undefined;
  /**
   * Gets a grant of the app's backend for this channel. Grants are short-lived: one is asked for at each join and, while the
   * client polls, each time that one counts no more.
   */
  grant?: (() => string | Promise<string>) | undefined;
  /** Ends the subscription when it is aborted. */
  signal?: AbortSignal | undefined;
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

/** Makes a subscription: a listener of the channel's feed, which it holds. */
export function subscribe<C extends Channel>(
  feeds: Feeds,
  channel: C,
  handler: (event: ChannelEvent<C>) => void,
  { since, grant, signal, onJoined, onLost, onError }: SubscribeOptions,
): Subscription<C> {
  const { feed, release } = feeds.hold(channel, since);
  const first = deferred<JoinInfo>();
  const listener: Listener = {
    event: handler as (event: AnyEvent) => void,
    joined(info) {
      first.resolve(info);
      onJoined?.(info);
    },
    lost: loss => onLost?.(loss),
    refused(error) {
      first.reject(error);
      onError?.(error);
    },
    grant: grant && (() => askForGrant(grant)),
  };
  feed.listen(listener);
  const unsubscribe = () => {
    feed.listeners.delete(listener);
    release();
    signal?.removeEventListener('abort', unsubscribe);
    first.reject(signal?.reason ?? closed('unsubscribed'));
  };
  if (signal?.aborted) unsubscribe();
  else signal?.addEventListener('abort', unsubscribe);
  return { channel, joined: first.promise, unsubscribe };
}

/** That the backend gives no grant is a refusal, and no lost connection. */
async function askForGrant(grant: () => string | Promise<string>): Promise<string> {
  try {
    return await grant();
  } catch (thrown) {
    throw thrown instanceof FunnelcastError ? thrown : new FunnelcastError('forbidden', String(thrown));
  }
}
