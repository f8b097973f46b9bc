/**
 * How far the funnels are.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { FunnelUpdate } from '../wire.js';
import { type Dated, dated } from './dated.js';
import { useConnection } from './lifetime.js';
import { useClient } from './provider.js';
import { Store, useStore } from './store.js';

/** The last news of a funnel. */
export type FunnelProgress = Dated<FunnelUpdate>;

/** What was told of a funnel, and when it happened, never later than the server took it. */
interface Told {
  progress: FunnelProgress;
  at: number;
  seq: number;
}

const NONE: readonly Told[] = [];

/**
 * The last news of each funnel of a company, from generation to deployment; in the order in which they were first heard
 * of. After a reload it is there again.
 *
 * @example
 * ```tsx
 * const funnels = useFunnelProgress('biz_1');
 * return funnels.map(funnel => <progress key={funnel.funnelId} max={100} value={funnel.progress} />);
 * ```
 */
export function useFunnelProgress(companyId: string): readonly FunnelProgress[] {
  const client = useClient();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another company, or client, has a store of its own
  const store = useMemo(() => new Store(NONE), [client, companyId]);
  useConnection(client);
  useEffect(() => {
    const { unsubscribe } = client.subscribe(`funnel_updates:${companyId}`, event => {
      if (event.event !== 'funnel.update') return;
      const progress = dated(event.data);
      const at = Math.min(progress.timestamp.getTime(), Date.parse(event.at));
      store.set(withNews(store.get(), { progress, at, seq: event.seq ?? 0 }));
    });
    return unsubscribe;
  }, [client, companyId, store]);
  const told = useStore(store);
  return useMemo(() => told.map(({ progress }) => progress), [told]);
}

/** As the server keeps the latest: by when it happened, then by seq. The bus may deliver 60% before 40%. */
function withNews(all: readonly Told[], news: Told): readonly Told[] {
  const known = all.find(({ progress }) => progress.funnelId === news.progress.funnelId);
  if (!known) return [...all, news];
  if (news.at < known.at || (news.at === known.at && news.seq < known.seq)) return all;
  return all.map(told => (told === known ? news : told));
}
