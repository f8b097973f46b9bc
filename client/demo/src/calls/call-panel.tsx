import type { CallPeer } from 'funnelcast/calls';
import { type UseCall, useCall } from 'funnelcast/react';
import { useEffect, useRef, useState } from 'react';
import { CodeButton } from '../code/code-button.js';
import { inMinutes } from '../files/words.js';
import { Icon, type IconName } from '../icon.js';
import { Avatar } from '../person-head.js';
import type { Who } from '../room.js';
import { wordsOf } from './words.js';

/** The call of a conversation: the others, the user's own picture, and what the user can do. */
export function CallPanel({ conversationId, other }: { conversationId: string; other: Who }) {
  const call = useCall(conversationId);
  const { state, direction, peers, preview, video, error, deviceError } = call;
  const isRung = state === 'ringing' && direction === 'incoming';
  const isOn = state !== 'idle' && state !== 'ended' && !isRung;
  const words = isRung ? '' : wordsOf(call, other.name);
  const problem = deviceError ?? (state === 'ended' && call.reason === 'failed' ? error : null);
  return (
    <section className="call" aria-label={`Call with ${other.name}`} hidden={words === ''}>
      <header>
        <output>{words}</output>
        {state === 'connected' && <Duration since={call.call?.acceptedAt} />}
        {isOn && <CodeButton of="the call" file="calls/call-panel.tsx" />}
      </header>
      {problem && <output className="problem">{problem.message}</output>}
      {isOn && (
        <>
          <div className="tiles">
            {peers.map(peer => (
              <Tile key={peer.peerId} peer={peer} />
            ))}
            {preview && (
              <figure className="own">
                <Picture stream={preview} label={`Your ${video}`} />
              </figure>
            )}
          </div>
          <Controls {...call} />
        </>
      )}
    </section>
  );
}

/** Another user in the call. */
function Tile({ peer: { name, stream, video, isMuted, state } }: { peer: CallPeer }) {
  return (
    <figure data-state={state}>
      {video ? (
        <Picture stream={stream} label={`${name}’s ${video}`} />
      ) : (
        <Avatar {...{ name, role: 'customer' as const }} />
      )}
      <figcaption>
        {name} {isMuted && <small>muted</small>} {state === 'reconnecting' && <small>reconnecting</small>}
      </figcaption>
    </figure>
  );
}

/** A picture without its sound, which `Ring` plays. */
function Picture({ stream, label }: { stream: MediaStream; label: string }) {
  const element = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    if (element.current) element.current.srcObject = stream;
  }, [stream]);
  return <video ref={element} aria-label={label} autoPlay playsInline muted />;
}

function Controls({ isMuted, video, mute, setCamera, setScreen, hangUp }: UseCall) {
  const isCameraOn = video === 'camera';
  const isScreenOn = video === 'screen';
  return (
    <div className="controls">
      <Toggle name="mic" label="Mute" isOn={isMuted} onPress={() => mute(!isMuted)} />
      <Toggle name="camera" label="Camera" isOn={isCameraOn} onPress={() => void setCamera(!isCameraOn)} />
      <Toggle
        name="screen"
        label="Share the screen"
        isOn={isScreenOn}
        onPress={() => void setScreen(!isScreenOn)}
      />
      <button type="button" className="button hang-up" onClick={hangUp}>
        <Icon name="phone" /> Hang up
      </button>
    </div>
  );
}

interface ToggleProps {
  name: IconName;
  label: string;
  isOn: boolean;
  onPress: () => void;
}

function Toggle({ name, label, isOn, onPress }: ToggleProps) {
  return (
    <button type="button" className="chip" aria-pressed={isOn} onClick={onPress}>
      <Icon name={name} /> {label}
    </button>
  );
}

/** How long the call has been active. */
function Duration({ since }: { since: string | undefined }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <time>{inMinutes(Math.max(0, now - Date.parse(since ?? '')) || 0)}</time>;
}
