/**
 * Values for what is shown: a store that a framework renders, and payloads with a `Date` in them.
 *
 * @module
 */

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

const TIMES = ['timestamp', 'editedAt', 'deletedAt'] as const;

/** A payload whose times (`timestamp`, `editedAt`, `deletedAt`) are each a `Date` instead of a string. */
export type Dated<T extends { timestamp: string }> = {
  [Name in keyof T]: Name extends (typeof TIMES)[number] ? Date : T[Name];
};

/** Converts the times of a payload to `Date`s. */
export function dated<T extends { timestamp: string }>(data: T): Dated<T> {
  const copy: Record<string, unknown> = { ...data };
  for (const name of TIMES) {
    const time = copy[name];
    if (typeof time === 'string') copy[name] = new Date(time);
  }
  return copy as Dated<T>;
}
