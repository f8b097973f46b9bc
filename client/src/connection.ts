/**
 * The state machine: keeps one socket open, whatever happens to it.
 *
 * ```text
 *            connect()                 opened
 *   idle ──────────────▶ connecting ───────────▶ connected ─┐
 *                         ▲      │ failed          │        │ before the 2-hour cut:
 *         time, online,   │      ▼            lost │        │ a second socket, then
 *         tab visible     └── waiting ◀────────────┘ ◀──────┘ the first is closed
 *                                │ 3 failures, and there is an HTTP API
 *                                ▼
 *                             polling ──▶ connected, as soon as a socket opens
 *
 *   any ── close(), or a refusal that no retry mends ──▶ closed ── connect() ──▶ connecting
 * ```
 *
 * @module
 */

import type { Environment, Sign } from './environment.js';
import { closed, FunnelcastError, toError } from './errors.js';
import { type FallbackLink, type Link, retryDelay } from './link.js';
import { Rotation } from './rotation.js';
import { type Address, type EndCode, Socket, type SocketHooks } from './socket.js';
import { deferred, unlessAborted } from './waiting.js';
import type { ActionName } from './wire.js';

/** A socket that was up so long was no failure. */
const STABLE_MS = 10_000;
/** How long getting an address and opening a socket may take together. */
const OPEN_TIMEOUT_MS = 10_000;
/** How often it is tried while the device says that it has no network, give or take a quarter. */
const OFFLINE_RETRY_MS = 30_000;
/** After so many failures in a row the client polls. */
const FAILURES_TO_POLL = 3;

/**
 * What the connection is doing:
 * - `idle`: nothing yet, until `connect()`;
 * - `connecting`: getting an address, opening a socket;
 * - `connected`: a socket is open;
 * - `waiting`: for the next try, or for the device's network to come back;
 * - `polling`: WebSockets fail; news comes by HTTP, and the socket is still being tried;
 * - `closed`: by `close()`, or because the server will not have us. `connect()` begins again.
 */
export type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'polling' | 'closed';

/** A step of the state machine. */
export interface StateChange {
  state: State;
  previous: State;
  /** What went wrong, where something did; of `closed`, why. */
  error?: FunnelcastError;
  /** When the next try comes by itself, in milliseconds. */
  retryInMs?: number;
}

/** Whom the connection tells, beside what its sockets tell. */
export interface ConnectionHooks extends Omit<SocketHooks, 'ended'> {
  state(change: StateChange): void;
  /** A socket is open: joins all channels on it. Resolves when each of them has its answer. */
  opened(socket: Socket): Promise<unknown>;
  /** A socket has ended, or is not to be used any more. */
  ended(socket: Socket, code: EndCode): void;
}

/** One connection to the server, kept up over any number of sockets. */
export class Connection {
  state: State = 'idle';
  /** The last thing that went wrong; nothing while connected. */
  error: FunnelcastError | undefined;

  readonly #env: Environment;
  readonly #address: (signal: AbortSignal) => Promise<Address>;
  readonly #fallback: FallbackLink | undefined;
  readonly #hooks: ConnectionHooks;
  readonly #rotation: Rotation;
  #socket: Socket | undefined;
  #attempt: AbortController | undefined;
  #failures = 0;
  #changed = deferred<void>();
  #cancelRetry = () => {};
  #unwatch = () => {};

