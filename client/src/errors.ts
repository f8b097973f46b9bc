/**
 * The one error that this package throws.
 *
 * @module
 */

import type { ErrorCode } from './wire.js';

/**
 * What the client itself reports, beside the codes of the wire:
 * - `disconnected`: the transport failed, or there is no connection and the request is not worth waiting for one;
 * - `timeout`: no reply came in time;
 * - `closed`: the client was closed, and what it had not done yet is abandoned;
 * - `outbox_full`: more messages are waiting than the send queue may hold.
 *
 * What can never be sent is refused before anything is sent, with the code that the server would use: `bad_request`,
 * `too_large` or `invalid_channel`.
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
 *   if (error instanceof FunnelcastError && error.code === 'forbidden') showThatTheyMayNot();
 * }
 * ```
 */
export class FunnelcastError extends Error {
  /** A code of the wire, or of the client. */
  readonly code: ErrorCode | ClientErrorCode;
  /** When to try again, in milliseconds, where the server says so. */
  readonly retryAfterMs: number | undefined;
  /** The field at fault, e.g. `data.content`, where the client itself refused the request. */
  readonly field: string | undefined;

  constructor(code: ErrorCode | ClientErrorCode, message: string, retryAfterMs?: number, field?: string) {
    super(message);
    this.name = 'FunnelcastError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.field = field;
  }
}

/** An error for a client that was closed, and why: what it had not done yet fails with it. */
export function closed(reason = 'the client is closed'): FunnelcastError {
  return new FunnelcastError('closed', reason);
}

/** Anything that was thrown, as a {@link FunnelcastError}: what is none already gets `code`. */
export function toError(thrown: unknown, code: FunnelcastError['code'] = 'internal'): FunnelcastError {
  return thrown instanceof FunnelcastError ? thrown : new FunnelcastError(code, String(thrown));
}
