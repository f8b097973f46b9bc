/**
 * The list of messages, from everything that can arrive: whatever the order and the timing of pages, recoveries and live
 * events, the list equals in the end what the log has.
 */

import { describe, expect, test, vi } from 'vitest';
import { isChange } from '../src/conversation/changes.js';
import { fromEvent } from '../src/conversation/messages.js';
import { Timeline } from '../src/conversation/timeline.js';
import type { AnyEvent } from '../src/index.js';
import { canonical, chatter, expectedOf } from './fake/chatter.js';
import { generator } from './fake/random.js';
import { FakeServer } from './fake/server.js';
import { CHANNEL } from './fake/setup.js';

const SEEDS = Number(process.env['FUZZ_SEEDS'] ?? 100);
const FIRST_SEED = Number(process.env['FUZZ_FIRST_SEED'] ?? 1);
const STEPS = 120;

const tick = () => Promise.resolve();
const isMessage = (event: AnyEvent) => event.event === 'chat.message';
const toMessage = (event: AnyEvent) => fromEvent(event as never, `#${event.seq}`);

/** A server, and a client that receives its events late, and its pages even later. */
class Race {
  readonly random: () => number;
  readonly server = new FakeServer();
  readonly timeline = new Timeline();
  /** The log as it was after each event. */
  readonly states: AnyEvent[][] = [];
  /** The place in the log up to which the client has received everything since it joined. */
  place = 0;
  joinedAt = 0;
  readonly #pages: (() => void)[] = [];
  readonly #loading: Promise<void>[] = [];
  #receipts: object[] = [];

  constructor(seed: number) {
    this.random = generator(seed);
    this.server.post = event => {
      if ((event as AnyEvent).event === 'chat.receipt') this.#receipts.push(event);
    };
  }

  upTo = (most: number) => Math.floor(this.random() * (most + 1));

  /** Something happens. The clocks of the server's processes differ. */
  act(): void {
    vi.setSystemTime(1_800_000_000_000 + this.states.length * 1_000 + this.upTo(3_000));
    chatter(this.server, CHANNEL, this.random);
    this.states.push(this.server.shown(CHANNEL));
  }

  /** The log at some time since the given one: a page is not read in one moment. */
  #stateSince(time: number): AnyEvent[] {
    return this.states[time + this.upTo(this.states.length - 1 - time)] ?? [];
  }

  join(): void {
    this.joinedAt = this.server.head(CHANNEL);
    this.place = this.joinedAt;
  }

  /** The client receives the next event, as it was when it was posted or as it is when it is recovered. */
  receive(): void {
    const seq = this.place + 1;
    const birth = this.states.findIndex(state => (state.at(-1)?.seq ?? 0) >= seq);
    if (birth < 0) return;
    this.place = seq;
    const event = this.#stateSince(birth).find(one => one.seq === seq) as AnyEvent;
    if (isMessage(event)) this.timeline.add(toMessage(event));
    else if (isChange(event)) this.timeline.change(event);
  }

  /** The client sees a message before its turn: its own, which has been acknowledged; or it sees one twice. */
  acknowledge(): void {
    const ahead = this.server
      .log(CHANNEL)
      .filter(event => isMessage(event) && (event.seq ?? 0) >= this.place - 2);
    const seq = ahead[this.upTo(ahead.length - 1)]?.seq;
    if (seq === undefined || seq <= this.joinedAt) return;
    const birth = this.states.findIndex(state => (state.at(-1)?.seq ?? 0) >= seq);
    const event = this.#stateSince(birth).find(one => one.seq === seq);
    if (event) this.timeline.add(toMessage(event));
  }

  /** The client asks for a page, which is read later, and arrives even later. */
  request(from: number, to: number, mode: 'add' | 'replace'): void {
    const asked = this.states.length - 1;
    const read = () =>
      new Promise<void>(resolve => this.#pages.push(resolve)).then(() => {
        const rows = this.server.shown(CHANNEL).filter(isMessage);
        const inRange = rows.map(({ seq = 0 }) => seq).filter(seq => seq >= from && seq <= to);
        const page = inRange.map(seq => this.#stateSince(asked).find(one => one.seq === seq));
        return page.flatMap(event => (event ? [toMessage(event)] : []));
      });
    this.#loading.push(this.timeline.load(read, mode));
  }

  async arrive(): Promise<void> {
    this.#pages.splice(this.upTo(this.#pages.length - 1), 1)[0]?.();
    for (let ticks = 0; ticks < 9; ticks++) await tick();
  }

  async step(): Promise<void> {
    const dice = this.random();
    if (dice < 0.45) this.act();
    else if (dice < 0.75) this.receive();
    else if (dice < 0.85) this.request(this.upTo(this.place), this.place, 'add');
    else if (dice < 0.88) this.reread();
    else if (dice < 0.9) this.acknowledge();
    else if (dice < 0.93 && this.#receipts.length > 0) this.#tell(this.#receipts.pop());
    else await this.arrive();
  }

  #tell(receipt: unknown): void {
    this.timeline.receipt((receipt as { data: never }).data);
  }

  reread(): void {
    for (const place of this.timeline.unclear) {
      this.timeline.unclear.delete(place);
      this.request(place, place, 'replace');
    }
  }

  /** Everything arrives, and nothing else happens. */
  async settle(): Promise<void> {
    while (this.place < this.server.head(CHANNEL)) this.receive();
    this.request(0, Number.POSITIVE_INFINITY, 'add');
    for (const receipt of this.#receipts.splice(0)) this.#tell(receipt);
    do {
      while (this.#pages.length > 0) await this.arrive();
      this.reread();
    } while (this.#pages.length > 0);
    await Promise.all(this.#loading);
  }

  get shown(): string[] {
    return this.timeline.messages.map(({ key: _, status: __, ...message }) => canonical(message));
  }
}

describe('the list equals the log', () => {
  test.each(Array.from({ length: SEEDS / 10 }, (_, i) => FIRST_SEED + i * 10))(
    'seeds from %i',
    async first => {
      for (let seed = first; seed < first + 10; seed++) {
        const race = new Race(seed);
        for (let i = race.upTo(20); i >= 0; i--) race.act();
        race.join();
        for (let i = 0; i < STEPS; i++) await race.step();
        await race.settle();
        expect(race.shown, `seed ${seed}`).toEqual(expectedOf(race.server, CHANNEL));
      }
    },
  );
});
