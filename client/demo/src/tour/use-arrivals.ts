import type { Client } from 'funnelcast';
import { useEffect, useState } from 'react';

/** A message of a conversation, as one of its members received it. */
export interface Arrival {
  seq: number;
  content: string;
  /** When it arrived, by the clock of the page. */
  at: number;
  /** How long that took since it was written, in milliseconds. */
  tookMs: number;
}

/** The messages that a client has received since the component was mounted, its own ones too, in the order of arrival. */
export function useArrivals(client: Client, conversationId: string): readonly Arrival[] {
  const [arrivals, setArrivals] = useState<readonly Arrival[]>([]);
  useEffect(() => {
    const { unsubscribe } = client.subscribe(`conversation:${conversationId}`, event => {
      if (event.event !== 'chat.message') return;
      const { content, metadata } = event.data;
      const at = Date.now();
      const arrival = {
        seq: event.seq ?? 0,
        content,
        at,
        tookMs: at - Number(metadata?.['writtenAt'] ?? at),
      };
      setArrivals(known => [...known, arrival]);
    });
    return () => {
      unsubscribe();
      setArrivals([]);
    };
  }, [client, conversationId]);
  return arrivals;
}
