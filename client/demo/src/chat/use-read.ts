import { type UseConversation, useClient } from 'funnelcast/react';
import { type RefObject, useCallback, useEffect, useState } from 'react';

/**
 * Marks the conversation as read while the user looks at it: the page is visible, and the focus is inside of `chat`.
 * Returns the number of unread messages of others, or 0 until the server has told what the user has read.
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
    // Waits for a connection if there is none: a message that has been read stays read.
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

/** The last seq that the user has read: first as the server knows it, then as this page does. */
function useReadUpTo(conversationId: string, me: string) {
  const client = useClient();
  const [readUpTo, setReadUpTo] = useState(Number.POSITIVE_INFINITY);
  useEffect(() => {
    const leaving = new AbortController();
    client.receipts(`conversation:${conversationId}`, leaving).then(
      users => setReadUpTo(users.find(({ userId }) => userId === me)?.read ?? 0),
      () => {}, // the user may not join, or the component has been unmounted
    );
    return () => leaving.abort();
  }, [client, conversationId, me]);
  return [readUpTo, setReadUpTo] as const;
}
