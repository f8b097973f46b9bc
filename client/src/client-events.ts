/**
 * What a client reports about itself, as opposed to the events of its channels: its state, whether it is connected, its
 * errors and its frames.
 *
 * @module
 */

import type { Channel, DurableEvent } from './channels.js';
import { callSafely, type FunnelcastError } from './errors.js';

/**
 * The state of a client's connection:
 * - `idle`: nothing has happened yet; `connect()` starts;
 * - `connecting`: getting an address and opening a socket;
 * - `connected`: a socket is open;
 * - `waiting`: until the next attempt, or until the device is online again;
 * - `polling`: WebSockets fail, so events are read by HTTP while the client keeps trying to open a socket;
 * - `closed`: by `close()`, or because the server rejected the client for good; `connect()` starts again.
 */
export type State = 'idle' | 'connecting' | 'connected' | 'waiting' | 'polling' | 'closed';

/** A transition of the state machine. */
export interface StateChange {
  state: State;
  previous: State;
  /** The error that caused the transition, if one did. */
  error?: FunnelcastError;
  /** The time until the next attempt, in milliseconds, if one is scheduled. */
  retryInMs?: number;
}

/** The events of the client itself, for `client.on`. */
export interface ClientEvents {
  /** The state machine has made a transition. */
  state: StateChange;
  /** The client's `isConnected` has changed. */
  connected: boolean;
  /** Something has failed that no promise reports. */
  error: { error: FunnelcastError; channel?: Channel };
  /** The user has read messages of a conversation, up to the one that is the `readN`th: here, or because they sent it. */
  read: { conversationId: string; readN: number };
  /** An event has been added to the log of a channel that is joined, whoever listens there. Each comes once and in order. */
  logged: DurableEvent;
  /** A frame has been sent or received, as its text on the wire. Meant for debugging, for example on a console. */
  frame: { direction: 'in' | 'out'; text: string };
}

/** Calls the listeners of named events. A listener that throws does not affect the others. */
export class Emitter<Events> {
  readonly #listeners = new Set<{ name: keyof Events; listener: (value: never) => void }>();

  /** Adds a listener. The returned function removes it. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    // A new entry for each call: a listener that is added twice is also removed twice.
    const entry = { name, listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Calls all listeners of an event. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const entry of [...this.#listeners]) {
      // A listener may have removed another one meanwhile, which is then no longer called.
      const isCalled = entry.name === name && this.#listeners.has(entry);
      if (isCalled) callSafely(entry.listener as (value: Events[Name]) => void, value);
    }
  }
}

/** Derives `isConnected` from the state and from the outcome of HTTP requests, and emits `connected` when it changes. */
export class Connectivity {
  readonly #client: { readonly state: State };
  readonly #emitter: Emitter<ClientEvents>;
  /** Whether the server answered the last HTTP request since a socket was last open. */
  #isHttpAnswered = false;
  #emitted = false;

  constructor(client: { readonly state: State }, emitter: Emitter<ClientEvents>) {
    this.#client = client;
    this.#emitter = emitter;
  }

  /** Whether a socket is open, or the client polls and the server answers. */
  get isConnected(): boolean {
    const { state } = this.#client;
    return state === 'connected' || (state === 'polling' && this.#isHttpAnswered);
  }

  /** Takes note of a new state of the client, or of the outcome of an HTTP request. */
  readonly update = (isHttpAnswered?: boolean): void => {
    this.#isHttpAnswered = this.#client.state !== 'connected' && (isHttpAnswered ?? this.#isHttpAnswered);
    const { isConnected } = this;
    if (isConnected === this.#emitted) return;
    this.#emitted = isConnected;
    this.#emitter.emit('connected', isConnected);
  };
}
