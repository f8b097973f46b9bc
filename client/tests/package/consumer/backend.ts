/** The backend of an app, compiled as strictly as possible, without the optional packages and without a browser. */

import { appEvent, createTokenIssuer, funnelUpdate, outboxItem, RealTimeUpdates } from 'funnelcast/server';

/** Has the shape of AWS's own client. */
declare const eventBridge: {
  send(command: object): Promise<{ Entries?: { EventId?: string | undefined }[] | undefined }>;
};

const user = { id: 'user_1', companyId: 'biz_1' };
const updates = new RealTimeUpdates({ bus: 'bus', client: eventBridge });
const issuer = createTokenIssuer({ iss: 'my-app', aud: 'funnelcast', alg: 'ES256', key: 'PEM' });

export const token: Promise<string> = issuer.token({ id: user.id, name: undefined });
export const table: string = outboxItem(funnelUpdate(user, 'funnel_1', 'Spring', 'deployed'), {
  table: 'table',
  key: 'deployment-1',
}).Put.TableName;
export const deployed: Promise<unknown> = updates.sendFunnelDeploymentUpdate(
  user,
  'funnel_1',
  'Spring',
  true,
);
export const voted: Promise<unknown> = updates.send(appEvent('room:lobby', 'poll.vote', { option: 2 }));
// @ts-expect-error: the app has declared its events
export const cheated = () => appEvent('room:lobby', 'poll.vote', { option: 'all' });
