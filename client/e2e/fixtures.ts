/** The fixtures: a stack for all tests, and for each test a room of its own, with a browser for each person in it. */

import { type BrowserContextOptions, test as base } from '@playwright/test';
import { type Room, roomOf } from '../demo/src/room.js';
import { Cable } from './cable.js';
import { keepConnections } from './media.js';
import { type Stack, startStack } from './stack.js';
import { type Only, Visitor } from './visitor.js';

interface VisitOptions extends BrowserContextOptions {
  /** Whether to open the page as it is by default, with the story, instead of the room of the test, which begins empty. */
  hasStory?: boolean;
}

interface Fixtures {
  /** The name of the room in the page's address. */
  roomName: string;
  room: Room;
  /** Opens the page in a new browser, and waits until its people have joined the conversation. */
  visit(only: Only, options?: VisitOptions): Promise<Visitor>;
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

  visit: async ({ browser, stack, roomName }, use) => {
    const visitors: Visitor[] = [];
    await use(async (only, { hasStory = false, ...options } = {}) => {
      const context = await browser.newContext(options);
      const cable = await Cable.to(context);
      await keepConnections(context);
      const page = await context.newPage();
      const address = new URL(stack.http);
      if (!hasStory) address.searchParams.set('room', roomName);
      if (only !== 'both') address.searchParams.set('only', only);
      const visitor = new Visitor(page, cable, roomOf(address), only);
      visitors.push(visitor);
      await page.goto(address.href);
      await visitor.isIn();
      return visitor;
    });
    for (const { page } of visitors) await page.context().close();
  },
});

export { expect } from '@playwright/test';
