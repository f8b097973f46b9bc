/** A network that dies without a word, as when a phone leaves the room: the sockets stay open, and nothing comes any more. */

import { expect, test } from './fixtures.js';
import { SlowLine } from './slow-line.js';
import type { Visitor } from './visitor.js';

/** How soon a page that is looked at has a connection again. */
const LOOKED_AT_MS = 10_000;
/** How long nothing must have come before a key or a pointer makes the client ask. */
const SILENCE_MS = 31_000;

/** A page behind a line of its own, whose sockets have fallen silent, and what Ben has said since. */
async function silenced(visit: (only: 'merchant' | 'customer', options?: object) => Promise<Visitor>) {
  const line = await SlowLine.start();
  const [ann, ben] = await Promise.all([visit('merchant', { proxy: line.proxy }), visit('customer')]);
  await ann.say('before');
  await expect(ben.said).toHaveText(['before']);
  await expect(ann.fateOf('before')).toHaveText('sent');
  line.silence();
  await ben.say('Are you there?');
  await expect(ben.fateOf('Are you there?')).toHaveText('sent');
  return { line, ann, ben };
}

/** Waits until the page has what it has missed. */
async function hasAll({ said }: Visitor): Promise<void> {
  await expect(said).toHaveText(['before', 'Are you there?'], { timeout: LOOKED_AT_MS });
}

test('a page that gets the focus knows it within 10 seconds', async ({ visit }) => {
  const { line, ann } = await silenced(visit);
  await ann.page.waitForTimeout(3_000);
  await expect(ann.said).toHaveText(['before']);
  await ann.page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await hasAll(ann);
  line.stop();
});

test('a page whose pointer moves after a pause knows it within 10 seconds', async ({ visit }) => {
  const { line, ann } = await silenced(visit);
  await ann.page.waitForTimeout(SILENCE_MS);
  await expect(ann.said).toHaveText(['before']);
  await ann.page.mouse.move(200, 200);
  await hasAll(ann);
  line.stop();
});
