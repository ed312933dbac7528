// SPDX-License-Identifier: Apache-2.0
/** What tests of a daemon in a process of its own look at from outside. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** Sets a soft limit of a running process, by the name that prlimit(1) has for it; `before` is a command that becomes the process's user. */
export function limitProcess(
  pid: number,
  resource: 'nofile' | 'nproc' | 'as',
  soft: number | 'unlimited',
  before: readonly string[] = [],
): void {
  const [command, ...args] = [...before, 'prlimit', '--pid', String(pid), `--${resource}=${soft}:`];
  const done = spawnSync(command as string, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new RangeError(`prlimit: ${done.stderr}`);
}

const LIMIT_NAMES = { nofile: 'open files', nproc: 'processes', as: 'address space' };

/** A soft limit of a process. */
export function softLimit(pid: number, resource: 'nofile' | 'nproc' | 'as'): number | 'unlimited' {
  const [, soft] =
    new RegExp(`^Max ${LIMIT_NAMES[resource]}\\s+(\\w+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'latin1')) ?? [];
  return soft === 'unlimited' ? soft : Number(soft);
}

/** What the descriptors of a process name, sorted; pipes, sockets and the like without their numbers. */
export function descriptorsOf(pid: number): string[] {
  const names: string[] = [];
  for (const entry of readdirSync(`/proc/${pid}/fd`)) {
    try {
      names.push(readlinkSync(`/proc/${pid}/fd/${entry}`).replace(/:\[\d+\]$/, ''));
    } catch {
      // it was closed in the meantime
    }
  }
  return names.sort();
}

/** The processes that a process has started and that are alive. */
export function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
    } catch {
      // a thread that has ended since it was listed
      return [];
    }
  });
}

/** Waits until a condition holds; a generous time later it throws. */
export async function eventually(condition: () => boolean, what: string | (() => string)): Promise<void> {
  const end = performance.now() + 50_000;
  while (!condition()) {
    if (performance.now() > end) throw new RangeError(`waited in vain: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** True if no thread of a process runs, wants to run or waits for a disk. */
function sleeps(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) => {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1');
      return stat.charAt(stat.lastIndexOf(')') + 2) === 'S';
    } catch {
      // a thread that has ended since it was listed
      return false;
    }
  });
}

/** Looks in a row that must agree before a process counts as being at rest. */
const LOOKS_AT_REST = 20;

/**
 * Waits until a process is at rest: it has no children, all its threads sleep look after look, and what it has open stays the
 * same. Threads that still load their modules, on a machine however slow, run or wait for the disk. What is open then.
 */
export async function atRest(pid: number, log: () => string = () => ''): Promise<string[]> {
  let last: string[] = [];
  let looks = 0;
  await eventually(
    () => {
      const now = descriptorsOf(pid);
      const same = sleeps(pid) && now.join() === last.join() && childrenOf(pid).length === 0;
      looks = same ? looks + 1 : 0;
      last = now;
      return looks === LOOKS_AT_REST;
    },
    () => `the process to be at rest: ${last} ${childrenOf(pid)} ${log()}`,
  );
  return last;
}

/** Waits until a process has no children and the descriptors that it had at rest; throws, with what is there, if that never comes. */
export async function backToRest(pid: number, before: readonly string[], when: string): Promise<void> {
  await eventually(
    () => descriptorsOf(pid).join() === before.join() && childrenOf(pid).length === 0,
    () => `${when} something stays: ${descriptorsOf(pid)} instead of ${before}, processes ${childrenOf(pid)}`,
  );
}

/** A daemon whose descriptors the test chooses; see `serveWith`. */
export interface OwnDaemon extends AsyncDisposable {
  readonly pid: number;
  readonly process: ChildProcess;
  readonly folder: string;
  /** settles with the exit code or the signal */
  readonly ended: Promise<number | string>;
}

const ENTRY = fileURLToPath(new URL('../bin/start.js', import.meta.url));

/** Starts the built daemon with a configuration whose sockets lie in a folder of its own (`FOLDER` in the text), as a person would. */
export async function serveWith(
  config: object,
  o: { stderr?: number | 'pipe'; before?: readonly string[] } = {},
): Promise<OwnDaemon> {
  const folder = mkdtempSync(join(tmpdir(), 'pv-own-'));
  chmodSync(folder, 0o777);
  const path = join(folder, 'config.yaml');
  writeFileSync(path, JSON.stringify(config).replaceAll('FOLDER', folder));
  const [command, ...args] = [
    ...(o.before ?? []),
    process.execPath,
    ENTRY,
    'serve',
    '--config',
    path,
    '--ready-fd',
    '3',
    '--until-eof',
  ];
  const child = spawn(command as string, args, { stdio: ['pipe', 'ignore', o.stderr ?? 'inherit', 'pipe'] });
  const ended = new Promise<number | string>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'gone')),
  );
  const ready = once(child.stdio[3] as Readable, 'data');
  const early = await Promise.race([ready.then(() => undefined), ended]);
  if (early !== undefined) throw new RangeError(`the daemon ended with ${early}`);
  return {
    pid: child.pid as number,
    process: child,
    folder,
    ended,
    [Symbol.asyncDispose]: async () => {
      child.stdin?.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
