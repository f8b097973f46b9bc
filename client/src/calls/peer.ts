/**
 * The connection to another browser in a call, by the perfect negotiation of the WebRTC specification.
 *
 * One of the two, by their ids, opens one place for voice and one for video, and the other sends in the same ones. From then on,
 * turning a camera on or sharing a screen replaces what is sent and negotiates nothing. When media are lost, either may restart
 * ICE; if both do at once, the polite one takes back its own offer.
 *
 * @module
 */

import type { Environment } from '../environment.js';
import type { CallEnvironment } from './call-environment.js';
import type { CallSignal, SignalContent } from './call-signal.js';
import type { CallPeer } from './call-state.js';
import type { LocalMedia } from './local-media.js';
import { SignalLine } from './signal-line.js';

/** How long media may be lost before ICE is restarted: they often come back by themselves. */
const LOST_MS = 3_000;
/** How often to restart it while that does not help. */
const RESTART_MS = 10_000;

/** What a peer needs from the call. */
export interface PeerHooks {
  /** Gets the STUN and TURN servers. Never rejects. */
  configuration(): Promise<RTCConfiguration>;
  send(signal: Omit<CallSignal, 'callId' | 'from'>): void;
  /** The tracks to send, and what they are. */
  media(): LocalMedia | undefined;
  /** The state has changed. */
  changed(): void;
}

/** Another user's device in the call. */
export class Peer {
  /** What is known of it. A new object with each change. */
  state: CallPeer;
  /** Whether its page has been closed or is being loaded again. */
  isGone = false;
  readonly #env: Environment & CallEnvironment;
  readonly #hooks: PeerHooks;
  readonly #line: SignalLine;
  /** Of two offers that cross, the polite peer's is taken back. The other peer opens the places for media. */
  readonly #isPolite: boolean;
  #connection: RTCPeerConnection | undefined;
  /** Signals are handled one after the other. */
  #handling: Promise<unknown> = Promise.resolve();
  #isMakingOffer = false;
  #hasConnected = false;
  #isClosed = false;
  /** What the other end has been told of the media. */
  #told: SignalContent['media'];
  /** What may come from the other end: a track for voice, and one for video whether any is sent or not. */
  readonly #tracks: MediaStreamTrack[] = [];
  #cancelRestart = () => {};

