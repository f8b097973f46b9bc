/**
 * What is joined on one link, and asking for it: again for as long as it is wanted and the server may yet say yes.
 *
 * Every `join` and `leave` has a number, which rises: of two that cross on the way the server takes the one with the
 * higher number for the later. So neither waits for the other.
 *
 * @module
 */

import { type ConversationChannel, hasLog } from './channels.js';
import type { Environment } from './environment.js';
import { closed, FunnelcastError, toError } from './errors.js';
import type { Feed } from './feed.js';
import { isPassing, type Link, persist, retryDelay, TRIES_MAX, withAllLatest } from './link.js';
import { type Deferred, deferred, pause } from './waiting.js';
import type { Sent } from './wire.js';

/** A channel on a link. */
interface Membership {
  feed: Feed;
  state: 'joining' | 'joined' | 'refused';
  /** Whether the link waits for the reply to a join. */
  isAsked: boolean;
  /** Whether the user lost the channel while it was being joined. */
  isRevoked: boolean;
  /** The place of the last join of it. */
  order: number;
  /** Settled with the first answer that counts. */
  joined: Deferred<void>;
  isAnswered: boolean;
  /** The user's status, on its way. */
  saying: Promise<Sent> | undefined;
}

/** The channels of one link. */
export class Roll {
  readonly #env: Environment;
  readonly #link: Link;
  readonly #members = new Map<string, Membership>();
  readonly #ended = new AbortController();
  /** The number of the last `join` or `leave`. */
  #order = 0;
  /** The joins that go one after the other. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(env: Environment, link: Link) {
    this.#env = env;
    this.#link = link;
  }

  /** Whether a channel is joined. */
  has(feed: Feed): boolean {
    return this.#members.get(feed.channel)?.state === 'joined';
  }

  /** The channels whose join is under way. */
  get asked(): Feed[] {
    return [...this.#members.values()].filter(({ isAsked }) => isAsked).map(({ feed }) => feed);
  }

  /** Resolves when each channel has its answer, those too that are added meanwhile. */
  async settled(): Promise<void> {
    for (;;) {
      const open = [...this.#members.values()].filter(({ isAnswered }) => !isAnswered);
      if (open.length === 0) return;
      await Promise.allSettled(open.map(({ joined }) => joined.promise));
    }
  }

  /**
   * Joins a channel, where it is not; resolves when it is joined, and caught up.
   *
   * @param pace - `alone`: after the joins of that pace before it, so that the one that breaks the socket is found
   */
  join(feed: Feed, pace: 'alone' | 'at once' = 'at once'): Promise<void> {
    const known = this.#members.get(feed.channel);
    if (known && known.state !== 'refused') return known.joined.promise;
    const member: Membership = {
      feed,
      state: 'joining',
      isAsked: false,
      isRevoked: false,
      order: 0,
      joined: deferred(),
      isAnswered: false,
      saying: undefined,
    };
    const { promise } = member.joined;
    this.#members.set(feed.channel, member);
    if (this.#link.join && !hasLog(feed.channel)) {
      member.state = 'refused';
      answer(member, new FunnelcastError('disconnected', 'the channel needs a socket'));
    } else if (this.#link.join || pace === 'alone') {
      this.#queue = this.#queue.then(() => {
        void this.#join(member);
        return promise.catch(() => {});
      });
    } else {
      void this.#join(member);
    }
    return promise;
  }

  /** The server says that a channel is not joined that was: it is joined again. */
  rejoin(feed: Feed): void {
    if (!this.has(feed)) return;
    this.#members.delete(feed.channel);
    this.join(feed).catch(() => {}); // the feed tells its listeners
  }

  /** Leaves a channel. */
  leave(feed: Feed): void {
    const member = this.#members.get(feed.channel);
    if (!member) return;
    this.#members.delete(feed.channel);
    answer(member, closed('nobody uses the channel any more'));
    if (member.state !== 'refused' && !this.#link.join) void this.#leave(feed);
  }

  /** Whether a channel has been asked for again since the join of this place. */
  isPast(feed: Feed, order: number | undefined): boolean {
    return order !== undefined && order < (this.#members.get(feed.channel)?.order ?? 0);
  }

  /** The user has lost a channel. Whether they may have it again is for the server to say when somebody asks for it. */
  revoke(feed: Feed): void {
    const member = this.#members.get(feed.channel);
    if (member?.state === 'joined') member.state = 'refused';
    else if (member) member.isRevoked = true;
  }

  /** Says the user's status in a channel that is joined; while it is on its way, only the last one counts. */
  say(feed: Feed): Promise<Sent> {
    const member = this.#members.get(feed.channel);
    if (!member) return Promise.reject(new FunnelcastError('disconnected', 'the connection has ended'));
    member.saying ??= this.#say(feed).finally(() => {
      member.saying = undefined;
    });
    return member.saying;
  }

