// SPDX-License-Identifier: Apache-2.0
/** Cgroups of children, in folders that look like the kernel's; for real in test/cgroups.test.ts. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CgroupLeaf, removeCgroup } from './cgroup-leaf.ts';
import { delegatedCgroup } from './cgroup-place.ts';
import { CgroupTree } from './cgroup-tree.ts';
import { findTools } from './namespaces.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pv-cgroup-'));
});
afterEach(() => rmSync(folder, { recursive: true }));
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'latin1').trim();
const soon = { timeout: 60_000 };

describe('the cgroup that was given to the daemon', () => {
  /** What is found by a process of cgroup `own`, with the tree from `root` on mounted at `mount`, of which these cgroups are delegated. */
  function found(own: string, delegated: readonly string[], { root = '/', at = 'tree', v1 = false } = {}) {
    const mount = join(folder, at);
    mkdirSync(join(mount, 'svc', 'daemon'), { recursive: true });
    writeFileSync(join(folder, 'cgroup'), v1 ? '4:memory:/svc\n' : `4:memory:/other\n0::${own}\n`);
    const v2 = `41 31 0:38 ${root} ${mount.replaceAll(' ', '\\040')} rw,relatime shared:9 - cgroup2 cgroup2 rw`;
    writeFileSync(join(folder, 'mountinfo'), `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n${v1 ? '' : v2}\n`);
    const asked: string[] = [];
    const place = delegatedCgroup({
      proc: folder,
      attribute: (path, name) => {
        asked.push(`${name} of ${path.slice(mount.length)}`);
        return delegated.includes(`${name} of ${path.slice(mount.length)}`) ? '1' : undefined;
      },
    });
    return 'base' in place ? place.base.slice(mount.length) : place.none;
  }

  it.each([
    ['by a mark for everybody', '/svc', ['user.delegate of /svc'], '/svc', {}],
    ['by a mark for root', '/svc', ['trusted.delegate of /svc'], '/svc', {}],
    ['with the daemon in its leaf already', '/svc/daemon', ['user.delegate of /svc'], '/svc', {}],
    ['at a mount with a space in its name', '/svc', ['user.delegate of /svc'], '/svc', { at: 'a tree' }],
    ['below the root of the mount', '/machine/svc', ['user.delegate of /svc'], '/svc', { root: '/machine' }],
    ['not, without a mark', '/svc', [], 'not delegated', {}],
    ['not, with a mark on what is above', '/svc/session', ['user.delegate of /svc'], 'not delegated', {}],
    ['not, in another mount', '/svc', ['user.delegate of /svc'], 'no cgroup2 is mounted', { root: '/sv' }],
    ['not, outside of its namespace', '/../svc', ['user.delegate of /svc'], 'no cgroup2 is mounted', {}],
    ['not, with v1 alone', '/svc', [], 'no cgroup2 is mounted', { v1: true }],
    ['not, where it cannot be written', '/gone', ['user.delegate of /gone'], 'delegated, and not writable', {}],
  ] as const)('is known %s', (_, own, delegated, right, o) => {
    expect(found(own, delegated, o)).toBe(right);
  });
});

describe('the tree of the daemon', () => {
  /** What the kernel would have there. */
  function base(controllers: string, enabled = ''): void {
    mkdirSync(join(folder, 'daemon'));
    writeFileSync(join(folder, 'daemon', 'cgroup.procs'), '');
    writeFileSync(join(folder, 'cgroup.controllers'), `${controllers}\n`);
    writeFileSync(join(folder, 'cgroup.subtree_control'), enabled);
  }

  it('has the daemon in a leaf, enables what is offered, and says what is not', () => {
    base('cpu memory');
    const tree = CgroupTree.join(folder);
    expect(text('daemon', 'cgroup.procs')).toBe('0');
    expect(text('cgroup.subtree_control')).toBe('+memory');
    expect(tree.text).toBe('cgroups of their own; no limit of pids: not offered');
    expect(tree.leaf().folder).not.toBe(tree.leaf().folder);
  });

  it('leaves alone what is enabled', () => {
    base('cpu memory pids', 'memory');
    expect(CgroupTree.join(folder).text).toBe('cgroups of their own');
    expect(text('cgroup.subtree_control')).toMatch(/^\+pids/);
  });

  it('is rid of what children of a killed daemon left, and keeps what is of a daemon that lives', async () => {
    base('');
    // The kernel adds to the list what is written; this file keeps what is beyond it.
    writeFileSync(join(folder, 'daemon', 'cgroup.procs'), `0\n7\n${process.pid}\n`);
    const before = ['child-6-1', 'child-7-1', `child-${process.pid}-9`, 'other'];
    for (const name of before) mkdirSync(join(folder, name));
    CgroupTree.join(folder);
    await expect.poll(() => readdirSync(folder).filter((name) => before.includes(name)), soon).toEqual(['child-7-1', 'other']);
  });

  it('is not made where the file system refuses it', () => {
    expect(() => CgroupTree.join(join(folder, 'gone', '\0'))).toThrow();
    mkdirSync(join(folder, 'daemon'));
    expect(() => CgroupTree.join(folder)).toThrow(/ENOENT/);
  });
});

