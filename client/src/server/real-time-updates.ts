/**
 * Publishing from a backend: a method for each kind of event.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import { type FunnelUpdateType, MESSAGE_BYTES_MAX, type ResourceUpdateType } from '../wire.js';
import { type Bus, type BusEvent, putEvents } from './bus.js';
import { checkId, checkRevision, checkText } from './check.js';
import {
  analyticsUpdate,
  type BackendMessage,
  chatMessage,
  funnelUpdate,
  type Metric,
  type Notice,
  type ProgressNote,
  type Resource,
  resourceUpdate,
  systemNotification,
  timestampNow,
  type Update,
  type UpdateUser,
  userNotification,
} from './updates.js';

/** The options of {@link RealTimeUpdates}. */
export type RealTimeUpdatesOptions = { [Name in keyof Bus]?: Bus[Name] | undefined };

/** The options of {@link RealTimeUpdates.sendConversation}. */
export interface ConversationOptions {
  /**
   * A whole number that rises with each change of the conversation, such as the version of its row. Set it if several
   * processes change the same conversation, because their clocks differ.
   */
  revision?: number | undefined;
  /**
   * Whether the new participants may read the existing log of a conversation that has ended, or that belonged to another
   * company. Without it, such a conversation is not changed.
   */
  keepLog?: boolean | undefined;
}

/**
 * Publishes over EventBridge. Events arrive at least once, because AWS's SDK repeats a call that the network interrupts. Use
 * {@link outboxItem} if an event must not be duplicated, or must not be lost when the process ends.
 */
export class RealTimeUpdates {
  readonly #options: RealTimeUpdatesOptions;

  /** @param options - by default read from the variables `FUNNELCAST_BUS` and `FUNNELCAST_SOURCE`, at each call */
  constructor(options: RealTimeUpdatesOptions = {}) {
    this.#options = options;
  }

  /**
   * Reports that the generation of a funnel has started, made progress, completed or failed.
   *
   * @param progress - a percentage, 0 to 100
   *
   * @example
   * ```ts
   * await realTimeUpdates.sendFunnelGenerationUpdate(user, 'funnel_1', 'Spring', 'generation_progress', 40, 'Writing');
   * ```
   */
  async sendFunnelGenerationUpdate(
    user: UpdateUser,
    funnelId: string,
    funnelName: string,
    type: Extract<FunnelUpdateType, `generation_${string}`>,
    progress?: number,
    message?: string,
  ): Promise<void> {
    return this.send(funnelUpdate(user, funnelId, funnelName, type, note(progress, message)));
  }

  /** Reports that a funnel has been deployed or undeployed. */
  async sendFunnelDeploymentUpdate(
    user: UpdateUser,
    funnelId: string,
    funnelName: string,
    isDeployed: boolean,
    message?: string,
  ): Promise<void> {
    const type = isDeployed ? 'deployed' : 'undeployed';
    return this.send(funnelUpdate(user, funnelId, funnelName, type, note(undefined, message)));
  }

  /** Reports that a resource has changed, or is being synced. */
  async sendResourceUpdate(
    user: UpdateUser,
    resource: Resource,
    type: ResourceUpdateType,
    progressNote?: ProgressNote,
  ): Promise<void> {
    return this.send(resourceUpdate(user, resource, type, progressNote));
  }

  /** Reports a new value of a metric. */
  async sendAnalyticsUpdate(user: Pick<UpdateUser, 'companyId'>, metric: Metric): Promise<void> {
    return this.send(analyticsUpdate(user, metric));
  }

  /** Sends a notification to everybody. */
  async sendSystemNotification(notification: Notice): Promise<void> {
    return this.send(systemNotification(notification));
  }

  /** Sends a notification to one user. */
  async sendUserNotification(user: Pick<UpdateUser, 'id'>, notification: Notice): Promise<void> {
    return this.send(userNotification(user, notification));
  }

  /** Sends a message of the app's assistant. */
  async sendBotMessage(
    conversationId: string,
    content: string,
    more: Omit<BackendMessage, 'content' | 'type'> = {},
  ): Promise<void> {
    return this.send(chatMessage(conversationId, { ...more, content, type: 'bot' }));
  }

  /** Sends a message that the backend has written, as the app itself or as a bot. */
  async sendConversationMessage(conversationId: string, message: BackendMessage): Promise<void> {
    return this.send(chatMessage(conversationId, message));
  }

  /**
   * Sets the participants of a conversation: the complete list. Users who are no longer on it are removed.
   *
   * The bus may deliver two of these in either order, and the newer one counts: the one with the higher `revision` or, if one
   * of them has none, the one that was called later by the clock of its process.
   */
  async sendConversation(
    { companyId }: Pick<UpdateUser, 'companyId'>,
    conversationId: string,
    participants: readonly string[],
    { revision, keepLog }: ConversationOptions = {},
  ): Promise<void> {
    const detail = {
      conversationId: checkId(conversationId, 'conversationId'),
      companyId: checkId(companyId, 'companyId'),
      participants: participants.map(id => checkId(id, 'the id of a participant')),
      timestamp: timestampNow(),
      ...(revision !== undefined && { revision: checkRevision(revision) }),
      ...(keepLog && { keepLog }),
    };
    return this.#put([{ detailType: 'Conversation', detail }]);
  }

  /** Removes a user from a channel, on all their devices. Their token determines whether they may join again. */
  async kick(channel: Channel, userId: string, reason: string): Promise<void> {
    const detail = {
      channel,
      userId: checkId(userId, 'userId'),
      reason: checkText(reason, MESSAGE_BYTES_MAX, 'reason'),
    };
    return this.#put([{ detailType: 'Kick', detail }]);
  }

  /**
   * Sends updates, in as few calls as possible.
   *
   * @throws {@link PublishError} if EventBridge has not accepted some of them after all attempts
   */
  async send(...updates: Update[]): Promise<void> {
    return this.#put(
      updates.map(({ detailType, data, channel }) => {
        if (detailType !== undefined) return { detailType, detail: data };
        throw new FunnelcastError(
          'bad_request',
          `the bus has no name for this update of ${channel}; use outboxItem`,
        );
      }),
    );
  }

  async #put(events: BusEvent[]): Promise<void> {
    const bus = this.#options.bus ?? process.env['FUNNELCAST_BUS'];
    if (!bus) throw new FunnelcastError('bad_request', 'set FUNNELCAST_BUS, or give `bus`');
    const source = this.#options.source ?? process.env['FUNNELCAST_SOURCE'] ?? 'funnelcast.app';
    await putEvents({ ...this.#options, bus, source }, events);
  }
}

/** A publisher that is configured by `FUNNELCAST_BUS` (the name of the bus), `FUNNELCAST_SOURCE` and AWS's own variables. */
export const realTimeUpdates: RealTimeUpdates = /* @__PURE__ */ new RealTimeUpdates();

function note(progress: number | undefined, message: string | undefined): ProgressNote {
  return { ...(progress !== undefined && { progress }), ...(message !== undefined && { message }) };
}
