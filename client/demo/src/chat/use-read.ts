import { type UseConversation, useClient } from 'funnelcast/react';
import { type RefObject, useCallback, useEffect, useState } from 'react';

/**
 * Marks the conversation as read while the user is in it: the page is seen, and the focus is inside of `chat`. Returns how
 * many messages of others they have not read; 0 until the server has said how far they had come.
 */
export function useRead(
  chat: RefObject<HTMLElement | null>,
  conversationId: string,
  me: string,
  { messages, markAsRead }: Pick<UseConversation, 'messages' | 'markAsRead'>,
): number {
  const [readUpTo, setReadUpTo] = useReadUpTo(conversationId, me);
  const unread = messages.filter(({ seq = 0, userId }) => userId !== me && seq > readUpTo);
  const last = unread.at(-1)?.seq ?? 0;
  const look = useCallback(() => {
    if (last === 0 || document.hidden || !chat.current?.contains(document.activeElement)) return;
    // Told when there is a connection again, if there is none now: what has been read stays read.
    setReadUpTo(last);
    markAsRead().catch(() => {});
  }, [chat, last, markAsRead, setReadUpTo]);
  useEffect(() => {
    look();
    const looking = new AbortController();
    document.addEventListener('visibilitychange', look, looking);
    document.addEventListener('focusin', look, looking);
    return () => looking.abort();
  }, [look]);
  return unread.length;
}

/** How far the user has read: as the server knows it, then as we do. */
function useReadUpTo(conversationId: string, me: string) {
  const client = useClient();
  const [readUpTo, setReadUpTo] = useState(Number.POSITIVE_INFINITY);
  useEffect(() => {
    const leaving = new AbortController();
    client.receipts(`conversation:${conversationId}`, leaving).then(
      users => setReadUpTo(users.find(({ userId }) => userId === me)?.read ?? 0),
      () => {}, // we may not join, or have left
    );
    return () => leaving.abort();
  }, [client, conversationId, me]);
  return [readUpTo, setReadUpTo] as const;
}
