import type { ResourceUpdate } from 'funnelcast';
import { useClient } from 'funnelcast/react';
import { useEffect, useState } from 'react';

const SHOWN_MAX = 5;
const HISTORY_EVENTS = 50;

/**
 * The company's resources as they were last heard of, the latest first. A hook of the app's own, made of what the client has:
 * the channel keeps a log, so what has happened before this page was opened is read from there.
 */
export function useResources(companyId: string): ResourceUpdate[] {
  const client = useClient();
  const [resources, setResources] = useState<ResourceUpdate[]>([]);
  useEffect(() => {
    const channel = `resource_updates:${companyId}` as const;
    const leaving = new AbortController();
    const { signal } = leaving;
    const hear = (updates: ResourceUpdate[]) => setResources(known => updates.reduce(withNews, known));
    const onJoined = async () => {
      const { events } = await client.history(channel, { limit: HISTORY_EVENTS }, { signal });
      hear(events.flatMap(event => (event.event === 'resource.update' ? [event.data] : [])));
    };
    client.subscribe(channel, event => event.event === 'resource.update' && hear([event.data]), {
      signal,
      onJoined: () => void onJoined().catch(() => {}), // the next join asks again
    });
    return () => leaving.abort();
  }, [client, companyId]);
  return resources;
}

/** The backend's clock decides: news may overtake each other. */
function withNews(resources: ResourceUpdate[], news: ResourceUpdate): ResourceUpdate[] {
  const known = resources.find(({ resourceId }) => resourceId === news.resourceId);
  if (known && known.timestamp >= news.timestamp) return resources;
  return [news, ...resources.filter(resource => resource !== known)].slice(0, SHOWN_MAX);
}
