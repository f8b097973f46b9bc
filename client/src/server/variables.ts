/**
 * The environment variables of a backend.
 *
 * @module
 */

/** Reads an environment variable; one that is empty counts as not set. Workers may have no `process`. */
export function variable(name: string): string | undefined {
  return (typeof process === 'undefined' ? undefined : process.env[name]) || undefined;
}
