/**
 * A server in the process of the test that does on demand what the real one cannot be made to do: it loses, repeats and
 * reorders events, falls silent, or refuses one request. It implements the protocol, and runs in the test's fake time.
 */

import type { AnyEvent, Environment, Sender, Sign } from '../../src/index.js';
import { isChange } from './chat.js';
import { serveHttp } from './http.js';
import { Logs } from './logs.js';
import { Refusal } from './refusal.js';
import { type Frame, validate } from './requests.js';
import { found } from './search.js';
import { FakeSocket, type Host } from './socket.js';
import { FakeStorage } from './storage.js';

type Answer = object | Error | undefined;

export class FakeServer extends Logs implements Host {
  readonly storage = new FakeStorage(this.files);
  readonly latest = new Map<string, AnyEvent[]>();
  /** How many latest values fit into a reply. */
  latestMax = 1_000;
  readonly presence = new Map<string, object[]>();
  readonly sockets: FakeSocket[] = [];
  readonly requests: (Frame & { socket: FakeSocket | undefined })[] = [];
  /** What happens to a new socket. */
  door: 'open' | 'closed' | 'silent' = 'open';
  /** Whether HTTP works. */
  http: 'open' | 'closed' = 'open';
  httpCalls = 0;
  /** Whether an HTTP request with the given grant, or without one, is allowed. */
  admits: (grant: string | null) => boolean = () => true;
  isOnline = true;
  isVisible = true;
  /** How long the server keeps a connection after a sign of life, as it tells. */
  leaseSeconds: number | undefined = 600;
  /** How long a token is valid. */
  tokenMs = 24 * 3_600_000;
  /** Called before a request is served. What it returns is the reply; what it throws is the refusal. */
  intercept: (frame: Frame, socket: FakeSocket | undefined) => Answer = () => undefined;
  /** Called when a socket has opened, at the same moment as the client's `onopen`. */
  opened: () => void = () => {};
  /** How much longer than the others a frame takes, in milliseconds. Frames are served concurrently. */
  delay: (frame: Frame) => number = () => 0;
  /** Whether the reply to a request is lost. */
  losesReply: (frame: Frame) => boolean = () => false;
  #signs = new Set<(sign: Sign) => void>();

  /** The environment of the client. Random numbers are 0.5, so that waits are half of their bound. */
  get environment(): Partial<Environment> {
    const server = this;
    return {
      WebSocket: class extends FakeSocket {
        constructor(url: string, protocols: string[]) {
          super(server, url, protocols);
        }
      },
      fetch: (url, init) => serveHttp(this, url, init),
      XMLHttpRequest: this.storage.XMLHttpRequest,
      random: () => 0.5,
      isOnline: () => this.isOnline,
      isVisible: () => this.isVisible,
      watch: listener => {
        this.#signs.add(listener);
        return () => this.#signs.delete(listener);
      },
    };
  }

  /** The number of listeners for signs of the page. */
  get watchers(): number {
    return this.#signs.size;
  }

  /** The last socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('no socket has been opened');
    return socket;
  }

  /** The number of requests with this action. */
  count(action: string): number {
    return this.requests.filter(request => request.action === action).length;
  }

