// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { processorTime, threadTime, threadTimes } from './process-state.ts';

describe('processorTime', () => {
  it('is what the process itself counts, to some hundredths of a second', () => {
    const work = performance.now() + 200;
    while (performance.now() < work);
    const before = process.cpuUsage();
    const time = processorTime(process.pid) ?? Number.NaN;
    const after = process.cpuUsage();
    expect(time).toBeGreaterThan((before.user + before.system) / 1e6 - 0.03);
    expect(time).toBeLessThan((after.user + after.system) / 1e6 + 0.03);
  });

  it('reads past a name with brackets and blanks', () => {
    const file = `${mkdtempSync(join(tmpdir(), 'paravideo-name-'))}/a) (b) 9 9`;
    copyFileSync('/bin/sleep', file);
    const child = spawn(file, ['60']);
    try {
      expect(readFileSync(`/proc/${child.pid}/stat`, 'latin1')).toContain('(a) (b) 9 9)');
      expect(processorTime(child.pid ?? -1)).toBeLessThan(1);
    } finally {
      child.kill('SIGKILL');
      rmSync(dirname(file), { recursive: true });
    }
  });

  it('is undefined where there is no such process', () => {
    expect(processorTime(2 ** 22 + 1)).toBeUndefined();
  });
});

describe('the time of threads', () => {
  const work = (milliseconds: number): void => {
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
  };

  it('is what a thread did, and no more than its process', () => {
    const before = threadTime();
    const all = process.cpuUsage();
    work(50);
    const did = threadTime() - before;
    const { user, system } = process.cpuUsage(all);
    expect(did).toBeGreaterThan(0);
    // as the kernel counts it for the process, which may be late by a tick
    expect(did).toBeLessThan((user + system) / 1e6 + 0.02);
  });

  it('adds up to that of the process', () => {
    work(200);
    const sum = [...threadTimes(process.pid).values()].reduce((total, each) => total + each, 0);
    const { user, system } = process.cpuUsage();
    expect(sum).toBeGreaterThan(0.5 * threadTime());
    expect(sum).toBeLessThan((user + system) / 1e6 + 0.05);
  });
});
