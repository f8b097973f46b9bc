/** A backend and the real local stack: its events arrive, and its tokens are accepted. */

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type AnyEvent, type Channel, type Client, httpApi } from '../../src/index.js';
import { companyNotification, createTokenIssuer, funnelUpdate, outboxItem } from '../../src/server/index.js';
import { join, listen, network, type Person, patience, person, Stack, unique } from './stack.js';

const issuer = {
  iss: 'my-app',
  aud: 'funnelcast',
  alg: 'HS256',
  key: 'a secret of at least thirty-two bytes',
} as const;

let stack: Stack;
let user: Person & { companyId: string };
let client: Client;

beforeAll(async () => {
  const { key, ...named } = issuer;
  const issuers = [{ kind: 'app', ...named, keys: { secret: 'funnelcast/dev/my-app' } }];
  stack = await Stack.start(
    '--parameter',
    `Issuers=${JSON.stringify(issuers)}`,
    '--secret',
    `funnelcast/dev/my-app=${key}`,
  );
});

afterAll(() => stack?.stop());

beforeEach(() => {
  const companyId = unique('biz');
  user = { ...person('Ann', `${companyId}:admin`), companyId };
  client = stack.client(user);
});

/** Joins a channel; returns the list of the events that arrive on it. */
async function hear(channel: Channel): Promise<AnyEvent[]> {
  const heard: AnyEvent[] = [];
  await join(client, channel, event => heard.push(event as AnyEvent));
  return heard;
}

const data = (heard: AnyEvent[]) => heard.map(event => event.data);

test('a funnel is generated and deployed, with the arguments of the earlier API', async () => {
  const heard = await hear(`funnel_updates:${user.companyId}`);
  await stack.updates.sendFunnelGenerationUpdate(
    user,
    'funnel_1',
    'Spring launch',
    'generation_started',
    0,
    'Starting generation...',
  );
  await vi.waitFor(() => expect(heard).toHaveLength(1), patience);
  await stack.updates.sendFunnelDeploymentUpdate(user, 'funnel_1', 'Spring launch', true);
  await vi.waitFor(() => expect(heard).toHaveLength(2), patience);
  expect(data(heard)).toMatchObject([
    { type: 'generation_started', progress: 0, message: 'Starting generation...', userId: user.id },
    { type: 'deployed', funnelName: 'Spring launch', companyId: user.companyId },
  ]);

  // A later listener gets the last update of each funnel.
  const late: AnyEvent[] = [];
  stack.client(user).subscribe(`funnel_updates:${user.companyId}`, event => late.push(event as AnyEvent));
  await vi.waitFor(() => expect(data(late)).toMatchObject([{ type: 'deployed' }]), patience);
});

test('every other update arrives on its channel', async () => {
  const resources = await hear(`resource_updates:${user.companyId}`);
  const metrics = await hear(`analytics:${user.companyId}`);
  const notifications = await hear(`user:${user.id}`);
  const system = await hear('system');
  await stack.updates.sendResourceUpdate(user, { id: 'r1', type: 'product', name: 'Course' }, 'updated');
  await stack.updates.sendAnalyticsUpdate(user, { metric: 'visits', value: 9, period: '24h' });
  await stack.updates.sendUserNotification(user, { level: 'success', title: 'Done', message: 'Live' });
  await stack.updates.sendSystemNotification({ level: 'info', title: 'Hello', message: 'World' });
  await vi.waitFor(() => {
    expect(data(resources)).toMatchObject([{ type: 'updated', resourceName: 'Course' }]);
    expect(data(metrics)).toMatchObject([{ metric: 'visits', value: 9 }]);
    expect(data(notifications)).toMatchObject([
      { level: 'success', userId: user.id, id: expect.any(String) },
    ]);
    expect(data(system)).toMatchObject([{ title: 'Hello' }]);
  }, patience);
});

