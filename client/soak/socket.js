/**
 * A WebSocket between a client and the stack. Every frame is reported as it passes, also where the client never gets it,
 * so that the checker knows what the server has posted.
 *
 * @module
 */

import { WebSocket } from 'ws';

/** How long the TCP connection of a silent socket stays open after the client has given it up. */
const HALF_OPEN_MS = 15_000;
/** What the ids of requests begin with that are not the client's own. */
const INJECTED = 'soak-';

/** @typedef {(report: Record<string, unknown>) => void} Tell */

/**
 * A socket whose frames are reported.
 *
 * @implements {Pick<import('funnelcast').WebSocketLike, 'send' | 'close'>}
 */
export class RecordedSocket {
  /** @type {((event: never) => void) | null} */
  onopen = null;
  /** @type {((event: never) => void) | null} */
  onmessage = null;
  /** @type {((event: never) => void) | null} */
  onclose = null;
  /** @type {((event: never) => void) | null} */
  onerror = null;
  /** @type {WebSocket | undefined} */
  #socket;
  #isSilent = false;
  #isOver = false;
  #tell;
  #over;

  /**
   * @param {string} url
   * @param {string[]} protocols
   * @param {(socket: RecordedSocket) => { tell: Tell, number: number, isBlocked: boolean }} open
   * @param {(socket: RecordedSocket) => void} over
   */
  constructor(url, protocols, open, over) {
    const { tell, number, isBlocked } = open(this);
    this.#tell = (/** @type {Record<string, unknown>} */ report) => tell({ ...report, socket: number });
    this.#over = over;
    const token = protocols.find(protocol => protocol.startsWith('token.'))?.slice('token.'.length);
    this.#tell({ what: 'opening', token });
    if (isBlocked) setTimeout(() => this.#end(1006), 0);
    else this.#socket = this.#connect(new WebSocket(url, protocols, { perMessageDeflate: false }));
  }

  /** Whether it can be sent on. */
  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** @param {string} text */
  send(text) {
    if (this.#isSilent) return;
    this.#tell({ what: 'frame', direction: 'out', text });
    this.#socket?.send(text, () => {}); // a failure is followed by the end
  }

  /** The client gives it up. @param {number} [code] */
  close(code) {
    this.#report();
    const socket = this.#socket;
    if (this.#isSilent) setTimeout(() => socket?.terminate(), HALF_OPEN_MS).unref();
    else socket?.close(code);
  }

  cut() {
    this.#socket?.terminate();
  }

  silence() {
    this.#isSilent = true;
  }

  /** @param {WebSocket} socket */
  #connect(socket) {
    socket.on('open', () => {
      this.#tell({ what: 'opened' });
      this.#call(this.onopen, {});
    });
    socket.on('message', data => this.#hear(String(data)));
    socket.on('error', error => {
      const status = /Unexpected server response: (\d+)/.exec(error.message)?.[1];
      if (status) this.#tell({ what: 'turned_away', status: Number(status) });
    });
    socket.on('close', code => this.#end(code));
    return socket;
  }

  /** @param {string} text */
  #hear(text) {
    this.#tell({ what: 'frame', direction: 'in', text });
    if (this.#isSilent || text.includes(`"id":"${INJECTED}`)) return;
    this.#call(this.onmessage, { data: text });
  }

  /** @param {number} code */
  #end(code) {
    this.#report();
    if (!this.#isSilent) this.#call(this.onclose, { code });
  }

  #report() {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#over(this);
    this.#tell({ what: 'over' });
  }

  /**
   * @param {((event: never) => void) | null} listener
   * @param {object} event
   */
  #call(listener, event) {
    listener?.(/** @type {never} */ (event));
  }
}
