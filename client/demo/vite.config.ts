import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { documents } from './documents.js';

const source = (path: string) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));
/** Where `make dev` serves the HTTP API and `/_local`. */
const STACK = 'http://127.0.0.1:3000';

/** Builds the page from the source of the package, so that a change there is visible at once. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [documents()],
  resolve: {
    alias: {
      'funnelcast/calls': source('calls/index.ts'),
      'funnelcast/files': source('files/index.ts'),
      'funnelcast/react': source('react/index.ts'),
      'funnelcast/server': source('server/index.ts'),
      funnelcast: source('index.ts'),
    },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // Browsers that have `light-dark()`: its replacement would ignore the theme that the user chooses on the page.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // `use client` only matters to apps that render on a server.
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
  // For `npm run demo` beside a running `make dev`. Port 5173 is among the template's AllowedOrigins.
  server: { host: 'localhost', port: 5173, strictPort: true, proxy: { '/api': STACK, '/_local': STACK } },
});
