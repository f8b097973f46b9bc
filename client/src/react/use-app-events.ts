/**
 * The hook `useAppEvents`.
 *
 * @module
 */

import { useEffect } from 'react';
import type { AppEventData } from '../app-events.js';
import type { AppChannel, ChannelEvent, EventOf } from '../channels.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { useClient, useConnection } from './provider.js';
import { useGrant, useLatest } from './store.js';

/** The options of {@link useAppEvents}. */
export type UseAppEventsOptions = Pick<SubscribeOptions, 'grant' | 'onJoined' | 'onLost' | 'onError'>;

/**
 * Calls the handler with the app's own events of a room, an experience, a company or a user, including those that this user
 * publishes in a room, from now on and while the component is mounted.
 *
 * @param handler - called with the name and payload of each event, and with the event itself for `seq`, `from` and `event`,
 *   which is `app.event` or `app.signal`. The one of the last rendering counts.
 *
 * @example
 * ```tsx
 * const client = useClient();
 * const [votes, setVotes] = useState<number[]>([]);
 * useAppEvents('room:lobby', ({ name, payload }) => {
 *   if (name === 'poll.vote') setVotes(votes => [...votes, payload.option]);
 * });
 * const vote = (option: number) => client.send('room:lobby', 'app.event', { name: 'poll.vote', payload: { option } });
 * return <button onClick={() => vote(2)}>{votes.length} votes</button>;
 * ```
 */
export function useAppEvents(
  channel: AppChannel,
  handler: (data: AppEventData, event: EventOf<'app.event' | 'app.signal'>) => void,
  { grant, ...options }: UseAppEventsOptions = {},
): void {
  const client = useClient();
  useConnection(client);
  const getGrant = useGrant(grant);
  const latest = useLatest({ handler, ...options });
  useEffect(() => {
    const onEvent = (event: ChannelEvent<AppChannel>) => {
      if (event.event === 'app.event' || event.event === 'app.signal')
        latest.current.handler(event.data, event);
    };
    const { unsubscribe } = client.subscribe(channel, onEvent, {
      grant: getGrant,
      onJoined: info => latest.current.onJoined?.(info),
      onLost: loss => latest.current.onLost?.(loss),
      onError: error => latest.current.onError?.(error),
    });
    return unsubscribe;
  }, [client, channel, getGrant, latest]);
}
