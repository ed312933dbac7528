// SPDX-License-Identifier: Apache-2.0
/**
 * Plain JavaScript that any Node can read: says what is wrong with this Node, system or clone before anything else is imported.
 */
import { statSync } from 'node:fs';

/** the same as `engines` in package.json */
const MIN_NODE = 24;
/** exit code: this machine lacks something, as in src/cli/exit-codes.ts */
const UNAVAILABLE = 3;

// Node would open its inspector, on a port, in a process that may be root's.
process.on('SIGUSR1', () => {});

/** When a file was written; 0 if there is none. */
const written = (path) => statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/**
 * The files of one piece (scripts/bundle.ts) start faster; whoever has compiled since runs what was compiled, and so does who
 * wants to reach single modules, with a debugger or a hook: PARAVIDEO_MODULES=1.
 */
function program() {
  const modules = process.env.PARAVIDEO_MODULES === '1';
  const bundled = written('../bundle/cli/main.js');
  const compiled = Math.max(written('../tsconfig.tsbuildinfo'), written('../../core/tsconfig.tsbuildinfo'));
  if (!modules && bundled > 0 && bundled >= compiled) return '../bundle/cli/main.js';
  return written('../dist/cli/main.js') > 0 ? '../dist/cli/main.js' : undefined;
}

function refusal() {
  if (process.platform !== 'linux') {
    return `this system is ${process.platform}; only Linux has memfds, eventfds and vhost-user: run it there`;
  }
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE) {
    return `Node ${process.versions.node} is too old: install Node ${MIN_NODE} or later`;
  }
  if (program() === undefined) return 'this clone is not built yet: run `npm ci && npm run build` in it';
  return undefined;
}

const reason = refusal();
if (reason === undefined) {
  await import(program());
} else {
  console.error(`paravideo: ${reason}`);
  process.exitCode = UNAVAILABLE;
}
