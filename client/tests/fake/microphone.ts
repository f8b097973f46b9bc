/** A microphone, and a browser that records with it. */

import { vi } from 'vitest';

/** What happens to a browser that asks for the microphone. */
export interface Microphone {
  /** The name of the error with which it is refused, if it is. */
  refusal: string | undefined;
  /** How long the user thinks before they permit it. */
  permissionMs: number;
  /** How loud it is, from 0 to 1. */
  level: number;
  /** The formats that the browser records. */
  formats: string[];
  /** Whether it is in use. */
  isOpen: boolean;
  /** Unplugs it. */
  unplug(): void;
  /** Lets the recording fail. */
  fail(): void;
}

/** Gives the page a microphone. `vi.unstubAllGlobals` takes it away. */
export function stubMicrophone(): Microphone {
  let recorder: FakeRecorder | undefined;
  const microphone: Microphone = {
    refusal: undefined,
    permissionMs: 0,
    level: 0.5,
    formats: ['audio/webm;codecs=opus'],
    isOpen: false,
    unplug: () => recorder?.stop(),
    fail: () => recorder?.onerror?.(new Event('error')),
  };
  const stop = () => {
    microphone.isOpen = false;
  };
  const getUserMedia = async () => {
    if (microphone.permissionMs > 0)
      await new Promise(resolve => setTimeout(resolve, microphone.permissionMs));
    if (microphone.refusal) throw new DOMException('no', microphone.refusal);
    microphone.isOpen = true;
    return { getTracks: () => [{ kind: 'audio', stop }] };
  };
  class FakeRecorder {
    static isTypeSupported = (type: string) => microphone.formats.includes(type);
    state = 'inactive';
    mimeType: string;
    ondataavailable?: (event: { data: Blob }) => void;
    onstop?: () => void;
    onerror?: (event: Event) => void;
    constructor(_: unknown, { mimeType = '' }: { mimeType?: string }) {
      this.mimeType = mimeType;
      recorder = this;
    }
    start() {
      this.state = 'recording';
    }
    stop() {
      this.state = 'inactive';
      setTimeout(() => {
        this.ondataavailable?.({ data: new Blob(['sound']) });
        this.onstop?.();
      }, 5);
    }
  }
  class FakeContext {
    createMediaStreamSource = () => ({ connect() {} });
    close = async () => {};
  }
  class FakeAnalyser {
    fftSize = 4;
    getFloatTimeDomainData = (samples: Float32Array) => samples.fill(microphone.level);
  }
  const listeners = { addEventListener() {}, removeEventListener() {} };
  vi.stubGlobal('navigator', { mediaDevices: { getUserMedia, ...listeners } });
  vi.stubGlobal('MediaRecorder', FakeRecorder);
  vi.stubGlobal('AudioContext', FakeContext);
  vi.stubGlobal('AnalyserNode', FakeAnalyser);
  return microphone;
}
