/**
 * What a call does next: a function of its state and of what happens, without a clock, a network or a device.
 *
 * @module
 */

import { FunnelcastError } from '../errors.js';
import type { Call } from '../wire.js';
import type { CallEndReason } from './call-state.js';
import {
  type CallRequest,
  callOf,
  type Input,
  idle,
  isFull,
  isJoinable,
  isLive,
  isToAnswer,
  limitsOf,
  type Machine,
  mayBeIn,
  otherDevice,
  outcomeOf,
  ringMsOf,
} from './machine.js';

/** Takes an input; returns the next state, and what to send to the server. */
export function transition(machine: Machine, input: Input): { machine: Machine; requests: CallRequest[] } {
  const step = new Step(machine);
  step.take(input);
  return { machine: step.machine, requests: step.requests };
}

class Step {
  machine: Machine;
  readonly requests: CallRequest[] = [];

  constructor(machine: Machine) {
    this.machine = machine;
  }

  take(input: Input): void {
    switch (input.type) {
      case 'start':
        return this.#start(input);
      case 'accept':
        if (!this.#isIn) this.#join(input.peerId);
        return;
      case 'decline':
        return this.#decline(input.peerId);
      case 'hangUp':
        return this.#hangUp();
      case 'resume':
        return this.#resume(input);
      case 'ready':
        return this.#ready();
      case 'noMedia':
        return this.#noMedia(input.error);
      case 'update':
        return this.#update(input.call, input.busyAs);
      case 'refused':
        return this.#refused(input);
      case 'peers':
        return this.#peers(input.connected, input.isDeserted);
      case 'timeout':
        return this.#timeout();
      case 'rejoined':
        if (this.machine.role === 'joined') this.#send('accept');
        return;
      case 'removed':
        if (this.#isIn || this.machine.phase === 'ringing') this.#end('failed', input.error);
        return this.#set({ latest: undefined });
    }
  }

  /** Whether this device takes part in a call, or wants to. */
  get #isIn(): boolean {
    return this.machine.role !== 'none';
  }

  get #isRung(): boolean {
    return this.machine.phase === 'ringing' && this.machine.direction === 'incoming';
  }

