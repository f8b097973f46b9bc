/** The built app, on free ports, beside a local stack of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test as base } from '@playwright/test';

const APP = join(__dirname, '..');
const ROOT = join(APP, '../..');
const LOCAL = join(ROOT, 'target/debug/funnelcast-local');
/** The functions may read the secrets of their stage. */
const SECRET = 'funnelcast/dev/my-app';
const CHAT_EVENTS_SECRET = 'funnelcast/dev/chat-events';

export const test = base.extend<object, { origin: string }>({
  origin: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the needed fixtures from it
    async ({}, use) => {
      const origin = `http://localhost:${await freePort()}`;
      const key = randomBytes(32).toString('base64url');
      const chatEventsKey = randomBytes(32).toString('base64url');
      const stack = startStack(origin, key, chatEventsKey);
      const { http } = JSON.parse(await firstLine(stack, /^{/)) as { http: string };
      const app = startApp(origin, { FUNNELCAST_HTTP: http, TOKEN_KEY: key, CHAT_EVENTS_KEY: chatEventsKey });
      await firstLine(app, /Ready/);
      await use(origin);
      await stop(app);
      await stop(stack);
    },
    { scope: 'worker', timeout: 60_000 },
  ],
});

export { expect } from '@playwright/test';

/** Starts a stack that knows the app's origin and its keys, and tells it what happens in conversations. */
function startStack(origin: string, key: string, chatEventsKey: string): ChildProcess {
  const issuer = { kind: 'app', iss: 'my-app', aud: 'funnelcast', alg: 'HS256', keys: { secret: SECRET } };
  const ports = ['--port', '0', '--http-port', '0'];
  const parameters = [
    `Issuers=${JSON.stringify([issuer])}`,
    `AllowedOrigins=${origin}`,
    'ChatEvents=on',
    `ChatEventsUrl=${origin}/api/chat-events`,
    `ChatEventsKeySecret=${CHAT_EVENTS_SECRET}`,
  ];
  const options = [...ports, ...parameters.flatMap(parameter => ['--parameter', parameter])];
  // It ends with the test, however that ends.
  const secrets = ['--secret', `${SECRET}=${key}`, '--secret', `${CHAT_EVENTS_SECRET}=${chatEventsKey}`];
  const more = [...secrets, '--until-stdin-closes'];
  return spawn(LOCAL, ['up', ...options, ...more], { cwd: ROOT, stdio: ['pipe', 'pipe', 'ignore'] });
}

function startApp(origin: string, variables: Record<string, string>): ChildProcess {
  const next = require.resolve('next/dist/bin/next');
  return spawn(process.execPath, [next, 'start', '--hostname', 'localhost', '--port', new URL(origin).port], {
    cwd: APP,
    env: { ...process.env, ...variables, NEXT_TELEMETRY_DISABLED: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Waits for the first line that matches. */
function firstLine(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout) createInterface({ input: child.stdout }).on('line', line => pattern.test(line) && resolve(line));
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`${child.spawnfile} ended with ${code}`)));
  });
}

/** Ends a child; kills it if it takes long, as Next does that waits for a page to let go of its connection. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise(resolve => child.once('exit', resolve));
  child.stdin ? child.stdin.end() : child.kill();
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(late);
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, 'localhost', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
