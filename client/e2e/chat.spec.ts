/** Two people in two browsers chat with each other. */

import type { Locator } from '@playwright/test';
import { chatMessage } from '../src/server/index.js';
import { expect, test } from './fixtures.js';

test('messages reach the other person in order, and are read', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('Hello Ben');
  await expect(ben.said).toHaveText(['Hello Ben']);
  await expect(ann.fateOf('Hello Ben')).toHaveText('sent');
  await expect(ben.app.getByText('1 new')).toBeVisible();

  await ben.say('Hello Ann');
  await ben.say('How are you?');
  await ann.say('Very well');
  const all = ['Hello Ben', 'Hello Ann', 'How are you?', 'Very well'];
  await expect(ann.said).toHaveText(all);
  await expect(ben.said).toHaveText(all);
  // Ben's focus is in the chat, so its messages have been read.
  await expect(ann.fateOf('Very well')).toHaveText('read');
  await expect(ben.app.getByText(/ new$/)).toBeHidden();
});

test('each person sees the other one type and stop', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.composer.pressSequentially('I wonder');
  await expect(ann.typing).toBeVisible();
  await expect(ben.typing).toBeHidden();
  await ben.composer.press('Enter');
  await expect(ann.said).toHaveText(['I wonder']);
  await expect(ann.typing).toBeHidden();

  await ben.composer.pressSequentially('Or not');
  await expect(ann.typing).toBeVisible();
  await ben.composer.clear();
  await expect(ann.typing).toBeHidden();
});

test('each person sees whether the other one is present', async ({ visit }) => {
  const ann = await visit('merchant');
  await expect(ann.presence).toHaveText('Not here');
  const ben = await visit('customer');
  await expect(ann.presence).toHaveText('Online');
  await expect(ben.presence).toHaveText('Online');
  await ben.page.context().close();
  await expect(ann.presence).toHaveText('Not here');
});

test('scrolling up loads older messages, and keeps the scroll position', async ({ stack, room, visit }) => {
  const ann = await visit('merchant');
  const lessons = Array.from({ length: 50 }, (_, at) => `Lesson ${at + 1}`);
  for (const content of lessons) await stack.put(chatMessage(room.conversationId, { content }));
  await expect(ann.said).toHaveCount(50);
  const order = await ann.said.allTextContents(); // the bus does not keep the order

  await ann.page.reload();
  await expect(ann.said).toHaveText(order.slice(30));
  await expect(ann.said.last()).toBeInViewport();
  const first = ann.messages.getByText(order[30] as string, { exact: true });
  await first.scrollIntoViewIfNeeded();
  await expect(ann.said).toHaveText(order.slice(10));
  await expect(first).toBeInViewport();
  await ann.said.first().scrollIntoViewIfNeeded();
  await expect(ann.said).toHaveText(order);
  await expect(ann.app.getByRole('button', { name: 'Earlier messages' })).toBeHidden();
});

test('a refused message stays in the list, and can be discarded', async ({ visit }) => {
  const ben = await visit('customer');
  await ben.say('x'.repeat(17 * 1024)); // the limit is 16 KiB
  await expect(ben.app.getByText('Not sent:')).toBeVisible();
  await ben.app.getByRole('button', { name: 'Discard' }).click();
  await expect(ben.said).toHaveCount(0);
  await ben.say('In short: yes');
  await expect(ben.fateOf('In short: yes')).toHaveText('sent');
});

test('a failed message is shown when the conversation is opened again', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.say('x'.repeat(17 * 1024));
  await expect(ben.app.getByText('Not sent:')).toBeVisible();
  await ann.backstage('Remove Ben');
  await ben.app.getByRole('button', { name: 'Come back' }).click(); // which mounts another component
  await expect(ben.app.getByRole('alert')).toBeHidden();
  await expect(ben.app.getByText('Not sent:')).toBeVisible();
  await ben.app.getByRole('button', { name: 'Discard' }).click();
  await expect(ben.said).toHaveCount(0);
});

test('a person who is removed receives nothing until they join again, and then everything', async ({
  visit,
}) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.backstage('Remove Ben');
  await expect(ben.app.getByRole('alert')).toContainText('Let us take a break.');
  await ann.say('Now Ben cannot hear me');
  await expect(ann.fateOf('Now Ben cannot hear me')).toHaveText('sent');
  await expect(ben.said).toHaveCount(0);
  await ben.app.getByRole('button', { name: 'Come back' }).click();
  await expect(ben.said).toHaveText(['Now Ben cannot hear me']);
});

test('the merchant has several customers, and sees who has written', async ({ visit }) => {
  const ann = await visit('merchant');
  const [ben, cleo] = ['Ben', 'Cleo'].map(name => ann.inbox.getByRole('button', { name: new RegExp(name) }));
  await ann.say('Hello Ben');
  await ann.backstage('Cleo writes');
  await expect(cleo as Locator).toContainText('1 unread');
  await cleo?.click();
  const messages = ann.app.getByRole('log', { name: 'Messages with Cleo' });
  await expect(messages.locator('.bubble > p')).toHaveText(['Is there a place for me, too?']);
  await expect(cleo as Locator).toHaveAttribute('aria-current', 'true');
  await ann.app.getByRole('textbox', { name: 'Message to Cleo' }).focus(); // now Ann looks at it
  await expect(cleo as Locator).not.toContainText('unread');
  await ben?.click();
  await expect(ann.said).toHaveText(['Hello Ben']);
  await ann.page.reload();
  await expect(cleo as Locator).toContainText('Is there a place for me, too?');
  await expect(cleo as Locator).not.toContainText('unread');
});
