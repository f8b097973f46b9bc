/**
 * Asking for what is new by HTTP, while WebSockets fail.
 *
 * @module
 */

import { hasLog } from './channels.js';
import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';
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
  run(isWanted: boolean, feeds: Iterable<Feed>): void {
    if (isWanted === (this.#running !== undefined)) return;
    this.#running?.abort();
    this.#running = isWanted ? new AbortController() : undefined;
    if (this.#running) void this.#poll(feeds, this.#running.signal).catch(() => {}); // ends by being aborted
  }

  async #poll(feeds: Iterable<Feed>, signal: AbortSignal): Promise<void> {
    const refused = new Set<Feed>();
    for (;;) {
      let isIdle = true;
      // One by one: who polls is in trouble already, and so may be the server.
      for (const feed of [...feeds]) {
        signal.throwIfAborted();
        if (!hasLog(feed.channel) || refused.has(feed)) continue;
        isIdle = false;
        // What the server will not give is not asked for again; what fails otherwise is.
        await this.#read(feed).catch(error => isFinal(error) && refused.add(feed));
      }
      // Nobody listens yet, but an app may wait for the connection before it does.
      if (isIdle) await this.#link.probe().catch(() => {});
      await pause(this.#env, this.#intervalMs, signal);
    }
  }

  async #read(feed: Feed): Promise<void> {
    await feed.join(this.#link);
    await feed.catchUp(this.#link).catch(error => {
      if (isFinal(error)) feed.refuse(error);
      throw error;
    });
  }
}

function isFinal(error: unknown): error is FunnelcastError {
  return (
    error instanceof FunnelcastError && !/^(disconnected|timeout|internal|rate_limited)$/.test(error.code)
  );
}
