/**
 * What a call needs from the browser. Tests provide their own.
 *
 * @module
 */

/** The parts of the browser that calls use. */
export interface CallEnvironment {
  /** Makes the connection to another browser. Absent where there is no WebRTC. */
  RTCPeerConnection: (new (configuration: RTCConfiguration) => RTCPeerConnection) | undefined;
  /** The cameras, microphones and screens. Absent on a page without HTTPS. */
  mediaDevices:
    | Pick<MediaDevices, 'getUserMedia' | 'getDisplayMedia' | 'addEventListener' | 'removeEventListener'>
    | undefined;
  MediaStream: new (tracks?: MediaStreamTrack[]) => MediaStream;
  /** Where a call is kept while its page is loaded again. Absent where the browser does not allow it. */
  storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | undefined;
  /** Calls `listener` when the page is closed or loaded again. The returned function ends that. */
  onPageHide(listener: () => void): () => void;
  /** Calls `listener` when the page is shown again as it was left, by the browser's "back". The returned function ends that. */
  onPageShow(listener: () => void): () => void;
}

/** The browser's own. It reads globals only when it is used, so servers can import it. */
export const browserCallEnvironment: CallEnvironment = {
  get RTCPeerConnection() {
    return globalThis.RTCPeerConnection;
  },
  get mediaDevices() {
    return globalThis.navigator?.mediaDevices;
  },
  get MediaStream() {
    return globalThis.MediaStream;
  },
  get storage() {
    try {
      return globalThis.sessionStorage;
    } catch {
      return undefined; // in an iframe whose storage is blocked
    }
  },
  onPageHide: listener => listen('pagehide', listener),
  onPageShow: listener => listen('pageshow', ({ persisted }) => persisted && listener()),
};

function listen(name: 'pagehide' | 'pageshow', listener: (event: PageTransitionEvent) => void): () => void {
  if (typeof addEventListener !== 'function') return () => {};
  addEventListener(name, listener);
  return () => removeEventListener(name, listener);
}
