/** Browsers with devices that can be counted, refused and unplugged. */

import type { CallEnvironment } from '../../src/calls/call-environment.js';
import { type Ether, FakeConnection, FakeStream, FakeTrack } from './web-rtc.js';

/** One browser: its devices, and its part in the ether. */
export class FakeBrowser {
  readonly tracks: FakeTrack[] = [];
  /** The names of the errors with which requests for each device fail. */
  readonly refusals: Partial<Record<'audio' | 'video' | 'screen', string>> = {};
  /** How long the user takes to permit a device. */
  permissionMs = 5;
  readonly kept = new Map<string, string>();
  readonly #ether: Ether;
  readonly #deviceListeners = new Set<() => void>();
  readonly #hideListeners = new Set<() => void>();

  constructor(ether: Ether) {
    this.#ether = ether;
  }

  /** How many listeners are left. */
  get listeners(): number {
    return this.#deviceListeners.size + this.#hideListeners.size;
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

  get environment(): CallEnvironment {
    const ether = this.#ether;
    const get = async (wanted: ('audio' | 'video' | 'screen')[]) => {
      await new Promise(resolve => setTimeout(resolve, this.permissionMs));
      const refusal = wanted.map(kind => this.refusals[kind]).find(name => name);
      if (refusal) throw new DOMException('no', refusal);
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
        getUserMedia: ({ audio, video }: MediaStreamConstraints) =>
          get([...(audio ? (['audio'] as const) : []), ...(video ? (['video'] as const) : [])]),
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
    };
    return fake as unknown as CallEnvironment;
  }
}
