/** Ann, the merchant, and Ben, the customer, each in a browser of their own. */

import type { Browser, Page } from '@playwright/test';
import { expect, test } from './app';

/** Signs a person in, in a new browser. */
async function signIn(browser: Browser, origin: string, who: 'Ann, the merchant' | 'Ben, the customer'): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', error => expect.soft(error).toBeUndefined());
  await page.goto(origin);
  await page.getByRole('button', { name: who }).click();
  await expect(page.getByLabel('Connection')).toHaveText('Live');
  return page;
}

const presence = (page: Page) => page.getByLabel('Presence');
const messages = (page: Page) => page.getByRole('log').getByRole('listitem');
const composer = (page: Page) => page.getByRole('textbox');

test('two people chat: presence, typing, receipts', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  await expect(presence(ann)).toHaveText('not here');
  const ben = await signIn(browser, origin, 'Ben, the customer');
  await expect(presence(ann)).toHaveText('online');
  await expect(presence(ben)).toHaveText('online');

  await composer(ben).pressSequentially('Is it ready?');
  await expect(ann.getByText('Ben is typing…')).toBeVisible();
  await composer(ben).press('Enter');
  await expect(messages(ann)).toHaveText(['Is it ready?']);
  await expect(ann.getByText('Ben is typing…')).toBeHidden();
  await expect(messages(ben)).toHaveText(['Is it ready?read']);

  await composer(ann).fill('In a minute');
  await composer(ann).press('Enter');
  await expect(messages(ben)).toHaveText(['Is it ready?read', 'In a minute']);
  await expect(messages(ann)).toHaveText(['Is it ready?', 'In a minuteread']);

  await ben.context().close();
  await expect(presence(ann)).toHaveText('not here');
  await composer(ann).fill('It is');
  await composer(ann).press('Enter');
  await expect(messages(ann).last()).toHaveText('It issent');
  const again = await signIn(browser, origin, 'Ben, the customer');
  await expect(messages(again)).toHaveText(['Is it ready?read', 'In a minute', 'It is']);
  await expect(messages(ann).last()).toHaveText('It isread');
});

test("a funnel's progress reaches the merchant, and a notification the customer", async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  const ben = await signIn(browser, origin, 'Ben, the customer');
  const funnel = ann.getByRole('listitem', { name: 'Spring launch' });
  const progress = funnel.getByRole('progressbar');

  await ann.getByRole('button', { name: 'Generate a funnel' }).click();
  await expect(funnel).toContainText('Writing the checkout');
  await expect(progress).toHaveAttribute('value', '60');
  await expect(funnel).toContainText('live');
  await expect(progress).toHaveAttribute('value', '100');
  await expect(ben.getByLabel('Notifications').getByRole('listitem')).toHaveText([
    'Spring launch is live Ann has something new for you.',
  ]);
  await expect(ann.getByLabel('Notifications').getByRole('listitem')).toHaveCount(0);

  // The last update of each funnel is there after a reload.
  await ann.reload();
  await expect(funnel).toContainText('live');
});

test('nobody sees what is not theirs', async ({ browser, origin, request }) => {
  const ben = await signIn(browser, origin, 'Ben, the customer');
  expect((await ben.request.post(`${origin}/api/funnels`)).status()).toBe(403);
  expect((await request.post(`${origin}/api/websocket/connect`)).status()).toBe(401);
  await ben.goto(`${origin}/merchant`);
  await expect(ben).toHaveURL(`${origin}/`);
});
