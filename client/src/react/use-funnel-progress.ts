/**
 * The hook `useFunnelProgress`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import { type Dated, dated, Store } from '../store.js';
import type { FunnelUpdate } from '../wire.js';
import { useClient, useConnection } from './provider.js';
import { useStore } from './store.js';

/** The last update of a funnel. */
export type FunnelProgress = Dated<FunnelUpdate>;

/** An update, and when it happened, which is never later than when the server received it. */
interface Entry {
  progress: FunnelProgress;
  at: number;
  seq: number;
}

const NONE: readonly Entry[] = [];

/**
 * Follows the funnels of a company from generation to deployment. Returns the last update of each funnel, also after a
 * reload, in the order in which the funnels first appeared.
 *
 * @example
 * ```tsx
 * const funnels = useFunnelProgress('biz_1');
 * return funnels.map(funnel => <progress key={funnel.funnelId} max={100} value={funnel.progress} />);
 * ```
 */
export function useFunnelProgress(companyId: string): readonly FunnelProgress[] {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another company or client needs another store
  const store = useMemo(() => new Store(NONE), [client, companyId]);
  useConnection(client);
  useEffect(() => {
    const { unsubscribe } = client.subscribe(`funnel_updates:${companyId}`, event => {
      if (event.event !== 'funnel.update') return;
      const progress = dated(event.data);
      const at = Math.min(progress.timestamp.getTime(), Date.parse(event.at));
      store.set(withUpdate(store.get(), { progress, at, seq: event.seq ?? 0 }));
    });
    return unsubscribe;
  }, [client, companyId, store]);
  const entries = useStore(store);
  return useMemo(() => entries.map(({ progress }) => progress), [entries]);
}

/** Keeps the later update, by its time and then by its seq, as the server does: the bus may deliver 60% before 40%. */
function withUpdate(entries: readonly Entry[], update: Entry): readonly Entry[] {
  const known = entries.find(({ progress }) => progress.funnelId === update.progress.funnelId);
  if (!known) return [...entries, update];
  if (update.at < known.at || (update.at === known.at && update.seq < known.seq)) return entries;
  return entries.map(entry => (entry === known ? update : entry));
}
