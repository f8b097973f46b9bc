// @vitest-environment happy-dom

import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { rememberFile } from '../../src/files/local-files.js';
import { type Attachment, httpApi } from '../../src/index.js';
import { useFileUrl } from '../../src/react/index.js';
import { pass, scene } from './scene.js';

const LINK = 'GET /api/files/{id}/link';
interface Props {
  file: Attachment | undefined;
  isInUse?: boolean;
}

const revoked = vi.fn();

beforeEach(() => {
  let made = 0;
  vi.spyOn(URL, 'createObjectURL').mockImplementation(() => `blob:${++made}`);
  vi.spyOn(URL, 'revokeObjectURL').mockImplementation(revoked);
});

afterEach(() => {
  vi.restoreAllMocks();
  revoked.mockClear();
});

function component(file: Partial<Attachment> = {}, form: 'original' | 'thumbnail' = 'original') {
  const it = scene({ http: httpApi('https://api.test') });
  const known: Attachment = { id: 'f1', name: 'a.png', type: 'image/png', bytes: 9, state: 'ready', ...file };
  it.server.files.set('f1', known);
  const hook = renderHook(({ file, isInUse }: Props) => useFileUrl(file, form, { isInUse }), {
    wrapper: it.Provider,
    initialProps: { file: known } as Props,
  });
  return {
    ...it,
    ...hook,
    known,
    now: () => hook.result.current,
    links: () => it.server.storage.count(LINK),
  };
}

test('a URL is replaced before it expires', async () => {
  const it = component();
  expect(it.now()).toMatchObject({ url: undefined, error: null });
  await pass(100);
  const first = it.now().url;
  expect(first).toContain('/f1/original');
  await pass(4 * 60_000);
  expect(it.now().url).toBe(first);
  await pass(40_000);
  expect(it.now().url).not.toBe(first);
  expect(it.links()).toBe(2);
  it.unmount();
  await pass(3_600_000);
  expect(it.links()).toBe(2);
});

test('a URL in use stays, until it does not work any more', async () => {
  const it = component();
  await pass(100);
  const first = it.now().url;
  it.rerender({ file: it.known, isInUse: true });
  await pass(3_600_000);
  expect(it.now().url).toBe(first);
  act(() => it.now().refresh());
  await pass(100);
  expect(it.now()).toMatchObject({ url: expect.stringContaining('/f1/original'), error: null });
  expect(it.now().url).not.toBe(first);
  // This one has not expired, so it is the file itself that cannot be shown.
  act(() => it.now().refresh());
  await pass(100);
  expect(it.now()).toMatchObject({ url: undefined, error: { code: 'not_found' } });
  expect(it.links()).toBe(2);
});

test('there is none until the file is ready, and none of a thumbnail that does not exist', async () => {
  const it = component({ state: 'checking' }, 'thumbnail');
  await pass(1_000);
  it.rerender({ file: { ...it.known, state: 'ready' } });
  it.rerender({ file: undefined });
  await pass(1_000);
  expect(it.links()).toBe(0);
  const ready: Attachment = { ...it.known, state: 'ready', thumbnail: true };
  it.server.files.set('f1', ready);
  it.rerender({ file: ready });
  await pass(100);
  expect(it.now().url).toContain('/f1/thumbnail');
});

test('what this page has uploaded is shown from the device, unless it cannot be', async () => {
  const it = component({ state: 'checking' });
  rememberFile(it.client, 'f1', new File(['x'], 'a.png'));
  it.rerender({ file: { ...it.known } });
  await pass(100);
  expect(it.now().url).toBe('blob:1');
  it.rerender({ file: { ...it.known }, isInUse: true });
  const ready: Attachment = { ...it.known, state: 'ready' };
  it.server.files.set('f1', ready);
  it.rerender({ file: ready, isInUse: true });
  await pass(1_000);
  expect([it.now().url, it.links(), revoked.mock.calls.length]).toEqual(['blob:1', 0, 0]);
  act(() => it.now().refresh()); // a browser that does not show HEIC, for example
  await pass(100);
  expect(it.now().url).toContain('/f1/original');
  expect(revoked).toHaveBeenCalledWith('blob:1');
});

test.each(['text/html', 'image/svg+xml', 'application/pdf'])(
  '%s is never shown from the device',
  async type => {
    const it = component({ state: 'checking', type });
    rememberFile(it.client, 'f1', new File(['<script>'], 'a'));
    it.rerender({ file: { ...it.known } });
    await pass(100);
    expect(it.now().url).toBeUndefined();
  },
);

test('a refused file has no URL, also if this page has it', async () => {
  const it = component({ state: 'checking' });
  rememberFile(it.client, 'f1', new File(['x'], 'a.png'));
  it.rerender({ file: { ...it.known } });
  await pass(100);
  it.rerender({ file: { ...it.known, state: 'refused' } });
  expect(it.now().url).toBeUndefined();
});

test('an error is told; a lost network is waited for', async () => {
  const it = component({ state: 'ready' });
  it.server.http = 'closed';
  await pass(100);
  expect(it.now().error).toMatchObject({ code: 'disconnected' });
  it.server.http = 'open';
  it.server.sign('online');
  await pass(100);
  expect(it.now()).toMatchObject({ url: expect.any(String), error: null });
  it.server.files.delete('f1');
  act(() => it.now().refresh());
  await pass(20_000);
  it.rerender({ file: { ...it.known, id: 'f2' } });
  await pass(100);
  expect(it.now()).toMatchObject({ url: undefined, error: { code: 'not_found' } });
});

test('after an error, it is asked for again: of a URL that did not work, and of the server', async () => {
  const it = component();
  const refresh = async () => {
    act(() => it.now().refresh());
    await pass(100);
  };
  await refresh(); // while it is being read, which changes nothing
  expect(it.links()).toBe(1);
  await refresh(); // the storage has stumbled
  expect(it.now()).toMatchObject({ url: undefined, error: { code: 'not_found' } });
  await refresh();
  expect(it.now()).toMatchObject({ url: expect.stringContaining('/f1/original'), error: null });
  await pass(10_000);
  it.server.files.delete('f1');
  await refresh();
  expect(it.now()).toMatchObject({ url: undefined, error: { code: 'not_found' } });
  it.server.files.set('f1', it.known);
  await refresh();
  expect(it.now()).toMatchObject({ url: expect.stringContaining('/f1/original'), error: null });
  expect(it.links()).toBe(4);
});