describe('the cgroup of a child', () => {
  /** A mkdir that makes what the kernel would make. */
  function kernelMkdir(...files: string[]): string {
    const path = join(folder, 'mkdir');
    writeFileSync(path, `#!/bin/sh\nmkdir "$1" && cd "$1" && touch cgroup.procs ${files.join(' ')}\n`, { mode: 0o755 });
    return path;
  }
  function run(leaf: CgroupLeaf, mkdir: string) {
    const program = [findTools().sh, '-c', 'echo "ran with $*"; exit 3', 'sh', 'a b', '*'];
    const [command = '', ...args] = leaf.inside({ ...findTools(), mkdir }, program);
    return spawnSync(command, args, { encoding: 'latin1', cwd: '/' });
  }

  it('is made and entered by what becomes the child, with the limits that there are', () => {
    const leaf = new CgroupLeaf(join(folder, 'a leaf'), 6 * 2 ** 30);
    const { status, stdout, stderr } = run(leaf, kernelMkdir('memory.max', 'memory.swap.max', 'pids.max'));
    expect([status, stdout, stderr]).toEqual([3, 'ran with a b *\n', '']);
    expect(text('a leaf', 'cgroup.procs')).toBe('0');
    expect(text('a leaf', 'memory.max')).toBe(String(6 * 2 ** 30 + 256 * 2 ** 20));
    expect([text('a leaf', 'memory.swap.max'), text('a leaf', 'pids.max')]).toEqual(['0', '513']);
    expect(existsSync(join(folder, 'a leaf', 'memory.oom.group'))).toBe(false);
  });

  it('holds the child without limits where there is no controller', () => {
    expect(run(new CgroupLeaf(join(folder, 'leaf'), 1), kernelMkdir())).toMatchObject({ status: 3, stderr: '' });
    expect(readdirSync(join(folder, 'leaf'))).toEqual(['cgroup.procs']);
  });

  it('is not left out: where it cannot be made the child does not start, and says why', () => {
    mkdirSync(join(folder, 'leaf'));
    const { status, stdout, stderr } = run(new CgroupLeaf(join(folder, 'leaf')), findTools().mkdir);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/leaf/);
  });

  it('may be made larger, not smaller, and tells whether it was too small', async () => {
    const leaf = new CgroupLeaf(join(folder, 'leaf'), 2 ** 20);
    run(leaf, kernelMkdir('memory.max'));
    leaf.raise(2 ** 19);
    leaf.raise(2 ** 21);
    await expect.poll(() => text('leaf', 'memory.max'), soon).toBe(String(2 ** 21 + 256 * 2 ** 20));
    expect(leaf.ranOut).toBe(false);
    writeFileSync(join(folder, 'leaf', 'memory.events'), 'max 3\noom 1\noom_kill 0\n');
    expect(leaf.ranOut).toBe(false);
    writeFileSync(join(folder, 'leaf', 'memory.events'), 'max 3\noom 1\noom_kill 2\n');
    expect(leaf.ranOut).toBe(true);
  });

  it('knows which processes are in it', () => {
    const leaf = new CgroupLeaf(join(folder, 'leaf'));
    expect(leaf.holds(12)).toBe(false);
    run(leaf, kernelMkdir());
    writeFileSync(join(folder, 'leaf', 'cgroup.procs'), '12\n345\n');
    expect([12, 345, 34, 5].map((pid) => leaf.holds(pid))).toEqual([true, true, false, false]);
  });

  it('is removed once nothing is in it, and what is in it is killed', async () => {
    const leaf = join(folder, 'leaf');
    mkdirSync(leaf);
    writeFileSync(join(leaf, 'cgroup.kill'), '');
    const gone = removeCgroup(leaf, true);
    await expect.poll(() => text('leaf', 'cgroup.kill'), soon).toBe('1');
    rmSync(join(leaf, 'cgroup.kill'));
    await gone;
    expect(existsSync(leaf)).toBe(false);
    await removeCgroup(leaf, true);
  });
});
