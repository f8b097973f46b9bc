import type { Recording } from 'funnelcast/files';
import type { UseVoiceRecorder } from 'funnelcast/react';
import { useEffect, useRef } from 'react';
import { Icon } from '../icon.js';
import { inMinutes } from './words.js';

/** Begins a voice message, and says why that is not possible. */
export function RecordButton({ error, start }: Pick<UseVoiceRecorder, 'error' | 'start'>) {
  const problem =
    error?.code === 'not_permitted' ? 'The microphone may not be used' : error && 'There is no microphone';
  return (
    <>
      {problem && <output className="problem">{problem}</output>}
      <button
        type="button"
        className="icon-button"
        aria-label="Record a voice message"
        title="Record a voice message"
        onClick={() => void start()}
      >
        <Icon name="mic" />
      </button>
    </>
  );
}

export interface RecorderProps extends UseVoiceRecorder {
  onSend: (recording: Recording) => void;
}

/** A voice message that is being recorded, or was: it is sent or discarded. */
export function Recorder({ state, level, durationMs, recording, stop, cancel, onSend }: RecorderProps) {
  const send = useRef<HTMLButtonElement>(null);
  const isAsking = state === 'asking';
  useEffect(() => {
    if (!isAsking) send.current?.focus();
  }, [isAsking]);
  const finish = async () => {
    const finished = recording ?? (await stop());
    if (finished) onSend(finished);
    cancel();
  };
  return (
    <section className="recorder" aria-label="Voice message">
      <button type="button" className="button" onClick={cancel}>
        Discard
      </button>
      {isAsking ? (
        <output>Please allow the microphone…</output>
      ) : (
        <>
          <meter className="level" aria-label="Level" min="0" max="1" value={level} />
          <time>{inMinutes(durationMs)}</time>
        </>
      )}
      <button
        type="button"
        className="send"
        ref={send}
        aria-label="Send the voice message"
        disabled={isAsking}
        onClick={() => void finish()}
      >
        <Icon name="send" />
      </button>
    </section>
  );
}
