/**
 * One WebSocket: requests and their replies, events, and finding out that it is dead.
 *
 * A socket that is dead does not say so: a phone that has changed networks, a laptop that slept. So it is pinged, and
 * whenever a request stays unanswered, too; when nothing at all is heard after a ping, the socket has ended.
 *
 * @module
 */

import type { AnyEvent } from './channels.js';
import { encode } from './encode.js';
import type { Environment, WebSocketLike } from './environment.js';
import { FunnelcastError, toError } from './errors.js';
import type { Fields, Link } from './link.js';
import { type Deferred, deferred } from './waiting.js';
import type { ActionName, Actions, Reply, ServerFrame, WireEvent } from './wire.js';

/** How often the connection's lease is renewed and the network tried, give or take a tenth. */
const PING_MS = 25_000;
/** How long the network may be silent after a ping. */
const PING_TIMEOUT_MS = 5_000;
/** After so long without a reply a request has failed, and the network is in doubt. */
const REPLY_TIMEOUT_MS = 8_000;
/** How long a socket that has been replaced waits for its last replies. */
const RETIREMENT_MS = 5_000;

/** The close code of a peer that got a larger frame than it takes. */
const TOO_LARGE = 1009;

/** Where to connect, and the subprotocols to offer. */
export interface Address {
  url: string;
  protocols: string[];
}

/**
 * Why a socket ended: what is under way then may be repeated on another, unless it was too large. `displaced`: the user has
 * too many connections, and this one had to go; another would only displace the next, which would do the same.
 */
export type EndCode = 'disconnected' | 'too_large' | 'displaced';

/** Whom a socket tells. */
export interface SocketHooks {
  event(event: AnyEvent, socket: Socket): void;
  frame(direction: 'in' | 'out', text: string): void;
  /** Once, if it had opened. */
  ended(socket: Socket, reason: string, code: EndCode): void;
}

interface Request {
  reply: Deferred<never>;
  cancel: () => void;
}

/** A WebSocket that has opened, is about to, or has ended. */
export class Socket implements Link {
  readonly #env: Environment;
  readonly #hooks: SocketHooks;
  readonly #socket: WebSocketLike;
  readonly #opening = deferred<void>();
  readonly #requests = new Map<string, Request>();
  #openedAt: number | undefined;
  #hasEnded = false;
  #isRetired = false;
  #isProbing = false;
  #requested = 0;
  #heard = 0;
  readonly #timers = new Set<() => void>();

