// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { describe, expect, test, vi } from 'vitest';
import { sendFiles } from '../../src/files/index.js';
import type { ChatMessage } from '../../src/index.js';
import { httpApi } from '../../src/index.js';
import { type UseFilesOptions, useConversation, useFiles } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

const realTimeout = setTimeout;

const fileOf = (bytes: number, name = 'photo.png') =>
  new File([new Uint8Array(bytes).fill(7)], name, { type: 'image/png' });

/** A component with a conversation and its files. */
function component(options: UseFilesOptions = {}) {
  const it = scene({ http: httpApi('https://api.test') });
  const use = () => ({ files: useFiles('c1', options), conversation: useConversation('c1', options) });
  const open = () => renderHook(use, { wrapper: it.Provider });
  const { result, unmount } = open();
  return {
    ...it,
    open,
    unmount,
    files: () => result.current.files,
    uploads: () => result.current.files.uploads.map(({ state }) => state).join(' '),
    messages: () => result.current.conversation.messages,
  };
}

/** Lets time pass until a condition holds; hashing takes real time. */
async function until(isSo: () => boolean): Promise<void> {
  for (let ms = 0; !isSo(); ms += 10) {
    if (ms > 60_000) throw new Error('still not so');
    await new Promise(resolve => realTimeout(resolve, 0));
    await pass(10);
  }
}

const logged = ({ server }: ReturnType<typeof component>) =>
  server.log(CHANNEL).map(({ data }) => data as ChatMessage);

test('files are uploaded while the user writes, and sent in one message that is shown at once', async () => {
  const it = component();
  await pass(100);
  it.files().add([fileOf(3_000), fileOf(1_000, 'b.png')]);
  await until(() => it.uploads() === 'uploaded uploaded');
  expect(it.files()).toMatchObject({ sentBytes: 4_000, bytes: 4_000 });
  expect(logged(it)).toEqual([]);
  void it.files().send('look');
  await pass(6);
  await pass(6);
  expect(it.files().uploads).toEqual([]);
  expect(it.messages()).toMatchObject([
    {
      content: 'look',
      status: 'sending',
      attachments: [{ name: 'photo.png', state: 'checking' }, { name: 'b.png' }],
    },
  ]);
  await pass(100);
  expect(it.messages()).toMatchObject([
    { status: 'sent', attachments: [{ name: 'photo.png' }, { name: 'b.png' }] },
  ]);
  // Files are hashed side by side, so the second one may be the first to get an id.
  it.server.examine(it.messages()[0]?.attachments?.[1]?.id ?? '', {
    state: 'ready',
    width: 20,
    height: 10,
    thumbnail: true,
  });
  await pass(100);
  expect(it.messages()[0]?.attachments?.[1]).toMatchObject({ state: 'ready', width: 20, height: 10 });
});

test('what is sent before it is uploaded is sent as soon as it is, without what was cancelled', async () => {
  const it = component();
  await pass(100);
  it.server.storage.network = 'stalled';
  it.files().add([fileOf(9_000), fileOf(100, 'b.png')]);
  void it.files().send('');
  await until(() => it.uploads() === 'uploading uploading');
  expect(it.files().uploads.map(({ isSending }) => isSending)).toEqual([true, true]);
  it.files().cancel(it.files().uploads[0]?.key ?? '');
  await pass(10);
  expect(it.server.storage.atOnce).toBe(1);
  it.server.storage.network = 'open';
  await until(() => logged(it).length === 1);
  expect(logged(it)[0]?.attachments).toMatchObject([{ name: 'b.png' }]);
  expect(it.files().uploads).toEqual([]);
});

test('a refused file is told with its reason, stays until it is removed, and may be tried again', async () => {
  const it = component();
  await pass(100);
  it.server.storage.bytesMax = 500;
  it.files().add([fileOf(501)]);
  await until(() => it.uploads() === 'failed');
  expect(it.files().uploads[0]?.error).toMatchObject({ code: 'too_large', field: 'bytes' });
  await it.files().send('');
  expect(logged(it)).toEqual([]);
  it.server.storage.bytesMax = 5_000;
  it.files().retry(it.files().uploads[0]?.key ?? '');
  await until(() => it.uploads() === 'uploaded');
  expect(it.files().uploads[0]).not.toHaveProperty('error');
});

test('a file that is found to be bad before it is sent is not sent', async () => {
  const it = component();
  await pass(100);
  it.files().add([fileOf(50)]);
  await until(() => it.uploads() === 'uploaded'); // so that it is `file_1`
  it.files().add([fileOf(60)]);
  await until(() => it.uploads() === 'uploaded uploaded');
  it.server.examine('file_1', { state: 'refused', refusal: 'wrong_type' });
  void it.files().send('look');
  await pass(100);
  expect(it.uploads()).toBe('failed uploaded');
  expect(it.files().uploads[0]?.error).toMatchObject({
    code: 'refused',
    reason: 'wrong_type',
    message: expect.stringContaining('wrong_type'),
  });
  it.files().cancel(it.files().uploads[0]?.key ?? '');
  await until(() => logged(it).length === 1);
  expect(logged(it)[0]?.attachments).toMatchObject([{ id: 'file_2' }]);
});

