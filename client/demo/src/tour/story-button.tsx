import { useSyncExternalStore } from 'react';
import { Icon } from '../icon.js';
import type { Room } from '../room.js';
import { playing, playStory } from '../story.js';

/** Plays the part of the story again in which the numbers move, a funnel is generated, and other customers write. */
export function StoryButton({ room }: { room: Room }) {
  const isPlaying = useSyncExternalStore(playing.subscribe, playing.get);
  return (
    <button
      type="button"
      className="button"
      aria-disabled={isPlaying}
      onClick={() => void playStory(room, crypto.randomUUID())}
    >
      <Icon name="play" /> {isPlaying ? 'The story plays' : 'Play the story again'}
    </button>
  );
}
