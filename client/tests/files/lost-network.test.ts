/** Uploads over networks that fail, and a storage that refuses. */

import { describe, expect, test } from 'vitest';
import { Refusal } from '../fake/refusal.js';
import { CHANNEL, pass, watchRejections } from '../fake/setup.js';
import { fileOf, filesScene, outcomeOf, sending, until } from './setting.js';

watchRejections();

describe('a network that is lost in the middle', () => {
  test('the upload waits, and is made again when the device is online', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    const { sent, states, steps } = sending(it, [fileOf(50_000)]);
    await until(() => (steps.at(-1)?.sentBytes ?? 0) > 10_000);
    storage.cut();
    it.server.http = 'closed';
    await until(() => states().includes('interrupted'));
    await pass(300_000); // for however long
    expect(storage.puts).toEqual([]);
    storage.network = 'open';
    it.server.http = 'open';
    it.server.sign('online');
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    // To the same URL: only one was asked for.
    expect(storage.count('POST /api/files')).toBe(1);
    expect(storage.puts).toHaveLength(1);
    expect(it.server.log(CHANNEL)).toHaveLength(1);
  });

  test('an upload that stands still for 30 seconds is lost', async () => {
    const it = await filesScene();
    it.server.storage.network = 'stalled';
    const { sent, states } = sending(it, [fileOf(50_000)]);
    await until(() => it.server.storage.atOnce === 1);
    await pass(29_000);
    expect(states()).not.toContain('interrupted');
    it.server.storage.network = 'open';
    await pass(0);
    it.server.storage.network = 'stalled';
    await until(() => states().includes('interrupted'));
    it.server.storage.network = 'open';
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
  });

  test('an upload that has been handed over, as to a proxy, is waited for by its size', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    storage.bytesPerMs = 1_000_000;
    const put = storage.put.bind(storage);
    let responseMs = 60_000;
    storage.put = async (url, headers, body, onProgress, signal) => {
      onProgress(body.size);
      await new Promise(resolve => setTimeout(resolve, responseMs));
      signal.throwIfAborted();
      return put(url, headers, body, () => {}, signal);
    };
    const { sent, states } = sending(it, [fileOf(10_000_000)]);
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(states()).not.toContain('interrupted');
    expect(storage.puts).toHaveLength(1);
    const small = sending(it, [fileOf(500)]);
    await until(() => small.states().includes('interrupted'), 40_000);
    responseMs = 0;
    expect(await outcomeOf(small.sent)).toMatchObject({ seq: 2 });
  });

  test('cuts do not end an upload that advances each time', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    const { sent, steps, states } = sending(it, [fileOf(50_000)]);
    for (let cuts = 0; cuts < 12; cuts++) {
      await until(() => storage.atOnce > 0 && (steps.at(-1)?.sentBytes ?? 0) >= 10_000);
      storage.cut();
      await until(() => storage.atOnce === 0);
      storage.network = 'open';
    }
    expect(states()).toContain('interrupted');
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(storage.count('POST /api/files')).toBe(1);
  });

  test('a file whose response was lost is not uploaded again', async () => {
    const it = await filesScene();
    it.server.storage.losesResponse = true;
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(it.server.storage.puts).toHaveLength(1);
  });

  test('nor is one that the storage says it has', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    storage.losesResponse = true;
    const serve = storage.serve.bind(storage);
    // Nobody can say whether the first attempt has arrived, and the second is refused with 412.
    let unknown = 0;
    storage.serve = (method, url, body, grant) => {
      if (url.pathname.includes('file_') && unknown++ === 0) throw new Refusal('conflict');
      return serve(method, url, body, grant);
    };
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(storage.puts).toHaveLength(2);
    expect(storage.count('POST /api/files')).toBe(1);
  });

  test('a lost reply to the message does not send it twice', async () => {
    const it = await filesScene();
    let lost = 0;
    it.server.losesReply = ({ action }) => action === 'send' && lost++ === 0;
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(lost).toBeGreaterThan(1);
    expect(it.server.log(CHANNEL)).toHaveLength(1);
  });
});

