/**
 * Feeds: one channel each, as the client follows it. A feed puts events in order, reads from the log what is missing, and
 * passes everything on to its listeners, each from its own position.
 *
 * A feed makes no request but to read the log. `memberships.ts` joins and leaves channels, and passes the replies in.
 *
 * @module
 */

import type { AnyEvent, Channel, DurableEvent } from '../channels.js';
import { type JoinReply, type Link, readPage } from '../connection/link.js';
import type { Environment } from '../environment.js';
import { type FunnelcastError, toError } from '../errors.js';
import type { Page, PresenceDraft } from '../wire.js';
import { Cursor, getGrant, type Listener, type Loss } from './cursor.js';
import { Duplicates, LatestValues, Sequence } from './lanes.js';
import { Mutes } from './mutes.js';

/** How long a missing event may still arrive by itself before the log is read. */
const OVERTAKEN_MS = 300;
/** How long to wait before joining the channel again after its log could not be read. */
const REJOIN_MS = 5_000;

/** What a feed needs from the client. */
export interface FeedHooks {
  /** The link on which the channel is joined and its log can be read, if there is one. */
  link(feed: Feed): Link | undefined;
  /** The log could not be read on this link: joins the channel again. */
  rejoin(feed: Feed, link: Link): void;
  /** The server has removed the user from the channel. Returns whether that is about the current membership. */
  revoked(feed: Feed, source: object, order: number | undefined): boolean;
  /** Whether the client is closed, so that no listener may be called. */
  isClosed(): boolean;
  /** A durable event, before the listeners get it. */
  durable(event: DurableEvent): void;
  lost(feed: Feed, loss: Loss): void;
  failed(feed: Feed, error: FunnelcastError): void;
}

/** A channel in use: somebody listens to it, or a request is about it. */
export class Feed {
  readonly channel: Channel;
  readonly sequence: Sequence<DurableEvent>;
  /** The user's own status in the channel, once it has been set: a new object each time. Sent on each new socket. */
  ownStatus: PresenceDraft | undefined;
  /** How many subscriptions and requests use the channel. While none does, it stays joined but is not joined anew. */
  holds = 0;
  /** Cancels the removal of the feed, which is planned while nothing holds it. */
  cancelRemoval = () => {};
  /** Counts the listeners that brought a grant. */
  grantVersion = 0;
  readonly #env: Environment;
  readonly #hooks: FeedHooks;
  readonly #latest = new LatestValues();
  readonly #duplicates = new Duplicates();
  readonly #cursors = new Map<Listener, Cursor>();
  /** Of the last listener with a grant that has gone: what it still sends needs one too. */
  #formerGrant: Listener['grant'];
  #readsInProgress = 0;
  #cancelRead: (() => void) | undefined;
  readonly #mutes: Mutes;

  constructor(env: Environment, channel: Channel, hooks: FeedHooks) {
    this.#env = env;
    this.#mutes = new Mutes(env);
    this.channel = channel;
    this.#hooks = hooks;
    this.sequence = new Sequence<DurableEvent>(
      event => {
        hooks.durable(event);
        this.#latest.keep(event);
        this.#each(cursor => cursor.durable(event));
      },
      (after, next) => {
        hooks.lost(this, { after, next });
        this.#each(cursor => cursor.lose(after, next));
      },
      hooks.isClosed,
      event => this.#latest.keep(event) && this.#each(cursor => cursor.late(event)),
    );
  }

  /** Adds a listener for the events after `since`, or for those from now on. */
  addListener(listener: Listener, since: number | undefined): void {
    const isActive = () => this.#cursors.has(listener) && !this.#hooks.isClosed();
    this.#cursors.set(listener, new Cursor(listener, since, isActive));
    if (listener.grant) this.grantVersion++;
    queueMicrotask(() => {
      const link = this.#hooks.link(this);
      if (link) this.#align(link);
    });
  }

  removeListener(listener: Listener): void {
    this.#formerGrant = listener.grant ?? this.#formerGrant;
    this.#cursors.delete(listener);
  }

