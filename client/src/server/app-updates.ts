/**
 * Updates with events of the app's own, whose names and payloads are those of the app's `AppEvents`.
 *
 * @module
 */

import type { AppEventData, AppEventName, AppPayload } from '../app-events.js';
import type { AppChannel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import { APP_PAYLOAD_BYTES_MAX, type DetailType, LABEL_BYTES_MAX } from '../wire.js';
import { checkId, checkText } from './check.js';
import type { Update } from './updates.js';

/** The payload of an event as an argument, which is optional if the payload is. */
type PayloadArgument<Name extends AppEventName> =
  undefined extends AppPayload<Name> ? [payload?: AppPayload<Name>] : [payload: AppPayload<Name>];

/**
 * Makes an event of the app's own for a room, an experience, a company or a user. It is kept in the log of the channel.
 *
 * @example
 * ```ts
 * await realTimeUpdates.send(appEvent('experience:exp_1', 'lesson.published', { lessonId: 'lesson_7' }));
 * ```
 */
export function appEvent<Name extends AppEventName>(
  channel: AppChannel,
  name: Name,
  ...[payload]: PayloadArgument<Name>
): Update<'app.event'> {
  return { ...update('AppEvent', channel, name, payload), event: 'app.event' };
}

/** Makes an event of the app's own that only those receive who are connected when it is published: it is never written. */
export function appSignal<Name extends AppEventName>(
  channel: AppChannel,
  name: Name,
  ...[payload]: PayloadArgument<Name>
): Update<'app.signal'> {
  return { ...update('AppSignal', channel, name, payload), event: 'app.signal' };
}

function update(detailType: DetailType, channel: AppChannel, name: string, payload: unknown) {
  const [kind = '', ...id] = channel.split(':');
  if (!/^(company|experience|user|room)$/.test(kind)) {
    throw new FunnelcastError(
      'invalid_channel',
      `channel must be a company, experience, user or room, and is ${JSON.stringify(channel)}`,
    );
  }
  checkId(id.join(':'), 'channel');
  const json = JSON.stringify(payload);
  if (json !== undefined) checkText(json, APP_PAYLOAD_BYTES_MAX, 'payload');
  const data = {
    name: checkText(name, LABEL_BYTES_MAX, 'name'),
    ...(json !== undefined && { payload }),
  } as AppEventData;
  return { detailType, channel, data };
}
