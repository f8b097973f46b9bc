/** The merchant's inbox, and what tells the customer that messages wait. */

import type { Locator } from '@playwright/test';
import { chatMessage } from '../src/server/index.js';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

const names = ({ inbox }: Visitor) => inbox.getByRole('listitem').locator('b');
const row = ({ inbox }: Visitor, name: string): Locator => inbox.getByRole('button', { name });

test('the last active conversation comes first, and the focus stays where it was', async ({ visit }) => {
  const ann = await visit('merchant');
  await ann.say('Hello Ben');
  await expect(names(ann)).toHaveText(['Ben', 'Dan', 'Cleo']);
  await expect(row(ann, 'Ben')).toContainText('You: Hello Ben');
  await row(ann, 'Ben').focus();
  await ann.backstage('Cleo writes');
  await row(ann, 'Ben').focus(); // the button of the backstage had it
  await expect(names(ann)).toHaveText(['Cleo', 'Ben', 'Dan']);
  await expect(row(ann, 'Cleo')).toHaveAccessibleName('Cleo Is there a place for me, too? 1 unread');
  await expect(row(ann, 'Ben')).toBeFocused();
  // What is read on another device of the merchant's is read here.
  const other = await visit('merchant');
  await row(other, 'Cleo').click();
  await other.app.getByRole('textbox', { name: 'Message to Cleo' }).focus();
  await expect(row(ann, 'Cleo')).toHaveAccessibleName('Cleo Is there a place for me, too?');
});

test('more than 99 unread messages are 99+, and a customer who has left was last seen', async ({
  visit,
  stack,
  room,
}) => {
  const ben = await visit('customer');
  const many = Array.from({ length: 101 }, (_, at) => `Lesson ${at + 1}`);
  await Promise.all(many.map(content => stack.put(chatMessage(room.conversationId, { content }))));
  const ann = await visit('merchant');
  await expect(row(ann, 'Ben')).toContainText(/99\+ unread/);
  await expect(row(ann, 'Ben')).not.toContainText('last seen');
  await ben.page.context().close();
  await expect(row(ann, 'Ben')).toContainText(/last seen \d\d:\d\d/);
  await expect(row(ann, 'Dan')).not.toContainText('last seen'); // who has never been here
});

test('a customer whose chat is closed sees how many messages wait, until they open it', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const toggle = ben.app.getByRole('button', { name: 'Chat with Ann' });
  await toggle.focus();
  await ben.page.keyboard.press('Enter');
  await expect(toggle).toHaveAttribute('aria-expanded', 'false');
  await expect(ben.composer).toBeHidden();
  await expect(ann.presence).toHaveText('Not here');
  await ann.say('Are you there?');
  await ann.say('I have an answer');
  await expect(ben.app.getByRole('status').filter({ hasText: '2 unread' })).toBeVisible();
  await ben.page.keyboard.press('Enter');
  await expect(ben.said).toHaveText(['Are you there?', 'I have an answer']);
  await expect(ben.app.getByText('2 new')).toBeVisible();
  await ben.composer.focus();
  await expect(ann.fateOf('I have an answer')).toHaveText('read');
  await toggle.click();
  await expect(ben.composer).toBeHidden();
  await expect(ben.app.getByText('unread')).toBeHidden();
});
