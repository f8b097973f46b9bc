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

const NONE: readonly FunnelProgress[] = [];

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
      if (event.event === 'funnel.update') store.set(withNews(store.get(), dated(event.data)));
    });
    return unsubscribe;
  }, [client, companyId, store]);
  return useStore(store);
}

/** The backend's clock decides: the bus may deliver 60% before 40%. */
function withNews(funnels: readonly FunnelProgress[], news: FunnelProgress): readonly FunnelProgress[] {
  const known = funnels.find(({ funnelId }) => funnelId === news.funnelId);
  if (!known) return [...funnels, news];
  if (news.timestamp < known.timestamp) return funnels;
  return funnels.map(funnel => (funnel === known ? news : funnel));
}
