/** What arrives of voice and video at a browser, as its own statistics count it. */

import { type BrowserContext, expect, type Page } from '@playwright/test';

interface Kept {
  connections: RTCPeerConnection[];
  tracks: MediaStreamTrack[];
}

/** What has arrived in a page, over the connections that are open. */
export interface Media {
  /** Decoded frames of video. */
  frames: number;
  /** How loud it was, summed up over its time. */
  audioEnergy: number;
  /** The kinds of the two ends of the ways that are used: `host`, `srflx`, `prflx` or `relay`. */
  ways: string[];
  /** How many connections and own tracks are open. */
  open: number;
  live: number;
}

/** Keeps the connections and tracks of all pages of a browser, to look at them later. */
export async function keepConnections(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const kept: Kept = { connections: [], tracks: [] };
    Object.assign(window, { kept });
    const { RTCPeerConnection, navigator } = window;
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        kept.connections.push(this);
      }
    };
    const devices = navigator.mediaDevices;
    if (!devices) return;
    const keep =
      <Options>(open: (options: Options) => Promise<MediaStream>) =>
      async (options: Options) => {
        const stream = await open.call(devices, options);
        kept.tracks.push(...stream.getTracks());
        return stream;
      };
    devices.getUserMedia = keep(devices.getUserMedia);
    devices.getDisplayMedia = keep(devices.getDisplayMedia);
  });
}

/** Counts what has arrived in a page until now. */
export function mediaOf(page: Page): Promise<Media> {
  return page.evaluate(async () => {
    const { connections, tracks } = (window as unknown as { kept: Kept }).kept;
    const open = connections.filter(({ connectionState }) => connectionState !== 'closed');
    const stats = await Promise.all(open.map(connection => connection.getStats()));
    const reports = stats.flatMap(of => [...of.values()]);
    const sum = (name: string) => reports.reduce((total, report) => total + (report[name] ?? 0), 0);
    const kindOf = (id: string) => reports.find(report => report.id === id)?.candidateType;
    const pairs = reports.filter(
      ({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded',
    );
    return {
      frames: sum('framesDecoded'),
      audioEnergy: sum('totalAudioEnergy'),
      ways: pairs.map(pair => `${kindOf(pair.localCandidateId)}-${kindOf(pair.remoteCandidateId)}`),
      open: open.length,
      live: tracks.filter(({ readyState }) => readyState === 'live').length,
    };
  });
}

/** Expects that voice keeps arriving in a page, and video too if it is sent. */
export async function expectMedia(page: Page, { video }: { video: boolean }): Promise<void> {
  const before = await mediaOf(page);
  await expect
    .poll(async () => (await mediaOf(page)).audioEnergy, { message: 'voice arrives' })
    .toBeGreaterThan(before.audioEnergy);
  if (!video) return;
  await expect
    .poll(async () => (await mediaOf(page)).frames, { message: 'video arrives' })
    .toBeGreaterThan(before.frames + 10);
}

/** Expects that nothing of a call is left in a page. */
export async function expectReleased(page: Page): Promise<void> {
  await expect.poll(async () => (await mediaOf(page)).open).toBe(0);
  expect((await mediaOf(page)).live).toBe(0);
}
