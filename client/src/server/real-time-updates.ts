/**
 * The backend's mouth: each method says one thing to those who may hear it.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import type { FunnelUpdateType, ResourceUpdateType } from '../wire.js';
import { type Bus, type BusEvent, putEvents } from './bus.js';
import { checkId, checkText, MESSAGE_BYTES_MAX } from './check.js';
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
  type Update,
  type UpdateUser,
  userNotification,
} from './updates.js';

/** How to reach the stack's bus. */
export interface RealTimeUpdatesOptions extends Partial<Bus> {}

/**
 * Publishes by EventBridge. What it says comes at least once: a call that the network interrupts is repeated by AWS's
 * SDK. Where that matters, or where the news must not be lost if the process dies, use {@link outboxItem}.
 */
export class RealTimeUpdates {
  readonly #options: RealTimeUpdatesOptions;

  /** @param options - what is absent is read from `FUNNELCAST_BUS` and `FUNNELCAST_SOURCE` at the first call */
  constructor(options: RealTimeUpdatesOptions = {}) {
    this.#options = options;
  }

  /**
   * A funnel's generation has begun, goes on, is done or has failed.
   *
   * @param progress - a whole number from 0 to 100
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

  /** A funnel is live now, or no longer. */
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

  /** A resource has changed, or is being synced. */
  async sendResourceUpdate(
    user: UpdateUser,
    resource: Resource,
    type: ResourceUpdateType,
    progressNote?: ProgressNote,
  ): Promise<void> {
    return this.send(resourceUpdate(user, resource, type, progressNote));
  }

  /** A metric has a new value. */
  async sendAnalyticsUpdate(user: Pick<UpdateUser, 'companyId'>, metric: Metric): Promise<void> {
    return this.send(analyticsUpdate(user, metric));
  }

  /** A notice to everybody. */
  async sendSystemNotification(notice: Notice): Promise<void> {
    return this.send(systemNotification(notice));
  }

  /** A notice to one user. */
  async sendUserNotification(user: Pick<UpdateUser, 'id'>, notice: Notice): Promise<void> {
    return this.send(userNotification(user, notice));
  }

  /** The app's assistant says something. */
  async sendBotMessage(
    conversationId: string,
    content: string,
    more: Omit<BackendMessage, 'content' | 'type'> = {},
  ): Promise<void> {
    return this.send(chatMessage(conversationId, { ...more, content, type: 'bot' }));
  }

  /** Somebody says something whose words the backend has: the app itself, or a bot by another name. */
  async sendConversationMessage(conversationId: string, message: BackendMessage): Promise<void> {
    return this.send(chatMessage(conversationId, message));
  }

  /** Says who takes part in a conversation: all of them. Those who no longer do are taken out of it. */
  async sendConversation(
    { companyId }: Pick<UpdateUser, 'companyId'>,
    conversationId: string,
    participants: readonly string[],
  ): Promise<void> {
    const detail = {
      conversationId: checkId(conversationId, 'conversationId'),
      companyId: checkId(companyId, 'companyId'),
      participants: participants.map(id => checkId(id, 'the id of a participant')),
    };
    return this.#put([{ detailType: 'Conversation', detail }]);
  }

  /** Takes a user out of a channel, on all his devices. Whether he may come back is for his token to say. */
  async kick(channel: Channel, userId: string, reason: string): Promise<void> {
    const detail = {
      channel,
      userId: checkId(userId, 'userId'),
      reason: checkText(reason, MESSAGE_BYTES_MAX, 'reason'),
    };
    return this.#put([{ detailType: 'Kick', detail }]);
  }

  /**
   * Sends updates, in as few calls as it takes.
   *
   * @throws {@link PublishError} where the bus has not taken some of them, after all tries
   */
  async send(...updates: Update[]): Promise<void> {
    return this.#put(
      updates.map(({ detailType, data, channel }) => {
        if (detailType !== undefined) return { detailType, detail: data };
        throw new FunnelcastError(
          'bad_request',
          `the bus has no name for this on ${channel}: use the outbox`,
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

/** The process's own, set up by `FUNNELCAST_BUS` (the bus's name), `FUNNELCAST_SOURCE` and AWS's own variables. */
export const realTimeUpdates: RealTimeUpdates = /* @__PURE__ */ new RealTimeUpdates();

function note(progress: number | undefined, message: string | undefined): ProgressNote {
  return { ...(progress !== undefined && { progress }), ...(message !== undefined && { message }) };
}