  /** Takes an event of this channel, from a socket or from the reply to a send. */
  receive(event: AnyEvent, source: object): void {
    if (event.seq !== undefined) {
      this.sequence.receive(event as DurableEvent);
      this.#watchGap();
      return;
    }
    if (event.event === 'access.revoked' && !this.#hooks.revoked(this, source, event.data.order)) return;
    if (event.event === 'access.muted' && !this.#mutes.take(event)) return;
    const isNew =
      event.event === 'analytics.update' ? this.#latest.update(event) : this.#duplicates.isNew(event, source);
    if (isNew) this.#each(cursor => cursor.ephemeral(event));
  }

  /** The seq after which the next join must recover events; absent if it starts at the end of the log. */
  since(): number | undefined {
    const positions = [...this.#cursors.values()].flatMap(({ at }) => at ?? []);
    if (this.sequence.last === undefined && positions.length > 0) this.sequence.last = Math.min(...positions);
    return this.sequence.last;
  }

  /** Takes note that the channel is about to be joined. */
  joining(): void {
    this.#each(cursor => cursor.joining());
  }

  /** Gets a fresh grant, if a listener brought one, who may have gone since. */
  async grant(): Promise<string | undefined> {
    return (await getGrant(this.#cursors)) ?? this.#formerGrant?.().catch(() => undefined);
  }

  /**
   * Takes the reply to a join. Resolves when all missed events have been delivered.
   *
   * @param since - the `since` of the request
   */
  async joined(reply: JoinReply, since: number | undefined, link: Link): Promise<void> {
    const { head, recovered, presence, at } = reply;
    this.#mutes.joined(reply);
    const info = { ...(presence && { presence }), ...(at && { at }), ...this.#mutes.known };
    const started = [...this.#cursors.values()].filter(cursor => cursor.at !== undefined);
    this.#takeLatest(reply, since, link);
    this.#each(cursor => cursor.begin(head, info, this.#latest));
    if (since === undefined) this.sequence.begin(head);
    else if (!recovered) this.sequence.restart(head, since);
    else this.sequence.readLog(reply.events as DurableEvent[]);
    if (reply.more) await this.catchUp(link, head);
    this.sequence.noteHead(head);
    this.#watchGap();
    for (const cursor of started) cursor.pending = info;
    this.#align(link);
  }

  /** Reports to the listeners that the server refuses the channel. */
  refuse(error: FunnelcastError): void {
    this.#hooks.failed(this, error);
    this.#each(cursor => cursor.refuse(error));
  }

  /** Reads the log from the feed's position to its end. */
  async catchUp(link: Link, until = this.sequence.highest): Promise<void> {
    this.#readsInProgress++;
    try {
      for (let after = this.sequence.last ?? 0; ; ) {
        const page = await this.#read(link, { after });
        if (this.#hooks.isClosed()) return;
        this.sequence.readLog(page.events as DurableEvent[]);
        if (!page.more) break;
        after = page.next ?? page.events.at(-1)?.seq ?? after;
      }
      // The log was read after `until` was known, so events up to there that were not in it are lost.
      this.sequence.endOfLog(Math.max(until, this.sequence.last ?? 0));
    } finally {
      this.#readsInProgress--;
    }
    this.#watchGap();
    this.#align(link);
  }

  /** Reads the log; joins the channel again if that fails. */
  async refresh(link: Link): Promise<void> {
    await this.catchUp(link).catch(error => this.#recover(link, error));
  }

  dispose(): void {
    this.#cancelRead?.();
  }

  /** Brings listeners that are elsewhere to the position of the feed. */
  #align(link: Link): void {
    if (this.sequence.last === undefined || this.#hooks.isClosed()) return;
    const end = () => this.sequence.last ?? 0;
    this.#each(cursor => {
      cursor.begin(end(), this.#mutes.known, this.#latest);
      if (cursor.isReplaying || cursor.at === undefined) return;
      if (cursor.at === end()) cursor.joined();
      else if (cursor.at < end() || cursor.pending) this.#move(cursor, end, link);
    });
  }

  #move(cursor: Cursor, end: () => number, link: Link): void {
    const isBehind = (cursor.at ?? 0) < end();
    const moving = isBehind
      ? cursor.replay(end, after => this.#read(link, { after }))
      : cursor.verify(end, () => this.#readHead(link));
    moving.then(
      () => this.#align(link), // the feed may have moved on meanwhile
      error => this.#recover(link, error),
    );
  }

  async #readHead(link: Link): Promise<number> {
    const { events } = await this.#read(link, {}, 1);
    const head = events.at(-1)?.seq ?? 0;
    this.sequence.noteHead(head);
    this.#watchGap();
    return head;
  }

  /** Takes the latest values. A listener that has followed the channel already knows most of them. */
  #takeLatest({ latest, head, recovered }: JoinReply, since: number | undefined, link: Link): void {
    for (const event of latest as AnyEvent[]) {
      if (event.seq === undefined || event.seq > head) {
        this.receive(event, link);
      } else {
        this.#latest.keep(event);
        const isMissed = since !== undefined && !recovered && event.seq > since;
        if (isMissed) this.#each(cursor => cursor.latest(event as DurableEvent));
      }
    }
  }

  /** Reads a missing event from the log, after a while in which it may still arrive by itself. */
  #watchGap(): void {
    if (!this.sequence.isBehind || this.#readsInProgress || this.#cancelRead) return;
    this.#cancelRead = this.#env.after(OVERTAKEN_MS, () => {
      this.#cancelRead = undefined;
      const link = this.sequence.isBehind && this.#hooks.link(this);
      if (link) void this.refresh(link); // without a link, the next join catches up
    });
  }

  #recover(link: Link, thrown: unknown): void {
    const { code } = toError(thrown);
    if (code === 'disconnected') {
      // Another link may have joined already, during a rotation. Otherwise the next join recovers.
      const other = this.#hooks.link(this);
      if (other && other !== link) this.#align(other);
      return;
    }
    this.#env.after(code === 'not_joined' ? 0 : REJOIN_MS, () => this.#hooks.rejoin(this, link));
  }

  #read(link: Link, query: { after?: number }, limit?: number): Promise<Page> {
    return readPage(this.#env, link, this.channel, query, limit);
  }

  #each(call: (cursor: Cursor) => void): void {
    for (const cursor of [...this.#cursors.values()]) call(cursor);
  }
}
