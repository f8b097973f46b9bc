/** Devices, the server between them, and everything that may happen to them next. */

import {
  type CallRequest,
  type Input,
  idle,
  limitsOf,
  type Machine,
  othersOf,
} from '../../src/calls/machine.js';
import { transition } from '../../src/calls/transitions.js';
import { FunnelcastError } from '../../src/index.js';
import type { Call } from '../../src/wire.js';
import { CallRefusal, type CallRequestOf, changed, isLive, joinedOf, rungOut } from '../fake/calls.js';

export interface Device {
  readonly name: string;
  readonly machine: Machine;
  /** Requests that have not been answered; they are served one after the other. */
  readonly requests: readonly CallRequest[];
  /** What the user may still do. */
  readonly wishes: readonly string[];
  /** What the page before this one has kept of its part in a call. */
  readonly kept: { callId: string; peerId: string } | undefined;
}

/** Everything: it is replaced, never changed. */
export interface World {
  readonly devices: readonly Device[];
  readonly call: Call | undefined;
  /** Every state of the call that the server has told. */
  readonly told: readonly Call[];
  /** The parts of pages that are gone, which nobody is going to end. */
  readonly gone: readonly string[];
}

const users = (world: World) => [...new Set(world.devices.map(({ machine }) => machine.userId))];

export function worldOf(devices: Record<string, string>, wishes: readonly string[]): World {
  const all = Object.entries(devices).map(([name, userId]) => ({
    name,
    machine: idle(userId),
    requests: [],
    wishes,
    kept: undefined,
  }));
  return { devices: all, call: undefined, told: [], gone: [] };
}

export function input(world: World, at: number, given: Input, wishes?: readonly string[]): World {
  const device = world.devices[at] as Device;
  const { machine, requests } = transition(device.machine, given);
  // Once the server has told that the device is in the call, the request for it is not repeated.
  const isAnswered = machine.role === 'joined' && device.machine.role !== 'joined';
  const isOpen = ({ change }: CallRequest) => !isAnswered || change === 'leave' || change === 'decline';
  const changed = {
    ...device,
    machine,
    requests: [...device.requests.filter(isOpen), ...requests],
    wishes: wishes ?? device.wishes,
  };
  return { ...world, devices: world.devices.map((one, i) => (i === at ? changed : one)) };
}

/** The server serves a request. */
function served(world: World, request: CallRequestOf): { world: World; call?: Call; refusal?: CallRefusal } {
  try {
    const isGone = (peerId: string) => world.gone.includes(peerId);
    const call = changed(world.call, request, users(world), world.told.length, isGone);
    return { world: call === world.call ? world : { ...world, call, told: [...world.told, call] }, call };
  } catch (refusal) {
    if (!(refusal instanceof CallRefusal)) throw refusal;
    return { world, refusal };
  }
}

/** The first request of a device is served, and the reply arrives. */
export function replied(world: World, at: number): World {
  const { machine, requests } = world.devices[at] as Device;
  const [request, ...rest] = requests as [CallRequest, ...CallRequest[]];
  const { world: after, call, refusal } = served(world, { ...request, userId: machine.userId });
  const devices = after.devices.map((one, i) => (i === at ? { ...one, requests: rest } : one));
  const answered = { ...after, devices };
  if (call) return input(answered, at, { type: 'update', call });
  const error = new FunnelcastError(refusal?.code ?? 'internal', 'no');
  const { change, callId } = request;
  return input(answered, at, { type: 'refused', change, callId, error, call: refusal?.call });
}

/** The first request of a device fails for good, unserved or without a reply. It leaves only when the server knows it. */
function failed(world: World, at: number): World {
  const { requests } = world.devices[at] as Device;
  const [{ change, callId }, ...rest] = requests as [CallRequest, ...CallRequest[]];
  const devices = world.devices.map((one, i) => (i === at ? { ...one, requests: rest } : one));
  const error = new FunnelcastError('timeout', 'no reply');
  return input({ ...world, devices }, at, { type: 'refused', change, callId, error });
}

