/**
 * The hook `useCall`.
 *
 * @module
 */

import { useEffect, useMemo } from 'react';
import type { CallState } from '../calls/call-state.js';
import { ConversationCall } from '../calls/conversation-call.js';
import type { CreateCallOptions } from '../calls/options.js';
import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import { keptPerConversation } from '../conversation/kept.js';
import { useClient, useConnection } from './provider.js';
import { useGrant, useStore } from './store.js';

/** How long a call is followed that no component uses: StrictMode and navigation unmount and mount everything. */
const LINGER_MS = 1_000;

/** The options of {@link useCall}. */
export interface UseCallOptions extends CreateCallOptions {}

/** The result of {@link useCall}. */
export interface UseCall
  extends CallState,
    Pick<
      ConversationCall,
      'start' | 'accept' | 'decline' | 'hangUp' | 'mute' | 'setCamera' | 'setScreen' | 'useDevices'
    > {}

/** The call of a conversation, for all components that show it. */
class SharedCall {
  readonly options: CreateCallOptions = {};
  readonly call: ConversationCall;
  readonly #client: Client;
  #users = 0;
  #isOpen = false;
  #cancelClose = () => {};

  constructor(client: Client, channel: ConversationChannel) {
    this.#client = client;
    this.call = new ConversationCall(client, channel, this.options);
  }

  /** Follows the call until the returned function is called, or until the call that there is then has ended. */
  readonly retain = (): (() => void) => {
    this.#users++;
    this.#cancelClose();
    if (!this.#isOpen) this.call.open();
    this.#isOpen = true;
    return () => {
      if (--this.#users > 0) return;
      const cancel = this.#client.environment.after(LINGER_MS, () => this.#closeAfterCall());
      this.#cancelClose = cancel;
    };
  };

  #closeAfterCall(): void {
    const { store } = this.call;
    const close = () => {
      const { state, direction } = store.get();
      const isOver = /^(idle|ended)$/.test(state) || (state === 'ringing' && direction === 'incoming');
      if (!isOver) return;
      this.#cancelClose();
      this.#isOpen = false;
      this.call.unfollow();
    };
    this.#cancelClose = store.subscribe(close);
    close();
  }
}

const sharedCallOf = /* @__PURE__ */ keptPerConversation(SharedCall);

/**
 * The call of a conversation: whether it rings, who is in it, and the functions that start, accept and end it. A call goes on when
 * the component is unmounted, as long as another one uses the client; show it where the user stays during a call, because voices
 * are heard only while a `<video>` or `<audio>` plays them. Import nothing for it: its code is in a bundle that uses this hook.
 *
 * The functions never throw. They need a click of the user, because the browser asks for the microphone; what went wrong is in
 * `error` and `deviceError`.
 *
 * @example
 * ```tsx
 * const { state, direction, peers, isMuted, start, accept, decline, hangUp, mute } = useCall('conv-123');
 * if (state === 'ringing' && direction === 'incoming')
 *   return <p><button onClick={() => accept()}>Accept</button> <button onClick={decline}>Decline</button></p>;
 * if (state === 'idle' || state === 'ended') return <button onClick={() => start({ video: true })}>Call</button>;
 * return (
 *   <section>
 *     {peers.map(({ peerId, stream }) => (
 *       <video
 *         key={peerId}
 *         autoPlay
 *         playsInline
 *         ref={video => {
 *           if (video && video.srcObject !== stream) video.srcObject = stream;
 *         }}
 *       />
 *     ))}
 *     <button aria-pressed={isMuted} onClick={() => mute(!isMuted)}>Mute</button>
 *     <button onClick={hangUp}>Hang up</button>
 *   </section>
 * );
 * ```
 */
export function useCall(id: string, options: UseCallOptions = {}): UseCall {
  const client = useClient();
  const shared = useMemo(() => sharedCallOf(client, `conversation:${id}`), [client, id]);
  useConnection(client);
  const grant = useGrant(options.grant);
  useEffect(() => {
    // Another component may show the same call without them.
    Object.assign(shared.options, options, grant && { grant });
  });
  useEffect(() => shared.retain(), [shared]);
  const { start, accept, decline, hangUp, mute, setCamera, setScreen, useDevices } = shared.call;
  return {
    ...useStore(shared.call.store),
    start,
    accept,
    decline,
    hangUp,
    mute,
    setCamera,
    setScreen,
    useDevices,
  };
}
