/**
 * What the client needs of the world around it. A test, or a runtime that lacks something, brings its own.
 *
 * @module
 */

/** As much of a WebSocket as is used: a browser's, Node's (from 22 on), or one of the package `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Something that has happened to the page or to its network. */
export type Sign = 'online' | 'offline' | 'visible';

/** The world around a client. */
export interface Environment {
  /** Makes the sockets. */
  WebSocket: new (
    url: string,
    protocols: string[],
  ) => WebSocketLike;
  /** Makes the HTTP requests: tickets, and polling. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** The time, in milliseconds since any fixed moment; best by a clock that nobody sets. */
  now(): number;
  /** Calls back in `ms` milliseconds, unless what it returns is called before. */
  after(ms: number, callback: () => void): () => void;
  /** A random number from 0 up to 1. */
  random(): number;
  /** Whether the device says that it has a network. */
  isOnline(): boolean;
  /** Tells what happens to page and network; what it returns ends that. */
  watch(listener: (sign: Sign) => void): () => void;
}

/** A browser's, or Node's. Nothing is needed before it is used, so that a server may import and render. */
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
    // A worker has the first two of them, and Node has none.
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
