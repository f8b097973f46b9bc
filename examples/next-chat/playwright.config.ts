import { defineConfig } from '@playwright/test';

/** Debian's Chromium; nothing is downloaded. */
const { CHROMIUM: executablePath = '/usr/bin/chromium' } = process.env;
// Chromium's sandbox does not work for root.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'artefacts',
  workers: 1,
  forbidOnly: true,
  timeout: 90_000,
  // The first call of each function of the stack starts a process.
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    launchOptions: { executablePath, args },
    viewport: { width: 800, height: 900 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
});
