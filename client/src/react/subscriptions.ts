/**
 * The subscriptions that one component has made by `useWebSocket`.
 *
 * Such a component may subscribe in an effect that runs again when the connection is back, and clean up nothing. So
 * subscribing again to the same thing replaces the earlier handler, without leaving and joining; and all subscriptions end
 * with the component.
 *
 * @module
 */

interface Entry {
  /** Of the type that the name goes with. */
  handler: unknown;
  stop: () => void;
}

/** What a component listens to. */
export class Subscriptions {
  readonly #entries = new Map<string, Entry>();

  /**
   * Listens, or only replaces the handler of the same name.
   *
   * @param name - what is listened to
   * @param start - begins to listen; given a function that calls the handler of the moment, it returns what ends it
   * @returns what ends it, if the handler is still the one given
   */
  add<Args extends unknown[]>(
    name: string,
    handler: (...args: Args) => void,
    start: (call: (...args: Args) => void) => () => void,
  ): () => void {
    const known = this.#entries.get(name);
    if (known) {
      known.handler = handler;
    } else {
      const entry: Entry = { handler, stop: () => {} };
      this.#entries.set(name, entry);
      entry.stop = start((...args) => (entry.handler as typeof handler)(...args));
    }
    return () => {
      const entry = this.#entries.get(name);
      if (entry?.handler !== handler) return;
      this.#entries.delete(name);
      entry.stop();
    };
  }

  /** Ends them all. */
  clear(): void {
    for (const { stop } of this.#entries.values()) stop();
    this.#entries.clear();
  }
}
