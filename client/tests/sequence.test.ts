import { describe, expect, test } from 'vitest';
import { Sequence, type Sequenced } from '../src/feed/lanes.js';

function sequence(last?: number) {
  const emitted: number[] = [];
  const losses: string[] = [];
  const it = new Sequence<Sequenced>(
    ({ seq }) => emitted.push(seq),
    (after, next) => losses.push(`${after}..${next}`),
    () => false,
    () => {},
  );
  it.last = last;
  const receive = (...seqs: number[]) => {
    for (const seq of seqs) it.receive({ seq });
  };
  return { it, emitted, losses, receive };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const events = (...seqs: number[]) => seqs.map(seq => ({ seq }));

describe('holding events', () => {
  test('has a limit, beyond which events are read from the log', () => {
    const { it, emitted, receive } = sequence(0);
    receive(...range(2, 601));
    receive(1);
    expect(emitted).toEqual(range(1, 501));
    expect(it.isBehind).toBe(true);
    it.readLog(events(...range(502, 601)));
    expect(emitted).toEqual(range(1, 601));
    expect(it.isBehind).toBe(false);
  });

  test('ignores events that have been emitted', () => {
    const { emitted, receive } = sequence(0);
    for (let i = 0; i < 2; i++) receive(...range(1, 600));
    receive(602, 601);
    expect(emitted).toEqual(range(1, 602));
  });

  test('waits for the first join, which tells where to begin', () => {
    const { it, emitted, losses, receive } = sequence();
    receive(4, 5, 7);
    expect(it.isBehind).toBe(false);
    it.begin(4);
    expect(emitted).toEqual([5]);
    expect(it.isBehind).toBe(true);
    it.begin(9); // a second join, concurrent with the first
    expect(emitted).toEqual([5]);
    expect(losses).toEqual([]);
  });
});

describe('a piece of the log', () => {
  test('may overlap with events that were emitted or are held', () => {
    const { it, emitted, receive } = sequence(2);
    receive(3, 6);
    it.readLog(events(2, 3, 4, 5));
    expect(emitted).toEqual([3, 4, 5, 6]);
  });

  test('may have a hole where events have expired, which is reported', () => {
    const { it, emitted, losses } = sequence(2);
    it.readLog(events(5, 6));
    expect(emitted).toEqual([5, 6]);
    expect(losses).toEqual(['2..5']);
  });

  test('tells which events are lost if it is the last one', () => {
    const { it, emitted, losses, receive } = sequence(2);
    receive(5, 9);
    it.endOfLog(7);
    expect(emitted).toEqual([5]);
    expect(losses).toEqual(['2..5', '5..8']);
    expect(it.isBehind).toBe(true);
  });
});

describe('joining again without recovery', () => {
  test('continues from the head', () => {
    const { it, emitted, losses, receive } = sequence(5);
    receive(12);
    it.restart(11, 5);
    expect(emitted).toEqual([12]);
    expect(losses).toEqual(['5..12']);
  });

  test('does not go back behind events that arrived in the meantime', () => {
    const { it, emitted, receive } = sequence(5);
    receive(6, 7);
    it.restart(6, 5);
    receive(7);
    expect(emitted).toEqual([6, 7]);
    expect(it.last).toBe(7);
  });

  test('goes back if the log itself has restarted', () => {
    const { it, emitted, receive } = sequence(42);
    it.restart(0, 42);
    expect(it.isBehind).toBe(false);
    receive(1);
    expect(emitted).toEqual([1]);
  });
});
