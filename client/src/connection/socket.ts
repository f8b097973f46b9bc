/**
 * One WebSocket: its requests and their replies, its events, and the detection of its death.
 *
 * A dead socket does not announce itself when a phone changes networks or a laptop sleeps. Every frame is a sign of life; a
 * ping is for silence: soon where somebody may be looking, at once when they look again or a request stays unanswered, and
 * otherwise as rarely as the connection's lease allows. A socket has ended when nothing at all arrives after a ping.
 *
 * @module
 */

import type { AnyEvent } from '../channels.js';
import type { Environment, WebSocketLike } from '../environment.js';
import { disconnected, errorOf, FunnelcastError, toError } from '../errors.js';
import { type Deferred, deferred } from '../waiting.js';
import type { ActionName, Actions, Reply, ServerFrame, WireEvent } from '../wire.js';
import { encode } from './encode.js';
import type { Fields, Link } from './link.js';

/** How long nothing may arrive while somebody may be looking. With {@link PING_TIMEOUT_MS}, a minute. */
const SILENCE_MS_MAX = 55_000;
/** The least part of a wait for silence, whose rest is random: a broadcast must not make all its recipients ping together. */
const SPREAD_MIN = 0.8;
/** How long the network may stay silent after a ping. */
const PING_TIMEOUT_MS = 5_000;
/** The lease of a connection until the server has told it. */
const LEASE_SECONDS = 300;
/** How long to wait for a reply before the request fails and the socket is pinged. */
const REPLY_TIMEOUT_MS = 8_000;
/** How long a socket that has been replaced waits for its last replies. */
const RETIREMENT_MS = 5_000;

/** The close code for a frame that was larger than the peer accepts. */
const TOO_LARGE = 1009;

/** Where to connect, and the subprotocols to offer. */
export interface Address {
  url: string;
  protocols: string[];
}

/**
 * Why a socket has ended. After `disconnected`, unfinished requests may be repeated on another socket; after `too_large`
 * they may not. `displaced`: the user has too many connections. A new one would only displace the next.
 */
export type EndCode = 'disconnected' | 'too_large' | 'displaced';

/** What a socket reports. */
export interface SocketHooks {
  event(event: AnyEvent, socket: Socket): void;
  frame(direction: 'in' | 'out', text: string): void;
  /** Called once, and only if the socket had opened. */
  ended(socket: Socket, reason: string, code: EndCode): void;
}

interface Request {
  reply: Deferred<never>;
  cancel: () => void;
}

/** A WebSocket that is about to open, is open, or has ended. */
export class Socket implements Link {
  readonly #env: Environment;
  readonly #hooks: SocketHooks;
  readonly #socket: WebSocketLike;
  readonly #opening = deferred<void>();
  readonly #requests = new Map<string | undefined, Request>();
  /** What part of a wait for silence this socket takes. */
  readonly #spread: number;
  /** Cancels the next ping, or the wait for an answer to it. */
  #cancelPing = () => {};
  #openedAt: number | undefined;
  #heardAt = 0;
  #sentAt = 0;
  #leaseMs = LEASE_SECONDS * 1_000;
  #hasEnded = false;
  #isRetired = false;
  #isProbing = false;
  #requestCount = 0;

