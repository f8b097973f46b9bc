/**
 * What a backend has to say, as values: each is checked, and knows its channel and its name on the bus. They are sent by
 * `realTimeUpdates.send`, or put into the outbox by `outboxItem`.
 *
 * @module
 */

import type { Channel, ConversationChannel } from '../channels.js';
import type {
  AnalyticsUpdate,
  ChatMessage,
  EventData,
  EventName,
  FunnelUpdate,
  FunnelUpdateType,
  Level,
  MessageType,
  Notification,
  ResourceUpdate,
  ResourceUpdateType,
} from '../wire.js';
import {
  CONTENT_BYTES_MAX,
  checkId,
  checkPercent,
  checkText,
  MESSAGE_BYTES_MAX,
  METADATA_BYTES_MAX,
  TITLE_BYTES_MAX,
} from './check.js';
import { timestampNow } from './clock.js';

/** The user who asked for something, and their company. An object of the app's own with these fields will do. */
export interface UpdateUser {
  id: string;
  companyId: string;
}

/** An event for a channel. */
export interface Update<Name extends EventName = EventName> {
  /** Its name on the bus; absent for one that only the outbox takes. */
  detailType?: string;
  channel: Channel;
  event: Name;
  data: Partial<EventData[Name]>;
}

/** How far something has come, and a line to show. */
export interface ProgressNote {
  /** A number from 0 to 100. */
  progress?: number | undefined;
  message?: string | undefined;
}

/** A thing that funnels are made of. */
export interface Resource {
  id: string;
  /** What sort of thing it is, in the app's words, e.g. `product`. */
  type: string;
  name: string;
}

/** A metric's new value. */
export interface Metric {
  /** Which, in the app's words, e.g. `conversion_rate`. */
  metric: string;
  value: number;
  /** The value before. */
  previous?: number | undefined;
  /** The funnel that it is of. */
  funnelId?: string | undefined;
  /** The time that it covers, in the app's words, e.g. `24h`. */
  period?: string | undefined;
}

/** A notice. */
export interface Notice {
  level: Level;
  title: string;
  message: string;
  /** Where it leads. */
  url?: string | undefined;
  /** Its id; the event's own where it is absent. */
  id?: string | undefined;
}

/** A message that no user has written. */
export interface BackendMessage {
  content: string;
  /** `bot` by default. */
  type?: MessageType | undefined;
  metadata?: Record<string, unknown> | undefined;
  /** Its id; the event's own where it is absent. */
  id?: string | undefined;
}

/** News of a funnel. */
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
    userId: checkId(user.id, 'the id of the user'),
    companyId,
  };
  return { detailType: 'FunnelUpdate', channel: `funnel_updates:${companyId}`, event: 'funnel.update', data };
}

/** News of a resource. */
export function resourceUpdate(
  user: UpdateUser,
  resource: Resource,
  type: ResourceUpdateType,
  note: ProgressNote = {},
): Update<'resource.update'> {
  const companyId = checkId(user.companyId, 'companyId');
  const data: ResourceUpdate = {
    type,
    resourceId: checkId(resource.id, 'the id of the resource'),
    resourceType: checkText(resource.type, 64, 'the type of the resource'),
    resourceName: checkText(resource.name, TITLE_BYTES_MAX, 'the name of the resource'),
    ...checkNote(note),
    timestamp: timestampNow(),
    userId: checkId(user.id, 'the id of the user'),
    companyId,
  };
  return {
    detailType: 'ResourceUpdate',
    channel: `resource_updates:${companyId}`,
    event: 'resource.update',
    data,
  };
}

/** A metric's new value. */
export function analyticsUpdate(
  { companyId }: Pick<UpdateUser, 'companyId'>,
  { metric, value, previous, funnelId, period }: Metric,
): Update<'analytics.update'> {
  checkId(companyId, 'companyId');
  const data: AnalyticsUpdate = {
    metric: checkText(metric, 64, 'metric'),
    value,
    ...(previous !== undefined && { previous }),
    ...(funnelId !== undefined && { funnelId: checkId(funnelId, 'funnelId') }),
    ...(period !== undefined && { period: checkText(period, 64, 'period') }),
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

/** A notification to everybody. */
export function systemNotification(notice: Notice): Update<'system.notification'> {
  return {
    detailType: 'SystemNotification',
    channel: 'system',
    event: 'system.notification',
    data: checkNotice(notice),
  };
}

/** A notification to the team of a company. The bus has no name for it: put it into the outbox. */
export function companyNotification(
  { companyId }: Pick<UpdateUser, 'companyId'>,
  notice: Notice,
): Update<'system.notification'> {
  const channel: Channel = `company:${checkId(companyId, 'companyId')}`;
  return { channel, event: 'system.notification', data: checkNotice(notice) };
}

/** A notification to one user. */
export function userNotification(
  { id }: Pick<UpdateUser, 'id'>,
  notice: Notice,
): Update<'user.notification'> {
  const userId = checkId(id, 'the id of the user');
  return {
    detailType: 'UserNotification',
    channel: `user:${userId}`,
    event: 'user.notification',
    data: { ...checkNotice(notice), userId },
  };
}

/** A message of the app's assistant, or of the app itself. */
export function chatMessage(
  conversationId: string,
  { content, type = 'bot', metadata, id }: BackendMessage,
): Update<'chat.message'> {
  const channel: ConversationChannel = `conversation:${checkId(conversationId, 'conversationId')}`;
  if (metadata) checkText(JSON.stringify(metadata), METADATA_BYTES_MAX, 'metadata');
  const data: Partial<ChatMessage> = {
    ...(id !== undefined && { id }),
    conversationId,
    type,
    content: checkText(content, CONTENT_BYTES_MAX, 'content'),
    timestamp: timestampNow(),
    ...(metadata && { metadata }),
  };
  return { detailType: 'ChatMessage', channel, event: 'chat.message', data };
}

function checkNote({ progress, message }: ProgressNote) {
  return {
    ...(progress !== undefined && { progress: checkPercent(progress, 'progress') }),
    ...(message !== undefined && { message: checkText(message, MESSAGE_BYTES_MAX, 'message') }),
  };
}

function checkNotice({ level, title, message, url, id }: Notice): Partial<Notification> {
  return {
    ...(id !== undefined && { id }),
    level,
    title: checkText(title, TITLE_BYTES_MAX, 'title'),
    message: checkText(message, MESSAGE_BYTES_MAX, 'message'),
    ...(url !== undefined && { url: checkText(url, 2_048, 'url') }),
    timestamp: timestampNow(),
  };
}