test('a bot sends a message, and a user who is kicked receives nothing more', async () => {
  const conversation = unique('conv');
  await stack.updates.sendConversation(user, conversation, [user.id]);
  const heard = await hear(`conversation:${conversation}`);
  await stack.updates.sendBotMessage(conversation, 'What would you like to sell?', {
    metadata: { step: 'offer' },
  });
  await vi.waitFor(() => {
    const said = heard.filter(({ event }) => event === 'chat.message');
    expect(data(said)).toMatchObject([{ type: 'bot', metadata: { step: 'offer' } }]);
  }, patience);
  await stack.updates.kick(`conversation:${conversation}`, user.id, 'refunded');
  await vi.waitFor(() =>
    expect(heard.at(-1)).toMatchObject({ event: 'access.revoked', data: { reason: 'refunded' } }),
  );
});

test('an update in the outbox arrives with its transaction, once however often that is repeated', async () => {
  const funnels = await hear(`funnel_updates:${user.companyId}`);
  const company = await hear(`company:${user.companyId}`);
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient(stack.aws));
  const { table } = stack.addresses;
  const deployed = funnelUpdate(user, 'funnel_1', 'Spring launch', 'deployed');
  const notification = companyNotification(user, {
    level: 'success',
    title: 'Live',
    message: 'Spring launch',
  });
  const transaction = () =>
    new TransactWriteCommand({
      TransactItems: [
        outboxItem(deployed, { table, key: 'deployment-1' }),
        outboxItem(notification, { table, key: 'deployment-1' }),
      ],
    });
  await documents.send(transaction());
  await documents.send(transaction());
  await vi.waitFor(() => expect(data(funnels)).toMatchObject([{ type: 'deployed' }]), patience);
  const undeployed = funnelUpdate(user, 'funnel_1', 'Spring launch', 'undeployed');
  const item = outboxItem(undeployed, { table, key: 'deployment-2' });
  await documents.send(new TransactWriteCommand({ TransactItems: [item] }));
  const both = [{ type: 'deployed' }, { type: 'undeployed' }];
  await vi.waitFor(() => expect(data(funnels)).toMatchObject(both), patience);
  const received = () => data(company.filter(({ event }) => event === 'system.notification'));
  await vi.waitFor(() => expect(received()).toMatchObject([{ title: 'Live' }]), patience);
});

test('a token of the app is accepted, and one of another issuer is not', async () => {
  const good = await createTokenIssuer(issuer).token({
    id: 'user_app',
    companies: [{ id: 'biz_9', role: 'member' }],
  });
  const { joined } = stack.client(user, { token: good }).subscribe('company:biz_9', () => {});
  await expect(joined).resolves.toMatchObject({ recovered: true });

  const forged = createTokenIssuer({ ...issuer, key: 'another secret of at least thirty-two bytes' });
  const refused = stack.client(user, { token: await forged.token({ id: 'user_app' }) });
  await vi.waitFor(() => expect(refused.error).toBeDefined(), patience);
  expect(refused.state).not.toBe('connected');
});

test('a user chats with a grant, whether or not WebSockets work', async () => {
  const [app, guest, conversation] = [createTokenIssuer(issuer), unique('guest'), unique('conv')];
  const channel = `conversation:${conversation}` as const;
  await stack.updates.sendConversation(user, conversation, [user.id]);
  const heardByAnn = await listen(client, channel);

  const token = () => app.token({ id: guest });
  const http = httpApi(stack.addresses.http, { token, pollIntervalMs: 100 });
  const blocked = network(true);
  const bob = stack.client(user, { token, http, environment: blocked.environment });
  const heard: string[] = [];
  const { joined } = bob.subscribe(
    channel,
    event => event.event === 'chat.message' && heard.push(event.data.content),
    { grant: () => app.grant({ userId: guest, channel, caps: ['join', 'send'] }) },
  );
  await joined;
  const say = (who: Client, content: string) => who.send(channel, 'chat.message', { content });
  await say(client, 'welcome');
  await say(bob, 'thanks');
  await vi.waitFor(() => expect(heard).toEqual(['welcome', 'thanks']), patience);
  expect(bob.state).toBe('polling');

  blocked.isBlocked = false;
  await vi.waitFor(() => expect(bob.state).toBe('connected'), patience);
  await say(bob, 'by socket');
  await vi.waitFor(() => expect(heardByAnn).toEqual(['welcome', 'thanks', 'by socket']), patience);
  await vi.waitFor(() => expect(heard).toEqual(heardByAnn), patience);
});
