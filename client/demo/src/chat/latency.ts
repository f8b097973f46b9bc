/**
 * How long messages took, measured where it counts: from the moment in which a message was written to the moment in which
 * somebody sees it, or in which its author sees that the server has it.
 *
 * @module
 */

import type { ConversationMessage, Messages } from 'funnelcast/react';
import { useLayoutEffect, useState } from 'react';

/** The metadata by which the readers of a message know when it was written. Their clocks are the same one here. */
export function stamped(): { writtenAt: number } {
  return { writtenAt: Date.now() };
}

/** When a message was written, if its author has stamped it. */
export function writtenAt({ metadata }: Pick<ConversationMessage, 'metadata'>): number | undefined {
  const at = metadata?.['writtenAt'];
  return typeof at === 'number' ? at : undefined;
}

/**
 * The latencies in milliseconds of the messages that arrived or were acknowledged while this component was mounted, by their
 * keys. Messages that were there before have none, because nobody has measured them.
 */
export function useLatencies(messages: Messages, isLoading: boolean): ReadonlyMap<string, number> {
  const [head, setHead] = useState<number>();
  const [latencies, setLatencies] = useState<ReadonlyMap<string, number>>(new Map());
  useLayoutEffect(() => {
    if (isLoading) return;
    if (head === undefined) setHead(lastSeq(messages));
    const measured = messages.flatMap(message => {
      const { key, seq } = message;
      const since = writtenAt(message);
      const isNew = head !== undefined && seq !== undefined && seq > head && !latencies.has(key);
      return isNew && since !== undefined ? [[key, Math.max(Date.now() - since, 0)] as const] : [];
    });
    if (measured.length > 0) setLatencies(new Map([...latencies, ...measured]));
  }, [messages, isLoading, head, latencies]);
  return latencies;
}

/** A latency in words: `38 ms`, `12.4 s`. */
export function inWords(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function lastSeq(messages: Messages): number {
  return messages.reduce((last, { seq = 0 }) => Math.max(last, seq), 0);
}
