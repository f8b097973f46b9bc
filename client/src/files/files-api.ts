/**
 * The requests for files: an upload is asked for, completed or given up, and a link to a file is read. A request is repeated while the
 * network is lost, for as long as the caller wants.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { HttpApi } from '../connection/link.js';
import { FunnelcastError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { ATTEMPTS_MAX, deferred, isTemporary, retryDelay, unlessAborted } from '../waiting.js';
import type {
  Attachment,
  FileDraft,
  FileForm,
  FileLink,
  FileReply,
  PartsDraft,
  PartsReply,
  UploadedPart,
} from '../wire.js';
import type { UploadPause } from './upload-pause.js';

const FILES = '/api/files';

/** Where files are sent to and read from, and by whom. */
export interface FilesContext {
  client: Client;
  channel: ConversationChannel;
  /** Gets a grant, for a user without access of their own. */
  grant?: SubscribeOptions['grant'];
  signal: AbortSignal;
  /** Pauses the upload. */
  pause?: UploadPause | undefined;
  /** Called with whether the network is lost, when that changes. */
  onInterrupted?: (isInterrupted: boolean) => void;
}

/** Asks for an upload. */
export async function createFile(context: FilesContext, draft: FileDraft): Promise<FileReply> {
  return (await persist(context, async http =>
    http.call('POST', FILES, draft, await context.grant?.()),
  )) as FileReply;
}

/** Asks for the upload of parts of a large file. */
export async function signParts(context: FilesContext, id: string, draft: PartsDraft): Promise<PartsReply> {
  return (await persist(context, http => http.call('POST', `${FILES}/${id}/parts`, draft))) as PartsReply;
}

/** Says that a file has been uploaded. Returns it as it is now; `undefined` if the storage does not have it. */
export async function completeFile(
  context: FilesContext,
  id: string,
  parts?: readonly UploadedPart[],
): Promise<Attachment | undefined> {
  const body = parts && { parts };
  try {
    return (await persist(context, http => http.call('POST', `${FILES}/${id}`, body))) as Attachment;
  } catch (error) {
    if (error instanceof FunnelcastError && error.code === 'conflict') return undefined;
    throw error;
  }
}

/** Removes a file that is in no message, as far as the network lets it: without this, it is gone after a day. */
export function removeFile(client: Client, id: string): void {
  httpOf(client)
    .call('DELETE', `${FILES}/${id}`)
    .catch(() => {});
}

/** An uploaded file of the user's own, as it is now; a single attempt. */
export async function fileNow(client: Client, id: string): Promise<Attachment> {
  return (await httpOf(client).call('POST', `${FILES}/${id}`)) as Attachment;
}

/** Reads where a file can be read; a single attempt. */
export async function linkFile(
  client: Client,
  id: string,
  form: FileForm,
  grant: SubscribeOptions['grant'],
): Promise<FileLink> {
  const path = `${FILES}/${encodeURIComponent(id)}/link?form=${form}`;
  return (await httpOf(client).call('GET', path, undefined, await grant?.())) as FileLink;
}

/** Makes a request until it has a result: however long the network is lost, and up to 8 times while the server fails. */
async function persist(
  context: FilesContext,
  attempt: (http: HttpApi) => Promise<unknown>,
): Promise<unknown> {
  const { client, signal } = context;
  const http = httpOf(client);
  // Attempts over a lost network are no fault of the server's.
  let failures = 0;
  for (let attempts = 1; ; attempts++) {
    signal.throwIfAborted();
    try {
      const result = await unlessAborted(attempt(http), signal);
      context.onInterrupted?.(false);
      return result;
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof FunnelcastError)) throw thrown;
      const isLost = thrown.code === 'disconnected' || thrown.code === 'timeout';
      if (isLost) context.onInterrupted?.(true);
      else if (!isTemporary(thrown) || ++failures >= ATTEMPTS_MAX) throw thrown;
      await pauseOrOnline(client, retryDelay(client.environment, thrown, attempts), signal);
    }
  }
}

/** Waits for `ms` milliseconds, or until the device or the client has a network again. */
export async function pauseOrOnline(client: Client, ms: number, signal: AbortSignal): Promise<void> {
  const env = client.environment;
  const over = deferred<void>();
  const stops = [
    env.after(ms, () => over.resolve()),
    env.watch(sign => sign === 'online' && over.resolve()),
    client.on('connected', isConnected => isConnected && over.resolve()),
  ];
  try {
    await unlessAborted(over.promise, signal);
  } finally {
    for (const stop of stops) stop();
  }
}

function httpOf({ http }: Client): HttpApi {
  if (http) return http;
  const message = 'files need the HTTP API: give `http: httpApi(...)` to createClient';
  throw new FunnelcastError('bad_request', message, undefined, 'http');
}
