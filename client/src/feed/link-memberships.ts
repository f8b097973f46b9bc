/**
 * The memberships of one link. A channel is joined again and again as long as it is in use and the server may still allow
 * it.
 *
 * Every `join` and `leave` carries a number that rises (`order`). If two of them overtake each other on the way, the server
 * follows the one with the higher number, so neither has to wait for the other.
 *
 * @module
 */

import { hasLog, type SendChannel } from '../channels.js';
import { type Link, withAllLatest } from '../connection/link.js';
import type { Environment } from '../environment.js';
import { closed, disconnected, FunnelcastError, toError } from '../errors.js';
import { ATTEMPTS_MAX, type Deferred, deferred, isTemporary, pause, retry, retryDelay } from '../waiting.js';
import type { Sent } from '../wire.js';
import type { Feed } from './feed.js';

/** A channel on a link. */
interface Membership {
  feed: Feed;
  state: 'joining' | 'joined' | 'refused';
  /** Whether a join has been sent and not yet answered. */
  isRequested: boolean;
  /** Whether the user lost the channel while it was being joined. */
  isRevoked: boolean;
  /** The number of the last join. */
  order: number;
  /** Settled by the first answer that is not a temporary error. */
  joined: Deferred<void>;
  isAnswered: boolean;
  /** The user's status, while it is being sent. */
  statusSent?: Promise<Sent> | undefined;
}

/** The channels that are joined on one link. */
export class LinkMemberships {
  readonly #env: Environment;
  readonly #link: Link;
  readonly #members = new Map<string, Membership>();
  readonly #ended = new AbortController();
  /** The number of the last `join` or `leave`. */
  #order = 0;
  /** The last of the joins that run one after the other. */
  #lastJoin: Promise<unknown> = Promise.resolve();

  constructor(env: Environment, link: Link) {
    this.#env = env;
    this.#link = link;
  }

  /** Whether a channel is joined. */
  has(feed: Feed): boolean {
    return this.#members.get(feed.channel)?.state === 'joined';
  }

  /** The channels whose join has been sent and not yet answered. */
  get unanswered(): Feed[] {
    return [...this.#members.values()].filter(({ isRequested }) => isRequested).map(({ feed }) => feed);
  }

  /** Resolves when every join has been answered, including those that begin in the meantime. */
  async answered(): Promise<void> {
    for (;;) {
      const open = [...this.#members.values()].filter(({ isAnswered }) => !isAnswered);
      if (open.length === 0) return;
      await Promise.allSettled(open.map(({ joined }) => joined.promise));
    }
  }

  /**
   * Joins a channel, unless it is joined. Resolves when it is joined and its missed events have been delivered.
   *
   * @param mode - `alone` waits for the earlier joins of this mode, so that one that ends the socket can be identified
   */
  join(feed: Feed, mode: 'alone' | 'together' = 'together'): Promise<void> {
    const known = this.#members.get(feed.channel);
    if (known && known.state !== 'refused') return known.joined.promise;
    const member: Membership = {
      feed,
      state: 'joining',
      isRequested: false,
      isRevoked: false,
      order: 0,
      joined: deferred(),
      isAnswered: false,
    };
    const { promise } = member.joined;
    this.#members.set(feed.channel, member);
    if (this.#link.join && !hasLog(feed.channel)) {
      member.state = 'refused';
      answer(member, disconnected('the channel needs a WebSocket'));
    } else if (this.#link.join || mode === 'alone') {
      this.#lastJoin = this.#lastJoin.then(() => {
        void this.#join(member);
        return promise.catch(() => {});
      });
    } else {
      void this.#join(member);
    }
    return promise;
  }

  /** Joins a channel again that was joined, but according to the server no longer is. */
  rejoin(feed: Feed): void {
    if (!this.has(feed)) return;
    this.#members.delete(feed.channel);
    this.join(feed).catch(() => {}); // the feed reports it to its listeners
  }

  /** Leaves a channel. */
  leave(feed: Feed): void {
    const member = this.#members.get(feed.channel);
    if (!member) return;
    this.#abandon(member);
    if (member.state !== 'refused' && !this.#link.join) void this.#leave(feed);
  }

  /** Whether a channel has been joined again since the join with this number. */
  hasRejoined(feed: Feed, order: number | undefined): boolean {
    return order !== undefined && order < (this.#members.get(feed.channel)?.order ?? 0);
  }

  /** Takes note that the user has lost a channel. The next subscription asks the server whether they may join again. */
  revoke(feed: Feed): void {
    const member = this.#members.get(feed.channel);
    if (member?.state === 'joined') member.state = 'refused';
    else if (member) member.isRevoked = true;
  }

  /** Sends the user's status in a joined channel. If it changes on the way, only the last one is sent after it. */
  sendStatus(feed: Feed): Promise<Sent> {
    const member = this.#members.get(feed.channel);
    if (!member) return Promise.reject(disconnected());
    member.statusSent ??= this.#sendStatus(feed).finally(() => {
      member.statusSent = undefined;
    });
    return member.statusSent;
  }

