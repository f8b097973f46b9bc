/**
 * Waiting and retrying: promises that are settled from outside, waits that an `AbortSignal` ends, and back-off between
 * attempts. A promise made here never becomes an unhandled rejection when its last observer stops waiting.
 *
 * @module
 */

import type { Environment } from './environment.js';
import { FunnelcastError } from './errors.js';

/** The longest back-off. */
const BACKOFF_MS_MAX = 30_000;
/** Half of the bound of the first back-off; the bound doubles with every failure. */
const BACKOFF_MS_FIRST = 500;
/** How often a request is attempted before a temporary error becomes its result. */
export const ATTEMPTS_MAX = 8;

/** A promise together with the functions that settle it. */
export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes a deferred promise. Its rejection may go unobserved. */
export function deferred<T>(): Deferred<T> {
  const parts = {} as Deferred<T>;
  parts.promise = new Promise<T>((resolve, reject) => Object.assign(parts, { resolve, reject }));
  parts.promise.catch(() => {});
  return parts;
}

/** What is called when each signal is aborted. */
const aborting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `abort` when the signal is aborted, and returns a function that prevents it. A signal has one listener for all
 * of its waits: from the eleventh on, Node warns of a leak.
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  const calls = aborting.get(signal) ?? new Set();
  if (!aborting.has(signal)) {
    aborting.set(signal, calls);
    signal.addEventListener('abort', () => {
      for (const call of calls) call();
    });
  }
  calls.add(abort);
  return () => calls.delete(abort);
}

/** Waits for `promise`; rejects with the reason of the signal if that is aborted first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  promise.catch(() => {}); // nobody else observes it if the signal comes first
  signal.throwIfAborted();
  const aborted = deferred<never>();
  const forget = onAbort(signal, () => aborted.reject(signal.reason));
  return Promise.race([promise, aborted.promise]).finally(forget);
}

/** Waits for `ms` milliseconds; rejects if the signal is aborted first. */
export async function pause(env: Environment, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const over = deferred<void>();
  const cancel = env.after(ms, over.resolve);
  return unlessAborted(over.promise, signal).finally(cancel);
}

/** Waits for `promise` for at most `ms` milliseconds, then rejects with `error`. */
export async function withTimeout<T>(
  env: Environment,
  promise: Promise<T>,
  ms: number,
  error: Error,
): Promise<T> {
  const timeout = new AbortController();
  const cancel = env.after(ms, () => timeout.abort(error));
  return unlessAborted(promise, timeout.signal).finally(cancel);
}

/**
 * How long to wait after `failures` failures in a row; 0 after none.
 *
 * Exponential back-off with full jitter: a random time up to a bound that doubles, from 1 s to {@link BACKOFF_MS_MAX}.
 * Clients that lost their connections in one outage thus do not all return at the same moment.
 *
 * @param random - returns a number that is at least 0 and less than 1
 */
export function backoff(failures: number, random: () => number): number {
  if (failures <= 0) return 0;
  return random() * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** Math.min(failures, 16));
}

/** How long to wait before the next attempt: the back-off, on top of the time that the server asked for. */
export function retryDelay(env: Environment, error: FunnelcastError, failures: number): number {
  return (error.retryAfterMs ?? 0) + backoff(failures, env.random);
}

/** Whether the same request may succeed later. */
export function isTemporary(error: unknown): boolean {
  return error instanceof FunnelcastError && /^(rate_limited|internal|timeout)$/.test(error.code);
}

/** Makes a request that is safe to repeat, up to {@link ATTEMPTS_MAX} times as long as it fails with a temporary error. */
export async function retry<T>(
  env: Environment,
  attempt: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    signal?.throwIfAborted();
    try {
      return await unlessAborted(attempt(), signal);
    } catch (error) {
      if (!isTemporary(error) || failures === ATTEMPTS_MAX) throw error;
      await pause(env, retryDelay(env, error as FunnelcastError, failures), signal);
    }
  }
}
