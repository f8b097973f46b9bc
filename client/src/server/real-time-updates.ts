/**
 * Publishing from a backend: each method sends one kind of event.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import type { FunnelUpdateType, ResourceUpdateType } from '../wire.js';
import { type Bus, type BusEvent, putEvents } from './bus.js';
import { checkId, checkRevision, checkText, MESSAGE_BYTES_MAX } from './check.js';
import { timestampNow } from './clock.js';
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
export type RealTimeUpdatesOptions = { [Name in keyof Bus]?: Bus[Name] | undefined };

/** What may be said of a conversation beside who takes part. */
export interface ConversationOptions {
  /**
   * A whole number that rises with each change of the conversation, such as the version of its row. Give it where several
   * processes change one conversation, because their clocks differ.
   */
  revision?: number | undefined;
  /**
   * Whether those who may join from now on may read what was said before, where the conversation has ended, or was another
   * company's. Without it, such a conversation stays as it is.
   */
  keepLog?: boolean | undefined;
}

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
   * @param progress - a number from 0 to 100
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

  /** Notifies everybody. */
  async sendSystemNotification(notice: Notice): Promise<void> {
    return this.send(systemNotification(notice));
  }

  /** Notifies one user. */
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

  /**
   * Says who takes part in a conversation: all of them. Those who no longer do are taken out of it.
   *
   * The bus may deliver two of these in either order, and the newer one stands: the one with the higher `revision` or, where
   * one of them has none, the one that was called later by this process's clock.
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

  /** Removes a user from a channel, on all their devices. Whether they may join again depends on their token. */
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
