/** Large files, which are uploaded in parts; and uploads that the user pauses. */

import { beforeAll, describe, expect, test } from 'vitest';
import { UploadPause } from '../../src/files/index.js';
import { PART_BYTES, SINGLE_UPLOAD_BYTES_MAX } from '../../src/wire.js';
import { Refusal } from '../fake/refusal.js';
import { pass, type Scene, watchRejections } from '../fake/setup.js';
import { fileOf, filesScene, outcomeOf, sending, until } from './setting.js';

watchRejections();

const LARGE = SINGLE_UPLOAD_BYTES_MAX + 1;
const COUNT = Math.ceil(LARGE / PART_BYTES);

let large: File;
beforeAll(() => {
  large = fileOf(LARGE, 'film.mp4', 'video/mp4');
});

/** A storage that takes large files, in some milliseconds. */
async function largeScene(): Promise<Scene> {
  const it = await filesScene();
  it.server.storage.bytesMax = 2 * LARGE;
  it.server.storage.bytesPerMs = 50_000;
  return it;
}

const partsOf = ({ server: { storage } }: Scene) =>
  storage.puts.map(({ url }) => Number(new URL(url).searchParams.get('part')));

describe('a large file', () => {
  test('is uploaded in parts, whose URLs are asked for some at a time', async () => {
    const it = await largeScene();
    const { sent, steps } = sending(it, [large]);
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    const { storage } = it.server;
    expect(storage.calls[0]?.body).not.toHaveProperty('sha256');
    expect(storage.count('POST /api/files/{id}/parts')).toBe(2);
    expect(partsOf(it)).toEqual(Array.from({ length: COUNT }, (_, place) => place + 1));
    expect(storage.objects.get('file_1')).toHaveLength(LARGE);
    const amounts = steps.map(({ sentBytes }) => sentBytes);
    expect(amounts).toEqual([...amounts].sort((a, b) => a - b));
    expect(amounts.at(-1)).toBe(LARGE);
  });

  test('goes on after a lost network with the part that was cut off', async () => {
    const it = await largeScene();
    const { storage } = it.server;
    const { sent, states, steps } = sending(it, [large]);
    await until(() => (steps.at(-1)?.sentBytes ?? 0) > 2.5 * PART_BYTES);
    storage.cut();
    it.server.http = 'closed';
    await until(() => states().includes('interrupted'));
    await pass(20 * 60_000); // the URLs have expired
    storage.network = 'open';
    it.server.http = 'open';
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(partsOf(it)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(storage.count('POST /api/files')).toBe(1);
  });

  test('of whose parts one response is lost has that part uploaded again', async () => {
    const it = await largeScene();
    const { storage } = it.server;
    const { sent } = sending(it, [large]);
    await until(() => storage.puts.length === 1);
    storage.losesResponse = true;
    await until(() => storage.puts.length === 2);
    storage.losesResponse = false;
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(partsOf(it)).toEqual([1, 2, 2, 3, 4, 5, 6, 7]);
  });

  test('whose URLs have expired by the storage alone gets new ones', async () => {
    const it = await largeScene();
    let refusals = 0;
    it.server.storage.refuse = ({ url }) =>
      url.includes('part=2&') && ++refusals === 1
        ? { status: 403, text: '<Error><Code>AccessDenied</Code></Error>' }
        : undefined;
    expect(await outcomeOf(sending(it, [large]).sent)).toMatchObject({ seq: 1 });
    expect(refusals).toBe(2);
  });

  test.each([
    [400, 'RequestTimeout'],
    [400, 'ExpiredToken'],
  ])('of whose parts one is refused with %i %s has that part uploaded again', async (status, code) => {
    const it = await largeScene();
    let refusals = 0;
    it.server.storage.refuse = ({ url }) =>
      url.includes('part=6&') && ++refusals === 1
        ? { status, text: `<Error><Code>${code}</Code></Error>` }
        : undefined;
    expect(await outcomeOf(sending(it, [large]).sent)).toMatchObject({ seq: 1 });
    expect(partsOf(it)).toEqual([1, 2, 3, 4, 5, 6, 6, 7]);
    expect(it.server.storage.count('POST /api/files')).toBe(1);
  });

  test('that the server does not know any more begins again', async () => {
    const it = await largeScene();
    const { storage } = it.server;
    const serve = storage.serve.bind(storage);
    let isForgotten = true;
    storage.serve = (method, url, body, grant) => {
      if (url.pathname.endsWith('/parts') && (body as { first: number }).first > 1 && isForgotten) {
        isForgotten = false;
        throw new Refusal('not_found');
      }
      return serve(method, url, body, grant);
    };
    expect(await outcomeOf(sending(it, [large]).sent)).toMatchObject({ seq: 1 });
    expect(storage.objects.has('file_2')).toBe(true);
    expect(storage.parts.has('file_1')).toBe(false);
  });

  test('that is cancelled is given up in the storage at once', async () => {
    const it = await largeScene();
    const { storage } = it.server;
    const [ending, reason] = [new AbortController(), new Error('no more')];
    const { sent, steps } = sending(it, [large], { signal: ending.signal });
    await until(() => (steps.at(-1)?.sentBytes ?? 0) > 1.5 * PART_BYTES);
    ending.abort(reason);
    expect(await outcomeOf(sent)).toBe(reason);
    await until(() => storage.count('DELETE /api/files/{id}') === 1);
    await pass(1_000);
    expect(storage.parts.has('file_1')).toBe(false);
  });

  test('whose parts are refused fails', async () => {
    const it = await largeScene();
    it.server.storage.refuse = () => ({ status: 403, text: '<Error><Code>AccessDenied</Code></Error>' });
    expect(await outcomeOf(sending(it, [large]).sent)).toMatchObject({ code: 'forbidden' });
    it.server.storage.refuse = () => ({ status: 503, text: '' });
    expect(await outcomeOf(sending(it, [large]).sent, 600_000)).toMatchObject({ code: 'disconnected' });
  });
});

describe('a pause', () => {
  test('in the middle of a large file lets it go on with its part', async () => {
    const it = await largeScene();
    const pause = new UploadPause();
    const { sent, states, steps } = sending(it, [large], { pause });
    await until(() => (steps.at(-1)?.sentBytes ?? 0) > 1.5 * PART_BYTES);
    pause.pause();
    await until(() => states().includes('paused'));
    expect(steps.at(-1)).toMatchObject({ sentBytes: PART_BYTES });
    await pass(60_000);
    expect(it.server.storage.atOnce).toBe(0);
    expect(partsOf(it)).toEqual([1]);
    pause.resume();
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(partsOf(it)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('that is longer than the URL of a small file lives lets it begin again', async () => {
    const it = await filesScene();
    const pause = new UploadPause();
    pause.pause();
    const { sent, states } = sending(it, [fileOf(500)], { pause });
    await until(() => states().includes('paused'));
    await pass(20 * 60_000);
    expect(it.server.storage.puts).toEqual([]);
    pause.resume();
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(it.server.storage.count('POST /api/files')).toBe(2);
  });

  test('can be ended by the signal', async () => {
    const it = await filesScene();
    const [pause, ending, reason] = [new UploadPause(), new AbortController(), new Error('no more')];
    pause.pause();
    const { sent, states } = sending(it, [fileOf(500)], { pause, signal: ending.signal });
    await until(() => states().includes('paused'));
    ending.abort(reason);
    expect(await outcomeOf(sent)).toBe(reason);
  });
});
