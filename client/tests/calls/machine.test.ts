/**
 * The machine in every order in which things can happen: whatever the server has ever told may arrive at any time, any number of
 * times, or never; requests are served once, twice or not at all, and their replies are lost; the users do what they like.
 *
 * From every state that can be reached, once everything that is under way has arrived, devices and server agree: who is in the call
 * knows it, who is not has neither microphone nor ring, and no user is in it with two devices. And without any word of the server,
 * no state but `idle`, `connected` and `ended` outlasts its limit, however often the others say something else.
 */

import { expect, test } from 'vitest';
import { type Input, idle, limitsOf, type Machine } from '../../src/calls/machine.js';
import { TimeLimit } from '../../src/calls/time-limit.js';
import { transition } from '../../src/calls/transitions.js';
import { changed } from '../fake/calls.js';
import { generator } from '../fake/random.js';
import { heardOfPeers, nextOf, rungOutIn, type World, worldOf } from './world.js';
import { calmed, fault, faultAlone, fingerprint, shown } from './world-rules.js';

/** How many states to look at, of the hundreds of thousands that there are. They begin with those that few steps lead to. */
const STATES_MAX = Number(process.env['CALL_STATES_MAX'] ?? 2_500);
const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 30) * 2;

const by = (userId: string, change: string) => ({ change, callId: 'k', peerId: userId, userId });

test('two devices, in every order', () => {
  const first = worldOf({ a: 'user_1', b: 'user_2' }, ['start', 'accept', 'decline', 'hangUp', 'reload']);
  const seen = new Set([fingerprint(first)]);
  const phases = new Set<string>();
  const queue = [first];
  for (let i = 0; i < queue.length; i++) {
    const world = queue[i] as World;
    for (const { machine } of world.devices) phases.add(`${machine.phase} ${machine.reason}`);
    const found = faultAlone(world) ?? fault(calmed(world));
    if (found) expect.fail(`${found}: ${shown(world)}`);
    for (const after of [...nextOf(world, 0), ...nextOf(world, 1), rungOutIn(world)]) {
      const print = fingerprint(after);
      if (seen.size >= STATES_MAX || seen.has(print)) continue;
      seen.add(print);
      queue.push(after);
    }
  }
  expect([...phases].join()).toMatch(/connecting.*ended/);
});

test('five devices of three users, at random', () => {
  const wishes = ['start', 'accept', 'decline', 'hangUp', 'start', 'accept', 'hangUp', 'reload', 'crash'];
  const devices = { a1: 'user_1', a2: 'user_1', b1: 'user_2', b2: 'user_2', c: 'user_3' };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = generator(seed);
    let world = worldOf(devices, wishes);
    for (let step = 0; step < 60; step++) {
      const at = Math.floor(random() * world.devices.length);
      const options = [...nextOf(world, at), ...(random() < 0.05 ? [rungOutIn(world)] : [])];
      if (options.length === 0) continue;
      world = options[Math.floor(random() * options.length)] as World;
      const found = faultAlone(world) ?? fault(calmed(world));
      if (found) expect.fail(`seed ${seed}, step ${step}: ${found}: ${shown(world)}`);
    }
  }
});

test('a call rings for the time that the stack says, also once another has answered it', () => {
  const started = changed(undefined, by('user_1', 'start'), [], 0);
  const ringing = { ...started, ringsUntil: new Date(20_000).toISOString() };
  const rung = transition(idle('user_2'), { type: 'update', call: ringing }).machine;
  const active = changed(ringing, by('user_3', 'accept'), [], 1_000);
  const stillRung = transition(rung, { type: 'update', call: active }).machine;
  expect([rung, stillRung].map(({ phase }) => phase)).toEqual(['ringing', 'ringing']);
  expect([rung, stillRung].map(limitsOf)).toEqual([[25_000], [25_000]]);
});

/** A device with a clock, whose others say what they like. */
class Clocked {
  machine: Machine;
  now = 0;
  /** When the phase began. */
  since = 0;
  #timers: { at: number; act: () => void }[] = [];
  readonly #limit = new TimeLimit({ after: (ms, act) => this.#after(ms, act) }, () =>
    this.take({ type: 'timeout' }),
  );

  constructor(machine: Machine) {
    this.machine = machine;
    this.#limit.follow(machine);
  }

  #after(ms: number, act: () => void): () => void {
    const timer = { at: this.now + ms, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer);
    };
  }

  take(input: Input): void {
    const { phase } = this.machine;
    this.machine = transition(this.machine, input).machine;
    if (this.machine.phase !== phase) this.since = this.now;
    this.#limit.follow(this.machine);
  }

  pass(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter(timer => timer !== next);
      this.now = next.at;
      next.act();
    }
    this.now = end;
  }
}

/** A call of two in which a third user comes and goes. */
class Company {
  readonly ringing = changed(undefined, by('user_1', 'start'), [], 0);
  call = changed(this.ringing, by('user_2', 'accept'), [], 0);

  change(peerId: string): Input {
    const third = this.call.participants.find(of => of.userId === 'user_3' && of.state === 'joined');
    const request = { ...by('user_3', third ? 'leave' : 'accept'), peerId: third?.peerId ?? peerId };
    this.call = changed(this.call, request, [], 0);
    return { type: 'update', call: this.call };
  }
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  'whatever the others say, no phase outlasts its limit: seed %i',
  seed => {
    const random = generator(seed);
    const company = new Company();
    const device = new Clocked(idle('user_2'));
    device.take({ type: 'update', call: company.ringing });
    device.take({ type: 'accept', peerId: 'user_2' });
    device.take({ type: 'ready' });
    device.take({ type: 'update', call: company.call });
    if (random() < 0.5) device.take({ type: 'peers', connected: 1, isDeserted: false });
    // In some runs media do not flow any more.
    const heard = random() < 0.5 ? heardOfPeers : heardOfPeers.slice(0, 2);
    for (let step = 0; step < 200; step++) {
      const any = Math.floor(random() * heard.length * 1.3);
      device.take(heard[any] ?? (random() < 0.5 ? { type: 'rejoined' } : company.change(`c${step}`)));
      device.pass(random() * 14_000);
      const { phase } = device.machine;
      const limit = phase === 'connecting' ? 30_000 : phase === 'reconnecting' ? 45_000 : device.now;
      if (device.now - device.since > limit) expect.fail(`step ${step}: ${phase} for ever`);
    }
  },
);
