// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const SYS = new URL('../../dist/sys/index.js', import.meta.url).href;

/** Runs a module in a process of its own, which faults may end. */
function run(body: string): { out: string; status: number | string | null } {
  const head = `
    import { Worker } from 'node:worker_threads';
    import { openSync, ftruncateSync, unlinkSync } from 'node:fs';
    import { Fd, MemoryMapping, copyMemory } from ${JSON.stringify(SYS)};
    const path = '/dev/shm/pv-guard-' + process.pid;
    const fd = Fd.adopt(openSync(path, 'wx+'));
    unlinkSync(path);
    ftruncateSync(fd.number, 65536);
  `;
  const done = spawnSync(process.execPath, ['--input-type=module', '--eval', head + body], { encoding: 'utf8', timeout: 50_000 });
  return { out: done.stdout.trim() + done.stderr.trim(), status: done.status ?? done.signal };
}

describe('a guarded mapping whose file is shrunk', () => {
  it('reads as zeros, tells its owner once, and can be disposed of', () => {
    const { out, status } = run(`
      let told = 0;
      const mapping = MemoryMapping.map(fd, 0, 65536, { writable: true, onFault: () => told++ });
      mapping.bytes().fill(7);
      ftruncateSync(fd.number, 0);
      const [first, last] = [mapping.bytes()[0], mapping.bytes()[65535]];
      mapping.bytes()[5] = 9;
      while (told === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      mapping[Symbol.dispose]();
      console.log(first, last, told);
    `);
    expect(out).toBe('0 0 1');
    expect(status).toBe(0);
  });

  it('reads as zeros for a thread that copies, too', () => {
    const { out, status } = run(`
      const told = Promise.withResolvers();
      const mapping = MemoryMapping.map(fd, 0, 65536, { writable: true, onFault: told.resolve });
      const text = 'const { parentPort, workerData } = require("node:worker_threads");'
        + 'import(${JSON.stringify(SYS)}).then(({ copyMemory }) => {'
        + ' copyMemory(workerData, workerData + 32768, 4096); parentPort.postMessage("copied"); });';
      ftruncateSync(fd.number, 0);
      const worker = new Worker(text, { eval: true, execArgv: [], workerData: mapping.address });
      worker.once('message', async (word) => {
        await told.promise;
        console.log(word);
        await worker.terminate();
        mapping[Symbol.dispose]();
      });
    `);
    expect(out).toBe('copied');
    expect(status).toBe(0);
  });

  it('changes no other fault: the process ends by SIGBUS', () => {
    const { status } = run(`
      const guarded = MemoryMapping.map(fd, 0, 4096, { writable: true, onFault: () => {} });
      const other = MemoryMapping.map(fd, 8192, 4096, { writable: true });
      ftruncateSync(fd.number, 0);
      console.log(guarded.bytes()[0], other.bytes()[0]);
    `);
    expect(status).toBe('SIGBUS');
  });

  it('is not guarded any more once it was disposed of', () => {
    const { status } = run(`
      const guarded = MemoryMapping.map(fd, 0, 4096, { writable: true, onFault: () => {} });
      guarded[Symbol.dispose]();
      const other = MemoryMapping.map(fd, 0, 4096, { writable: true });
      ftruncateSync(fd.number, 0);
      console.log(other.bytes()[0]);
    `);
    expect(status).toBe('SIGBUS');
  });
});
