// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { expect, test } from 'vitest';
import type { AppEventData, FunnelcastError } from '../../src/index.js';
import { useAppEvents } from '../../src/react/index.js';
import { Refusal } from '../fake/refusal.js';
import { pass, scene } from './scene.js';

const ROOM = 'room:lobby';
const vote = (option: number) => ({ name: 'poll.vote', payload: { option } }) as const;
const named = (name: string) => ({ event: name, data: vote(1) }) as never;

test('the handler of the last rendering gets both kinds of events, and the own ones, in strict mode too', async () => {
  const { server, client, Provider } = scene();
  const heard: [string, string, AppEventData][] = [];
  const { rerender, unmount } = renderHook(
    (version: string) => useAppEvents(ROOM, (data, { event }) => heard.push([version, event, data])),
    {
      initialProps: 'first',
      wrapper: ({ children }) => (
        <StrictMode>
          <Provider>{children}</Provider>
        </StrictMode>
      ),
    },
  );
  await pass(100);
  void client.send(ROOM, 'app.event', vote(1));
  await pass(100);
  rerender('second');
  server.post({ type: 'event', channel: ROOM, event: 'app.signal', at: '1', data: vote(2) });
  server.post({ type: 'event', channel: ROOM, event: 'presence.leave', at: '1', data: {} });
  await pass(100);
  expect(heard).toEqual([
    ['first', 'app.event', vote(1)],
    ['second', 'app.signal', vote(2)],
  ]);
  expect(server.count('join')).toBe(1);
  unmount();
  server.post(server.append(ROOM, '', named('app.event')));
  await pass(10_000);
  expect(heard).toHaveLength(2);
  expect(server.socket.wasClosedByClient).toBe(true);
});

test('another channel replaces the first one', async () => {
  const { server, Provider } = scene();
  const heard: unknown[] = [];
  const { rerender } = renderHook(
    id => useAppEvents(`experience:${id}`, ({ payload }) => heard.push(payload)),
    {
      initialProps: 'exp_1',
      wrapper: Provider,
    },
  );
  await pass(100);
  rerender('exp_2');
  await pass(100);
  for (const id of ['exp_1', 'exp_2']) server.post(server.append(`experience:${id}`, id, named('app.event')));
  await pass(100);
  expect(heard).toEqual([{ option: 1 }]);
});

test('a guest has a grant, the refusal is reported, and so is the join', async () => {
  const { server, Provider } = scene();
  server.intercept = ({ action, ...frame }) => {
    if (action === 'join' && frame['grant'] !== 'grant-2') throw new Refusal('forbidden');
    return undefined;
  };
  const outcomes: unknown[] = [];
  const render = (grant: string) =>
    useAppEvents(ROOM, () => {}, {
      grant: () => grant,
      onError: ({ code }: FunnelcastError) => outcomes.push([grant, code]),
      onJoined: ({ head }) => outcomes.push([grant, head]),
    });
  const { rerender } = renderHook(render, { initialProps: 'grant-1', wrapper: Provider });
  await pass(100);
  rerender('grant-2');
  server.socket.cut();
  await pass(5_000);
  expect(outcomes).toEqual([
    ['grant-1', 'forbidden'],
    ['grant-2', 0],
  ]);
});
