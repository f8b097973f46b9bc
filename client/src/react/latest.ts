/**
 * What a component has said last, for a callback that is called later.
 *
 * @module
 */

import { type RefObject, useEffect, useRef } from 'react';

/** A ref that always has the value of the last rendering that was shown. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
