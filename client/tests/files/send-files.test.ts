/** Sending files, with all that can happen to them on the way. */

import { describe, expect, test } from 'vitest';
import { uploadFiles } from '../../src/files/index.js';
import type { Attachment, ChatMessage } from '../../src/index.js';
import { Refusal } from '../fake/refusal.js';
import { CHANNEL, pass, watchRejections } from '../fake/setup.js';
import { fileOf, filesScene, outcomeOf, sending, until } from './setting.js';

watchRejections();

const attachmentsOf = (event: { data: unknown } | undefined) =>
  (event?.data as ChatMessage | undefined)?.attachments;

describe('a file', () => {
  test('is hashed, uploaded, completed, and sent with its message', async () => {
    const it = await filesScene();
    const { sent, steps, states } = sending(it, [fileOf(5_000)], { content: 'look', mentions: ['user_2'] });
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(it.server.storage.calls.map(({ call }) => call)).toEqual([
      'POST /api/files',
      'POST /api/files/{id}',
    ]);
    expect(it.server.storage.objects.get('file_1')).toHaveLength(5_000);
    expect(it.server.storage.puts[0]?.headers).toEqual({
      'content-type': 'image/png',
      'if-none-match': '*',
      'x-amz-checksum-sha256': expect.stringMatching(/^.{43}=$/),
    });
    expect(it.server.log(CHANNEL)[0]?.data).toMatchObject({
      content: 'look',
      mentions: ['user_2'],
      attachments: [{ id: 'file_1', name: 'photo.png', type: 'image/png', bytes: 5_000, state: 'checking' }],
    });
    expect(states()).toEqual(['reading', 'uploading', 'uploaded']);
    const amounts = steps.map(({ sentBytes }) => sentBytes);
    expect(amounts).toEqual([...amounts].sort((a, b) => a - b));
    expect(amounts).toContain(2_000);
    expect(steps.at(-1)).toMatchObject({ sentBytes: 5_000, bytes: 5_000 });
  });

  test('is also uploaded where there is no XMLHttpRequest', async () => {
    const { server } = await filesScene();
    const it = await filesScene({ environment: { ...server.environment, XMLHttpRequest: undefined } });
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(server.storage.puts).toHaveLength(1);
  });

  test('has a name and a type that the server accepts', async () => {
    const it = await filesScene();
    const names = [
      `${'é'.repeat(200)}.png`,
      'a\nb\ud800',
      ' ',
      '\u200b',
      '\u202bקובץ\u202c.pdf',
      '\u2068x\u2069.png',
      'a\u2028b',
    ];
    const files = names.map(name => fileOf(1, name, 'audio/webm;codecs=opus'));
    await outcomeOf(sending(it, [...files, fileOf(1, 'x', 'nonsense')]).sent);
    const sent = attachmentsOf(it.server.log(CHANNEL)[0]);
    expect(sent?.map(({ name }) => name)).toEqual([
      `${'é'.repeat(125)}.png`,
      'a b\ufffd',
      'file',
      'file',
      'קובץ.pdf',
      'x.png',
      'a b',
      'x',
    ]);
    expect(new Set(sent?.map(({ type }) => type))).toEqual(
      new Set(['audio/webm', 'application/octet-stream']),
    );
  });

  test('of a voice message has its length and its waveform', async () => {
    const it = await filesScene();
    const recording = { file: fileOf(9, 'v.webm', 'audio/webm'), durationMs: 1_200.4, waveform: [0, 9, 255] };
    await outcomeOf(sending(it, [recording as never]).sent);
    expect(attachmentsOf(it.server.log(CHANNEL)[0])).toMatchObject([
      { durationMs: 1_200, waveform: [0, 9, 255] },
    ]);
  });

  test('of a guest is asked for with a new grant', async () => {
    const it = await filesScene();
    await outcomeOf(sending(it, [fileOf(9)], { grant: async () => 'g.r.a' }).sent);
    expect(it.server.storage.calls.map(({ grant }) => grant)).toEqual(['g.r.a', null]);
  });
});

