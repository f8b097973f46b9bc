/**
 * What a user sends: a file, or a recording with its length and waveform; and what is said of it when its upload is asked for.
 *
 * @module
 */

import { invalid } from '../errors.js';
import { FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, type FileDraft } from '../wire.js';

/** A voice message, as `recordVoice` makes it. */
export interface Recording {
  /** The sound. */
  file: File;
  /** How long it is, in milliseconds. */
  durationMs: number;
  /** How loud it is from its beginning to its end: 64 values from 0 to 255. */
  waveform: number[];
}

/** A file to send. */
export type OutgoingFile = File | Recording;

/** The bytes of what is sent. */
export function fileOf(outgoing: OutgoingFile): File {
  return 'file' in outgoing ? outgoing.file : outgoing;
}

/** What is said of a file, beside its channel and its hash. */
export type Description = Omit<FileDraft, 'channel' | 'sha256'>;

/**
 * Describes a file as the server accepts it.
 *
 * @throws {@link FunnelcastError} `bad_request` or `too_large` with the field `bytes`, if no stack would accept it
 */
export function descriptionOf(outgoing: OutgoingFile): Description {
  const file = fileOf(outgoing);
  if (file.size === 0) throw invalid('bytes', 'must be at least 1: an empty file cannot be sent');
  if (file.size > FILE_BYTES_MAX) throw invalid('bytes', `must be at most ${FILE_BYTES_MAX}`, 'too_large');
  const { durationMs, waveform } = 'file' in outgoing ? outgoing : {};
  return {
    name: nameOf(file),
    type: typeOf(file),
    bytes: file.size,
    ...(durationMs !== undefined && { durationMs: Math.round(durationMs) }),
    ...(waveform && { waveform }),
  };
}

/** Finds a character that can be seen: without one, the server refuses a name. */
const IS_VISIBLE = /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u;

/**
 * The name in at most 255 bytes, with its extension. What the server refuses in it goes: control characters and ends of lines are
 * replaced, and what turns the direction of the text is left out.
 */
export function nameOf({ name }: File): string {
  const shown = name
    .replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .replace(/\p{Surrogate}/gu, '\ufffd')
    .trim();
  const whole = IS_VISIBLE.test(shown) ? shown : 'file';
  if (bytesOf(whole) <= FILE_NAME_BYTES_MAX) return whole;
  const extension = /\.[\w-]{1,16}$/.exec(whole)?.[0] ?? '';
  const chars = [...whole.slice(0, whole.length - extension.length)];
  while (bytesOf(chars.join('') + extension) > FILE_NAME_BYTES_MAX) chars.pop();
  return chars.join('') + extension;
}

/** The media type, without its parameters. A browser leaves it empty if it does not know the extension. */
export function typeOf({ type }: Blob): string {
  const plain = type.split(';')[0]?.trim().toLowerCase() ?? '';
  const isType = /^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/.test(plain);
  return isType && plain.length <= 255 ? plain : 'application/octet-stream';
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}
