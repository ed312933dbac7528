// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { drain, eventfd, Fd, setBlocking, signal, socketpair } from './index.ts';
import { libc } from './libc.ts';

afterEach(() => vi.restoreAllMocks());

describe('a doorbell that was made to block', () => {
  it('is silenced in one call, so that nobody comes between a look at it and the reading', () => {
    const asked = vi.spyOn(libc, 'poll');
    const read = vi.spyOn(libc, 'read');
    using bell = eventfd();
    setBlocking(bell);
    expect(drain(bell)).toBe(false);
    for (const times of [1, 3]) {
      for (let i = 0; i < times; i += 1) signal(bell);
      asked.mockClear();
      expect([drain(bell), drain(bell)]).toEqual([true, false]);
      expect([asked.mock.calls.length, read.mock.calls.length]).toEqual([0, 0]);
    }
  });

  it('is not waited for either, be it a pipe or a socket', () => {
    using ends = new DisposableStack();
    const folder = mkdtempSync(join(tmpdir(), 'pv-bell-'));
    ends.defer(() => rmSync(folder, { recursive: true }));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const pipe = ends.use(Fd.adopt(openSync(join(folder, 'pipe'), 'r+')));
    const [near, far] = socketpair().map((fd) => ends.use(fd)) as [Fd, Fd];
    for (const [bell, ringer] of [
      [pipe, pipe],
      [near, far],
    ] as const) {
      setBlocking(bell);
      expect(drain(bell)).toBe(false);
      signal(ringer);
      expect([drain(bell), drain(bell)]).toEqual([true, false]);
    }
    // An end is no ring.
    far.close();
    expect(drain(near)).toBe(false);
  });

  it('is silenced where the kernel has no such call, too', () => {
    vi.spyOn(libc, 'syscall6').mockImplementation(() => libc.close(-1));
    using bell = eventfd();
    setBlocking(bell);
    expect(drain(bell)).toBe(false);
    signal(bell);
    expect([drain(bell), drain(bell)]).toEqual([true, false]);
  });
});
