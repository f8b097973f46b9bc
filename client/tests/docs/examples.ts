/**
 * Extracts the examples of the documents and of the TSDoc comments, and makes modules of them that the compiler and the
 * tests can load. An example may omit imports from this package and from React, and the declarations of the names in
 * `setting.ts`.
 */

import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import * as calls from '../../src/calls/index.js';
import * as files from '../../src/files/index.js';
import * as core from '../../src/index.js';
import * as next from '../../src/next/index.js';
import * as hooks from '../../src/react/index.js';
import * as server from '../../src/server/index.js';

const ROOT = join(import.meta.dirname, '../../..');
const CLIENT = join(ROOT, 'client');
/** The folder of the modules. Git and the linter ignore it. It is beside the tests, so that imports are resolved. */
const MADE = join(import.meta.dirname, '.examples');
/** The documents and folders that contain examples. */
const DOCUMENTS = ['README.md', 'docs', 'client/README.md', 'client/demo/README.md', 'client/src'];

/** Exported types, which are not among the values of a module. */
const TYPES = ['Attachment', 'ChannelEvent'];
/** A statement that a function cannot contain, as it is written in an example. */
const TOP = /^(import [\s\S]*?;|declare module [\s\S]*?^\})$/gm;
/** The names that an example need not import. */
const EXPORTS = {
  funnelcast: [...Object.keys(core), ...TYPES],
  'funnelcast/calls': Object.keys(calls),
  'funnelcast/files': Object.keys(files),
  'funnelcast/next': Object.keys(next),
  'funnelcast/react': Object.keys(hooks),
  'funnelcast/server': Object.keys(server),
  react: ['useEffect', 'useState'],
  '@aws-sdk/lib-dynamodb': ['TransactWriteCommand'],
};

/** An example. */
export interface Example {
  /** The document and line, for example `client/README.md:17`. */
  at: string;
  code: string;
  isTsx: boolean;
  /** The module that is made of it. */
  file: string;
}

/** The examples of one side. Those of a backend use `funnelcast/server` or `funnelcast/next`. */
export function examplesOf(side: 'browser' | 'backend'): Example[] {
  const isBackend = new RegExp(
    `funnelcast/(server|next)|\\b(${Object.keys(server).join('|')})\\(|realTimeUpdates`,
  );
  return DOCUMENTS.flatMap(filesOf)
    .flatMap(readExamples)
    .filter(({ code }) => isBackend.test(code.replaceAll('FunnelcastError', '')) === (side === 'backend'));
}

function filesOf(document: string): string[] {
  if (document.endsWith('.md')) return [document];
  const names = readdirSync(join(ROOT, document), { recursive: true, encoding: 'utf8' });
  return names.filter(name => /\.(md|tsx?)$/.test(name)).map(name => `${document}/${name}`);
}

function readExamples(path: string): Example[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const fences = /^([ \t]*(?:\* )?)```(ts|tsx|js|jsx|typescript|javascript)\n([\s\S]*?)\n\1```$/gm;
  return [...text.matchAll(fences)].map(([, indent = '', language = '', body = ''], i, { length }) => {
    const lines = body.split('\n').map(line => line.slice(indent.length));
    const line = text.slice(0, text.indexOf(body)).split('\n').length;
    const isTsx = language.endsWith('x');
    const name = `${path.replaceAll(/[^a-zA-Z0-9]+/g, '-')}-${length > 1 ? i + 1 : ''}.${isTsx ? 'tsx' : 'ts'}`;
    return { at: `${path}:${line}`, code: lines.join('\n'), isTsx, file: join(MADE, name) };
  });
}

/** Writes the examples as modules; returns the errors of the compiler, as lines that begin with the file. */
export async function compile(side: string, examples: Example[]): Promise<string[]> {
  const folder = join(MADE, side);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const example of examples) {
    example.file = join(folder, basename(example.file));
    writeFileSync(example.file, example.isTsx ? component(example.code) : procedure(example.code));
  }
  // As strict as possible, except that an example need not use everything that it declares.
  const compilerOptions = {
    ...{ noUnusedLocals: false, noUnusedParameters: false },
    noPropertyAccessFromIndexSignature: false,
  };
  const config = {
    extends: join(CLIENT, 'tsconfig.json'),
    compilerOptions,
    include: ['./*', '../../setting.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(CLIENT, 'node_modules/typescript/bin/tsc');
  const output = await promisify(execFile)(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
  })
    .then(() => '')
    .catch(({ stdout, stderr }) => `${stdout}${stderr}`);
  return output.split('\n').filter(Boolean);
}

/** Makes a module of statements. */
function procedure(code: string): string {
  const { imports, body } = split(code);
  return `${imports}\nexport default async function example(): Promise<void> {\n${body}\n}\n`;
}

/** Makes a module of a component, of JSX, or of the body of a component. */
function component(code: string): string {
  const { imports, body } = split(code);
  const [, name, prop] = /^(?:export )?function ([A-Z]\w*)\((?:\{ (\w+))?/m.exec(body) ?? [];
  const props = prop === undefined ? '' : prop === 'file' ? ' file={file}' : ' id="conv-123"';
  const shown = name && `return <${name}${props} />;`;
  const rendered = body.startsWith('<') ? `return (\n${body}\n);` : `${body}\n${shown ?? ''}`;
  const ended = /^return\b/m.test(rendered) ? rendered : `${rendered}\nreturn null;`;
  return `${imports}\nimport type { ReactNode } from 'react';\nexport default function Example(): ReactNode {\n${ended}\n}\n`;
}

function split(code: string): { imports: string; body: string } {
  const own = code.match(TOP) ?? [];
  // A function cannot contain exports either.
  const body = code
    .replaceAll(TOP, '')
    .replaceAll(/^export (?=const )/gm, '')
    .trim();
  const isImported = (name: string) => own.some(line => new RegExp(`\\b${name}\\b`).test(line));
  const added = new Map<string, string>();
  for (const [from, names] of Object.entries(EXPORTS)) {
    for (const name of names) {
      const isUsed = new RegExp(`(?<![.\\w])${name}\\b`).test(body);
      if (!isUsed || isImported(name) || added.has(name)) continue;
      added.set(name, `import ${TYPES.includes(name) ? 'type ' : ''}{ ${name} } from '${from}';`);
    }
  }
  return { imports: [...own, ...added.values()].join('\n'), body };
}
