/**
 * A network with a switch, for one client: `createClient({ environment: network.environment })`.
 *
 * @module
 */

import { defaultEnvironment, type Environment, type Sign, type WebSocketLike } from 'funnelcast';
import { useSyncExternalStore } from 'react';

/**
 * - `up`: all goes through;
 * - `blocked`: HTTP does, WebSockets do not, as behind some companies' proxies;
 * - `cut`: nothing does, and the device says so. What is under way comes late, or never if it is given up meanwhile.
 */
export type NetworkMode = 'up' | 'blocked' | 'cut';

/** The network of one client. */
export class Network {
  /** What the client is given in place of the browser's own. */
  readonly environment: Partial<Environment>;
  #mode: NetworkMode = 'up';
  #held: (() => void)[] = [];
  readonly #switched = new Set<(mode: NetworkMode) => void>();

  constructor() {
    this.environment = {
      WebSocket: socketsOn(this),
      fetch: (url, init) =>
        this.mode === 'cut' ? Promise.reject(new TypeError('the network is cut')) : fetch(url, init),
      isOnline: () => this.mode !== 'cut' && defaultEnvironment.isOnline(),
      watch: listener => this.#watch(listener),
    };
  }

  get mode(): NetworkMode {
    return this.#mode;
  }

  /** Throws the switch. */
  set mode(mode: NetworkMode) {
    this.#mode = mode;
    for (const tell of [...this.#switched]) tell(mode);
    if (mode === 'cut') return;
    const held = this.#held;
    this.#held = [];
    for (const deliver of held) deliver();
  }

  /** Tells when the switch is thrown; what it returns ends that. */
  readonly onSwitch = (listener: (mode: NetworkMode) => void): (() => void) => {
    this.#switched.add(listener);
    return () => this.#switched.delete(listener);
  };

  /** Lets something through: now, or when the network is back. */
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

/** Sockets whose frames, both ways, go over `network`. */
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
