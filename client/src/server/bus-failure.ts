/**
 * Why EventBridge did not accept an event, and whether it may accept it later.
 *
 * @module
 */

import { isTemporary } from '../waiting.js';
import { refusal } from './refusal.js';

/** Why an event was not accepted. */
export interface Failure {
  /** A code of the protocol, `disconnected` or `timeout`, a code of EventBridge, or the name of what its client threw. */
  code: string;
  message: string;
  /** `aborted`: whoever owns the client wants no further call. */
  kind: 'temporary' | 'permanent' | 'aborted';
}

/** The result of an entry, in the response to PutEvents. */
export interface PutEventsResult {
  ErrorCode?: string | undefined;
  ErrorMessage?: string | undefined;
}

/** What AWS's SDK throws, or the `fetch` or `node:http` below it. */
interface Thrown {
  name?: string;
  message?: string;
  /** Of an error of the network. */
  code?: unknown;
  cause?: unknown;
  /** Set if the response is an error of the service. */
  $fault?: string;
  /** Set if there was a response. */
  $metadata?: { httpStatusCode?: number };
}

/** https://docs.aws.amazon.com/eventbridge/latest/APIReference/CommonErrors.html, and those of PutEventsResultEntry. */
const TEMPORARY_CODE =
  /^(InternalFailure|InternalException|ServiceUnavailable|Throttl\w+|TooManyRequests\w*|Request(Throttled|Timeout|LimitExceeded)\w*)$/;
const NETWORK_CODE =
  /^(ECONN\w+|EPIPE|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|ENOTFOUND|EAI_AGAIN|UND_ERR_\w+|ERR_HTTP2_\w+)$/;
/** The messages of a `fetch` that found no network, in Node, the browsers and workers. */
const NETWORK_MESSAGE = /fetch|network|load failed/i;

/** The failure of one entry, if it has one. An entry without a result may have been lost. */
export function entryFailure(result: PutEventsResult | undefined): Failure | undefined {
  if (!result) return { code: 'internal', message: 'EventBridge gave no result', kind: 'temporary' };
  const { ErrorCode: code, ErrorMessage: message = '' } = result;
  return code === undefined ? undefined : { code, message, kind: kindOf(TEMPORARY_CODE.test(code)) };
}

/** The failure of all entries of a call, by what it threw. */
export function callFailure(thrown: unknown): Failure {
  const { name = 'Error', message = String(thrown), $fault, $metadata } = Object(thrown) as Thrown;
  if (name === 'AbortError') return { code: name, message, kind: 'aborted' };
  const status = $metadata?.httpStatusCode;
  if (status !== undefined) {
    const error = refusal({ status, headers: new Headers() });
    const kind = kindOf(isTemporary(error) || TEMPORARY_CODE.test(name));
    // Without a name, the response is not EventBridge's own.
    if ($fault !== undefined && name !== 'Unknown') return { code: name, message, kind };
    return { code: error.code, message: `${error.message}: ${message}`, kind };
  }
  if (isOfNetwork(thrown)) return { code: 'disconnected', message, kind: 'temporary' };
  if (name === 'TimeoutError') return { code: 'timeout', message, kind: 'temporary' };
  return { code: name, message, kind: kindOf(TEMPORARY_CODE.test(name)) };
}

function kindOf(mayPass: boolean): Failure['kind'] {
  return mayPass ? 'temporary' : 'permanent';
}

function isOfNetwork(thrown: unknown): boolean {
  if (typeof thrown !== 'object' || thrown === null) return false;
  const { name, message = '', code, cause } = thrown as Thrown;
  if (typeof code === 'string' && NETWORK_CODE.test(code)) return true;
  return (name === 'TypeError' && NETWORK_MESSAGE.test(message)) || isOfNetwork(cause);
}
