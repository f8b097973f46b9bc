/** The package as its users get it: packed, installed elsewhere, and loaded in every supported way. */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { copy, folder, install, node, remove, script, write } from './folders.js';

const REACT = ['react', '@types/react', 'csstype'];
const SDK = '@aws-sdk/client-eventbridge';
/** The current compiler, and that of `attw`, which still has `moduleResolution: node`. */
const TSC = script('typescript/bin/tsc');
const attw = createRequire(import.meta.url).resolve('@arethetypeswrong/core');
const TSC_5 = createRequire(attw).resolve('typescript/bin/tsc');

vi.setConfig({ testTimeout: 90_000 }); // for compilers on a busy machine

beforeAll(install);
afterAll(remove);

describe('Node loads the package without the optional ones', () => {
  const use = 'console.log(typeof createClient, typeof realTimeUpdates.kick)';

  test('from CommonJS, with require', async () => {
    const path = folder('require', 'commonjs');
    const load = "const { createClient } = require('funnelcast');";
    write(path, 'app.js', `${load} const { realTimeUpdates } = require('funnelcast/server'); ${use}`);
    expect(await node(path, 'app.js')).toBe('function function');
  });

  test('from a module, with import', async () => {
    const path = folder('import', 'module');
    const load = "import { createClient } from 'funnelcast';";
    write(path, 'app.js', `${load} import { realTimeUpdates } from 'funnelcast/server'; ${use}`);
    expect(await node(path, 'app.js')).toBe('function function');
  });
});

/** A module system, its resolution, and a compiler that supports them. */
const RESOLUTIONS = [
  ['node', 'commonjs', 'commonjs', TSC_5],
  ['node16', 'node16', 'commonjs', TSC],
  ['node16', 'node16', 'module', TSC],
  ['bundler', 'esnext', 'module', TSC],
] as const;

test.concurrent.each(RESOLUTIONS)(
  'its types are found with moduleResolution %s, module %s, from %s',
  async (moduleResolution, module, type, tsc) => {
    const path = folder(`types-${moduleResolution}-${type}`, type, ...REACT);
    copy(path, 'app.tsx');
    copy(path, 'app-events.ts');
    copy(path, 'backend.ts');
    copy(path, 'options.ts');
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2022', noEmit: true, jsx: 'react-jsx', types: [] },
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      // The other compiler checks the package's own declarations, in a third of the time.
      skipLibCheck: tsc === TSC_5,
    };
    const all = { ...compilerOptions, lib: ['es2022', 'dom', 'dom.iterable'] };
    write(path, 'tsconfig.json', { compilerOptions: all, include: ['*.ts', '*.tsx'] });
    await node(path, tsc, '-p', '.');
  },
);

describe('a backend is bundled', () => {
  const app = `realTimeUpdates
    .sendSystemNotification({ level: 'info', title: 't', message: 'm' })
    .catch(error => console.log(error.code, error.message));`;
  const esm = `import { realTimeUpdates } from 'funnelcast/server'; ${app}`;
  const cjs = `const { realTimeUpdates } = require('funnelcast/server'); ${app}`;
  const esbuild = (path: string) =>
    build({
      ...{ absWorkingDir: path, entryPoints: ['app.js'], outfile: 'out.cjs', logLevel: 'silent' },
      ...{ bundle: true, platform: 'node' },
    });

  test.each([
    ['import', esm, 'module'],
    ['require', cjs, 'commonjs'],
  ] as const)('by esbuild, with %s, without the SDK: and says what it lacks', async (how, text, type) => {
    const path = folder(`esbuild-${how}`, type);
    write(path, 'app.js', text);
    await esbuild(path);
    expect(await node(path, 'out.cjs')).toMatch(new RegExp(`^bad_request .*${SDK}`));
  });

  test('by esbuild, including the SDK if it is installed', async () => {
    const path = folder('esbuild-sdk', 'module', SDK);
    write(path, 'app.js', esm);
    await esbuild(path);
    expect(readFileSync(join(path, 'out.cjs'), 'utf8')).toContain('AWSEvents');
  });

  test('by Rolldown, as in Vite', async () => {
    const path = folder('rolldown', 'module');
    write(path, 'app.js', esm);
    await node(path, script('vite/bin/vite.js'), 'build', '--ssr', 'app.js', '--logLevel', 'error');
    expect(existsSync(join(path, 'dist/app.js'))).toBe(true);
  });
});

test('Jest with its defaults tests code that uses the package', async () => {
  const path = folder('jest', 'commonjs', 'react', SDK);
  copy(path, 'updates.test.js');
  await node(path, script('jest/bin/jest.js'), '--ci');
});