  sign(sign: Sign): void {
    if (sign === 'online' || sign === 'offline') this.isOnline = sign === 'online';
    for (const listener of [...this.#signs]) listener(sign);
  }

  /** Adds a chat message of another user to the log, and posts it to the members. */
  say(channel: string, content: string): AnyEvent {
    const event = this.append(channel, content);
    this.post(event);
    return event;
  }

  /** Lets a user change a message, and posts that; throws a {@link Refusal}. */
  change(channel: string, event: string, draft: object, from: Sender = { userId: 'user_2', name: 'Bob' }) {
    const made = this.changed(channel, event, draft, { from });
    this.post(made);
    return made;
  }

  /** Lets a user read up to the end of the log, and posts that. */
  read(channel: string, userId: string, seq = this.head(channel)): void {
    const reads = this.reads.get(channel) ?? new Map<string, number>();
    this.reads.set(channel, reads.set(userId, Math.max(seq, reads.get(userId) ?? 0)));
    const data = { userId, seq: reads.get(userId), state: 'read' };
    this.post({ type: 'event', channel, event: 'chat.receipt', at: new Date().toISOString(), data });
  }

  /** Examines a file, and posts the outcome. */
  examine(id: string, found: Parameters<Logs['examined']>[1]): void {
    const event = this.examined(id, found);
    if (event) this.post(event);
  }

  /** Posts an event to the members of its channel. */
  post(event: object, except?: FakeSocket): void {
    const { channel } = event as AnyEvent;
    for (const socket of this.sockets) {
      if (socket.channels.has(channel) && socket !== except) socket.deliver(event);
    }
  }

  /** Serves a request; throws a {@link Refusal}. */
  serve(frame: Frame, socket: FakeSocket | undefined): object | undefined {
    this.requests.push({ ...frame, socket });
    validate(frame);
    const answer = this.intercept(frame, socket);
    if (answer instanceof Error) throw answer;
    if (answer) return answer;
    const needsMembership = /^(send|ack|history|search|presence|receipts)$/.test(frame.action);
    if (frame.channel && needsMembership) socket?.checkMember(frame.channel);
    switch (frame.action) {
      case 'join':
        return this.#join(frame, socket);
      case 'leave':
        socket?.leave(frame.channel, Number(frame['order'] ?? Infinity));
        return { channel: frame.channel };
      case 'send':
        return this.#send(frame, socket);
      case 'history':
        return this.#history(frame);
      case 'search':
        return { results: found(this.messagesOf(frame.channel), String(frame['query'])) };
      case 'ack':
        if (frame['state'] === 'read') this.read(frame.channel, this.user, Number(frame['seq']));
        return { seq: frame['seq'] };
      case 'receipts': {
        const reads = [...(this.reads.get(frame.channel) ?? [])];
        return { users: reads.map(([userId, read]) => ({ userId, delivered: read, read })) };
      }
      case 'presence':
        return { users: this.presence.get(frame.channel) ?? [], count: 250, at: new Date().toISOString() };
      case 'status': {
        const connectedAt = new Date(socket?.connectedAt ?? 0);
        const expiresAt = new Date(connectedAt.getTime() + this.tokenMs);
        return {
          user: this.user,
          connectedAt: connectedAt.toISOString(),
          expiresAt: expiresAt.toISOString(),
          leaseSeconds: this.leaseSeconds,
        };
      }
      case 'ping':
        return { at: new Date().toISOString() };
      default:
        throw new Refusal('unknown_action');
    }
  }

  #join(
    { channel, since, order = Infinity }: Frame & { since?: number; order?: number },
    socket: FakeSocket | undefined,
  ) {
    socket?.join(channel, order);
    const log = this.shown(channel);
    const head = this.head(channel);
    const first = log[0]?.seq ?? head + 1;
    const recovered = since === undefined || (since <= head && since + 1 >= first);
    const missed = since === undefined || !recovered ? [] : log.filter(event => (event.seq ?? 0) > since);
    return {
      channel,
      head,
      recovered,
      events: missed.slice(0, 100),
      more: missed.length > 100,
      ...this.#latest(channel, 0, 'latest'),
      presence: this.presence.get(channel) ?? [],
      at: new Date().toISOString(),
    };
  }

  #send(frame: Frame & { event?: string; data?: object; key?: string; base?: number }, from?: FakeSocket) {
    const { channel, event, data, key, base } = frame;
    const at = new Date().toISOString();
    const sender = { userId: this.user, name: 'Ann' };
    if (event !== 'chat.message' && event !== 'app.event' && !isChange(event ?? '')) {
      this.post({ type: 'event', channel, event, at, from: sender, data }, from);
      return { at, duplicate: false, recipients: 1 };
    }
    const log = this.shown(channel);
    const after = base ?? (log.at(-1)?.seq ?? 0) - 100;
    const isKnown = (old: AnyEvent) => old.key === key && old.from?.userId === this.user;
    const known = log.find(old => isKnown(old) && (old.seq ?? 0) > after);
    const kept = known ?? this.keep(channel, event ?? '', data as object, key ?? '', sender);
    if (!known) this.post(kept, from);
    return {
      seq: kept.seq,
      at: kept.at,
      key,
      duplicate: known !== undefined,
      recipients: known ? 0 : 1,
      from: kept.from,
      data: kept.data,
    };
  }

  /** A page of the latest values, and where the next one begins. */
  #latest(channel: string, from: number, name: 'latest' | 'events') {
    const [all, to] = [this.latest.get(channel) ?? [], from + this.latestMax];
    return { [name]: all.slice(from, to), ...(to < all.length && { latestNext: `${to}` }) };
  }

  #history(
    frame: Frame & { before?: number; after?: number; latest?: string; limit?: number; only?: string },
  ) {
    const { channel, before, after, latest, limit, only } = frame;
    if (latest !== undefined) return { ...this.#latest(channel, Number(latest) || 0, 'events'), more: false };
    const isLine = (event: string) => event === 'chat.message' || event === 'chat.call';
    const log = this.shown(channel).filter(({ event }) => !only || isLine(event));
    const most = Number(limit);
    if (after !== undefined) {
      const rest = log.filter(event => (event.seq ?? 0) > Number(after));
      const events = rest.slice(0, most);
      const more = rest.length > most;
      return { events, more, ...(more && { next: events.at(-1)?.seq }) };
    }
    const rest = log.filter(event => before === undefined || (event.seq ?? 0) < Number(before));
    const events = rest.slice(-most);
    const more = rest.length > most;
    return { events, more, ...(more && { next: events[0]?.seq }) };
  }
}
