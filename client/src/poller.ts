/**
 * Reading what is new by HTTP, again and again, while WebSockets fail.
 *
 * @module
 */

import type { Environment } from './environment.js';
import type { Feed } from './feed.js';
import type { Link } from './link.js';
import { pause } from './waiting.js';

/** HTTP, as the poller uses it. */
interface PollLink extends Link {
  /** Asks whether the server can be reached. */
  probe(): Promise<void>;
}

/** Polls the feeds, round after round. */
export class Poller {
  readonly #env: Environment;
  readonly #link: PollLink;
  readonly #intervalMs: number;
  #running: AbortController | undefined;

  constructor(env: Environment, link: PollLink, intervalMs: number) {
    this.#env = env;
    this.#link = link;
    this.#intervalMs = intervalMs;
  }

  /** Begins or ends. */
  run(isWanted: boolean, joined: () => Iterable<Feed>): void {
    if (isWanted === (this.#running !== undefined)) return;
    this.#running?.abort();
    this.#running = isWanted ? new AbortController() : undefined;
    if (this.#running) void this.#poll(joined, this.#running.signal).catch(() => {}); // ends by being aborted
  }

  async #poll(joined: () => Iterable<Feed>, signal: AbortSignal): Promise<void> {
    for (;;) {
      // Nobody listens yet, but an app may wait for the connection before it does.
      if ([...joined()].length === 0) await this.#link.probe().catch(() => {});
      await pause(this.#env, this.#intervalMs, signal);
      // One by one: who polls is in trouble already, and so may be the server.
      for (const feed of [...joined()]) {
        await feed.refresh(this.#link);
        signal.throwIfAborted();
      }
    }
  }
}
