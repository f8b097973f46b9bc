/**
 * The files that the user is adding to a conversation: those that are being uploaded, those that wait for the user to press "send",
 * and those that wait to be sent. They outlive the components that show them.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { draftsOf, type SendMessageOptions } from '../conversation/drafts.js';
import { keptPerConversation } from '../conversation/kept.js';
import { FunnelcastError, toError } from '../errors.js';
import type { SubscribeOptions } from '../feed/feeds.js';
import { newKey } from '../sending/own-messages.js';
import { Store } from '../store.js';
import { retainForUpload } from '../uses.js';
import { deferred } from '../waiting.js';
import { ATTACHMENTS_MAX, type Attachment } from '../wire.js';
import { type FilesContext, fileNow, removeFile } from './files-api.js';
import { rememberFile } from './local-files.js';
import { fileOf, type OutgoingFile } from './outgoing-file.js';
import { UPLOADS_AT_ONCE } from './send-files.js';
import type { UploadState } from './sending.js';
import { Turns } from './turns.js';
import { uploadFile } from './upload.js';
import { UploadPause } from './upload-pause.js';

/** A file that the user has added. */
export interface FileUpload {
  /** Identifies it in React, and for `retry` and `cancel`. */
  readonly key: string;
  readonly file: OutgoingFile;
  readonly state: UploadState;
  /** How many of its bytes have been sent. */
  readonly sentBytes: number;
  /** How many bytes it has. */
  readonly bytes: number;
  /** Whether it is sent as soon as it is uploaded, together with what was added with it. */
  readonly isSending: boolean;
  /** Why it has failed. With the code `refused` it has been examined, and its `reason` is a `FileRefusal`. */
  readonly error?: FunnelcastError;
  /** The file as messages show it, once it is `uploaded`. */
  readonly attachment?: Attachment;
}

