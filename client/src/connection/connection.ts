/**
 * The connection: a state machine that keeps one socket open, whatever happens to it.
 *
 * ```text
 *            connect()                 opened
 *   idle ──────────────▶ connecting ───────────▶ connected ─┐
 *                         ▲      │ failed          │        │ before the 2-hour limit:
 *         time, online,   │      ▼            lost │        │ a second socket, then
 *         tab visible     └── waiting ◀────────────┘ ◀──────┘ the first is closed
 *                                │ 3 failures, and there is an HTTP API
 *                                ▼
 *                             polling ──▶ connected, as soon as a socket opens
 *
 *   any ── close(), or an error that no retry can fix ──▶ closed ── connect() ──▶ connecting
 * ```
 *
 * @module
 */

import type { State, StateChange } from '../client-events.js';
import type { Environment, Sign } from '../environment.js';
import { closed, disconnected, FunnelcastError, toError } from '../errors.js';
import { deferred, retryDelay, unlessAborted } from '../waiting.js';
import type { ActionName } from '../wire.js';
import { type GetAddress, openSocket } from './access.js';
import type { FallbackLink, Link } from './link.js';
import { Rotation } from './rotation.js';
import type { EndCode, Socket, SocketHooks } from './socket.js';

/** How long nothing may have arrived while somebody uses the page. */
const USED_SILENCE_MS_MAX = 30_000;
/** A socket that was open for this long does not count as a failure. */
const STABLE_MS = 10_000;
/** How often to try while the device reports that it has no network, give or take a quarter. */
const OFFLINE_RETRY_MS = 30_000;
/** After this many failures in a row the client polls. */
const FAILURES_TO_POLL = 3;

/** What the connection reports, in addition to what its sockets report. */
export interface ConnectionHooks extends Omit<SocketHooks, 'ended'> {
  state(change: StateChange): void;
  /** A socket is open: joins all channels on it. Resolves when each of them has been answered. */
  opened(socket: Socket): Promise<unknown>;
  /** A socket has ended, or must not be used any more. */
  ended(socket: Socket, code: EndCode): void;
}

/** One connection to the server, kept up over any number of sockets. */
export class Connection {
  state: State = 'idle';
  /** The last error of the connection; absent while connected. */
  error: FunnelcastError | undefined;

  readonly #env: Environment;
  readonly #getAddress: GetAddress;
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
    getAddress: GetAddress,
    fallback: FallbackLink | undefined,
    hooks: ConnectionHooks,
  ) {
    this.#env = env;
    this.#getAddress = getAddress;
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

  /** The user, as the server knows them. Available shortly after the first socket has opened. */
  get user(): string | undefined {
    return this.#rotation.user;
  }

  /** Starts, unless the connection has already been started. */
  connect(): void {
    if (this.state !== 'idle' && this.state !== 'closed') return;
    this.#failures = 0;
    this.#unwatch = this.#env.watch(sign => this.#signal(sign));
    this.#try();
  }

  /** Drops the socket and tries at once, from any state. */
  reconnect(): void {
    if (this.state === 'idle' || this.state === 'closed') return this.connect();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#failures = 0;
    socket?.end('replaced');
    this.#try();
  }

  /** Closes the connection until the next `connect()`. */
  close(error: FunnelcastError): void {
    if (this.state === 'closed') return;
    this.#stop();
    this.#unwatch();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#set('closed', error);
    socket?.end(error.message);
  }

  /** Waits for a link that serves the action. */
  async link(action: ActionName, signal?: AbortSignal): Promise<Link> {
    for (;;) {
      const link = this.current(action);
      if (link) return link;
      if (this.state === 'closed') throw closed(this.error?.message);
      await unlessAborted(this.#changed.promise, signal);
    }
  }

  /** The link that serves the action now, if there is one. */
  current(action: ActionName): Link | undefined {
    return (
      this.#socket ?? (this.state === 'polling' && this.#fallback?.can(action) ? this.#fallback : undefined)
    );
  }

  #try(error?: FunnelcastError): void {
    if (this.#env.isOnline()) return this.#attemptNow();
    // The device may be wrong, and may not report when it is online again.
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
        if (this.#attempt === attempt) this.#opened(socket);
        else socket.end('the attempt was aborted');
      },
      error => {
        if (this.#attempt === attempt) this.#failed(toError(error, 'disconnected'));
      },
    );
    if (this.state !== 'polling') this.#set('connecting');
  }

  #open(attempt: AbortController): Promise<Socket> {
    const ended: SocketHooks['ended'] = (...how) => this.#ended(...how);
    return openSocket(this.#env, this.#getAddress, { ...this.#hooks, ended }, attempt);
  }

  #opened(socket: Socket): void {
    this.#attempt = undefined;
    this.#socket = socket;
    this.#rotation.plan(socket);
    void this.#hooks.opened(socket);
    this.#set('connected');
  }

  #ended(socket: Socket, reason: string, code: EndCode): void {
    this.#hooks.ended(socket, code);
    if (socket !== this.#socket) return; // replaced, or never used
    this.#socket = undefined;
    this.#rotation.cancel();
    if (code === 'displaced') return this.close(new FunnelcastError('conflict', reason));
    this.#failures = socket.age >= STABLE_MS ? 0 : this.#failures + 1;
    this.#retry(disconnected(reason));
  }

  #failed(error: FunnelcastError): void {
    this.#attempt = undefined;
    // No retry can fix these.
    if (/^(unauthorized|forbidden|bad_request)$/.test(error.code)) return this.close(error);
    this.#failures++;
    this.#retry(error);
  }

  #retry(error: FunnelcastError): void {
    if (this.#failures === 0 || !this.#env.isOnline()) return this.#try(error);
    const retryInMs = retryDelay(this.#env, error, this.#failures);
    const polls = this.#fallback && this.#failures >= FAILURES_TO_POLL;
    this.#cancelRetry = this.#env.after(retryInMs, () => this.#try());
    this.#set(polls ? 'polling' : 'waiting', error, retryInMs);
  }

  /** Reacts to a change of the page or of the network. */
  #signal(sign: Sign): void {
    const isUsed = sign === 'used';
    if (this.#socket) return this.#socket.probe(isUsed ? USED_SILENCE_MS_MAX : 0);
    if (isUsed) return; // or each key would be another attempt
    if (sign === 'online') this.#failures = 0;
    if (sign === 'offline' || !this.#attempt) this.#try();
  }

  /** Cancels everything that would lead to a socket. */
  #stop(): void {
    this.#cancelRetry();
    this.#rotation.cancel();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.abort();
  }

  /** Changes the state. Must come last in a transition: a listener may start the next one, for example by `close()`. */
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
