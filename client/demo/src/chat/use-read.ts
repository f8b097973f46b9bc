import type { Messages, UseConversation } from 'funnelcast/react';
import { type RefObject, useCallback, useEffect } from 'react';

/** Marks the unread messages as read while the user looks at them: the page is visible, and the focus is inside of `chat`. */
export function useRead(
  chat: RefObject<HTMLElement | null>,
  unread: Messages,
  markAsRead: UseConversation['markAsRead'],
  onRead: (seq: number) => void,
): void {
  const last = unread.at(-1)?.seq ?? 0;
  const look = useCallback(() => {
    if (last === 0 || document.hidden || !chat.current?.contains(document.activeElement)) return;
    // Waits for a connection if there is none: a message that has been read stays read.
    onRead(last);
    markAsRead().catch(() => {});
  }, [chat, last, markAsRead, onRead]);
  useEffect(() => {
    look();
    const looking = new AbortController();
    document.addEventListener('visibilitychange', look, looking);
    document.addEventListener('focusin', look, looking);
    return () => looking.abort();
  }, [look]);
}