  constructor(env: Environment, { url, protocols }: Address, hooks: SocketHooks) {
    this.#env = env;
    this.#hooks = hooks;
    this.#spread = SPREAD_MIN + (1 - SPREAD_MIN) * env.random();
    const socket = makeSocket(env, url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.#openedAt = this.#heardAt = this.#sentAt = env.now();
      this.#opening.resolve();
      this.#planPing();
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#receive(String(data));
    socket.onerror = () => {}; // `onclose` follows, with more information
    socket.onclose = ({ code }: { code: number }) =>
      this.end(`the socket was closed with code ${code}`, code === TOO_LARGE ? 'too_large' : 'disconnected');
  }

  /** Resolves when the socket is open; rejects if it ends first. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** How long ago the socket has opened, in milliseconds. */
  get age(): number {
    return this.#env.now() - (this.#openedAt ?? Infinity);
  }

  /** Whether requests can be made. */
  get isOpen(): boolean {
    return this.#openedAt !== undefined && !this.#hasEnded;
  }

  request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']> {
    if (this.#hasEnded) return Promise.reject(disconnected());
    const id = (this.#requestCount++).toString(36);
    const reply = deferred<never>();
    try {
      const text = encode(action, id, fields);
      const cancel = this.#env.after(REPLY_TIMEOUT_MS, () => {
        this.#take(id)?.reject(new FunnelcastError('timeout', `no reply to ${action}`));
        this.probe();
      });
      this.#requests.set(id, { reply, cancel });
      this.#hooks.frame('out', text);
      this.#sentAt = this.#env.now();
      if (!this.#hasEnded) this.#socket.send(text);
    } catch (error) {
      this.#take(id);
      reply.reject(toError(error, 'disconnected'));
    }
    return reply.promise;
  }

  /** Takes note of how long the server keeps the connection after a sign of life. */
  setLease(seconds = LEASE_SECONDS): void {
    this.#leaseMs = seconds * 1_000;
    this.#planPing();
  }

  /** Pings the server if nothing has arrived for so long, and ends the socket if nothing arrives then. */
  probe(silenceMs = 0): void {
    if (this.#isProbing || !this.isOpen || this.#env.now() - this.#heardAt < silenceMs) return;
    this.#isProbing = true;
    void this.request('ping', {}).catch(() => {}); // an error is a sign of life, too
    this.#cancelPing();
    this.#cancelPing = this.#env.after(PING_TIMEOUT_MS, () => this.end('the network is silent'));
  }

  /** Ends the socket as soon as the last reply has arrived. */
  retire(): void {
    this.#isRetired = true;
    this.#env.after(RETIREMENT_MS, () => this.end('replaced'));
    this.#endIfIdle();
  }

  /** Ends the socket now. Unfinished requests fail with `too_large` or `disconnected`. */
  end(reason: string, code: EndCode = 'disconnected'): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelPing();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    this.#failAll(new FunnelcastError(code === 'displaced' ? 'disconnected' : code, reason));
    if (this.#openedAt === undefined) this.#opening.reject(disconnected(reason));
    else this.#hooks.ended(this, reason, code);
  }

  /**
   * Pings when it is time, and otherwise looks again when it may be. Only what is sent counts for the lease, which is
   * renewed twice in its time, although what is received may renew it as well.
   */
  #planPing(): void {
    if (this.#isProbing || !this.isOpen) return;
    const leaseAt = this.#sentAt + (this.#leaseMs / 2) * this.#spread;
    const silentAt = this.#env.isVisible() ? this.#heardAt + SILENCE_MS_MAX * this.#spread : leaseAt;
    const ms = Math.min(leaseAt, silentAt) - this.#env.now();
    this.#cancelPing();
    if (ms <= 0) this.probe();
    else this.#cancelPing = this.#env.after(ms, () => this.#planPing());
  }

  #receive(text: string): void {
    this.#heardAt = this.#env.now();
    if (this.#isProbing) {
      this.#isProbing = false;
      this.#planPing();
    }
    this.#hooks.frame('in', text);
    const frame = parse(text);
    if (frame?.type === 'event') this.#receiveEvents([frame]);
    else if (frame?.type === 'batch') this.#receiveEvents(frame.events);
    else if (frame?.type === 'reply') this.#receiveReply(frame);
    else if (this.#requests.size === 1)
      this.#failAll(new FunnelcastError('internal', 'API Gateway could not serve the request'));
    // Otherwise API Gateway reports an error of its own without naming the request, which will time out.
  }

  #failAll(error: FunnelcastError): void {
    for (const id of this.#requests.keys()) this.#take(id)?.reject(error);
  }

  #receiveEvents(events: WireEvent[]): void {
    for (const event of events) {
      if (this.#hasEnded) return; // a handler of the event before has ended the socket
      this.#hooks.event(event as AnyEvent, this);
    }
  }

  #receiveReply(frame: Reply): void {
    if (!frame.ok && frame.error.code === 'unauthorized') {
      // The token has expired, or the table no longer has this connection: nothing more will arrive on it.
      this.end(frame.error.message);
    } else if (!frame.ok && frame.id === undefined && frame.error.code === 'conflict') {
      this.end(frame.error.message, 'displaced');
    } else {
      const reply = this.#take(frame.id);
      if (frame.ok) reply?.resolve(frame.data as never);
      else reply?.reject(errorOf(frame.error));
    }
  }

  /** Takes the request with this id out of those that are unanswered. Whoever does must settle its reply. */
  #take(id: string | undefined): Deferred<never> | undefined {
    const request = this.#requests.get(id);
    if (!request) return undefined;
    this.#requests.delete(id);
    request.cancel();
    this.#endIfIdle();
    return request.reply;
  }

  #endIfIdle(): void {
    if (this.#isRetired && this.#requests.size === 0) this.end('replaced');
  }
}

function parse(text: string): ServerFrame | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Makes a WebSocket. A failure is permanent: the runtime has no WebSocket, or does not accept the address. */
function makeSocket(env: Environment, url: string, protocols: string[]): WebSocketLike {
  try {
    return new env.WebSocket(url, protocols);
  } catch (error) {
    const hint = env.WebSocket ? `${error}` : 'this runtime has none; set `environment.WebSocket`';
    throw new FunnelcastError('bad_request', `cannot make a WebSocket: ${hint}`);
  }
}
