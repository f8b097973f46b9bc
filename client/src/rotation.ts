/**
 * Replacing a socket before it is cut: API Gateway ends every connection after 2 hours, and a token's end ends it too.
 * The second socket is up, with all channels joined, before the first one is closed, so nothing is missed and nobody
 * sees the user go.
 *
 * @module
 */

import type { Environment } from './environment.js';
import { toError } from './errors.js';
import { persist, retryDelay } from './link.js';
import type { Socket } from './socket.js';

/** API Gateway's limit on a connection's age is 2 hours. */
const ROTATE_MS = 110 * 60_000;
/** Up to so much earlier, so that the clients that one outage sent here do not all rotate at once. */
const ROTATE_SPREAD_MS = 10 * 60_000;
/** How long before its token's end. */
const EXPIRY_MARGIN_MS = 60_000;
/** Never more often than this, whatever a token says. */
const ROTATE_MS_MIN = 30_000;

/** What a rotation does to its connection. */
interface RotationHooks {
  open(attempt: AbortController): Promise<Socket>;
  opened(socket: Socket): Promise<unknown>;
  /** Puts `next` in the place of `old`, which retires. */
  replace(old: Socket, next: Socket): void;
}

/** The plan to replace the socket in use. */
export class Rotation {
  /** Whose connection it is. */
  user: string | undefined;
  readonly #env: Environment;
  readonly #hooks: RotationHooks;
  #expiresAt = '';
  #attempt: AbortController | undefined;
  #cancelTimer = () => {};

  constructor(env: Environment, hooks: RotationHooks) {
    this.#env = env;
    this.#hooks = hooks;
  }

  /** Plans the replacement of this socket, which has just opened. */
  plan(socket: Socket, replacesAnother = false): void {
    this.#rotateIn(socket, ROTATE_MS - ROTATE_SPREAD_MS * this.#env.random());
    persist(this.#env, () => socket.request('status', {})).then(
      ({ user, connectedAt, expiresAt }) => {
        this.user = user;
        const isFresh = !replacesAnother || expiresAt > this.#expiresAt;
        this.#expiresAt = expiresAt;
        // Both times are the server's, so its clock and ours may differ.
        const ms = Date.parse(expiresAt) - Date.parse(connectedAt) - EXPIRY_MARGIN_MS;
        const isEarlier = isFresh && ms < ROTATE_MS - ROTATE_SPREAD_MS;
        if (isEarlier && socket.isOpen) this.#rotateIn(socket, Math.max(ms, ROTATE_MS_MIN));
      },
      () => {}, // the age is reason enough
    );
  }

  /** Forgets the plan, and ends a rotation that is under way. */
  cancel(): void {
    this.#cancelTimer();
    this.#attempt?.abort();
    this.#attempt = undefined;
  }

  #rotateIn(socket: Socket, ms: number, failures = 0): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#env.after(ms, () => {
      const attempt = new AbortController();
      this.#attempt = attempt;
      this.#rotate(socket, attempt).catch(thrown => {
        // The old one still serves. When it is cut after all, that is a lost connection like any other.
        const wait = retryDelay(this.#env, toError(thrown), failures + 1) + ROTATE_MS_MIN;
        if (this.#attempt === attempt) this.#rotateIn(socket, wait, failures + 1);
      });
    });
  }

  async #rotate(old: Socket, attempt: AbortController): Promise<void> {
    const next = await this.#hooks.open(attempt);
    await this.#hooks.opened(next);
    if (this.#attempt !== attempt) return next.end('not needed');
    if (!next.isOpen) throw new Error('ended before the first');
    this.#hooks.replace(old, next);
    this.plan(next, true);
  }
}
