/**
 * The upload of a large file, in parts: one after the other, each to a URL that takes exactly its bytes. After a lost network or a
 * pause it goes on with the part that was cut off.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import type { Attachment, FileReply, Upload, UploadedPart } from '../wire.js';
import { completeFile, signParts } from './files-api.js';
import type { PutOutcome } from './put.js';
import { failed, isOutdated, lost, readable, refused, type Sending, transmit } from './sending.js';
import { sha256 } from './sha256.js';
import { verdictOf } from './storage-verdict.js';

/** How many parts are hashed and asked for at a time. Their URLs live for 15 minutes. */
const SIGNED_AT_ONCE = 4;

/** A part that may be uploaded. */
interface Part {
  body: Blob;
  sha256: string;
  upload: Upload;
  /** Whether its URL and those that came with it have not been used yet, so that a refusal is not for its age. */
  isNew: boolean;
}

type Parts = NonNullable<FileReply['parts']>;

/**
 * Uploads a file in parts, and has them put together; `undefined` if the server does not know the upload any more, or puts no file
 * together of it, so that it must begin again.
 */
export async function uploadParts(
  sending: Sending,
  { fileId, parts }: FileReply & { parts: Parts },
): Promise<Attachment | undefined> {
  const done: UploadedPart[] = [];
  let signed: Part[] = [];
  while (done.length < parts.count) {
    if (signed.length === 0) {
      const next = await sign(sending, fileId, done.length, parts);
      if (!next) return undefined;
      signed = next;
    }
    const [part] = signed as [Part];
    const outcome = await transmit(sending, part.upload, part.body, done.length * parts.partBytes);
    if (outcome !== 'lost' && outcome.status < 300) {
      done.push({ etag: etagOf(outcome.etag), sha256: part.sha256 });
      signed.shift();
      sending.failures = 0;
      sending.attempts = 0;
    } else if (await isOver(sending, outcome, part)) {
      signed = [];
    }
    part.isNew = false;
    for (const other of signed) other.isNew = false;
  }
  const attachment = await completeFile(sending.context, fileId, done);
  if (!attachment) await failed(sending, { status: 200, text: '', etag: null });
  return attachment;
}

/** Waits after a part that has not been taken. Returns whether another URL is needed; asking for it waits for the network. */
async function isOver(sending: Sending, outcome: PutOutcome, { upload, isNew }: Part): Promise<boolean> {
  const isOld = outcome !== 'lost' && isOutdated(outcome, upload, isNew);
  if (outcome === 'lost') await lost(sending);
  else if (!isOld && verdictOf(outcome) !== 'temporary') throw refused(outcome);
  await failed(sending, outcome);
  return outcome === 'lost' || isOld;
}

/** Hashes the next parts and asks for their URLs; `undefined` if the server does not know the file any more. */
async function sign(
  { context, file }: Sending,
  fileId: string,
  place: number,
  { partBytes, count }: Parts,
): Promise<Part[] | undefined> {
  const { signal } = context;
  const bodies: Blob[] = [];
  for (let at = place; at < Math.min(count, place + SIGNED_AT_ONCE); at++)
    bodies.push(file.slice(at * partBytes, (at + 1) * partBytes));
  const hashes: string[] = [];
  for (const body of bodies) hashes.push(await readable(() => sha256(body, signal), signal));
  try {
    const { parts } = await signParts(context, fileId, { first: place + 1, sha256: hashes });
    return bodies.map((body, index) => {
      return { body, sha256: hashes[index] as string, upload: parts[index] as Upload, isNew: true };
    });
  } catch (error) {
    if (error instanceof FunnelcastError && error.code === 'not_found') return undefined;
    throw error;
  }
}

function etagOf(etag: string | null): string {
  if (etag) return etag;
  const message = 'the storage does not show the ETag of a part: its CORS rules must expose it';
  throw new FunnelcastError('bad_request', message);
}
