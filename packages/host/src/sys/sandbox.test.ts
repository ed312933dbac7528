// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { resourceLimit, SYSCALLS, type SyscallName, seccompProgram } from './index.ts';

const sys = fileURLToPath(new URL('index.ts', import.meta.url));

/** Runs a script in a process of its own: what is given up there stays given up. */
function child(script: string): { code: number | null; signal: string | null; out: string } {
  const source = `import * as sys from ${JSON.stringify(sys)};\n${script}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: status, signal, out: stdout + stderr };
}

/** What a seccomp program answers to a call: an independent interpreter of the four instructions it may use. */
function verdict(program: ReturnType<typeof seccompProgram>, data: { nr: number; arch: number }): number {
  let accumulator = 0;
  for (let at = 0; at < program.length; at++) {
    const [code, yes, no, k] = program[at] ?? [0, 0, 0, 0];
    if (code === 0x20) accumulator = k === 0 ? data.nr : data.arch;
    else if (code === 0x15) at += accumulator === k ? yes : no;
    else if (code === 0x45) at += (accumulator & k) !== 0 ? yes : no;
    else return k;
  }
  throw new RangeError('the program ran off its end');
}

describe('the system call filter', () => {
  it.each(['x64', 'arm64'] as const)(
    'on %s denies what it was told, allows the rest and kills foreign architectures',
    (machine) => {
      const arch = machine === 'x64' ? 0xc000003e : 0xc00000b7;
      const column = machine === 'x64' ? 0 : 1;
      const program = seccompProgram(machine, ['openat', 'socket', 'open', 'openat'], 1);
      const denied = new Set([SYSCALLS.openat[column], SYSCALLS.socket[column], SYSCALLS.open[column]]);
      for (let nr = 0; nr < 600; nr++) {
        expect(verdict(program, { nr, arch }), `call ${nr}`).toBe(denied.has(nr as never) ? 0x00050001 : 0x7fff0000);
      }
      expect(verdict(program, { nr: 0, arch: 0x40000003 })).toBe(0x80000000);
      if (machine === 'x64') expect(verdict(program, { nr: 0x40000000, arch })).toBe(0x00050001);
      expect(seccompProgram(machine, [], 1).some(([code]) => code === 0x15)).toBe(true);
    },
  );

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

  it('holds in every thread of the process, those of libuv included', () => {
    const { out, code } = child(`
      import { open } from 'node:fs/promises';
      import { readFileSync } from 'node:fs';
      import { createServer } from 'node:net';
      const [a] = sys.socketpair();
      await (await open('/proc/self/status')).close();
      sys.installSeccomp(['openat', 'open', 'socket', 'execve', 'execveat']);
      try { readFileSync('/etc/hostname'); console.log('read'); } catch (e) { console.log(e.code); }
      try { await open('/etc/hostname'); console.log('opened'); } catch (e) { console.log(e.code); }
      try { sys.connectUnix('/tmp/nothing'); console.log('socket'); } catch (e) { console.log(e.code); }
      sys.memfd('still works', 4096).close();
      a.close();
      console.log('end');
    `);
    expect(out.trim().split('\n')).toEqual(['EPERM', 'EPERM', 'EPERM', 'end']);
    expect(code).toBe(0);
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
      const mapping = sys.Mapping.map(fd, 0, 4096, { writable: true });
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
