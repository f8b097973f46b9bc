/**
 * A worker of the soak (`tests/src/soak`): several clients of the built package in one process of Node.
 *
 * Commands come as lines of JSON on stdin, `{ do, device, ... }`, each a method of {@link Device} beside `start` and
 * `give`. Reports go as lines of JSON to stdout, `{ at, device, what, ... }`, with the time of this machine's clock in
 * milliseconds. The worker ends when stdin does.
 *
 * @module
 */

import { setMaxListeners } from 'node:events';
import { createInterface } from 'node:readline';
import { Device } from './device.js';

// A client waits for each of its channels on one signal; Node warns of more than ten.
setMaxListeners(100);

/** @type {Map<string, Device>} */
const devices = new Map();
/** What has been asked for and not been given, by number. @type {Map<number, (value: string) => void>} */
const asked = new Map();
let asks = 0;

/** @param {Record<string, unknown>} report */
function tell(report) {
  process.stdout.write(`${JSON.stringify({ at: Date.now(), ...report })}\n`);
}

/**
 * @param {string} device
 * @param {import('./device.js').DeviceSettings} settings
 */
function start(device, settings) {
  const tellOfIt = (/** @type {Record<string, unknown>} */ report) => tell({ ...report, device });
  const ask = (/** @type {{ channel?: string }} */ about) =>
    new Promise((/** @type {(value: string) => void} */ resolve) => {
      const number = ++asks;
      asked.set(number, resolve);
      tellOfIt({ what: 'asked', number, ...about });
    });
  devices.set(device, new Device(settings, tellOfIt, ask));
}

/** @param {any} command */
function take({ do: action, device: name, ...rest }) {
  if (action === 'start') return start(name, rest);
  if (action === 'give') {
    asked.get(rest.number)?.(rest.value);
    return asked.delete(rest.number);
  }
  const device = /** @type {any} */ (devices.get(name));
  return device[action](rest);
}

// What nobody catches is a fault of the client: it has promised that no promise of its own goes unhandled.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, error => {
    for (const device of devices.keys())
      tell({ device, what: 'thrown', message: String(error?.stack ?? error) });
  });
}
createInterface({ input: process.stdin })
  .on('line', line => take(JSON.parse(line)))
  .on('close', () => process.exit());
