/**
 * The documents of the project as pages beside the demo, below `/docs/`: a page that runs on a laptop without a network has
 * its documentation there too. They are made from the Markdown files when the demo is built, and are not in git.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Marked } from 'marked';
import { gfmHeadingId } from 'marked-gfm-heading-id';
import type { Plugin } from 'vite';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STYLES = ['base.css', 'documents.css'].map(file => join(ROOT, 'client/demo/src/styles', file));
const STYLE_SHEET = 'style.css';

/** The page of each document, by the path of its file in the repository. */
const PAGES = new Map([
  ['README.md', 'index.html'],
  ['client/README.md', 'client.html'],
  ['client/demo/README.md', 'demo.html'],
  ['CONTRIBUTING.md', 'contributing.html'],
  ['SECURITY.md', 'security.html'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter(file => file.endsWith('.md'))
    .map(file => [`docs/${file}`, file.replace(/md$/, 'html')] as const),
]);

/** Adds the pages to a build, and serves them while the demo is being worked on. */
export function documents(): Plugin {
  const files = new Map<string, () => string>([[STYLE_SHEET, styleSheet]]);
  for (const [path, page] of PAGES) files.set(page, () => pageOf(path));
  return {
    name: 'documents',
    generateBundle() {
      for (const [page, make] of files) {
        this.emitFile({ type: 'asset', fileName: `docs/${page}`, source: make() });
      }
    },
    configureServer({ middlewares }) {
      middlewares.use('/docs', ({ url = '/' }, response, next) => {
        const make = files.get(url.replace(/^\/|[?#].*$/g, '') || 'index.html');
        if (!make) return next();
        response.setHeader('content-type', url.endsWith('.css') ? 'text/css' : 'text/html; charset=utf-8');
        response.end(make());
      });
    },
  };
}

function styleSheet(): string {
  return STYLES.map(file => readFileSync(file, 'utf8')).join('\n');
}

function pageOf(path: string): string {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const [, title = path] = /^# (.*)$/m.exec(text) ?? [];
  const marked = new Marked(gfmHeadingId());
  marked.use({
    walkTokens(token) {
      if (token.type === 'link') token['href'] = addressOf(token['href'], path);
    },
    renderer: {
      // A file that has no page here keeps its name, without a link.
      link({ href, tokens }) {
        const text = this.parser.parseInline(tokens);
        return href === '' ? text : `<a href="${href}">${text}</a>`;
      },
    },
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/docs/${STYLE_SHEET}">
<title>${title} - funnelcast</title>
<script>document.documentElement.style.colorScheme = localStorage.getItem('funnelcast-demo:theme') ?? '';</script>
<body class="document">
<nav aria-label="Documentation"><a href="/">Demo</a> <a href="/docs/">Overview</a> <a href="/docs/client.html">Client</a>
<a href="/docs/protocol.html">Protocol</a> <a href="/docs/channels.html">Channels</a> <a href="/docs/events.html">Events</a>
<a href="/docs/deploying.html">Deploying</a></nav>
<main>${marked.parse(text)}</main>
</body>
</html>
`;
}

/** The address to which a link in a document leads here; empty if it leads to a file that is no page. */
function addressOf(href: string, from: string): string {
  if (/^(https?:|#)/.test(href)) return href;
  const [file = '', anchor] = href.split('#');
  const path = normalize(join(dirname(from), file));
  if (!existsSync(join(ROOT, path))) throw new Error(`${from} has a link to ${path}, which does not exist`);
  const page = PAGES.get(path);
  return page === undefined ? '' : `/docs/${page}${anchor === undefined ? '' : `#${anchor}`}`;
}
