/** The default environment, in a page, a worker and Node. */

import { afterEach, expect, test, vi } from 'vitest';
import { defaultEnvironment, type Sign } from '../src/index.js';

afterEach(() => vi.unstubAllGlobals());

/** Makes the global scope that of a worker or of a page. */
function stubScope(hasDocument: boolean): { scope: EventTarget; page: EventTarget } {
  const [scope, page] = [new EventTarget(), new EventTarget()];
  vi.stubGlobal('addEventListener', scope.addEventListener.bind(scope));
  if (hasDocument) vi.stubGlobal('document', Object.assign(page, { visibilityState: 'visible' }));
  return { scope, page };
}

test.each([
  ['a worker', false, ['offline', 'online']],
  ['a page', true, ['offline', 'online', 'visible']],
])('%s reports changes of its network until the listener is removed', (_, hasDocument, expected) => {
  const { scope, page } = stubScope(hasDocument);
  const signs: Sign[] = [];
  const stop = defaultEnvironment.watch(sign => signs.push(sign));
  const happen = () => {
    scope.dispatchEvent(new Event('offline'));
    scope.dispatchEvent(new Event('online'));
    page.dispatchEvent(new Event('visibilitychange'));
  };
  happen();
  stop();
  happen();
  expect(signs).toEqual(expected);
});

test('Node reports nothing, and its clock is monotonic', () => {
  vi.stubGlobal('addEventListener', undefined);
  expect(() => defaultEnvironment.watch(() => {})()).not.toThrow();
  const before = defaultEnvironment.now();
  vi.spyOn(Date, 'now').mockReturnValue(0);
  expect(defaultEnvironment.now()).toBeGreaterThanOrEqual(before);
  vi.restoreAllMocks();
});
