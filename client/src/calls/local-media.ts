/**
 * What this device sends in a call: the microphone, and the camera or the screen.
 *
 * @module
 */

import { FunnelcastError, toError } from '../errors.js';
import { Store } from '../store.js';
import type { CallEnvironment } from './call-environment.js';
import type { LocalState } from './call-state.js';

/** Which devices to use, and how. `true` means any. */
export interface DeviceConstraints {
  /** Default: the browser's default microphone, with echo cancellation as the browser does it. */
  audio?: MediaTrackConstraints | true | undefined;
  /** Default: the browser's default camera. */
  video?: MediaTrackConstraints | true | undefined;
}

/** A device that can be used, or the screen. */
type Source = 'microphone' | 'camera' | 'screen';

/** What a device sends that is in no call. */
export const SILENT: LocalState = { preview: null, isMuted: false, video: null, deviceError: null };

/** The tracks of one call on this device. */
export class LocalMedia {
  readonly store = new Store<LocalState>(SILENT);
  readonly #env: CallEnvironment;
  readonly #devices: { audio: MediaTrackConstraints | true; video: MediaTrackConstraints | true };
  /** Called when a track that is sent has been replaced. */
  readonly #changed: () => void;
  readonly #tracks = new Map<Source, MediaStreamTrack>();
  /** Counts the requests for each source: of two that cross, the later one counts. */
  readonly #requests = new Map<Source, number>();
  #isOpen = false;
  #isClosed = false;

  constructor(env: CallEnvironment, { audio = true, video = true }: DeviceConstraints, changed: () => void) {
    this.#env = env;
    this.#devices = { audio, video };
    this.#changed = changed;
    env.mediaDevices?.addEventListener('devicechange', this.#onDeviceChange);
  }

  /** The track of the microphone, if it is open. */
  get audio(): MediaStreamTrack | null {
    return this.#tracks.get('microphone') ?? null;
  }

  /** The track of the screen or of the camera, if one is sent. */
  get video(): MediaStreamTrack | null {
    return this.#tracks.get('screen') ?? this.#tracks.get('camera') ?? null;
  }

  /**
   * Opens the microphone, and the camera too if it is wanted. Without a camera, the call begins with voice.
   *
   * @throws {@link FunnelcastError} `not_permitted`, `no_microphone` or `unsupported`
   */
  async open(wantsCamera: boolean): Promise<void> {
    let cameraError: FunnelcastError | null = null;
    const { audio, video } = this.#devices;
    if (wantsCamera) {
      // One question to the user for both.
      await this.#get('camera', devices => devices.getUserMedia({ audio, video })).catch(error => {
        if (this.#isClosed) throw error;
        cameraError = error;
      });
    }
    if (!this.audio) await this.#get('microphone', devices => devices.getUserMedia({ audio }));
    this.#isOpen = true;
    if (cameraError) this.#update({ deviceError: cameraError });
  }

  /** Mutes the microphone, or lets it be heard again. It stays open. */
  mute(isMuted: boolean): void {
    this.#update({ isMuted });
    if (this.audio) this.audio.enabled = !isMuted;
    this.#changed();
  }

  /** Turns the camera on or off. Off, it is free, and its light is out. */
  async setCamera(isOn: boolean): Promise<void> {
    if (!isOn) return this.#stop('camera');
    await this.#get('camera', devices => devices.getUserMedia({ video: this.#devices.video }));
  }

  /** Shares a screen, a window or a tab, which the browser asks the user for; or stops sharing it. */
  async setScreen(isOn: boolean): Promise<void> {
    if (!isOn) return this.#stop('screen');
    await this.#get('screen', devices => devices.getDisplayMedia({ video: true }));
  }

