/** The look of the page, and its use with a screen reader or without a mouse. Screenshots are in `e2e/artefacts/`. */

import { readFileSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import type { BrowserContextOptions } from '@playwright/test';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

const DESK = { viewport: { width: 1440, height: 900 } };
const TABLET = { viewport: { width: 900, height: 1100 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

const LOOKS: Record<string, BrowserContextOptions> = {
  light: DESK,
  dark: { ...DESK, colorScheme: 'dark' },
  tablet: TABLET,
  phone: PHONE, // its colours are those of the desk, so one of light and dark will do
};

for (const [name, options] of Object.entries(LOOKS)) {
  test(`the page begins with a story, is sound and fits: ${name}`, async ({ visit }) => {
    const both = await visit('both', { ...options, reducedMotion: 'reduce', hasStory: true });
    const isPhone = options.isMobile === true;
    for (const view of isPhone ? ['Backstage', 'Ben', 'Numbers', 'Ann'] : ['all']) {
      if (isPhone) await both.page.getByRole('navigation', { name: 'Views' }).getByText(view).tap();
      await hasStory(both, view);
      await both.page.screenshot({ path: `e2e/artefacts/${isPhone ? `${name}-${view}` : name}.png` });
      await fits(both);
      const { violations } = await new AxeBuilder({ page: both.page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    }
  });
}

for (const name of ['dark', 'phone']) {
  test(`the search and the menu of a chat fit, and are sound: ${name}`, async ({ visit }) => {
    const ann = await visit('merchant', { ...LOOKS[name], reducedMotion: 'reduce' });
    const look = async (what: string) => {
      await ann.page.screenshot({ path: `e2e/artefacts/${name}-${what}.png` });
      await fits(ann);
      const { violations } = await new AxeBuilder({ page: ann.page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    };
    for (const content of ['The course begins on Monday.', 'A course takes an hour a day.'])
      await ann.say(content);
    await ann.app.getByRole('button', { name: 'Search the chat' }).click();
    await ann.app.getByRole('combobox').fill('courses');
    await expect(ann.app.getByRole('option')).toHaveCount(2);
    await ann.app.getByRole('combobox').press('ArrowDown');
    for (const option of await ann.app.getByRole('option').all())
      await expect(option).toBeInViewport({ ratio: 1 });
    await look('search');
    await ann.page.keyboard.press('Escape');

    await ann.app.getByRole('button', { name: 'Moderate Ben' }).click();
    await ann.app.getByRole('menuitem', { name: 'Mute for 10 minutes' }).click();
    await expect(ann.app.getByText('Ben is muted until')).toBeInViewport({ ratio: 1 });
    await ann.app.getByRole('button', { name: 'Moderate Ben' }).click();
    await expect(ann.app.getByRole('menu')).toBeInViewport({ ratio: 1 });
    await look('menu');
  });
}

/** Waits until the view shows what the story has put there. */
async function hasStory({ page, app, inbox, messages }: Visitor, view: string): Promise<void> {
  if (view === 'Backstage') return;
  if (view === 'Ben') {
    const ofBen = page.getByRole('log', { name: 'Messages with Ann' });
    return await expect(ofBen).toContainText('And if I miss a day?');
  }
  if (view !== 'Numbers') {
    await expect(messages).toContainText('And if I miss a day?');
    await expect(inbox.getByRole('button', { name: /Cleo/ })).toContainText(/[1-3] unread/);
  }
  if (view === 'Ann') return;
  await expect(app.getByRole('listitem', { name: 'Spring launch' })).toBeVisible();
  await expect(app.getByRole('listitem', { name: 'Evergreen webinar' })).toContainText('Live');
  for (const metric of ['Visitors', 'Conversion', 'Revenue']) {
    await expect(app.getByRole('article').filter({ hasText: metric })).toContainText(/\d.*%/);
  }
}

/** Expects no scrolling sideways, of the page or of a person, nothing empty at the end of the page, and every input in the window. */
async function fits({ page }: Visitor): Promise<void> {
  const { overflow, wide, empty } = await page.evaluate(() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    const shown = [...document.querySelectorAll('.person, .backstage')];
    const end = Math.max(...shown.map(element => element.getBoundingClientRect().bottom + scrollY));
    const wide = shown.filter(box => box.scrollWidth > box.clientWidth).map(({ ariaLabel }) => ariaLabel);
    return { overflow: scrollWidth - innerWidth, wide, empty: scrollHeight - end };
  });
  expect(overflow).toBe(0);
  expect(wide).toEqual([]);
  expect(empty).toBeLessThan(80); // the switch of a phone is there
  const inputs = await page.getByRole('textbox').filter({ visible: true }).all();
  for (const input of inputs) await expect(input).toBeInViewport({ ratio: 1 });
}

test('the theme button changes the colours, also after a reload', async ({ visit }) => {
  const { page } = await visit('customer');
  /** The lightness of ground and text, from 0 to 1. */
  const colours = () =>
    page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.documentElement);
      return [backgroundColor, color].map(value => Number(/oklch\(([\d.]+)/.exec(value)?.[1]));
    });
  expect(await colours()).toEqual([0.97, 0.24]);
  await page.getByRole('button', { name: 'Switch to dark colours' }).click();
  expect(await colours()).toEqual([0.17, 0.94]);
  await page.reload();
  await expect.poll(colours).toEqual([0.17, 0.94]);
  await page.getByRole('button', { name: 'Switch to light colours' }).click();
  expect(await colours()).toEqual([0.97, 0.24]);
});

test('the code beside a pane is the file that makes it, and the documents are a click away', async ({
  visit,
}) => {
  const { page, app } = await visit('both');
  const opener = app.getByRole('button', { name: 'Code of the chat' });
  await opener.click();
  const panel = page.getByRole('region', { name: 'chat/chat.tsx' });
  await expect(panel.locator('mark').filter({ hasText: 'useConversation(conversationId' })).toBeInViewport();
  const file = readFileSync(new URL('../demo/src/chat/chat.tsx', import.meta.url), 'utf8');
  const withoutSpace = (text: string | null) => text?.replace(/\s/g, '');
  expect(withoutSpace(await panel.locator('pre').textContent())).toBe(withoutSpace(file));
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await expect(opener).toBeFocused();

  await page.getByRole('link', { name: 'Docs' }).click();
  await expect(page.getByRole('heading', { name: 'What it guarantees' })).toBeAttached();
});

test('everything can be done by keyboard, in the order of reading', async ({ visit }) => {
  const ben = await visit('customer');
  const order: string[] = [];
  for (let stop = 0; stop < 16; stop++) {
    await ben.page.keyboard.press('Tab');
    order.push(await focused(ben));
    if (order.at(-1) === 'Message to Ann') await ben.page.keyboard.type('By keyboard alone');
  }
  expect(order).toEqual([
    'Docs',
    'React hooks',
    'Publish',
    'Switch to dark colours',
    'Chat with Ann',
    'Code of Ben’s client',
    'Call Ann',
    'Call Ann with video',
    'Search the chat',
    'Code of the chat',
    'Messages with Ann',
    'Add files',
    'Record a voice message',
    'Message to Ann',
    'Send to Ann',
    'Cut the network',
  ]);
  await ben.page.keyboard.press('Shift+Tab');
  await ben.page.keyboard.press('Space');
  await expect(ben.said).toHaveText(['By keyboard alone']);
});

/** Returns the accessible name of the focused element. */
function focused({ page }: Visitor): Promise<string> {
  return page.evaluate(() => {
    const { ariaLabel, textContent, id } = document.activeElement as HTMLElement;
    return ariaLabel ?? document.querySelector(`label[for="${id}"]`)?.textContent ?? textContent ?? '';
  });
}

test('a screen reader is told what arrives, in words', async ({ visit }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  await ben.composer.focus();
  await ann.say('Hello');
  await expect(ann.fateOf('Hello')).toHaveText('read');
  await expect(ann.app).toMatchAriaSnapshot(`
    - region "Ann":
      - heading "Ann" [level=2]
      - status "Connection of Ann": Live
      - list "Notifications"
      - navigation "Conversations":
        - heading "Inbox" [level=3]
        - list:
          - listitem:
            - 'button "Ben You: Hello"'
          - listitem:
            - button "Dan No message yet"
          - listitem:
            - button "Cleo No message yet"
      - region "Chat of Ann":
        - heading "Ben" [level=3]
        - status "Presence of Ben": Online
        - button "Call Ben"
        - button "Call Ben with video"
        - button "Search the chat"
        - button "Moderate Ben"
        - status "Restriction of Ben"
        - button "Code of the chat"
        - log "Messages with Ben":
          - list:
            - listitem
            - listitem:
              - paragraph: Hello
              - text: /acknowledged after \\d+/
              - time
              - text: read
              - 'button "Actions for: Hello"'
        - status
        - textbox "Message to Ben"
        - button "Send to Ben" [disabled]
      - region "Numbers":
        - heading "Numbers" [level=3]
      - region "Funnels":
        - heading "Funnels" [level=3]
        - button "New funnel"
      - region "Resources":
        - heading "Resources" [level=3]
  `);
});
