// SPDX-License-Identifier: Apache-2.0
/**
 * Plain JavaScript that any Node can read: says what is wrong with this Node, system or clone before anything else is imported.
 */
import { existsSync } from 'node:fs';

/** the same as `engines` in package.json */
const MIN_NODE = 24;
/** exit code: this machine lacks something, as in src/cli/exit-codes.ts */
const UNAVAILABLE = 3;

// Node would open its inspector, on a port, in a process that may be root's.
process.on('SIGUSR1', () => {});

const main = new URL('../dist/cli/main.js', import.meta.url);

function refusal() {
  if (process.platform !== 'linux') {
    return `this system is ${process.platform}; only Linux has memfds, eventfds and vhost-user: run it there`;
  }
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE) {
    return `Node ${process.versions.node} is too old: install Node ${MIN_NODE} or later`;
  }
  if (!existsSync(main)) return 'this clone is not built yet: run `npm ci && npm run build` in it';
  return undefined;
}

const reason = refusal();
if (reason === undefined) {
  await import(main.href);
} else {
  console.error(`paravideo: ${reason}`);
  process.exitCode = UNAVAILABLE;
}
