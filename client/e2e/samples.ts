/** Files to send: real pictures, made by the browser itself, and others that are not what they say. */

import type { Page } from '@playwright/test';

/** A file as Playwright chooses it. */
export interface Sample {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** A picture of this size, with a gradient and noise, so that it does not become too small. */
export async function picture(
  page: Page,
  type: 'png' | 'jpeg',
  width: number,
  height: number,
): Promise<Sample> {
  const mimeType = `image/${type}`;
  const draw = async ([mimeType, width, height]: [string, number, number]) => {
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d') as CanvasRenderingContext2D;
    const pixels = context.createImageData(width, height);
    for (let at = 0; at < pixels.data.length; at += 4) {
      const place = at / 4;
      const noise = Math.random() * 60;
      pixels.data.set([(255 * (place % width)) / width, noise, (255 * place) / (width * height), 255], at);
    }
    context.putImageData(pixels, 0, 0);
    return canvas.toDataURL(mimeType).split(',')[1] as string;
  };
  const base64 = await page.evaluate(draw, [mimeType, width, height] as [string, number, number]);
  return { name: `holiday ${width}.${type}`, mimeType, buffer: Buffer.from(base64, 'base64') };
}

/** A text of this many bytes. */
export function text(name: string, bytes: number, mimeType = 'text/plain'): Sample {
  return { name, mimeType, buffer: Buffer.alloc(bytes, 'All work and no play makes Jack a dull boy. ') };
}
