/** The servers of a call, and how long their credentials are kept. */

import { expect, test, vi } from 'vitest';
import { IceServers } from '../../src/calls/ice-servers.js';
import type { Client } from '../../src/index.js';
import { CHANNEL } from '../fake/setup.js';

test.each([
  ['right', 0],
  ['two hours behind', 2],
  ['two hours ahead', -2],
])('credentials are asked for anew in time, and not before, by a clock that is %s', async (_, hours) => {
  let now = 0;
  let count = 0;
  const call = async () => {
    count++;
    return { iceServers: [], expiresAt: new Date(Date.now() + (1 + hours) * 3_600_000).toISOString() };
  };
  const client = { http: { call }, environment: { now: () => now } } as unknown as Client;
  const servers = new IceServers(client, CHANNEL);
  for (const minutes of [0, 1, 50]) {
    now = minutes * 60_000;
    await servers.get(undefined);
  }
  expect(count).toBe(1);
  now = 58 * 60_000;
  await servers.get(undefined);
  expect(count).toBe(2);
});

test('credentials are asked for anew after a sleep, in which one of the clocks stands still', async () => {
  let count = 0;
  const call = async () => {
    count++;
    return { iceServers: [], expiresAt: new Date(Date.now() + 3_600_000).toISOString() };
  };
  const client = { http: { call }, environment: { now: () => 0 } } as unknown as Client;
  const servers = new IceServers(client, CHANNEL);
  for (const minutes of [0, 50, 8]) {
    vi.setSystemTime(Date.now() + minutes * 60_000);
    await servers.get(undefined);
  }
  expect(count).toBe(2);
});
