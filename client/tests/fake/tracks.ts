/** Tracks and streams without media. */

export class FakeTrack {
  readonly kind: string;
  readonly label: string;
  enabled = true;
  readyState = 'live';
  /** Whether nothing has arrived on it, if it is the track of a receiver. */
  muted = false;
  onended: (() => void) | null = null;
  onunmute: (() => void) | null = null;

  constructor(kind: string, label = kind) {
    this.kind = kind;
    this.label = label;
  }

  stop(): void {
    this.readyState = 'ended';
  }

  unmute(): void {
    if (!this.muted) return;
    this.muted = false;
    this.onunmute?.();
  }

  /** The device is gone, or the browser's own bar stops it. */
  end(): void {
    this.stop();
    this.onended?.();
  }
}

export class FakeStream {
  readonly tracks: FakeTrack[];

  constructor(tracks: FakeTrack[] = []) {
    this.tracks = [...tracks];
  }

  getTracks = () => [...this.tracks];
  addTrack = (track: FakeTrack) => void this.tracks.push(track);
  removeTrack = (track: FakeTrack) => void this.tracks.splice(this.tracks.indexOf(track), 1);
}
