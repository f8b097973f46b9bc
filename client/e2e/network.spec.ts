/** The network fails in various ways, and nothing is lost or duplicated. */

import { chatMessage } from '../src/server/index.js';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

/** Long enough for the client to notice, to try again and to wait. */
const CUT_MS = 20_000;
const ROUND_MS = 4_000;
/** So many that more messages are missed than a conversation loads at once. */
const MISSED_A_ROUND = 6;

/** Waits until both people have all of these messages, once each and in the same order. */
async function agree(all: string[], ...[ann, ben]: [Visitor, Visitor]): Promise<void> {
  await expect(ann.said).toHaveCount(all.length);
  await expect(ann.messages.locator('[data-status="sending"]')).toHaveCount(0);
  const said = await ann.said.allTextContents();
  expect([...said].sort()).toEqual([...all].sort());
  await expect(ben.said).toHaveText(said);
}

test('the network is cut for 20 s while both people keep chatting', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('before');
  await expect(ben.said).toHaveText(['before']);

  await ann.cable.cut();
  const [ofAnn, ofBen]: [string[], string[]] = [[], []];
  for (let round = 1; round <= CUT_MS / ROUND_MS; round++) {
    ofAnn.push(`Ann ${round}`);
    await ann.say(`Ann ${round}`);
    for (let number = 1; number <= MISSED_A_ROUND; number++) {
      ofBen.push(`Ben ${round}.${number}`);
      await ben.say(`Ben ${round}.${number}`);
    }
    await ann.page.waitForTimeout(ROUND_MS);
  }
  await expect(ann.connection).toHaveText('Offline');
  await expect(ann.said).toHaveText(['before', ...ofAnn]);
  await expect(ann.fateOf('Ann 1')).toHaveText('sending');
  await expect(ben.said).toHaveText(['before', ...ofBen]);

  await ann.cable.mend();
  await ann.isLive();
  await agree(['before', ...ofAnn, ...ofBen], ann, ben);
});

test('the server closes the socket in the middle of a conversation', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const id = ann.network.locator('code');
  const all: string[] = [];
  for (let number = 1; number <= 3; number++) {
    const before = await id.textContent();
    await ann.network.getByRole('button', { name: 'Kill the socket' }).click();
    await ann.say(`Ann ${number}`);
    await ben.say(`Ben ${number}`);
    all.push(`Ann ${number}`, `Ben ${number}`);
    await expect(id).not.toHaveText(before ?? '');
    await expect(id).not.toBeEmpty();
  }
  await agree(all, ann, ben);
});

test('the button of the page cuts and mends the network', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.network.getByRole('button', { name: 'Cut the network' }).click();
  await expect(ann.network.locator('[aria-current=step]')).toHaveText('waiting');
  await expect(ann.presence).toHaveText('Unknown');
  await ann.say('Are you there?');
  await ben.say('Hello?');
  await expect(ben.fateOf('Hello?')).toHaveText('sent');
  await expect(ann.fateOf('Are you there?')).toHaveText('sending');
  await ann.network.getByRole('button', { name: 'Mend the network' }).click();
  await ann.isLive();
  await expect(ann.network.getByRole('button', { name: 'Cut the network' })).toBeVisible();
  await expect(ann.presence).toHaveText('Online');
  await agree(['Are you there?', 'Hello?'], ann, ben);
});

test('the three guided buttons lose no message, and say how long each took', async ({ visit }) => {
  const both = await visit('both');
  await expect(both.page.getByLabel('Connection of Ben')).toHaveText('Live');
  const button = (name: string) => both.tour.getByRole('button', { name, exact: true });
  await button('Cut Ben’s network').click();
  await expect(button('Ben is offline')).toBeFocused();
  await button('Write').click();
  const lines = ['Three places are left for Monday.', 'Please keep one for me!'];
  await expect(both.tour.getByRole('status')).toContainText('2 messages written');
  const ofBen = both.page.getByRole('log', { name: 'Messages with Ann' });
  await expect(ofBen.getByRole('listitem').filter({ hasText: lines[1] ?? '' })).toContainText('sending');
  await expect(both.said).toHaveText(lines.slice(0, 1));

  await button('Mend').click();
  await expect(both.tour.getByRole('status')).toHaveText(
    /^Nothing is lost: both have the 2 messages, once and in the same order, [\d.]+ m?s after/,
  );
  await expect(button('Cut Ben’s network')).toBeVisible();
  await expect(both.said).toHaveText(lines);
  await expect(ofBen.locator('.bubble > p')).toHaveText(lines);
  for (const log of [both.messages, ofBen]) {
    await expect(log.locator('.latency')).toHaveText([/\d (ms|s)$/, /\d (ms|s)$/]);
  }
});

test('a hidden tab stays connected, and its user is away', async ({ visit, stack, room }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.composer.focus();
  await show(ben, false);
  await expect(ann.presence).toHaveText('Away');
  await ann.say('Ping me when you are back');
  await stack.put(chatMessage(room.conversationId, { content: 'Ann will be back soon.' }));
  const all = ['Ping me when you are back', 'Ann will be back soon.'];
  await agree(all, ann, ben);
  await expect(ann.fateOf('Ping me')).toHaveText('sent');
  await expect(ben.app.getByText('2 new')).toBeVisible();

  await show(ben, true);
  await expect(ann.presence).toHaveText('Online');
  await expect(ann.fateOf('Ping me')).toHaveText('read');
  await ben.say('Back');
  await agree([...all, 'Back'], ann, ben);
});

/** Tells the page what a browser would, because headless tabs are always visible. */
async function show({ page }: Visitor, isVisible: boolean): Promise<void> {
  await page.evaluate(visible => {
    const state = visible ? 'visible' : 'hidden';
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => !visible });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isVisible);
}

test('a conversation continues by HTTP while WebSockets are blocked, and afterwards by socket', async ({
  visit,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('by socket');
  await expect(ben.said).toHaveText(['by socket']);
  ann.cable.takesWebSockets = false;
  await ann.network.getByRole('button', { name: 'Kill the socket' }).click();
  await expect(ann.connection).toHaveText('Slow connection');
  await expect(ann.network.locator('[aria-current=step]')).toHaveText('polling');

  await ann.say('by HTTP');
  await expect(ann.fateOf('by HTTP')).toHaveText('sent');
  await ben.say('I hear you');
  const all = ['by socket', 'by HTTP', 'I hear you'];
  await agree(all, ann, ben);

  ann.cable.takesWebSockets = true;
  await expect(ann.connection).toHaveText('Live', { timeout: 45_000 }); // the next attempt comes within 30 s
  await ben.say('and again');
  await ann.say('as before');
  await agree([...all, 'and again', 'as before'], ann, ben);
});
