import { useClient } from 'funnelcast/react';
import { useEffect, useState } from 'react';

/** Why the user has been removed from the conversation, if they have. */
export function useRemoval(conversationId: string): string | undefined {
  const client = useClient();
  const [reason, setReason] = useState<string>();
  useEffect(() => {
    const { unsubscribe } = client.subscribe(`conversation:${conversationId}`, event => {
      if (event.event === 'access.revoked') setReason(event.data.reason);
    });
    return unsubscribe;
  }, [client, conversationId]);
  return reason;
}
