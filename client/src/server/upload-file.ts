/**
 * Files of the backend: it uploads one for a conversation, and then a message of its own or of its bot brings it.
 *
 * @module
 */

import { FunnelcastError, invalid } from '../errors.js';
import { sha256 } from '../files/sha256.js';
import { storageCodeOf, verdictOf } from '../files/storage-verdict.js';
import { ATTEMPTS_MAX, backoff, isTemporary } from '../waiting.js';
import { type FileReply, SINGLE_UPLOAD_BYTES_MAX, type Upload } from '../wire.js';
import { checkId } from './check.js';
import { sleep } from './events.js';
import type { HttpTarget } from './http.js';
import { refusal } from './refusal.js';

/** How long a request of the HTTP API may take, and how long the upload: as long as its URL lives. */
const TIMEOUT_MS = 31_000;
const UPLOAD_MS = 15 * 60_000;
/** How long a token is valid: for the upload, and what follows it. */
const TOKEN_SECONDS = 1_200;

/** A file of the backend. */
export interface BackendFile {
  /** Its name, as users see it. */
  name: string;
  /** Its media type in lower case, without parameters, e.g. `application/pdf`. */
  type: string;
  /** Its bytes, at most 100 MB. */
  bytes: Blob | Uint8Array<ArrayBuffer>;
}

/**
 * Uploads a file for a conversation. A message can then bring it, for a day: see `attachments` of `chatMessage`. Until then, nobody
 * can read it.
 *
 * What fails for a moment is tried again, up to 8 times. A URL that has expired meanwhile is replaced.
 *
 * @returns the id of the file
 * @throws {@link FunnelcastError} with the code of the server, such as `too_large`; `disconnected` or `timeout` if it cannot be
 * reached
 *
 * @example
 * ```ts
 * const invoice = { name: 'Invoice.pdf', type: 'application/pdf', bytes: pdf };
 * const id = await uploadFile({ http: 'https://api.example.com', issuer }, 'conv-123', invoice);
 * await realTimeUpdates.sendBotMessage('conv-123', 'Your invoice', { attachments: [id] });
 * ```
 */
export async function uploadFile(
  target: HttpTarget,
  conversationId: string,
  { name, type, bytes }: BackendFile,
): Promise<string> {
  const body = bytes instanceof Blob ? bytes : new Blob([bytes]);
  if (body.size > SINGLE_UPLOAD_BYTES_MAX)
    throw invalid('bytes', `must be at most ${SINGLE_UPLOAD_BYTES_MAX}`, 'too_large');
  const channel = `conversation:${checkId(conversationId, 'conversationId')}`;
  const draft = { channel, name, type, bytes: body.size, sha256: await sha256(body) };
  for (let failures = 1; ; failures++) {
    const token = await target.issuer.publishToken({ ttlSeconds: TOKEN_SECONDS });
    const { fileId, upload } = (await persist(target, () => call(target, '', token, draft))) as FileReply;
    const refusedBy = await persist(target, () => put(target, upload as Upload, body));
    if (refusedBy === undefined) {
      await persist(target, () => call(target, `/${fileId}`, token));
      return fileId;
    }
    if (failures >= ATTEMPTS_MAX) throw refusedBy;
    await sleep(backoff(failures, target.random ?? Math.random));
  }
}

/** Makes a request of the HTTP API, once. */
async function call(
  { http, fetch = globalThis.fetch }: HttpTarget,
  path: string,
  token: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`${http.replace(/\/+$/, '')}/api/files${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const text = await response.text(); // rejects if the response is cut off
  const answer = parsed(text);
  if (!response.ok) throw refusal(response, answer);
  if (answer) return answer;
  throw new FunnelcastError('bad_request', `${response.url} is not the HTTP API of a stack`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sends the bytes to the storage, once. Returns the refusal if the URL has expired. */
async function put(
  { fetch = globalThis.fetch }: HttpTarget,
  { url, headers }: Upload,
  body: Blob,
): Promise<FunnelcastError | undefined> {
  const response = await fetch(url, { method: 'PUT', headers, body, signal: AbortSignal.timeout(UPLOAD_MS) });
  const answer = { status: response.status, text: await response.text() };
  const verdict = verdictOf(answer);
  if (verdict === 'taken') return undefined;
  const error = new FunnelcastError(
    verdict === 'temporary' ? 'internal' : 'bad_request',
    `the storage has refused the file: ${storageCodeOf(answer)}`,
  );
  if (verdict === 'expired') return error;
  throw error;
}

/** Makes a request until it has a result, up to 8 times. */
async function persist<T>({ random = Math.random }: HttpTarget, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (thrown) {
      const error = thrown instanceof FunnelcastError ? thrown : lost(thrown as Error);
      const mayPass = error.code === 'disconnected' || isTemporary(error);
      if (failures >= ATTEMPTS_MAX || !mayPass) throw error;
      await sleep((error.retryAfterMs ?? 0) + backoff(failures, random));
    }
  }
}

function lost(thrown: Error): FunnelcastError {
  const code = thrown.name === 'TimeoutError' ? 'timeout' : 'disconnected';
  return new FunnelcastError(code, `no response: ${thrown.cause ?? thrown}`);
}
