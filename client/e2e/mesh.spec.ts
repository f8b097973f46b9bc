/** Calls of three, each with each; and calls that only a TURN server makes possible, which is Debian's coturn. */

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Browser } from '@playwright/test';
import { expect, test } from './fixtures.js';
import { openConversation, PlainPage } from './plain-page.js';
import { type Stack, startStack } from './stack.js';

const TURN_SERVER = '/usr/bin/turnserver';
const SECRET = 'only-for-this-test';

test.describe.configure({ timeout: 240_000 });

const phase = (page: PlainPage) => expect.poll(async () => (await page.state()).state, { timeout: 60_000 });

/** Opens a page for each user, in a conversation of their own. */
async function meet(
  browser: Browser,
  stack: Stack,
  users: string[],
  rtc?: RTCConfiguration,
): Promise<PlainPage[]> {
  const id = `mesh-${crypto.randomUUID().slice(0, 8)}`;
  await openConversation(stack, id, users);
  const open = async (user: string) =>
    PlainPage.open(await browser.newContext(), stack, user, id, rtc && { rtc });
  return Promise.all(users.map(open));
}

/** Expects that voice keeps arriving. */
async function expectVoice(page: PlainPage): Promise<void> {
  const { audioEnergy } = await page.media();
  await expect
    .poll(async () => (await page.media()).audioEnergy, { timeout: 60_000 })
    .toBeGreaterThan(audioEnergy);
}

test('three are in a call, and it goes on when one leaves', async ({ browser, stack }) => {
  const pages = await meet(browser, stack, ['ann', 'bob', 'cleo']);
  const [ann, bob, cleo] = pages as [PlainPage, PlainPage, PlainPage];
  await ann.act('start');
  await phase(bob).toBe('ringing');
  await bob.act('accept');
  await phase(ann).toBe('connected');
  await phase(cleo).toBe('ringing');
  await cleo.act('accept');
  for (const page of pages) {
    await expect
      .poll(async () => (await page.state()).peers, { timeout: 60_000 })
      .toEqual(['connected', 'connected']);
    await expectVoice(page);
    expect((await page.media()).open).toBe(2);
  }
  await bob.act('hangUp');
  await expect.poll(async () => (await ann.state()).peers).toEqual(['connected']);
  await expectVoice(cleo);
  await ann.act('hangUp');
  for (const page of pages) {
    await phase(page).toBe('ended');
    await expect.poll(async () => (await page.media()).open).toBe(0);
    expect((await page.media()).live).toBe(0);
  }
});

test('a fifth is told that the call is full, and who calls one of the four elsewhere that they are busy', async ({
  browser,
  stack,
}) => {
  const pages = await meet(browser, stack, ['ann', 'bob', 'cleo', 'dan', 'eve']);
  const [ann, bob, cleo, dan, eve] = pages as [PlainPage, PlainPage, PlainPage, PlainPage, PlainPage];
  await ann.act('start');
  for (const page of [bob, cleo, dan]) {
    await phase(page).toBe('ringing');
    await page.act('accept');
  }
  await expect.poll(async () => (await ann.state()).peers, { timeout: 60_000 }).toHaveLength(3);
  await phase(eve).toBe('ringing');
  await eve.act('accept');
  await phase(eve).toBe('ended');
  expect(await eve.state()).toMatchObject({ reason: 'full' });

  const other = `mesh-${crypto.randomUUID().slice(0, 8)}`;
  await openConversation(stack, other, ['ann', 'eve']);
  const annThere = await ann.beside(other);
  const eveThere = await eve.beside(other);
  await eveThere.act('start');
  await phase(eveThere).toBe('ended');
  expect(await eveThere.state()).toMatchObject({ reason: 'busy' });
  expect((await annThere.state()).state).toBe('idle');
  expect((await eve.media()).live).toBe(0);
  await phase(ann).toBe('connected');
  expect((await ann.state()).peers).toHaveLength(3);
});

test('a call by a TURN server alone, with the credentials of the stack', async ({ browser }) => {
  test.skip(!existsSync(TURN_SERVER), `${TURN_SERVER} is missing; on Debian: apt-get install coturn`);
  const port = await freePort();
  const turn = startTurn(port);
  const stack = await startStack(
    ...['--parameter', `IceServers=turn:127.0.0.1:${port}?transport=udp`],
    ...['--parameter', 'TurnSecret=funnelcast/dev/turn', '--secret', `funnelcast/dev/turn=${SECRET}`],
  );
  try {
    const pages = await meet(browser, stack, ['ann', 'bob'], { iceTransportPolicy: 'relay' });
    const [ann, bob] = pages as [PlainPage, PlainPage];
    await ann.act('start', true);
    await phase(bob).toBe('ringing');
    await bob.act('accept', true);
    for (const page of pages) {
      await phase(page).toBe('connected');
      await expectVoice(page);
      const { frames, ways } = await page.media();
      await expect.poll(async () => (await page.media()).frames, { timeout: 60_000 }).toBeGreaterThan(frames);
      expect(new Set(ways)).toEqual(new Set(['relay-relay']));
    }
  } finally {
    turn.kill();
    await stack.stop();
  }
});

/** Starts coturn with the secret of the stack. It relays on this machine alone. */
function startTurn(port: number) {
  const address = ['--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', `${port}`];
  const secret = ['--use-auth-secret', '--static-auth-secret', SECRET, '--realm', 'funnelcast.test'];
  const options = [
    '-n',
    '--allow-loopback-peers',
    '--no-cli',
    '--no-tls',
    '--no-dtls',
    '--log-file',
    'stdout',
  ];
  return spawn(TURN_SERVER, [...options, ...address, ...secret], { stdio: 'ignore' });
}

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('there is no free port');
  return address.port;
}
