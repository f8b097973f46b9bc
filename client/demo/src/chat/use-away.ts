import { useClient } from 'funnelcast/react';
import { useEffect } from 'react';

/** Sets the user's status to away while they look at another tab. */
export function useAway(conversationId: string): void {
  const client = useClient();
  useEffect(() => {
    const tell = () => {
      const status = document.hidden ? 'away' : 'online';
      // Without a connection this fails. The client sends the last status again on the next one.
      client.send(`conversation:${conversationId}`, 'presence.update', { status }).catch(() => {});
    };
    document.addEventListener('visibilitychange', tell);
    return () => document.removeEventListener('visibilitychange', tell);
  }, [client, conversationId]);
}
