/**
 * What all ways to upload a file have in common: its bytes are sent to the storage, unless the user pauses that, and what comes of
 * it is told apart.
 *
 * @module
 */

import { FunnelcastError, invalid } from '../errors.js';
import { ATTEMPTS_MAX, backoff, onAbort } from '../waiting.js';
import type { Upload } from '../wire.js';
import { type FilesContext, pauseOrOnline } from './files-api.js';
import { type PutOutcome, put } from './put.js';
import { unpaused } from './upload-pause.js';

/**
 * How far the upload of a file is:
 * - `waiting`: other files come first;
 * - `reading`: it is being hashed;
 * - `uploading`: it is on its way;
 * - `paused`: the user has paused it;
 * - `interrupted`: the network is lost, and the upload goes on by itself when it is back;
 * - `uploaded`: a message may name it;
 * - `failed`: see the error.
 */
export type UploadState =
  | 'waiting'
  | 'reading'
  | 'uploading'
  | 'paused'
  | 'interrupted'
  | 'uploaded'
  | 'failed';

/** The upload of a file, whichever URLs it has. */
export interface Sending {
  context: FilesContext;
  file: File;
  /** How often the storage has not taken the file, or a part of it, although the server could be reached. */
  failures: number;
  /** Tells how far it is, with how many bytes have been sent; if they are not given, as many as before. */
  report(state: UploadState, sentBytes?: number): void;
}

/** Sends bytes to the storage, once; after a pause in the middle, from their beginning. `before` is what was sent already. */
export async function transmit(
  { context, report }: Sending,
  upload: Upload,
  body: Blob,
  before: number,
): Promise<PutOutcome> {
  const { client, signal, pause } = context;
  const onProgress = (sentBytes: number) => report('uploading', before + sentBytes);
  for (;;) {
    if (pause?.isPaused) {
      report('paused', before);
      await unpaused(pause, signal);
    }
    onProgress(0);
    const ending = new AbortController();
    const forget = onAbort(signal, () => ending.abort(signal.reason));
    const stop = pause?.subscribe(() => ending.abort());
    try {
      return await put(client.environment, upload, body, onProgress, ending.signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!ending.signal.aborted) throw thrown;
    } finally {
      forget();
      stop?.();
    }
  }
}

/** Waits before the next attempt, after one that has failed although the server can be reached. */
export async function failed(sending: Sending): Promise<void> {
  const { client, signal } = sending.context;
  sending.failures += 1;
  if (sending.failures >= ATTEMPTS_MAX)
    throw new FunnelcastError(
      'disconnected',
      `the storage has not taken the file in ${ATTEMPTS_MAX} attempts`,
    );
  await pauseOrOnline(client, backoff(sending.failures, client.environment.random), signal);
}

/** Finds out whether it was the network that cut an upload off, or the file that cannot be read any more. */
export async function lost({ file, context, report }: Sending): Promise<void> {
  await readable(() => file.slice(0, 1).arrayBuffer(), context.signal);
  report('interrupted');
}

/** Whether the storage would say the same again. */
export function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429;
}

/** The error of a refusal by the storage, whose body is XML with a code such as `BadDigest`. */
export function refused(status: number, text: string): FunnelcastError {
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? `status ${status}`;
  if (/Digest|Checksum|IncompleteBody|ContentSHA256Mismatch/.test(code))
    return invalid('file', 'must not be changed while it is uploaded', 'conflict');
  return new FunnelcastError(
    status === 403 ? 'forbidden' : 'bad_request',
    `the storage has refused the file: ${code}`,
  );
}

/** Reads from a file, which may have been removed or changed since it was chosen. */
export async function readable<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    signal.throwIfAborted();
    throw invalid('file', `cannot be read: ${thrown}`, 'conflict');
  }
}

/** Whether a URL has expired by the device's clock. That may be wrong: then a URL is asked for too often, or the storage says so. */
export function isExpired({ expiresAt }: Upload): boolean {
  return Date.parse(expiresAt) <= Date.now();
}
