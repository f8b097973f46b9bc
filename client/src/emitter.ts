/**
 * Listeners, and calling them so that none can break another.
 *
 * @module
 */

/** Says who wants to hear what. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `listener` whenever this happens; what it returns ends that. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A function of its own, so that one that listens twice can cease once.
    const own = (value: Events[Name]) => listener(value);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  /** Tells all who listen. */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    for (const listener of [...(listeners ?? [])]) {
      // One that another has removed meanwhile is not called any more.
      if (listeners?.has(listener)) callSafely(listener as (value: Events[Name]) => void, value);
    }
  }
}

/** Calls what the app has given us. What it throws is reported as a page's own errors are, and stops nobody else. */
export function callSafely<T>(callback: ((value: T) => void) | undefined, value: T): void {
  try {
    callback?.(value);
  } catch (error) {
    (globalThis.reportError ?? console.error)(error);
  }
}
