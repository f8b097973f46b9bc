/**
 * Encoding of requests, and the rejection of those that could never succeed: a field has the wrong type, cannot be
 * serialised, or makes the frame too large.
 *
 * Such a request must not reach the socket. API Gateway closes a socket that carries a larger frame, together with
 * everything else on it, and a frame that the server cannot parse may get no reply.
 *
 * @module
 */

import { invalid } from '../errors.js';
import { type ActionName, type ClientDrafts, LEVELS_MAX, REQUEST_BYTES_MAX } from '../wire.js';
import type { Fields } from './link.js';

/** As long as an `id` ever gets, so that a request that passes the check still fits when it is sent. */
const LONGEST_ID = 'z'.repeat(11);

/** The types of the fields of requests; a field that is not listed is a string. A question mark means optional. */
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
  cursor: 'string?',
  companyId: 'string?',
  token: 'string?',
  data: 'object',
};

/** The types of the fields of drafts. A question mark means optional. */
const DRAFTS: Record<keyof ClientDrafts, Record<string, string>> = {
  'chat.message': {
    content: 'string?', // see `encodeDraft`
    type: 'string?',
    metadata: 'object?',
    attachments: 'list?',
    replyTo: 'number?',
    mentions: 'list?',
  },
  'chat.edit': { target: 'number', content: 'string', metadata: 'object?' },
  'chat.delete': { target: 'number' },
  'chat.reaction': { target: 'number', emoji: 'string', on: 'boolean' },
  'chat.typing': { isTyping: 'boolean' },
  signal: { name: 'string' },
  'presence.update': { status: 'string' },
  'app.event': { name: 'string' },
  'app.signal': { name: 'string' },
};

/**
 * Encodes a request as a frame.
 *
 * @throws {@link FunnelcastError} `bad_request`, `invalid_channel` or `too_large`, with the invalid field
 */
export function encode<A extends ActionName>(action: A, id: string, fields: Fields<A>): string {
  for (const [name, value] of Object.entries(fields)) {
    checkType(value, FIELDS[name] ?? 'string', name);
    checkText(value, name, 0);
    if (name === 'channel' && !/^\w+(:[\w-]{1,64})?$/.test(String(value))) {
      throw invalid(
        name,
        'must be `kind:id` with an id of [A-Za-z0-9_-]{1,64}, or `system`',
        'invalid_channel',
      );
    }
  }
  const text = JSON.stringify({ action, id, ...fields });
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > REQUEST_BYTES_MAX) {
    const size = (value: unknown) => JSON.stringify(value)?.length ?? 0;
    const [largest] = Object.entries(fields).sort(([, a], [, b]) => size(b) - size(a));
    const message = `makes the frame ${bytes} bytes long; at most ${REQUEST_BYTES_MAX} are allowed`;
    throw invalid(largest?.[0] ?? action, message, 'too_large');
  }
  return text;
}

/** Throws what {@link encode} would throw, so that a request can be rejected before there is a connection. */
export function check<A extends ActionName>(action: A, fields: Fields<A>): void {
  encode(action, LONGEST_ID, fields);
}

/**
 * Copies a draft by way of JSON, as the server will read it.
 *
 * @throws {@link FunnelcastError} `bad_request`, with the invalid field
 */
export function encodeDraft(event: keyof ClientDrafts, data: object): ClientDrafts[keyof ClientDrafts] {
  const types = Object.hasOwn(DRAFTS, event) ? DRAFTS[event] : undefined;
  if (!types) throw invalid('event', `must be one of ${Object.keys(DRAFTS)}`);
  checkType(data, 'object', 'data');
  const values = copied('data', (): Record<string, unknown> => ({ ...data }));
  for (const [name, type] of Object.entries(types)) checkType(values[name], type, `data.${name}`);
  // A message may consist of files alone.
  if (event === 'chat.message' && !values['attachments'])
    checkType(values['content'], 'string', 'data.content');
  const copies = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, copied(`data.${name}`, () => JSON.parse(JSON.stringify(value)))])
    .filter(([, copy]) => copy !== null); // as the server reads it
  return Object.fromEntries(copies);
}

/** Calls `copy`, which may throw: it runs getters and `toJSON` methods of the app. */
function copied<T>(field: string, copy: () => T): T {
  try {
    return copy();
  } catch (error) {
    throw invalid(field, `cannot be serialised: ${error}`);
  }
}

function checkType(value: unknown, type: string, field: string): void {
  if (type.endsWith('?') && value === undefined) return;
  const expected = type.replace('?', '');
  const actual = Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;
  if (expected === 'number' && !(Number.isSafeInteger(value) && (value as number) >= 0)) {
    throw invalid(field, 'must be a whole number from 0 to 2^53 - 1');
  }
  if (actual !== expected) throw invalid(field, `must be ${expected === 'object' ? 'an' : 'a'} ${expected}`);
}

/** Checks for text without an encoding in UTF-8, and for nesting that the server does not parse. */
function checkText(value: unknown, field: string, depth: number): void {
  if (depth > LEVELS_MAX) throw invalid(field, `must not nest deeper than ${LEVELS_MAX} levels`);
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
    throw invalid(field, 'must be well-formed Unicode');
  }
}
