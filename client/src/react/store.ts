/**
 * Values for components: a store that they render, the current value of a prop, and payloads with a `Date` in them.
 *
 * @module
 */

import { type RefObject, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { SubscribeOptions } from '../feed/feeds.js';

/** Holds a value that is replaced, never changed, as `useSyncExternalStore` requires. */
export class Store<T> {
  readonly #initial: T;
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(initial: T) {
    this.#initial = initial;
    this.#value = initial;
  }

  /** Returns the current value. */
  readonly get = (): T => this.#value;

  /** Returns the value before anything has happened, which is what a server renders. */
  readonly getInitial = (): T => this.#initial;

  /** Calls `listener` after each change. The returned function ends that. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Replaces the value. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }
}

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

/** A payload whose `timestamp` is a `Date` instead of a string. */
export type Dated<T extends { timestamp: string }> = Omit<T, 'timestamp'> & { timestamp: Date };

/** Converts the `timestamp` of a payload to a `Date`. */
export function dated<T extends { timestamp: string }>(data: T): Dated<T> {
  return { ...data, timestamp: new Date(data.timestamp) };
}
