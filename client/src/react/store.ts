/**
 * A value that changes, and who wants to know: what `useSyncExternalStore` asks for.
 *
 * @module
 */

import { useSyncExternalStore } from 'react';

/** Holds a value that is replaced, never changed. */
export class Store<T> {
  readonly #initial: T;
  readonly #listeners = new Set<() => void>();
  #value: T;

  constructor(initial: T) {
    this.#initial = initial;
    this.#value = initial;
  }

  /** The value now. */
  readonly get = (): T => this.#value;

  /** The value before anything has happened, which is all that a server renders. */
  readonly getInitial = (): T => this.#initial;

  /** Calls `listener` after each change; what it returns ends that. */
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

/** The value of a store; the component renders again when it changes. */
export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get, store.getInitial);
}
