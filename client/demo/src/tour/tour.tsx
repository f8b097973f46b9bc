import { useEffect, useState } from 'react';
import { flushSync } from 'react-dom';
import { Icon } from '../icon.js';
import { useNetworkMode } from '../network.js';
import type { Person } from '../people.js';
import type { Room } from '../room.js';
import { type Progress, report } from './report.js';
import { StoryButton } from './story-button.js';
import { useArrivals } from './use-arrivals.js';

/** What the merchant and the customer write, pair by pair. */
const LINES: readonly (readonly [string, string])[] = [
  ['Three places are left for Monday.', 'Please keep one for me!'],
  ['Done, it is yours.', 'Wonderful, thank you.'],
  ['Lesson 1 is open already.', 'I am reading it now.'],
];

export interface TourProps {
  room: Room;
  /** The merchant, and the customer whose network is cut. */
  people: readonly [Person, Person];
  /** Called before something happens, to show the conversation of the two. */
  onStart: () => void;
}

/** Three buttons that try to lose a message, and a report of what became of it. */
export function Tour({ room, people, onStart }: TourProps) {
  const [one, other] = people;
  const { progress, written } = useProgress(other);
  const [round, setRound] = useState(0);
  const isCut = useNetworkMode(other.network) === 'cut';
  const ofOne = useArrivals(one.client, room.conversationId);
  const ofOther = useArrivals(other.client, room.conversationId);

  const write = () => {
    flushSync(onStart); // the chat of the two must be there to write in it
    const lines = LINES[round % LINES.length] ?? [];
    setRound(round + 1);
    written(lines);
    for (const [at, { pen }] of people.entries()) pen.write?.(lines[at] ?? '');
  };
  const next = isCut ? (progress.written.length > 0 ? 'mend' : 'write') : 'cut';
  return (
    <section className="tour" aria-labelledby="tour">
      <h2 id="tour">Try to lose a message</h2>
      <ol>
        <Step
          number={1}
          isNext={next === 'cut'}
          isOff={isCut}
          onPress={() => {
            onStart();
            other.network.mode = 'cut';
          }}
        >
          {isCut ? `${other.name} is offline` : `Cut ${other.name}’s network`}
        </Step>
        <Step number={2} isNext={next === 'write'} onPress={write}>
          Write
        </Step>
        <Step
          number={3}
          isNext={next === 'mend'}
          isOff={!isCut}
          onPress={() => {
            other.network.mode = 'up';
          }}
        >
          Mend
        </Step>
      </ol>
      <output>
        {report(progress, { name: one.name, arrivals: ofOne }, { name: other.name, arrivals: ofOther })}
      </output>
      {room.hasStory && <StoryButton room={room} />}
    </section>
  );
}

interface StepProps {
  number: number;
  isNext: boolean;
  /** Whether there is nothing to do for it now. It keeps the focus, so that a keyboard user does not lose their place. */
  isOff?: boolean;
  onPress: () => void;
  children: string;
}

function Step({ number, isNext, isOff = false, onPress, children }: StepProps) {
  return (
    <li>
      <button
        type="button"
        className="step"
        data-next={isNext}
        aria-disabled={isOff}
        onClick={() => isOff || onPress()}
      >
        <b aria-hidden="true">{isOff && number === 1 ? <Icon name="check" /> : number}</b> {children}
      </button>
    </li>
  );
}

/** Follows the network of a person, whoever cuts and mends it, and what the tour writes in the meantime. */
function useProgress({ network }: Person) {
  const [progress, setProgress] = useState<Progress>({
    since: 0,
    isCut: network.mode === 'cut',
    written: [],
  });
  useEffect(
    () =>
      network.onSwitch(mode =>
        setProgress(known => {
          const now = Date.now();
          if (mode === 'cut') return { since: now, isCut: true, written: [] };
          return known.isCut ? { ...known, isCut: false, mendedAt: now } : known;
        }),
      ),
    [network],
  );
  const written = (lines: readonly string[]) =>
    setProgress(known =>
      known.isCut
        ? { ...known, written: [...known.written, ...lines] }
        : { since: Date.now(), isCut: false, written: lines },
    );
  return { progress, written };
}
