/** Voice messages, with the microphone that Chromium plays: a beep each second. */

import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

const record = ({ app }: Visitor) => app.getByRole('button', { name: 'Record a voice message' });

test('a voice message is recorded with its level, sent, and played with its waveform', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.composer.fill('unsent');
  await record(ann).click();
  const level = ann.app.getByRole('meter', { name: 'Level' });
  await expect
    .poll(() => level.evaluate((meter: HTMLMeterElement) => meter.value), { intervals: [50] })
    .toBeGreaterThan(0.2);
  await expect(ann.app.getByRole('region', { name: 'Voice message' })).toContainText('0:03');
  const { violations } = await new AxeBuilder({ page: ann.page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await ann.page.screenshot({ path: 'e2e/artefacts/files-recording.png' });
  await ann.app.getByRole('button', { name: 'Send the voice message' }).click();
  await expect(ann.composer).toHaveValue('unsent');

  const play = ben.messages.getByRole('button', { name: /^Play the voice message of 0:\d\d$/ });
  await expect(play).toBeEnabled();
  const heights = await ben.messages
    .locator('.waveform rect')
    .evaluateAll(bars => bars.map(bar => Number(bar.getAttribute('height'))));
  expect(heights).toHaveLength(64);
  expect(Math.max(...heights)).toBe(32);
  expect(new Set(heights).size).toBeGreaterThan(3); // beeps, and silence between them
  await play.focus();
  await ben.page.keyboard.press('Enter');
  const audio = ben.messages.locator('audio');
  const position = () => audio.evaluate((element: HTMLAudioElement) => element.currentTime);
  await expect.poll(position).toBeGreaterThan(0.5);
  await ben.page.screenshot({ path: 'e2e/artefacts/files-player.png' });
  await expect(ben.messages.getByRole('button', { name: /^Play/ })).toBeVisible(); // it has come to its end

  const slider = ben.messages.getByRole('slider', { name: /^Position/ });
  await slider.focus();
  await ben.page.keyboard.press('End');
  await expect(slider).not.toHaveValue('0');
  await isQuiet(ben);
});

/** Expects that nothing is against the rules of accessibility. */
async function isQuiet({ page }: Visitor): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

test('a recording is discarded, and the microphone is free', async ({ visit }) => {
  const ann = await visit('merchant');
  await ann.page.evaluate(() => {
    const { mediaDevices } = navigator;
    const open = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async constraints => {
      const stream = await open(constraints);
      Object.assign(window, { stream });
      return stream;
    };
  });
  await record(ann).click();
  await expect(ann.app.getByRole('region', { name: 'Voice message' })).toContainText('0:01');
  await ann.app.getByRole('button', { name: 'Discard' }).click();
  await expect(record(ann)).toBeVisible();
  const states = await ann.page.evaluate(() =>
    (window as unknown as { stream: MediaStream }).stream.getTracks().map(track => track.readyState),
  );
  expect(states).toEqual(['ended']);
  await expect(ann.said).toHaveCount(0);
});

test('without a permission, or without a microphone, the page says so', async ({ visit }) => {
  const ann = await visit('merchant');
  for (const [name, words] of [
    ['NotAllowedError', 'The microphone may not be used'],
    ['NotFoundError', 'There is no microphone'],
  ] as const) {
    await ann.page.evaluate(name => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', name));
    }, name);
    await record(ann).click();
    await expect(ann.app.getByText(words)).toBeVisible();
    await expect(ann.composer).toBeVisible();
  }
});
