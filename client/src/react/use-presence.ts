/**
 * The hook `usePresence`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { PresenceChannel } from '../channels.js';
import { NOBODY, type PresenceState, watchPresence } from '../presence.js';
import { Store } from '../store.js';
import { useClient, useConnection } from './provider.js';
import { useStore } from './store.js';

/**
 * Follows who is in a channel.
 *
 * @example
 * ```tsx
 * const { users, count } = usePresence('conversation:conv-123');
 * ```
 */
export function usePresence(channel: PresenceChannel): PresenceState {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another channel or client needs another store
  const store = useMemo(() => new Store(NOBODY), [client, channel]);
  useConnection(client);
  useEffect(() => watchPresence(client, channel, state => store.set(state)), [client, channel, store]);
  return useStore(store);
}
