/** Files are sent, shown, refused and downloaded, with a real S3's rules and a browser's real uploads. */

import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './fixtures.js';
import { picture, type Sample, text } from './samples.js';
import type { Visitor } from './visitor.js';

/** Chooses files by the paper clip. */
async function choose({ app, page }: Visitor, ...files: Sample[]): Promise<void> {
  const choosing = page.waitForEvent('filechooser');
  await app.getByRole('button', { name: 'Add files' }).click();
  await (await choosing).setFiles(files);
}

const tray = ({ app }: Visitor) => app.getByRole('list', { name: 'Files to send' });
const send = ({ app, other }: Visitor) => app.getByRole('button', { name: `Send to ${other.name}` });

/** Waits until an image has been loaded; returns its own size. */
async function sizeOf(image: Locator): Promise<[number, number]> {
  await expect(image).toHaveJSProperty('complete', true);
  await expect
    .poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth))
    .toBeGreaterThan(0);
  return image.evaluate((element: HTMLImageElement) => [element.naturalWidth, element.naturalHeight]);
}

async function isSound(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

test('a PNG and a JPEG are sent with a text, keep their place, and open', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('before');
  await expect(ben.said).toHaveText(['before']);
  const files = [
    await picture(ann.page, 'png', 800, 400),
    await picture(ann.page, 'jpeg', 600, 900),
  ] as const;
  await choose(ann, ...files);
  await expect(tray(ann).getByText('Ready to send')).toHaveCount(2);
  await isSound(ann.page);
  await ann.say('From the holidays');
  await expect(tray(ann)).toBeHidden();

  // Whether it is being examined or not, the picture is as high, and what is above it stays where it is.
  const box = ben.messages.getByRole('button', { name: 'Show holiday 800.png' });
  await expect(box).toBeVisible();
  const heights = [(await box.boundingBox())?.height];
  const above = await ben.row('before').boundingBox();
  for (const [{ name }, ratio] of [[files[0], 2] as const, [files[1], 2 / 3] as const]) {
    const image = ben.messages.getByRole('img', { name });
    const [width, height] = await sizeOf(image);
    expect(width / height).toBeCloseTo(ratio, 1);
    expect(Math.max(width, height)).toBeLessThan(800); // a thumbnail
  }
  heights.push((await box.boundingBox())?.height);
  expect(heights).toEqual([140, 140]);
  expect((await ben.row('before').boundingBox())?.y).toBe(above?.y);
  await expect(ben.said).toHaveText(['before', 'From the holidays']);

  await box.focus();
  await ben.page.keyboard.press('Enter');
  const dialog = ben.page.getByRole('dialog', { name: files[0].name });
  expect(await sizeOf(dialog.getByRole('img'))).toEqual([800, 400]);
  await isSound(ben.page);
  await ben.page.screenshot({ path: 'e2e/artefacts/files-original.png' });
  await ben.page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(box).toBeFocused();
  await isSound(ben.page);
  await ben.page.screenshot({ path: 'e2e/artefacts/files-pictures.png' });

  // After a reload they are what they were, from the log.
  await ben.page.reload();
  await sizeOf(ben.messages.getByRole('img', { name: files[1].name }));
});

test('files are dropped and pasted; other files are rows, and are downloaded as they were', async ({
  visit,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const bring = (type: 'drop' | 'paste', sample: Sample) =>
    ann.composer.evaluate(
      (element, { type, name, mimeType, base64 }) => {
        const bytes = Uint8Array.from(atob(base64), char => char.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], name, { type: mimeType }));
        const init = { bubbles: true, cancelable: true };
        const event =
          type === 'drop'
            ? new DragEvent('drop', { ...init, dataTransfer: data })
            : new ClipboardEvent('paste', { ...init, clipboardData: data });
        element.dispatchEvent(event);
      },
      { type, name: sample.name, mimeType: sample.mimeType, base64: sample.buffer.toString('base64') },
    );
  const notes = text('notes.txt', 12_345);
  await bring('drop', notes);
  await bring('paste', await picture(ann.page, 'png', 300, 300));
  await expect(tray(ann).getByRole('listitem')).toHaveCount(2);
  await send(ann).click(); // without a text, and perhaps before they are uploaded
  await sizeOf(ben.messages.getByRole('img', { name: 'holiday 300.png' }));
  const row = ben.messages.getByRole('button', { name: 'Download notes.txt, 12 kB' });
  const downloading = ben.page.waitForEvent('download');
  await row.click();
  const download = await downloading;
  expect(download.suggestedFilename()).toBe('notes.txt');
  expect(readFileSync(await download.path()).equals(notes.buffer)).toBe(true);
  expect(new URL(ben.page.url()).pathname).toBe('/');
});

