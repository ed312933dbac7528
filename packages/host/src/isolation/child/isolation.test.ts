// SPDX-License-Identifier: Apache-2.0
/** What separates a child from the daemon, seen from outside, at every level that this machine grants. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { SYSCALLS, type SyscallName } from '../../sys/index.ts';
import { allowedCalls } from './allowed-calls.ts';
import { Backoff } from './backoff.ts';
import { isolation, isolationOf } from './isolation.ts';
import { KeptChild } from './kept-child.ts';
import { launched, NAMESPACES, type Namespace } from './namespaces.ts';

const root = process.geteuid?.() === 0;
const soon = { timeout: 60_000 };
const LINKS: Readonly<Record<Namespace, string>> = { user: 'user', net: 'net', ipc: 'ipc', mount: 'mnt', pid: 'pid' };

/** Asked of the command itself, and not of what the daemon thinks. */
const grants = (...flags: string[]): boolean => spawnSync('unshare', [...flags, 'true']).status === 0;

const children: KeptChild[] = [];
afterEach(() => Promise.all(children.splice(0).map((child) => child.close())));

/** A child behind the door of a codec process that has said what the calls answered that it may not make. */
function start(namespaces?: readonly Namespace[]) {
  const heard: number[][] = [];
  const lines: string[] = [];
  const exits: string[] = [];
  const write = (fields: object, text: string): void => void lines.push(`${text}: ${JSON.stringify(fields)}`);
  const child = new KeptChild({
    name: 'probing',
    log: { debug: () => {}, info: write, warn: write, error: write },
    script: new URL('./testing/probing-child.ts', import.meta.url),
    args: [String(process.pid)],
    fds: () => [],
    backoff: new Backoff({ first: 600_000, longest: 600_000 }),
    onMessage: (message) => void heard.push([...message]),
    onExit: (reason) => void exits.push(reason),
    ...(namespaces === undefined ? {} : { namespaces }),
  });
  children.push(child);
  return { child, heard, lines, exits };
}

async function probed(namespaces?: readonly Namespace[]) {
  const started = start(namespaces);
  await expect.poll(() => [started.heard.length, started.exits], soon).toEqual([1, []]);
  return { ...started, pid: started.child.pid ?? expect.unreachable('there is a process') };
}

/** Without root, nobody may see the namespaces of a process that allows no look inside, unless he owns one; then it has none either. */
const visible = (namespaces: readonly Namespace[]): readonly Namespace[] =>
  root || namespaces.includes('user') ? NAMESPACES : [];

const status = (pid: number): Map<string, string> =>
  new Map(
    readFileSync(`/proc/${pid}/status`, 'latin1')
      .split('\n')
      .map((line) => line.split(':\t') as [string, string]),
  );

const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));

describe('the level of a child', () => {
  it('is the best that this machine grants, and the child has the namespaces that it names', async () => {
    const { level, namespaces, missing } = isolation();
    const user = grants('--user');
    const all = grants('--user', '--net', '--ipc', '--mount', '--pid', '--fork');
    if (all) expect(level).toBe('full');
    else if (user) expect(namespaces).toContain('user');
    if (root && grants('--net', '--ipc', '--mount')) expect(namespaces).toEqual(expect.arrayContaining(['net', 'ipc', 'mount']));
    expect([...namespaces, ...Object.keys(missing)].sort()).toEqual([...NAMESPACES].sort());
    const { pid } = await probed();
    const own = visible(namespaces).filter(
      (name) => readlinkSync(`/proc/${pid}/ns/${LINKS[name]}`) !== readlinkSync(`/proc/self/ns/${LINKS[name]}`),
    );
    expect(own).toEqual(namespaces);
  });
});

const { namespaces: best } = isolation();
/** The best level, and what is left of it without one, two … */
const levels = [
  best,
  best.filter((name) => name !== 'pid'),
  ...(root ? [best.filter((name) => name !== 'user'), best.filter((name) => name !== 'user' && name !== 'pid')] : []),
  best.filter((name) => name === 'user'),
  [],
];
const distinct = [...new Map(levels.map((level) => [level.join(), level])).values()];

describe.each(distinct.map((namespaces) => [isolationOf(namespaces).level, namespaces] as const))(
  'at the level "%s"',
  (_, namespaces) => {
    it('a child can make no call that is not on its list, has no capability, and is nobody where root may say so', async () => {
      const { pid, heard, lines } = await probed(namespaces);
      expect(lines).toEqual([]);
      const column = process.arch === 'x64' ? 0 : 1;
      const named = (Object.keys(allowedCalls('codec', 1)) as SyscallName[]).flatMap((name) => SYSCALLS[name][column] ?? []);
      // The number of calls that were tried, then those that answered anything but EPERM and ENOSYS.
      const probes = process.arch === 'x64' ? 2 : 0;
      expect(heard[0]).toEqual([1024 - new Set(named).size - probes]);
      const state = status(pid);
      expect(
        Object.fromEntries(['CapEff', 'CapPrm', 'CapAmb', 'NoNewPrivs', 'Seccomp'].map((key) => [key, state.get(key)])),
      ).toEqual({
        CapEff: '0000000000000000',
        CapPrm: '0000000000000000',
        CapAmb: '0000000000000000',
        NoNewPrivs: '1',
        Seccomp: '2',
      });
      const uids = [...new Set((state.get('Uid') ?? '').split('\t').map(Number))];
      expect(uids).toHaveLength(1);
      if (root) expect(uids[0]).toBe(1_900_000_000 + pid);
      else expect(uids[0]).toBe(process.geteuid?.());
      for (const name of visible(namespaces)) {
        const same = readlinkSync(`/proc/${pid}/ns/${LINKS[name]}`) === readlinkSync(`/proc/self/ns/${LINKS[name]}`);
        expect([name, same]).toEqual([name, !namespaces.includes(name)]);
      }
    });

    it('a child that is killed is gone when the signal is told', async () => {
      const { pid, exits } = await probed(namespaces);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => exits, soon).toEqual(['signal SIGKILL']);
      expect(alive(pid)).toBe(false);
    });
  },
);

const granted = best.includes('pid');
describe.skipIf(!granted)(
  `what launches a child in a pid namespace${granted ? '' : ' (skipped: this machine grants none)'}`,
  () => {
    it('takes the child along when it is killed, and does not end before the child', async () => {
      const { pid, exits } = await probed();
      const launcher = Number(status(pid).get('PPid'));
      expect(launched(launcher)).toBe(pid);
      process.kill(pid, 'SIGSTOP');
      process.kill(launcher, 'SIGKILL');
      await expect.poll(() => exits, soon).toEqual(['signal SIGKILL']);
      expect(alive(pid)).toBe(false);
    });

    it('is killed with the child', async () => {
      const { pid, child, exits } = await probed();
      const launcher = Number(status(pid).get('PPid'));
      child.kill('for the test');
      await expect.poll(() => exits, soon).toEqual(['for the test']);
      expect([alive(pid), alive(launcher)]).toEqual([false, false]);
    });
  },
);
