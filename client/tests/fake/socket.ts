/** A socket to the server in the test's process. */

import type { WebSocketLike } from '../../src/index.js';
import type { Refusal } from './refusal.js';

/** How long a frame takes, each way. */
export const LATENCY_MS = 5;

/** A client's frame. */
export type Frame = { action: string; id: string; channel: string } & Record<string, unknown>;

/** Who is at the other end. */
export interface Host {
  readonly sockets: FakeSocket[];
  readonly door: 'open' | 'closed' | 'silent';
  readonly opened: () => void;
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
  /** Whether the client has closed it. */
  wasClosedByClient = false;
  /** Nothing gets through any more, and nobody is told. */
  isDead = false;
  readonly #server: Host;

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
    setTimeout(() => this.#serve(text), LATENCY_MS);
  }

  close(): void {
    this.wasClosedByClient = true;
    this.state = 'closed';
    this.channels.clear();
  }

  /** Ends it as the server does, or the network. */
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

  #serve(text: string): void {
    // What has been sent gets there, even where the socket has ended since.
    if (this.isDead) return;
    const frame = JSON.parse(text);
    const { id } = frame;
    try {
      const data = this.#server.serve(frame, this);
      if (!this.#server.losesReply(frame)) this.deliver({ type: 'reply', id, ok: true, data });
    } catch (error) {
      const { code, message, retryAfterMs } = error as Refusal;
      if (code === undefined) throw error;
      this.deliver({ type: 'reply', id, ok: false, error: { code, message, retryAfterMs } });
    }
  }
}
