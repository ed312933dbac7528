// SPDX-License-Identifier: Apache-2.0
/**
 * Makes sure of the one tool that npm cannot install: the `ffmpeg` command, the independent reference that the demo, the tests
 * and the benchmark compare with. Installs Debian's package where that is possible, says what to do where it is not.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

function apt(...args: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

function setup(): number {
  if (process.platform !== 'linux') {
    console.error(`paravideo runs on Linux only; this system is ${process.platform}.`);
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
