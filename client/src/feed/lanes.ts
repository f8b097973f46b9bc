/**
 * The lanes of a channel, and what each promises its listeners: durable events come once and in the order of their `seq`,
 * of the latest values the newest counts, and ephemeral events come as often as they happened.
 *
 * Everything here is pure: no clock and no network. A live event may arrive twice, late or not at all. A log is read in
 * pieces without a hole, except where events have expired.
 *
 * @module
 */

import type { AnyEvent, EventOf } from '../channels.js';

/** How many events are held for one before them that is missing. Any others are read from the log. */
const HELD_MAX = 500;
/** How many of the last ephemeral events are remembered, to recognise those that arrive on both sockets of a rotation. */
const REMEMBERED_MAX = 256;

/** An event with a place in the log. */
export interface Sequenced {
  seq: number;
}

/** The durable lane: emits each event of the log once and in order. */
export class Sequence<E extends Sequenced> {
  /** All events up to this seq have been emitted, or are lost. Unknown until the channel is first joined. */
  last: number | undefined;
  /** The highest seq that is known to exist. */
  highest = 0;
  readonly #emit: (event: E) => void;
  readonly #lose: (after: number, next: number) => void;
  readonly #isStopped: () => boolean;
  readonly #late: (event: E) => void;
  readonly #held = new Map<number, E>();

  /**
   * @param emit - called with each event, once and in order
   * @param lose - called when events are lost: those after `after` and before `next`
   * @param isStopped - whether nothing may be emitted now; the sequence then stays where it is
   * @param late - called with each live event up to {@link last}: it has been emitted, or the join began after it. The server
   * reads the latest values beside the head, so the value of such an event may have been in neither
   */
  constructor(
    emit: (event: E) => void,
    lose: (after: number, next: number) => void,
    isStopped: () => boolean,
    late: (event: E) => void,
  ) {
    this.#emit = emit;
    this.#lose = lose;
    this.#isStopped = isStopped;
    this.#late = late;
  }

  /** Whether an event is missing that the log must have. */
  get isBehind(): boolean {
    return this.last !== undefined && this.highest > this.last;
  }

  /** Takes a live event. */
  receive(event: E): void {
    this.noteHead(event.seq);
    if (this.last !== undefined && event.seq <= this.last) return this.#late(event);
    const isNext = event.seq === (this.last ?? -1) + 1;
    if (isNext || this.#held.size < HELD_MAX) this.#held.set(event.seq, event);
    this.#emitHeld();
  }

  /** Takes a piece of the log that begins at or before the event after {@link last}. */
  readLog(events: readonly E[]): void {
    for (const event of events) {
      if (this.#isStopped()) return;
      if (this.last === undefined || event.seq > this.last) {
        this.#moveTo(event.seq - 1);
        this.#advance(event);
      }
    }
    this.#emitHeld();
  }

  /** The log has been read to its end: events up to `seq` that were not in it are lost. */
  endOfLog(seq: number): void {
    this.readLog(this.#heldUpTo(seq).sort((a, b) => a.seq - b.seq));
    if (this.#isStopped()) return;
    if (this.last === undefined || this.last < seq) this.#moveTo(seq);
    this.#emitHeld();
  }

  /** The channel has been joined for the first time: the events after `head` will follow. */
  begin(head: number): void {
    if (this.last === undefined) {
      const late = this.#heldUpTo(head);
      this.#moveTo(head);
      for (const event of late) this.#late(event);
    }
    this.#emitHeld();
  }

  /** The channel has been joined again, but the events after `since` cannot be recovered: continues from `head`. */
  restart(head: number, since: number): void {
    if (this.#isStopped()) return;
    // The log itself may have restarted, below where it was. Otherwise nothing that is known becomes unknown.
    if (head < since) this.highest = head;
    this.#moveTo(head < since ? head : Math.max(head, this.last ?? 0));
    this.#emitHeld();
  }

  /** Takes note that the log has reached `seq`. */
  noteHead(seq: number): void {
    this.highest = Math.max(this.highest, seq);
  }

  /** The events up to `seq` that have arrived and have not been emitted. */
  #heldUpTo(seq: number): E[] {
    return [...this.#held.values()].filter(event => event.seq <= seq);
  }

  #moveTo(seq: number): void {
    const after = this.last;
    this.last = seq;
    if (after !== undefined && after !== seq) this.#lose(after, seq + 1);
    for (const held of this.#held.keys()) if (held <= seq) this.#held.delete(held);
  }

  #emitHeld(): void {
    while (this.last !== undefined && !this.#isStopped()) {
      const next = this.#held.get(this.last + 1);
      if (!next) return;
      this.#advance(next);
    }
  }

  #advance(event: E): void {
    this.last = event.seq;
    this.#held.delete(event.seq);
    this.#emit(event);
  }
}

/** The latest lane: the newest value of each key, by the time at which it was published. */
export class LatestValues {
  readonly #values = new Map<string, AnyEvent>();

  /** The newest value of each key. */
  get all(): AnyEvent[] {
    return [...this.#values.values()];
  }

  /** Keeps an event of the log if it is the newest of its key; returns whether it is newer than the one before. */
  keep(event: AnyEvent): boolean {
    if (event.event !== 'funnel.update') return false;
    const known = this.#values.get(event.data.funnelId) as typeof event | undefined;
    if (known && event.data.timestamp < known.data.timestamp) return false;
    this.#values.set(event.data.funnelId, event);
    return !known || event.data.timestamp > known.data.timestamp;
  }

  /** Keeps the value of a metric; returns whether it is newer than the one before. */
  update(event: EventOf<'analytics.update'>): boolean {
    const { metric, funnelId, period, timestamp } = event.data;
    const name = JSON.stringify([metric, funnelId, period]);
    const known = this.#values.get(name) as typeof event | undefined;
    // The same key means the same event, even if a retry has given it another time.
    const isOlder = (than: typeof event) =>
      timestamp === than.data.timestamp ? event.at < than.at : timestamp < than.data.timestamp;
    if (known && (known.key === event.key || isOlder(known))) return false;
    this.#values.set(name, event);
    return true;
  }
}

interface Copies {
  /** How often the event has been emitted. */
  emitted: number;
  /** How often it has arrived on each socket. Equal events may happen within a millisecond. */
  received: WeakMap<object, number>;
}

/** The ephemeral lane: recognises the copies of an event that arrive on both sockets of a rotation. */
export class Duplicates {
  readonly #copies = new Map<string, Copies>();

  /**
   * Takes note of an event; returns whether it is new.
   *
   * @param source - the socket on which it arrived
   */
  isNew(event: AnyEvent, source: object): boolean {
    const text = JSON.stringify(event);
    const copies = this.#copies.get(text) ?? { emitted: 0, received: new WeakMap() };
    const count = (copies.received.get(source) ?? 0) + 1;
    copies.received.set(source, count);
    this.#copies.delete(text); // it becomes the newest entry
    this.#copies.set(text, copies);
    if (this.#copies.size > REMEMBERED_MAX) this.#copies.delete(this.#copies.keys().next().value as string);
    if (count <= copies.emitted) return false;
    copies.emitted = count;
    return true;
  }
}
