import { defineConfig } from '@playwright/test';

/** Debian's Chromium; nothing is downloaded. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
// Chromium's sandbox does not work for root.
const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
/** A microphone that beeps each second, and a camera with few pictures, which pages may use without a question. */
const devices = ['--use-fake-device-for-media-stream=fps=5', '--use-fake-ui-for-media-stream'];
const args = [...sandbox, ...devices];

/** Tests the demo page in a real browser on the real local stack. Screenshots, traces and logs are in `e2e/artefacts/`. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'e2e/artefacts/results',
  fullyParallel: true,
  workers: 2,
  forbidOnly: true,
  // Two browsers that encode video on two cores are late at times. What passes only on its second try is listed as flaky.
  retries: 1,
  timeout: 90_000,
  // The first call of each function starts a process. On a small machine it takes a while to start all of them at once.
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    launchOptions: { executablePath, args },
    viewport: { width: 1440, height: 900 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
  },
});
