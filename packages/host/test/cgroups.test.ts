// SPDX-License-Identifier: Apache-2.0
/** A daemon to which a cgroup was delegated, as a service manager does it: each of its children has one of its own. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaDriver } from '@paravideo/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectFrontend } from '../src/frontend/index.ts';
import { setAttribute } from '../src/sys/testing/set-attribute.ts';
import { eventually, type OwnDaemon, serveWith } from './process-rig.ts';

const FILM = fileURLToPath(new URL('../fixtures/h264-b-frames.h264', import.meta.url));
const CONFIG = {
  log: 'info',
  sources: { film: { file: FILM } },
  devices: [
    { kind: 'decoder', name: 'decoder', socket: 'FOLDER/decoder' },
    { kind: 'camera', name: 'camera', socket: 'FOLDER/camera', source: 'film' },
  ],
};

/** Where a cgroup can be made, and marked as delegated; or the reason why there can be none. */
function delegable(): { base: string } | { none: string } {
  if (process.geteuid?.() !== 0) return { none: 'only root makes cgroups' };
  const mount = / (\S+) \S+(?: \S+)* - cgroup2 /.exec(
    readFileSync('/proc/self/mountinfo', 'latin1').replaceAll(/^(\S+ ){3}/gm, ''),
  )?.[1];
  if (mount === undefined) return { none: 'no cgroup2 is mounted' };
  const base = join(mount, `pv-test-${process.pid}`);
  try {
    const marked = delegate(base);
    rmdirSync(base);
    return marked ? { base } : { none: 'cgroups have no attributes' };
  } catch (error) {
    return { none: (error as Error).message };
  }
}

function delegate(folder: string): boolean {
  mkdirSync(folder);
  return setAttribute(folder, 'user.delegate', '1');
}

const place = delegable();
const base = 'base' in place ? place.base : '';
const name = base.slice(base.lastIndexOf('/'));

/** Cgroups below the one that was delegated. */
const cgroups = (): string[] => readdirSync(base).filter((entry) => existsSync(join(base, entry, 'cgroup.procs')));
const leaves = (): string[] => cgroups().filter((entry) => entry.startsWith('child-'));
const processesOf = (...path: string[]): number[] =>
  readFileSync(join(base, ...path, 'cgroup.procs'), 'latin1')
    .split('\n')
    .filter(Boolean)
    .map(Number);
const cgroupOf = (pid: number): string => /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'latin1'))?.[1] ?? '';
/** The process behind the system call filter, as soon as a leaf has one. */
function worker(leaf: string): number | undefined {
  try {
    return processesOf(leaf).find((pid) => /^Seccomp:\s+2$/m.test(readFileSync(`/proc/${pid}/status`, 'latin1')));
  } catch {
    return undefined;
  }
}

describe.skipIf('none' in place)(`a daemon in a cgroup of its own${'none' in place ? ` (${place.none})` : ''}`, () => {
  let daemon: OwnDaemon;
  let text = '';
  /** Enters the cgroup and becomes the daemon, as a service manager would have it. */
  async function start(): Promise<void> {
    const enter = ['sh', '-c', 'echo 0 >"$0/cgroup.procs" && exec "$@"', base];
    daemon = await serveWith(CONFIG, { stderr: 'pipe', before: enter });
    daemon.process.stderr?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
    });
  }
  beforeAll(() => void delegate(base));
  beforeEach(start);
  afterEach(() => daemon[Symbol.asyncDispose]());
  afterAll(async () => {
    if (existsSync(join(base, 'cgroup.kill'))) writeFileSync(join(base, 'cgroup.kill'), '1');
    const removed = (folder: string): boolean => {
      try {
        rmdirSync(folder);
        return true;
      } catch {
        return !existsSync(folder);
      }
    };
    await eventually(
      () => [...cgroups().map((entry) => join(base, entry)), base].map(removed).every(Boolean),
      () => `the cgroups to be empty: ${cgroups()}`,
    );
  });

  /** Opens a session of the decoder, and waits until it and the film have their processes. */
  async function decode() {
    const guest = await connectFrontend(join(daemon.folder, 'decoder'), { memoryBytes: 2 << 20 });
    await (await MediaDriver.attach(guest)).open();
    await eventually(
      () => leaves().length === 2 && leaves().every((leaf) => worker(leaf) !== undefined),
      () => `two children: ${leaves()} ${text}`,
    );
    return guest;
  }

  it('puts itself into a leaf, and each child into another, which goes with the child', async () => {
    await eventually(
      () => leaves().length === 1 && worker(String(leaves()[0])) !== undefined,
      () => `the film: ${cgroups()} ${text}`,
    );
    await eventually(
      () => text.includes('"cgroup":"cgroups of their own'),
      () => `the log to tell: ${text}`,
    );
    const film = leaves();
    const guest = await decode();
    expect(cgroupOf(daemon.pid)).toMatch(new RegExp(`${name}/daemon$`));
    expect([processesOf(), processesOf('daemon')]).toEqual([[], [daemon.pid]]);
    const codec = leaves().find((leaf) => !film.includes(leaf)) ?? expect.unreachable('there are two');
    for (const leaf of leaves()) {
      // With what waits for it.
      for (const pid of processesOf(leaf)) expect(cgroupOf(pid)).toMatch(new RegExp(`${name}/${leaf}$`));
    }
    const limit = (file: string): string | undefined => {
      const path = join(base, codec, file);
      return existsSync(path) ? readFileSync(path, 'latin1').trim() : undefined;
    };
    expect([undefined, String(2 ** 33 + 2 ** 28)]).toContain(limit('memory.max'));
    expect([undefined, '513']).toContain(limit('pids.max'));
    await guest.close();
    await eventually(
      () => leaves().join() === film.join(),
      () => `the codec process's cgroup to go: ${leaves()}`,
    );
    await daemon[Symbol.asyncDispose]();
    expect(leaves()).toEqual([]);
  });

  it('removes, when it starts, what was left when it was killed', async () => {
    const guest = await decode();
    const left = leaves();
    process.kill(daemon.pid, 'SIGKILL');
    await daemon.ended;
    await guest.close();
    expect(leaves()).toEqual(left);
    await daemon[Symbol.asyncDispose]();
    // What a service manager would do by a new cgroup: nothing enters one that has given its controllers to others.
    const controllers = readFileSync(join(base, 'cgroup.subtree_control'), 'latin1').trim().split(/\s+/).filter(Boolean);
    if (controllers.length > 0)
      writeFileSync(join(base, 'cgroup.subtree_control'), controllers.map((each) => `-${each}`).join(' '));
    await start();
    await eventually(
      () => leaves().every((leaf) => !left.includes(leaf)),
      () => `none of ${left} to be left: ${leaves()}`,
    );
  });
});
