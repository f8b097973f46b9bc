import type { ResourceUpdate } from 'funnelcast';
import { useClient } from 'funnelcast/react';
import { useEffect, useState } from 'react';

const SHOWN_MAX = 5;
const HISTORY_EVENTS = 50;

/**
 * The last update of each of the company's resources, the latest first. This is a hook of the app's own, made with the
 * client: the channel has a log, from which it reads what happened before the page was opened.
 */
export function useResources(companyId: string): ResourceUpdate[] {
  const client = useClient();
  const [resources, setResources] = useState<ResourceUpdate[]>([]);
  useEffect(() => {
    const channel = `resource_updates:${companyId}` as const;
    const leaving = new AbortController();
    const { signal } = leaving;
    const hear = (updates: ResourceUpdate[]) => setResources(known => updates.reduce(withUpdate, known));
    const onJoined = async () => {
      const { events } = await client.history(channel, { limit: HISTORY_EVENTS }, { signal });
      hear(events.flatMap(event => (event.event === 'resource.update' ? [event.data] : [])));
    };
    client.subscribe(channel, event => event.event === 'resource.update' && hear([event.data]), {
      signal,
      onJoined: () => void onJoined().catch(() => {}), // the next join tries again
    });
    return () => leaving.abort();
  }, [client, companyId]);
  return resources;
}

/** Keeps the later update by the clock of the backend, because updates may overtake each other. */
function withUpdate(resources: ResourceUpdate[], update: ResourceUpdate): ResourceUpdate[] {
  const known = resources.find(({ resourceId }) => resourceId === update.resourceId);
  if (known && known.timestamp >= update.timestamp) return resources;
  return [update, ...resources.filter(resource => resource !== known)].slice(0, SHOWN_MAX);
}
