/**
 * The upload of one file, over any number of networks: it is hashed, asked for, sent to the storage and completed.
 *
 * An upload is one request, so one that was cut off begins again, to the same URL while that lives, and else to a new one. Before
 * that, the server is asked whether the storage has the file: perhaps only the response was lost.
 *
 * @module
 */

import { FunnelcastError, invalid } from '../errors.js';
import { ATTEMPTS_MAX, backoff } from '../waiting.js';
import type { Attachment, FileReply } from '../wire.js';
import { completeFile, createFile, type FilesContext, pauseOrOnline } from './files-api.js';
import { descriptionOf, fileOf, type OutgoingFile } from './outgoing-file.js';
import { put } from './put.js';
import { sha256 } from './sha256.js';

/**
 * How far the upload of a file is:
 * - `waiting`: other files come first;
 * - `reading`: it is being hashed;
 * - `uploading`: it is on its way;
 * - `interrupted`: the network is lost, and the upload goes on by itself when it is back;
 * - `uploaded`: a message may name it;
 * - `failed`: see the error.
 */
export type UploadState = 'waiting' | 'reading' | 'uploading' | 'interrupted' | 'uploaded' | 'failed';

/** Called when an upload has made progress. */
export type Report = (state: UploadState, sentBytes: number) => void;

/**
 * Uploads a file. It is not in any message yet.
 *
 * @throws {@link FunnelcastError} with the code of the server; `too_large` or `bad_request` with the field `bytes`, `type` or
 * `name` before anything is uploaded; `conflict` with the field `file` if it was changed in the meantime; `disconnected` if the
 * storage cannot be reached although the server can; or the reason of the signal
 */
export async function uploadFile(
  context: FilesContext,
  outgoing: OutgoingFile,
  report: Report,
): Promise<Attachment> {
  const file = fileOf(outgoing);
  const description = descriptionOf(outgoing);
  report('reading', 0);
  const hash = await readable(() => sha256(file, context.signal), context.signal);
  const draft = { channel: context.channel, ...description, sha256: hash };
  let sentBytes = 0;
  const sending: Sending = {
    context: {
      ...context,
      onInterrupted: isLost => report(isLost ? 'interrupted' : 'uploading', sentBytes),
    },
    file,
    failures: 0,
    report(sent) {
      sentBytes = sent;
      report('uploading', sent);
    },
  };
  for (;;) {
    const attachment = await transfer(sending, await createFile(sending.context, draft));
    if (!attachment) continue;
    report('uploaded', file.size);
    return attachment;
  }
}

/** The upload of a file, whichever URL it has. */
interface Sending {
  context: FilesContext;
  file: File;
  /** How often the storage has not taken the file although the server could be reached. */
  failures: number;
  report(sentBytes: number): void;
}

/** Uploads a file to a URL until the storage has it; `undefined` if the URL has expired before. */
async function transfer(sending: Sending, { fileId, upload }: FileReply): Promise<Attachment | undefined> {
  const { context, file } = sending;
  const { client, signal } = context;
  const env = client.environment;
  // By the device's clock, which may be wrong: a URL is asked for too often then, or the storage says that it has expired.
  const isExpired = () => Date.parse(upload.expiresAt) <= Date.now();
  for (let attempt = 1; attempt === 1 || !isExpired(); attempt++) {
    sending.report(0);
    const outcome = await put(env, upload, file, sending.report, signal);
    if (outcome === 'lost') await lost(sending);
    else if (outcome.status === 403 && (attempt > 1 || isExpired())) return undefined;
    else if (isFinal(outcome.status)) throw refused(outcome.status, outcome.text);
    // This waits for the network.
    const attachment = await completeFile(context, fileId);
    if (attachment) return attachment;
    sending.failures += 1;
    if (sending.failures >= ATTEMPTS_MAX) {
      throw new FunnelcastError(
        'disconnected',
        `the storage has not taken the file in ${ATTEMPTS_MAX} attempts`,
      );
    }
    await pauseOrOnline(client, backoff(sending.failures, env.random), signal);
  }
  return undefined;
}

/** Finds out whether it was the network that cut an upload off, or the file that cannot be read any more. */
async function lost({ file, context }: Sending): Promise<void> {
  await readable(() => file.slice(0, 1).arrayBuffer(), context.signal);
  context.onInterrupted?.(true);
}

/** Whether the storage would say the same again. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

/** The error of a refusal by the storage, whose body is XML with a code such as `BadDigest`. */
function refused(status: number, text: string): FunnelcastError {
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? `status ${status}`;
  if (/Digest|Checksum|IncompleteBody|ContentSHA256Mismatch/.test(code))
    return invalid('file', 'must not be changed while it is uploaded', 'conflict');
  return new FunnelcastError(
    status === 403 ? 'forbidden' : 'bad_request',
    `the storage has refused the file: ${code}`,
  );
}

/** Reads from a file, which may have been removed or changed since it was chosen. */
async function readable<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await read();
  } catch (thrown) {
    signal.throwIfAborted();
    throw invalid('file', `cannot be read: ${thrown}`, 'conflict');
  }
}