  #set(change: Partial<Machine>): void {
    this.machine = { ...this.machine, ...change };
  }

  #send(change: CallRequest['change'], more: Partial<CallRequest> = {}): void {
    const { callId, peerId } = this.machine;
    if (callId !== undefined) this.requests.push({ change, callId, peerId, ...more });
  }

  #end(reason: CallEndReason, error: FunnelcastError | null = null): void {
    const hasLeft = this.requests.some(({ change }) => change === 'leave');
    // A request that has not been answered may be served later.
    const isPending = /^(starting|joining)$/.test(this.machine.role);
    if (isPending && mayBeIn(this.machine) && !hasLeft) this.#send('leave');
    this.#set({ phase: 'ended', role: 'none', reason, error, isReady: false, isSent: false });
  }

  /** Begins a part in another call, or another part in the same one. */
  #begin(change: Partial<Machine>): void {
    const { userId, latest, ringMs } = this.machine;
    this.machine = { ...idle(userId), latest, ringMs, ...change };
  }

  #start({ callId, peerId, media }: Input & { type: 'start' }): void {
    if (this.#isIn || this.#join(peerId)) return;
    this.#begin({ phase: 'ringing', direction: 'outgoing', role: 'starting', callId, peerId, media });
  }

  /** Wants to join the call that there is; returns whether there is one to join. */
  #join(peerId: string): boolean {
    const { latest } = this.machine;
    const replaces = otherDevice(this.machine);
    if (!latest || !(isJoinable(this.machine) || replaces)) return false;
    const { callId } = latest;
    this.#begin({ phase: 'connecting', direction: 'incoming', role: 'joining', callId, peerId, replaces });
    return true;
  }

  #decline(peerId: string): void {
    if (!this.#isRung) return;
    this.#set({ peerId });
    this.#send('decline');
    this.#end('declined');
  }

  #hangUp(): void {
    if (!this.#isIn) return;
    if (mayBeIn(this.machine)) this.#send('leave');
    else if (isToAnswer(this.machine)) this.#send('decline');
    this.#end(this.machine.phase === 'ringing' ? 'canceled' : 'ended');
  }

  #resume({ callId, peerId, startedBy }: Input & { type: 'resume' }): void {
    if (this.#isIn) return;
    const direction = startedBy === this.machine.userId ? 'outgoing' : 'incoming';
    this.#begin({ phase: 'reconnecting', direction, role: 'joining', callId, peerId, hasConnected: true });
  }

  /** Sends the request to start or to join, once there is a microphone. */
  #ready(): void {
    const { role, isSent, media } = this.machine;
    if (!this.#isIn) return;
    this.#set({ isReady: true, isSent: true });
    if (isSent) return;
    if (role === 'starting') this.#send('start', { media });
    else this.#send('accept');
  }

  #noMedia(error: FunnelcastError): void {
    if (!this.#isIn) return;
    // The user may still permit it, or answer on another device.
    if (isToAnswer(this.machine))
      return this.#begin({ phase: 'ringing', direction: 'incoming', callId: this.machine.callId, error });
    if (mayBeIn(this.machine)) this.#send('leave', { reason: 'failed' });
    this.#end(error.code === 'not_permitted' ? 'not_permitted' : 'no_microphone', error);
  }

  /** Takes what the server tells, in whatever order it arrives. */
  #update(call: Call, busyAs: string | undefined): void {
    const { latest, callId, role } = this.machine;
    // The same one again is the reply to a request that changed nothing but the connection.
    if (latest && latest.revision > call.revision) return;
    this.#set({ latest: call, ringMs: ringMsOf(call) ?? this.machine.ringMs });
    if (call.callId !== callId) {
      if (role === 'starting') return this.#overtaken(call);
      if (this.#isIn || this.#isRung) this.#end('ended'); // that is how it ended, unless the news was lost
      return this.#ring(call, busyAs);
    }
    if (this.#isIn) return this.#updatePart(call);
    if (this.#isRung) this.#updateRing(call);
  }

  /** Rings, unless the user has answered this call already. */
  #ring({ state, callId, participants }: Call, busyAs: string | undefined): void {
    const { userId } = this.machine;
    if (state !== 'ringing' || participants.some(of => of.userId === userId && of.state !== 'left')) return;
    if (busyAs === undefined) return this.#begin({ phase: 'ringing', direction: 'incoming', callId });
    this.requests.push({ change: 'decline', callId, peerId: busyAs, reason: 'busy' });
  }

  /** Another call of the conversation has begun while this device wants to start one: joins that. */
  #overtaken(call: Call): void {
    const { isSent, peerId, isReady } = this.machine;
    // What has been sent may have been served before that call. The reply will tell.
    if (isSent || !isLive(call)) return;
    if (this.#join(peerId) && isReady) this.#ready();
  }

  #updateRing(call: Call): void {
    const own = call.participants.find(({ userId }) => userId === this.machine.userId);
    if (call.state === 'ended') this.#end(outcomeOf(call));
    else if (own?.state === 'joined') this.#end('elsewhere');
    else if (own?.state === 'declined') this.#end('declined');
    // Of several who are called, the others may still answer after the first has.
  }

  #updatePart(call: Call): void {
    const { userId, peerId, role, isSent, phase, replaces } = this.machine;
    if (call.state === 'ended') return this.#end(outcomeOf(call));
    const own = call.participants.find(of => of.userId === userId);
    if (own?.state === 'joined' && own.peerId === peerId) {
      if (!isSent) return; // the page has been loaded again, and the server does not know its new connection yet
      if (call.state === 'ringing')
        return this.#set({ role: 'joined', phase: 'ringing', direction: 'outgoing' });
      return this.#set({ role: 'joined', phase: phase === 'ringing' ? 'connecting' : phase });
    }
    // Whether the device that this one replaces is gone, the server is being asked.
    if (own?.state === 'joined') return own.peerId === replaces ? undefined : this.#end('elsewhere');
    if (role === 'joined' || own?.peerId === peerId) this.#end('failed');
  }

  /** The server has refused a request, and has told how the call is if that is why. */
  #refused({ change, callId, error, call }: Input & { type: 'refused' }): void {
    const { role } = this.machine;
    const isPending =
      (change === 'start' && role === 'starting') || (change === 'accept' && role === 'joining');
    if (callId !== this.machine.callId || !isPending) {
      if (call) this.#update(call, undefined);
      return;
    }
    if (error.code !== 'conflict') return this.#end('failed', error); // without a reply, it may have been served
    this.#set({ isSent: false, replaces: undefined });
    if (call) this.#update(call, undefined);
    if (this.machine.role !== role) return; // that has ended it, or this device joins that call instead
    const { latest } = this.machine;
    if (role === 'starting' && isLive(latest)) return this.#overtaken(latest);
    this.#end(isFull(callOf(this.machine)) ? 'full' : 'failed', error);
  }

  #peers(connected: number, isDeserted: boolean): void {
    const { role, hasConnected } = this.machine;
    if (role !== 'joined' || callOf(this.machine)?.state !== 'active') return;
    if (connected > 0) this.#set({ phase: 'connected', hasConnected: true, isDeserted: false });
    else this.#set({ phase: hasConnected ? 'reconnecting' : 'connecting', isDeserted });
  }

  #timeout(): void {
    const { phase, callId = '', hasConnected, isDeserted } = this.machine;
    if (limitsOf(this.machine).length === 0) return;
    if (phase === 'ringing') {
      if (mayBeIn(this.machine)) this.#send('leave');
      // The server ends a call that has rung for too long, should its timer be lost, when it is asked for anything about it.
      else if (isToAnswer(this.machine)) this.#send('leave', { peerId: callId });
      return this.#end('missed');
    }
    if (hasConnected && isDeserted) return this.#hangUp(); // the others have closed their pages
    if (mayBeIn(this.machine)) this.#send('leave', { reason: 'failed' });
    return this.#end('failed', new FunnelcastError('timeout', 'no media arrived from the others'));
  }
}
