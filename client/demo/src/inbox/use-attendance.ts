import { watchTyping } from 'funnelcast';
import { useClient, usePresence } from 'funnelcast/react';
import { useEffect, useState } from 'react';

/** Follows whether a participant of a conversation is there, when they were last if they are not, and whether they are typing. */
export function useAttendance(conversationId: string, participant: string) {
  const client = useClient();
  const channel = `conversation:${conversationId}` as const;
  const { users } = usePresence(channel);
  const status = users.find(({ userId }) => userId === participant)?.status ?? 'offline';
  const [lastSeen, setLastSeen] = useState<Date>();
  const [isTyping, setTyping] = useState(false);
  useEffect(() => {
    setLastSeen(undefined);
    if (status !== 'offline') return;
    const ended = new AbortController();
    client.presence(channel, ended).then(
      ({ absent = [] }) => {
        const at = absent.find(({ userId }) => userId === participant)?.lastSeen;
        if (at !== undefined && !ended.signal.aborted) setLastSeen(new Date(at));
      },
      () => {}, // the next change of the status asks again
    );
    return () => ended.abort();
  }, [client, channel, participant, status]);
  useEffect(
    () =>
      watchTyping(client, channel, ({ userId, isTyping }) => userId === participant && setTyping(isTyping)),
    [client, channel, participant],
  );
  return { status, lastSeen, isTyping };
}
