/**
 * Updates: the events of a backend as values, each checked and with its channel and its name on the bus.
 * `realTimeUpdates.send` sends them, and `outboxItem` puts them into the outbox.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import type {
  AnalyticsUpdate,
  ChatMessage,
  DetailType,
  EventData,
  EventName,
  FunnelUpdate,
  FunnelUpdateType,
  Level,
  Notification,
  ResourceUpdate,
  ResourceUpdateType,
} from '../wire.js';
import { LABEL_BYTES_MAX, MESSAGE_BYTES_MAX, TITLE_BYTES_MAX, URL_BYTES_MAX } from '../wire.js';
import { checkId, checkPercent, checkText } from './check.js';

/** The user who has caused an update, and their company. Any object with these fields will do. */
export interface UpdateUser {
  id: string;
  companyId: string;
}

/** An event to publish on a channel. */
export interface Update<Name extends EventName = EventName> {
  /** The name on the bus; absent for an event that only the outbox accepts. */
  detailType?: DetailType;
  channel: Channel;
  event: Name;
  data: UpdateData<Name>;
  /**
   * Identifies the update, `[A-Za-z0-9_.:-]{1,64}`: sent again with the same key, by any process and however much later, it is
   * not published again, as long as it is one of the last 100 events in its channel's log. Derive the key from the cause, such as
   * the id of a webhook. Default: a new one in each call. By HTTP only.
   */
  key?: string;
}

/** What an update carries. The stack completes it: of a message that is replied to, it takes the `seq`, and quotes it; of files
 * it takes the ids. */
export type UpdateData<Name extends EventName> = Name extends 'chat.message'
  ? Partial<Omit<ChatMessage, 'replyTo' | 'attachments'>> & { replyTo?: number; attachments?: string[] }
  : Partial<EventData[Name]>;

/** The progress of something, and a line to show with it. */
export interface ProgressNote {
  /** A percentage, 0 to 100. */
  progress?: number | undefined;
  message?: string | undefined;
}

/** Something that funnels are made of. */
export interface Resource {
  id: string;
  /** A type that the app defines, for example `product`. */
  type: string;
  name: string;
}

/** A new value of a metric. */
export interface Metric {
  /** A name that the app defines, for example `conversion_rate`. */
  metric: string;
  value: number;
  /** The previous value. */
  previous?: number | undefined;
  /** The funnel that the metric is about, if it is about one. */
  funnelId?: string | undefined;
  /** The period that the value covers, in a form that the app defines, for example `24h`. */
  period?: string | undefined;
}

/** A notification, as a backend writes it. */
export interface Notice {
  level: Level;
  title: string;
  message: string;
  /** A link for more information. */
  url?: string | undefined;
  /** Default: an id that the stack assigns. */
  id?: string | undefined;
}

/** Makes an update of a funnel. */
export function funnelUpdate(
  user: UpdateUser,
  funnelId: string,
  funnelName: string,
  type: FunnelUpdateType,
  note: ProgressNote = {},
): Update<'funnel.update'> {
  const companyId = checkId(user.companyId, 'companyId');
  const data: FunnelUpdate = {
    type,
    funnelId: checkId(funnelId, 'funnelId'),
    funnelName: checkText(funnelName, TITLE_BYTES_MAX, 'funnelName'),
    ...checkNote(note),
    timestamp: timestampNow(),
    userId: checkId(user.id, 'userId'),
    companyId,
  };
  return { detailType: 'FunnelUpdate', channel: `funnel_updates:${companyId}`, event: 'funnel.update', data };
}

/** Makes an update of a resource. */
export function resourceUpdate(
  user: UpdateUser,
  resource: Resource,
  type: ResourceUpdateType,
  note: ProgressNote = {},
): Update<'resource.update'> {
  const companyId = checkId(user.companyId, 'companyId');
  const data: ResourceUpdate = {
    type,
    resourceId: checkId(resource.id, 'resource.id'),
    resourceType: checkText(resource.type, LABEL_BYTES_MAX, 'resource.type'),
    resourceName: checkText(resource.name, TITLE_BYTES_MAX, 'resource.name'),
    ...checkNote(note),
    timestamp: timestampNow(),
    userId: checkId(user.id, 'userId'),
    companyId,
  };
  return {
    detailType: 'ResourceUpdate',
    channel: `resource_updates:${companyId}`,
    event: 'resource.update',
    data,
  };
}

/** Makes an update of a metric. */
export function analyticsUpdate(
  { companyId }: Pick<UpdateUser, 'companyId'>,
  { metric, value, previous, funnelId, period }: Metric,
): Update<'analytics.update'> {
  checkId(companyId, 'companyId');
  const data: AnalyticsUpdate = {
    metric: checkText(metric, LABEL_BYTES_MAX, 'metric'),
    value,
    ...(previous !== undefined && { previous }),
    ...(funnelId !== undefined && { funnelId: checkId(funnelId, 'funnelId') }),
    ...(period !== undefined && { period: checkText(period, LABEL_BYTES_MAX, 'period') }),
    timestamp: timestampNow(),
    companyId,
  };
  return {
    detailType: 'AnalyticsUpdate',
    channel: `analytics:${companyId}`,
    event: 'analytics.update',
    data,
  };
}

/** Makes a notification for everybody. */
export function systemNotification(notification: Notice): Update<'system.notification'> {
  return {
    detailType: 'SystemNotification',
    channel: 'system',
    event: 'system.notification',
    data: checkNotification(notification),
  };
}

/** Makes a notification for the team of a company. The bus has no name for it, so it can only be put into the outbox. */
export function companyNotification(
  { companyId }: Pick<UpdateUser, 'companyId'>,
  notification: Notice,
): Update<'system.notification'> {
  const channel: Channel = `company:${checkId(companyId, 'companyId')}`;
  return { channel, event: 'system.notification', data: checkNotification(notification) };
}

/** Makes a notification for one user. */
export function userNotification(
  { id }: Pick<UpdateUser, 'id'>,
  notification: Notice,
): Update<'user.notification'> {
  const userId = checkId(id, 'userId');
  return {
    detailType: 'UserNotification',
    channel: `user:${userId}`,
    event: 'user.notification',
    data: { ...checkNotification(notification), userId },
  };
}

let last = 0;

/**
 * The current time as the wire has it, RFC 3339 with milliseconds, and later than every time before. Of two updates within
 * a millisecond, or across a clock that is set back, the stack thus keeps the second: the bus delivers late and out of order.
 */
export function timestampNow(): string {
  last = Math.max(Date.now(), last + 1);
  return new Date(last).toISOString();
}

function checkNote({ progress, message }: ProgressNote) {
  return {
    ...(progress !== undefined && { progress: checkPercent(progress, 'progress') }),
    ...(message !== undefined && { message: checkText(message, MESSAGE_BYTES_MAX, 'message') }),
  };
}

function checkNotification({ level, title, message, url, id }: Notice): Partial<Notification> {
  return {
    ...(id !== undefined && { id }),
    level,
    title: checkText(title, TITLE_BYTES_MAX, 'title'),
    message: checkText(message, MESSAGE_BYTES_MAX, 'message'),
    ...(url !== undefined && { url: checkText(url, URL_BYTES_MAX, 'url') }),
    timestamp: timestampNow(),
  };
}
