import { defineConfig } from '@playwright/test';

/** Debian's; this downloads no browser. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
// A browser's own sandbox wants a user that is not root.
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

/** The demo page in a real browser, on the real local stack. What it leaves is in `e2e/artefacts/`. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'e2e/artefacts/results',
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  timeout: 90_000,
  // The first call of each function starts a process; all of them at once, on a small machine, take a while.
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    launchOptions: { executablePath, args },
    viewport: { width: 1440, height: 900 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
});
