/**
 * One upload of a file to the storage, which is S3: a single `PUT` to a URL that allows it. No header of the app's own is sent,
 * least of all its token.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import { deferred, onAbort, unlessAborted } from '../waiting.js';
import type { Upload } from '../wire.js';
import type { StorageResponse } from './storage-verdict.js';

/** How long an upload may stand still before it counts as lost. A cut network is often not reported at all. */
const STALLED_MS = 30_000;
/**
 * How fast bytes still go on, at least, that the browser has handed over: the system's buffers and a proxy take them at once, and
 * send them as fast as they can. 64 KiB a second.
 */
const HANDED_OVER_BYTES_PER_MS = 65.536;
/** How long an upload may take whose progress is not known: as long as its URL lives. */
const UNKNOWN_MS = 15 * 60_000;

/** What has become of an upload: the storage's response with its header `etag`, or nothing is known because the network was lost. */
export type PutOutcome = (StorageResponse & { etag: string | null }) | 'lost';

/**
 * Uploads a file, once.
 *
 * @param onProgress - called with how many bytes have been sent
 * @throws the reason of the signal, if that is aborted
 */
export async function put(
  env: Environment,
  upload: Upload,
  body: Blob,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
): Promise<PutOutcome> {
  signal.throwIfAborted();
  const Request = 'XMLHttpRequest' in env ? env.XMLHttpRequest : globalThis.XMLHttpRequest;
  if (!Request) return putByFetch(env, upload, body, signal);
  const request = new Request();
  const outcome = deferred<PutOutcome>();
  const ended = deferred<never>();
  let cancel = () => {};
  const wait = (ms: number) => {
    cancel();
    cancel = env.after(ms, () => outcome.resolve('lost'));
  };
  // Then nothing more is told until the response.
  const handedOverMs = Math.min(UNKNOWN_MS, STALLED_MS + body.size / HANDED_OVER_BYTES_PER_MS);
  request.upload.onprogress = ({ loaded }) => {
    wait(loaded >= body.size ? handedOverMs : STALLED_MS);
    onProgress(loaded);
  };
  request.onload = () => {
    const { status, responseText: text } = request;
    outcome.resolve({ status, text, etag: request.getResponseHeader('etag') });
  };
  request.onerror = () => outcome.resolve('lost');
  request.open('PUT', upload.url);
  for (const [name, value] of Object.entries(upload.headers)) request.setRequestHeader(name, value);
  const forget = onAbort(signal, () => ended.reject(signal.reason));
  wait(STALLED_MS);
  request.send(body);
  try {
    return await Promise.race([outcome.promise, ended.promise]);
  } finally {
    forget();
    cancel();
    request.abort(); // does nothing if it is done
  }
}

async function putByFetch(
  env: Environment,
  { url, headers }: Upload,
  body: Blob,
  signal: AbortSignal,
): Promise<PutOutcome> {
  const ending = new AbortController();
  const forget = onAbort(signal, () => ending.abort(signal.reason));
  const cancel = env.after(UNKNOWN_MS, () => ending.abort());
  try {
    const sending = env.fetch(url, { method: 'PUT', headers, body, signal: ending.signal });
    const response = await unlessAborted(sending, ending.signal);
    return { status: response.status, text: await response.text(), etag: response.headers.get('etag') };
  } catch {
    signal.throwIfAborted();
    return 'lost';
  } finally {
    forget();
    cancel();
  }
}
