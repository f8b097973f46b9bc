/**
 * Requests as they go over the wire, and the refusal of those that cannot: of a wrong type, not serialisable, or larger
 * than a frame may be.
 *
 * API Gateway closes a socket on which a larger frame comes, with everything else that is on it. And a frame that the
 * server cannot parse may get no answer. So nothing of that kind is ever sent.
 *
 * @module
 */

import { FunnelcastError } from './errors.js';
import type { Fields } from './link.js';
import type { ActionName, ClientDrafts } from './wire.js';

/** The largest frame that API Gateway takes, in bytes. */
export const FRAME_BYTES_MAX = 32 * 1024;
/** How deep a value may nest; the server's parser stops at 128, the frame around it included. */
const DEPTH_MAX = 100;
/** As long as an `id` gets, so that what was found to fit still does when it is sent. */
const LONGEST_ID = 'z'.repeat(11);

/** The type of each field of a request that is not a string. As with drafts, a question mark says that it may be absent. */
const FIELDS: Record<string, string> = {
  since: 'number?',
  order: 'number?',
  grant: 'string?',
  base: 'number?',
  key: 'string?',
  seq: 'number',
  before: 'number?',
  after: 'number?',
  limit: 'number',
  contains: 'string?',
  token: 'string?',
  data: 'object',
};

/** The type of each field of a draft; those with a question mark may be absent. */
const DRAFTS: Record<keyof ClientDrafts, Record<string, string>> = {
  'chat.message': { content: 'string', type: 'string?', metadata: 'object?' },
  'chat.typing': { isTyping: 'boolean' },
  signal: { name: 'string' },
  'presence.update': { status: 'string' },
};

/**
 * The frame of a request.
 *
 * @throws {@link FunnelcastError} `bad_request`, `invalid_channel` or `too_large`, with the field that is at fault
 */
export function encode<A extends ActionName>(action: A, id: string, fields: Fields<A>): string {
  for (const [name, value] of Object.entries(fields)) {
    checkType(value, FIELDS[name] ?? 'string', name);
    checkText(value, name, 0);
    if (name === 'channel' && !/^\w+(:[\w-]{1,64})?$/.test(String(value))) {
      throw refusal(
        'invalid_channel',
        name,
        'must be `kind:id`, the id being [A-Za-z0-9_-]{1,64}, or `system`',
      );
    }
  }
  const text = JSON.stringify({ action, id, ...fields });
  // A character has at most 3 bytes for each of its UTF-16 units: most frames need no counting.
  const bytes = text.length * 3 > FRAME_BYTES_MAX ? new TextEncoder().encode(text).length : 0;
  if (bytes > FRAME_BYTES_MAX) {
    const size = (value: unknown) => JSON.stringify(value)?.length ?? 0;
    const [largest] = Object.entries(fields).sort(([, a], [, b]) => size(b) - size(a));
    const why = `makes a frame of ${bytes} bytes; at most ${FRAME_BYTES_MAX} can be sent`;
    throw refusal('too_large', largest?.[0] ?? action, why);
  }
  return text;
}

/** Throws what {@link encode} will, before there is a connection to send the request on. */
export function check<A extends ActionName>(action: A, fields: Fields<A>): void {
  encode(action, LONGEST_ID, fields);
}

/**
 * A draft as the server will read it: a copy, made by way of JSON.
 *
 * @throws {@link FunnelcastError} `bad_request`, with the field that is at fault
 */
export function encodeDraft<Name extends keyof ClientDrafts>(
  event: Name,
  data: ClientDrafts[Name],
): ClientDrafts[Name] {
  const types = Object.hasOwn(DRAFTS, event) ? DRAFTS[event] : undefined;
  if (!types) throw refusal('bad_request', 'event', 'must be one that a client may publish');
  checkType(data, 'object', 'data');
  const values = read(data);
  for (const [name, type] of Object.entries(types)) checkType(values[name], type, `data.${name}`);
  const copies = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, copy(value, `data.${name}`)]);
  return Object.fromEntries(copies);
}

/** What is in an object, whose getters may throw. */
function read(data: object): Record<string, unknown> {
  try {
    return Object.fromEntries(Object.entries(data));
  } catch (error) {
    throw refusal('bad_request', 'data', `cannot be read: ${error}`);
  }
}

function copy(value: unknown, field: string): unknown {
  try {
    return JSON.parse(JSON.stringify(value));
  } catch (error) {
    throw refusal('bad_request', field, `cannot be serialised: ${error}`);
  }
}

function checkType(value: unknown, type: string, field: string): void {
  if (type.endsWith('?') && value === undefined) return;
  const wanted = type.replace('?', '');
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (wanted === 'number' && !(Number.isSafeInteger(value) && (value as number) >= 0)) {
    throw refusal('bad_request', field, 'must be a whole number from 0 to 2^53 - 1');
  }
  if (wanted === 'object' ? !isObject : typeof value !== wanted) {
    throw refusal('bad_request', field, `must be ${wanted === 'object' ? 'an' : 'a'} ${wanted}`);
  }
}

/** Half of a surrogate pair has no UTF-8, and what nests too deep is not parsed. */
function checkText(value: unknown, field: string, depth: number): void {
  if (depth > DEPTH_MAX) throw refusal('bad_request', field, `nests deeper than ${DEPTH_MAX} levels`);
  if (typeof value === 'string') checkWellFormed(value, field);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const path = depth < 2 ? `${field}.${name}` : field;
    checkWellFormed(name, field);
    checkText(inner, path, depth + 1);
  }
}

function checkWellFormed(text: string, field: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    throw refusal('bad_request', field, 'must be well-formed Unicode: it has half of a surrogate pair');
  }
}

function refusal(code: FunnelcastError['code'], field: string, why: string): FunnelcastError {
  return new FunnelcastError(code, `${field} ${why}`, undefined, field);
}
