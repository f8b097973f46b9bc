/** What the backend says shows on the merchant's page at once, and is there again after a reload. */

import type { FunnelUpdateType } from '../src/index.js';
import {
  analyticsUpdate,
  funnelUpdate,
  type ProgressNote,
  resourceUpdate,
  systemNotification,
  type Update,
  userNotification,
} from '../src/server/index.js';
import { expect, test } from './fixtures.js';
import type { Visitor } from './visitor.js';

test('a reload in the middle of a generation shows how far it is', async ({ visit, stack, room }) => {
  const user = { id: room.merchant.id, companyId: room.companyId };
  const say = (type: FunnelUpdateType, note?: ProgressNote) =>
    stack.put(funnelUpdate(user, 'funnel_1', 'Spring launch', type, note));
  const ann = await visit('merchant');
  const bar = ann.app.getByRole('progressbar', { name: 'Progress of Spring launch' });
  await say('generation_started', { progress: 0 });
  await expect(bar).toHaveJSProperty('value', 0); // the bus keeps no order among events that follow each other at once
  await say('generation_progress', { progress: 40, message: 'Writing the offer page' });
  await expect(bar).toHaveJSProperty('value', 40);

  await ann.page.reload();
  await expect(bar).toHaveJSProperty('value', 40);
  await expect(funnel(ann)).toContainText('Writing the offer page');

  // What is said while the page is away counts, too.
  const url = ann.page.url();
  await ann.page.goto('about:blank');
  await say('generation_progress', { progress: 70 });
  await ann.page.goto(url);
  await expect(bar).toHaveJSProperty('value', 70);

  await say('generation_completed', { progress: 100 });
  await expect(funnel(ann)).toContainText('Ready');
  await funnel(ann).getByRole('button', { name: 'Deploy' }).click();
  await expect(funnel(ann)).toContainText('Live');
  await funnel(ann).getByRole('button', { name: 'Take down' }).click();
  await expect(funnel(ann)).toContainText('Taken down');
  await say('generation_failed', { message: 'The offer has no price' });
  await expect(funnel(ann)).toContainText('Failed');
});

function funnel({ app }: Visitor) {
  return app.getByRole('listitem', { name: 'Spring launch' });
}

test('a generation runs to its end, whatever happens to the page that asked for it', async ({ visit }) => {
  const ann = await visit('merchant');
  await ann.app.getByRole('button', { name: 'New funnel' }).click();
  await expect(ann.app.getByText('Sketching the pages')).toBeVisible();
  await ann.page.reload();
  const progress = ann.app.getByRole('progressbar');
  await expect
    .poll(() => progress.evaluate((bar: HTMLProgressElement) => bar.value))
    .toBeGreaterThanOrEqual(15);
  await expect(ann.app.getByText('Ready to go live')).toBeVisible();
});

test('numbers and resources are there again after a reload', async ({ visit, stack, room }) => {
  const { companyId } = room;
  const user = { id: room.merchant.id, companyId };
  const resource = { id: 'resource_1', type: 'product', name: 'Starter course' };
  const ann = await visit('merchant');
  await stack.put(analyticsUpdate({ companyId }, { metric: 'visitors', value: 1_234, previous: 1_000 }));
  await stack.put(resourceUpdate(user, resource, 'sync_progress', { progress: 60 }));
  const seen = async () => {
    await expect(ann.app.getByRole('article').filter({ hasText: 'Visitors' })).toContainText(/1,234.*23%/);
    await expect(ann.app.getByRole('progressbar', { name: 'Sync of Starter course' })).toHaveJSProperty(
      'value',
      60,
    );
  };
  await seen();
  await ann.page.reload();
  await seen();
});

test('a notice is for everybody, or for one', async ({ visit, stack, room }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const title = `Maintenance ${room.companyId}`; // everybody is everybody on this stack
  await stack.put(systemNotification({ level: 'warning', title, message: 'Tonight at ten.' }));
  await stack.put(
    userNotification(room.customer, { level: 'info', title: 'Only Ben', message: 'Your course is here.' }),
  );
  const notices = (visitor: Visitor) => visitor.app.getByRole('list', { name: 'Notices' });
  await expect(notices(ben)).toContainText('Only Ben');
  await expect(notices(ben)).toContainText(title);
  await expect(notices(ann)).toContainText(title);
  await expect(notices(ann)).not.toContainText('Only Ben');
  await ben.app.getByRole('button', { name: 'Dismiss: Only Ben' }).click();
  await expect(notices(ben)).not.toContainText('Only Ben');
});

test('two notices are two, though the backend gives both one id', async ({ visit, stack, room }) => {
  const ben = await visit('customer');
  const notices = ben.app.getByRole('list', { name: 'Notices' });
  for (const title of ['First', 'Second']) {
    await stack.put(userNotification(room.customer, { id: 'welcome', level: 'info', title, message: '.' }));
    await expect(notices).toContainText(title);
  }
  await ben.app.getByRole('button', { name: 'Dismiss: First' }).click();
  await expect(notices).not.toContainText('First');
  await expect(notices).toContainText('Second');
});

test('there is a button for each event that a backend may send', async ({ visit }) => {
  const both = await visit('both');
  const buttons = both.page.getByRole('region', { name: 'Backend events' }).getByRole('button');
  const lines = both.page.getByRole('region', { name: 'Console' }).getByRole('listitem');
  for (const button of await buttons.all()) await button.click();
  const kinds: Update['detailType'][] = [
    'FunnelUpdate',
    'ResourceUpdate',
    'AnalyticsUpdate',
    'SystemNotification',
    'UserNotification',
    'ChatMessage',
    'Conversation',
    'Kick',
  ];
  for (const kind of kinds) await expect(lines.filter({ hasText: `bus ${kind}` }).first()).toBeVisible();
});
