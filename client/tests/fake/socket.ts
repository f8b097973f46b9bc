/** A socket to the server in the process of the test. */

import type { WebSocketLike } from '../../src/index.js';
import { Refusal } from './refusal.js';
import { bytes, FRAME_BYTES_MAX, type Frame } from './requests.js';

/** How long a frame takes in each direction. */
export const LATENCY_MS = 5;

/** The server, as a socket sees it. */
export interface Host {
  readonly sockets: FakeSocket[];
  readonly door: 'open' | 'closed' | 'silent';
  readonly opened: () => void;
  readonly delay: (frame: Frame) => number;
  readonly losesReply: (frame: Frame) => boolean;
  serve(frame: Frame, socket: FakeSocket): object | undefined;
}

export class FakeSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly url: string;
  readonly protocols: string[];
  readonly channels = new Set<string>();
  connectedAt = 0;
  state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** Whether the client has closed the socket. */
  wasClosedByClient = false;
  /** Nothing gets through any more, and neither end is told. */
  isDead = false;
  readonly #server: Host;
  /** The latest `join` or `leave` of each channel. */
  readonly #orders = new Map<string, { action: 'join' | 'leave'; order: number }>();

  constructor(server: Host, url: string, protocols: string[]) {
    this.#server = server;
    this.url = url;
    this.protocols = protocols;
    server.sockets.push(this);
    setTimeout(() => {
      if (server.door === 'closed') this.cut(1006);
      if (server.door !== 'open' || this.state !== 'connecting') return;
      this.state = 'open';
      this.connectedAt = Date.now();
      this.onopen?.({} as never);
      server.opened();
    }, LATENCY_MS);
  }

  send(text: string): void {
    if (this.state !== 'open') throw new Error('the socket is not open');
    setTimeout(() => {
      if (bytes(text) > FRAME_BYTES_MAX) return this.cut(1009);
      const frame: Frame = JSON.parse(text);
      setTimeout(() => this.#serve(frame), this.#server.delay(frame));
    }, LATENCY_MS);
  }

  /** Makes the connection a member, unless a later leave has been served before. */
  join(channel: string, order: number): void {
    const last = this.#orders.get(channel);
    if (last && last.order > order) {
      if (last.action === 'leave') throw new Refusal('conflict');
      return;
    }
    this.#orders.set(channel, { action: 'join', order });
    if (this.state === 'open') this.channels.add(channel);
  }

  /** Throws a {@link Refusal} if this connection is no member of the channel. */
  checkMember(channel: string): void {
    if (!this.channels.has(channel)) throw new Refusal('not_joined');
  }

  /** Ends a membership, unless a later join has been served before. */
  leave(channel: string, order: number): void {
    const last = this.#orders.get(channel);
    if (last && last.order > order) return;
    this.#orders.set(channel, { action: 'leave', order });
    this.channels.delete(channel);
  }

  close(): void {
    this.wasClosedByClient = true;
    this.state = 'closed';
    // What has been sent before is served before the server knows.
    setTimeout(() => this.channels.clear(), 2 * LATENCY_MS);
  }

  /** Ends the socket, as the server or the network would. */
  cut(code = 1006): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.channels.clear();
    this.onclose?.({ code } as never);
  }

  /** Sends a frame to the client. */
  deliver(frame: object): void {
    setTimeout(() => {
      if (this.state === 'open' && !this.isDead) this.onmessage?.({ data: JSON.stringify(frame) } as never);
    }, LATENCY_MS);
  }

  #serve(frame: Frame): void {
    // A frame that has been sent arrives even if the socket has ended since.
    if (this.isDead) return;
    const { id } = frame;
    try {
      const data = this.#server.serve(frame, this);
      if (!this.#server.losesReply(frame)) this.deliver({ type: 'reply', id, ok: true, data });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message, retryAfterMs, terms } = error;
      this.deliver({ type: 'reply', id, ok: false, error: { code, message, retryAfterMs, ...terms } });
    }
  }
}