  constructor(env: Environment, { url, protocols }: Address, hooks: SocketHooks) {
    this.#env = env;
    this.#hooks = hooks;
    const socket = makeSocket(env, url, protocols);
    this.#socket = socket;
    socket.onopen = () => {
      this.#openedAt = env.now();
      this.#opening.resolve();
      this.#pingLater();
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#hear(String(data));
    socket.onerror = () => {}; // `onclose` follows, and knows more
    socket.onclose = ({ code }: { code: number }) =>
      this.end(`the socket was closed (${code})`, code === TOO_LARGE ? 'too_large' : 'disconnected');
  }

  /** Resolves when it is open; fails if that never comes. */
  get opened(): Promise<void> {
    return this.#opening.promise;
  }

  /** How long it has been open, in milliseconds. */
  get age(): number {
    return this.#openedAt === undefined ? 0 : this.#env.now() - this.#openedAt;
  }

  /** Whether requests can be made. */
  get isOpen(): boolean {
    return this.#openedAt !== undefined && !this.#hasEnded;
  }

  request<A extends ActionName>(action: A, fields: Fields<A>): Promise<Actions[A]['reply']> {
    if (this.#hasEnded) return Promise.reject(new FunnelcastError('disconnected', 'the socket has ended'));
    const id = (this.#requested++).toString(36);
    const reply = deferred<never>();
    try {
      const text = encode(action, id, fields);
      const cancel = this.#env.after(REPLY_TIMEOUT_MS, () => {
        this.#settle(id, () => reply.reject(new FunnelcastError('timeout', `no reply to ${action}`)));
        this.probe();
      });
      this.#requests.set(id, { reply, cancel });
      this.#hooks.frame('out', text);
      if (!this.#hasEnded) this.#socket.send(text);
    } catch (thrown) {
      const error = toError(thrown, 'disconnected');
      if (!this.#settle(id, () => reply.reject(error))) reply.reject(error);
    }
    return reply.promise;
  }

  /** Pings, and ends the socket if nothing comes back. */
  probe(): void {
    if (this.#isProbing || !this.isOpen) return;
    this.#isProbing = true;
    const heard = this.#heard;
    void this.request('ping', {}).catch(() => {}); // what matters of a refusal is that it came
    this.#later(PING_TIMEOUT_MS, () => {
      this.#isProbing = false;
      if (heard === this.#heard) this.end('the network is silent');
    });
  }

  /** Ends it as soon as the last reply is in. */
  retire(): void {
    this.#isRetired = true;
    this.#later(RETIREMENT_MS, () => this.end('replaced'));
    this.#endIfIdle();
  }

  /** Ends it now: what waits for a reply fails, as `too_large` or `disconnected`. */
  end(reason: string, code: EndCode = 'disconnected'): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const cancel of this.#timers) cancel();
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
    const error = new FunnelcastError(code === 'displaced' ? 'disconnected' : code, reason);
    for (const id of [...this.#requests.keys()]) this.#settle(id, ({ reply }) => reply.reject(error));
    if (this.#openedAt === undefined) this.#opening.reject(new FunnelcastError('disconnected', reason));
    else this.#hooks.ended(this, reason, code);
  }

  #pingLater(): void {
    this.#later(PING_MS * (0.9 + 0.2 * this.#env.random()), () => {
      this.probe();
      this.#pingLater();
    });
  }

  /** Calls back later, unless the socket has ended by then. */
  #later(ms: number, callback: () => void): void {
    const cancel = this.#env.after(ms, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
  }

  #hear(text: string): void {
    this.#heard++;
    this.#hooks.frame('in', text);
    const frame = parse(text);
    if (frame?.type === 'event') this.#hearEvents([frame]);
    else if (frame?.type === 'batch') this.#hearEvents(frame.events);
    else if (frame?.type === 'reply') this.#hearReply(frame);
    else if (this.#requests.size === 1) this.#fail([...this.#requests.keys()][0] as string);
    // Else it is an error of API Gateway's own, on a request that it does not name: that one will time out.
  }

  /** API Gateway reports an error of its own, and there is only one request that it can be about. */
  #fail(id: string): void {
    const error = new FunnelcastError('internal', 'the request was not served');
    this.#settle(id, ({ reply }) => reply.reject(error));
  }

  #hearEvents(events: WireEvent[]): void {
    for (const event of events) {
      if (this.#hasEnded) return; // by whoever was told of the one before
      this.#hooks.event(event as AnyEvent, this);
    }
  }

  #hearReply(frame: Reply): void {
    if (!frame.ok && frame.error.code === 'unauthorized') {
      // The token has expired, or the table no longer knows this connection: nothing more will come of it.
      this.end(frame.error.message);
    } else if (!frame.ok && frame.id === undefined && frame.error.code === 'conflict') {
      this.end(frame.error.message, 'displaced');
    } else if (frame.id !== undefined) {
      this.#settle(frame.id, ({ reply }) => {
        if (frame.ok) return reply.resolve(frame.data as never);
        const { code, message, retryAfterMs, field } = frame.error;
        reply.reject(new FunnelcastError(code, message, retryAfterMs, field));
      });
    }
  }

  #settle(id: string, settle: (request: Request) => void): boolean {
    const request = this.#requests.get(id);
    if (!request) return false;
    this.#requests.delete(id);
    request.cancel();
    settle(request);
    this.#endIfIdle();
    return true;
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

/** Makes a WebSocket. That there is none, or that it takes no such address, no retry mends. */
function makeSocket(env: Environment, url: string, protocols: string[]): WebSocketLike {
  try {
    return new env.WebSocket(url, protocols);
  } catch (error) {
    const hint = env.WebSocket ? `${error}` : 'there is none here; give one as `environment.WebSocket`';
    throw new FunnelcastError('bad_request', `cannot make a WebSocket: ${hint}`);
  }
}
