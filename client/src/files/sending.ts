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
import { type StorageResponse, storageCodeOf, verdictOf } from './storage-verdict.js';
import { unpaused } from './upload-pause.js';

/** How often an attempt must have advanced, so that it was a network at work that cut it off. A mere jump to the end tells nothing. */
const ADVANCES_MIN = 5;

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
  /** How many attempts have not succeeded, those that the network cut off included. The back-off grows with them. */
  attempts: number;
  /** How often the last attempt has told that more bytes were sent. */
  advances: number;
  /** Tells how far it is, with how many bytes have been sent; if they are not given, as many as before. */
  report(state: UploadState, sentBytes?: number): void;
}

/** Sends bytes to the storage, once; after a pause in the middle, from their beginning. `before` is what was sent already. */
export async function transmit(
  sending: Sending,
  upload: Upload,
  body: Blob,
  before: number,
): Promise<PutOutcome> {
  const { context, report } = sending;
  const { client, signal, pause } = context;
  let farthest = 0;
  const onProgress = (sentBytes: number) => {
    if (sentBytes > farthest) sending.advances += 1;
    farthest = sentBytes;
    report('uploading', before + sentBytes);
  };
  for (;;) {
    if (pause?.isPaused) {
      report('paused', before);
      await unpaused(pause, signal);
    }
    onProgress(0);
    sending.advances = 0;
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

/**
 * Waits before the next attempt, after one that has not succeeded although the server can be reached. One that has advanced before
 * the network cut it off does not count as a failure: on such a network, a large file takes more attempts than others.
 *
 * @param outcome - what has become of the attempt
 * @throws {@link FunnelcastError} after 8 failures
 */
export async function failed(sending: Sending, outcome: PutOutcome): Promise<void> {
  const { client, signal } = sending.context;
  sending.attempts += 1;
  if (outcome !== 'lost' || sending.advances < ADVANCES_MIN) sending.failures += 1;
  if (sending.failures >= ATTEMPTS_MAX) {
    if (outcome !== 'lost' && /^(expired|refused)$/.test(verdictOf(outcome))) throw refused(outcome);
    throw new FunnelcastError(
      'disconnected',
      `the storage has not taken the file in ${ATTEMPTS_MAX} attempts`,
    );
  }
  await pauseOrOnline(client, backoff(sending.attempts, client.environment.random), signal);
}

/** Finds out whether it was the network that cut an upload off, or the file that cannot be read any more. */
export async function lost({ file, context, report }: Sending): Promise<void> {
  await readable(() => file.slice(0, 1).arrayBuffer(), context.signal);
  report('interrupted');
}

/**
 * Whether the storage refuses a URL for its age. It says so with 403 as well, which a URL that is new by the clock of the device gets
 * for other reasons only.
 */
export function isOutdated(response: StorageResponse, upload: Upload, isNew: boolean): boolean {
  return verdictOf(response) === 'expired' || (response.status === 403 && (!isNew || isExpired(upload)));
}

/** The error of a refusal by the storage. */
export function refused(response: StorageResponse): FunnelcastError {
  const code = storageCodeOf(response);
  if (/Digest|Checksum|IncompleteBody|ContentSHA256Mismatch/.test(code))
    return invalid('file', 'must not be changed while it is uploaded', 'conflict');
  return new FunnelcastError(
    response.status === 403 ? 'forbidden' : 'bad_request',
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
