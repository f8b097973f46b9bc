import type { Attachment } from 'funnelcast';
import { useFileUrl } from 'funnelcast/react';
import { useEffect, useRef, useState } from 'react';
import { Icon } from '../icon.js';
import { Waveform } from './waveform.js';
import { inMinutes } from './words.js';

/** Plays a voice message, or another sound. A file of the server's is asked for when it is first played. */
export function Player({ file }: { file: Attachment }) {
  const { name, state, durationMs, waveform = [] } = file;
  const isReady = state === 'ready';
  const [isWanted, setWanted] = useState(false);
  const [isPlaying, setPlaying] = useState(false);
  const [seconds, setSeconds] = useState(0);
  // Recordings of a browser do not say how long they are; who has recorded them has.
  const [length, setLength] = useState((durationMs ?? 0) / 1_000);
  const { url, error, refresh } = useFileUrl(isWanted || !isReady ? file : undefined, 'original', {
    isInUse: isPlaying,
  });
  const audio = useRef<HTMLAudioElement>(null);
  const isVoice = durationMs !== undefined;
  const what = isVoice ? `voice message of ${inMinutes(durationMs)}` : name;

  useEffect(() => {
    // It is pressed, or its URL had expired and there is a new one.
    if (url && isPlaying) audio.current?.play().catch(() => setPlaying(false));
  }, [url, isPlaying]);

  const toggle = () => {
    setWanted(true);
    if (isPlaying) audio.current?.pause();
    setPlaying(!isPlaying);
  };
  const seek = (to: number) => {
    setSeconds(to);
    if (audio.current) audio.current.currentTime = to;
  };
  const onLength = (found: number) => {
    if (Number.isFinite(found)) setLength(found);
  };
  return (
    <div className="player" data-state={state}>
      {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what users say */}
      <audio
        ref={audio}
        src={url}
        preload="auto"
        onLoadedMetadata={({ currentTarget }) => {
          onLength(currentTarget.duration);
          if (seconds > 0) currentTarget.currentTime = seconds;
        }}
        onTimeUpdate={({ currentTarget }) => setSeconds(currentTarget.currentTime)}
        onEnded={() => {
          setPlaying(false);
          setSeconds(0);
        }}
        onError={refresh}
      />
      <button
        type="button"
        className="icon-button"
        aria-label={`${isPlaying ? 'Pause' : 'Play'} the ${what}`}
        disabled={!isReady && !url}
        onClick={toggle}
      >
        <Icon name={isPlaying ? 'pause' : 'play'} />
      </button>
      <Waveform values={waveform} at={seconds} of={length} label={`Position in the ${what}`} onSeek={seek} />
      <span className="length">{inMinutes(1_000 * (isPlaying || seconds > 0 ? seconds : length))}</span>
      {!isVoice && <b>{name}</b>}
      {(error || !isReady) && <span className="note">{error?.message ?? 'Checking…'}</span>}
    </div>
  );
}
