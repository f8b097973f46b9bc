/**
 * When something was said. The stack keeps the newest of what replaces each other by this time, because the bus delivers
 * late and out of order.
 *
 * @module
 */

let last = 0;

/**
 * The time now, as the wire has it: RFC 3339 with milliseconds. Each is later than the one before, so that of two events
 * in one millisecond the second is the newer one, and so that a clock that is set back puts nothing in the past.
 */
export function timestampNow(): string {
  last = Math.max(Date.now(), last + 1);
  return new Date(last).toISOString();
}
