/**
 * Rotation: replaces a socket before it is cut off. API Gateway ends every connection after 2 hours, and the expiry of a
 * token ends it too. The second socket has joined all channels before the first one is closed, so no event is missed and
 * no other user sees this one leave.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { toError } from '../errors.js';
import { retry, retryDelay } from '../waiting.js';
import type { Socket } from './socket.js';

/** When to replace a socket. API Gateway's limit is 2 hours. */
const ROTATE_MS = 110 * 60_000;
/** How much earlier that may be, at random, so that clients that connected together do not all rotate together. */
const ROTATE_SPREAD_MS = 10 * 60_000;
/** How long before its token expires a socket is replaced. */
const EXPIRY_MARGIN_MS = 60_000;
/** The shortest time between two rotations, whatever the token's expiry. */
const ROTATE_MS_MIN = 30_000;

/** What a rotation does to its connection. */
interface RotationHooks {
  open(attempt: AbortController): Promise<Socket>;
  opened(socket: Socket): Promise<unknown>;
  /** Puts `next` in the place of `old`, which then retires. */
  replace(old: Socket, next: Socket): void;
}

/** Plans and carries out the replacement of the socket in use. */
export class Rotation {
  /** The user, as the server knows them. */
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

  /** Plans the replacement of a socket that has just opened. */
  plan(socket: Socket, isReplacement = false): void {
    this.#rotateIn(socket, ROTATE_MS - ROTATE_SPREAD_MS * this.#env.random());
    retry(this.#env, () => socket.request('status', {})).then(
      ({ user, connectedAt, expiresAt, leaseSeconds }) => {
        socket.setLease(leaseSeconds);
        this.user = user;
        const isFresh = !isReplacement || expiresAt > this.#expiresAt;
        this.#expiresAt = expiresAt;
        // Both times are the server's, because its clock and this one may differ.
        const ms = Date.parse(expiresAt) - Date.parse(connectedAt) - EXPIRY_MARGIN_MS;
        const isEarlier = isFresh && ms < ROTATE_MS - ROTATE_SPREAD_MS;
        if (isEarlier && socket.isOpen) this.#rotateIn(socket, Math.max(ms, ROTATE_MS_MIN));
      },
      () => {}, // the socket is still replaced because of its age
    );
  }

  /** Cancels the plan, and a rotation that is in progress. */
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
        // The old socket still works. If it is cut off before the next attempt, that is a lost connection like any other.
        const wait = retryDelay(this.#env, toError(thrown), failures + 1) + ROTATE_MS_MIN;
        if (this.#attempt === attempt) this.#rotateIn(socket, wait, failures + 1);
      });
    });
  }

  async #rotate(old: Socket, attempt: AbortController): Promise<void> {
    const next = await this.#hooks.open(attempt);
    await this.#hooks.opened(next);
    if (this.#attempt !== attempt) return next.end('the attempt was aborted');
    if (!next.isOpen) throw new Error('the new socket has ended');
    this.#hooks.replace(old, next);
    this.plan(next, true);
  }
}