/** What the users may do next on a device. */
function wished(world: World, at: number): World[] {
  const { name, machine, wishes } = world.devices[at] as Device;
  const { phase, direction, role } = machine;
  const count = wishes.length;
  const isRung = phase === 'ringing' && direction === 'incoming';
  const can: Record<string, Input | false> = {
    start: role === 'none' && {
      type: 'start',
      callId: `${name}${count}`,
      peerId: `${name}${count}`,
      media: 'audio',
    },
    accept: role === 'none' && { type: 'accept', peerId: `${name}${count}` },
    decline: isRung && { type: 'decline', peerId: `${name}${count}` },
    hangUp: role !== 'none' && { type: 'hangUp' },
  };
  return wishes.flatMap((wish, i) => {
    const given = can[wish];
    return given ? input(world, at, given, [...wishes.slice(0, i), ...wishes.slice(i + 1)]) : [];
  });
}

/** The page is gone, with all that it wanted; the next one may know what part in a call it had. */
function closed(world: World, at: number, isKept: boolean): World {
  const { machine, ...device } = world.devices[at] as Device;
  const { callId = '', peerId, role, isSent, userId } = machine;
  const wishes = device.wishes.filter(wish => wish !== (isKept ? 'reload' : 'crash'));
  const isIn = role !== 'none' && isSent;
  const next: Device = {
    ...device,
    machine: idle(userId),
    requests: [],
    wishes,
    kept: isKept && isIn ? { callId, peerId } : undefined,
  };
  const gone = isIn && !isKept ? [...world.gone, peerId] : world.gone;
  return { ...world, gone, devices: world.devices.map((one, i) => (i === at ? next : one)) };
}

/** The next page continues the call, as one that hears of a call does, or its part is over. */
function resumed(world: World, at: number, call: Call): World {
  const { kept, machine, ...device } = world.devices[at] as Device;
  if (!kept) return world;
  const isOwn = call.callId === kept.callId && call.participants.some(of => of.peerId === kept.peerId);
  const isTaken = isOwn && isLive(call) && machine.callId === undefined;
  const next = { ...device, machine, kept: undefined };
  const gone = isTaken ? world.gone : [...world.gone, kept.peerId];
  const known = { ...world, gone, devices: world.devices.map((one, i) => (i === at ? next : one)) };
  return isTaken ? input(known, at, { type: 'resume', ...kept, startedBy: call.startedBy }) : known;
}

/** The server tells a device how a call is. */
export const heard = (world: World, at: number, call: Call): World =>
  input(resumed(world, at, call), at, { type: 'update', call });

/** A look of the server finds out who is gone. */
export function lookedIn(world: World): World {
  let call = world.call;
  for (const { userId, peerId } of call && isLive(call) ? joinedOf(call) : []) {
    const request = { change: 'leave', callId: call?.callId ?? '', peerId, userId };
    if (world.gone.includes(peerId)) call = changed(call, request, users(world), world.told.length);
  }
  return !call || call === world.call ? world : { ...world, call, told: [...world.told, call] };
}

/** What a device may learn of the others in its call. */
export const heardOfPeers: readonly Input[] = [
  { type: 'peers', connected: 0, isDeserted: false },
  { type: 'peers', connected: 0, isDeserted: true },
  { type: 'peers', connected: 1, isDeserted: false },
];

/** Everything that may happen next on a device. */
export function nextOf(world: World, at: number): World[] {
  const { machine, requests, wishes } = world.devices[at] as Device;
  const [request] = requests;
  const worlds = wished(world, at);
  if (wishes.includes('crash')) worlds.push(closed(world, at, false));
  if (wishes.includes('reload')) worlds.push(closed(world, at, true));
  for (const call of world.told) worlds.push(heard(world, at, call));
  if (machine.role !== 'none' && !machine.isReady) {
    const error = new FunnelcastError('not_permitted', 'no');
    worlds.push(input(world, at, { type: 'ready' }), input(world, at, { type: 'noMedia', error }));
  }
  if (request) {
    // Served, and the reply is lost: it will be made again.
    worlds.push(served(world, { ...request, userId: machine.userId }).world, replied(world, at));
    if (request.change !== 'leave') worlds.push(failed(world, at));
  }
  if (othersOf(machine).length > 0) worlds.push(...heardOfPeers.map(given => input(world, at, given)));
  if (machine.role === 'joined' && requests.length === 0) worlds.push(input(world, at, { type: 'rejoined' }));
  if (limitsOf(machine).length > 0) worlds.push(input(world, at, { type: 'timeout' }));
  return worlds;
}

export function rungOutIn(world: World): World {
  const call = world.call && rungOut(world.call, world.told.length);
  return !call || call === world.call ? world : { ...world, call, told: [...world.told, call] };
}
