/**
 * Errors: the one class that this package throws, and what happens to an error that the app's own callbacks throw.
 *
 * @module
 */

import type { Call, ErrorBody, ErrorCode, Refusal, Timestamp } from './wire.js';

/**
 * The codes that the client adds to those of the protocol:
 * - `disconnected`: the transport failed, or there is no connection and the request must not wait for one;
 * - `timeout`: no reply arrived in time;
 * - `closed`: the client was closed before the request was done;
 * - `outbox_full`: the send queue already holds as many messages as it may;
 * - `not_permitted`: the microphone, the camera or the screen may not be used;
 * - `no_microphone`: there is none, or another program uses it;
 * - `no_camera`: there is none, or another program uses it;
 * - `busy`: the user is in another call of this client;
 * - `unsupported`: the browser cannot record, or has no WebRTC.
 *
 * A request that could never succeed is rejected before it is sent, with the code that the server would use:
 * `bad_request`, `too_large` or `invalid_channel`.
 */
export type ClientErrorCode =
  | 'disconnected'
  | 'timeout'
  | 'closed'
  | 'outbox_full'
  | 'not_permitted'
  | 'no_microphone'
  | 'no_camera'
  | 'busy'
  | 'unsupported';

/**
 * Why something was not done. Use `code` in programs, and `message` for people.
 *
 * @example
 * ```ts
 * try {
 *   await client.send('conversation:c1', 'chat.message', { content: 'Hello!' });
 * } catch (error) {
 *   if (error instanceof FunnelcastError && error.code === 'forbidden') showAccessDenied();
 * }
 * ```
 */
export class FunnelcastError extends Error {
  // Declared, because the constructor sets all of them: definitions would only add to a bundle.
  /** A code of the protocol, or one of the client's own. */
  declare readonly code: ErrorCode | ClientErrorCode;
  /** How long to wait before the next attempt, in milliseconds, if the server specified it. */
  declare readonly retryAfterMs: number | undefined;
  /** The invalid field, such as `data.content`, if the error is about one. */
  declare readonly field: string | undefined;
  /** With `muted` and `banned`: when that ends. Absent if it is for good. */
  declare readonly until: Timestamp | undefined;
  /** With `muted`, `banned` and `refused`: the reason that the team or the app gave, if any. */
  declare readonly reason: string | undefined;
  /** With `conflict`, if the call of a conversation does not allow what was asked: the call, as it is now. */
  declare readonly call: Call | undefined;

  constructor(
    code: ErrorCode | ClientErrorCode,
    message: string,
    retryAfterMs?: number,
    field?: string,
    { until, reason, call }: Pick<ErrorBody, 'until' | 'reason' | 'call'> = {},
  ) {
    super(message);
    this.name = 'FunnelcastError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.field = field;
    this.until = until;
    this.reason = reason;
    this.call = call;
  }
}

/** The error of a refusal by the server. */
export function errorOf(body: ErrorBody, retryAfterMs = body.retryAfterMs): FunnelcastError {
  return new FunnelcastError(body.code, body.message, retryAfterMs, body.field, body);
}

/** The error with which everything unfinished fails when the client is closed. */
export function closed(reason = 'the client is closed'): FunnelcastError {
  return new FunnelcastError('closed', reason);
}

/** The error with which everything on a connection fails when that ends. */
export function disconnected(reason = 'the connection has ended'): FunnelcastError {
  return new FunnelcastError('disconnected', reason);
}

/** The error for an invalid field. The message begins with the name of the field. */
export function invalid(
  field: string,
  message: string,
  code: FunnelcastError['code'] = 'bad_request',
): FunnelcastError {
  return new FunnelcastError(code, `${field} ${message}`, undefined, field);
}

/** Converts anything that was thrown to a {@link FunnelcastError}; `code` is for values that are not one already. */
export function toError(thrown: unknown, code: FunnelcastError['code'] = 'internal'): FunnelcastError {
  return thrown instanceof FunnelcastError ? thrown : new FunnelcastError(code, String(thrown));
}

/** Calls a callback of the app. An exception is reported as the page's own are, and affects nobody else. */
export function callSafely<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}

/** The codes of responses that are not the stack's own: they come from a proxy, or from API Gateway itself. */
const CODES: Record<number, ErrorCode> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  408: 'internal', // sent too slowly, or too early for TLS (425): the same request may succeed later
  413: 'too_large',
  425: 'internal',
  429: 'rate_limited',
};

/** The error in the JSON of a response, if the response is the stack's own. */
export function ownError(body: unknown): ErrorBody | undefined {
  const error = (body as Partial<Refusal> | null | undefined)?.error;
  return typeof error?.code === 'string' ? error : undefined;
}

/** The error of a response that is not a success. `body` is its JSON, if it has one. */
export function refusalOf({ status, headers }: Response, body: unknown): FunnelcastError {
  const retryAfterMs = 1_000 * Number(headers.get('retry-after')) || undefined;
  const own = ownError(body);
  if (own) return errorOf(own, own.retryAfterMs ?? retryAfterMs);
  const code = CODES[status] ?? (status < 500 ? 'bad_request' : 'internal');
  return new FunnelcastError(code, `HTTP status ${status}`, retryAfterMs);
}
