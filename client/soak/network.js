/**
 * The network between one client and the stack: the parts of the client's environment that the soak replaces.
 *
 * Its sockets report their frames; on request they are cut, fall silent, or cannot be opened at all. Its timers run at
 * another pace, and its random numbers come from the seed.
 *
 * @module
 */

import { defaultEnvironment } from 'funnelcast';
import { RecordedSocket } from './socket.js';

/** Timers of at least this length are schedules, such as rotations. Pings follow the lease, which is shorter. */
const SCHEDULE_MS_MIN = 20_000;
/** Timers of at least this length, and below the schedules, wait for an answer. */
const ANSWER_MS_MIN = 5_000;
/** How many times as long as usual an answer is waited for: all devices and the stack share one machine. */
const PATIENCE = 2;
/** The client never plans a rotation sooner than this, and no other timer is as long, once it knows the lease. */
const ROTATION_MS_MIN = 30_000;
/**
 * @typedef {object} Settings
 * @property {number} seed what the client's random numbers start from
 * @property {number} pace how many times as fast as usual the client's schedules run
 * @property {boolean} rotates whether the client replaces its socket before the token ends
 */

/** @typedef {import('./socket.js').Tell} Tell */

/** The network of one client. */
export class Network {
  /** @type {Tell} */
  #tell;
  #opened = 0;
  #isBlocked = false;
  #isHurried = false;
  /** The sockets that are not over. @type {Set<RecordedSocket>} */
  #sockets = new Set();

  /** @param {Tell} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * What the client is given instead of the world around it.
   *
   * @param {Settings} settings
   * @returns {Partial<import('funnelcast').Environment>}
   */
  environment({ seed, pace, rotates }) {
    const open = (/** @type {RecordedSocket} */ socket) => {
      this.#sockets.add(socket);
      return { tell: this.#tell, number: ++this.#opened, isBlocked: this.#isBlocked };
    };
    const over = (/** @type {RecordedSocket} */ socket) => this.#sockets.delete(socket);
    return {
      WebSocket: class extends RecordedSocket {
        /**
         * @param {string} url
         * @param {string[]} protocols
         */
        constructor(url, protocols) {
          super(url, protocols, open, over);
        }
      },
      fetch: (url, init) => this.#fetch(url, init),
      after: (ms, callback) => {
        if (ms >= ROTATION_MS_MIN && !rotates) return () => {};
        const isFast = ms >= SCHEDULE_MS_MIN || this.#isHurried;
        const factor = isFast ? 1 / pace : ms >= ANSWER_MS_MIN ? PATIENCE : 1;
        return defaultEnvironment.after(ms * factor, callback);
      },
      random: generator(seed),
    };
  }

  /**
   * Does something whose timers run at the pace of the schedules, such as the wait before a channel is left.
   *
   * @param {() => void} what
   */
  hurry(what) {
    this.#isHurried = true;
    what();
    this.#isHurried = false;
  }

  /** Ends all TCP connections without a goodbye. */
  cut() {
    for (const socket of this.#sockets) socket.cut();
  }

  /** Delivers nothing any more, in either direction, on the sockets that are open; nobody is told. */
  silence() {
    for (const socket of this.#sockets) socket.silence();
  }

  /**
   * Cuts all sockets, and lets none be opened for so long; HTTP goes on.
   *
   * @param {number} ms
   */
  block(ms) {
    this.#isBlocked = true;
    this.cut();
    setTimeout(() => {
      this.#isBlocked = false;
    }, ms);
  }

  /**
   * Sends a frame that is not the client's, on the newest socket; the client does not see the reply.
   *
   * @param {string} text
   */
  inject(text) {
    [...this.#sockets]
      .filter(({ isOpen }) => isOpen)
      .at(-1)
      ?.send(text);
  }

  /**
   * @param {string} url
   * @param {RequestInit} init
   */
  #fetch(url, init) {
    if (init.method === 'POST') this.#tell({ what: 'request', path: new URL(url).pathname, body: init.body });
    return defaultEnvironment.fetch(url, init);
  }
}

/**
 * Random numbers from 0 up to 1 that a seed makes again (mulberry32).
 *
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
