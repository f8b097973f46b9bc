/**
 * The hook `useVoiceRecorder`.
 *
 * @module
 */

import { useCallback, useEffect, useRef, useState } from 'react';
import { type FunnelcastError, toError } from '../errors.js';
import type { Recording } from '../files/outgoing-file.js';
import { recordVoice, type VoiceRecorder } from '../files/record-voice.js';

/** What a recorder does: nothing yet, wait for the user's permission, record, or hold a recording. */
export type RecorderState = 'idle' | 'asking' | 'recording' | 'recorded';

/** The result of {@link useVoiceRecorder}. */
export interface UseVoiceRecorder {
  state: RecorderState;
  /** How loud it is now, from 0 to 1. */
  level: number;
  /** How long the recording is, in milliseconds. */
  durationMs: number;
  /** What was recorded, once it is stopped, by `stop` or after `maxMs`. */
  recording: Recording | null;
  /** Why it cannot record: `not_permitted`, `no_microphone` or `unsupported`; `null` if it can. */
  error: FunnelcastError | null;
  /** Asks for the microphone and records, instead of what there was. Call it in reply to a click. */
  start: () => Promise<void>;
  /** Ends the recording and returns it; `undefined` if there is none. While it asks for the microphone, it takes that back. */
  stop: () => Promise<Recording | undefined>;
  /** Forgets the recording, whether it has ended or not. */
  cancel: () => void;
}

type Shown = Pick<UseVoiceRecorder, 'state' | 'level' | 'durationMs' | 'recording' | 'error'>;

const IDLE: Shown = { state: 'idle', level: 0, durationMs: 0, recording: null, error: null };

/**
 * Records voice messages. The recording is cancelled when the component is unmounted.
 *
 * @param maxMs - after this time, the recording stops by itself. Default: 5 minutes
 *
 * @example
 * ```tsx
 * const { state, level, durationMs, error, start, stop, cancel } = useVoiceRecorder();
 * const { add, send } = useFiles('conv-123');
 * const finish = async () => {
 *   const recording = await stop();
 *   if (recording) add([recording]);
 *   await send();
 * };
 * if (state !== 'recording') return <button onClick={start}>Record {error?.message}</button>;
 * return (
 *   <p>
 *     <meter value={level} /> {Math.round(durationMs / 1000)} s
 *     <button onClick={finish}>Send</button> <button onClick={cancel}>Discard</button>
 *   </p>
 * );
 * ```
 */
export function useVoiceRecorder(maxMs?: number): UseVoiceRecorder {
  const [shown, setShown] = useState<Shown>(IDLE);
  const ending = useRef<AbortController>(undefined);
  const recorder = useRef<VoiceRecorder>(undefined);

  const end = useCallback(() => {
    ending.current?.abort();
    recorder.current = undefined;
  }, []);

  const start = useCallback(async () => {
    end();
    const own = new AbortController();
    ending.current = own;
    // What a recording says that has been replaced or cancelled does not count any more.
    const show = (change: Partial<Shown>) => {
      if (!own.signal.aborted) setShown(now => ({ ...now, ...change }));
    };
    setShown({ ...IDLE, state: 'asking' });
    try {
      const made = await recordVoice({ onLevel: show, signal: own.signal, maxMs });
      recorder.current = made;
      show({ state: 'recording' });
      made.recorded.then(
        recording => show({ state: 'recorded', level: 0, durationMs: recording.durationMs, recording }),
        thrown => show({ ...IDLE, error: toError(thrown) }),
      );
    } catch (thrown) {
      show({ ...IDLE, error: toError(thrown) });
    }
  }, [end, maxMs]);

  const stop = useCallback(async () => {
    if (recorder.current) return recorder.current.stop().catch(() => undefined);
    end(); // or it would record once the user has permitted it
    setShown(now => (now.state === 'asking' ? IDLE : now));
    return undefined;
  }, [end]);

  const cancel = useCallback(() => {
    end();
    setShown(IDLE);
  }, [end]);

  useEffect(() => end, [end]);
  return { ...shown, start, stop, cancel };
}
