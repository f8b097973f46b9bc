// @vitest-environment happy-dom

import { act, render, renderHook } from '@testing-library/react';
import { StrictMode } from 'react';
import { expect, test, vi } from 'vitest';
import {
  configureFunnelcast,
  FunnelcastProvider,
  type UseWebSocket,
  type UseWebSocketOptions,
  useWebSocket,
} from '../../src/react/index.js';
import { FakeServer } from '../fake/server.js';
import { CHANNEL } from '../fake/setup.js';
import { pass, scene } from './scene.js';

test('the connection closes a while after its last component has been unmounted, and not between two', async () => {
  const { server, Provider } = scene();
  const first = renderHook(() => useWebSocket(), { wrapper: Provider });
  await pass(100);
  first.unmount();
  await pass(500);
  const second = renderHook(() => useWebSocket(), { wrapper: Provider });
  await pass(5_000);
  expect(server.sockets).toHaveLength(1);
  expect(second.result.current.isConnected).toBe(true);
  second.unmount();
  await pass(1_500);
  expect(server.socket.wasClosedByClient).toBe(true);
});

test('subscriptions end when the component is unmounted', async () => {
  const { server, client, Provider } = scene();
  client.connect();
  const heard: string[] = [];
  const hook = renderHook(() => useWebSocket(), { wrapper: Provider });
  hook.result.current.subscribeToConversation('c1', ({ content }) => heard.push(content));
  await pass(100);
  server.say(CHANNEL, 'one');
  await pass(100);
  hook.unmount();
  server.say(CHANNEL, 'two');
  await pass(100);
  expect(heard).toEqual(['one']);
});

test('subscribing again replaces the handler, and unsubscribing the old one has no effect', async () => {
  const { server, Provider } = scene();
  const heard: string[] = [];
  const { result } = renderHook(() => useWebSocket(), { wrapper: Provider });
  await pass(100);
  const stopOld = result.current.subscribeToConversation('c1', ({ content }) => heard.push(`old ${content}`));
  const stop = result.current.subscribeToConversation('c1', ({ content }) => heard.push(`new ${content}`));
  stopOld();
  await pass(100);
  server.say(CHANNEL, 'one');
  await pass(100);
  stop();
  server.say(CHANNEL, 'two');
  await pass(100);
  expect(heard).toEqual(['new one']);
  expect(server.count('join')).toBe(1);
});

test('without autoConnect the hook waits until somebody connects', async () => {
  const { server, client, Provider } = scene();
  const { result } = renderHook(() => useWebSocket({ autoConnect: false }), { wrapper: Provider });
  await pass(5_000);
  expect(result.current.state).toBe('idle');
  expect(server.sockets).toHaveLength(0);
  client.connect();
  await pass(100);
  expect(result.current.isConnected).toBe(true);
});

test('the latest callback is called, and the functions stay the same', async () => {
  const { server, Provider } = scene();
  const [one, two] = [vi.fn(), vi.fn()];
  const use = (options: UseWebSocketOptions) => useWebSocket(options);
  const initialProps: UseWebSocketOptions = { onConnectionChange: one };
  const { result, rerender } = renderHook(use, { wrapper: Provider, initialProps });
  await pass(100);
  const { sendMessage, subscribeToConversation }: UseWebSocket = result.current;
  rerender({ onConnectionChange: two });
  server.socket.cut();
  await pass(10);
  expect(one.mock.calls).toEqual([[true]]);
  expect(two.mock.calls).toEqual([[false]]);
  expect(result.current.sendMessage).toBe(sendMessage);
  expect(result.current.subscribeToConversation).toBe(subscribeToConversation);
});

test('a component that is mounted while connected is told once', async () => {
  const { client, Provider } = scene();
  client.connect();
  await pass(100);
  const told = vi.fn();
  renderHook(() => useWebSocket({ onConnectionChange: told }), {
    wrapper: ({ children }) => (
      <StrictMode>
        <Provider>{children}</Provider>
      </StrictMode>
    ),
  });
  await pass(100);
  expect(told.mock.calls).toEqual([[true]]);
});

