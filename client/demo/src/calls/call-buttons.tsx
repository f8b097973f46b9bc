import { useCall } from 'funnelcast/react';
import { Icon } from '../icon.js';
import type { Who } from '../room.js';

/** Starts a call, or joins the one that there is. */
export function CallButtons({ conversationId, other }: { conversationId: string; other: Who }) {
  const { state, canJoin, start } = useCall(conversationId);
  if (state !== 'idle' && state !== 'ended') return null;
  const verb = canJoin ? 'Join the call with' : 'Call';
  return (
    <>
      <button
        type="button"
        className="icon-button"
        aria-label={`${verb} ${other.name}`}
        title={`${verb} ${other.name}`}
        onClick={() => start()}
      >
        <Icon name="phone" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={`${verb} ${other.name} with video`}
        title={`${verb} ${other.name} with video`}
        onClick={() => start({ video: true })}
      >
        <Icon name="camera" />
      </button>
    </>
  );
}
