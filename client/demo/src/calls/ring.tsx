import { useCall } from 'funnelcast/react';
import { useEffect, useRef } from 'react';
import { Icon } from '../icon.js';
import type { Who } from '../room.js';

export interface RingProps {
  conversationId: string;
  other: Who;
  /** The user has accepted: shows the conversation. */
  onAnswer?: () => void;
  /** A call begins, or is over. */
  onCall?: (isUnderWay: boolean) => void;
}

/**
 * Rings when the other calls, and plays their voice during the call. It is outside of the chat, so that both work while another
 * conversation is open.
 */
export function Ring({ conversationId, other, onAnswer, onCall }: RingProps) {
  const { state, direction, call, peers, error, accept, decline } = useCall(conversationId);
  const isRung = state === 'ringing' && direction === 'incoming';
  const isUnderWay = state !== 'idle' && state !== 'ended';
  useEffect(() => onCall?.(isUnderWay), [isUnderWay, onCall]);
  const answer = (video: boolean) => {
    accept({ video });
    onAnswer?.();
  };
  return (
    <>
      {isRung && (
        <div role="alert">
          <section className="ring" aria-label={`Call from ${other.name}`}>
            <Icon name={call?.media === 'video' ? 'camera' : 'phone'} />
            <p>
              <b>{other.name}</b> is calling {error && <small>({error.message})</small>}
            </p>
            <button type="button" className="button primary" onClick={() => answer(false)}>
              Accept
            </button>
            <button type="button" className="button primary" onClick={() => answer(true)}>
              Accept with video
            </button>
            <button type="button" className="button" onClick={decline}>
              Decline
            </button>
          </section>
        </div>
      )}
      {peers.map(({ peerId, stream }) => (
        <Voice key={peerId} stream={stream} />
      ))}
    </>
  );
}

function Voice({ stream }: { stream: MediaStream }) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    if (audio.current) audio.current.srcObject = stream;
  }, [stream]);
  // biome-ignore lint/a11y/useMediaCaption: nobody knows beforehand what is said in a call
  return <audio ref={audio} autoPlay />;
}
