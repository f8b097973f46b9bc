/**
 * Sends files: uploads several at once, and then the message that brings them.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { callSafely, FunnelcastError, invalid, toError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { CallOptions } from '../options.js';
import { retainForUpload } from '../uses.js';
import { onAbort } from '../waiting.js';
import { ATTACHMENTS_MAX, type Attachment, type Sent } from '../wire.js';
import { removeFile } from './files-api.js';
import { rememberFile } from './local-files.js';
import { fileOf, type OutgoingFile } from './outgoing-file.js';
import type { UploadState } from './sending.js';
import { Turns } from './turns.js';
import { uploadFile } from './upload.js';
import type { UploadPause } from './upload-pause.js';

/** How many files are uploaded at the same time. */
export const UPLOADS_AT_ONCE = 3;

/** How far an upload is. */
export interface FileProgress {
  /** The file, as it was given. */
  file: OutgoingFile;
  state: UploadState;
  /** How many of its bytes have been sent. Without `XMLHttpRequest`, as in Node, it is 0 until all of them have. */
  sentBytes: number;
  /** How many bytes it has. */
  bytes: number;
}

/** How far the uploads of several files are. */
export interface FilesProgress {
  /** How many bytes of all files have been sent. */
  sentBytes: number;
  /** How many bytes all files have. */
  bytes: number;
  /** Each file, in the order in which they were given. */
  files: readonly FileProgress[];
}

/** The options of {@link uploadFiles}. */
export interface UploadOptions extends CallOptions {
  /** Called whenever a file has made progress. */
  onProgress?: ((progress: FilesProgress) => void) | undefined;
  /** Gets a grant from the app's backend, for a user without access of their own. See `SubscribeOptions.grant`. */
  grant?: SubscribeOptions['grant'];
  /** Pauses the uploads, and lets them go on. */
  pause?: UploadPause | undefined;
}

/** The options of {@link sendFiles}. */
export interface SendFilesOptions extends UploadOptions {
  /** The text of the message. Default: none. */
  content?: string | undefined;
  /** Data of the app, at most 4 KiB of JSON. */
  metadata?: Record<string, unknown> | undefined;
  /** The seq of the message that this one replies to. */
  replyTo?: number | undefined;
  /** The ids of the users whom it mentions, at most 20. */
  mentions?: readonly string[] | undefined;
  /** Identifies the message, so that sending it again does not duplicate it. See `SendOptions.key`. */
  key?: string | undefined;
}

/**
 * Uploads files for a conversation, three at a time. A message can then bring them, for a day: see `attachments` of
 * `useConversation().send` and of `ChatDraft`.
 *
 * While the network is lost, the uploads wait, and go on when it is back. If one fails for good, the others are given up.
 *
 * @param files - at most 10
 * @throws {@link FunnelcastError} whose `field` begins with the file, such as `files[2].bytes` with the code `too_large`: what the
 * server does not accept is refused before it is uploaded
 */
export async function uploadFiles(
  client: Client,
  channel: ConversationChannel,
  files: readonly OutgoingFile[],
  { onProgress, signal, grant, pause }: UploadOptions = {},
): Promise<Attachment[]> {
  signal?.throwIfAborted();
  if (files.length === 0 || files.length > ATTACHMENTS_MAX)
    throw invalid('files', `must be 1 to ${ATTACHMENTS_MAX}`);
  const ending = new AbortController();
  const forget = signal && onAbort(signal, () => ending.abort(signal.reason));
  const progress = files.map<FileProgress>(file => {
    return { file, state: 'waiting', sentBytes: 0, bytes: fileOf(file).size };
  });
  const context = { client, channel, grant, pause, signal: ending.signal };
  const turns = new Turns(UPLOADS_AT_ONCE);
  const uploaded: string[] = [];
  const upload = async (file: OutgoingFile, place: number) => {
    const report = (state: UploadState, sentBytes: number) => {
      progress[place] = { ...(progress[place] as FileProgress), state, sentBytes };
      callSafely(onProgress, totalOf(progress));
    };
    try {
      const attachment = await turns.run(() => uploadFile(context, file, report), ending.signal);
      uploaded.push(attachment.id);
      rememberFile(client, attachment.id, fileOf(file));
      return attachment;
    } catch (thrown) {
      if (!ending.signal.aborted) report('failed', 0);
      throw thrown instanceof FunnelcastError ? ofFile(thrown, place) : thrown;
    }
  };
  try {
    return await Promise.all(files.map(upload));
  } catch (thrown) {
    ending.abort(thrown);
    for (const id of uploaded) removeFile(client, id);
    throw thrown;
  } finally {
    forget?.();
  }
}

/**
 * Sends files to a conversation in one message. Resolves when the server has the message; it shows each file as `checking` until
 * it has been examined.
 *
 * `useFiles` does the same for a component, and shows the message at once.
 *
 * @param files - at most 10
 * @throws {@link FunnelcastError} as {@link uploadFiles} and `client.send` do; the reason of the signal if that is aborted
 *
 * @example
 * ```ts
 * const { seq } = await sendFiles(client, 'conversation:conv-123', [...(picker.files ?? [])], {
 *   content: 'The draft',
 *   onProgress: ({ sentBytes, bytes }) => show(`${Math.round((100 * sentBytes) / bytes)} %`),
 * });
 * console.log(seq);
 * ```
 */
export async function sendFiles(
  client: Client,
  channel: ConversationChannel,
  files: readonly OutgoingFile[],
  options: SendFilesOptions = {},
): Promise<Sent> {
  const { content = '', metadata, replyTo, mentions, key, signal, grant } = options;
  const release = retainForUpload(client, channel, grant);
  const attachments = await uploadFiles(client, channel, files, options).finally(release);
  const draft = {
    content,
    attachments: attachments.map(({ id }) => id),
    metadata,
    replyTo,
    mentions: mentions && [...mentions],
  };
  try {
    return await client.send(channel, 'chat.message', draft, { key, signal });
  } catch (thrown) {
    // If the message has arrived after all, it has them, and the server keeps them.
    for (const { id } of attachments) removeFile(client, id);
    throw thrown;
  }
}

/** The sum of the progress of all files. */
export function totalOf(files: readonly FileProgress[]): FilesProgress {
  const sum = (of: (file: FileProgress) => number) => files.reduce((total, file) => total + of(file), 0);
  return {
    sentBytes: sum(({ sentBytes, bytes }) => Math.min(sentBytes, bytes)),
    bytes: sum(({ bytes }) => bytes),
    files: [...files],
  };
}

/** The error with the file that it is about. */
function ofFile(error: FunnelcastError, place: number): FunnelcastError {
  const { code, message, retryAfterMs, field, until, reason } = toError(error);
  const name = `files[${place}]`;
  const path = field === undefined || field === 'file' ? name : `${name}.${field}`;
  const terms = { ...(until !== undefined && { until }), ...(reason !== undefined && { reason }) };
  return new FunnelcastError(code, `${name}: ${message}`, retryAfterMs, path, terms);
}
