#!/usr/bin/env node
// Starts the command line interface, which is two native programs in a package of their own for each platform: the local stack,
// and the commands of whoever operates a stack.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';

const PACKAGES = { 'linux x64': '@funnelcast/cli-linux-x64' };
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
// The commands of the operator; all others are the local stack's.
const OPERATOR = ['ban', 'connections', 'dead-letters', 'disconnect', 'doctor', 'erase', 'export'];

const platform = `${process.platform} ${process.arch}`;
const name = PACKAGES[platform];
if (name === undefined) {
  fail(
    `there is no local stack for ${platform} yet, only for ${Object.keys(PACKAGES)}: run it and your app together, on Windows in WSL, elsewhere in a container for linux/amd64 whose ports your editor forwards`,
  );
}
const [command] = process.argv.slice(2);
const program = OPERATOR.includes(command) ? 'funnelcast-operator' : 'funnelcast-local';
const child = spawn(path(name, program), process.argv.slice(2), { argv0: 'funnelcast', stdio: 'inherit' });
// A terminal sends Ctrl-C to both. This process must not end before the other, which has to stop what it has started.
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal === 'SIGINT' ? 'SIGTERM' : signal));
child.on('error', error => fail(`cannot start ${name}: ${error.message}`));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? 128 + constants.signals[signal];
});

function path(name, program) {
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/${program}`);
  } catch {
    return fail(`the package ${name} is missing: run npm install ${name} (and without --omit=optional)`);
  }
}

function fail(message) {
  console.error(`funnelcast: ${message}`);
  process.exit(1);
}
