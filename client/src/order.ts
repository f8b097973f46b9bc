/**
 * Every durable event of a channel once, and in the order of its seqs, whatever comes twice, late, or not at all.
 *
 * Pure: no clock and no network. What it is told comes from the live socket, where events may repeat, overtake each
 * other and be lost, or from the log, which is read in pieces that have no hole but where events have expired.
 *
 * @module
 */

/** How many events wait at most for one before them; what is beyond is read from the log. */
const HELD_MAX = 500;

/** An event that has its place in the log. */
export interface Sequenced {
  seq: number;
}

/** Puts the events of one channel in order. */
export class Order<E extends Sequenced> {
  /** All up to this seq have been told, or are gone for good. Not known before the channel is first joined. */
  last: number | undefined;
  /** The highest seq that was heard of. */
  seen = 0;
  readonly #tell: (event: E) => void;
  readonly #lose: (after: number, next: number) => void;
  readonly #isStopped: () => boolean;
  readonly #held = new Map<number, E>();

  /**
   * @param tell - called with each event, once, in order
   * @param lose - called where events are gone for good: those after `after`, up to but without `next`
   * @param isStopped - whether nothing is to be told just now; we then stay where we are
   */
  constructor(
    tell: (event: E) => void,
    lose: (after: number, next: number) => void,
    isStopped = () => false,
  ) {
    this.#tell = tell;
    this.#lose = lose;
    this.#isStopped = isStopped;
  }

  /** Whether something is missing that the log must have. */
  get isBehind(): boolean {
    return this.last !== undefined && this.seen > this.last;
  }

  /** An event as it comes from the socket. */
  live(event: E): void {
    this.hearOf(event.seq);
    if (this.last !== undefined && event.seq <= this.last) return;
    const isNext = event.seq === (this.last ?? -1) + 1;
    if (isNext || this.#held.size < HELD_MAX) this.#held.set(event.seq, event);
    this.#drain();
  }

  /** A piece of the log that begins at or before the event after {@link last}. */
  log(events: readonly E[]): void {
    for (const event of events) {
      if (this.#isStopped()) return;
      if (this.last === undefined || event.seq > this.last) {
        this.#moveTo(event.seq - 1);
        this.#advance(event);
      }
    }
    this.#drain();
  }

  /** The log has been read to its end: whatever is not there up to `seq` is gone. */
  logEnd(seq: number): void {
    const left = [...this.#held.values()].filter(event => event.seq <= seq);
    this.log(left.sort((a, b) => a.seq - b.seq));
    if (this.#isStopped()) return;
    if (this.last === undefined || this.last < seq) this.#moveTo(seq);
    this.#drain();
  }

  /** The channel is joined for the first time: `head` is its last seq, and what follows it will come. */
  begin(head: number): void {
    if (this.last === undefined) this.#moveTo(head);
    this.#drain();
  }

  /** The channel is joined again, but what came after `since` can't be told: we go on from `head`. */
  beginAnew(head: number, since: number): void {
    if (this.#isStopped()) return;
    // The log itself may have begun anew, lower than it was; else what we know meanwhile stays known.
    if (head < since) this.seen = head;
    this.#moveTo(head < since ? head : Math.max(head, this.last ?? 0));
    this.#drain();
  }

  /** The log has come so far. */
  hearOf(seq: number): void {
    this.seen = Math.max(this.seen, seq);
  }

  #moveTo(seq: number): void {
    const after = this.last;
    this.last = seq;
    if (after !== undefined && after !== seq) this.#lose(after, seq + 1);
    for (const held of this.#held.keys()) if (held <= seq) this.#held.delete(held);
  }

  #drain(): void {
    while (this.last !== undefined && !this.#isStopped()) {
      const next = this.#held.get(this.last + 1);
      if (!next) return;
      this.#advance(next);
    }
  }

  #advance(event: E): void {
    this.last = event.seq;
    this.#held.delete(event.seq);
    this.#tell(event);
  }
}
