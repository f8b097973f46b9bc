/**
 * What has no place in a channel's log: of a metric the latest value counts, and the rest is told once.
 *
 * @module
 */

import type { AnyEvent, EventOf } from './channels.js';

/** How many of the last events are remembered, to know those that come twice: on both sockets of a rotation. */
const REMEMBERED_MAX = 32;

/** What is known of a channel for the moment. */
export class News {
  readonly #latest = new Map<string, AnyEvent>();
  readonly #remembered: string[] = [];

  /** Takes an event without a seq. False: it is not news. */
  hear(event: AnyEvent): boolean {
    return event.event === 'analytics.update' ? this.#isLater(event) : this.#isNew(event);
  }

  /** Keeps an event of the log where it is the last value of something. */
  keep(event: AnyEvent): void {
    if (event.event === 'funnel.update') this.#latest.set(event.data.funnelId, event);
  }

  /** The last value of each key. */
  latest(): AnyEvent[] {
    return [...this.#latest.values()];
  }

  #isLater(event: EventOf<'analytics.update'>): boolean {
    const { metric, funnelId, period } = event.data;
    const name = JSON.stringify([metric, funnelId, period]);
    const known = this.#latest.get(name);
    // The same key is the same event, even where a retry has given it another time.
    if (known && (known.key === event.key || event.at < known.at)) return false;
    this.#latest.set(name, event);
    return true;
  }

  #isNew(event: AnyEvent): boolean {
    const text = JSON.stringify(event);
    if (this.#remembered.includes(text)) return false;
    if (this.#remembered.push(text) > REMEMBERED_MAX) this.#remembered.shift();
    return true;
  }
}
