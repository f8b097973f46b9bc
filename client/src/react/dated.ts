/**
 * Payloads as an app wants them: with a `Date` where the wire has a text.
 *
 * @module
 */

/** A payload whose `timestamp` is a `Date`. */
export type Dated<T extends { timestamp: string }> = Omit<T, 'timestamp'> & { timestamp: Date };

/** Turns the text into a `Date`. */
export function dated<T extends { timestamp: string }>(data: T): Dated<T> {
  return { ...data, timestamp: new Date(data.timestamp) };
}
