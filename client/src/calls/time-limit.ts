/**
 * The time limits of the state that a call is in.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { limitsOf, type Machine } from './machine.js';

/** Counts the time of one state after another. */
export class TimeLimit {
  readonly #env: Pick<Environment, 'after'>;
  readonly #passed: () => void;
  /** What ends each limit that counts now. */
  readonly #counting = new Map<string, () => void>();

  /** @param passed - called when a state has lasted for as long as it may */
  constructor(env: Pick<Environment, 'after'>, passed: () => void) {
    this.#env = env;
    this.#passed = passed;
  }

  /** Takes note of the state. A limit that it had before goes on counting; one that it no longer has is dropped. */
  follow(machine: Machine): void {
    const limits = new Map(limitsOf(machine).map(ms => [`${machine.phase} ${machine.callId} ${ms}`, ms]));
    for (const [limit, cancel] of this.#counting) {
      if (limits.has(limit)) continue;
      cancel();
      this.#counting.delete(limit);
    }
    for (const [limit, ms] of limits) {
      if (!this.#counting.has(limit)) this.#counting.set(limit, this.#env.after(ms, this.#passed));
    }
  }

  /** Counts no longer. */
  end(): void {
    for (const cancel of this.#counting.values()) cancel();
    this.#counting.clear();
  }
}
