// Reports how much the client adds to a bundle, minified and gzipped, and fails if the core exceeds its budget.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

/**
 * In bytes: 11.4 KB. About 4 KB of them are for what an app would otherwise have to find out by itself: an invalid request is
 * rejected with its field, each listener has its own start, every socket has joined the channels in use and no others, and
 * a client that is no longer used delivers its messages first.
 */
const CORE_BYTES_MAX = 11.4 * 1024;

const core = await size("export { createClient } from 'index.js'");
report('the core: createClient', core);
report('with watchPresence', await size("export { createClient, watchPresence } from 'index.js'"));
report('with watchTyping', await size("export { createClient, watchTyping, typingNotice } from 'index.js'"));
report('with httpApi', await size("export { createClient, httpApi } from 'index.js'"));
report('sendFiles and fileLink', await size("export { sendFiles, fileLink } from 'files/index.js'"));
report('recordVoice', await size("export { recordVoice } from 'files/index.js'"));
report('createCall', await size("export { createCall } from 'calls/index.js'"));
report('all of it', await size("export * from 'index.js'"));
report("all of it and React's hooks", await size("export * from 'index.js'; export * from 'react/index.js'"));
const unused = await size("export { FunnelcastError } from 'index.js'");
report('FunnelcastError alone', unused);

if (core > CORE_BYTES_MAX)
  throw new Error(`the core has ${core} bytes, more than its budget of ${CORE_BYTES_MAX}`);
if (unused > 500) throw new Error('unused code is not removed from a bundle: a module has side effects');

function report(what, bytes) {
  console.log(`${what.padEnd(28)}${String(bytes).padStart(6)} bytes`);
}

/** The gzipped size of an app that consists of this line. */
async function size(line) {
  const app = 'virtual:app';
  const dist = fileURLToPath(new URL('../dist/', import.meta.url));
  const { output } = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'app',
        resolveId: source => (source === app ? app : undefined),
        load: source => (source === app ? line.replaceAll("from '", `from '${dist}`) : undefined),
      },
    ],
    build: {
      write: false,
      target: 'es2022',
      minify: true,
      rolldownOptions: {
        input: app,
        preserveEntrySignatures: 'strict',
        external: ['react', 'react/jsx-runtime'],
      },
    },
  });
  return gzipSync(output[0].code, { level: 9 }).length;
}
