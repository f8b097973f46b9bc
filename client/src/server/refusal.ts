/**
 * Responses that are no success: the stack's own refusals, and those of what is between it and the backend, such as a proxy.
 *
 * @module
 */

import { FunnelcastError, refusalOf } from '../errors.js';
import { isTemporary } from '../waiting.js';
import type { Refusal } from '../wire.js';

/**
 * The error of a response. `body` is its JSON, if it has one. It decides only if it has the form of the stack's refusals, and
 * never makes a status permanent after which the same request may succeed.
 */
export function refusal(response: Pick<Response, 'status' | 'headers'>, body?: unknown): FunnelcastError {
  const error = refusalOf(response as Response, isOwn(body) ? body : undefined);
  const byStatus = refusalOf(response as Response, undefined);
  if (isTemporary(error) || !isTemporary(byStatus)) return error;
  return new FunnelcastError(byStatus.code, error.message, error.retryAfterMs);
}

function isOwn(body: unknown): body is Refusal {
  const { code, message } = (body as Partial<Refusal> | null | undefined)?.error ?? {};
  return typeof code === 'string' && typeof message === 'string';
}
