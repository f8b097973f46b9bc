/** New folders outside of the repository that contain the package, as made by `npm pack`. */

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLIENT = fileURLToPath(new URL('../../', import.meta.url));
const CONSUMER = fileURLToPath(new URL('./consumer/', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'funnelcast-package-'));

const npm = (cwd: string, ...args: string[]) => promisify(execFile)('npm', args, { cwd });

/** Packs the client, and installs the tarball, and nothing else, into the folder `bare`. */
export async function install(): Promise<void> {
  const { stdout } = await npm(CLIENT, 'pack', '--silent', '--pack-destination', root);
  const tarball = join(root, stdout.trim().split('\n').at(-1) ?? '');
  const bare = join(root, 'bare');
  write(bare, 'package.json', { name: 'bare', private: true });
  await npm(bare, 'install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
}

/**
 * Makes a folder with the package and the named development dependencies of the client.
 *
 * @param type - the `type` in the app's package.json
 */
export function folder(name: string, type: 'commonjs' | 'module', ...linked: string[]): string {
  const path = join(root, name);
  cpSync(join(root, 'bare/node_modules'), join(path, 'node_modules'), { recursive: true });
  write(path, 'package.json', { name, private: true, type });
  for (const dependency of linked) {
    const link = join(path, 'node_modules', dependency);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(CLIENT, 'node_modules', dependency), link);
  }
  return path;
}

/** Writes a file. An object is written as JSON. */
export function write(path: string, name: string, content: string | object): void {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, name), typeof content === 'string' ? content : JSON.stringify(content));
}

/** Copies a file of `consumer/`. */
export function copy(path: string, name: string, as = name): void {
  cpSync(join(CONSUMER, name), join(path, as));
}

/** The path of a script of a development dependency. */
export const script = (path: string) => join(CLIENT, 'node_modules', path);

/** Runs a script with Node in a folder; returns its output. */
export async function node(cwd: string, path: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], FUNNELCAST_BUS: 'bus' }; // nothing from the test runner
  const done = promisify(execFile)(process.execPath, [path, ...args], { cwd, env: env as never });
  const { stdout } = await done.catch(error => {
    throw new Error(`${path} ${args.join(' ')}\n${error.stdout}${error.stderr}`);
  });
  return stdout.trim();
}

/** Removes all folders. */
export function remove(): void {
  rmSync(root, { recursive: true, force: true });
}