  /** Ends all memberships: the link has ended, or must not be used any more. */
  end(): void {
    const error = disconnected();
    this.#ended.abort(error);
    for (const member of this.#members.values()) answer(member, error);
    this.#members.clear();
  }

  #isCurrent(member: Membership): boolean {
    return this.#members.get(member.feed.channel) === member;
  }

  async #join(member: Membership): Promise<void> {
    for (let failures = 1; this.#isCurrent(member); failures++) {
      const { grantVersion } = member.feed;
      if (member.feed.holds === 0) return this.#abandon(member);
      try {
        await this.#request(member);
        return;
      } catch (thrown) {
        if (!this.#isCurrent(member)) return;
        const error = toError(thrown);
        this.#failed(member, error, failures, grantVersion);
        if (member.state === 'refused') return;
        // Tried as long as the channel is in use: otherwise it would stay silent after an outage.
        await this.#pause(error, failures);
      }
    }
  }

  /** Forgets a channel that is no longer in use. A join that is under way has lost the grants of its listeners. */
  #abandon(member: Membership): void {
    this.#members.delete(member.feed.channel);
    answer(member, closed('the channel is no longer in use'));
  }

  #failed(member: Membership, error: FunnelcastError, failures: number, grantVersion: number): void {
    const { feed } = member;
    member.isRequested = false;
    const isFinal = !isTemporary(error) && !/^(conflict|disconnected|not_joined)$/.test(error.code);
    // A listener who has arrived in the meantime may have brought a grant.
    if (isFinal && grantVersion === feed.grantVersion) member.state = 'refused';
    if (member.state !== 'refused' && failures % ATTEMPTS_MAX > 0) return;
    answer(member, error);
    if (error.code !== 'disconnected') feed.refuse(error);
  }

  async #request(member: Membership): Promise<void> {
    const { feed } = member;
    member.isRevoked = false;
    const grant = await feed.grant();
    if (!this.#isCurrent(member)) return;
    if (feed.holds === 0) return this.#abandon(member);
    const since = feed.since();
    member.order = ++this.#order;
    const fields = { channel: feed.channel, since, grant, order: member.order };
    member.isRequested = true;
    feed.joining();
    const reply = await (this.#link.join?.(fields) ?? this.#link.request('join', fields));
    member.isRequested = false;
    const whole = reply.latestNext ? await withAllLatest(this.#env, this.#link, reply) : reply;
    if (!this.#isCurrent(member)) return;
    await feed.joined(whole, since, this.#link);
    if (!this.#isCurrent(member)) return;
    if (member.isRevoked) throw new FunnelcastError('conflict', 'the channel was lost');
    member.state = 'joined';
    answer(member);
    // A connection that joins is online until it sends another status.
    if (feed.ownStatus && feed.ownStatus.status !== 'online') this.sendStatus(feed).catch(() => {});
  }

  async #leave({ channel }: Feed): Promise<void> {
    for (let failures = 1; !this.#members.has(channel) && !this.#ended.signal.aborted; failures++) {
      try {
        await this.#link.request('leave', { channel, order: ++this.#order });
        return;
      } catch (thrown) {
        const error = toError(thrown);
        if (!isTemporary(error) && error.code !== 'conflict') return; // the channel is not joined
        await this.#pause(error, failures);
      }
    }
  }

  async #sendStatus(feed: Feed): Promise<Sent> {
    for (;;) {
      const { ownStatus } = feed;
      const channel = feed.channel as SendChannel;
      const data = ownStatus ?? { status: 'online' as const };
      const fields = { channel, event: 'presence.update' as const, data };
      try {
        const sent = await retry(this.#env, () => this.#link.request('send', fields), this.#ended.signal);
        if (feed.ownStatus === ownStatus) return sent;
      } catch (error) {
        if (this.#ended.signal.aborted || feed.ownStatus === ownStatus) {
          if (toError(error).code === 'bad_request') feed.ownStatus = undefined; // not a valid status
          throw error;
        }
      }
    }
  }

  async #pause(error: FunnelcastError, failures: number): Promise<void> {
    await pause(this.#env, retryDelay(this.#env, error, failures), this.#ended.signal).catch(() => {});
  }
}

/** Settles the promise of everyone who waits for the channel. */
function answer(member: Membership, error?: FunnelcastError): void {
  member.isAnswered = true;
  if (error) member.joined.reject(error);
  else member.joined.resolve();
  // While the client keeps trying, later callers wait for the next answer.
  if (error && member.state === 'joining') member.joined = deferred();
}
