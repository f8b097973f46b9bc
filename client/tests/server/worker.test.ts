/** The publisher where there is nothing but what the web defines: no `process`, no `Buffer`, no modules of Node. */

import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { PublishServer } from './publish-server.js';

/** What workers, Deno and browsers have in common. The methods of `fetch` and timers must not need their object. */
const GLOBALS = {
  ...{ AbortSignal, Headers, Request, Response, TextDecoder, TextEncoder, URL, atob, btoa },
  ...{ clearTimeout, console, crypto, fetch, setTimeout },
};

test('publishes with the globals of a worker', async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export { RealTimeUpdates, createTokenIssuer } from './src/server/index.ts';",
      resolveDir: '.',
    },
    ...{ bundle: true, platform: 'neutral', format: 'iife', globalName: 'funnelcast', write: false },
    external: ['@aws-sdk/client-eventbridge'], // loaded only where the bus is chosen
    supported: { 'dynamic-import': true },
  });
  const server = await PublishServer.start();
  const app = `const { RealTimeUpdates, createTokenIssuer } = funnelcast;
    const issuer = createTokenIssuer({ key: 'a secret of at least thirty-two bytes' });
    const updates = new RealTimeUpdates({ http: ${JSON.stringify(server.url)}, issuer });
    updates.sendBotMessage('conv-1', 'Hi from a worker').then(({ seq, duplicate }) => [seq, duplicate]);`;
  const result = await runInContext(`${outputFiles?.[0]?.text}\n${app}`, createContext({ ...GLOBALS }));
  await server.stop();
  expect([...result]).toEqual([1, false]);
  expect(server.log('conv-1')).toEqual(['Hi from a worker']);
});
