/** The fixtures: a stack for all tests, and for each test a room of its own, with a browser for each person in it. */

import { type BrowserContextOptions, test as base } from '@playwright/test';
import { type Room, roomOf } from '../demo/src/room.js';
import { Cable } from './cable.js';
import { type Stack, startStack } from './stack.js';
import { type Only, Visitor } from './visitor.js';

interface Fixtures {
  /** The name of the room in the page's address. */
  roomName: string;
  room: Room;
  /** Opens the page in a new browser, and waits until its people have joined the conversation. */
  visit(only: Only, options?: BrowserContextOptions): Promise<Visitor>;
}

export const test = base.extend<Fixtures, { stack: Stack }>({
  stack: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the needed fixtures from it
    async ({}, use) => {
      const stack = await startStack();
      await use(stack);
      await stack.stop();
    },
    { scope: 'worker' },
  ],

  // biome-ignore lint/correctness/noEmptyPattern: likewise
  roomName: async ({}, use) => use(crypto.randomUUID().slice(0, 8)),

  room: async ({ stack, roomName }, use) => use(roomOf(new URL(`/?room=${roomName}`, stack.http))),

  visit: async ({ browser, stack, roomName, room }, use) => {
    const visitors: Visitor[] = [];
    await use(async (only, options) => {
      const context = await browser.newContext(options);
      const cable = await Cable.to(context);
      const page = await context.newPage();
      const visitor = new Visitor(page, cable, room, only);
      visitors.push(visitor);
      const query = new URLSearchParams({ room: roomName, ...(only !== 'both' && { only }) });
      await page.goto(`${stack.http}/?${query}`);
      await visitor.isIn();
      return visitor;
    });
    for (const { page } of visitors) await page.context().close();
  },
});

export { expect } from '@playwright/test';
