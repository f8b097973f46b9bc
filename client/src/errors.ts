/**
 * The one error that this package throws.
 *
 * @module
 */

import type { ErrorCode } from './wire.js';

/**
 * What the client itself says, beside the codes of the wire:
 * - `disconnected`: there is no connection just now, and this is not worth waiting for one;
 * - `timeout`: no reply came in time;
 * - `closed`: the client was closed; what it had not done yet is abandoned;
 * - `outbox_full`: more sends wait than the outbox may hold.
 */
export type ClientErrorCode = 'disconnected' | 'timeout' | 'closed' | 'outbox_full';

/**
 * Why something was not done. Programs read `code`, people read `message`.
 *
 * @example
 * ```ts
 * try {
 *   await client.send('conversation:c1', 'chat.message', { content: 'Hello!' });
 * } catch (error) {
 *   if (error instanceof FunnelcastError && error.code === 'forbidden') showThatHeMayNot();
 * }
 * ```
 */
export class FunnelcastError extends Error {
  /** A code of the wire, or of the client. */
  readonly code: ErrorCode | ClientErrorCode;
  /** When to try again, in milliseconds, where the server says so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode | ClientErrorCode, message: string, retryAfterMs?: number) {
    super(message);
    this.name = 'FunnelcastError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** That the client was closed, and why: what it had not done yet says so. */
export function closed(reason = 'the client is closed'): FunnelcastError {
  return new FunnelcastError('closed', reason);
}

/** Anything that was thrown, as a {@link FunnelcastError}; what is none already becomes `disconnected`. */
export function toError(thrown: unknown): FunnelcastError {
  if (thrown instanceof FunnelcastError) return thrown;
  return new FunnelcastError('disconnected', String(thrown));
}