  constructor(
    env: Environment,
    address: (signal: AbortSignal) => Promise<Address>,
    fallback: FallbackLink | undefined,
    hooks: ConnectionHooks,
  ) {
    this.#env = env;
    this.#address = address;
    this.#fallback = fallback;
    this.#hooks = hooks;
    this.#rotation = new Rotation(env, {
      open: attempt => this.#open(attempt),
      opened: socket => hooks.opened(socket),
      replace: (old, next) => {
        this.#socket = next;
        hooks.ended(old, 'disconnected');
        old.retire();
      },
    });
  }

  /** Whose connection it is, as the server says; known shortly after it is up. */
  get user(): string | undefined {
    return this.#rotation.user;
  }

  /** Begins, if it has not begun. */
  connect(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.#failures = 0;
    this.#unwatch = this.#env.watch(sign => this.#see(sign));
    this.#try();
  }

  /** Gives up what there is and begins at once, from any state. */
  reconnect(): void {
    if (this.state === 'idle' || this.state === 'closed') return this.connect();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#failures = 0;
    socket?.end('replaced');
    this.#try();
  }

  /** Ends for good, or until `connect()`. */
  close(error: FunnelcastError): void {
    if (this.state === 'closed') return;
    this.#stop();
    this.#unwatch();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#set('closed', error);
    socket?.end(error.message);
  }

  /** The way on which `action` can go now; waits for one. */
  async link(action: ActionName, signal?: AbortSignal): Promise<Link> {
    for (;;) {
      const link = this.current(action);
      if (link) return link;
      if (this.state === 'closed') throw closed(this.error?.message);
      await unlessAborted(this.#changed.promise, signal);
    }
  }

  /** The way on which `action` can go now, if there is one. */
  current(action: ActionName): Link | undefined {
    return (
      this.#socket ?? (this.state === 'polling' && this.#fallback?.can(action) ? this.#fallback : undefined)
    );
  }

  #try(): void {
    if (this.#env.isOnline()) this.#attemptNow();
    else this.#waitOffline();
  }

  /** The device says that it has no network. It may be wrong, and it may forget to say when it has one again. */
  #waitOffline(error?: FunnelcastError): void {
    this.#stop();
    const retryInMs = OFFLINE_RETRY_MS * (0.75 + 0.5 * this.#env.random());
    this.#cancelRetry = this.#env.after(retryInMs, () => this.#attemptNow());
    this.#set('waiting', error, retryInMs);
  }

  #attemptNow(): void {
    this.#stop();
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#open(attempt).then(
      socket => {
        if (this.#attempt === attempt) this.#up(socket);
        else socket.end('given up');
      },
      error => {
        if (this.#attempt === attempt) this.#failed(toError(error, 'disconnected'));
      },
    );
    if (this.state !== 'polling') this.#set('connecting');
  }

  /** Gets an address and opens a socket there. If the attempt is aborted meanwhile, nothing is left of either. */
  async #open(attempt: AbortController): Promise<Socket> {
    const { signal } = attempt;
    const late = () => attempt.abort(new FunnelcastError('timeout', 'the socket did not open in time'));
    const cancel = this.#env.after(OPEN_TIMEOUT_MS, late);
    let socket: Socket | undefined;
    try {
      const address = await unlessAborted(this.#address(signal), signal);
      const ended: SocketHooks['ended'] = (...how) => this.#ended(...how);
      socket = new Socket(this.#env, address, { ...this.#hooks, ended });
      await unlessAborted(socket.opened, signal);
      return socket;
    } catch (error) {
      socket?.end('given up');
      throw error;
    } finally {
      cancel();
    }
  }

  #up(socket: Socket): void {
    this.#attempt = undefined;
    this.#socket = socket;
    this.#rotation.plan(socket);
    void this.#hooks.opened(socket);
    this.#set('connected');
  }

  #ended(socket: Socket, reason: string, code: EndCode): void {
    this.#hooks.ended(socket, code);
    if (socket !== this.#socket) return; // replaced, or never in use
    this.#socket = undefined;
    this.#rotation.cancel();
    if (code === 'displaced') return this.close(new FunnelcastError('conflict', reason));
    this.#failures = socket.age >= STABLE_MS ? 0 : this.#failures + 1;
    this.#retry(new FunnelcastError('disconnected', reason));
  }

  #failed(error: FunnelcastError): void {
    this.#attempt = undefined;
    if (/^(unauthorized|forbidden|bad_request)$/.test(error.code)) return this.close(error); // no retry mends it
    this.#failures++;
    this.#retry(error);
  }

  #retry(error: FunnelcastError): void {
    if (!this.#env.isOnline()) return this.#waitOffline(error);
    if (this.#failures === 0) return this.#try();
    const retryInMs = retryDelay(this.#env, error, this.#failures);
    const polls = this.#fallback && this.#failures >= FAILURES_TO_POLL;
    this.#cancelRetry = this.#env.after(retryInMs, () => this.#try());
    this.#set(polls ? 'polling' : 'waiting', error, retryInMs);
  }

  /** What the page or the network has come to. */
  #see(sign: Sign): void {
    if (this.#socket) return this.#socket.probe(); // it may be dead, and it may well live
    if (sign === 'offline') return this.#waitOffline();
    if (sign === 'online') this.#failures = 0;
    if (!this.#attempt) this.#try();
  }

  /** Ends whatever would lead to a socket. */
  #stop(): void {
    this.#cancelRetry();
    this.#rotation.cancel();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abort();
  }

  /** The last thing that a step does: who is told may take the next one, such as `close()`. */
  #set(state: State, error?: FunnelcastError, retryInMs?: number): void {
    const previous = this.state;
    this.state = state;
    this.error = state === 'connected' ? undefined : (error ?? this.error);
    const changed = this.#changed;
    this.#changed = deferred();
    changed.resolve();
    if (previous === state && state !== 'waiting') return;
    this.#hooks.state({
      state,
      previous,
      ...(error && { error }),
      ...(retryInMs !== undefined && { retryInMs }),
    });
  }
}
