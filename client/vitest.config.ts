import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.{ts,tsx}'],
    // A cold local stack starts in seconds, and its first invocations are cold too.
    hookTimeout: 90_000,
    testTimeout: 30_000,
  },
});