test('a file whose sending fails at once can be sent again', async () => {
  const it = component();
  await pass(100);
  it.files().add([fileOf(50)]);
  await until(() => it.uploads() === 'uploaded');
  vi.spyOn(it.client, 'subscribe').mockThrowOnce(new Error('not now'));
  await expect(it.files().send('look')).rejects.toThrow('not now');
  await pass(10);
  expect(it.files().uploads).toMatchObject([{ state: 'uploaded', isSending: false }]);
  void it.files().send('look');
  await until(() => logged(it).length === 1);
  expect(logged(it)[0]?.attachments).toMatchObject([{ id: 'file_1' }]);
});

test('a file that is removed after it is uploaded is removed from the server too', async () => {
  const it = component();
  await pass(100);
  it.files().add([fileOf(50)]);
  await until(() => it.uploads() === 'uploaded');
  it.files().cancel(it.files().uploads[0]?.key ?? '');
  await until(() => !it.server.storage.objects.has('file_1'));
  void it.files().send('look');
  await until(() => logged(it).length === 1);
  expect(logged(it)[0]).not.toHaveProperty('attachments');
});

test('an upload survives the component, and the network', async () => {
  const it = component();
  await pass(100);
  it.files().add([fileOf(50_000)]);
  await until(() => it.files().sentBytes > 0);
  it.unmount();
  it.server.storage.cut();
  const again = it.open();
  const shown = () => again.result.current.files.uploads[0];
  await until(() => shown()?.state === 'interrupted' || shown()?.state === 'uploading');
  it.server.storage.network = 'open';
  await until(() => shown()?.state === 'uploaded');
  expect(it.server.storage.count('POST /api/files')).toBe(1);
});

test('more than 10 files are sent in several messages; without any, the text alone', async () => {
  const it = component();
  await pass(100);
  it.files().add(Array.from({ length: 12 }, (_, place) => fileOf(10, `${place}`)));
  void it.files().send('all of them');
  await until(() => logged(it).length === 2);
  expect(logged(it).map(({ content, attachments }) => [content, attachments?.length])).toEqual([
    ['all of them', 10],
    ['', 2],
  ]);
  void it.files().send('and this');
  void it.files().send('');
  await pass(100);
  expect(logged(it)).toHaveLength(3);
});

describe('files that are sent, when the user goes elsewhere before they are uploaded', () => {
  /** A component that sends a file and is unmounted, and whose storage is stalled. */
  async function gone() {
    const it = component();
    await pass(100);
    it.server.storage.network = 'stalled';
    it.files().add([fileOf(3_000)]);
    await until(() => it.uploads() === 'uploading');
    void it.files().send('look');
    it.unmount();
    return it;
  }

  test('keep the client connected until their message has arrived', async () => {
    const it = await gone();
    await pass(60_000);
    expect(it.client.state).toBe('connected');
    it.server.storage.network = 'open';
    await until(() => logged(it).length === 1);
    await pass(2_000);
    expect(it.client.state).toBe('closed');
  });

  test('keep it connected for ten minutes at most', async () => {
    const it = await gone();
    await pass(9 * 60_000);
    expect(it.client.state).toBe('connected');
    await pass(2 * 60_000);
    expect(it.client.state).toBe('closed');
  });

  test('are sent with the grant of the component', async () => {
    const it = component({ grant: async () => 'the grant' });
    it.server.intercept = frame => {
      if (frame.action === 'join' && frame['grant'] !== 'the grant') throw new Refusal('forbidden');
      return undefined;
    };
    await pass(100);
    it.server.storage.network = 'stalled';
    it.files().add([fileOf(3_000)]);
    await until(() => it.uploads() === 'uploading');
    void it.files().send('look');
    it.unmount();
    await pass(60_000);
    it.server.socket.cut();
    it.server.storage.network = 'open';
    await until(() => logged(it).length === 1);
  });
});

test('files that are sent by `sendFiles` keep the client of the components connected', async () => {
  const it = component();
  await pass(100);
  it.server.storage.network = 'stalled';
  const sent = sendFiles(it.client, CHANNEL, [fileOf(3_000)]);
  it.unmount();
  await pass(60_000);
  it.server.storage.network = 'open';
  await until(() => logged(it).length === 1);
  await pass(100);
  await expect(sent).resolves.toMatchObject({ seq: 1 });
});
