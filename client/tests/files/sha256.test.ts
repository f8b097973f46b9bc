/** The hash of files, whichever code makes it. */

import { createHash } from 'node:crypto';
import { afterEach, expect, test, vi } from 'vitest';
import { Sha256, sha256 } from '../../src/files/sha256.js';
import { generator } from '../fake/random.js';

afterEach(() => vi.unstubAllGlobals());

const bytesOf = (length: number, random = generator(length)) =>
  Uint8Array.from({ length }, () => Math.floor(random() * 256));

const expected = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

test.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1_000, 70_000])('%i bytes, whole or in pieces', length => {
  const bytes = bytesOf(length);
  const random = generator(length + 1);
  const hash = new Sha256();
  for (let at = 0; at < length; ) {
    const piece = Math.ceil(random() * 200);
    hash.update(bytes.subarray(at, at + piece));
    at += piece;
  }
  expect(Buffer.from(hash.digest()).toString('base64')).toBe(expected(bytes));
});

test('a file, with WebCrypto and on a page without it', async () => {
  const bytes = bytesOf(5_000_001);
  const file = new Blob([bytes]);
  expect(await sha256(file)).toBe(expected(bytes));
  vi.stubGlobal('crypto', {});
  expect(await sha256(file)).toBe(expected(bytes));
});

test('a file that is too large for memory is read in pieces, until it is aborted', async () => {
  const bytes = new Uint8Array(33 * 1024 * 1024).fill(7);
  const file = new Blob([bytes]);
  const whole = vi.spyOn(file, 'arrayBuffer');
  expect(await sha256(file)).toBe(expected(bytes));
  expect(whole).not.toHaveBeenCalled();
  const reason = new Error('enough');
  await expect(sha256(file, AbortSignal.abort(reason))).rejects.toBe(reason);
});
