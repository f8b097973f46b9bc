/**
 * What a call needs of the browser, in Node: a microphone, and no way to another browser. So a call rings, is accepted, and connects
 * until it is given up or somebody hangs up; media are what the browser tests try.
 *
 * @module
 */

/** @typedef {import('funnelcast/calls').CreateCallOptions} CreateCallOptions */

class Stream {
  /** @type {unknown[]} */
  #tracks;

  /** @param {unknown[]} [tracks] */
  constructor(tracks = []) {
    this.#tracks = [...tracks];
  }

  getTracks() {
    return [...this.#tracks];
  }

  removeTrack() {}
}

const microphone = {
  RTCPeerConnection: undefined,
  MediaStream: Stream,
  mediaDevices: {
    getUserMedia: async () => new Stream([{ kind: 'audio', enabled: true, onended: null, stop() {} }]),
    addEventListener() {},
    removeEventListener() {},
  },
  storage: undefined,
  onPageHide: () => () => {},
};

export const callEnvironment = /** @type {NonNullable<CreateCallOptions['environment']>} */ (
  /** @type {unknown} */ (microphone)
);
