/**
 * What has happened to a call, and has not been taken yet: one thing is taken after the other.
 *
 * @module
 */

import type { Input } from './machine.js';

/** The inputs of a machine. */
export class Inputs {
  readonly #take: (input: Input) => void;
  readonly #closed: () => void;
  #waiting: Input[] = [];
  /**
   * Whether nothing is taken yet, or any more; whether something is being taken, after which, with `closing`, nothing is taken any
   * more; or whether whatever comes is taken at once.
   */
  #state: 'held' | 'busy' | 'closing' | 'free' = 'held';

  /**
   * @param take - takes an input; it may add others, and close the inputs
   * @param closed - called when the last one has been taken
   */
  constructor(take: (input: Input) => void, closed: () => void) {
    this.#take = take;
    this.#closed = closed;
  }

  /** Takes an input, once those before it have been taken. */
  add(input: Input): void {
    if (this.#state === 'closing') return;
    this.#waiting.push(input);
    if (this.#state === 'free') this.open();
  }

  /** Takes what waits, and from now on whatever comes. */
  open(): void {
    this.#state = 'busy';
    for (let input = this.#waiting.shift(); input; input = this.#waiting.shift()) this.#take(input);
    if (this.#state === 'busy') this.#state = 'free';
    else this.#hold();
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = [];
  }

  /** Takes nothing any more. While something is being taken, what waits is taken before, and then `last`. */
  close(last: Input): void {
    if (this.#state === 'closing') return;
    if (this.#state !== 'busy') return this.#hold();
    this.#waiting.push(last);
    this.#state = 'closing';
  }

  #hold(): void {
    this.#state = 'held';
    this.#waiting = [];
    this.#closed();
  }
}
