/** The backend's updates are shown on the merchant's page at once, and again after a reload. */

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

test('a reload during a generation shows its progress', async ({ visit, stack, room }) => {
  const user = { id: room.merchant.id, companyId: room.companyId };
  const say = (type: FunnelUpdateType, note?: ProgressNote) =>
    stack.put(funnelUpdate(user, 'funnel_1', 'Spring launch', type, note));
  const ann = await visit('merchant');
  const bar = ann.app.getByRole('progressbar', { name: 'Progress of Spring launch' });
  await say('generation_started', { progress: 0 });
  await expect(bar).toHaveJSProperty('value', 0); // the bus does not keep the order of events in quick succession
  await say('generation_progress', { progress: 40, message: 'Writing the offer page' });
  await expect(bar).toHaveJSProperty('value', 40);

  await ann.page.reload();
  await expect(bar).toHaveJSProperty('value', 40);
  await expect(funnel(ann)).toContainText('Writing the offer page');

  // Updates while the page is away count, too.
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

test('a generation completes even if its page is reloaded', async ({ visit }) => {
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

test('metrics and resources are shown again after a reload', async ({ visit, stack, room }) => {
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

test('a notification is for everybody, or for one user', async ({ visit, stack, room }) => {
  const [ann, ben] = await Promise.all([visit('merchant'), visit('customer')]);
  const title = `Maintenance ${room.companyId}`; // everybody on this stack, so other tests get it too
  await stack.put(systemNotification({ level: 'warning', title, message: 'Tonight at ten.' }));
  await stack.put(
    userNotification(room.customer, { level: 'info', title: 'Only Ben', message: 'Your course is here.' }),
  );
  const notifications = (visitor: Visitor) => visitor.app.getByRole('list', { name: 'Notifications' });
  await expect(notifications(ben)).toContainText('Only Ben');
  await expect(notifications(ben)).toContainText(title);
  await expect(notifications(ann)).toContainText(title);
  await expect(notifications(ann)).not.toContainText('Only Ben');
  await ben.app.getByRole('button', { name: 'Dismiss: Only Ben' }).click();
  await expect(notifications(ben)).not.toContainText('Only Ben');
});

test('two notifications with the same id are both shown', async ({ visit, stack, room }) => {
  const ben = await visit('customer');
  const notifications = ben.app.getByRole('list', { name: 'Notifications' });
  for (const title of ['First', 'Second']) {
    await stack.put(userNotification(room.customer, { id: 'welcome', level: 'info', title, message: '.' }));
    await expect(notifications).toContainText(title);
  }
  await ben.app.getByRole('button', { name: 'Dismiss: First' }).click();
  await expect(notifications).not.toContainText('First');
  await expect(notifications).toContainText('Second');
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
