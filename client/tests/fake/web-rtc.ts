/**
 * Browsers' WebRTC without media: connections that negotiate by the rules of the specification, fail and are found again.
 */

import { FakeTrack } from './tracks.js';

/** How long it takes to find a way from one browser to another. */
const CONNECTING_MS = 20;

interface Transceiver {
  direction: string;
  sender: { track: FakeTrack | null; replaceTrack(track: FakeTrack | null): Promise<void> };
  receiver: { track: FakeTrack };
}

/** What all browsers share: the network between them. */
export class Ether {
  readonly connections = new Set<FakeConnection>();
  #isUp = true;
  #count = 0;

  nextId = (): string => `${++this.#count}`;

  get open(): FakeConnection[] {
    return [...this.connections].filter(({ connectionState }) => connectionState !== 'closed');
  }

  /** Whether media get through. */
  set isUp(isUp: boolean) {
    this.#isUp = isUp;
    for (const connection of this.open) {
      if (!isUp) connection.lose('disconnected');
      else connection.look();
    }
  }

  get isUp(): boolean {
    return this.#isUp;
  }
}

type Description = { type: string; sdp: string };

export class FakeConnection {
  readonly ether: Ether;
  readonly id: string;
  configuration: unknown;
  connectionState = 'new';
  signalingState = 'stable';
  localDescription: Description | null = null;
  remoteDescription: Description | null = null;
  ontrack: ((event: { track: FakeTrack }) => void) | null = null;
  onicecandidate: ((event: { candidate: { toJSON(): object } | null }) => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  onnegotiationneeded: (() => void) | null = null;
  readonly #transceivers: Transceiver[] = [];
  #needsNegotiation = false;
  #round = 0;
  #wantsRestart = false;
  /** Descriptions as of the last completed negotiation. */
  agreed: { local: string; remote: string } | undefined;
  #before: Description | null = null;
  readonly candidates = new Set<string>();

  constructor(ether: Ether, configuration: unknown) {
    this.ether = ether;
    this.id = ether.nextId();
    this.configuration = configuration;
    ether.connections.add(this);
  }

  getTransceivers = () => [...this.#transceivers];

  addTransceiver(kind: string, { direction }: { direction: string }): void {
    this.#add(kind, direction);
    this.#negotiate();
  }

  setConfiguration(configuration: unknown): void {
    this.#check();
    this.configuration = configuration;
  }

  restartIce(): void {
    this.#check();
    this.#wantsRestart = true;
    this.#negotiate();
  }

  async setLocalDescription(): Promise<void> {
    await later();
    this.#check();
    const isAnswer = this.signalingState === 'have-remote-offer';
    if (this.#wantsRestart || this.#round === 0) this.#round++;
    this.#wantsRestart = false;
    this.#needsNegotiation = false;
    this.#before = this.localDescription;
    this.localDescription = { type: isAnswer ? 'answer' : 'offer', sdp: `${this.id}:${this.#round}` };
    this.signalingState = isAnswer ? 'stable' : 'have-local-offer';
    if (isAnswer) this.#agree();
    const candidate = { candidate: this.localDescription.sdp };
    setTimeout(() => this.onicecandidate?.({ candidate: { toJSON: () => candidate } }), 1);
    setTimeout(() => this.onicecandidate?.({ candidate: null }), 2);
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await later();
    this.#check();
    if (description.type === 'answer') {
      if (this.signalingState !== 'have-local-offer') throw new Error(`an answer in ${this.signalingState}`);
      this.remoteDescription = description;
      this.signalingState = 'stable';
      this.#agree();
      return;
    }
    if (this.signalingState === 'have-local-offer') {
      this.localDescription = this.#before; // rolled back
      this.#needsNegotiation = true;
    }
    this.remoteDescription = description;
    if (this.signalingState === 'have-remote-offer') throw new Error('an offer in have-remote-offer');
    this.signalingState = 'have-remote-offer';
    if (this.#transceivers.length === 0) for (const kind of ['audio', 'video']) this.#add(kind, 'recvonly');
    this.#hearTracks();
  }

  async addIceCandidate({ candidate }: { candidate: string }): Promise<void> {
    await later();
    if (!this.remoteDescription) throw new Error('a candidate without a description');
    if (candidate.split(':')[0] !== this.remoteDescription.sdp.split(':')[0]) throw new Error('of another');
    this.candidates.add(candidate);
    this.look();
  }

  close(): void {
    this.connectionState = this.signalingState = 'closed';
    setTimeout(() => this.other?.lose('disconnected'), 50);
  }

  /** The other end, if both have agreed. */
  get other(): FakeConnection | undefined {
    const { local, remote } = this.agreed ?? {};
    return [...this.ether.connections].find(
      ({ agreed }) => agreed && agreed.local === remote && agreed.remote === local,
    );
  }

  /** Looks whether there is a way to the other end. */
  look(): void {
    setTimeout(() => {
      const { other } = this;
      if (!this.ether.isUp || !other || other.connectionState === 'closed') return;
      if (
        !this.candidates.has(this.agreed?.remote ?? '') ||
        !other.candidates.has(other.agreed?.remote ?? '')
      )
        return;
      for (const end of [this, other]) end.#become('connected');
      for (const end of [this, other]) end.#flow();
    }, CONNECTING_MS);
  }

  /** Media are lost. */
  lose(state: 'disconnected' | 'failed'): void {
    if (this.connectionState === 'connected' || this.connectionState === 'disconnected') this.#become(state);
  }

  #become(state: string): void {
    if (this.connectionState === 'closed' || this.connectionState === state) return;
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  /** What is sent arrives. As in Chromium, a track is muted until something arrives on it, and never again. */
  #flow(): void {
    const there = this.other?.getTransceivers() ?? [];
    for (const [i, { sender }] of this.#transceivers.entries())
      if (sender.track) there[i]?.receiver.track.unmute();
  }

  #add(kind: string, direction: string): void {
    const sender: Transceiver['sender'] = {
      track: null,
      replaceTrack: async track => {
        sender.track = track;
        if (this.connectionState === 'connected') this.#flow();
      },
    };
    const track = new FakeTrack(kind);
    track.muted = true;
    this.#transceivers.push({ direction, sender, receiver: { track } });
  }

  #hearTracks(): void {
    if (this.agreed) return;
    for (const { receiver } of this.#transceivers) this.ontrack?.({ track: receiver.track });
  }

  #agree(): void {
    if (this.localDescription?.type === 'offer') this.#hearTracks();
    this.agreed = { local: this.localDescription?.sdp ?? '', remote: this.remoteDescription?.sdp ?? '' };
    this.look();
    if (this.#needsNegotiation) this.#negotiate();
  }

  #negotiate(): void {
    this.#needsNegotiation = true;
    setTimeout(() => {
      if (this.#needsNegotiation && this.signalingState === 'stable') this.onnegotiationneeded?.();
    }, 0);
  }

  #check(): void {
    if (this.connectionState === 'closed') throw new Error('the connection is closed');
  }
}

const later = () => new Promise<void>(resolve => setTimeout(resolve, 1));
