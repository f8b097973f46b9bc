import { useClient } from 'funnelcast/react';
import { useEffect } from 'react';

/** Says that the user is away while they look at another tab, and that they are back. */
export function useAway(conversationId: string): void {
  const client = useClient();
  useEffect(() => {
    const tell = () => {
      const status = document.hidden ? 'away' : 'online';
      // Of the moment: without a connection it is not told, and the next one begins as online.
      client.send(`conversation:${conversationId}`, 'presence.update', { status }).catch(() => {});
    };
    document.addEventListener('visibilitychange', tell);
    return () => document.removeEventListener('visibilitychange', tell);
  }, [client, conversationId]);
}
