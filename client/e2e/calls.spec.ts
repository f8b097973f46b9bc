/** Calls between two browsers with fake devices: a beep each second, and a picture that moves. */

import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { openCallComponent } from './call-component.js';
import { expect, test } from './fixtures.js';
import { expectMedia, expectReleased, mediaOf } from './media.js';
import { openConversation, PlainPage } from './plain-page.js';
import type { Visitor } from './visitor.js';

// Two browsers that encode and decode video need a while on a small machine.
test.describe.configure({ timeout: 240_000 });

const start = ({ app, other }: Visitor, how = '') =>
  app.getByRole('button', { name: `Call ${other.name}${how}`, exact: true });
const ring = ({ app, other }: Visitor) => app.getByRole('region', { name: `Call from ${other.name}` });
const accept = (visitor: Visitor, name = 'Accept') =>
  ring(visitor).getByRole('button', { name, exact: true });
const panel = ({ app, other }: Visitor) => app.getByRole('region', { name: `Call with ${other.name}` });
const press = (visitor: Visitor, name: string) =>
  panel(visitor).getByRole('button', { name, exact: true }).click();
const isInCall = (visitor: Visitor) =>
  expect(panel(visitor)).toContainText(`In a call with ${visitor.other.name}`);
/** Closes the socket on the server. */
const kill = ({ network }: Visitor) => network.getByRole('button', { name: 'Kill the socket' }).click();
const line = ({ messages }: Visitor) => messages.locator('.call-line');

/** Resolves when a page shows a text, however soon it is gone again: `expect` looks once a second, which misses what is brief. */
const shows = (page: Page, text: string) =>
  page.evaluate(
    text =>
      new Promise<void>(resolve => {
        const look = () => document.body.textContent?.includes(text) && resolve();
        new MutationObserver(look).observe(document.body, {
          subtree: true,
          childList: true,
          characterData: true,
        });
        look();
      }),
    text,
  );

async function isQuiet({ page }: Visitor): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

/** Calls, and accepts. */
async function connect(ann: Visitor, ben: Visitor): Promise<void> {
  await start(ann).click();
  await accept(ben).click();
  await isInCall(ann);
  await isInCall(ben);
}

test('a video call: voice and pictures arrive on both sides, camera and screen are changed, and all ends', async ({
  visit,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await start(ann, ' with video').click();
  await expect(panel(ann)).toContainText('Calling Ben…');
  await expect(ring(ben)).toContainText('Ann is calling');
  await isQuiet(ben);
  await ben.page.screenshot({ path: 'e2e/artefacts/calls-ring.png' });
  await accept(ben, 'Accept with video').focus();
  await ben.page.keyboard.press('Enter');
  for (const one of [ann, ben]) {
    await isInCall(one);
    await expectMedia(one.page, { video: true });
  }
  await expect(panel(ben).getByLabel('Ann’s camera')).toBeVisible();
  await isQuiet(ben);
  await ben.page.screenshot({ path: 'e2e/artefacts/calls-video.png' });

  await press(ann, 'Mute');
  await expect(panel(ben)).toContainText('Ann muted');
  await press(ann, 'Mute');
  await press(ann, 'Camera');
  await expect(panel(ben).getByLabel('Ann’s camera')).toHaveCount(0);
  await press(ann, 'Share the screen');
  await expect(panel(ben).getByLabel('Ann’s screen')).toBeVisible();
  await expectMedia(ben.page, { video: true });

  await press(ben, 'Hang up');
  for (const one of [ann, ben]) {
    await expect(panel(one)).toContainText('The call has ended');
    await expect(line(one)).toContainText(/Ann called|You called/);
    await expectReleased(one.page);
  }
  await ann.page.screenshot({ path: 'e2e/artefacts/calls-line.png' });
  await ann.page.reload();
  await ann.isIn();
  await expect(line(ann)).toContainText(/You called: \d+:\d\d/);
});

test('a call is declined, and one is taken back', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await start(ann).click();
  await ring(ben).getByRole('button', { name: 'Decline' }).click();
  await expect(panel(ann)).toContainText('Declined');
  await start(ben).click();
  await expect(ring(ann)).toBeVisible();
  await press(ben, 'Hang up');
  await expect(ring(ann)).toHaveCount(0);
  await expect(line(ann)).toHaveCount(2);
  await expectReleased(ann.page);
  await expectReleased(ben.page);
});

