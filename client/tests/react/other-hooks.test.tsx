// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { expect, test } from 'vitest';
import { useFunnelProgress, usePresence } from '../../src/react/index.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

const FUNNELS = 'funnel_updates:b';
const funnel = (seq: number, funnelId: string, progress: number, second: number) => ({
  type: 'event',
  channel: FUNNELS,
  event: 'funnel.update',
  seq,
  at: '2026-01-01T00:00:09.000Z',
  data: {
    type: 'generation_progress',
    funnelId,
    funnelName: funnelId,
    progress,
    timestamp: `2026-01-01T00:00:0${second}.000Z`,
  },
});

test('the last update of each funnel, from before the join and live', async () => {
  const { server, Provider } = scene();
  server.latest.set(FUNNELS, [funnel(1, 'f1', 40, 1)] as never);
  server.logs.set(FUNNELS, [funnel(1, 'f1', 40, 1)] as never);
  const { result } = renderHook(() => useFunnelProgress('b'), { wrapper: Provider });
  await pass(100);
  const progress = () => result.current.map(({ funnelId, progress }) => `${funnelId} ${progress}`);
  expect(progress()).toEqual(['f1 40']);
  server.post(funnel(2, 'f1', 80, 3));
  server.post(funnel(3, 'f1', 60, 2)); // the bus has reordered them
  server.post(funnel(4, 'f2', 10, 4));
  await pass(100);
  expect(progress()).toEqual(['f1 80', 'f2 10']);
  expect(result.current[0]?.timestamp).toBeInstanceOf(Date);
});

test('of two updates at the same time the one with the higher seq counts, and a time in the future does not', async () => {
  const { server, Provider } = scene();
  const { result } = renderHook(() => useFunnelProgress('b'), { wrapper: Provider });
  await pass(100);
  const ahead = funnel(1, 'f1', 10, 0);
  server.post({ ...ahead, data: { ...ahead.data, timestamp: '2026-01-01T01:00:00.000Z' } });
  for (const update of [funnel(2, 'f1', 20, 9), funnel(3, 'f1', 30, 9), funnel(4, 'f2', 40, 1)])
    server.post(update);
  await pass(100);
  expect(result.current.map(({ progress }) => progress)).toEqual([30, 40]);
});

test('another company has its own funnels', async () => {
  const { server, Provider } = scene();
  server.latest.set(FUNNELS, [funnel(1, 'f1', 40, 1)] as never);
  server.logs.set(FUNNELS, [funnel(1, 'f1', 40, 1)] as never);
  const { result, rerender } = renderHook(company => useFunnelProgress(company), {
    wrapper: Provider,
    initialProps: 'b',
  });
  await pass(100);
  rerender('c');
  await pass(100);
  expect(result.current).toEqual([]);
});

test('presence is followed, in strict mode too', async () => {
  const { server, Provider } = scene();
  const bob = { userId: 'user_2', name: 'Bob', status: 'online', lastSeen: '1' };
  server.presence.set(CHANNEL, [bob]);
  const { result, unmount } = renderHook(() => usePresence('conversation:c1'), {
    wrapper: ({ children }) => (
      <StrictMode>
        <Provider>{children}</Provider>
      </StrictMode>
    ),
  });
  await pass(100);
  expect(result.current).toEqual({ users: [bob], count: 1 });
  const before = result.current;
  await pass(100);
  expect(result.current).toBe(before);
  unmount();
  await pass(10_000);
  expect(server.socket.wasClosedByClient).toBe(true);
});
