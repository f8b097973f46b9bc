/**
 * The parts of a client, and what each tells the others. No part knows the client or a part above it: whatever it reports
 * goes through the hooks that are connected here.
 *
 * @module
 */

import type { AnyEvent } from './channels.js';
import { type ClientEvents, Connectivity, Emitter } from './client-events.js';
import { addressSource } from './connection/access.js';
import { Connection } from './connection/connection.js';
import type { HttpApi } from './connection/link.js';
import type { Environment } from './environment.js';
import { closed } from './errors.js';
import { Feeds } from './feed/feeds.js';
import { Memberships } from './feed/memberships.js';
import type { ClientOptions } from './options.js';
import { Requests } from './sending/requests.js';
import { SendQueue } from './sending/send-queue.js';

/** The parts of one client. */
export type Parts = ReturnType<typeof makeParts>;

/** Makes the parts of a client, and connects them. */
export function makeParts(env: Environment, options: ClientOptions) {
  const http = options.http?.(env);
  const emitter = new Emitter<ClientEvents>();
  const receive = (event: AnyEvent, source: object) => feeds.get(event.channel)?.receive(event, source);
  const connection: Connection = new Connection(env, addressSource(options, http), http?.link, {
    event: receive,
    frame: (direction, text) => emitter.emit('frame', { direction, text }),
    opened: socket => memberships.open(socket),
    ended: (socket, code) => memberships.end(socket, code),
    state(change) {
      if (http) poll(http, change.state === 'polling');
      if (change.state === 'closed') queue.abandon(closed(change.error?.message));
      emitter.emit('state', change);
      connectivity.update();
    },
  });
  const connectivity = new Connectivity(connection, emitter);
  http?.watch(connectivity.update);

  const feeds: Feeds = new Feeds(env, {
    link(feed) {
      const link = connection.current('history');
      return link && memberships.has(link, feed) ? link : undefined;
    },
    rejoin: (feed, link) => memberships.rejoin(link, feed),
    revoked: (feed, source, order) => memberships.revoke(feed, source, order),
    isClosed: () => connection.state === 'closed',
    durable(event) {
      queue.received(event);
      emitter.emit('logged', event);
      if (event.event !== 'chat.message' || event.data.n === undefined) return;
      const { conversationId, userId, n: readN } = event.data;
      // Whoever sends has read.
      if (userId !== undefined && userId === connection.user) emitter.emit('read', { conversationId, readN });
    },
    lost: ({ channel }, loss) => queue.lost(channel, loss.after),
    failed: ({ channel }, error) => emitter.emit('error', { error, channel }),
    removed: feed => memberships.remove(feed),
  });
  const memberships = new Memberships(env, feeds);
  const requests = new Requests(env, connection, feeds, memberships);
  const queue: SendQueue = new SendQueue(options.outboxLimit ?? 100, {
    deliver: ({ channel }, attempt, signal) =>
      requests.persist('send', channel, link => attempt(fields => link.request('send', fields)), signal),
    lastSeq: channel => feeds.get(channel)?.sequence.last,
    user: () => connection.user,
    event: event => receive(event, queue),
  });

  function poll({ link, poll }: HttpApi, isWanted: boolean): void {
    if (isWanted) void memberships.open(link);
    else memberships.end(link);
    poll(isWanted, () => [...feeds].filter(feed => memberships.has(link, feed)));
  }
  return { connection, connectivity, emitter, feeds, http, memberships, queue, requests };
}