test('an error is set until the connection is up again', async () => {
  const { server, Provider } = scene();
  server.door = 'closed';
  const { result } = renderHook(() => useWebSocket(), { wrapper: Provider });
  await pass(100);
  expect(result.current.error).toMatchObject({ code: 'disconnected' });
  server.door = 'open';
  act(() => result.current.reconnect());
  await pass(100);
  expect(result.current).toMatchObject({ isConnected: true, error: null });
});

test('every kind of channel has its function, with a Date as the timestamp', async () => {
  const { server, Provider } = scene();
  const { result } = renderHook(() => useWebSocket(), { wrapper: Provider });
  const heard: string[] = [];
  const hear = (data: { timestamp: Date }, { event }: { event: string }) =>
    heard.push(`${event} ${data.timestamp.toISOString()}`);
  const hook = result.current;
  hook.subscribeToFunnelUpdates('b', hear);
  hook.subscribeToResourceUpdates('b', hear);
  hook.subscribeToAnalytics('b', hear);
  hook.subscribeToSystem(hear);
  hook.subscribeToUser('u', hear);
  await pass(100);
  const timestamp = '2026-01-01T00:00:00.000Z';
  const post = (channel: string, event: string) =>
    server.post({ type: 'event', channel, event, seq: 1, at: timestamp, data: { timestamp, metric: 'm' } });
  post('funnel_updates:b', 'funnel.update');
  post('resource_updates:b', 'resource.update');
  post('analytics:b', 'analytics.update');
  post('system', 'system.notification');
  post('user:u', 'user.notification');
  await pass(100);
  const events = [
    'funnel.update',
    'resource.update',
    'analytics.update',
    'system.notification',
    'user.notification',
  ];
  expect(heard).toEqual(events.map(event => `${event} ${timestamp}`));
});

test('typing is sent as often as necessary, and receipts too', async () => {
  const { server, Provider } = scene();
  for (const content of ['one', 'two']) server.append(CHANNEL, content);
  const { result } = renderHook(() => useWebSocket(), { wrapper: Provider });
  await pass(100);
  for (let i = 0; i < 10; i++) {
    result.current.sendTyping('c1');
    await pass(500);
  }
  result.current.sendTyping('c1', false);
  result.current.sendTyping('c1', false);
  await pass(100);
  const told = server.requests.filter(({ action }) => action === 'send').map(({ data }) => data);
  expect(told).toEqual([{ isTyping: true }, { isTyping: true }, { isTyping: false }]);
  const read = result.current.markAsRead('c1');
  await pass(100);
  await read;
  expect(server.requests.filter(({ action }) => action === 'ack').at(-1)).toMatchObject({
    seq: 2,
    state: 'read',
  });
  const roster = result.current.presence('conversation:c1');
  await pass(100);
  await expect(roster).resolves.toMatchObject({ count: 250 });
});

const User = () => useWebSocket().state;

test('each provider has a connection, and components without a provider share one', async () => {
  const servers = [new FakeServer(), new FakeServer(), new FakeServer()] as const;
  const options = (server: FakeServer) => ({ url: 'wss://fake.test/dev', environment: server.environment });
  configureFunnelcast(options(servers[2]));
  const { unmount } = render(
    <StrictMode>
      <FunnelcastProvider options={options(servers[0])}>
        <User />
        <User />
      </FunnelcastProvider>
      <FunnelcastProvider options={options(servers[1])}>
        <User />
      </FunnelcastProvider>
      <User />
    </StrictMode>,
  );
  await pass(100);
  for (const server of servers) expect(server.sockets.map(({ state }) => state)).toEqual(['open']);
  unmount();
  await pass(2_000);
  for (const server of servers) expect(server.socket.wasClosedByClient).toBe(true);
});
