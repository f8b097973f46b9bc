/**
 * What has no place in a channel's log: of a metric the latest value counts, and everything else is told as often as it
 * happened.
 *
 * @module
 */

import type { AnyEvent, EventOf } from './channels.js';

/** How many of the last events are remembered, to recognise those that come on both sockets of a rotation. */
const REMEMBERED_MAX = 256;

/** An event, by its text. */
interface Copies {
  /** How often it was told. */
  told: number;
  /** How often it came on each socket: equal events may happen within a millisecond. */
  heard: WeakMap<object, number>;
}

/** What is known of a channel for the moment. */
export class News {
  readonly #latest = new Map<string, AnyEvent>();
  readonly #copies = new Map<string, Copies>();

  /**
   * Takes an event without a seq. False: it is not to be told.
   *
   * @param source - the socket on which it came
   */
  hear(event: AnyEvent, source: object): boolean {
    return event.event === 'analytics.update' ? this.#isLater(event) : this.#isNew(event, source);
  }

  /** Keeps an event of the log where it is the last value of something, by its own time. */
  keep(event: AnyEvent): void {
    if (event.event !== 'funnel.update') return;
    const known = this.#latest.get(event.data.funnelId) as typeof event | undefined;
    if (known && event.data.timestamp < known.data.timestamp) return;
    this.#latest.set(event.data.funnelId, event);
  }

  /** The last value of each key. */
  latest(): AnyEvent[] {
    return [...this.#latest.values()];
  }

  #isLater(event: EventOf<'analytics.update'>): boolean {
    const { metric, funnelId, period, timestamp } = event.data;
    const name = JSON.stringify([metric, funnelId, period]);
    const known = this.#latest.get(name) as typeof event | undefined;
    // The same key is the same event, even where a retry has given it another time.
    if (known && (known.key === event.key || timestamp < known.data.timestamp)) return false;
    if (known && timestamp === known.data.timestamp && event.at < known.at) return false;
    this.#latest.set(name, event);
    return true;
  }

  #isNew(event: AnyEvent, source: object): boolean {
    const text = JSON.stringify(event);
    const copies = this.#copies.get(text) ?? { told: 0, heard: new WeakMap() };
    const count = (copies.heard.get(source) ?? 0) + 1;
    copies.heard.set(source, count);
    this.#copies.delete(text); // it is the newest now
    this.#copies.set(text, copies);
    if (this.#copies.size > REMEMBERED_MAX) this.#copies.delete(this.#copies.keys().next().value as string);
    if (count <= copies.told) return false;
    copies.told = count;
    return true;
  }
}
