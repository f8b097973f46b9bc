/** What holds in a world once everything has arrived, and what each device does alone. */

import { othersOf } from '../../src/calls/machine.js';
import { transition } from '../../src/calls/transitions.js';
import { CALL_USERS_MAX, type Call, type CallUser } from '../../src/wire.js';
import { isLive, joinedOf, ownOf } from '../fake/calls.js';
import { type Device, heard, input, lookedIn, replied, rungOutIn, type World } from './world.js';

/** Lets everything arrive at a device that is under way. */
function calmedAt(world: World, at: number): World {
  const device = (of: World) => of.devices[at] as Device;
  let now = world;
  if (device(now).machine.role !== 'none' && !device(now).machine.isReady)
    now = input(now, at, { type: 'ready' });
  while (device(now).requests.length > 0) now = replied(now, at);
  return now.call ? heard(now, at, now.call) : now;
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
    now = lookedIn(rungOutIn(now));
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
