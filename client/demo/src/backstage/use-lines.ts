import { useEffect, useRef, useState } from 'react';
import { bus } from '../backend.js';
import type { Person } from '../people.js';
import type { BusEvent } from '../stack.js';

const LINES_MAX = 200;

/** A frame, an event on the bus, or a new state of a connection. */
export interface Line {
  number: number;
  at: Date;
  /** The name of the person, or `bus`. */
  source: string;
  direction: 'in' | 'out' | 'state';
  summary: string;
  body: unknown;
}

/** Collects lines since the component was mounted, the latest first. */
export function useLines(people: Person[]): { lines: Line[]; clear: () => void } {
  const [lines, setLines] = useState<Line[]>([]);
  const number = useRef(0);
  useEffect(() => {
    const add = (line: Pick<Line, 'source' | 'direction' | 'summary' | 'body'>) => {
      const whole = { ...line, number: number.current++, at: new Date() };
      setLines(before => [whole, ...before].slice(0, LINES_MAX));
    };
    /** The actions of the requests, by person and request id. */
    const asked = new Map<string, string>();
    const ends = people.flatMap(({ name: source, client }) => [
      client.on('frame', ({ direction, text }) => {
        const body = JSON.parse(text);
        if (direction === 'out') asked.set(source + body.id, body.action);
        add({ source, direction, summary: summaryOf(body, asked.get(source + body.id)), body });
      }),
      client.on('state', ({ state: summary, ...body }) => add({ source, direction: 'state', summary, body })),
    ]);
    const listening = new AbortController();
    bus.addEventListener(
      'put',
      event => {
        const { detailType, detail } = (event as CustomEvent<BusEvent>).detail;
        add({ source: 'bus', direction: 'out', summary: detailType, body: detail });
      },
      listening,
    );
    return () => {
      listening.abort();
      for (const end of ends) end();
    };
  }, [people]);
  return { lines, clear: () => setLines([]) };
}

/** The fields that are summarised, of any frame. */
interface Frame {
  action?: string;
  type?: string;
  channel?: string;
  event?: string;
  events?: unknown[];
  seq?: number;
  ok?: boolean;
  error?: { code: string };
}

/** Summarises a frame in a few words. For a reply, `asked` is the action of its request. */
function summaryOf(
  { action, type, channel = '', event = '', events, seq, ok, error }: Frame,
  asked?: string,
) {
  if (action) return `${action} ${event} ${channel}`;
  if (type === 'event') return `${event} ${channel}${seq === undefined ? '' : ` #${seq}`}`;
  if (type === 'batch') return `batch of ${events?.length}`;
  if (type === 'reply') return `${asked ?? 'reply'} ${ok ? 'ok' : error?.code}`;
  return type ?? 'message of the gateway';
}
