/**
 * One channel as the client follows it: in order, caught up, and told to its listeners, each from its own place on.
 *
 * A feed asks for nothing by itself but for what is missing from the log. What is joined where is in `memberships.ts`.
 *
 * @module
 */

import type { AnyEvent, Channel, Durable } from './channels.js';
import { Cursor, type Listener, type Loss } from './cursor.js';
import type { Environment } from './environment.js';
import { type FunnelcastError, toError } from './errors.js';
import { type JoinReply, type Link, PAGE_EVENTS_MAX, persist } from './link.js';
import { News } from './news.js';
import { Order } from './order.js';
import type { Page, Status } from './wire.js';

/** How long an event may be overtaken by those after it before the log is read. */
const OVERTAKEN_MS = 300;
/** How long after a log could not be read the channel is joined anew. */
const REJOIN_MS = 5_000;

/** What a feed needs of the client. */
export interface FeedHooks {
  /** A link on which the channel is joined, and which can read its log; if there is one. */
  link(): Link | undefined;
  /** The channel's log could not be read on this link: it is to be joined again. */
  rejoin(link: Link): void;
  /** The server says that the user has lost the channel. */
  revoked(source: object, order: number | undefined): boolean;
  /** Whether the client is closed, so that nothing is to be told. */
  isClosed(): boolean;
  /** A durable event, before the listeners hear it. */
  durable(event: Durable): void;
  lost(loss: Loss): void;
  failed(error: FunnelcastError): void;
}

/** A channel that somebody listens to, or sends to. */
export class Feed {
  readonly channel: Channel;
  readonly order: Order<Durable>;
  /** The user's own status here, once it was set; said again on each new socket. */
  status: Status | undefined;
  /** Rises whenever the status is set. */
  statusVersion = 0;
  /** Rises with each listener that has a grant. */
  grantVersion = 0;
  readonly #env: Environment;
  readonly #hooks: FeedHooks;
  readonly #news = new News();
  readonly #cursors = new Map<Listener, Cursor>();
  #isReading = 0;
  #cancelRead: (() => void) | undefined;

  constructor(env: Environment, channel: Channel, hooks: FeedHooks) {
    this.#env = env;
    this.channel = channel;
    this.#hooks = hooks;
    this.order = new Order<Durable>(
      event => {
        hooks.durable(event);
        this.#news.keep(event);
        this.#each(cursor => cursor.live(event));
      },
      (after, next) => {
        hooks.lost({ after, next });
        this.#each(cursor => cursor.lose(after, next));
      },
      () => hooks.isClosed(),
    );
  }

  /** Adds a listener, which is told what comes after `since`; without one, what comes from now on. */
  listen(listener: Listener, since: number | undefined): void {
    const isHeard = () => this.#cursors.has(listener) && !this.#hooks.isClosed();
    this.#cursors.set(listener, new Cursor(listener, since, isHeard));
    if (listener.grant) this.grantVersion++;
    queueMicrotask(() => {
      const link = this.#hooks.link();
      if (link) this.#settle(link);
    });
  }

  /** Removes a listener. */
  unlisten(listener: Listener): void {
    this.#cursors.delete(listener);
  }

