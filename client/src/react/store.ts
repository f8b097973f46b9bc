/**
 * Values for components: what is in a store, and the current value of a prop.
 *
 * @module
 */

import { type RefObject, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { SubscribeOptions } from '../feed/feeds.js';
import type { Store } from '../store.js';

/** The value of a store. The component renders again when it changes. */
export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get, store.getInitial);
}

/** A ref with the value of the last committed rendering, for callbacks that are called later. */
export function useLatest<T>(value: T): RefObject<T> {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}

/** A function that gets a grant as in the last committed rendering. It is the same one as long as there are grants. */
export function useGrant(grant: SubscribeOptions['grant']): SubscribeOptions['grant'] {
  const latest = useLatest(grant);
  const isGuest = grant !== undefined;
  return useMemo(() => {
    const get = () => latest.current?.() ?? Promise.reject(new Error('the component no longer has a grant'));
    return isGuest ? get : undefined;
  }, [isGuest, latest]);
}
