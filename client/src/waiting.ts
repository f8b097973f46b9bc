/**
 * Promises that are settled from outside, and waits that an `AbortSignal` ends. No promise made here becomes an unhandled
 * rejection, whoever stops waiting for it.
 *
 * @module
 */

import type { Environment } from './environment.js';

/** A promise, and the functions that settle it. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes a deferred promise. It is no error if nobody looks at its failure. */
export function deferred<T>(): Deferred<T> {
  const parts = {} as Deferred<T>;
  parts.promise = new Promise<T>((resolve, reject) => Object.assign(parts, { resolve, reject }));
  parts.promise.catch(() => {});
  return parts;
}

/** The outcome of `promise`, or the signal's reason if it is aborted before. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  promise.catch(() => {}); // nobody else looks at it where the signal comes first
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Waits `ms` milliseconds, or until the signal is aborted, which is an error. */
export async function pause(env: Environment, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const over = deferred<void>();
  const cancel = env.after(ms, () => over.resolve());
  try {
    await unlessAborted(over.promise, signal);
  } finally {
    cancel();
  }
}

/** What `promise` comes to, or `error` if that takes longer than `ms` milliseconds. */
export async function inTime<T>(env: Environment, promise: Promise<T>, ms: number, error: Error): Promise<T> {
  const late = new AbortController();
  const cancel = env.after(ms, () => late.abort(error));
  return unlessAborted(promise, late.signal).finally(cancel);
}
