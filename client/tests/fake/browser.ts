/** Browsers with devices that can be counted, refused and unplugged. */

import type { CallEnvironment } from '../../src/calls/call-environment.js';
import { FakeStream, FakeTrack } from './tracks.js';
import { type Ether, FakeConnection } from './web-rtc.js';

/** One browser: its devices, and its part in the ether. */
export class FakeBrowser {
  readonly tracks: FakeTrack[] = [];
  /** The names of the errors with which requests for each device fail. */
  readonly refusals: Partial<Record<'audio' | 'video' | 'screen', string>> = {};
  /** Whether it opens one camera at a time only, as many phones do. */
  hasOneCamera = false;
  /** The ids of cameras that cannot be opened. */
  readonly brokenCameras = new Set<string>();
  /** How long the user takes to permit a device. */
  permissionMs = 5;
  readonly kept: Map<string, string>;
  /** What the page has asked for. */
  readonly asked: MediaStreamConstraints[] = [];
  readonly #ether: Ether;
  readonly #deviceListeners = new Set<() => void>();
  readonly #hideListeners = new Set<() => void>();
  readonly #showListeners = new Set<() => void>();

  /** @param kept - what the page before this one has kept, in the same tab */
  constructor(ether: Ether, kept = new Map<string, string>()) {
    this.#ether = ether;
    this.kept = kept;
  }

  /** How many listeners are left. */
  get listeners(): number {
    return this.#deviceListeners.size + this.#hideListeners.size + this.#showListeners.size;
  }

  /** The tracks that are open. */
  get live(): string[] {
    return this.tracks.filter(({ readyState }) => readyState === 'live').map(({ label }) => label);
  }

  changeDevices(): void {
    for (const listener of this.#deviceListeners) listener();
  }

  hide(): void {
    for (const listener of this.#hideListeners) listener();
  }

  /** The page is shown again as it was left. */
  show(): void {
    for (const listener of [...this.#showListeners]) listener();
  }

  get environment(): CallEnvironment {
    const ether = this.#ether;
    const get = async (wanted: ('audio' | 'video' | 'screen')[], camera = '') => {
      await new Promise(resolve => setTimeout(resolve, this.permissionMs));
      const refusal = wanted.map(kind => this.refusals[kind]).find(name => name);
      if (refusal) throw new DOMException('no', refusal);
      const isTaken = this.hasOneCamera && this.live.includes('video');
      if (wanted.includes('video') && (isTaken || this.brokenCameras.has(camera)))
        throw new DOMException('in use', 'NotReadableError');
      const tracks = wanted.map(kind => new FakeTrack(kind === 'audio' ? 'audio' : 'video', kind));
      this.tracks.push(...tracks);
      return new FakeStream(tracks);
    };
    const fake = {
      RTCPeerConnection: class extends FakeConnection {
        constructor(configuration: unknown) {
          super(ether, configuration);
        }
      },
      mediaDevices: {
        getUserMedia: (constraints: MediaStreamConstraints) => {
          const { audio, video } = constraints;
          this.asked.push(constraints);
          const kinds = [audio && ('audio' as const), video && ('video' as const)];
          const camera = String((video as MediaTrackConstraints | undefined)?.deviceId);
          return get(
            kinds.flatMap(kind => kind || []),
            camera,
          );
        },
        getDisplayMedia: () => get(['screen']),
        addEventListener: (_: string, listener: () => void) => this.#deviceListeners.add(listener),
        removeEventListener: (_: string, listener: () => void) => this.#deviceListeners.delete(listener),
      },
      MediaStream: FakeStream,
      storage: {
        getItem: (key: string) => this.kept.get(key) ?? null,
        setItem: (key: string, value: string) => void this.kept.set(key, value),
        removeItem: (key: string) => void this.kept.delete(key),
      },
      onPageHide: (listener: () => void) => {
        this.#hideListeners.add(listener);
        return () => this.#hideListeners.delete(listener);
      },
      onPageShow: (listener: () => void) => {
        this.#showListeners.add(listener);
        return () => this.#showListeners.delete(listener);
      },
    };
    return fake as unknown as CallEnvironment;
  }
}
