/** The look of the page, and its use with a screen reader or without a mouse. Screenshots are in `e2e/artefacts/`. */

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
  phone: PHONE,
  'phone-dark': { ...PHONE, colorScheme: 'dark' },
};

for (const [name, options] of Object.entries(LOOKS)) {
  test(`the page is sound and fits: ${name}`, async ({ visit }) => {
    const both = await visit('both', { ...options, reducedMotion: 'reduce' });
    const isPhone = options.isMobile === true;
    const views = isPhone ? ['Backstage', 'Ben', 'Ann'] : ['all'];
    for (const view of views) {
      if (isPhone) await both.page.getByRole('navigation').getByText(view).tap();
      if (view !== 'Ann') await fill(both, view);
      await both.page.evaluate(() => {
        scrollTo(0, 0);
        document.querySelector('.levers')?.scrollTo(0, 0);
      });
      await both.page.screenshot({ path: `e2e/artefacts/${isPhone ? `${name}-${view}` : name}.png` });
      const { violations } = await new AxeBuilder({ page: both.page }).analyze();
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
      const overflow = await both.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow).toBe(0);
    }
  });
}

/** Makes something happen in the view. */
async function fill(both: Visitor, view: string): Promise<void> {
  const ben = both.page.getByRole('textbox', { name: 'Message to Ann' });
  if (view !== 'Ben') {
    const events = [
      'Visitors',
      'Conversion',
      'Revenue',
      'All three',
      'All three',
      'Complete',
      'Create',
      '60%',
    ];
    for (const event of [...events, 'To Ann', 'Assistant speaks']) await both.backstage(event);
    const console = both.page.getByRole('region', { name: 'Console' });
    await expect(console.getByText(/^user.notification user:/)).toBeVisible();
  }
  if (view === 'Backstage') return;
  await ben.fill('Hi Ann! Is the Starter course still open?');
  await ben.press('Enter');
  await expect(ben).toHaveValue('');
  if (view === 'Ben') return;
  await expect(both.said.last()).toHaveText('Hi Ann! Is the Starter course still open?');
  await both.say('Hello Ben, yes it is. It starts on Monday.');
  await both.say('There are three places left.');
  await expect(both.fateOf('There are three places left.')).toHaveText(/sent|read/);
  await ben.fill('Great, I will take one of them. Do I need anything to begin, a microphone or a camera?');
  await ben.press('Enter');
  await both.app.getByRole('button', { name: 'New funnel' }).click();
  await expect(both.app.getByText('Sketching the pages')).toBeVisible();
  await ben.pressSequentially('And');
  await expect(both.typing).toBeVisible();
}

test('everything can be done by keyboard, in the order of reading', async ({ visit }) => {
  const ben = await visit('customer');
  const order: string[] = [];
  for (let stop = 0; stop < 5; stop++) {
    await ben.page.keyboard.press('Tab');
    order.push(await focused(ben));
    if (stop === 2) await ben.page.keyboard.type('By keyboard alone');
  }
  expect(order).toEqual([
    'Switch to dark colours',
    'Messages with Ann',
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
      - region "Numbers"
      - region "Funnels":
        - heading "Funnels" [level=3]
        - button "New funnel"
      - region "Resources":
        - heading "Resources" [level=3]
      - region "Chat of Ann":
        - heading "Ben" [level=3]
        - status "Presence of Ben": Online
        - log "Messages with Ben":
          - list:
            - listitem
            - listitem:
              - paragraph: Hello
              - time
              - text: read
        - status
        - textbox "Message to Ben"
        - button "Send to Ben" [disabled]
  `);
});