  /** Uses other devices from now on. Those that are open are replaced. */
  async use(constraints: DeviceConstraints): Promise<void> {
    const { audio, video } = constraints;
    const former = this.#devices.video;
    if (audio) this.#devices.audio = audio;
    if (video) this.#devices.video = video;
    if (audio && this.audio) await this.#reopenMicrophone();
    if (video && this.#tracks.has('camera')) await this.#changeCamera(video, former);
  }

  /** Stops everything. The devices are free at once, and what the user is still asked for is stopped when they permit it. */
  close(): void {
    this.#isClosed = true;
    this.#env.mediaDevices?.removeEventListener('devicechange', this.#onDeviceChange);
    for (const track of this.#tracks.values()) stopTrack(track);
    this.#tracks.clear();
    this.store.set(SILENT);
  }

  /** Opens a source. Its tracks are kept, unless it has been closed or asked for again meanwhile. */
  async #get(source: Source, open: (devices: MediaDevices) => Promise<MediaStream>): Promise<MediaStream> {
    const { mediaDevices } = this.#env;
    const request = (this.#requests.get(source) ?? 0) + 1;
    this.#requests.set(source, request);
    try {
      if (!mediaDevices) throw new FunnelcastError('unsupported', 'a call needs a page on HTTPS');
      const stream = await open(mediaDevices as MediaDevices);
      if (this.#isClosed || this.#requests.get(source) !== request) {
        for (const track of stream.getTracks()) track.stop();
        throw new FunnelcastError('closed', `the ${source} is not wanted any more`);
      }
      for (const track of stream.getTracks())
        this.#keep(track.kind === 'audio' ? 'microphone' : source, track);
      this.#update({ deviceError: null });
      return stream;
    } catch (thrown) {
      const error = refusal(source, thrown);
      if (error.code !== 'closed') this.#update({ deviceError: error });
      throw error;
    }
  }

  #keep(source: Source, track: MediaStreamTrack): void {
    const former = this.#tracks.get(source);
    if (former) stopTrack(former);
    this.#tracks.set(source, track);
    if (source === 'microphone') track.enabled = !this.store.get().isMuted;
    // It is unplugged, or the user has stopped sharing in the browser's own bar.
    track.onended = () => this.#ended(source);
    this.#show();
  }

  #ended(source: Source): void {
    this.#tracks.delete(source);
    this.#show();
    if (source === 'microphone') void this.#reopenMicrophone().catch(() => {});
  }

  /** Takes another microphone, or the one that has been plugged in. */
  async #reopenMicrophone(): Promise<void> {
    await this.#get('microphone', async devices => {
      try {
        return await devices.getUserMedia({ audio: this.#devices.audio });
      } catch {
        return devices.getUserMedia({ audio: true }); // the one that was chosen is gone
      }
    });
  }

  /**
   * Opens another camera in place of the one that is open. Many phones open one at a time only: there the former one is stopped first,
   * and opened again if that does not help.
   */
  async #changeCamera(
    video: MediaTrackConstraints | true,
    former: MediaTrackConstraints | true,
  ): Promise<void> {
    const track = this.#tracks.get('camera');
    // Neither has been turned off nor replaced meanwhile.
    const isWanted = () => track && this.#tracks.get('camera') === track;
    await this.#get('camera', async devices => {
      try {
        return await devices.getUserMedia({ video });
      } catch (thrown) {
        if (!isBusy(thrown) || !isWanted()) throw thrown;
      }
      if (track) stopTrack(track);
      try {
        return await devices.getUserMedia({ video });
      } catch (thrown) {
        if (!isWanted()) throw thrown;
        this.#devices.video = former;
        await this.setCamera(true).catch(() => isWanted() && this.#ended('camera'));
        throw thrown;
      }
    });
  }

  readonly #onDeviceChange = (): void => {
    // Only one that was lost: who has chosen a microphone does not expect another one.
    if (this.#isOpen && !this.audio) void this.#reopenMicrophone().catch(() => {});
  };

  #stop(source: Source): void {
    this.#requests.set(source, (this.#requests.get(source) ?? 0) + 1);
    const track = this.#tracks.get(source);
    if (track) stopTrack(track);
    this.#tracks.delete(source);
    this.#show();
  }

  #show(): void {
    const { video } = this;
    const shows = this.#tracks.has('screen') ? 'screen' : 'camera';
    const shown = this.store.get().preview;
    const isShown = video !== null && shown?.getTracks().includes(video);
    const preview = isShown ? shown : video && new this.#env.MediaStream([video]);
    this.#update({ video: video && shows, preview });
    this.#changed();
  }

  #update(change: Partial<LocalState>): void {
    if (!this.#isClosed) this.store.set({ ...this.store.get(), ...change });
  }
}

function stopTrack(track: MediaStreamTrack): void {
  track.onended = null;
  track.stop();
}

/** Whether a device could not be opened because it, or another one, is open already. */
function isBusy(thrown: unknown): boolean {
  return /^(NotReadable|Abort)Error$/.test((thrown as Error).name);
}

function refusal(source: Source, thrown: unknown): FunnelcastError {
  if (thrown instanceof FunnelcastError) return thrown;
  const { name, message } = thrown as Error;
  if (/^(NotAllowed|Security)Error$/.test(name))
    return new FunnelcastError('not_permitted', `the ${source} may not be used: ${message}`);
  if (/^(NotFound|NotReadable|Overconstrained|Abort)Error$/.test(name)) {
    const code = source === 'microphone' ? 'no_microphone' : 'no_camera';
    return new FunnelcastError(code, `there is no ${source} that can be used: ${message}`);
  }
  return toError(thrown, 'unsupported');
}
