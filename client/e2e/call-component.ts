/** The component that docs/calls.md shows, on a page of its own. */

import { readFile } from 'node:fs/promises';
import type { BrowserContext, Page } from '@playwright/test';
import { build } from 'esbuild';
import { tokenOf } from './plain-page.js';
import type { Stack } from './stack.js';

const ROOT = `${import.meta.dirname}/..`;

/** The component as one script that defines `show(token, id)`. */
export async function bundleCallComponent(): Promise<string> {
  const text = await readFile(`${ROOT}/../docs/calls.md`, 'utf8');
  const blocks = text.split('```').filter(block => block.startsWith('tsx\n'));
  const example = blocks.find(block => block.includes('function CallOf('))?.slice('tsx\n'.length);
  if (!example) throw new Error('docs/calls.md has no component CallOf');
  const contents = `${example}
    import { createRoot } from 'react-dom/client';
    import { createClient, httpApi } from './src/index.js';
    import { FunnelcastProvider } from 'funnelcast/react';
    export function show(token: string, id: string) {
      const root = document.body.appendChild(document.createElement('main'));
      const options = { http: httpApi('', { token }) };
      createRoot(root).render(<FunnelcastProvider options={options}><CallOf id={id} /></FunnelcastProvider>);
    }`;
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT, loader: 'tsx' },
    alias: { 'funnelcast/react': `${ROOT}/src/react/index.ts` },
    define: { 'process.env.NODE_ENV': '"production"' },
    jsx: 'automatic',
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'component',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}

/** Opens a page that shows the component to a user. */
export async function openCallComponent(
  context: BrowserContext,
  stack: Stack,
  user: string,
  conversation: string,
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${stack.http}/api/nothing`); // a page of the stack's origin: Chromium lets no other one reach it
  await page.addScriptTag({ content: await bundleCallComponent() });
  const token = await tokenOf(stack, user, 'customer');
  await page.evaluate(
    ([token, conversation]) => {
      const { component } = window as unknown as { component: { show(token: string, id: string): void } };
      component.show(token, conversation);
    },
    [token, conversation] as const,
  );
  return page;
}
