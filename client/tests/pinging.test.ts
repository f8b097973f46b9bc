/** When the client pings: the table of docs/protocol.md, a test for each of its rows, and its bounds for any course of events. */

import { describe, expect, test, vi } from 'vitest';
import { defaultEnvironment, type Environment } from '../src/index.js';
import { generator } from './fake/random.js';
import { CHANNEL, joinedScene, listen, pass, say, scene } from './fake/setup.js';

/** With random numbers of 0.5, a wait takes nine tenths of its bound. */
const SILENCE_MS = 0.9 * 55_000;
const LEASE_SECONDS = 600;
const KEEP_MS = (0.9 * LEASE_SECONDS * 1_000) / 2;
/** A ping, its way and a little more. */
const MOMENT_MS = 100;

/** A client that is connected, in a page that is looked at or not. */
async function page(isVisible: boolean) {
  const it = await joinedScene();
  it.states.length = 0;
  it.server.isVisible = isVisible;
  const pings = () => it.server.count('ping');
  /** How long the client takes to notice that the network has died. */
  const detection = async () => {
    it.server.socket.isDead = true;
    for (let ms = 0; ; ms += MOMENT_MS) {
      if (it.states.length > 0) return ms;
      await pass(MOMENT_MS);
    }
  };
  return { ...it, pings, detection };
}

describe('a page that is looked at', () => {
  test('is pinged when nothing has arrived for almost a minute, and knows in a minute that its network is dead', async () => {
    const it = await page(true);
    await pass(SILENCE_MS - 2 * MOMENT_MS);
    expect(it.pings()).toBe(0);
    await pass(2 * MOMENT_MS);
    expect(it.pings()).toBe(1);
    expect(await it.detection()).toBeLessThanOrEqual(60_000);
    await pass(MOMENT_MS);
    expect(it.client.state).toBe('connected');
  });

  test('is not pinged while frames arrive, whichever way they began', async () => {
    const it = await page(true);
    for (let round = 0; round < 6; round++) {
      await pass(SILENCE_MS - 1_000);
      if (round % 2) it.server.say(CHANNEL, 'hello');
      else void say(it, 'hello');
    }
    await pass(MOMENT_MS);
    expect(it.pings()).toBe(0);
  });

  test('is pinged for its lease though frames arrive, since it may be that only what it sends counts', async () => {
    const it = await page(true);
    for (let ms = 0; ms < KEEP_MS; ms += 10_000) {
      await pass(10_000);
      it.server.say(CHANNEL, 'hello');
    }
    expect(it.pings()).toBe(1);
  });
});

test.each(['visible', 'online', 'offline'] as const)('a page that is %s is pinged at once', async sign => {
  const it = await page(false);
  await pass(1_000);
  it.server.isVisible = true;
  it.server.sign(sign);
  expect(await it.detection()).toBeLessThanOrEqual(5_000 + MOMENT_MS);
  expect(it.server.count('ping')).toBe(0); // it has been lost
});

describe('a page that is used', () => {
  test('is pinged at once after a pause, and knows in 5 seconds that its network is dead', async () => {
    const it = await page(true);
    await pass(30_000);
    it.server.sign('used');
    expect(await it.detection()).toBeLessThanOrEqual(5_000 + MOMENT_MS);
  });

  test('is pinged once in a while, not with each key', async () => {
    const it = await page(true);
    for (let ms = 0; ms < 120_000; ms += 50) {
      it.server.sign('used');
      await pass(50);
    }
    expect(it.pings()).toBe(3);
  });

  test('does not connect with each key', async () => {
    const it = scene();
    it.server.door = 'closed';
    it.client.connect();
    await pass(1_000);
    const tries = it.server.sockets.length;
    for (let key = 0; key < 100; key++) it.server.sign('used');
    expect(it.server.sockets).toHaveLength(tries);
  });
});

describe('a page that nobody looks at', () => {
  test('is pinged twice in its lease, and knows after half of it that its network is dead', async () => {
    const it = await page(false);
    await pass(KEEP_MS - 2 * MOMENT_MS);
    expect(it.pings()).toBe(0);
    await pass(2 * MOMENT_MS);
    expect(it.pings()).toBe(1);
    expect(await it.detection()).toBeLessThanOrEqual((LEASE_SECONDS * 1_000) / 2 + 5_000);
  });

  test('is not pinged while it sends', async () => {
    const it = await page(false);
    for (let round = 0; round < 4; round++) {
      await pass(KEEP_MS - 1_000);
      void say(it, 'I am at work');
    }
    await pass(MOMENT_MS);
    expect(it.pings()).toBe(0);
  });

  test('follows a short lease as soon as it knows it', async () => {
    const it = scene();
    it.server.isVisible = false;
    it.server.leaseSeconds = 12;
    it.client.connect();
    await pass(12_000);
    expect(it.server.count('ping')).toBe(2);
  });

  test('takes the lease of a server that does not tell it for 5 minutes', async () => {
    const it = scene();
    it.server.isVisible = false;
    it.server.leaseSeconds = undefined;
    it.client.connect();
    await pass(300_000);
    expect(it.server.count('ping')).toBe(2);
  });
});

test('Node and workers, which have no page, are looked at', () => {
  expect(defaultEnvironment.isVisible()).toBe(true);
});

/** Browsers run the timers of a page that has been hidden for some time once a minute. */
const THROTTLED_MS = 60_000;
const LEASES = [120, 300, 600, 900];

describe.each(LEASES)('whatever happens, with a lease of %d s', lease => {
  test.each([1, 2, 3])('no silence is longer than the table says (seed %d)', async seed => {
    const random = generator(seed * 1_000 + lease);
    vi.setSystemTime(seed * 7_919); // the minutes of throttled timers begin somewhere
    const it = scene();
    const { server, client } = it;
    server.leaseSeconds = lease;
    const after: Environment['after'] = (ms, callback) => {
      const late = server.isVisible
        ? ms
        : Math.ceil((Date.now() + ms) / THROTTLED_MS) * THROTTLED_MS - Date.now();
      const timer = setTimeout(callback, late);
      return () => clearTimeout(timer);
    };
    Object.assign(client.environment, { random, after });
    listen(it);
    client.connect();
    await pass(MOMENT_MS);
    const at = { in: Date.now(), out: Date.now(), visible: Date.now() };
    client.on('frame', ({ direction }) => {
      at[direction] = Date.now();
    });
    const acts = [
      () => server.say(CHANNEL, 'theirs'),
      () => void say(it, 'mine').catch(() => {}),
      () => server.sign('used'),
      () => {
        server.isVisible = false;
      },
      () => {
        server.isVisible = true;
        at.visible = Date.now();
        server.sign('visible');
      },
    ];
    let longest = { looked: 0, sent: 0 };
    for (let step = 0; step < 60; step++) {
      acts[Math.floor(random() * acts.length)]?.();
      // Mostly moments, sometimes more than a lease.
      for (let ms = lease * 1_300 * random() ** 3; ms > 0; ms -= 1_000) {
        await pass(Math.min(1_000, ms));
        const looked = server.isVisible ? Date.now() - Math.max(at.in, at.visible) : 0;
        longest = {
          looked: Math.max(longest.looked, looked),
          sent: Math.max(longest.sent, Date.now() - at.out),
        };
      }
    }
    expect(it.states).toEqual(['connecting', 'connected']); // no socket was given up, but some were replaced in time
    expect(longest.looked).toBeLessThanOrEqual(55_000 + MOMENT_MS);
    expect(longest.sent).toBeLessThanOrEqual(lease * 500 + THROTTLED_MS);
  });
});
