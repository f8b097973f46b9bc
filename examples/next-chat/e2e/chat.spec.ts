/** Ann, the merchant, and Ben, the customer, each in a browser of their own. */

import type { Browser, Page } from '@playwright/test';
import { expect, test } from './app';

/** Signs a person in, in a new browser. */
async function signIn(
  browser: Browser,
  origin: string,
  who: 'Ann, the merchant' | `${string}, the customer`,
): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  page.on('pageerror', error => expect.soft(error).toBeUndefined());
  await page.goto(origin);
  await page.getByRole('button', { name: who }).click();
  await expect(page.getByLabel('Connection')).toHaveText('Live');
  return page;
}

// Nobody of an earlier test is there and reads.
test.afterEach(async ({ browser }) => {
  for (const context of browser.contexts()) await context.close();
});

const presence = (page: Page) => page.getByLabel('Presence');
/** Opens the conversation with a customer. */
const open = (ann: Page, name: string) => inbox(ann).getByRole('button', { name }).click();

const inbox = (page: Page) => page.getByRole('navigation', { name: 'Inbox' });
const message = (page: Page, text: string) => page.getByRole('log').getByRole('listitem').filter({ hasText: text });
const messages = (page: Page) => page.getByRole('log').locator('li > p');
const composer = (page: Page) => page.getByRole('textbox');

async function say(page: Page, content: string): Promise<void> {
  await composer(page).fill(content);
  await composer(page).press('Enter');
}

test('two people chat: presence, typing, receipts', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  await open(ann, 'Ben');
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

test('the inbox has who wrote last, and counts what is unread', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  const cleo = await signIn(browser, origin, 'Cleo, the customer');
  await say(cleo, 'Hello?');
  await say(cleo, 'Anybody there?');
  await expect(inbox(ann).getByRole('button').first()).toHaveText('Cleo Anybody there? 2 unread');
  await open(ann, 'Cleo');
  await expect(inbox(ann).getByRole('button').first()).toHaveText('Cleo Anybody there? ');
  await expect(messages(cleo).last()).toHaveText('Anybody there?read');
});

test('messages are replied to, liked, edited and deleted, by keyboard', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  const cleo = await signIn(browser, origin, 'Cleo, the customer');
  await open(ann, 'Cleo');
  await say(cleo, 'Is it Monday?');
  const act = (page: Page, text: string, name: string) =>
    message(page, text)
      .last()
      .getByRole('group', { name: `Actions for: ${text}` })
      .getByRole('button', { name })
      .press('Enter');
  await act(ann, 'Is it Monday?', 'Like');
  await expect(message(cleo, 'Is it Monday?').getByRole('button', { name: 'Like 1' })).toBeVisible();
  await act(ann, 'Is it Monday?', 'Reply');
  await expect(composer(ann)).toBeFocused();
  await expect(composer(ann)).toHaveAccessibleDescription(/^Reply to: Is it Monday\?/);
  await ann.keyboard.type('It is Tusday');
  await ann.keyboard.press('Enter');
  await expect(message(cleo, 'It is Tusday').getByRole('blockquote')).toHaveText('Is it Monday?');
  await act(ann, 'It is Tusday', 'Edit');
  await composer(ann).fill('It is Tuesday');
  await ann.keyboard.press('Enter');
  await expect(messages(cleo).last()).toHaveText('It is Tuesday edited');
  await act(ann, 'It is Tuesday', 'Delete');
  await expect(messages(cleo).last()).toHaveText('Deleted message');
  await expect(ann.locator('li:focus')).toContainText('Deleted message');
});

test('a conversation is searched, and the parts that match are marked', async ({ browser, origin }) => {
  const ben = await signIn(browser, origin, 'Ben, the customer');
  await say(ben, 'I want two refunds');
  await expect(messages(ben).last()).toHaveText('I want two refundssent');
  const search = ben.getByRole('search');
  await search.getByRole('searchbox', { name: 'Search for' }).fill('refund');
  await ben.keyboard.press('Enter');
  await expect(search.getByRole('status')).toHaveText('1 message found.');
  await expect(search.getByRole('listitem')).toHaveText('Ben I want two refunds');
  await expect(search.locator('mark')).toHaveText('refunds');
  await search.getByRole('searchbox').fill('🎉');
  await ben.keyboard.press('Enter');
  await expect(search.getByRole('status')).toContainText('query');
});

test('the team mutes and bans, and the customer is told why', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  const cleo = await signIn(browser, origin, 'Cleo, the customer');
  await open(ann, 'Cleo');
  const moderate = ann.getByRole('group', { name: 'Moderate Cleo' });
  const press = (name: string) => moderate.getByRole('button', { name }).press('Enter');
  await press('Mute');
  await expect(moderate.getByRole('status')).toContainText('Cleo has a mute until');
  await expect(cleo.getByRole('alert').filter({ hasText: 'You may not write here until' })).toContainText('spam');
  await expect(composer(cleo)).toBeHidden();
  await press('Lift');
  await say(cleo, 'Thank you');
  await expect(messages(ann).last()).toHaveText('Thank you');
  await press('Ban');
  await expect(cleo.getByRole('alert').filter({ hasText: 'You have been taken out' })).toContainText('spam');
  await press('Lift');
  await cleo.reload();
  await say(cleo, 'I am back');
  await expect(messages(ann).last()).toHaveText('I am back');
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

test('the assistant answers one question after the other, and is seen typing', async ({ browser, origin }) => {
  const cleo = await signIn(browser, origin, 'Cleo, the customer');
  await say(cleo, '@bot When do you open?');
  await say(cleo, '@bot Do you ship to Spain?');
  await expect(cleo.getByText('Assistant is typing…')).toBeVisible();
  const [hours, shipping] = [messages(cleo).nth(-2), messages(cleo).nth(-1)];
  await expect(shipping).toHaveText('A person will answer that soon.');
  await expect(hours).toHaveText('We are open from 9 to 5.');
  const quote = (answer: typeof hours) => answer.locator('xpath=preceding-sibling::blockquote');
  await expect(quote(hours)).toHaveText('@bot When do you open?');
  await expect(quote(shipping)).toHaveText('@bot Do you ship to Spain?');
  await expect(cleo.getByText('Assistant is typing…')).toBeHidden();
});

test('a picture and a document are sent and seen', async ({ browser, origin }) => {
  const ann = await signIn(browser, origin, 'Ann, the merchant');
  await open(ann, 'Ben');
  const ben = await signIn(browser, origin, 'Ben, the customer');
  const png = await ann.screenshot();
  await ben.getByLabel('Add files').setInputFiles([
    { name: 'shot.png', mimeType: 'image/png', buffer: png },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('Hello') },
  ]);
  await say(ben, 'Here they are');
  for (const page of [ann, ben]) {
    const picture = page.getByRole('img', { name: 'shot.png' });
    await expect(picture).toBeVisible();
    await expect.poll(() => picture.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
    await expect(page.getByRole('button', { name: 'notes.txt' })).toBeEnabled();
  }
  const [saved] = await Promise.all([
    ann.waitForEvent('download'),
    ann.getByRole('button', { name: 'notes.txt' }).click(),
  ]);
  expect(saved.suggestedFilename()).toBe('notes.txt');
});
