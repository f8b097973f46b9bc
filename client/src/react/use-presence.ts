/**
 * Who is here.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import { NOBODY, type PresenceChannel, type PresenceState, watchPresence } from '../presence.js';
import { useConnection } from './lifetime.js';
import { useClient } from './provider.js';
import { Store, useStore } from './store.js';

/**
 * Who is in a channel, as it changes.
 *
 * @example
 * ```tsx
 * const { users, count } = usePresence('conversation:conv-123');
 * ```
 */
export function usePresence(channel: PresenceChannel): PresenceState {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another channel, or client, has a store of its own
  const store = useMemo(() => new Store(NOBODY), [client, channel]);
  useConnection(client);
  useEffect(() => watchPresence(client, channel, state => store.set(state)), [client, channel, store]);
  return useStore(store);
}
