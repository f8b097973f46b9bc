import type { Messages, UseConversation } from 'funnelcast/react';
import { type RefObject, useCallback, useEffect, useState } from 'react';

/**
 * Marks the unread messages as read while the user looks at them: the page is visible, and the focus is inside of `chat`.
 *
 * @returns the messages that the user has not looked at
 */
export function useRead(
  chat: RefObject<HTMLElement | null>,
  unread: Messages,
  markAsRead: UseConversation['markAsRead'],
): Messages {
  /** Up to where the user has looked, of which the server may not know yet. */
  const [seen, setSeen] = useState(0);
  const fresh = unread.filter(({ seq = 0 }) => seq > seen);
  const last = fresh.at(-1)?.seq ?? 0;
  const look = useCallback(() => {
    if (last === 0 || document.hidden || !chat.current?.contains(document.activeElement)) return;
    setSeen(last);
    // Waits for a connection if there is none: a message that has been read stays read.
    markAsRead().catch(() => {});
  }, [chat, last, markAsRead]);
  useEffect(() => {
    look();
    const looking = new AbortController();
    document.addEventListener('visibilitychange', look, looking);
    document.addEventListener('focusin', look, looking);
    return () => looking.abort();
  }, [look]);
  return fresh;
}

/**
 * The messages of others above `readN`, up to which the user has nothing left to read. There are none until that is known.
 * Whoever has answered has read.
 */
export function unreadOf(messages: Messages, me: string, readN = Number.POSITIVE_INFINITY): Messages {
  const answered = messages.reduce(
    (last, { userId, n = 0 }) => (userId === me ? Math.max(last, n) : last),
    0,
  );
  const read = Math.max(readN, answered);
  return messages.filter(({ n = 0, userId }) => userId !== me && n > read);
}
