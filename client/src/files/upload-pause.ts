/**
 * Pausing uploads, and letting them go on.
 *
 * @module
 */

import { Store } from '../store.js';
import { deferred, unlessAborted } from '../waiting.js';

/**
 * Pauses uploads for as long as the user wants. Give it to `sendFiles`, `uploadFiles`; `useFiles` has one for each file.
 *
 * A file of more than 100 MB goes on with the part of 16 MB that it was in; a smaller one begins again.
 *
 * @example
 * ```ts
 * const pause = new UploadPause();
 * const sent = sendFiles(client, 'conversation:conv-123', [...(picker.files ?? [])], {
 *   pause,
 *   onProgress: ({ sentBytes, bytes }) => show(`${Math.round((100 * sentBytes) / bytes)} %`),
 * });
 * pause.pause(); // when the user presses a button
 * pause.resume(); // when they press it again
 * await sent;
 * ```
 */
export class UploadPause {
  readonly #paused = new Store(false);

  /** Whether they are paused. */
  get isPaused(): boolean {
    return this.#paused.get();
  }

  /** Pauses the uploads: what is on its way is cut off. */
  readonly pause = (): void => this.#paused.set(true);

  /** Lets the uploads go on. */
  readonly resume = (): void => this.#paused.set(false);

  /** Calls `listener` whenever they are paused, and whenever they go on. The returned function ends that. */
  readonly subscribe = (listener: () => void): (() => void) => this.#paused.subscribe(listener);
}

/** Waits until an upload is not paused; rejects with the reason of the signal if that is aborted before. */
export async function unpaused(pause: UploadPause, signal: AbortSignal): Promise<void> {
  if (!pause.isPaused) return;
  const over = deferred<void>();
  const stop = pause.subscribe(() => over.resolve());
  await unlessAborted(over.promise, signal).finally(stop);
}
