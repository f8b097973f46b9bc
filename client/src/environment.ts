/**
 * Everything that the client needs from its surroundings. Tests, and runtimes that lack a part of it, provide their own.
 *
 * @module
 */

/** The part of a WebSocket that the client uses. Browsers, Node 22 and later, and the package `ws` all provide it. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/**
 * A change of the page or of its network that may affect the connection:
 * - `online`, `offline`: the device reports that its network has come or gone;
 * - `visible`: the page has become visible, or has got the focus;
 * - `used`: somebody moves the pointer, presses a key or scrolls. May be reported as often as that happens.
 */
export type Sign = 'online' | 'offline' | 'visible' | 'used';

/** The surroundings of a client: sockets, HTTP, clock, timers, random numbers and the state of the device. */
export interface Environment {
  /** The class of the sockets. */
  WebSocket: new (
    url: string,
    protocols: string[],
  ) => WebSocketLike;
  /** Makes the HTTP requests, for tickets and for polling. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Uploads files, and says how far it is. Default: the global one. Where there is none, as in Node, `fetch` uploads them. */
  XMLHttpRequest?: (new () => XMLHttpRequest) | undefined;
  /** The time in milliseconds since any fixed moment. A monotonic clock is best, because nobody can set it. */
  now(): number;
  /** Calls `callback` after `ms` milliseconds. The returned function cancels that. */
  after(ms: number, callback: () => void): () => void;
  /** A random number, at least 0 and less than 1. */
  random(): number;
  /** Whether the device reports that it has a network. */
  isOnline(): boolean;
  /**
   * Whether somebody may be looking at what the client shows. If so, the client makes sure once a minute that its network
   * works. Default: whether the page is visible; in Node and in a worker, which have no page, always.
   */
  isVisible(): boolean;
  /** Reports changes of the page and of the network. The returned function stops that. */
  watch(listener: (sign: Sign) => void): () => void;
}

/** What each event says. All of them reach the window. */
const SIGNS: Record<string, Sign> = {
  online: 'online',
  offline: 'offline',
  visibilitychange: 'visible',
  focus: 'visible',
  pointerdown: 'used',
  pointermove: 'used',
  keydown: 'used',
};

/** The environment of a browser, a worker or Node. It reads globals only when it is used, so servers can import it. */
export const defaultEnvironment: Environment = {
  get WebSocket() {
    return globalThis.WebSocket as unknown as Environment['WebSocket'];
  },
  fetch: (url, init) => globalThis.fetch(url, init),
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
  isOnline: () => globalThis.navigator?.onLine !== false,
  isVisible: () => globalThis.document?.visibilityState !== 'hidden',
  watch(listener) {
    const watching = new AbortController();
    const options = { signal: watching.signal, passive: true };
    // A worker has `online` and `offline` only. Node has none of them, and no `addEventListener`.
    for (const [name, sign] of Object.entries(SIGNS)) {
      const tell = () => (sign !== 'visible' || this.isVisible()) && listener(sign);
      globalThis.addEventListener?.(name, tell, options);
    }
    return () => watching.abort();
  },
};
