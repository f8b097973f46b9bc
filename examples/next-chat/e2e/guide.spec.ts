/** The guide docs/next.md shows this app: its blocks are the files, and its commands exist. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';

const APP = join(__dirname, '..');
const guide = readFileSync(join(APP, '../../docs/next.md'), 'utf8');
/** The blocks with the name of a file. */
const blocks = [...guide.matchAll(/^```\w+ (\S+)\n([\s\S]*?)^```$/gm)].map(([, file = '', text]) => ({ file, text }));
const files = ['app', 'components', 'lib'].flatMap(folder =>
  readdirSync(join(APP, folder), { recursive: true, encoding: 'utf8' }).map(name => `${folder}/${name}`),
);

for (const { file, text } of blocks) {
  test(`the guide has ${file} as it is`, () => {
    expect(text).toBe(readFileSync(join(APP, file), 'utf8'));
  });
}

test('the guide has every file', () => {
  const sources = files.filter(name => /\.tsx?$/.test(name));
  expect(blocks.map(({ file }) => file).sort()).toEqual(sources.sort());
  expect(guide).toContain('examples/next-chat/app/globals.css');
});

test("the guide's scripts are those of the app", () => {
  const { scripts } = JSON.parse(readFileSync(join(APP, 'package.json'), 'utf8')) as { scripts: object };
  const named = [...guide.matchAll(/^npm run (\w+)/gm)].map(([, script]) => script);
  expect(named.length).toBeGreaterThan(0);
  for (const script of named) expect(scripts).toHaveProperty(String(script));
});

test("the guide's commands exist", () => {
  const local = join(APP, '../../target/debug/funnelcast-local'); // `npx funnelcast` starts the same program
  const commands = [...guide.matchAll(/npx funnelcast (\w+)/g)].map(([, command = '']) => command);
  expect(new Set(commands)).toEqual(new Set(['dev', 'keys']));
  for (const command of commands) execFileSync(local, [command, '--help']);
});

test('the guide names every variable of .env.example that has no default', () => {
  const variables = readFileSync(join(APP, '.env.example'), 'utf8').matchAll(/^(\w+)=/gm);
  for (const [, variable] of variables) expect(guide).toContain(`${variable}=`);
});
