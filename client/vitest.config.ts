import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = fileURLToPath(new URL('./src/', import.meta.url));

export default defineConfig({
  // The examples in the documents import the package as its users do.
  resolve: { alias: [{ find: /^funnelcast(\/\w+)?$/, replacement: `${src}$1/index.ts` }] },
  test: {
    include: ['tests/**/*.test.{ts,tsx}'],
    // A local stack takes seconds to start, and its first invocations are cold.
    hookTimeout: 90_000,
    testTimeout: 30_000,
  },
});
