import { describe, expect, test } from 'vitest';
import { Sequence, type Sequenced } from '../src/feed/lanes.js';

function sequence(last?: number) {
  const told: number[] = [];
  const losses: string[] = [];
  const it = new Sequence<Sequenced>(
    ({ seq }) => told.push(seq),
    (after, next) => losses.push(`${after}..${next}`),
  );
  it.last = last;
  const live = (...seqs: number[]) => {
    for (const seq of seqs) it.receive({ seq });
  };
  return { it, told, losses, live };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const events = (...seqs: number[]) => seqs.map(seq => ({ seq }));

describe('holding events', () => {
  test('has a limit, beyond which events are read from the log', () => {
    const { it, told, live } = sequence(0);
    live(...range(2, 601));
    live(1);
    expect(told).toEqual(range(1, 501));
    expect(it.isBehind).toBe(true);
    it.readLog(events(...range(502, 601)));
    expect(told).toEqual(range(1, 601));
    expect(it.isBehind).toBe(false);
  });

  test('ignores events that have been emitted', () => {
    const { told, live } = sequence(0);
    for (let i = 0; i < 2; i++) live(...range(1, 600));
    live(602, 601);
    expect(told).toEqual(range(1, 602));
  });

  test('waits for the first join, which tells where to begin', () => {
    const { it, told, losses, live } = sequence();
    live(4, 5, 7);
    expect(it.isBehind).toBe(false);
    it.begin(4);
    expect(told).toEqual([5]);
    expect(it.isBehind).toBe(true);
    it.begin(9); // a second join, concurrent with the first
    expect(told).toEqual([5]);
    expect(losses).toEqual([]);
  });
});

describe('a piece of the log', () => {
  test('may overlap with events that were emitted or are held', () => {
    const { it, told, live } = sequence(2);
    live(3, 6);
    it.readLog(events(2, 3, 4, 5));
    expect(told).toEqual([3, 4, 5, 6]);
  });

  test('may have a hole where events have expired, which is reported', () => {
    const { it, told, losses } = sequence(2);
    it.readLog(events(5, 6));
    expect(told).toEqual([5, 6]);
    expect(losses).toEqual(['2..5']);
  });

  test('tells which events are lost if it is the last one', () => {
    const { it, told, losses, live } = sequence(2);
    live(5, 9);
    it.endOfLog(7);
    expect(told).toEqual([5]);
    expect(losses).toEqual(['2..5', '5..8']);
    expect(it.isBehind).toBe(true);
  });
});

describe('joining again without recovery', () => {
  test('continues from the head', () => {
    const { it, told, losses, live } = sequence(5);
    live(12);
    it.restart(11, 5);
    expect(told).toEqual([12]);
    expect(losses).toEqual(['5..12']);
  });

  test('does not go back behind events that arrived in the meantime', () => {
    const { it, told, live } = sequence(5);
    live(6, 7);
    it.restart(6, 5);
    live(7);
    expect(told).toEqual([6, 7]);
    expect(it.last).toBe(7);
  });

  test('goes back if the log itself has restarted', () => {
    const { it, told, live } = sequence(42);
    it.restart(0, 42);
    expect(it.isBehind).toBe(false);
    live(1);
    expect(told).toEqual([1]);
  });
});