  /** An event of this channel, from a socket or from the reply to a send. */
  hear(event: AnyEvent, source: object): void {
    if (event.seq !== undefined) {
      this.order.live(event as Durable);
      this.#mindGap();
      return;
    }
    if (event.event === 'access.revoked' && !this.#hooks.revoked(source, event.data.order)) return;
    if (this.#news.hear(event, source)) this.#each(cursor => cursor.moment(event));
  }

  /** Sets the user's own status; `Memberships.say` says it. */
  setStatus(status: Status): void {
    this.status = status;
    this.statusVersion++;
  }

  /** The seq from which on the next join is to recover; none where it is to begin at the log's end. */
  since(): number | undefined {
    const all = [...this.#cursors.values()].flatMap(({ at }) => at ?? []);
    if (this.order.last === undefined && all.length > 0) this.order.last = Math.min(...all);
    return this.order.last;
  }

  /** The channel is about to be joined. */
  asked(): void {
    this.#each(cursor => cursor.asked());
  }

  /** A fresh grant, where a listener has said how to get it. */
  async grant(): Promise<string | undefined> {
    let failure: unknown;
    for (const { grant } of [...this.#cursors.keys()]) {
      try {
        if (grant) return await grant();
      } catch (error) {
        failure = error;
      }
    }
    // Whoever has none may still be here by their own right.
    if (failure && [...this.#cursors.keys()].every(({ grant }) => grant)) throw failure;
    return undefined;
  }

  /**
   * Takes the reply to a join; resolves when all that was missed has been told.
   *
   * @param since - what was asked for
   */
  async adopt(reply: JoinReply, since: number | undefined, link: Link): Promise<void> {
    const { head, recovered, presence, at } = reply;
    const info = { ...(presence && { presence }), ...(at && { at }) };
    const known = [...this.#cursors.values()].filter(cursor => cursor.at !== undefined);
    this.#takeLatest(reply, since, link);
    this.#each(cursor => cursor.begin(head, info, this.#news));
    if (since === undefined) this.order.begin(head);
    else if (!recovered) this.order.beginAnew(head, since);
    else this.order.log(reply.events as Durable[]);
    if (reply.more) await this.catchUp(link, head);
    this.order.hearOf(head);
    this.#mindGap();
    for (const cursor of known) cursor.pending = info;
    this.#settle(link);
  }

  /** The channel can't be had: listeners are told why. */
  refuse(error: FunnelcastError): void {
    this.#hooks.failed(error);
    this.#each(cursor => cursor.refuse(error));
  }

  /** Reads the log from where we are to its end. */
  async catchUp(link: Link, until = this.order.seen): Promise<void> {
    this.#isReading++;
    try {
      for (let after = this.order.last ?? 0; ; ) {
        const page = await this.#page(link, { after });
        if (this.#hooks.isClosed()) return;
        this.order.log(page.events as Durable[]);
        if (!page.more) break;
        after = page.next ?? page.events.at(-1)?.seq ?? after;
      }
      // The log was read after `until` was heard of, so what it does not have up to there is gone.
      this.order.logEnd(Math.max(until, this.order.last ?? 0));
    } finally {
      this.#isReading--;
    }
    this.#mindGap();
    this.#settle(link);
  }

  /** Reads the log, and has the channel joined anew where that fails. */
  async refresh(link: Link): Promise<void> {
    await this.catchUp(link).catch(error => this.#mend(link, error));
  }

  /** Ends its timer. */
  dispose(): void {
    this.#cancelRead?.();
  }

  /** Brings listeners that are elsewhere than the feed to where it is. */
  #settle(link: Link): void {
    if (this.order.last === undefined || this.#hooks.isClosed()) return;
    const end = () => this.order.last ?? 0;
    this.#each(cursor => {
      cursor.begin(end(), {}, this.#news);
      if (cursor.isReplaying || cursor.at === undefined) return;
      if (cursor.at === end()) cursor.joined();
      else if (cursor.at < end() || cursor.pending) this.#bring(cursor, end, link);
    });
  }

  #bring(cursor: Cursor, end: () => number, link: Link): void {
    const isBehind = (cursor.at ?? 0) < end();
    const coming = isBehind
      ? cursor.replay(end, after => this.#page(link, { after }))
      : cursor.verify(end, () => this.#readHead(link));
    coming.then(
      () => this.#settle(link), // the feed may have gone on meanwhile
      error => this.#mend(link, error),
    );
  }

  async #readHead(link: Link): Promise<number> {
    const { events } = await this.#page(link, {}, 1);
    const head = events.at(-1)?.seq ?? 0;
    this.order.hearOf(head);
    this.#mindGap();
    return head;
  }

  /** The last value of each key, where it is news: who has followed the channel has heard most of them. */
  #takeLatest({ latest, head, recovered }: JoinReply, since: number | undefined, link: Link): void {
    for (const event of latest as AnyEvent[]) {
      if (event.seq === undefined || event.seq > head) {
        this.hear(event, link);
      } else {
        this.#news.keep(event);
        const isUntold = since !== undefined && !recovered && event.seq > since;
        if (isUntold) this.#each(cursor => cursor.latest(event as Durable));
      }
    }
  }

  /** Reads from the log what does not come, after a while in which it still may. */
  #mindGap(): void {
    if (!this.order.isBehind || this.#isReading || this.#cancelRead) return;
    this.#cancelRead = this.#env.after(OVERTAKEN_MS, () => {
      this.#cancelRead = undefined;
      const link = this.order.isBehind ? this.#hooks.link() : undefined;
      if (link) void this.refresh(link); // without one, the next join catches up
    });
  }

  #mend(link: Link, thrown: unknown): void {
    const { code } = toError(thrown);
    if (code === 'disconnected') return; // the next join recovers
    this.#env.after(code === 'not_joined' ? 0 : REJOIN_MS, () => this.#hooks.rejoin(link));
  }

  #page(link: Link, from: { after?: number }, limit = PAGE_EVENTS_MAX): Promise<Page> {
    const fields = { channel: this.channel, limit, ...from };
    return persist(this.#env, () => link.request('history', fields));
  }

  #each(call: (cursor: Cursor) => void): void {
    for (const cursor of [...this.#cursors.values()]) call(cursor);
  }
}
