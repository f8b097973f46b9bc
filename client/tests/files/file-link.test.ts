/** Links to files, and how long they are kept. */

import { expect, test } from 'vitest';
import { fileLink, localFile } from '../../src/files/index.js';
import type { Attachment } from '../../src/index.js';
import { pass, type Scene } from '../fake/setup.js';
import { fileOf, filesScene, outcomeOf, sending } from './setting.js';

const LINK = 'GET /api/files/{id}/link';

async function sceneWith(file: Partial<Attachment>): Promise<Scene> {
  const it = await filesScene();
  const known = { id: 'file_1', name: 'a.png', type: 'image/png', bytes: 9, state: 'ready' as const };
  it.server.files.set('file_1', { ...known, ...file });
  return it;
}

const link = ({ client }: Scene, ...more: [form?: 'original' | 'thumbnail', options?: object]) =>
  outcomeOf(fileLink(client, 'file_1', ...more));

test('a link is kept until 30 seconds before it expires', async () => {
  const it = await sceneWith({ thumbnail: true });
  const first = await link(it);
  expect(first).toMatchObject({
    url: expect.stringContaining('/file_1/original?'),
    file: { state: 'ready' },
  });
  expect(await link(it, 'thumbnail')).toMatchObject({ url: expect.stringContaining('/file_1/thumbnail?') });
  await pass(4 * 60_000);
  expect(await link(it)).toBe(first);
  expect(it.server.storage.count(LINK)).toBe(2);
  await pass(31_000);
  expect(await link(it)).not.toEqual(first);
  expect(it.server.storage.count(LINK)).toBe(3);
});

test('it is asked for once by many at the same time', async () => {
  const it = await sceneWith({});
  const all = await Promise.all([link(it), link(it), link(it)]);
  expect(new Set(all).size).toBe(1);
  expect(it.server.storage.count(LINK)).toBe(1);
});

test.each([-3_600_000, 3_600_000])('a clock that is %i ms wrong does not matter', async wrong => {
  const it = await sceneWith({});
  const serve = it.server.storage.serve.bind(it.server.storage);
  it.server.storage.serve = (...args) => {
    const reply = serve(...args) as { expiresAt: string };
    return { ...reply, expiresAt: new Date(Date.parse(reply.expiresAt) + wrong).toISOString() };
  };
  const first = await link(it);
  await pass(20_000);
  expect(await link(it)).toBe(first);
  await pass(5 * 60_000);
  expect(await link(it)).not.toBe(first);
});

test('a file that cannot be read yet is asked for again', async () => {
  const it = await sceneWith({ state: 'checking' });
  expect(await link(it)).toEqual({ file: expect.objectContaining({ state: 'checking' }) });
  it.server.examine('file_1', { state: 'ready' });
  expect(await link(it)).toMatchObject({ url: expect.any(String) });
});

test('an error is not kept, and a guest shows a grant', async () => {
  const it = await filesScene();
  expect(await link(it)).toMatchObject({ code: 'not_found' });
  it.server.files.set('file_1', { id: 'file_1', name: 'a', type: 'a/b', bytes: 1, state: 'ready' });
  expect(await link(it, 'original', { grant: () => 'g.r.a' })).toMatchObject({ url: expect.any(String) });
  expect(it.server.storage.calls.at(-1)?.grant).toBe('g.r.a');
});

test('a caller that has gone does not wait; the link is there for the next', async () => {
  const it = await sceneWith({});
  const reason = new Error('gone');
  expect(await link(it, 'original', { signal: AbortSignal.abort(reason) })).toBe(reason);
  await pass(100);
  expect(await link(it)).toMatchObject({ url: expect.any(String) });
  expect(it.server.storage.count(LINK)).toBe(1);
});

test('what this page has uploaded is known to it', async () => {
  const it = await filesScene();
  const files = [fileOf(9), fileOf(10)];
  await outcomeOf(sending(it, files).sent);
  // They are hashed side by side, so the second one may be the first to get an id.
  const known = ['file_1', 'file_2'].map(id => localFile(it.client, id));
  expect(new Set(known)).toEqual(new Set(files));
  expect(localFile(it.client, 'file_3')).toBeUndefined();
});
