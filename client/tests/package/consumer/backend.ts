/** The backend of an app, compiled as strictly as possible, without the optional packages and without a browser. */

import { createTokenIssuer, funnelUpdate, outboxItem, RealTimeUpdates } from 'funnelcast/server';

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
export const deployed: Promise<void> = updates.sendFunnelDeploymentUpdate(user, 'funnel_1', 'Spring', true);