test('it rings on both devices of a user, and the second one accepts', async ({ visit }) => {
  const [ann, ben, phone] = await Promise.all([visit('merchant'), visit('customer'), visit('customer')]);
  await start(ann).click();
  await expect(ring(ben)).toBeVisible();
  await accept(phone).click();
  await expect(ring(ben)).toHaveCount(0);
  await expect(panel(ben)).toContainText('Answered on another device');
  await isInCall(phone);
  await expectMedia(ann.page, { video: false });
  await expectMedia(phone.page, { video: false });
  await expectReleased(ben.page);
});

test('the sockets are cut while it rings, and while they talk', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await start(ann).click();
  await expect(ring(ben)).toBeVisible();
  for (const one of [ann, ben]) await kill(one);
  await accept(ben).click();
  await isInCall(ann);
  await expectMedia(ann.page, { video: false });
  for (const one of [ann, ben]) await kill(one);
  await expectMedia(ann.page, { video: false });
  for (const one of [ann, ben]) await one.isLive();
  await press(ann, 'Hang up');
  await expect(panel(ben)).toContainText('The call has ended');
  await expect(line(ben)).toHaveCount(1);
});

test('a page that is loaded again continues its call', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await connect(ann, ben);
  const isLost = shows(ann.page, 'The connection is lost');
  await ben.page.reload();
  await isLost;
  await isInCall(ben);
  await isInCall(ann);
  await expectMedia(ann.page, { video: false });
  await expectMedia(ben.page, { video: false });
  expect((await mediaOf(ann.page)).open).toBe(1);
});

test('a user who comes while it rings hears it; without an answer it is missed', async ({ visit }) => {
  const ann = await visit('merchant');
  await start(ann).click();
  const ben = await visit('customer');
  await expect(ring(ben)).toBeVisible();
  await expect(panel(ann)).toContainText('No answer', { timeout: 60_000 });
  await expect(ring(ben)).toHaveCount(0);
  await expect(line(ben)).toContainText('Ann called: no answer');
});

test('both call at once, and are in one call', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await Promise.all([start(ann).click(), start(ben).click()]);
  await isInCall(ann);
  await isInCall(ben);
  await expectMedia(ann.page, { video: false });
});

test('without a permission the page says so, and nobody is rung', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.page.evaluate(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await start(ann).click();
  await expect(panel(ann)).toContainText('The microphone may not be used');
  await expect(ring(ben)).toHaveCount(0);
  await expect(line(ann)).toHaveCount(0);
});

test('the component of the documentation plays a voice, and goes on while a camera is turned on and off', async ({
  browser,
  stack,
}) => {
  const id = `calls-${crypto.randomUUID().slice(0, 8)}`;
  await openConversation(stack, id, ['ann', 'bob']);
  const ann = await openCallComponent(await browser.newContext(), stack, 'ann', id);
  const bob = await PlainPage.open(await browser.newContext(), stack, 'bob', id);
  const phase = expect.poll(async () => (await bob.state()).state, { timeout: 60_000 });
  await bob.act('start');
  await ann.getByRole('button', { name: 'Accept' }).click();
  await phase.toBe('connected');
  const player = ann.locator('video');
  const timeOf = () => player.evaluate((video: HTMLVideoElement) => (video.paused ? -1 : video.currentTime));
  const expectPlaying = async () => {
    const before = await timeOf();
    await expect.poll(timeOf, { message: 'it plays' }).toBeGreaterThan(Math.max(0, before) + 0.2);
  };
  const widthIs = (isOn: boolean) =>
    expect
      .poll(() => player.evaluate((video: HTMLVideoElement) => video.videoWidth > 0), { timeout: 60_000 })
      .toBe(isOn);
  await expectPlaying();
  for (const isOn of [true, false, true]) {
    await bob.setCamera(isOn);
    await widthIs(isOn);
    await expectPlaying();
  }
  await ann.getByRole('button', { name: 'Hang up' }).click();
  await expect.poll(async () => (await bob.state()).state).toBe('ended');
});

test('a client that is closed has left its call', async ({ browser, stack }) => {
  const id = `calls-${crypto.randomUUID().slice(0, 8)}`;
  await openConversation(stack, id, ['ann', 'bob']);
  const open = async (user: string) => PlainPage.open(await browser.newContext(), stack, user, id);
  const [ann, bob] = await Promise.all([open('ann'), open('bob')]);
  const phaseOf = (page: PlainPage) =>
    expect.poll(async () => (await page.state()).state, { timeout: 60_000 });
  await ann.act('start');
  await phaseOf(bob).toBe('ringing');
  await bob.act('accept');
  await phaseOf(ann).toBe('connected');
  await bob.closeClient();
  await phaseOf(ann).toBe('ended');
  expect((await ann.state()).reason).toBe('ended');
});
