/** An upload over a line that is slow, and is cut after some of its bytes have arrived. */

import { expect, test } from './fixtures.js';
import { text } from './samples.js';
import { SlowLine } from './slow-line.js';

const BYTES = 16_000_000;

test('it shows its progress, waits for the network, and begins again by itself', async ({ visit }) => {
  const line = await SlowLine.start();
  const [ann, ben] = await Promise.all([visit('merchant', { proxy: line.proxy }), visit('customer')]);
  await ann.app.locator('input[type=file]').setInputFiles(text('notes.txt', BYTES));
  const tray = ann.app.getByRole('list', { name: 'Files to send' });
  const progress = tray.getByRole('progressbar', { name: 'Upload of notes.txt' });
  const sent = () => progress.evaluate((element: HTMLProgressElement) => element.value);
  await expect.poll(sent).toBeGreaterThan(1_000_000);
  await ann.say('Slowly');
  await expect.poll(() => line.forwardedBytes).toBeGreaterThan(2_000_000);
  expect(await sent()).toBeLessThan(BYTES);

  line.cut();
  await expect(tray).toContainText('Waiting for the network');
  expect(line.forwardedBytes).toBeLessThan(BYTES);
  await ann.page.waitForTimeout(3_000);
  await expect(ben.said).toHaveCount(0);
  line.mend();
  await expect(ben.messages.getByRole('button', { name: 'Download notes.txt, 16 MB' })).toBeEnabled({
    timeout: 60_000,
  });
  await expect(ben.said).toHaveText(['Slowly']);
  expect(line.forwardedBytes).toBeLessThan(2 * BYTES); // from the beginning, and once
  line.stop();
});
