// @vitest-environment happy-dom

import { renderHook } from '@testing-library/react';
import { createElement, type ReactNode, StrictMode } from 'react';
import { beforeEach, expect, test } from 'vitest';
import { createCall } from '../../src/calls/index.js';
import { createClient } from '../../src/index.js';
import { FunnelcastProvider, useCall, useWebSocket } from '../../src/react/index.js';
import { FakeBrowser } from '../fake/browser.js';
import { CallServer } from '../fake/call-server.js';
import { Ether } from '../fake/web-rtc.js';
import { pass } from './scene.js';

let server: CallServer;
let ether: Ether;
let browser: FakeBrowser;

beforeEach(() => {
  server = new CallServer();
  ether = new Ether();
  browser = new FakeBrowser(ether);
});

const clientOf = (userId: string) =>
  createClient({ url: 'wss://fake.test/dev', environment: server.environmentOf(userId) });

/** Ben, who has no component. */
function ben() {
  const client = clientOf('user_2');
  client.connect();
  return createCall(client, 'conversation:c1', { environment: new FakeBrowser(ether).environment });
}

/** Shows the call of a conversation for Ann, in StrictMode. */
function show(id = 'c1') {
  const client = clientOf('user_1');
  const wrapper = ({ children }: { children: ReactNode }) =>
    createElement(StrictMode, null, createElement(FunnelcastProvider, { client, children }));
  const { environment } = browser;
  return renderHook(({ shown }) => [useWebSocket(), useCall(shown, { environment })] as const, {
    wrapper,
    initialProps: { shown: id },
  });
}

test('it rings, is accepted, and ends', async () => {
  const other = ben();
  const { result } = show();
  expect(result.current[1]).toMatchObject({ state: 'idle', peers: [] });
  await pass(100);
  other.start();
  await pass(100);
  expect(result.current[1]).toMatchObject({ state: 'ringing', direction: 'incoming' });
  result.current[1].accept();
  await pass(500);
  expect(result.current[1]).toMatchObject({
    state: 'connected',
    peers: [{ name: 'Bob', state: 'connected' }],
  });
  result.current[1].hangUp();
  await pass(100);
  expect(result.current[1]).toMatchObject({ state: 'ended', reason: 'ended' });
  expect(browser.live).toEqual([]);
});

test('a call goes on while another conversation is shown, and is not followed after its end', async () => {
  const other = ben();
  const { result, rerender } = show();
  await pass(100);
  result.current[1].start();
  await pass(100);
  other.accept();
  await pass(500);
  rerender({ shown: 'c2' });
  await pass(5_000);
  expect(other.store.get().state).toBe('connected');
  expect(browser.live).toEqual(['audio']);
  rerender({ shown: 'c1' });
  expect(result.current[1].state).toBe('connected');
  rerender({ shown: 'c2' });
  await pass(5_000);
  other.hangUp();
  await pass(10_000);
  expect(browser.live).toEqual([]);
  expect(browser.listeners).toBe(2); // of the conversation that is shown: for the page that goes, and comes back
});

test('a call of which no component is left ends with the client', async () => {
  const other = ben();
  const { result, unmount } = show();
  await pass(100);
  result.current[1].start();
  await pass(100);
  other.accept();
  await pass(500);
  unmount();
  await pass(2_000);
  expect(other.store.get()).toMatchObject({ state: 'ended', reason: 'ended' });
  await pass(20_000);
  expect(browser.live).toEqual([]);
  expect(browser.listeners).toBe(0);
});

test('a rendering undoes neither the devices that the user has chosen nor the grant of another component', async () => {
  const other = ben();
  const client = clientOf('user_1');
  const grants: unknown[] = [];
  const call = async (...request: unknown[]) => {
    grants.push(request[3]);
    return { iceServers: [], expiresAt: new Date().toISOString() };
  };
  Object.defineProperty(client, 'http', { value: { call } });
  const wrapper = ({ children }: { children: ReactNode }) =>
    createElement(FunnelcastProvider, { client, children });
  const { environment } = browser;
  const grant = async () => 'grant';
  const { result, rerender } = renderHook(
    () => {
      const one = useCall('c1', { environment, grant, audio: { deviceId: 'first' } });
      useCall('c1');
      return one;
    },
    { wrapper },
  );
  await pass(100);
  void result.current.useDevices({ audio: { deviceId: 'chosen' } });
  rerender();
  result.current.start();
  await pass(100);
  expect(browser.asked).toEqual([{ audio: { deviceId: 'chosen' } }]);
  other.accept();
  await pass(500);
  expect(grants).toEqual(['grant']);
});
