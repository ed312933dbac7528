// SPDX-License-Identifier: Apache-2.0
/**
 * Run before the demo, the tests and the benchmarks; plain JavaScript, so that an old Node can say what is wrong with it.
 * Makes sure of the one tool that npm cannot install: the `ffmpeg` command, the independent reference that all of them compare
 * with. Installs Debian's package where that is possible, says what to do where it is not.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const MIN_NODE = 24;

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

function setup() {
  if (process.platform !== 'linux') {
    console.error(`paravideo runs on Linux only; this system is ${process.platform}.`);
    return 1;
  }
  if (Number(process.versions.node.split('.')[0]) < MIN_NODE) {
    console.error(
      `Node ${process.versions.node} is too old: ${MIN_NODE} or later is needed. On x86-64 \`npm ci\` brings one (an optional dependency).`,
    );
    return 1;
  }
  if (works('ffmpeg', '-version')) return 0;
  const remedy = 'install it with your package manager (Debian: apt-get install ffmpeg) and try again.';
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    console.error(`The ffmpeg command is not on PATH: ${remedy}`);
    return 1;
  }
  console.error('The ffmpeg command is not on PATH: installing the Debian package (apt-get install ffmpeg) …');
  if (apt('update') && apt('install', '-y', '--no-install-recommends', 'ffmpeg') && works('ffmpeg', '-version')) return 0;
  console.error(`apt-get could not install ffmpeg: ${remedy}`);
  return 1;
}

process.exitCode = setup();
