/**
 * Whether messages come and go, in whatever way.
 *
 * @module
 */

import type { State } from './connection.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './options.js';

/** Follows the connection and the HTTP API, and tells when what they amount to changes. */
export class Reach {
  readonly #client: { readonly state: State };
  readonly #emitter: Emitter<ClientEvents>;
  /** Whether the HTTP API answered when it was last asked, since the last socket. */
  #isHttpReached = false;
  #told = false;

  constructor(client: { readonly state: State }, emitter: Emitter<ClientEvents>) {
    this.#client = client;
    this.#emitter = emitter;
  }

  /** Whether there is a socket, or HTTP takes its place and is answered. */
  get isConnected(): boolean {
    const { state } = this.#client;
    return state === 'connected' || (state === 'polling' && this.#isHttpReached);
  }

  /** The connection has changed its state. */
  stateChanged(): void {
    if (this.#client.state === 'connected') this.#isHttpReached = false;
    this.#update();
  }

  /** The HTTP API was asked. */
  readonly httpAsked = (isReached: boolean): void => {
    this.#isHttpReached = isReached;
    this.#update();
  };

  #update(): void {
    const { isConnected } = this;
    if (isConnected === this.#told) return;
    this.#told = isConnected;
    this.#emitter.emit('connected', isConnected);
  }
}
