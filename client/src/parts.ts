/**
 * The parts of a client, and what each tells the others. No part knows the client or a part above it: whatever it reports
 * goes through the hooks that are connected here.
 *
 * @module
 */

import { type ClientEvents, Connectivity, Emitter } from './client-events.js';
import { addressSource } from './connection/access.js';
import { Connection } from './connection/connection.js';
import type { HttpApi } from './connection/link.js';
import type { Environment } from './environment.js';
import { closed } from './errors.js';
import type { Feed, FeedHooks } from './feed/feed.js';
import { Feeds } from './feed/feeds.js';
import { Memberships } from './feed/memberships.js';
import type { ClientOptions } from './options.js';
import { Requests } from './sending/requests.js';
import { SendQueue } from './sending/send-queue.js';

/** Makes and connects the parts of one client. */
export class Parts {
  readonly emitter = new Emitter<ClientEvents>();
  readonly connection: Connection;
  readonly connectivity: Connectivity;
  readonly feeds: Feeds;
  readonly memberships: Memberships;
  readonly requests: Requests;
  readonly queue: SendQueue;

  constructor(env: Environment, options: ClientOptions) {
    const http = options.http?.(env);
    this.connection = new Connection(env, addressSource(options, http), http?.link, {
      event: (event, socket) => this.feeds.get(event.channel)?.receive(event, socket),
      frame: (direction, text) => this.emitter.emit('frame', { direction, text }),
      opened: socket => this.memberships.open(socket),
      ended: (socket, code) => this.memberships.end(socket, code),
      state: change => {
        if (http) this.#poll(http, change.state === 'polling');
        if (change.state === 'closed') this.queue.abandon(closed(change.error?.message));
        this.emitter.emit('state', change);
        this.connectivity.stateChanged();
      },
    });
    this.connectivity = new Connectivity(this.connection, this.emitter);
    http?.watch(this.connectivity.httpEnded);
    this.feeds = new Feeds(env, {
      hooks: feed => this.#feedHooks(feed),
      removed: feed => this.memberships.remove(feed),
    });
    this.memberships = new Memberships(env, this.feeds);
    this.requests = new Requests(env, this.connection, this.feeds, this.memberships);
    this.queue = new SendQueue(options.outboxLimit ?? 100, {
      deliver: ({ channel }, attempt, signal) =>
        this.requests.persist(
          'send',
          channel,
          link => attempt(fields => link.request('send', fields)),
          signal,
        ),
      lastSeq: channel => this.feeds.get(channel)?.sequence.last,
      user: () => this.connection.user,
      event: event => this.feeds.get(event.channel)?.receive(event, this),
    });
  }

  #feedHooks(feed: () => Feed): FeedHooks {
    return {
      link: () => {
        const link = this.connection.current('history');
        return link && this.memberships.has(link, feed()) ? link : undefined;
      },
      rejoin: link => this.memberships.rejoin(link, feed()),
      revoked: (source, order) => this.memberships.revoke(feed(), source, order),
      isClosed: () => this.connection.state === 'closed',
      durable: event => this.queue.received(event),
      lost: loss => this.queue.lost(feed().channel, loss.after),
      failed: error => this.emitter.emit('error', { error, channel: feed().channel }),
    };
  }

  #poll({ link, poll }: HttpApi, isWanted: boolean): void {
    if (isWanted) void this.memberships.open(link);
    else this.memberships.end(link);
    poll(isWanted, () => [...this.feeds].filter(feed => this.memberships.has(link, feed)));
  }
}
