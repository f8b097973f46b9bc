/**
 * Three people with four devices do what they like at random from a seed, while sockets are cut, events, signals and replies are
 * lost or late, and media come and go. Once all is calm, every device agrees with the server, and whoever is in no call has released
 * everything.
 */

import { expect, test } from 'vitest';
import { generator } from '../fake/random.js';
import { type Person, pass, type Scene, scene, watchRejections } from './setting.js';

watchRejections();

const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 20);
const STEPS = 60;

class Fuzz {
  readonly random: () => number;
  readonly it: Scene = scene();
  readonly people: Person[];

  constructor(seed: number) {
    this.random = generator(seed);
    const { server } = this.it;
    server.participants = ['user_1', 'user_2', 'user_3'];
    this.people = ['user_1', 'user_2', 'user_2', 'user_3'].map(userId => this.it.person(userId));
    server.loses = () => this.chance(0.1);
    server.losesReply = ({ action }) => action === 'call' && this.chance(0.1);
    server.delay = ({ action }) => (/call|send/.test(action) && this.chance(0.2) ? this.random() * 2_000 : 0);
  }

  chance = (rate: number) => this.random() < rate;

  step(): void {
    const one = this.people[Math.floor(this.random() * this.people.length)] as Person;
    const { server, ether } = this.it;
    const acts: [number, () => unknown][] = [
      [0.2, () => one.call.start({ video: this.chance(0.5) })],
      [0.5, () => one.call.accept()],
      [0.53, () => one.call.decline()],
      [0.6, () => one.call.hangUp()],
      [0.7, () => server.socketsOf(one.userId).map(socket => socket.cut())],
      [0.75, () => one.client.reconnect()],
      [
        0.8,
        () => {
          ether.isUp = !ether.isUp;
        },
      ],
      [0.85, () => one.call.mute(this.chance(0.5))],
      [0.9, () => void one.call.setCamera(this.chance(0.5))],
    ];
    const dice = this.random();
    acts.find(([until]) => dice < until)?.[1]();
  }

  async calm(): Promise<void> {
    const { server, ether } = this.it;
    server.loses = server.losesReply = () => false;
    server.delay = () => 0;
    ether.isUp = true;
    await pass(200_000);
  }
}

function expectIn({ call }: Person, others: number): void {
  const { state, peers } = call.store.get();
  expect(state).toBe('connected');
  expect(peers.map(peer => peer.state)).toEqual(Array(others).fill('connected'));
}

function expectOut({ call, browser }: Person): void {
  const { state, peers } = call.store.get();
  expect(state).toMatch(/idle|ended/);
  expect(peers).toEqual([]);
  expect(browser.live).toEqual([]);
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))('seed %i', async seed => {
  const fuzz = new Fuzz(seed);
  const { server, ether } = fuzz.it;
  await pass(100);
  for (let step = 0; step < STEPS; step++) {
    fuzz.step();
    await pass(fuzz.chance(0.1) ? fuzz.random() * 20_000 : fuzz.random() * 500);
  }
  await fuzz.calm();
  const { state, participants = [] } = server.call ?? {};
  expect(state).not.toBe('ringing');
  const joined = participants.filter(user => state === 'active' && user.state === 'joined');
  const inIt = fuzz.people.filter(({ call }) => !/idle|ended/.test(call.store.get().state));
  expect(inIt.map(({ userId }) => userId).sort()).toEqual(joined.map(({ userId }) => userId).sort());
  for (const one of fuzz.people) {
    if (inIt.includes(one)) expectIn(one, joined.length - 1);
    else expectOut(one);
  }
  expect(ether.open).toHaveLength(joined.length * Math.max(0, joined.length - 1));
});
