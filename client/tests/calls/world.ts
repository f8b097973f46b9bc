/** Devices, the server between them, and everything that may happen to them next. */

import {
  type CallRequest,
  type Input,
  idle,
  limitOf,
  type Machine,
  othersOf,
} from '../../src/calls/machine.js';
import { transition } from '../../src/calls/transitions.js';
import { FunnelcastError } from '../../src/index.js';
import { CALL_USERS_MAX, type Call, type CallUser } from '../../src/wire.js';
import { CallRefusal, type CallRequestOf, changed, isLive, joinedOf, ownOf, rungOut } from '../fake/calls.js';

interface Device {
  readonly name: string;
  readonly machine: Machine;
  /** Requests that have not been answered; they are served one after the other. */
  readonly requests: readonly CallRequest[];
  /** What the user may still do. */
  readonly wishes: readonly string[];
}

/** Everything: it is replaced, never changed. */
export interface World {
  readonly devices: readonly Device[];
  readonly call: Call | undefined;
  /** Every state of the call that the server has told. */
  readonly told: readonly Call[];
}

const users = (world: World) => [...new Set(world.devices.map(({ machine }) => machine.userId))];

export function worldOf(devices: Record<string, string>, wishes: readonly string[]): World {
  const all = Object.entries(devices).map(([name, userId]) => ({
    name,
    machine: idle(userId),
    requests: [],
    wishes,
  }));
  return { devices: all, call: undefined, told: [] };
}

function input(world: World, at: number, given: Input, wishes?: readonly string[]): World {
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
    const call = changed(world.call, request, users(world), world.told.length);
    return { world: call === world.call ? world : { ...world, call, told: [...world.told, call] }, call };
  } catch (refusal) {
    if (!(refusal instanceof CallRefusal)) throw refusal;
    return { world, refusal };
  }
}

/** The first request of a device is served, and the reply arrives. */
function replied(world: World, at: number): World {
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

/** Everything that may happen next on a device. */
export function nextOf(world: World, at: number): World[] {
  const { machine, requests } = world.devices[at] as Device;
  const [request] = requests;
  const worlds = wished(world, at);
  for (const call of world.told) worlds.push(input(world, at, { type: 'update', call }));
  if (machine.role !== 'none' && !machine.isReady) {
    const error = new FunnelcastError('not_permitted', 'no');
    worlds.push(input(world, at, { type: 'ready' }), input(world, at, { type: 'noMedia', error }));
  }
  if (request) {
    // Served, and the reply is lost: it will be made again.
    worlds.push(served(world, { ...request, userId: machine.userId }).world, replied(world, at));
    if (request.change !== 'leave') worlds.push(failed(world, at));
  }
  for (const connected of othersOf(machine).length > 0 ? [0, 1] : [])
    worlds.push(input(world, at, { type: 'peers', connected, isDeserted: false }));
  if (machine.role === 'joined' && requests.length === 0) worlds.push(input(world, at, { type: 'rejoined' }));
  if (limitOf(machine) !== undefined) worlds.push(input(world, at, { type: 'timeout' }));
  return worlds;
}

export function rungOutIn(world: World): World {
  const call = world.call && rungOut(world.call, world.told.length);
  return !call || call === world.call ? world : { ...world, call, told: [...world.told, call] };
}

/** Lets everything arrive at a device that is under way. */
function calmedAt(world: World, at: number): World {
  const device = (of: World) => of.devices[at] as Device;
  let now = world;
  if (device(now).machine.role !== 'none' && !device(now).machine.isReady)
    now = input(now, at, { type: 'ready' });
  while (device(now).requests.length > 0) now = replied(now, at);
  return now.call ? input(now, at, { type: 'update', call: now.call }) : now;
}

/** Lets everything arrive that is under way. */
export function calmed(world: World): World {
  let now = world;
  const each = world.devices.map((_, at) => at);
  for (let round = 0; round < 50; round++) {
    const before = now;
    for (const at of each) now = calmedAt(now, at);
    if (fingerprint(before) !== fingerprint(now)) continue;
    const { call } = now;
    now = rungOutIn(now);
    if (call === now.call) break;
  }
  for (const at of each) {
    const connected = othersOf((now.devices[at] as Device).machine).length;
    now = input(now, at, { type: 'peers', connected, isDeserted: false });
  }
  return now;
}

/** What is wrong with a world in which all has arrived; `undefined` if nothing is. */
export function fault({ devices, call }: World): string | undefined {
  const joined = call && isLive(call) ? joinedOf(call) : [];
  if (new Set(joined.map(({ userId }) => userId)).size < joined.length) return 'a user is in the call twice';
  if (joined.length > CALL_USERS_MAX) return 'too many are in the call';
  if (call?.state === 'ringing') return 'the call rings for ever';
  return devices.map(device => faultOf(device, call, joined)).find(found => found);
}

function faultOf({ name, machine, requests }: Device, call: Call | undefined, joined: CallUser[]) {
  const { role, phase } = machine;
  if (requests.length > 0) return `${name} never stops to ask`;
  if (joined.some(({ peerId }) => peerId === machine.peerId)) {
    const knows = role === 'joined' && phase === 'connected';
    return knows ? undefined : `${name} is in the call, and does not know it`;
  }
  if (role !== 'none') return `${name} is in no call, and believes it is`;
  const mayRing = call?.state === 'active' && !ownOf(call, machine) && phase === 'ringing';
  return /^(idle|ended)$/.test(phase) || mayRing ? undefined : `${name} is ${phase}`;
}

/** What is wrong with a device that hears nothing any more. */
export function faultAlone({ devices }: World): string | undefined {
  for (const { name, machine } of devices) {
    // Without media, nothing is connected.
    const lost = transition(machine, { type: 'peers', connected: 0, isDeserted: false }).machine;
    const { phase, role } = transition(lost, { type: 'timeout' }).machine;
    if (role !== 'none' || !/^(idle|ended)$/.test(phase)) return `${name} is ${phase} for ever`;
  }
  return undefined;
}

/** A world in a few lines. */
export const shown = ({ devices, told }: World) =>
  [
    ...devices.map(({ name, machine: { latest, userId, ...machine }, requests }) =>
      JSON.stringify({ name, ...machine, latest: latest?.revision, requests }),
    ),
    ...told.map(call => JSON.stringify(call)),
  ].join('\n');

export const fingerprint = (world: World) =>
  JSON.stringify(world, (key, value) => (key === 'error' ? undefined : value));
