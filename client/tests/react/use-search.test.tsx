// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { expect, test } from 'vitest';
import { useSearch } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import type { Frame } from '../fake/requests.js';
import { pass, scene } from './scene.js';

const result = (seq: number) => ({
  event: {
    type: 'event',
    channel: 'conversation:c',
    event: 'chat.message',
    seq,
    at: '1',
    data: { content: 'x' },
  },
  marks: [],
});

/** A hook whose searches are answered by this. */
function searching(answer: (frame: Frame) => object) {
  const { server, Provider } = scene();
  server.intercept = frame => (frame.action === 'search' ? answer(frame) : undefined);
  const hook = renderHook((query: string) => useSearch('inbox:biz_1', query, { pageSize: 2 }), {
    initialProps: '',
    wrapper: ({ children }) => (
      <StrictMode>
        <Provider>{children}</Provider>
      </StrictMode>
    ),
  });
  const asked = () =>
    server.requests
      .filter(({ action }) => action === 'search')
      .map(frame => [frame['query'], frame['cursor']]);
  return { hook, asked };
}

const seqs = (results: readonly { event: { seq?: number } }[]) => results.map(({ event }) => event.seq);

test('it searches once the user has stopped typing, page by page', async () => {
  const { hook, asked } = searching(({ cursor }) =>
    cursor === undefined ? { results: [result(3), result(2)], next: '1.c.1' } : { results: [result(1)] },
  );
  await pass(1_000);
  expect(asked()).toEqual([]);
  for (const query of ['r', 're', 'ref']) {
    hook.rerender(query);
    await pass(100);
  }
  await pass(1_000);
  expect(asked()).toEqual([['ref', undefined]]);
  expect(hook.result.current).toMatchObject({ isLoading: false, hasMore: true, error: null });
  void hook.result.current.loadMore();
  void hook.result.current.loadMore();
  await pass(100);
  expect(seqs(hook.result.current.results)).toEqual([3, 2, 1]);
  expect(hook.result.current.hasMore).toBe(false);
  expect(asked()).toEqual([
    ['ref', undefined],
    ['ref', '1.c.1'],
  ]);
  hook.rerender('');
  await pass(1_000);
  expect(hook.result.current).toMatchObject({ results: [], hasMore: false });
});

test('pages without results are passed over, and a refusal is shown', async () => {
  let n = 0;
  const { hook, asked } = searching(() => {
    n += 1;
    if (n === 7) return new Refusal('forbidden');
    return { results: n === 3 ? [result(9)] : [], next: `${n}.c.1` };
  });
  hook.rerender('rare');
  await pass(2_000);
  expect(seqs(hook.result.current.results)).toEqual([9]);
  expect(asked()).toHaveLength(3);
  void hook.result.current.loadMore();
  await pass(2_000);
  expect(asked()).toHaveLength(7);
  expect(hook.result.current).toMatchObject({
    isLoading: false,
    hasMore: true,
    error: { code: 'forbidden' },
  });
});
