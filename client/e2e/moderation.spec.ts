/** The merchant mutes and bans a customer, who is told why and until when. */

import { AxeBuilder } from '@axe-core/playwright';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

const opener = ({ app }: Visitor) => app.getByRole('button', { name: 'Moderate Ben' });
const menu = ({ app }: Visitor) => app.getByRole('menu', { name: 'Moderate Ben' });
const restriction = ({ app }: Visitor) => app.getByRole('status', { name: 'Restriction of Ben' });
const notice = ({ app }: Visitor) => app.getByRole('alert');

async function choose(ann: Visitor, name: string): Promise<void> {
  await opener(ann).click();
  await menu(ann).getByRole('menuitem', { name }).click();
}

test('a customer is muted for ten minutes, and heard again, by keyboard alone', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const { keyboard } = ann.page;
  const focused = ann.page.locator(':focus');
  await opener(ann).focus();
  await keyboard.press('ArrowDown');
  await expect(focused).toHaveAccessibleName('Mute for 10 minutes');
  await expect(menu(ann)).toMatchAriaSnapshot(`
    - menu "Moderate Ben":
      - menuitem "Mute for 10 minutes"
      - menuitem "Mute for good"
      - menuitem "Ban from this chat"
      - group "Reason":
        - paragraph: Reason
        - menuitemradio "Spam" [checked]
        - menuitemradio "Off topic"
        - menuitemradio "Please stay friendly"
  `);
  const { violations } = await new AxeBuilder({ page: ann.page }).analyze();
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  await keyboard.press('End');
  await keyboard.press('ArrowUp');
  await keyboard.press('Space');
  await expect(menu(ann).getByRole('menuitemradio', { name: 'Off topic' })).toBeChecked();
  await keyboard.press('Home');
  await keyboard.press('Enter');
  await expect(menu(ann)).toBeHidden();
  await expect(opener(ann)).toBeFocused();
  await expect(restriction(ann)).toHaveText(/^Ben is muted until .+, 20\d\d, \d\d:\d\d: Off topic$/);
  await expect(notice(ben)).toHaveText(/^You may not write here until .+, 20\d\d, \d\d:\d\d: Off topic$/);
  await expect(ben.composer).toBeHidden();

  await ann.page.reload(); // what stands is known to the server
  await expect(restriction(ann)).toHaveText(/^Ben is muted until/);
  await opener(ann).focus();
  await keyboard.press('Enter');
  for (let at = 0; at < 3; at++) await keyboard.press('ArrowDown');
  await expect(focused).toHaveAccessibleName('Lift the mute');
  await keyboard.press('Enter');
  await expect(restriction(ann)).toBeEmpty();
  await ben.say('I am sorry');
  await expect(ann.said).toHaveText(['I am sorry']);
});

test('a banned customer is out, and comes back when the ban has been lifted', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.say('Buy followers here');
  await expect(ann.said).toHaveCount(1);
  await choose(ann, 'Ban from this chat');
  await expect(restriction(ann)).toHaveText('Ben is banned: Spam');
  await expect(notice(ben)).toContainText('You have been taken out of this conversation: Spam');
  await expect(ann.presence).toHaveText('Not here');
  const comeBack = ben.app.getByRole('button', { name: 'Come back' });
  await comeBack.click();
  await expect(notice(ben)).toContainText('You have been banned from this conversation: Spam');
  await expect(ben.messages).not.toContainText('followers');
  await choose(ann, 'Lift the ban');
  await expect(restriction(ann)).toBeEmpty();
  await comeBack.click();
  await ben.say('It was a joke');
  await expect(ann.said).toHaveText(['Buy followers here', 'It was a joke']);
});

test('the menu closes without a choice, and a customer has none', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await expect(ben.app.getByRole('button', { name: /Moderate/ })).toHaveCount(0);
  await opener(ann).click();
  await ann.page.keyboard.press('Escape');
  await expect(menu(ann)).toBeHidden();
  await expect(opener(ann)).toBeFocused();
  await ann.page.keyboard.press('ArrowUp');
  await expect(menu(ann).getByRole('menuitemradio').last()).toBeFocused();
  await ann.page.keyboard.press('Tab');
  await expect(menu(ann)).toBeHidden();
  await expect(ann.app.getByRole('button', { name: 'Code of the chat' })).toBeFocused();
  await opener(ann).click();
  await ann.messages.click();
  await expect(menu(ann)).toBeHidden();
  await ann.cable.cut();
  await choose(ann, 'Mute for good');
  await expect(restriction(ann)).toHaveText(/Not changed: /);
  await ann.cable.mend();
});
