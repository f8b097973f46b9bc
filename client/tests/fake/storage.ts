/**
 * S3 and the part of the HTTP API that is about files. Uploads take their time, and can be cut off, stand still, expire or be
 * refused.
 */

import { createHash } from 'node:crypto';
import type { Attachment, FileDraft, PartsDraft, UploadedParts } from '../../src/index.js';
import { PART_BYTES, SINGLE_UPLOAD_BYTES_MAX } from '../../src/wire.js';
import { Refusal } from './refusal.js';

const ORIGIN = 'https://storage.test';
const URL_LIFE_MS = 15 * 60_000;
const LINK_LIFE_MS = 5 * 60_000;

/** A `PUT` that has reached the storage. */
export interface Put {
  url: string;
  headers: Record<string, string>;
  bytes: number;
}

/** What the storage answers. */
interface StorageResponse {
  status: number;
  text: string;
  etag?: string;
}

export class FakeStorage {
  /** The uploads that are in the storage, by the ids of their files. */
  readonly objects = new Map<string, Uint8Array>();
  readonly puts: Put[] = [];
  /** The requests of the HTTP API, such as `POST /api/files`. */
  readonly calls: { call: string; grant: string | null; body: unknown }[] = [];
  /** Whether uploads get through: `cut` ends them at once, and `stalled` never. */
  network: 'open' | 'cut' | 'stalled' = 'open';
  /** Whether the response to an upload is lost, although it is in the storage. */
  losesResponse = false;
  /** How many bytes an upload sends in a millisecond. */
  bytesPerMs = 100;
  /** The limit of the stack, for all kinds. */
  bytesMax = 25_000_000;
  /** Called with each upload that has arrived. What it returns is the refusal. */
  refuse: (put: Put) => StorageResponse | undefined = () => undefined;
  /** How many uploads were on their way at the same time, at most. */
  mostAtOnce = 0;
  atOnce = 0;
  readonly #files: Map<string, Attachment>;
  readonly #drafts = new Map<string, FileDraft>();
  /** The parts of the files that are uploaded in parts. */
  readonly parts = new Map<string, Map<number, Uint8Array>>();
  readonly #cut = new Set<() => void>();

  constructor(files: Map<string, Attachment>) {
    this.#files = files;
  }

  /** How often the HTTP API was called like this. */
  count(call: string): number {
    return this.calls.filter(one => one.call === call).length;
  }

  /** Ends all uploads, as a cut network does. */
  cut(): void {
    this.network = 'cut';
    for (const end of [...this.#cut]) end();
  }

  /** Serves a request of the HTTP API. */
  serve(method: string, url: URL, body: unknown, grant: string | null): object {
    const [, , , id, link] = url.pathname.split('/');
    this.calls.push({ call: `${method} ${url.pathname.replace(id ?? ' ', '{id}')}`, grant, body });
    if (id === undefined) return this.#create(body as FileDraft);
    const file = this.#files.get(id);
    if (!file) throw new Refusal('not_found');
    if (method === 'DELETE') {
      for (const kept of [this.#files, this.objects, this.parts]) kept.delete(id);
      return { fileId: id };
    }
    if (link === 'parts') return this.#signParts(file, body as PartsDraft);
    if (link) return this.#link(file, url.searchParams.get('form') ?? 'original');
    if (file.state !== 'uploading') return file;
    this.#putTogether(file, (body as UploadedParts | undefined)?.parts ?? []);
    if (!this.objects.has(id)) throw new Refusal('conflict', 'the file has not been uploaded yet');
    this.#files.set(id, { ...file, state: 'checking' });
    return this.#files.get(id) as Attachment;
  }

  #create(draft: FileDraft): object {
    if (draft.bytes > this.bytesMax)
      throw new Refusal('too_large', { field: 'bytes', message: `bytes must be at most ${this.bytesMax}` });
    const { name, type, bytes, sha256, durationMs, waveform } = draft;
    const id = `file_${this.#drafts.size + 1}`;
    const recording = { ...(durationMs !== undefined && { durationMs }), ...(waveform && { waveform }) };
    this.#files.set(id, { id, name, type, bytes, state: 'uploading', ...recording });
    this.#drafts.set(id, draft);
    const expiresAt = new Date(Date.now() + URL_LIFE_MS).toISOString();
    if (bytes > SINGLE_UPLOAD_BYTES_MAX) {
      if (sha256 !== undefined)
        throw new Refusal('bad_request', { field: 'sha256', message: 'must be absent' });
      this.parts.set(id, new Map());
      return { fileId: id, parts: { partBytes: PART_BYTES, count: Math.ceil(bytes / PART_BYTES) } };
    }
    const headers = { 'content-type': type, 'x-amz-checksum-sha256': sha256, 'if-none-match': '*' };
    return {
      fileId: id,
      upload: { url: `${ORIGIN}/${id}?until=${Date.parse(expiresAt)}`, headers, expiresAt },
    };
  }

  #signParts({ id, state }: Attachment, { first, sha256 }: PartsDraft): object {
    if (state !== 'uploading') throw new Refusal('conflict', 'the file is complete');
    const until = Date.now() + URL_LIFE_MS;
    const parts = sha256.map((hash, place) => ({
      url: `${ORIGIN}/${id}?part=${first + place}&until=${until}`,
      headers: { 'x-amz-checksum-sha256': hash },
      expiresAt: new Date(until).toISOString(),
    }));
    return { parts };
  }

  #putTogether({ id, bytes }: Attachment, named: NonNullable<UploadedParts['parts']>): void {
    const parts = this.parts.get(id);
    if (!parts || named.length === 0) return;
    const chosen = named.map(({ etag }, place) =>
      etag === `"${id}-${place + 1}"` ? parts.get(place + 1) : undefined,
    );
    const all = chosen.every(part => part !== undefined) ? Buffer.concat(chosen as Uint8Array[]) : undefined;
    if (all?.length === bytes) this.objects.set(id, all);
  }

  #link(file: Attachment, form: string): object {
    if (file.state !== 'ready' || (form === 'thumbnail' && !file.thumbnail)) return { file };
    const until = Date.now() + LINK_LIFE_MS;
    const url = `${ORIGIN}/${file.id}/${form}?until=${until}`;
    return { file, url, expiresAt: new Date(until).toISOString() };
  }

