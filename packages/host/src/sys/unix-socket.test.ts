// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  accept,
  connectUnix,
  drain,
  eventfd,
  fileSize,
  listenUnix,
  memfd,
  openDescriptors,
  receive,
  send,
  signal,
  socketpair,
  watch,
} from './index.ts';

let folder = '';
let before = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pv-sys-'));
  before = openDescriptors();
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  expect(openDescriptors(), 'descriptors left open').toBe(before);
});

describe('unix sockets', () => {
  it('listen, connect, carry bytes both ways and see the end', () => {
    const path = join(folder, 's');
    using server = listenUnix(path);
    expect(accept(server)).toBe('again');
    const client = connectUnix(path);
    const peer = accept(server);
    if (peer === 'again') throw new TypeError('no connection');
    const into = new Uint8Array(16);
    expect(receive(peer, into, 0)).toBe('again');
    expect(send(client, Uint8Array.of(1, 2, 3))).toBe(3);
    expect(receive(peer, into.subarray(0, 2), 0)).toEqual({ bytes: 2, fds: [], surplus: 0 });
    expect(receive(peer, into.subarray(2), 0)).toMatchObject({ bytes: 1 });
    expect([...into.subarray(0, 3)]).toEqual([1, 2, 3]);
    client.close();
    expect(receive(peer, into, 0)).toBe('closed');
    expect(send(peer, into)).toBe('closed');
    peer.close();
  });

  it('say why a path cannot be connected to or listened at', () => {
    expect(() => connectUnix(join(folder, 'nobody'))).toThrow(/ENOENT/);
    expect(() => listenUnix(join(folder, 'x'.repeat(120)))).toThrow(/at most 107 bytes/);
    const path = join(folder, 's');
    listenUnix(path).close();
    expect(() => connectUnix(path)).toThrow(/ECONNREFUSED/);
    expect(() => listenUnix(path)).toThrow(/EADDRINUSE/);
  });

  it('carry descriptors, and close those that were not expected', () => {
    const [a, b] = socketpair();
    using memory = memfd('carried', 8192);
    const many = Array.from({ length: 253 }, () => memory.dup());
    const open = openDescriptors();
    expect(send(a, Uint8Array.of(1), [memory, memory])).toBe(1);
    const two = receive(b, new Uint8Array(8), 4);
    if (typeof two === 'string') throw new TypeError(two);
    expect(two.fds.map((fd) => fileSize(fd))).toEqual([8192, 8192]);
    expect(openDescriptors()).toBe(open + 2);
    for (const fd of two.fds) fd.close();
    send(a, Uint8Array.of(1), many);
    const one = receive(b, new Uint8Array(8), 1);
    if (typeof one === 'string') throw new TypeError(one);
    expect(one.surplus).toBe(252);
    expect(openDescriptors()).toBe(open + 1);
    one.fds[0]?.close();
    expect(() => send(a, Uint8Array.of(1), [...many, memory])).toThrow(/at most 253/);
    for (const fd of [...many, a, b]) fd.close();
  });

  it('tell the sender that the other side does not read', () => {
    const [a, b] = socketpair();
    const block = new Uint8Array(65536);
    let sent = 0;
    for (let i = 0; i < 1000; i++) {
      const result = send(a, block);
      if (result === 'again') break;
      sent += Number(result);
    }
    expect(sent).toBeGreaterThan(0);
    expect(send(a, block)).toBe('again');
    a.close();
    b.close();
  });
});

describe('watches', () => {
  it('call back when a doorbell rings, also when it rang before', async () => {
    using bell = eventfd();
    expect(drain(bell)).toBe(false);
    signal(bell);
    signal(bell);
    let rings = 0;
    await new Promise<void>((resolve) => {
      const watching = watch(bell, () => {
        rings += 1;
        expect(drain(bell)).toBe(true);
        expect(drain(bell)).toBe(false);
        if (rings === 2) {
          watching[Symbol.dispose]();
          watching[Symbol.dispose]();
          resolve();
        } else {
          signal(bell);
        }
      });
    });
    expect(rings).toBe(2);
  });

  it('run the promises that a callback settled in the same turn', async () => {
    using bell = eventfd();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      const watching = watch(bell, () => {
        drain(bell);
        watching[Symbol.dispose]();
        void Promise.resolve().then(() => {
          order.push('settled');
          resolve();
        });
        order.push('called');
      });
      signal(bell);
    });
    expect(order).toEqual(['called', 'settled']);
  });

  it('survive a descriptor that is closed before them, and may be two for one descriptor', async () => {
    const bell = eventfd();
    const twin = bell.dup();
    const seen: string[] = [];
    let done: () => void = () => {};
    const both = new Promise<void>((resolve) => {
      done = resolve;
    });
    const ready = (name: string) => () => {
      if (!seen.includes(name)) seen.push(name);
      if (seen.length === 2) done();
    };
    using _a = watch(bell, ready('a'));
    using _b = watch(bell, ready('b'));
    bell.close();
    signal(twin);
    await both;
    twin.close();
    expect(seen.sort()).toEqual(['a', 'b']);
  });

  it('report what a callback throws as an uncaught exception', async () => {
    using bell = eventfd();
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    try {
      const caught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
      using _watching = watch(bell, () => {
        drain(bell);
        throw new RangeError('from the callback');
      });
      signal(bell);
      expect((await caught).message).toBe('from the callback');
    } finally {
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });

  it('refuse a descriptor that cannot be polled', () => {
    using memory = memfd('file', 4096);
    expect(() => watch(memory, () => {})).toThrow(/EPERM: the descriptor cannot be watched/);
  });

  it('can be opened and closed ten thousand times', async () => {
    const open = openDescriptors();
    using bell = eventfd();
    signal(bell);
    for (let i = 0; i < 10_000; i++) {
      watch(bell, () => {
        throw new RangeError('closed watches do not call');
      })[Symbol.dispose]();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(openDescriptors()).toBe(open + 1);
  });
});
