/** The default environment, in a page, a worker and Node. */

import { afterEach, expect, test, vi } from 'vitest';
import { defaultEnvironment, type Sign } from '../src/index.js';

afterEach(() => vi.unstubAllGlobals());

/** The events of a window, in their order. */
const EVENTS = ['offline', 'online', 'visibilitychange', 'focus', 'pointerdown', 'pointermove', 'keydown'];

test.each([
  ['a worker', 'none', ['offline', 'online'], ['offline', 'online']],
  ['a page', 'visible', EVENTS, ['offline', 'online', 'visible', 'visible', 'used', 'used', 'used']],
  ['a hidden page', 'hidden', EVENTS.slice(0, 3), ['offline', 'online']],
])('%s reports its changes until the listener is removed', (_, visibility, events, expected) => {
  const scope = new EventTarget();
  vi.stubGlobal('addEventListener', scope.addEventListener.bind(scope));
  if (visibility !== 'none') vi.stubGlobal('document', { visibilityState: visibility });
  const signs: Sign[] = [];
  const stop = defaultEnvironment.watch(sign => signs.push(sign));
  const happen = () => {
    for (const name of events) scope.dispatchEvent(new Event(name));
  };
  happen();
  stop();
  happen();
  expect(signs).toEqual(expected);
  expect(defaultEnvironment.isVisible()).toBe(visibility !== 'hidden');
});

test('Node reports nothing, and its clock is monotonic', () => {
  vi.stubGlobal('addEventListener', undefined);
  expect(() => defaultEnvironment.watch(() => {})()).not.toThrow();
  const before = defaultEnvironment.now();
  vi.spyOn(Date, 'now').mockReturnValue(0);
  expect(defaultEnvironment.now()).toBeGreaterThanOrEqual(before);
  vi.restoreAllMocks();
});
