/**
 * The time limit of the state that a call is in.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { limitOf, type Machine } from './machine.js';

/** Counts the time of one state after another. */
export class TimeLimit {
  readonly #env: Environment;
  readonly #passed: () => void;
  #state = '';
  #cancel = () => {};

  /** @param passed - called when a state has lasted for as long as it may */
  constructor(env: Environment, passed: () => void) {
    this.#env = env;
    this.#passed = passed;
  }

  /** Takes note of the state. The time of the one before it no longer counts. */
  follow(machine: Machine): void {
    const ms = limitOf(machine);
    const state = `${machine.phase} ${machine.callId} ${ms}`;
    if (state === this.#state) return;
    this.end();
    this.#state = state;
    if (ms !== undefined) this.#cancel = this.#env.after(ms, this.#passed);
  }

  /** Counts no longer. */
  end(): void {
    this.#state = '';
    this.#cancel();
  }
}
