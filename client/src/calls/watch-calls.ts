/**
 * Follows the call of a conversation as the server knows it, whether this device takes part in it or not.
 *
 * @module
 */

import type { ChannelEvent, ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { FunnelcastError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { HistoryQuery } from '../options.js';
import type { Call } from '../wire.js';
import { type CallSignal, toSignal } from './call-signal.js';

/** The options of {@link watchCalls}. */
export type WatchCallsOptions = Pick<SubscribeOptions, 'grant' | 'signal' | 'onError'>;

/** What is heard of calls in a channel. */
export interface CallsListener {
  /** The call is like this now. Older states than before may follow. */
  call(call: Call): void;
  signal?(signal: CallSignal, userId: string): void;
  /** The channel has been joined, the first time or again. */
  joined?(): void;
  /** The user may not be in the conversation. */
  removed?(error: FunnelcastError | null): void;
}

/** Before every key of the latest values, of which a conversation has one: its call. */
const FIRST_KEY = '!';

/**
 * Follows the call of a conversation: whether it rings, who is in it, how it has ended. `createCall` takes part in it.
 *
 * @param listener - called with the last call of the conversation, if there has been one, and with each change
 * @returns a function that ends it
 *
 * @example
 * ```ts
 * const stop = watchCalls(client, 'conversation:conv-123', call => {
 *   show(call.state === 'active' ? `${call.participants.length} are talking` : '');
 * });
 * ```
 */
export function watchCalls(
  client: Client,
  channel: ConversationChannel,
  listener: (call: Call) => void,
  options: WatchCallsOptions = {},
): () => void {
  let revision = 0;
  const call = (told: Call) => {
    if (told.revision <= revision) return;
    revision = told.revision;
    listener(told);
  };
  return listenToCalls(client, channel, { call }, options);
}

/** Listens to what concerns calls in a channel. The returned function ends that. */
export function listenToCalls(
  client: Client,
  channel: ConversationChannel,
  { call, signal: onSignal, joined, removed }: CallsListener,
  { grant, signal, onError }: WatchCallsOptions,
): () => void {
  let hasEnded = false;
  const look = lookAt(client, channel, found => !hasEnded && call(found), signal);
  const take = (event: ChannelEvent<ConversationChannel>) => {
    if (event.event === 'call.update') call(event.data);
    else if (event.event === 'access.revoked') removed?.(null);
    else if (event.event === 'signal' && event.data.name === 'call') {
      const told = toSignal(event.data.payload);
      if (told) onSignal?.(told, event.data.userId);
    }
  };
  const { unsubscribe } = client.subscribe(channel, take, {
    grant,
    signal,
    onJoined({ presence }) {
      // If it had been joined already, for another listener, nobody tells of the call that there is.
      if (!presence) look();
      joined?.();
    },
    onError(error) {
      removed?.(error);
      onError?.(error);
    },
  });
  return () => {
    hasEnded = true;
    unsubscribe();
  };
}

/** Makes a function that asks the server for the last call of a conversation, unless that is being done. Errors are ignored. */
export function lookAt(
  client: Client,
  channel: ConversationChannel,
  found: (call: Call) => void,
  signal?: AbortSignal,
): () => void {
  const query: HistoryQuery & { latest: string } = { limit: 1, latest: FIRST_KEY };
  let isLooking = false;
  const look = async () => {
    const { events } = await client.history(channel, query, { signal });
    for (const event of events) if (event.event === 'call.update') found(event.data);
  };
  return () => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch(() => {})
      .finally(() => {
        isLooking = false;
      });
  };
}
