/**
 * The other devices in a call: one connection to each.
 *
 * @module
 */

import type { ConversationChannel } from '../channels.js';
import type { Client } from '../client.js';
import type { CallEnvironment } from './call-environment.js';
import type { CallSignal } from './call-signal.js';
import type { CallPeer } from './call-state.js';
import type { LocalMedia } from './local-media.js';
import { type Machine, othersOf } from './machine.js';
import { Peer, type PeerHooks } from './peer.js';

/** How long a device may be out of reach before the server is asked whether it is still in the call. */
const UNSURE_MS = 10_000;
/** How often the server is asked at most because of signals of devices that are not known. */
const ASK_MS = 1_000;

/** What the peers need from the call. */
export interface PeersHooks extends Pick<PeerHooks, 'configuration'> {
  media(): LocalMedia | undefined;
  /** How many are connected has changed, or something else about them. */
  changed(connected: number, isDeserted: boolean): void;
  /** Who is in the call may not be what the server told last: an update may have been lost. */
  unsure(): void;
}

/** All other devices in the call. */
export class Peers {
  readonly #client: Client;
  readonly #channel: ConversationChannel;
  readonly #env: () => CallEnvironment;
  readonly #hooks: PeersHooks;
  readonly #peers = new Map<string, Peer>();
  #callId: string | undefined;
  #ownId = '';
  #cancelUnsure: (() => void) | undefined;
  #hasAsked = false;

  constructor(client: Client, channel: ConversationChannel, env: () => CallEnvironment, hooks: PeersHooks) {
    this.#client = client;
    this.#channel = channel;
    this.#env = env;
    this.#hooks = hooks;
  }

  /** What is known of each. */
  get states(): CallPeer[] {
    return [...this.#peers.values()].map(({ state }) => state);
  }

  /** Connects to those who are in the call, and disconnects from those who are not. */
  follow(machine: Machine): void {
    const others = new Map(othersOf(machine).map(user => [user.peerId, user]));
    const before = this.#peers.size;
    const isOther = machine.callId !== this.#callId || machine.peerId !== this.#ownId;
    let hasChanged = false;
    for (const [id, peer] of this.#peers) {
      if (others.has(id) && !isOther) continue;
      this.#peers.delete(id);
      peer.close();
      hasChanged = true;
    }
    this.#callId = machine.callId;
    this.#ownId = machine.peerId;
    for (const [id, user] of others) {
      if (!this.#peers.has(id)) this.#peers.set(id, this.#connect(user));
    }
    if (hasChanged || this.#peers.size > before) this.#changed();
  }

  /** Takes a signal. One that is for another device, or not from the device that it names, is ignored. */
  readonly receive = (signal: CallSignal, userId: string): void => {
    const peer = this.#peers.get(signal.from);
    const isOurs = signal.callId === this.#callId && signal.to === this.#ownId;
    if (!isOurs) return;
    if (peer?.state.userId === userId) peer.receive(signal);
    else if (!peer) this.#ask();
  };

  /** Asks whether a device is in the call that is not known to be. Whoever is in the conversation can send such signals without end. */
  #ask(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    this.#client.environment.after(ASK_MS, () => {
      this.#hasAsked = false;
    });
    this.#hooks.unsure();
  }

  /** The network is back. */
  refresh(): void {
    for (const peer of this.#peers.values()) peer.refresh();
  }

  /** Sends the tracks that there are now to each. */
  sendMedia(): void {
    for (const peer of this.#peers.values()) peer.sendMedia();
  }

  /** Tells each that this page is being closed. */
  sayBye(): void {
    for (const peer of this.#peers.values()) peer.sayBye();
  }

  #connect(user: Pick<CallPeer, 'peerId' | 'userId' | 'name'>): Peer {
    const [callId, from] = [this.#callId ?? '', this.#ownId];
    const env = { ...this.#env(), ...this.#client.environment };
    return new Peer(env, from, user, {
      configuration: () => this.#hooks.configuration(),
      media: () => this.#hooks.media(),
      changed: () => this.#changed(),
      send: signal => {
        const draft = { name: 'call', to: { userId: user.userId }, payload: { callId, from, ...signal } };
        // What is lost is sent again by the line.
        this.#client.send(this.#channel, 'signal', draft).catch(() => {});
      },
    });
  }

  #changed(): void {
    const peers = [...this.#peers.values()];
    const connected = peers.filter(({ state, isGone }) => state.state === 'connected' && !isGone);
    this.#watch(connected.length < peers.length);
    this.#hooks.changed(connected.length, peers.length > 0 && peers.every(({ isGone }) => isGone));
  }

  /** While a device is out of reach, asks from time to time whether it is still in the call. */
  #watch(isOutOfReach: boolean): void {
    if (isOutOfReach === (this.#cancelUnsure !== undefined)) return;
    this.#cancelUnsure?.();
    this.#cancelUnsure = undefined;
    if (!isOutOfReach) return;
    this.#cancelUnsure = this.#client.environment.after(UNSURE_MS, () => {
      this.#cancelUnsure = undefined;
      this.#hooks.unsure();
      this.#watch(this.states.some(({ state }) => state !== 'connected'));
    });
  }
}
