/** A client with the HTTP API, its storage, and files to send. */

import { vi } from 'vitest';
import { type FilesProgress, type SendFilesOptions, sendFiles } from '../../src/files/index.js';
import { type ClientOptions, httpApi } from '../../src/index.js';
import { CHANNEL, joinedScene, pass, type Scene } from '../fake/setup.js';

const realTimeout = setTimeout;

/** Makes a file of so many bytes. */
export function fileOf(bytes: number, name = 'photo.png', type = 'image/png'): File {
  return new File([new Uint8Array(bytes).fill(bytes % 256)], name, { type });
}

/** Makes a client that is connected and joined. */
export function filesScene(options: Partial<ClientOptions> = {}): Promise<Scene> {
  return joinedScene({ http: httpApi('https://api.test'), ...options });
}

/** Lets time pass until a condition holds. Hashing takes real time, and everything else that of the test. */
export async function until(isSo: () => boolean, atMostMs = 120_000, stepMs = 10): Promise<void> {
  for (let ms = 0; !isSo(); ms += stepMs) {
    if (ms > atMostMs) throw new Error(`still not so after ${atMostMs} ms`);
    await new Promise(resolve => realTimeout(resolve, 0));
    await pass(stepMs);
  }
}

/** The outcome of a promise, once time has passed: its value, or what it was rejected with. */
export async function outcomeOf<T>(promise: Promise<T>, atMostMs?: number): Promise<T | Error> {
  let outcome: { is: T | Error } | undefined;
  promise.then(
    is => {
      outcome = { is };
    },
    (is: Error) => {
      outcome = { is };
    },
  );
  await until(() => outcome !== undefined, atMostMs);
  return (outcome as unknown as { is: T | Error }).is;
}

/** Begins to send files; collects their progress. */
export function sending({ client }: Scene, files: File[], options: SendFilesOptions = {}) {
  const steps: FilesProgress[] = [];
  const onProgress = vi.fn((progress: FilesProgress) => void steps.push(progress));
  const sent = sendFiles(client, CHANNEL, files, { onProgress, ...options });
  sent.catch(() => {});
  return { sent, steps, states: () => [...new Set(steps.map(({ files }) => files[0]?.state))] };
}