test('what is not what it says is refused; what is too large, before it is uploaded', async ({
  visit,
  stack,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const puts: string[] = [];
  ann.page.on('request', request => request.method() === 'PUT' && puts.push(request.url()));
  await choose(ann, text('film.mov', 30_000_000, 'application/octet-stream'));
  await expect(tray(ann)).toContainText(/at most \d+/);
  expect(puts).toEqual([]);
  await tray(ann).getByRole('button', { name: 'Remove film.mov' }).click();
  await expect(tray(ann)).toBeHidden();

  // It is examined before it is sent. The server says so when it is asked whether the file may be sent.
  const uploaded = ann.page.waitForRequest(
    request => request.method() === 'PUT' && request.headers()['content-type'] === 'image/png',
  );
  await choose(ann, text('cat.png', 5_000, 'image/png'), text('notes.txt', 500));
  const [, id] = /(file_\w+)/.exec((await uploaded).url()) ?? [];
  await expect(tray(ann).getByText('Ready to send')).toHaveCount(2);
  await expect.poll(() => stack.fileState(ann.me, id as string)).toBe('refused');
  await ann.say('Look at this');
  await expect(tray(ann)).toContainText('Refused: it is not what its name says');
  await isSound(ann.page);
  await ann.page.screenshot({ path: 'e2e/artefacts/files-refused.png' });
  await expect(ben.said).toHaveCount(0);
  await tray(ann).getByRole('button', { name: 'Remove cat.png' }).click();
  await expect(ben.messages.getByRole('button', { name: 'Download notes.txt, 500 B' })).toBeEnabled();
  await expect(ben.said).toHaveText(['Look at this']);
});

test('an upload is cancelled, and its message brings the others; a deleted message loses its files', async ({
  visit,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  // The upload of the first file stands still.
  await ann.page.route(
    url => url.search.includes('X-Amz-Signature'),
    async route => {
      if (
        route.request().method() === 'PUT' &&
        (await route.request().headerValue('content-type')) === 'text/css'
      )
        return;
      await route.fallback();
    },
  );
  await choose(ann, text('style.css', 2_000, 'text/css'), text('notes.txt', 3_000));
  await ann.say('Two files');
  await expect(tray(ann)).toContainText('Uploading');
  await expect(tray(ann)).toContainText('Sending');
  await expect(ben.said).toHaveCount(0);
  await tray(ann).getByRole('button', { name: 'Remove style.css' }).click();
  await expect(ben.messages.getByRole('button', { name: /Download notes.txt/ })).toBeVisible();
  await expect(ben.messages.getByRole('button', { name: /Download/ })).toHaveCount(1);
  await ann.act('Two files', 'Delete');
  await ann.row('Two files').getByRole('button', { name: 'Delete for everybody' }).click();
  await expect(ben.messages.getByText('Deleted message')).toBeVisible();
  await expect(ben.messages.getByRole('button', { name: /Download/ })).toHaveCount(0);
});

test('the network is cut in the middle of an upload, and mended', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  let cut: () => void = () => {};
  let puts = 0;
  // The first upload is on its way until the cable is cut.
  await ann.page.route(
    url => url.search.includes('X-Amz-Signature'),
    async route => {
      if (route.request().method() !== 'PUT') return route.fallback();
      puts += 1;
      if (puts > 1) return route.fallback();
      await new Promise<void>(resolve => {
        cut = resolve;
      });
      await route.abort('internetdisconnected');
    },
  );
  const photo = await picture(ann.page, 'png', 900, 600);
  await choose(ann, photo);
  await ann.say('On the train');
  await expect(tray(ann)).toContainText('Uploading');
  await expect.poll(() => puts).toBe(1);
  await ann.cable.cut();
  cut();
  await expect(tray(ann)).toContainText('Waiting for the network');
  await isSound(ann.page);
  await ann.page.screenshot({ path: 'e2e/artefacts/files-interrupted.png' });
  await ann.page.waitForTimeout(3_000);
  await expect(ben.said).toHaveCount(0);
  await ann.cable.mend();
  await expect(tray(ann)).toBeHidden();
  await sizeOf(ben.messages.getByRole('img', { name: photo.name }));
  await expect(ben.said).toHaveText(['On the train']);
  await expect(ann.messages.locator('.message')).toHaveCount(1);
  expect(puts).toBe(2);
});

test('on a phone, in dark colours, all of it fits and is sound', async ({ visit }) => {
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
  const ann = await visit('merchant', { ...phone, colorScheme: 'dark', reducedMotion: 'reduce' });
  await ann.page.route(
    url => url.search.includes('X-Amz-Signature'),
    route => (route.request().postDataBuffer()?.length === 500 ? undefined : route.fallback()),
  );
  await choose(ann, await picture(ann.page, 'jpeg', 1_600, 900));
  await ann.say('A wide one');
  await sizeOf(ann.messages.getByRole('img'));
  await choose(ann, text(`${'a very long name '.repeat(8)}.txt`, 500));
  await expect(tray(ann)).toContainText('Uploading');
  await isSound(ann.page);
  await ann.page.screenshot({ path: 'e2e/artefacts/files-phone.png' });
  const wide = await ann.page.evaluate(() =>
    [...document.querySelectorAll('.person, .chat, .tray, .message')]
      .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      .map(({ className }) => className),
  );
  expect(wide).toEqual([]);
});
