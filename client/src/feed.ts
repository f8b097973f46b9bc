/**
 * One channel as the client follows it: joined on every socket anew, caught up, in order, told to whoever listens.
 *
 * @module
 */

import type { AnyEvent, Channel } from './channels.js';
import { callSafely } from './emitter.js';
import type { Environment } from './environment.js';
import { type FunnelcastError, toError } from './errors.js';
import { type Fields, type Link, persist } from './link.js';
import { News } from './news.js';
import { Order } from './order.js';
import type { ActionName, Joined, Presence } from './wire.js';

/** How long an event may be overtaken by those after it before the log is read. */
const OVERTAKEN_MS = 300;
/** How many events are read from the log at once; the server's limit. */
export const PAGE_EVENTS_MAX = 100;

/** A stretch of a channel that is gone for good: the events after `after`, up to but without `next`. */
export interface Loss {
  after: number;
  next: number;
}

/** Where a channel stands when it has been joined. */
export interface JoinInfo {
  /** The log's last seq: what is after it comes to the handlers, what is up to it is in the history. */
  head: number;
  /** Whether nothing was missed since the channel was last joined. */
  recovered: boolean;
  /** Who is here, on channels that tell; empty where they are too many to name. Absent where it was not asked now. */
  presence?: Presence[];
}

/** One who listens to a channel. */
export interface Listener {
  event(event: AnyEvent): void;
  joined?(info: JoinInfo): void;
  lost?(loss: Loss): void;
  refused?(error: FunnelcastError): void;
  /** A grant of the app's backend for just this channel. */
  grant?: (() => Promise<string>) | undefined;
}

/** Whom a feed tells, beside its listeners. */
export interface FeedHooks {
  /** The way to the server, if there is one. */
  link(action: ActionName): Link | undefined;
  /** A durable event, before the listeners hear it. */
  durable(event: Durable): void;
  lost(loss: Loss): void;
  failed(error: FunnelcastError): void;
}

/** An event that is in its channel's log. */
export type Durable = AnyEvent & { seq: number };

/** A channel that somebody listens to, or sends to. */
export class Feed {
  readonly channel: Channel;
  readonly order: Order<Durable>;
  readonly listeners = new Set<Listener>();
  readonly #env: Environment;
  readonly #hooks: FeedHooks;
  readonly #news = new News();
  #joins = new WeakMap<Link, Promise<JoinInfo>>();
  #isJoined = false;
  #isReading = 0;
  #cancelRead: (() => void) | undefined;

  /** @param since - the last seq that the app has seen already, from an earlier page or a server's rendering */
  constructor(env: Environment, channel: Channel, since: number | undefined, hooks: FeedHooks) {
    this.#env = env;
    this.channel = channel;
    this.#hooks = hooks;
    this.order = new Order<Durable>(
      event => {
        hooks.durable(event);
        this.#news.keep(event);
        this.#tell(event);
      },
      (after, next) => {
        hooks.lost({ after, next });
        this.#each(listener => listener.lost?.({ after, next }));
      },
    );
    this.order.last = since;
  }

  /** Adds one who listens. Who comes late is told where the channel stands, and the last values. */
  listen(listener: Listener): void {
    this.listeners.add(listener);
    if (!this.#isJoined) return;
    queueMicrotask(() => {
      if (!this.listeners.has(listener)) return;
      callSafely(listener.joined, { head: this.order.last ?? 0, recovered: true });
      for (const event of this.#news.latest()) callSafely(listener.event, event);
    });
  }

  /** An event of this channel, as it comes from a socket or from the reply to a send. */
  hear(event: AnyEvent): void {
    if (event.seq !== undefined) {
      this.order.live(event as Durable);
      this.#mindGap();
    } else if (event.event === 'access.revoked') {
      this.#joins = new WeakMap();
      this.#tell(event);
    } else if (this.#news.hear(event)) {
      this.#tell(event);
    }
  }

  /** Joins on this link, once; resolves when the feed has caught up. */
  join(link: Link): Promise<JoinInfo> {
    let joining = this.#joins.get(link);
    if (!joining) {
      joining = link.begin?.(this) ?? this.#join(link);
      this.#joins.set(link, joining);
      joining.then(
        info => {
          this.#isJoined = true;
          this.#each(listener => listener.joined?.(info));
        },
        error => {
          this.#joins.delete(link);
          this.refuse(toError(error));
        },
      );
    }
    return joining;
  }

  /** The server says that the channel is not joined on this link, whatever we believed. */
  forget(link: Link): void {
    this.#joins.delete(link);
  }

  /** The server does not let us hear this channel. */
  refuse(error: FunnelcastError): void {
    if (error.code === 'disconnected') return; // the next socket is asked
    this.#hooks.failed(error);
    this.#each(listener => listener.refused?.(error));
  }

  /** A fresh grant of the app's backend, where one who listens has said how to get it. */
  async grant(): Promise<string | undefined> {
    return [...this.listeners].find(listener => listener.grant)?.grant?.();
  }

  /** Reads the log from where we are to its end. */
  async catchUp(link: Link, until = this.order.seen): Promise<void> {
    this.#isReading++;
    try {
      let after = this.order.last ?? 0;
      for (;;) {
        const fields = { channel: this.channel, after, limit: PAGE_EVENTS_MAX };
        const page = await persist(this.#env, () => link.request('history', fields));
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
  }

  /** Ends its timer. */
  dispose(): void {
    this.#cancelRead?.();
  }

  async #join(link: Link): Promise<JoinInfo> {
    const since = this.order.last;
    const fields: Fields<'join'> = { channel: this.channel, since, grant: await this.grant() };
    const joined = await persist(this.#env, () => link.request('join', fields));
    this.#takeLatest(joined, since);
    const { head, recovered, presence } = joined;
    if (since === undefined) this.order.begin(head);
    else if (!recovered) this.order.beginAnew(head, since);
    else this.order.log(joined.events as Durable[]);
    if (joined.more) await this.catchUp(link, head);
    this.order.hearOf(head);
    this.#mindGap();
    return { head: this.order.last ?? head, recovered, presence };
  }

  /** The last value of each key, where it is news: who has followed the channel has heard most of them. */
  #takeLatest({ latest, head, recovered }: Joined, since: number | undefined): void {
    for (const event of latest as AnyEvent[]) {
      if (event.seq === undefined || event.seq > head) this.hear(event);
      else if (since === undefined || (!recovered && event.seq > since)) {
        this.#news.keep(event);
        this.#tell(event);
      }
    }
  }

  /** Reads from the log what does not come, after a while in which it still may. */
  #mindGap(): void {
    if (!this.order.isBehind || this.#isReading || this.#cancelRead) return;
    this.#cancelRead = this.#env.after(OVERTAKEN_MS, () => {
      this.#cancelRead = undefined;
      const link = this.order.isBehind ? this.#hooks.link('history') : undefined;
      // Without a link, or where the server says that we have not joined, the next join catches up.
      if (link) this.catchUp(link).catch(() => this.#rejoin(link));
    });
  }

  #rejoin(link: Link): void {
    this.#joins.delete(link);
    void this.join(link);
  }

  #tell(event: AnyEvent): void {
    this.#each(listener => listener.event(event));
  }

  #each(call: (listener: Listener) => void): void {
    for (const listener of [...this.listeners]) callSafely(call, listener);
  }
}