describe('a URL that expires', () => {
  test('while the network is lost is replaced', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    storage.network = 'cut';
    const { sent, states } = sending(it, [fileOf(500)]);
    await until(() => states().includes('interrupted'));
    it.server.http = 'closed';
    await pass(20 * 60_000);
    storage.network = 'open';
    it.server.http = 'open';
    expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
    expect(storage.count('POST /api/files')).toBe(2);
    expect(storage.puts).toHaveLength(1);
  });

  test('by the storage alone, because the clock of the device is wrong, is replaced too', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    let refusals = 0;
    storage.refuse = () => {
      if (++refusals === 1) return { status: 503, text: '<Error><Code>SlowDown</Code></Error>' };
      return refusals === 2 ? { status: 403, text: '<Error><Code>AccessDenied</Code></Error>' } : undefined;
    };
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(storage.count('POST /api/files')).toBe(2);
    expect(storage.objects.has('file_2')).toBe(true);
  });

  test('because the credentials that have signed it have is replaced', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    let refusals = 0;
    const text = '<Error><Code>ExpiredToken</Code></Error>';
    storage.refuse = () => (++refusals === 1 ? { status: 400, text } : undefined);
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(storage.count('POST /api/files')).toBe(2);
  });

  test('and so does each that replaces it, is given up after 8', async () => {
    const it = await filesScene();
    const { storage } = it.server;
    storage.refuse = () => ({ status: 403, text: '<Error><Code>AccessDenied</Code></Error>' });
    const serve = storage.serve.bind(storage);
    // The clock of the device is fast.
    storage.serve = (...args) => {
      const reply = serve(...args) as { upload?: { expiresAt: string } };
      if (reply.upload) reply.upload.expiresAt = new Date(Date.now() - 60_000).toISOString();
      return reply;
    };
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ code: 'forbidden' });
    expect(storage.count('POST /api/files')).toBe(8);
  });
});

describe('a storage that refuses', () => {
  test.each([
    [403, 'SignatureDoesNotMatch', 'forbidden'],
    [400, 'EntityTooLarge', 'bad_request'],
    [400, 'BadDigest', 'conflict'],
  ])('with %i %s: it fails at once with %s', async (status, code, expected) => {
    const it = await filesScene();
    it.server.storage.refuse = () => ({ status, text: `<Error><Code>${code}</Code></Error>` });
    const error = await outcomeOf(sending(it, [fileOf(500)]).sent);
    expect(error).toMatchObject({ code: expected });
    expect(it.server.storage.puts).toHaveLength(1);
    if (expected === 'conflict') expect(error).toMatchObject({ field: 'files[0]' });
  });

  test.each([
    [503, ''],
    [400, '<Error><Code>RequestTimeout</Code></Error>'],
  ])('for a while is asked again: %i %s', async (status, text) => {
    const it = await filesScene();
    let left = 3;
    it.server.storage.refuse = () => (left-- > 0 ? { status, text } : undefined);
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
    expect(it.server.storage.puts).toHaveLength(4);
    expect(it.server.storage.count('POST /api/files')).toBe(1);
  });

  test('for ever, or cannot be reached although the server can, is given up after 8 attempts', async () => {
    const it = await filesScene();
    it.server.storage.network = 'cut';
    expect(await outcomeOf(sending(it, [fileOf(500)]).sent, 600_000)).toMatchObject({ code: 'disconnected' });
    expect(it.server.storage.count('POST /api/files/{id}')).toBe(8);
  });
});

test('a server that fails for a moment after a long time without a network is asked again', async () => {
  const it = await filesScene();
  it.server.http = 'closed';
  const { sent, states } = sending(it, [fileOf(500)]);
  await until(() => states().includes('interrupted'));
  await pass(600_000);
  const serve = it.server.storage.serve.bind(it.server.storage);
  it.server.storage.serve = () => {
    it.server.storage.serve = serve;
    throw Object.assign(new Error(), { code: 'internal', message: '' });
  };
  it.server.http = 'open';
  expect(await outcomeOf(sent)).toMatchObject({ seq: 1 });
});

test('a server that is overloaded is asked again; a refusal is final', async () => {
  const it = await filesScene();
  const { storage } = it.server;
  const serve = storage.serve.bind(storage);
  let left = 2;
  storage.serve = (...args) => {
    if (left-- > 0) throw Object.assign(new Error(), { code: 'internal', message: '' });
    return serve(...args);
  };
  expect(await outcomeOf(sending(it, [fileOf(500)]).sent)).toMatchObject({ seq: 1 });
  storage.serve = () => {
    throw Object.assign(new Error(), { code: 'muted', message: 'you are muted', terms: { reason: 'spam' } });
  };
  const error = await outcomeOf(sending(it, [fileOf(500)]).sent);
  expect(error).toMatchObject({ code: 'muted', reason: 'spam', field: 'files[0]' });
});

test('a file that was removed from the disk cannot be sent', async () => {
  const it = await filesScene();
  const file = fileOf(5_000);
  it.server.storage.network = 'cut';
  it.server.http = 'open';
  file.slice = () => {
    throw new DOMException('gone', 'NotReadableError');
  };
  const error = await outcomeOf(sending(it, [file]).sent);
  expect(error).toMatchObject({ code: 'conflict', field: 'files[0]' });
});
