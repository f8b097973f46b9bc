/** A chat is searched, by keyboard and by touch. */

import { AxeBuilder } from '@axe-core/playwright';
import { chatMessage } from '../src/server/index.js';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

const search = ({ app }: Visitor) => app.getByRole('search', { name: 'Search the chat' });
const box = (visitor: Visitor) => search(visitor).getByRole('combobox', { name: 'Search for' });
const results = (visitor: Visitor) => search(visitor).getByRole('option');
const status = (visitor: Visitor) => search(visitor).getByRole('status');
/** The result that a screen reader is at, while the focus is in the box. */
const active = async (visitor: Visitor) => {
  const id = await box(visitor).getAttribute('aria-activedescendant');
  return visitor.page.locator(`[id="${id}"]`);
};

test('a message far back is found and reached by keyboard alone', async ({ visit, stack, room }) => {
  const ben = await visit('customer');
  await ben.say(`${'It was late yesterday. '.repeat(4)}I paid twice and want a refund`);
  await expect(ben.fateOf('refund')).toHaveText('sent');
  const lessons = Array.from({ length: 30 }, (_, at) => `Lesson ${at + 1}`);
  for (const content of lessons) await stack.put(chatMessage(room.conversationId, { content }));
  await expect(ben.said).toHaveCount(31);
  await ben.say('Was it refunded?');
  await expect(ben.fateOf('refunded')).toHaveText('sent');
  await ben.page.reload();
  await expect(ben.said).toHaveCount(20);
  const { keyboard } = ben.page;

  await ben.composer.focus();
  await keyboard.press('ControlOrMeta+f');
  await expect(box(ben)).toBeFocused();
  await keyboard.type('refund');
  await expect(status(ben)).toHaveText('2 messages found.');
  await expect(results(ben).locator('mark')).toHaveText(['refund', 'refunded']);
  await expect(results(ben).first()).toContainText(/…I paid twice and want a refund$/); // what is around the mark
  await keyboard.press('ArrowDown');
  await keyboard.press('ArrowDown');
  await expect(await active(ben)).toContainText('Was it refunded?');
  await expect(await active(ben)).toHaveAttribute('aria-selected', 'true');
  await keyboard.press('ArrowUp');
  await expect(await active(ben)).toContainText('I paid twice');
  await keyboard.press('Enter');
  const message = ben.messages.locator('li:focus');
  await expect(message).toContainText('I paid twice and want a refund');
  await expect(message).toBeInViewport();

  await keyboard.press('ControlOrMeta+f');
  await expect(box(ben)).toBeFocused();
  await keyboard.type('nothing like it');
  await expect(status(ben)).toHaveText('No message has “nothing like it”.');
  await keyboard.press('Escape');
  await expect(search(ben)).toBeHidden();
  await expect(ben.app.getByRole('button', { name: 'Search the chat' })).toBeFocused();
});

test('there are more results than a page, each in words for a screen reader', async ({
  visit,
  stack,
  room,
}) => {
  const ann = await visit('merchant');
  const lessons = Array.from({ length: 12 }, (_, at) => `Lesson ${at + 1} is ready`);
  for (const content of lessons) await stack.put(chatMessage(room.conversationId, { content }));
  await expect(ann.said).toHaveCount(12);
  await ann.app.getByRole('button', { name: 'Search the chat' }).click();
  await box(ann).fill('lessons');
  await expect(status(ann)).toHaveText('10 messages found so far.');
  await box(ann).press('ArrowUp'); // there is nothing above the first one
  await expect(box(ann)).not.toHaveAttribute('aria-activedescendant', /.*/);
  for (let at = 0; at < 10; at++) await box(ann).press('ArrowDown');
  await box(ann).press('ArrowDown'); // after the last one comes the next page
  await expect(status(ann)).toHaveText('12 messages found.');
  await expect(search(ann).getByRole('button', { name: 'More results' })).toBeHidden();
  await expect(results(ann).first()).toHaveAccessibleName(/^Assistant .*Lesson \d+ is ready$/);
  const { violations } = await new AxeBuilder({ page: ann.page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
});

test('the merchant searches all chats, and a result opens its chat at the message', async ({
  visit,
  stack,
  room,
}) => {
  const ann = await visit('merchant');
  const cleo = room.customers[1]?.conversationId ?? '';
  await stack.put(chatMessage(cleo, { content: 'A refund was asked for' }));
  const lessons = Array.from({ length: 25 }, (_, at) => `Lesson ${at + 1}`);
  for (const content of lessons) await stack.put(chatMessage(cleo, { content }));
  await expect(ann.inbox.getByRole('button', { name: 'Cleo' })).toContainText('26 unread');
  await ann.say('Your refund is on its way');
  await expect(ann.fateOf('refund')).toHaveText('sent');
  await ann.app.getByRole('button', { name: 'Search the chat' }).click();
  const find = async (count: string) => {
    await box(ann).fill(''); // the index follows the messages
    await box(ann).fill('refunds');
    await expect(status(ann)).toHaveText(count, { timeout: 2_000 });
  };
  await find('1 message found.');
  await expect(results(ann)).not.toContainText('Chat with');

  await search(ann).getByRole('radio', { name: 'This chat' }).focus();
  await ann.page.keyboard.press('ArrowDown');
  await expect(search(ann).getByRole('radio', { name: 'All chats' })).toBeChecked();
  await expect(() => find('2 messages found.')).toPass();
  await expect(results(ann).getByText('Chat with')).toHaveText(['Chat with Ben', 'Chat with Cleo']);
  await expect(results(ann).first()).toHaveAccessibleName(/^You Chat with Ben .*Your refund is on its way$/);
  const { violations } = await new AxeBuilder({ page: ann.page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  await box(ann).press('ArrowDown');
  await box(ann).press('Enter'); // it is in the chat that is open
  await expect(ann.messages.locator('li:focus')).toContainText('Your refund is on its way');
  await expect(search(ann)).toBeVisible();

  await box(ann).press('ArrowDown');
  await box(ann).press('Enter');
  const message = ann.app.getByRole('log', { name: 'Messages with Cleo' }).locator('li:focus');
  await expect(message).toContainText('A refund was asked for');
  await expect(message).toBeInViewport();
});

test('a query that cannot be searched for says why, and a deleted message is not found', async ({
  visit,
}) => {
  const ben = await visit('customer');
  await ben.say('A secret');
  await ben.act('A secret', 'Delete');
  await ben.row('A secret').getByRole('button', { name: 'Delete for everybody' }).press('Enter');
  await expect(ben.said).toHaveText(['Deleted message']);
  await expect(ben.messages.locator('li:focus')).toContainText('Deleted message'); // not lost with its buttons
  await ben.page.keyboard.press('ControlOrMeta+f');
  await ben.page.keyboard.type('secret');
  await expect(status(ben)).toHaveText('No message has “secret”.');
  await box(ben).fill('🎉');
  await expect(status(ben)).toHaveText(/^Not searched: query must /);
  await expect(results(ben)).toHaveCount(0);
});
