// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Backoff } from './backoff.ts';
import { KeptChild, type KeptChildOptions } from './kept-child.ts';

interface Line {
  readonly text: string;
  readonly fields: { readonly reason?: string; readonly restartIn?: number };
}

describe('a child that is kept', () => {
  const children: KeptChild[] = [];
  afterEach(() => Promise.all(children.splice(0).map((child) => child.close())));

  /** A child with this behaviour, what it said, why it went, and the log. */
  function start(behaviour: string, o: Partial<KeptChildOptions> = {}) {
    const heard: number[][] = [];
    const exits: string[] = [];
    const lines: Line[] = [];
    const write = (fields: object, text: string): void => void lines.push({ text, fields });
    const child = new KeptChild({
      name: 'unruly',
      log: { debug: () => {}, info: write, warn: write, error: write },
      script: new URL('./testing/unruly-child.ts', import.meta.url),
      args: [behaviour],
      fds: () => [],
      onMessage: (message) => void heard.push([...message]),
      onExit: (reason) => void exits.push(reason),
      ...o,
    });
    children.push(child);
    return { child, heard, exits, lines };
  }

  it('is killed when it says more than it was asked, and the log has the reason', async () => {
    const { exits, heard, lines } = start('flood');
    await expect.poll(() => exits.length).toBeGreaterThan(0);
    expect(exits[0]).toMatch(/more than 8 messages for each/);
    expect(heard.length).toBeLessThan(5000);
    expect(lines.find(({ text }) => text.includes('died'))?.fields.reason).toBe(exits[0]);
  });

  it('may say as much as it is asked', async () => {
    const { child, exits, heard } = start('echo');
    for (let i = 0; i < 200; i += 1) {
      for (let each = 0; each < 50; each += 1) child.send([i]);
      await expect.poll(() => heard.length, { interval: 1 }).toBe(1 + 50 * (i + 1));
    }
    expect(exits).toEqual([]);
  });

  it('has its threads listed without the event loop waiting, once for whatever was asked meanwhile', async () => {
    const { child, heard } = start('echo');
    await expect.poll(() => heard.length, { timeout: 50_000 }).toBe(1);
    const waits = [vi.spyOn(fs, 'readdirSync'), vi.spyOn(fs, 'readFileSync')];
    const lists = vi.spyOn(fs.promises, 'readdir');
    syncBuiltinESMExports();
    try {
      for (let i = 0; i < 100; i += 1) child.yieldThreads();
      expect(waits.map((wait) => wait.mock.calls.length)).toEqual([0, 0]);
      const listed = () => lists.mock.settledResults.filter(({ type }) => type === 'fulfilled').length;
      await expect.poll(listed, { timeout: 50_000 }).toBeGreaterThan(0);
      // One may be under way, and one follows it.
      expect(lists.mock.calls.length).toBeLessThanOrEqual(2);
    } finally {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    }
  });

  it('is killed when it writes to stderr without an end', async () => {
    const { exits, lines } = start('chatter');
    await expect.poll(() => exits.length).toBeGreaterThan(0);
    expect(exits[0]).toMatch(/1048576 bytes to stderr/);
    expect(lines.filter(({ text }) => text.includes('wrote to stderr')).length).toBeLessThan(10);
  });

  it('is killed when it leaves unread what it is sent', async () => {
    const { child, exits, heard } = start('deaf');
    await expect.poll(() => heard.length).toBe(1);
    const long = new Array<number>(60).fill(7);
    while (exits.length === 0) {
      for (let i = 0; i < 10_000; i += 1) child.send(long);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(exits[0]).toMatch(/unread/);
  });

  it('is killed when it hangs over work, and left alone while it answers', async () => {
    let work = false;
    const hanging = start('deaf', { silence: 3000, working: () => work, ping: [5] });
    const living = start('echo', { silence: 3000, working: () => work, ping: [5] });
    await expect.poll(() => [hanging.heard.length, living.heard.length]).toEqual([1, 1]);
    // Without work neither is asked.
    await expect.poll(() => living.child.answering).toBe(true);
    work = true;
    await expect.poll(() => hanging.exits.length).toBeGreaterThan(0);
    expect(hanging.exits[0]).toMatch(/said nothing/);
    await expect.poll(() => living.heard.length).toBeGreaterThan(3);
  });

  it('is killed, with the reason in the log, when the code that hears it throws', async () => {
    const { exits } = start('echo', {
      onMessage: () => {
        throw new RangeError('a fault of our own');
      },
    });
    await expect.poll(() => exits.length).toBeGreaterThan(0);
    expect(exits[0]).toMatch(/fault of the daemon: RangeError: a fault of our own/);
  });

  it('drops nothing silently while it is restarted: its users are told', async () => {
    const { child, exits, heard, lines } = start('echo', { backoff: new Backoff({ first: 600_000, longest: 600_000 }) });
    await expect.poll(() => heard.length).toBe(1);
    child.kill('for the test');
    await expect.poll(() => heard.length).toBe(2);
    child.kill('for the test');
    await expect.poll(() => exits.length).toBe(2);
    for (let i = 0; i < 10_001; i += 1) child.send([i]);
    await expect.poll(() => exits.length).toBe(3);
    expect(exits[2]).toMatch(/more than 10000 messages/);
    expect(lines.some(({ text }) => text.includes('given up'))).toBe(true);
  });

  it('is started again and again when descriptors for it cannot be had, and the log tells when it is back', async () => {
    let asked = 0;
    const { child, heard, lines } = start('echo', {
      backoff: new Backoff({ first: 1, longest: 1 }),
      fds: () => {
        asked += 1;
        if (asked > 1 && asked < 5) throw new RangeError('no descriptors');
        return [];
      },
    });
    await expect.poll(() => heard.length).toBe(1);
    child.kill('for the test');
    await expect.poll(() => heard.length).toBe(2);
    expect(lines.map(({ text, fields }) => `${text}: ${fields.reason ?? ''}`)).toEqual([
      'a child process died: for the test',
      ...Array.from({ length: 3 }, () => 'a child process died: it could not be started: no descriptors'),
      'a child process works again: ',
    ]);
  });
});
