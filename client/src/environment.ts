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

/** A change of the page or of its network that may affect the connection. */
export type Sign = 'online' | 'offline' | 'visible';

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
  /** Reports changes of the page and of the network. The returned function stops that. */
  watch(listener: (sign: Sign) => void): () => void;
}

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
  watch(listener) {
    const watching = new AbortController();
    const { signal } = watching;
    // A worker has `online` and `offline` but no `document`. Node has neither.
    if (typeof addEventListener === 'function') {
      addEventListener('online', () => listener('online'), { signal });
      addEventListener('offline', () => listener('offline'), { signal });
    }
    if (typeof document !== 'undefined') {
      const look = () => document.visibilityState === 'visible' && listener('visible');
      document.addEventListener('visibilitychange', look, { signal });
    }
    return () => watching.abort();
  },
};