/** The files that are being added to one conversation. */
export class OutgoingFiles {
  readonly store = new Store<readonly FileUpload[]>([]);
  /** Gets a grant, for a user without access of their own. */
  grant: SubscribeOptions['grant'];
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  /** Ends each upload. */
  readonly #endings = new Map<string, AbortController>();
  /** Pauses each upload. */
  readonly #pauses = new Map<string, UploadPause>();
  readonly #turns = new Turns(UPLOADS_AT_ONCE);

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.#channel = channel;
  }

  /** Adds files, and begins to upload them, three at a time. */
  readonly add = (files: Iterable<OutgoingFile>): void => {
    for (const file of files) {
      const key = newKey();
      const bytes = fileOf(file).size;
      const upload: FileUpload = { key, file, state: 'waiting', sentBytes: 0, bytes, isSending: false };
      this.store.set([...this.store.get(), upload]);
      void this.#upload(upload);
    }
  };

  /** Uploads a file again that has failed. */
  readonly retry = (key: string): void => {
    const [upload] = this.#these([key]);
    if (upload?.state !== 'failed') return;
    const { error: _, ...rest } = upload;
    const waiting: FileUpload = { ...rest, state: 'waiting', sentBytes: 0 };
    this.#replace(key, waiting);
    void this.#upload(waiting);
  };

  /**
   * Pauses the upload of a file. One of more than 100 MB goes on with the part that it was in, and a smaller one begins again. It
   * remains one of the three that are uploaded at the same time.
   */
  readonly pause = (key: string): void => this.#pauses.get(key)?.pause();

  /** Lets the upload of a file go on that is paused. */
  readonly resume = (key: string): void => this.#pauses.get(key)?.resume();

  /** Removes a file, whether it is uploaded or not, here and from the server. */
  readonly cancel = (key: string): void => {
    const [upload] = this.#these([key]);
    if (upload?.attachment) removeFile(this.#client, upload.attachment.id);
    this.#pauses.delete(key);
    this.store.set(this.store.get().filter(one => one.key !== key));
    this.#endings.get(key)?.abort();
    this.#endings.delete(key);
  };

  /**
   * Sends the files in one message, or in several if there are more than 10, once all of them are uploaded. The message is then in
   * the conversation, as if its own `send` had been called; call `sendTyping(false)` of `useConversation` too. A file that has
   * failed already is left where it is; one that fails later is waited for, until it is retried or cancelled.
   *
   * @param content - the text; without files, it is sent alone
   * @returns when the message has been acknowledged or has failed. It never rejects because of the server.
   */
  readonly send = async (content = '', options: SendMessageOptions = {}): Promise<void> => {
    const isWanted = (one: FileUpload) => one.state !== 'failed' && !one.isSending;
    const keys = this.store
      .get()
      .filter(isWanted)
      .map(({ key }) => key);
    for (const key of keys) this.#update(key, { isSending: true });
    try {
      const release = retainForUpload(this.#client, this.#channel, this.grant);
      await this.#uploaded(keys).finally(release); // from here on, the send queue keeps the client connected
    } catch (thrown) {
      for (const key of keys) this.#update(key, { isSending: false });
      throw thrown;
    }
    const attachments = this.#these(keys).flatMap(({ attachment }) => attachment ?? []);
    this.store.set(this.store.get().filter(({ key }) => !keys.includes(key)));
    if (attachments.length === 0 && content === '') return;
    const drafts = draftsOf(this.#client, this.#channel);
    const sent = [drafts.send(content, { ...options, attachments: attachments.slice(0, ATTACHMENTS_MAX) })];
    for (let at = ATTACHMENTS_MAX; at < attachments.length; at += ATTACHMENTS_MAX) {
      sent.push(drafts.send('', { attachments: attachments.slice(at, at + ATTACHMENTS_MAX) }));
    }
    await Promise.all(sent);
  };

  /** Uploads a file. Never rejects. */
  async #upload({ key, file }: FileUpload): Promise<void> {
    const ending = new AbortController();
    this.#endings.set(key, ending);
    const pause = new UploadPause();
    this.#pauses.set(key, pause);
    const context: FilesContext = {
      client: this.#client,
      channel: this.#channel,
      grant: this.grant,
      pause,
      signal: ending.signal,
    };
    const report = (state: UploadState, sentBytes: number) => {
      // It is uploaded once there is the attachment to show.
      if (state !== 'uploaded') this.#update(key, { state, sentBytes });
    };
    try {
      const attachment = await this.#turns.run(() => uploadFile(context, file, report), ending.signal);
      rememberFile(this.#client, attachment.id, fileOf(file));
      this.#update(key, { state: 'uploaded', sentBytes: fileOf(file).size, attachment });
    } catch (thrown) {
      this.#update(key, { state: 'failed', error: toError(thrown) }); // does nothing if it was cancelled
    }
  }

  /** Waits until all of these files are uploaded or cancelled. Those that are already may have been refused since. */
  async #uploaded(keys: readonly string[]): Promise<void> {
    const uploaded = this.#these(keys).filter(({ attachment }) => attachment);
    await Promise.all(uploaded.map(upload => this.#examine(upload)));
    await this.#until(() => this.#these(keys).every(({ attachment }) => attachment));
  }

  /** Finds out whether an uploaded file has been refused. If nobody says so, the server will when the message is sent. */
  async #examine({ key, attachment }: FileUpload): Promise<void> {
    if (!attachment) return;
    const now = await fileNow(this.#client, attachment.id).catch(() => attachment);
    if (now.state !== 'refused') return;
    const reason = now.refusal ?? 'unknown';
    const error = new FunnelcastError('refused', `the file was refused: ${reason}`, undefined, 'file', {
      reason,
    });
    const [{ attachment: _, ...rest } = {}] = this.#these([key]);
    this.#replace(key, { ...rest, state: 'failed', error } as FileUpload);
  }

  /** Those of these files that have not been cancelled, in their order. */
  #these(keys: readonly string[]): FileUpload[] {
    return this.store.get().filter(({ key }) => keys.includes(key));
  }

  #update(key: string, change: Partial<FileUpload>): void {
    const [upload] = this.#these([key]);
    if (upload) this.#replace(key, { ...upload, ...change });
  }

  #replace(key: string, upload: FileUpload): void {
    this.store.set(this.store.get().map(one => (one.key === key ? upload : one)));
  }

  /** Waits until a condition holds, which the files of the store fulfil. */
  async #until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    const so = deferred<void>();
    const stop = this.store.subscribe(() => isSo() && so.resolve());
    await so.promise.finally(stop);
  }
}

/** The files that are being added to a conversation. */
export const outgoingFilesOf = /* @__PURE__ */ keptPerConversation(OutgoingFiles);