describe('several files', () => {
  test('are uploaded three at a time, and sent in their order', async () => {
    const it = await filesScene();
    const files = [9_000, 100, 5_000, 200, 300].map(bytes => fileOf(bytes, `${bytes}`));
    await outcomeOf(sending(it, files).sent);
    expect(it.server.storage.mostAtOnce).toBe(3);
    const names = attachmentsOf(it.server.log(CHANNEL)[0])?.map(({ name }) => name);
    expect(names).toEqual(['9000', '100', '5000', '200', '300']);
  });

  test('of which one is refused are given up, and the error names it, before it is uploaded', async () => {
    const it = await filesScene();
    it.server.storage.bytesMax = 1_000;
    const { sent, steps } = sending(it, [fileOf(900), fileOf(1_001)]);
    expect(await outcomeOf(sent)).toMatchObject({ code: 'too_large', field: 'files[1].bytes' });
    await pass(1_000);
    expect(it.server.storage.puts).toEqual([]);
    expect(it.server.storage.atOnce).toBe(0);
    expect(steps.at(-1)?.files[1]).toMatchObject({ state: 'failed' });
    expect(it.server.log(CHANNEL)).toEqual([]);
  });

  test.each([
    ['none', [], 'files'],
    ['eleven', Array.from({ length: 11 }, () => fileOf(1)), 'files'],
    ['an empty one', [fileOf(1), fileOf(0)], 'files[1].bytes'],
  ])('%s: refused without a request', async (_, files, field) => {
    const it = await filesScene();
    expect(await outcomeOf(sending(it, files).sent)).toMatchObject({ code: 'bad_request', field });
    expect(it.server.storage.puts).toEqual([]);
  });
});

test('a client without the HTTP API says what it lacks', async () => {
  const it = await filesScene({ http: undefined });
  expect(await outcomeOf(sending(it, [fileOf(1)]).sent)).toMatchObject({
    code: 'bad_request',
    message: expect.stringContaining('httpApi'),
  });
});

describe('aborting', () => {
  test('removes what is uploaded and what is on its way, as far as the network lets it', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    const ending = new AbortController();
    const { sent, steps } = sending(it, [fileOf(1), fileOf(50_000)], { signal: ending.signal });
    await until(() => steps.at(-1)?.files[0]?.state === 'uploaded' && storage.atOnce > 0);
    ending.abort();
    await outcomeOf(sent);
    await until(() => storage.count('DELETE /api/files/{id}') === 2);
    await pass(1_000);
    expect([...storage.objects.keys()]).toEqual([]);
  });

  test('after the upload, while the message waits, removes the files too', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    const [ending, reason] = [new AbortController(), new Error('no more')];
    it.server.intercept = ({ action }) => (action === 'send' ? new Refusal('internal') : undefined);
    const { sent, states } = sending(it, [fileOf(1), fileOf(2)], { signal: ending.signal });
    await until(() => states().includes('uploaded') && storage.objects.size === 2);
    await until(() => it.server.count('send') > 0);
    ending.abort(reason);
    expect(await outcomeOf(sent)).toBe(reason);
    await until(() => storage.objects.size === 0);
  });

  test.each(['before', 'uploading', 'waiting'])('%s ends it with the reason', async when => {
    const it = await filesScene();
    const ending = new AbortController();
    const reason = new Error('no more');
    if (when === 'before') ending.abort(reason);
    if (when === 'waiting') it.server.storage.network = 'cut';
    if (when === 'waiting') it.server.http = 'closed';
    const { sent, states } = sending(it, [fileOf(50_000), fileOf(1)], { signal: ending.signal });
    if (when === 'uploading') await until(() => it.server.storage.atOnce > 0);
    if (when === 'waiting') await until(() => states().includes('interrupted'));
    ending.abort(reason);
    expect(await outcomeOf(sent)).toBe(reason);
    await pass(60_000);
    expect(it.server.storage.objects.has('file_1')).toBe(false);
    expect(it.server.storage.atOnce).toBe(0);
    expect(it.server.log(CHANNEL)).toEqual([]);
  });
});

test('a message may consist of files alone, and without them needs a text', async () => {
  const it = await filesScene();
  const uploaded = await outcomeOf(uploadFiles(it.client, CHANNEL, [fileOf(9)]));
  const attachments = (uploaded as Attachment[]).map(({ id }) => id);
  expect(await outcomeOf(it.client.send(CHANNEL, 'chat.message', { attachments }))).toMatchObject({ seq: 1 });
  const sent = it.client.send(CHANNEL, 'chat.message', {});
  expect(await outcomeOf(sent)).toMatchObject({ code: 'bad_request', field: 'data.content' });
});

test('a message whose `attachments` are no list is refused before it is sent', async () => {
  const { client, server } = await filesScene();
  const sent = client.send(CHANNEL, 'chat.message', { content: '', attachments: 'file_1' as never });
  expect(await outcomeOf(sent)).toMatchObject({ code: 'bad_request', field: 'data.attachments' });
  expect(server.count('send')).toBe(0);
});
