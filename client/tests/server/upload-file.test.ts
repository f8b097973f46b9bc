/** What uploading a file does when something between the backend and the stack, or the storage, fails for a moment. */

import { expect, test } from 'vitest';
import { createTokenIssuer, uploadFile } from '../../src/server/index.js';

const issuer = createTokenIssuer({ key: 'a secret of at least thirty-two bytes' });
const file = { name: 'a.txt', type: 'text/plain', bytes: new TextEncoder().encode('Hi!') };

/** Uploads the file, while the first two of the requests for `path` get this response. Returns how many there were. */
async function upload(path: string, failure: () => Response): Promise<number> {
  let requests = 0;
  const answer = async (input: string) => {
    if (new URL(input).pathname === path && ++requests <= 2) return failure();
    return Response.json({ fileId: 'f1', upload: { url: 'https://s3.test/f1', headers: {} } });
  };
  const target = { http: 'https://api.test', issuer, random: () => 0, fetch: answer as typeof fetch };
  await expect(uploadFile(target, 'conv-1', file)).resolves.toBe('f1');
  return requests;
}

test.each([
  [408, '<h1>Timeout</h1>'],
  [425, ''],
  [429, '{"error":"slow down"}'],
  [503, '{"error":{}}'],
])('a request that a proxy answers with %i is made again', async (status, body) => {
  expect(await upload('/api/files', () => new Response(body, { status }))).toBe(3);
  expect(await upload('/api/files/f1', () => new Response(body, { status }))).toBe(3);
});

test.each([
  [400, '<Error><Code>RequestTimeout</Code></Error>'],
  [408, ''],
  [409, ''],
  [425, ''],
  [429, ''],
  [503, '<Error><Code>SlowDown</Code></Error>'],
])('bytes that the storage answers with %i are sent again', async (status, body) => {
  expect(await upload('/f1', () => new Response(body, { status }))).toBe(3);
});

test.each([
  [400, '<Error><Code>ExpiredToken</Code></Error>'],
  [403, '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'],
])('a URL that the storage calls expired with %i %s is replaced', async (status, body) => {
  let files = 0;
  const answer = async (input: string) => {
    const { pathname } = new URL(input);
    if (pathname === '/f1') return new Response(body, { status });
    if (pathname === '/api/files') files += 1;
    return Response.json({ fileId: `f${files}`, upload: { url: `https://s3.test/f${files}`, headers: {} } });
  };
  const target = { http: 'https://api.test', issuer, random: () => 0, fetch: answer as typeof fetch };
  await expect(uploadFile(target, 'conv-1', file)).resolves.toBe('f2');
  const refused = (async input =>
    new URL(input as string).pathname.startsWith('/f')
      ? new Response(body, { status })
      : answer(input as string)) as typeof fetch;
  await expect(uploadFile({ ...target, fetch: refused }, 'conv-1', file)).rejects.toMatchObject({
    code: 'bad_request',
  });
});