  /** Serves an upload. Resolves with its response, or never; rejects when the network is cut. */
  async put(
    url: string,
    headers: Record<string, string>,
    body: Blob,
    onProgress: (sentBytes: number) => void,
    signal: AbortSignal,
  ): Promise<StorageResponse> {
    this.atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    try {
      await this.#send(body, onProgress, signal);
      return await this.#arrived({ url, headers, bytes: body.size }, body);
    } finally {
      this.atOnce -= 1;
    }
  }

  async #send(body: Blob, onProgress: (sentBytes: number) => void, signal: AbortSignal): Promise<void> {
    let end = () => {};
    const ended = new Promise<never>((_, reject) => {
      end = () => reject(new TypeError('the network is lost'));
    });
    ended.catch(() => {});
    this.#cut.add(end);
    signal.addEventListener('abort', end);
    if (this.network === 'cut') end();
    try {
      for (let sent = 0; sent < body.size || this.network === 'stalled'; ) {
        await Promise.race([new Promise(resolve => setTimeout(resolve, 10)), ended]);
        if (this.network === 'stalled') continue;
        sent = Math.min(body.size, sent + 10 * this.bytesPerMs);
        onProgress(sent);
      }
    } finally {
      this.#cut.delete(end);
    }
  }

  async #arrived(put: Put, body: Blob): Promise<StorageResponse> {
    this.puts.push(put);
    const { pathname, searchParams } = new URL(put.url);
    const refusal = this.refuse(put);
    if (refusal) return refusal;
    if (Number(searchParams.get('until')) <= Date.now())
      return {
        status: 403,
        text: '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
      };
    const id = pathname.slice(1);
    const draft = this.#drafts.get(id) as FileDraft;
    const bytes = new Uint8Array(await body.arrayBuffer());
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    const part = Number(searchParams.get('part'));
    const expected = part ? Math.min(PART_BYTES, draft.bytes - (part - 1) * PART_BYTES) : draft.bytes;
    if (sha256 !== put.headers['x-amz-checksum-sha256'] || bytes.length !== expected)
      return { status: 400, text: '<Error><Code>BadDigest</Code></Error>' };
    if (part) this.parts.get(id)?.set(part, bytes);
    else if (this.objects.has(id))
      return { status: 412, text: '<Error><Code>PreconditionFailed</Code></Error>' };
    else this.objects.set(id, bytes);
    if (this.losesResponse) throw new TypeError('the network is lost');
    return { status: 200, text: '', etag: `"${id}${part ? `-${part}` : ''}"` };
  }

  /** The class of the requests of a browser. */
  get XMLHttpRequest(): new () => XMLHttpRequest {
    const storage = this;
    const FakeRequest = class {
      readonly upload: { onprogress?: (event: { loaded: number }) => void } = {};
      onload?: () => void;
      onerror?: () => void;
      status = 0;
      responseText = '';
      #etag: string | null = null;
      #url = '';
      readonly #headers: Record<string, string> = {};
      readonly #ended = new AbortController();

      open(_method: string, url: string) {
        this.#url = url;
      }

      setRequestHeader(name: string, value: string) {
        this.#headers[name] = value;
      }

      getResponseHeader(name: string) {
        return name === 'etag' ? this.#etag : null;
      }

      send(body: Blob) {
        const onProgress = (loaded: number) => this.upload.onprogress?.({ loaded });
        const sending = storage.put(this.#url, this.#headers, body, onProgress, this.#ended.signal);
        sending.then(
          ({ status, text, etag }) => {
            this.#etag = etag ?? null;
            this.status = status;
            this.responseText = text;
            this.onload?.();
          },
          () => this.#ended.signal.aborted || this.onerror?.(),
        );
      }

      abort() {
        this.#ended.abort();
      }
    };
    return FakeRequest as unknown as new () => XMLHttpRequest;
  }
}
