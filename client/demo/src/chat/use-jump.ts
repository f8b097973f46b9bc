import type { UseConversation } from 'funnelcast/react';
import { type RefObject, useEffect, useRef, useState } from 'react';

/**
 * Leads to a message of the list: loads older pages until it is there, brings it into view, and gives it the focus.
 *
 * @param openAt - the seq of the message that it leads to at first
 * @returns the ref of the list, and the function that leads to the message with a seq
 */
export function useJump(
  { messages, hasOlder, isLoading, isLoadingOlder, loadOlder }: UseConversation,
  openAt: number | undefined,
): [RefObject<HTMLOListElement | null>, (seq: number) => void] {
  const list = useRef<HTMLOListElement>(null);
  const [target, setTarget] = useState(openAt);
  // biome-ignore lint/correctness/useExhaustiveDependencies: looks again when more messages are shown
  useEffect(() => {
    if (target === undefined || isLoading || isLoadingOlder) return;
    const message = list.current?.querySelector<HTMLElement>(`[data-seq="${target}"]`);
    if (!message && hasOlder) return void loadOlder();
    setTarget(undefined);
    message?.scrollIntoView({ block: 'center' });
    message?.focus({ preventScroll: true });
  }, [target, messages, hasOlder, isLoading, isLoadingOlder, loadOlder]);
  return [list, setTarget];
}