  constructor(
    env: Environment & CallEnvironment,
    ownId: string,
    { peerId, userId, name }: Pick<CallPeer, 'peerId' | 'userId' | 'name'>,
    hooks: PeerHooks,
  ) {
    this.#env = env;
    this.#hooks = hooks;
    this.#isPolite = ownId < peerId;
    const stream = new env.MediaStream();
    this.state = { peerId, userId, name, state: 'connecting', stream, isMuted: false, video: null };
    this.#line = new SignalLine(env, {
      send: signal => hooks.send({ ...signal, to: peerId }),
      begun: () => this.#inTurn(() => this.#begin()),
      received: content => this.#inTurn(connection => this.#receive(connection, content)),
    });
    this.#line.open();
  }

  /** Takes a signal of this device. */
  receive(signal: CallSignal): void {
    if (this.#line.isFormer(signal.page)) return;
    this.isGone = signal.bye === true;
    if (signal.bye) return this.#hooks.changed();
    this.#line.receive(signal);
  }

  /** The network is back, or another one: what was not acknowledged is sent again, and lost media are looked for. */
  refresh(): void {
    this.#line.repeat();
    if (this.#hasConnected && this.#connection?.connectionState !== 'connected') void this.#restart();
  }

  /** Sends the tracks that there are now. */
  sendMedia(): void {
    const local = this.#hooks.media();
    if (!local) return;
    for (const { sender, receiver } of this.#connection?.getTransceivers() ?? []) {
      const track = receiver.track.kind === 'audio' ? local.audio : local.video;
      // It fails only if the connection is closed meanwhile.
      if (sender.track !== track) sender.replaceTrack(track).catch(() => {});
    }
    const { isMuted, video } = local.store.get();
    const media = { isMuted, video };
    const isTold = this.#told?.isMuted === isMuted && this.#told.video === video;
    if (!this.#connection || isTold) return;
    this.#told = media;
    this.#line.post({ media });
  }

  /** Tells the device that this page is being closed. */
  sayBye(): void {
    this.#line.sayBye();
  }

  /** Ends the connection. */
  close(): void {
    this.#isClosed = true;
    this.#line.close();
    this.#disconnect();
  }

  /** Does something after what came before it, unless there is another connection by then. Errors end at the time limits. */
  #inTurn(act: (connection: RTCPeerConnection | undefined) => unknown): void {
    this.#handling = this.#handling.then(() => act(this.#connection)).catch(() => {});
  }

  /** Connects to a page that nothing has been said to. */
  async #begin(): Promise<void> {
    this.#disconnect();
    const configuration = await this.#hooks.configuration();
    const { RTCPeerConnection } = this.#env;
    if (!RTCPeerConnection || this.#isClosed) return;
    const connection = new RTCPeerConnection(configuration);
    this.#connection = connection;
    connection.ontrack = ({ track }) => this.#addTrack(track);
    connection.onicecandidate = ({ candidate }) => {
      if (candidate && connection === this.#connection) this.#line.postCandidate(candidate.toJSON());
    };
    connection.onconnectionstatechange = () => this.#changed(connection);
    connection.onnegotiationneeded = () => void this.#offer(connection).catch(() => {});
    if (!this.#isPolite) {
      for (const kind of ['audio', 'video']) connection.addTransceiver(kind, { direction: 'sendrecv' });
    }
    this.sendMedia();
  }

  #disconnect(): void {
    this.#cancelRestart();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#told = undefined;
    this.#isMakingOffer = false;
    if (!connection) return;
    connection.ontrack = connection.onicecandidate = null;
    connection.onconnectionstatechange = connection.onnegotiationneeded = null;
    connection.close();
    for (const track of this.#tracks.splice(0)) track.onunmute = null;
    this.#update({ state: this.#hasConnected ? 'reconnecting' : 'connecting' });
  }

  async #offer(connection: RTCPeerConnection): Promise<void> {
    try {
      this.#isMakingOffer = true;
      await connection.setLocalDescription();
      this.#describe(connection);
    } finally {
      this.#isMakingOffer = false;
    }
  }

  async #receive(connection: RTCPeerConnection | undefined, content: SignalContent): Promise<void> {
    const { description, candidates = [], media } = content;
    if (media) this.#update(media);
    if (!connection) return;
    if (description) await this.#takeDescription(connection, description);
    for (const candidate of candidates) {
      // Those of an offer that was ignored belong to nothing.
      await connection.addIceCandidate(candidate).catch(() => {});
    }
  }

  async #takeDescription(
    connection: RTCPeerConnection,
    description: RTCSessionDescriptionInit,
  ): Promise<void> {
    const isOffer = description.type === 'offer';
    const crosses = isOffer && (this.#isMakingOffer || connection.signalingState !== 'stable');
    if (crosses && !this.#isPolite) return;
    await connection.setRemoteDescription(description);
    if (!isOffer) return;
    for (const transceiver of connection.getTransceivers()) transceiver.direction = 'sendrecv';
    this.sendMedia();
    await connection.setLocalDescription();
    this.#describe(connection);
  }

  #describe(connection: RTCPeerConnection): void {
    const { localDescription } = connection;
    if (!localDescription || connection !== this.#connection) return;
    const { type, sdp } = localDescription;
    this.#line.post({ description: { type, sdp } });
  }

  #changed(connection: RTCPeerConnection): void {
    if (connection !== this.#connection) return;
    this.#cancelRestart();
    const { connectionState } = connection;
    if (connectionState === 'connected') {
      this.#hasConnected = true;
      this.isGone = false;
      return this.#update({ state: 'connected' });
    }
    this.#update({ state: this.#hasConnected ? 'reconnecting' : 'connecting' });
    if (connectionState === 'failed') void this.#restart();
    if (connectionState === 'disconnected') this.#planRestart(LOST_MS);
  }

  #planRestart(ms: number): void {
    this.#cancelRestart();
    this.#cancelRestart = this.#env.after(ms, () => void this.#restart());
  }

  /** Looks for another way to the other browser. */
  async #restart(): Promise<void> {
    this.#planRestart(RESTART_MS);
    const connection = this.#connection;
    const configuration = await this.#hooks.configuration();
    if (!connection || connection !== this.#connection || connection.connectionState === 'connected') return;
    connection.setConfiguration(configuration); // credentials of TURN servers expire
    connection.restartIce();
  }

  #addTrack(track: MediaStreamTrack): void {
    this.#tracks.push(track);
    track.onunmute = () => this.#update({});
    this.#update({});
  }

  #update(change: Partial<CallPeer>): void {
    const state = { ...this.state, ...change };
    this.state = { ...state, stream: this.#streamOf(state) };
    this.#hooks.changed();
  }

  /**
   * The stream of what arrives. Without video it has no track for that, because a `<video>` plays nothing until it has a picture.
   * It is another object when its tracks change: a `<video>` in Chromium that began without a track never begins to play.
   */
  #streamOf({ stream, video }: CallPeer): MediaStream {
    const tracks = this.#tracks.filter(({ kind, muted }) => kind === 'audio' || (video !== null && !muted));
    const shown = stream.getTracks();
    const isSame = tracks.length === shown.length && tracks.every(track => shown.includes(track));
    return isSame ? stream : new this.#env.MediaStream(tracks);
  }
}
