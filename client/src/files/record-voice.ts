/**
 * Records voice messages with the microphone.
 *
 * @module
 */

import { callSafely, FunnelcastError, toError } from '../errors.js';
import type { CallOptions } from '../options.js';
import { deferred, onAbort, unlessAborted } from '../waiting.js';
import type { Recording } from './outgoing-file.js';
import { levelOf, waveformOf } from './waveform.js';

/** The longest recording by default. */
const DURATION_MS_DEFAULT = 5 * 60_000;
/** How often the level is measured. */
const LEVEL_MS = 50;
/** The formats, the best first: Opus is half as large as AAC, which is all that some versions of Safari record. */
const FORMATS = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus', 'audio/mp4', 'audio/webm'];

/** The options of {@link recordVoice}. */
export interface RecordVoiceOptions extends CallOptions {
  /** Called 20 times a second with how loud it is, from 0 to 1, and with how long the recording is. */
  onLevel?: ((level: { level: number; durationMs: number }) => void) | undefined;
  /** The recording stops by itself after this time, in milliseconds. Default: 5 minutes. */
  maxMs?: number | undefined;
}

/** A recording that has begun. */
export interface VoiceRecorder {
  /** The recording. Rejects if it is cancelled, with the code `closed`, or with the reason of the signal. */
  readonly recorded: Promise<Recording>;
  /** Ends the recording and returns it, as {@link recorded} does. */
  stop(): Promise<Recording>;
  /** Ends the recording and forgets it. The microphone is free at once. */
  cancel(): void;
}

/**
 * Records with the microphone, until it is stopped, or for 5 minutes. The browser asks the user for permission. Call it in reply
 * to a click: otherwise some browsers measure no level.
 *
 * @throws {@link FunnelcastError} `not_permitted` if the user or the page's `Permissions-Policy` does not allow it, `no_microphone`
 * if there is none or another program uses it, `unsupported` if the browser cannot record or the page is not on HTTPS
 *
 * @example
 * ```ts
 * const recorder = await recordVoice({ onLevel: ({ level }) => show(level) });
 * const recording = await recorder.stop();
 * await sendFiles(client, 'conversation:conv-123', [recording]);
 * ```
 */
export async function recordVoice({
  onLevel,
  signal,
  maxMs = DURATION_MS_DEFAULT,
}: RecordVoiceOptions = {}): Promise<VoiceRecorder> {
  signal?.throwIfAborted();
  const stream = await microphone(signal);
  try {
    return record(stream, onLevel, signal, maxMs);
  } catch (thrown) {
    for (const track of stream.getTracks()) track.stop();
    throw new FunnelcastError('unsupported', `the browser cannot record: ${thrown}`);
  }
}

/** Opens the microphone. If the signal is aborted while the user is asked, it is closed again whatever they say. */
async function microphone(signal: AbortSignal | undefined): Promise<MediaStream> {
  const devices = globalThis.navigator?.mediaDevices as MediaDevices | undefined;
  if (!devices || typeof MediaRecorder === 'undefined') {
    throw new FunnelcastError(
      'unsupported',
      'recording needs a page on HTTPS, and a browser with MediaRecorder',
    );
  }
  const opening = devices.getUserMedia({ audio: true });
  try {
    const stream = await unlessAborted(opening, signal);
    signal?.throwIfAborted();
    return stream;
  } catch (thrown) {
    const stop = (stream: MediaStream) =>
      stream.getTracks().forEach(track => {
        track.stop();
      });
    opening.then(stop, () => {});
    signal?.throwIfAborted();
    throw refusal(thrown);
  }
}

function refusal(thrown: unknown): FunnelcastError {
  const { name, message } = thrown as Error;
  if (/^(NotAllowed|Security)Error$/.test(name))
    return new FunnelcastError('not_permitted', `the microphone may not be used: ${message}`);
  if (/^(NotFound|NotReadable|Overconstrained)Error$/.test(name))
    return new FunnelcastError('no_microphone', `there is no microphone that can be used: ${message}`);
  return toError(thrown, 'unsupported');
}

function record(
  stream: MediaStream,
  onLevel: RecordVoiceOptions['onLevel'],
  signal: AbortSignal | undefined,
  maxMs: number,
): VoiceRecorder {
  const mimeType = FORMATS.find(format => MediaRecorder.isTypeSupported(format));
  const recorder = new MediaRecorder(stream, mimeType === undefined ? {} : { mimeType });
  const parts: Blob[] = [];
  const levels: number[] = [];
  const done = deferred<Recording>();
  const meter = meterOf(stream);
  const startedAt = performance.now();
  // Timers of a page in the background are slow, so the time is measured, and not counted.
  const durationMs = () => Math.min(maxMs, Math.round(performance.now() - startedAt));
  let lengthMs: number | undefined;
  const measure = setInterval(() => {
    const level = meter.level();
    levels.push(level);
    callSafely(onLevel, { level, durationMs: durationMs() });
  }, LEVEL_MS);
  const stop = () => {
    if (recorder.state === 'inactive') return;
    lengthMs = durationMs();
    recorder.stop();
  };
  const timer = setTimeout(stop, maxMs);
  const free = () => {
    clearInterval(measure);
    clearTimeout(timer);
    forget?.();
    meter.close();
    for (const track of stream.getTracks()) track.stop();
  };
  const end = (reason: unknown) => {
    done.reject(reason);
    stop();
    free();
  };
  const forget = signal && onAbort(signal, () => end(signal.reason));
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onerror = event =>
    end(new FunnelcastError('no_microphone', `the recording has failed: ${event.type}`));
  // Also when the microphone is unplugged: what there is is kept.
  recorder.onstop = () => {
    try {
      free();
      done.resolve({
        file: fileOf(parts, recorder.mimeType),
        durationMs: lengthMs ?? durationMs(),
        waveform: waveformOf(levels),
      });
    } catch (thrown) {
      done.reject(toError(thrown));
    }
  };
  recorder.start();
  return {
    recorded: done.promise,
    stop() {
      stop();
      return done.promise;
    },
    cancel: () => end(new FunnelcastError('closed', 'the recording was cancelled')),
  };
}

/** Measures how loud it is now. Without the Web Audio API, or where it does not start, all is silent. */
function meterOf(stream: MediaStream): { level(): number; close(): void } {
  if (typeof AudioContext === 'undefined') return { level: () => 0, close() {} };
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 2048 });
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      return levelOf(samples);
    },
    close: () => void context.close().catch(() => {}),
  };
}

/** The recording as a file with a name that says when it was made. */
function fileOf(parts: Blob[], mimeType: string): File {
  const type = mimeType.split(';')[0] || 'audio/webm';
  const extension = type === 'audio/mp4' ? 'm4a' : type.slice('audio/'.length);
  const at = new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  return new File(parts, `Voice message ${at}.${extension}`, { type });
}
