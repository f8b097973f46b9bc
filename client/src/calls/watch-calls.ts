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
import type { CallSignal } from './signal-line.js';

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
  const look = async () => {
    const found = await lastCall(client, channel, signal);
    if (!hasEnded && found) call(found);
  };
  const take = (event: ChannelEvent<ConversationChannel>) => {
    if (event.event === 'call.update') call(event.data);
    else if (event.event === 'signal' && event.data.name === 'call' && event.data.payload)
      onSignal?.(event.data.payload as CallSignal, event.data.userId);
    else if (event.event === 'access.revoked') removed?.(null);
  };
  const { unsubscribe } = client.subscribe(channel, take, {
    grant,
    signal,
    onJoined({ presence }) {
      // If it had been joined already, for another listener, nobody tells of the call that there is.
      if (!presence) void look().catch(() => {});
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

/** Asks the server for the last call of a conversation. */
export async function lastCall(
  client: Client,
  channel: ConversationChannel,
  signal?: AbortSignal,
): Promise<Call | undefined> {
  const query: HistoryQuery & { latest: string } = { limit: 1, latest: FIRST_KEY };
  const { events } = await client.history(channel, query, { signal });
  return events.flatMap(event => (event.event === 'call.update' ? event.data : []))[0];
}
