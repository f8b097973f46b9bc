/** The local stack with the demo page, as in `make dev` but on free ports. It ends when its stdin closes. */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Who } from '../demo/src/room.js';
import type { Update } from '../src/server/index.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LOCAL = `${ROOT}target/debug/funnelcast-local`;
const SITE = `${ROOT}client/demo/dist`;
const LOGS = `${ROOT}client/e2e/artefacts`;

/** A running stack. */
export interface Stack {
  /** The origin of the page. */
  http: string;
  /** Puts an update on the bus, as a backend does. */
  put(update: Update): Promise<void>;
  /** How far a file is that a user has uploaded. */
  fileState(user: Who, id: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a stack, and waits until it is ready.
 *
 * @param more - options of `funnelcast-local up`
 */
export async function startStack(...more: string[]): Promise<Stack> {
  for (const file of [LOCAL, `${SITE}/index.html`]) {
    if (!existsSync(file)) throw new Error(`${file} is missing: run \`make build demo\` at the root first`);
  }
  mkdirSync(LOGS, { recursive: true });
  const log = openSync(`${LOGS}/stack-${process.env['TEST_PARALLEL_INDEX']}.log`, 'w');
  const options = [
    '--port',
    '0',
    '--http-port',
    '0',
    '--until-stdin-closes',
    '--site',
    SITE,
    '--parameter',
    'Search=on',
    ...more,
  ];
  const child = spawn(LOCAL, ['up', ...options], { cwd: ROOT, stdio: ['pipe', 'pipe', log] });
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  const ready = await new Promise<string>((resolve, reject) => {
    if (child.stdout) createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', code => reject(new Error(`${LOCAL} up ended with ${code}; its log is in ${LOGS}`)));
    child.once('error', reject);
  });
  const { http }: { http: string } = JSON.parse(ready);
  return {
    http,
    async put({ detailType, data }) {
      const body = JSON.stringify({ detailType, detail: data });
      const response = await fetch(`${http}/_local/events`, { method: 'POST', body });
      if (!response.ok) throw new Error(await response.text());
    },
    async fileState({ id: userId, name, companies }, id) {
      const body = JSON.stringify({ user: userId, name, companies });
      const { token } = await (await fetch(`${http}/_local/token`, { method: 'POST', body })).json();
      const headers = { authorization: `Bearer ${token}` };
      const response = await fetch(`${http}/api/files/${id}`, { method: 'POST', headers });
      return (await response.json()).state;
    },
    stop() {
      child.stdin?.end();
      return ended;
    },
  };
}
