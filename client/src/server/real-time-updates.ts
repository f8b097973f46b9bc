/**
 * Publishing from a backend: a method for each kind of event.
 *
 * @module
 */

import type { Channel } from '../channels.js';
import { FunnelcastError } from '../errors.js';
import {
  type FunnelUpdateType,
  MESSAGE_BYTES_MAX,
  type Moderation,
  type Published,
  type ResourceUpdateType,
  TITLE_BYTES_MAX,
} from '../wire.js';
import { type Bus, putEvents } from './bus.js';
import { type BackendMessage, chatMessage, type TypingUser, typingIndicator } from './chat-updates.js';
import { checkId, checkText, checkWhole } from './check.js';
import type { BackendEvent } from './events.js';
import { HttpPublisher, type HttpTarget } from './http.js';
import { createTokenIssuer } from './tokens.js';
import {
  analyticsUpdate,
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
import { variable } from './variables.js';

/**
 * The options of {@link RealTimeUpdates}: for HTTP, `http` with `issuer`; for the bus, `bus` with `source` and `client`. What is
 * not given is read from variables.
 */
export type RealTimeUpdatesOptions = {
  [Name in keyof (HttpTarget & Bus)]?: (HttpTarget & Bus)[Name] | undefined;
};

/** The options of {@link RealTimeUpdates.sendConversation}. */
export interface ConversationOptions {
  /** What the conversation is called in inboxes, at most 256 bytes. Default: nothing, also if it was called something before. */
  title?: string | undefined;
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
 * Publishes from a backend, by HTTP or over EventBridge.
 *
 * By HTTP, every event is published once, events of one channel in the order of the calls, and a call resolves with what has
 * become of its event. It needs no AWS credentials, and nothing but `fetch` and WebCrypto.
 *
 * The bus delivers events at least once and in any order, and its calls resolve with nothing. Use {@link outboxItem} if an
 * event must be published if and only if a transaction succeeds.
 */
export class RealTimeUpdates {
  readonly #options: RealTimeUpdatesOptions;
  #publisher: { http: string; publisher: HttpPublisher } | undefined;

  /**
   * @param options - by default read from variables at each call: `FUNNELCAST_HTTP` and `TOKEN_KEY` (with `TOKEN_ISSUER` and
   * `TOKEN_AUDIENCE`) for HTTP, otherwise `FUNNELCAST_BUS` and `FUNNELCAST_SOURCE` for the bus
   */
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
  ): Promise<Published | undefined> {
    return this.#sendOne(funnelUpdate(user, funnelId, funnelName, type, note(progress, message)));
  }

  /** Reports that a funnel has been deployed or undeployed. */
  async sendFunnelDeploymentUpdate(
    user: UpdateUser,
    funnelId: string,
    funnelName: string,
    isDeployed: boolean,
    message?: string,
  ): Promise<Published | undefined> {
    const type = isDeployed ? 'deployed' : 'undeployed';
    return this.#sendOne(funnelUpdate(user, funnelId, funnelName, type, note(undefined, message)));
  }

  /** Reports that a resource has changed, or is being synced. */
  async sendResourceUpdate(
    user: UpdateUser,
    resource: Resource,
    type: ResourceUpdateType,
    progressNote?: ProgressNote,
  ): Promise<Published | undefined> {
    return this.#sendOne(resourceUpdate(user, resource, type, progressNote));
  }

  /** Reports a new value of a metric. */
  async sendAnalyticsUpdate(
    user: Pick<UpdateUser, 'companyId'>,
    metric: Metric,
  ): Promise<Published | undefined> {
    return this.#sendOne(analyticsUpdate(user, metric));
  }

  /** Sends a notification to everybody. */
  async sendSystemNotification(notification: Notice): Promise<Published | undefined> {
    return this.#sendOne(systemNotification(notification));
  }

  /** Sends a notification to one user. */
  async sendUserNotification(
    user: Pick<UpdateUser, 'id'>,
    notification: Notice,
  ): Promise<Published | undefined> {
    return this.#sendOne(userNotification(user, notification));
  }

  /** Sends a message of the app's assistant. */
  async sendBotMessage(
    conversationId: string,
    content: string,
    more: Omit<BackendMessage, 'content' | 'type'> = {},
  ): Promise<Published | undefined> {
    return this.#sendOne(chatMessage(conversationId, { ...more, content, type: 'bot' }));
  }

  /**
   * Shows in a conversation that the app's assistant, or another user, is typing. It shows for a few seconds: repeat it every 3 s
   * for as long as the answer takes.
   */
  async sendTyping(
    conversationId: string,
    isTyping: boolean,
    user: TypingUser = {},
  ): Promise<Published | undefined> {
    return this.#sendOne(typingIndicator(conversationId, isTyping, user));
  }

  /** Sends a message that the backend has written, as the app itself or as a bot. */
  async sendConversationMessage(
    conversationId: string,
    message: BackendMessage,
  ): Promise<Published | undefined> {
    return this.#sendOne(chatMessage(conversationId, message));
  }

  /**
   * Sets the participants of a conversation: the complete list. Users who are no longer on it are removed.
   *
   * Of two of these the newer one counts, whichever arrives first: the one with the higher `revision` or, if one of them has
   * none, the one that was called later by the clock of its process.
   */
  async sendConversation(
    { companyId }: Pick<UpdateUser, 'companyId'>,
    conversationId: string,
    participants: readonly string[],
    { title, revision, keepLog }: ConversationOptions = {},
  ): Promise<Published | undefined> {
    const detail = {
      conversationId: checkId(conversationId, 'conversationId'),
      companyId: checkId(companyId, 'companyId'),
      participants: participants.map(id => checkId(id, 'participants')),
      timestamp: timestampNow(),
      ...(title !== undefined && { title: checkText(title, TITLE_BYTES_MAX, 'title') }),
      ...(revision !== undefined && { revision: checkWhole(revision, 'revision') }),
      ...(keepLog && { keepLog }),
    };
    const channel = `conversation:${conversationId}` as const;
    return (await this.#publish([{ type: 'Conversation', detail, channel }]))[0];
  }

  /** Removes a user from a channel, on all their devices. Their token determines whether they may join again. */
  async kick(channel: Channel, userId: string, reason: string): Promise<Published | undefined> {
    const detail = {
      channel,
      userId: checkId(userId, 'userId'),
      reason: checkText(reason, MESSAGE_BYTES_MAX, 'reason'),
    };
    return (await this.#publish([{ type: 'Kick', detail, channel }]))[0];
  }

  /**
   * Mutes or bans a user in a conversation or a company, or lifts that with `restriction: 'none'`. All of their connections
   * feel it. Of two of these the newer one counts, as with {@link sendConversation}.
   */
  async moderate(change: Omit<Moderation, 'timestamp'>): Promise<Published | undefined> {
    const { userId, conversationId, companyId } = change;
    const id = checkId(conversationId ?? companyId ?? '', conversationId ? 'conversationId' : 'companyId');
    const channel = `${conversationId ? 'conversation' : 'company'}:${id}` as const;
    const detail = { ...change, userId: checkId(userId, 'userId'), timestamp: timestampNow() };
    return (await this.#publish([{ type: 'Moderation', detail, channel }]))[0];
  }

  /**
   * Sends updates in as few requests as possible. Events of a {@link PublishError} can be sent again like this too.
   *
   * @returns by HTTP, the result of each, in their order; by the bus, nothing
   * @throws {@link PublishError} if some of them could not be published
   */
  async send(...updates: (Update | BackendEvent)[]): Promise<Published[]> {
    return this.#publish(updates.map(eventOf));
  }

  async #sendOne(update: Update): Promise<Published | undefined> {
    return (await this.send(update))[0];
  }

  async #publish(events: BackendEvent[]): Promise<Published[]> {
    const { bus = variable('FUNNELCAST_BUS'), client, issuer, ...options } = this.#options;
    const http = options.http ?? this.#variableHttp();
    if (http !== undefined) {
      if (this.#publisher?.http !== http) {
        const target = { ...options, http, issuer: issuer ?? createTokenIssuer() };
        this.#publisher = { http, publisher: new HttpPublisher(target) };
      }
      return this.#publisher.publisher.publish(events);
    }
    if (bus === undefined) {
      throw new FunnelcastError('bad_request', 'set FUNNELCAST_HTTP and TOKEN_KEY, or FUNNELCAST_BUS');
    }
    const source = options.source ?? variable('FUNNELCAST_SOURCE') ?? 'funnelcast.app';
    await putEvents({ bus, source, client, random: options.random }, events);
    return [];
  }

  /** `FUNNELCAST_HTTP`, unless the options choose the bus or there is no key to publish by HTTP with. */
  #variableHttp(): string | undefined {
    const { bus, client, issuer } = this.#options;
    if (bus !== undefined || client) return undefined;
    return issuer || variable('TOKEN_KEY') ? variable('FUNNELCAST_HTTP') : undefined;
  }
}

/** A publisher that is configured by variables: see {@link RealTimeUpdates}. */
export const realTimeUpdates: RealTimeUpdates = /* @__PURE__ */ new RealTimeUpdates();

function note(progress: number | undefined, message: string | undefined): ProgressNote {
  return { ...(progress !== undefined && { progress }), ...(message !== undefined && { message }) };
}

function eventOf(update: Update | BackendEvent): BackendEvent {
  if ('detail' in update) return update;
  const { detailType: type, data, channel, key } = update;
  // Nothing in the data of an event of the app's own says which channel it is for.
  const detail = type === 'AppEvent' || type === 'AppSignal' ? { channel, ...data } : { ...data };
  if (type !== undefined) return { type, detail, channel, ...(key !== undefined && { key }) };
  throw new FunnelcastError(
    'bad_request',
    `backends cannot publish this update of ${channel}; use outboxItem`,
  );
}
