/**
 * A network that can be switched off, for one client: `createClient({ environment: network.environment })`.
 *
 * @module
 */

import { defaultEnvironment, type Environment, type Sign, type WebSocketLike } from 'funnelcast';
import { useSyncExternalStore } from 'react';

/**
 * - `up`: everything works;
 * - `blocked`: HTTP works and WebSockets do not, as behind some proxies;
 * - `cut`: nothing works, and the device reports that. Frames on the way arrive late, or never if the client gives up.
 */
export type NetworkMode = 'up' | 'blocked' | 'cut';

/** The network of one client. */
export class Network {
  /** Replaces the environment of the browser. */
  readonly environment: Partial<Environment>;
  #mode: NetworkMode = 'up';
  #held: (() => void)[] = [];
  readonly #switched = new Set<(mode: NetworkMode) => void>();

  constructor() {
    this.environment = {
      WebSocket: socketsOn(this),
      XMLHttpRequest: uploadsOn(this),
      fetch: (url, init) =>
        this.mode === 'cut' ? Promise.reject(new TypeError('the network is cut')) : fetch(url, init),
      isOnline: () => this.mode !== 'cut' && defaultEnvironment.isOnline(),
      watch: listener => this.#watch(listener),
    };
  }

  get mode(): NetworkMode {
    return this.#mode;
  }

  /** Switches the network. */
  set mode(mode: NetworkMode) {
    this.#mode = mode;
    for (const tell of [...this.#switched]) tell(mode);
    if (mode === 'cut') return;
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) deliver();
  }

  /** Calls `listener` when the network is switched. The returned function ends that. */
  readonly onSwitch = (listener: (mode: NetworkMode) => void): (() => void) => {
    this.#switched.add(listener);
    return () => this.#switched.delete(listener);
  };

  /** Delivers something now, or when the network is back. */
  pass(deliver: () => void): void {
    if (this.#mode === 'cut') this.#held.push(deliver);
    else deliver();
  }

  #watch(listener: (sign: Sign) => void): () => void {
    const ends = [
      defaultEnvironment.watch(listener),
      this.onSwitch(mode => listener(mode === 'cut' ? 'offline' : 'online')),
    ];
    return () => {
      for (const end of ends) end();
    };
  }
}

/** The mode of a network, for a component. */
export function useNetworkMode(network: Network): NetworkMode {
  return useSyncExternalStore(network.onSwitch, () => network.mode);
}

/** Makes a class of sockets whose frames travel over `network`, in both directions. */
function socketsOn(network: Network): Environment['WebSocket'] {
  return class implements WebSocketLike {
    onopen: WebSocketLike['onopen'] = null;
    onmessage: WebSocketLike['onmessage'] = null;
    onclose: WebSocketLike['onclose'] = null;
    onerror: WebSocketLike['onerror'] = null;
    readonly #socket: WebSocket | undefined;

    constructor(url: string, protocols: string[]) {
      if (network.mode !== 'up') {
        queueMicrotask(() => this.#fail());
        return;
      }
      const socket = new WebSocket(url, protocols);
      this.#socket = socket;
      socket.onopen = event => network.pass(() => this.onopen?.(event as never));
      socket.onmessage = event => network.pass(() => this.onmessage?.(event as never));
      const ignore = network.onSwitch(mode => mode === 'blocked' && this.#fail());
      socket.onclose = event => {
        ignore();
        network.pass(() => this.onclose?.(event as never));
      };
    }

    send(text: string): void {
      network.pass(() => this.#socket?.send(text));
    }

    close(code?: number): void {
      this.#socket?.close(code);
    }

    #fail(): void {
      this.close();
      this.onclose?.({ code: 1006 } as never);
    }
  };
}

/** Makes a class of uploads over `network`: when it is cut, they fail. */
function uploadsOn(network: Network): new () => XMLHttpRequest {
  return class extends XMLHttpRequest {
    override send(body?: XMLHttpRequestBodyInit | null): void {
      const fail = () => {
        ignore();
        this.abort();
        this.dispatchEvent(new ProgressEvent('error'));
      };
      const ignore = network.onSwitch(mode => mode === 'cut' && fail());
      this.addEventListener('loadend', ignore);
      if (network.mode === 'cut') queueMicrotask(fail);
      else super.send(body);
    }
  };
}
