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
    const media: Media = { frames: 0, audioEnergy: 0, ways: [], open: 0, live: 0 };
    media.live = tracks.filter(({ readyState }) => readyState === 'live').length;
    for (const connection of connections) {
      if (connection.connectionState === 'closed') continue;
      media.open++;
      const stats = await connection.getStats();
      for (const report of stats.values()) {
        if (report.type === 'inbound-rtp') {
          media.frames += report.framesDecoded ?? 0;
          media.audioEnergy += report.totalAudioEnergy ?? 0;
        }
        if (report.type !== 'transport' || !report.selectedCandidatePairId) continue;
        const pair = stats.get(report.selectedCandidatePairId);
        const ends = [pair.localCandidateId, pair.remoteCandidateId].map(id => stats.get(id)?.candidateType);
        media.ways.push(ends.join('-'));
      }
    }
    return media;
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
    .toBeGreaterThan(before.frames + 20);
}

/** Expects that nothing of a call is left in a page. */
export async function expectReleased(page: Page): Promise<void> {
  await expect.poll(async () => (await mediaOf(page)).open).toBe(0);
  expect((await mediaOf(page)).live).toBe(0);
}
