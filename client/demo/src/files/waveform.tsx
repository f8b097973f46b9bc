export interface WaveformProps {
  /** How loud it is from the beginning to the end, each from 0 to 255; empty if nobody has measured it. */
  values: readonly number[];
  /** Where the player is, and how long it plays, in seconds. */
  at: number;
  of: number;
  label: string;
  onSeek: (seconds: number) => void;
}

/** How loud a recording is, and where it is being played. It is a slider, which the arrow keys move. */
export function Waveform({ values, at, of, label, onSeek }: WaveformProps) {
  const bars = values.length > 0 ? values : Array<number>(64).fill(24);
  const played = of > 0 ? (at / of) * bars.length : 0;
  return (
    <span className="waveform">
      <svg viewBox={`0 0 ${bars.length * 3} 32`} preserveAspectRatio="none" aria-hidden="true">
        {bars.map((value, place) => {
          const height = 3 + (value / 255) * 29;
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a bar is its place
              key={place}
              data-played={place < played}
              x={place * 3}
              y={(32 - height) / 2}
              width="2"
              height={height}
              rx="1"
            />
          );
        })}
      </svg>
      <input
        type="range"
        aria-label={label}
        aria-valuetext={`${Math.round(at)} of ${Math.round(of)} seconds`}
        min="0"
        max={of || 1}
        step="0.1"
        value={Math.min(at, of || 1)}
        onChange={({ target }) => onSeek(Number(target.value))}
      />
    </span>
  );
}
