// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resourceLimit, SYSCALLS, type SyscallName, seccompProgram } from './index.ts';

const sys = fileURLToPath(new URL('index.ts', import.meta.url));

/** Runs a script in a process of its own: what is given up there stays given up. */
function child(script: string): { code: number | null; signal: string | null; out: string } {
  const source = `import * as sys from ${JSON.stringify(sys)};\n${script}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  return { code: status, signal, out: stdout + stderr };
}

/** What a seccomp program answers to a call: an independent interpreter of the five instructions it may use. */
function verdict(
  program: ReturnType<typeof seccompProgram>,
  data: { nr: number; arch: number; args?: readonly bigint[] },
): number {
  const bytes = new DataView(new ArrayBuffer(64));
  bytes.setUint32(0, data.nr, true);
  bytes.setUint32(4, data.arch, true);
  for (const [i, value] of (data.args ?? []).entries()) bytes.setBigUint64(16 + 8 * i, value, true);
  let accumulator = 0;
  for (let at = 0; at < program.length; at++) {
    const [code, yes, no, k] = program[at] ?? [0, 0, 0, 0];
    if (code === 0x20) accumulator = bytes.getUint32(k, true);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) at += accumulator === k ? yes : no;
    else if (code === 0x45) at += (accumulator & k) !== 0 ? yes : no;
    else return k;
  }
  throw new RangeError('the program ran off its end');
}

const ALLOW = 0x7fff0000;
const REFUSE = 0x00050001;

describe('the system call filter', () => {
  it.each(['x64', 'arm64'] as const)(
    'on %s allows what it was told, denies the rest and kills foreign architectures',
    (machine) => {
      const arch = machine === 'x64' ? 0xc000003e : 0xc00000b7;
      const column = machine === 'x64' ? 0 : 1;
      const program = seccompProgram(machine, { read: 'allow', clone3: 'absent', poll: 'allow', write: 'allow' }, 1);
      const allowed: readonly (number | undefined)[] = [SYSCALLS.read[column], SYSCALLS.poll[column], SYSCALLS.write[column]];
      for (let nr = 0; nr < 1024; nr++) {
        const right = allowed.includes(nr) ? ALLOW : nr === 435 ? 0x00050026 : REFUSE;
        expect(verdict(program, { nr, arch }), `call ${nr}`).toBe(right);
      }
      expect(verdict(program, { nr: 0, arch: 0x40000003 })).toBe(0x80000000);
      if (machine === 'x64') expect(verdict(program, { nr: 0x40000000, arch })).toBe(REFUSE);
    },
  );

  it('looks at arguments: one list of tests must hold as a whole', () => {
    const arch = 0xc000003e;
    const program = seccompProgram(
      'x64',
      {
        mmap: [[{ argument: 3, mask: 0x0f, is: 2 }], [{ argument: 3, is: 1 }]],
        prlimit64: [
          [
            { argument: 0, is: 0 },
            { argument: 2, is: 0, wide: true },
          ],
        ],
        getpid: 'allow',
      },
      1,
    );
    const ask = (nr: number, ...args: bigint[]) => verdict(program, { nr, arch, args });
    expect([0x22n, 0x02n, 0x01n].map((flags) => ask(9, 0n, 0n, 0n, flags))).toEqual([ALLOW, ALLOW, ALLOW]);
    expect([0x21n, 0x03n, 0n].map((flags) => ask(9, 0n, 0n, 0n, flags))).toEqual([REFUSE, REFUSE, REFUSE]);
    expect(ask(302, 0n, 7n, 0n, 99n)).toBe(ALLOW);
    expect([ask(302, 1n, 7n, 0n), ask(302, 0n, 7n, 1n), ask(302, 0n, 7n, 1n << 32n)]).toEqual([REFUSE, REFUSE, REFUSE]);
    expect(ask(39)).toBe(ALLOW);
  });

  it('knows the numbers of the kernel headers, where there are any', () => {
    const headers = [
      ['/usr/include/x86_64-linux-gnu/asm/unistd_64.h', 0],
      ['/usr/include/asm-generic/unistd.h', 1],
    ] as const;
    for (const [path, column] of headers) {
      if (!existsSync(path)) continue;
      const defined = new Map<string, number>();
      for (const [, name, number] of readFileSync(path, 'latin1').matchAll(/#\s*define __NR(?:3264)?_(\w+) (\d+)/g)) {
        defined.set(String(name), Number(number));
      }
      for (const name of Object.keys(SYSCALLS) as SyscallName[]) {
        const number = SYSCALLS[name][column];
        if (number !== undefined && defined.has(name)) expect(number, `${name} in ${path}`).toBe(defined.get(name));
      }
    }
  });

  it('holds in every thread of the process, those of libuv included', async () => {
    const source = `
      import * as sys from ${JSON.stringify(sys)};
      import { open } from 'node:fs/promises';
      import { readFileSync, readSync, writeSync } from 'node:fs';
      await (await open('/proc/self/status')).close();
      sys.installSeccomp({ read: 'allow', write: 'allow', futex: 'allow', mprotect: 'allow', madvise: 'allow', munmap: 'allow' });
      let said = 'read';
      try { readFileSync('/etc/hostname'); } catch (e) { said = e.code; }
      writeSync(1, said);
      readSync(0, new Uint8Array(1));
    `;
    const locked = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      const [said] = (await once(locked.stdout, 'data')) as [Buffer];
      expect(said.toString()).toBe('EPERM');
      const tasks = readdirSync(`/proc/${locked.pid}/task`);
      expect(tasks.length).toBeGreaterThan(4);
      for (const task of tasks) {
        expect(readFileSync(`/proc/${locked.pid}/task/${task}/status`, 'latin1')).toMatch(/^Seccomp:\t2$/m);
      }
    } finally {
      locked.kill('SIGKILL');
    }
  });
});

describe('limits of a process', () => {
  it('are lowered for good', () => {
    const { out } = child(`
      sys.limitResource('core', 0);
      sys.limitResource('files', 64);
      sys.setDumpable(false);
      sys.setNoNewPrivileges();
      sys.setParentDeathSignal(9);
      console.log(JSON.stringify([sys.resourceLimit('core'), sys.resourceLimit('files')]));
      const fds = [];
      try { for (let i = 0; i < 100; i++) fds.push(sys.eventfd()); } catch (e) { console.log(e.code); }
    `);
    expect(out.trim().split('\n')).toEqual(['[{"soft":0,"hard":0},{"soft":64,"hard":64}]', 'EMFILE']);
    expect(resourceLimit('files').soft).toBeGreaterThan(0);
  });
});

describe('worker threads', () => {
  it('bind the library for themselves and reach memory by address, and end with a watch still open', () => {
    const { out, code } = child(`
      import { Worker } from 'node:worker_threads';
      const fd = sys.memfd('shared', 4096);
      const mapping = sys.MemoryMapping.map(fd, 0, 4096, { writable: true });
      const run = (how) => new Promise((resolve, reject) => {
        const worker = new Worker(\`
          Promise.all([import('${sys}'), import('node:worker_threads')]).then(([sys, { parentPort, workerData }]) => {
            const bell = sys.eventfd();
            sys.watch(bell, () => sys.drain(bell));
            const view = sys.viewAt(workerData.address, 16);
            view[0] += 1;
            sys.detach(view);
            parentPort.postMessage('ready');
            if (workerData.how === 'exit') process.exit(0);
          });
        \`, { eval: true, workerData: { address: mapping.address, how } });
        worker.on('error', reject);
        worker.on('exit', resolve);
        worker.on('message', () => { if (how === 'terminate') worker.terminate(); });
      });
      for (const how of ['exit', 'terminate', 'exit', 'terminate']) await run(how);
      console.log(mapping.bytes()[0]);
      mapping[Symbol.dispose]();
      fd.close();
    `);
    expect(out.trim()).toBe('4');
    expect(code).toBe(0);
  });
});
