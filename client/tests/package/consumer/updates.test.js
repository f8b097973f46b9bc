// A test of an app that uses Jest with its defaults: CommonJS, without transforming installed packages.
const { createClient, FunnelcastError } = require('funnelcast');
const { useWebSocket } = require('funnelcast/react');
const { createTokenIssuer, RealTimeUpdates } = require('funnelcast/server');

test('a client is there', async () => {
  const client = createClient({ url: 'wss://api.example.com', token: 'jwt' });
  expect(client.state).toBe('idle');
  client.close();
  await expect(client.history('system')).rejects.toBeInstanceOf(FunnelcastError);
  expect(useWebSocket).toBeInstanceOf(Function);
});

test('tokens are signed, and events put by a client that the test gives', async () => {
  const key = 'a secret of at least thirty-two bytes';
  const issuer = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'HS256', key });
  expect((await issuer.token({ id: 'user_1' })).split('.')).toHaveLength(3);
  const send = jest.fn(async () => ({ Entries: [{ EventId: 'e' }] }));
  const updates = new RealTimeUpdates({ bus: 'bus', client: { send } });
  await updates.sendFunnelDeploymentUpdate({ id: 'user_1', companyId: 'biz_1' }, 'funnel_1', 'Spring', true);
  expect(send.mock.calls[0][0].input.Entries[0].DetailType).toBe('FunnelUpdate');
});
