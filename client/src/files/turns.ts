/**
 * Turns: a limited number of tasks runs at a time, the others wait in their order.
 *
 * @module
 */

import { type Deferred, deferred, unlessAborted } from '../waiting.js';

/** Lets a limited number of tasks run at a time. */
export class Turns {
  #free: number;
  readonly #waiting: Deferred<void>[] = [];

  /** @param atOnce - how many tasks may run at a time */
  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Runs a task when it is its turn; rejects with the reason of the signal if that is aborted before. */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const turn = deferred<void>();
    this.#waiting.push(turn);
    try {
      await unlessAborted(turn.promise, signal);
    } catch (error) {
      const place = this.#waiting.indexOf(turn);
      if (place >= 0) this.#waiting.splice(place, 1);
      else this.#next(); // it was its turn already
      throw error;
    }
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve();
    else this.#free += 1;
  }
}
