/** What the tests have: a stack for all of them, and for each a room of its own, with browsers for who is in it. */

import { type BrowserContextOptions, test as base } from '@playwright/test';
import { type Room, roomOf } from '../demo/src/room.js';
import { Cable } from './cable.js';
import { type Stack, startStack } from './stack.js';
import { type Only, Visitor } from './visitor.js';

interface Fixtures {
  /** The part of the page's address that says in which room one is. */
  roomName: string;
  room: Room;
  /** Opens a browser with the page in it, and waits until its people are in the conversation. */
  visit(only: Only, options?: BrowserContextOptions): Promise<Visitor>;
}

export const test = base.extend<Fixtures, { stack: Stack }>({
  stack: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from it which fixtures this one needs
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