  /** The link has ended, or is no longer to be used. */
  end(): void {
    const error = new FunnelcastError('disconnected', 'the connection has ended');
    this.#ended.abort(error);
    for (const member of this.#members.values()) answer(member, error);
    this.#members.clear();
  }

  #isCurrent(member: Membership): boolean {
    return this.#members.get(member.feed.channel) === member;
  }

  async #join(member: Membership): Promise<void> {
    for (let tries = 1; this.#isCurrent(member); tries++) {
      const { grantVersion } = member.feed;
      try {
        await this.#ask(member);
        return;
      } catch (thrown) {
        if (!this.#isCurrent(member)) return;
        const error = toError(thrown);
        this.#refused(member, error, tries, grantVersion);
        if (member.state === 'refused') return;
        // As long as the channel is wanted, it is asked for: else it would stay silent after an outage.
        await this.#pause(error, tries);
      }
    }
  }

  #refused(member: Membership, error: FunnelcastError, tries: number, grantVersion: number): void {
    const { feed } = member;
    member.isAsked = false;
    const isFinal = !isPassing(error) && !/^(conflict|disconnected|not_joined)$/.test(error.code);
    // What was refused to somebody without a grant may be granted to the one who came meanwhile.
    if (isFinal && grantVersion === feed.grantVersion) member.state = 'refused';
    if (member.state !== 'refused' && tries % TRIES_MAX > 0) return;
    answer(member, error);
    if (error.code !== 'disconnected') feed.refuse(error);
  }

  async #ask(member: Membership): Promise<void> {
    const { feed } = member;
    member.isRevoked = false;
    const grant = await feed.grant();
    if (!this.#isCurrent(member)) return;
    const since = feed.since();
    member.order = ++this.#order;
    const fields = { channel: feed.channel, since, grant, order: member.order };
    member.isAsked = true;
    feed.asked();
    const reply = await (this.#link.join?.(fields) ?? this.#link.request('join', fields));
    member.isAsked = false;
    const whole = reply.latestNext ? await withAllLatest(this.#env, this.#link, reply) : reply;
    if (!this.#isCurrent(member)) return;
    await feed.adopt(whole, since, this.#link);
    if (!this.#isCurrent(member)) return;
    if (member.isRevoked) throw new FunnelcastError('conflict', 'the channel was lost meanwhile');
    member.state = 'joined';
    answer(member);
    // A connection that joins is online as long as it says nothing else.
    if ((feed.status ?? 'online') !== 'online') this.say(feed).catch(() => {});
  }

  async #leave({ channel }: Feed): Promise<void> {
    for (let tries = 1; !this.#members.has(channel) && !this.#ended.signal.aborted; tries++) {
      try {
        await this.#link.request('leave', { channel, order: ++this.#order });
        return;
      } catch (thrown) {
        const error = toError(thrown);
        if (!isPassing(error) && error.code !== 'conflict') return; // it is not joined, or no longer
        await this.#pause(error, tries);
      }
    }
  }

  async #say(feed: Feed): Promise<Sent> {
    for (;;) {
      const { status = 'online', statusVersion } = feed;
      const channel = feed.channel as ConversationChannel;
      const fields = { channel, event: 'presence.update' as const, data: { status } };
      try {
        const sent = await persist(this.#env, () => this.#link.request('send', fields), this.#ended.signal);
        if (feed.statusVersion === statusVersion) return sent;
      } catch (error) {
        if (this.#ended.signal.aborted || feed.statusVersion === statusVersion) {
          if (toError(error).code === 'bad_request') feed.status = undefined; // it is none
          throw error;
        }
      }
    }
  }

  async #pause(error: FunnelcastError, tries: number): Promise<void> {
    await pause(this.#env, retryDelay(this.#env, error, tries), this.#ended.signal).catch(() => {});
  }
}

/** Settles the promise of those who wait for the channel. */
function answer(member: Membership, error?: FunnelcastError): void {
  member.isAnswered = true;
  if (error) member.joined.reject(error);
  else member.joined.resolve();
  // Where it is asked for again in the background, whoever comes then waits for that.
  if (error && member.state === 'joining') member.joined = deferred();
}
