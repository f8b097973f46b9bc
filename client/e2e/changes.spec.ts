/** Messages are edited, deleted, reacted to and replied to, in two browsers. */

import { AxeBuilder } from '@axe-core/playwright';
import { chatMessage } from '../src/server/index.js';
import { expect, test } from './fixtures.js';

test('an edit reaches the other person, and is marked', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('Helo Ben');
  await ann.act('Helo Ben', 'Edit');
  await expect(ann.composer).toBeFocused();
  await expect(ann.composer).toHaveValue('Helo Ben');
  await ann.say('Hello Ben');
  for (const { said, row } of [ann, ben]) {
    await expect(said).toHaveText(['Hello Ben']);
    await expect(row('Hello Ben')).toContainText('edited');
  }
  await expect(ann.composer).toHaveValue('');
  await ben.page.reload();
  await expect(ben.row('Hello Ben')).toContainText('edited');
});

test('a deleted message leaves only its place, also in quotes and in the inbox', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.say('My password is 1234');
  await ann.act('My password', 'Reply');
  await ann.say('Never write that');
  await expect(ben.row('Never write that')).toContainText('You My password is 1234');
  await ben.act('password', 'Delete');
  await ben.row('password').first().getByRole('button', { name: 'Delete for everybody' }).click();
  for (const { said, messages } of [ann, ben]) {
    await expect(said).toHaveText(['Deleted message', 'Never write that']);
    await expect(messages).not.toContainText('1234');
  }
  await ann.page.reload();
  await expect(ann.said).toHaveText(['Deleted message', 'Never write that']);
  await expect(ann.messages).not.toContainText('1234');
});

test('the merchant may delete what a customer wrote, and not the other way round', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('From Ann');
  await ben.say('From Ben');
  await ben
    .row('From Ann')
    .getByRole('button', { name: /^Actions/ })
    .click();
  await expect(ben.row('From Ann').getByRole('button', { name: 'Reply' })).toBeVisible();
  for (const name of ['Edit', 'Delete'])
    await expect(ben.row('From Ann').getByRole('button', { name })).toBeHidden();
  await ann.act('From Ben', 'Delete');
  await expect(ann.row('From Ben').getByRole('button', { name: 'Edit' })).toBeHidden();
  await ann.row('From Ben').getByRole('button', { name: 'Delete for everybody' }).click();
  await expect(ben.said).toHaveText(['From Ann', 'Deleted message']);
});

test('reactions are counted on both sides, and can be taken back', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ann.say('We are live');
  await ben.act('We are live', 'party');
  const party = (of: typeof ann) => of.row('We are live').getByRole('button', { name: '🎉' });
  await expect(party(ann)).toHaveText('🎉 1');
  await expect(party(ann)).toHaveAttribute('aria-pressed', 'false');
  await expect(party(ben)).toHaveAttribute('aria-pressed', 'true');
  await party(ann).click();
  await expect(party(ben)).toHaveText('🎉 2');
  await party(ben).click();
  await party(ann).click();
  for (const of of [ann, ben]) await expect(party(of)).toBeHidden();
});

test('a quote leads to its message, however far back that is', async ({ stack, room, visit }) => {
  const ben = await visit('customer');
  await ben.say('Where do I begin?');
  await expect(ben.fateOf('Where do I begin?')).toHaveText('sent');
  const lessons = Array.from({ length: 45 }, (_, at) => `Lesson ${at + 1}`);
  for (const content of lessons) await stack.put(chatMessage(room.conversationId, { content }));
  await expect(ben.said).toHaveCount(46);
  await ben.act('Where do I begin?', 'Reply');
  await ben.say('I have found it');
  await ben.page.reload();
  await expect(ben.said).toHaveCount(20);
  await ben
    .row('I have found it')
    .getByRole('button', { name: /^In reply to/ })
    .click();
  const quoted = ben.messages.locator('li:focus');
  await expect(quoted.locator('.bubble > p')).toHaveText('Where do I begin?');
  await expect(quoted).toBeInViewport();
});

test('all of it can be done by keyboard, and is sound', async ({ visit }) => {
  const ben = await visit('customer');
  await ben.say('By keyboard alone');
  await expect(ben.fateOf('By keyboard alone')).toHaveText('sent');
  const opener = ben.row('By keyboard alone').getByRole('button', { name: /^Actions for: By keyboard/ });
  await opener.focus();
  await ben.page.keyboard.press('Enter');
  await expect(opener).toHaveAttribute('aria-expanded', 'true');
  await ben.page.keyboard.press('Tab');
  await expect(ben.row('By keyboard alone').getByRole('button', { name: 'thumbs up' })).toBeFocused();
  const { violations } = await new AxeBuilder({ page: ben.page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  await ben.page.keyboard.press('Escape');
  await expect(opener).toBeFocused();
  await expect(opener).toHaveAttribute('aria-expanded', 'false');

  await ben.act('By keyboard alone', 'Reply');
  await expect(ben.composer).toBeFocused();
  await expect(ben.composer).toHaveAccessibleDescription('Reply to By keyboard alone');
  await ben.page.keyboard.press('Escape');
  await expect(ben.app.getByRole('button', { name: 'Cancel the reply' })).toBeHidden();
});

test('a change that is refused is taken back, with the reason', async ({ visit }) => {
  const ben = await visit('customer');
  await ben.say('short');
  await ben.act('short', 'Edit');
  await ben.say('x'.repeat(17 * 1024));
  await expect(ben.said).toHaveText(['short']);
  await expect(ben.app.getByText('Not changed:')).toBeVisible();
  await ben.app.getByRole('button', { name: 'Dismiss' }).click();
  await expect(ben.app.getByText('Not changed:')).toBeHidden();
});
