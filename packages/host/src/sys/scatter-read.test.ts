// SPDX-License-Identifier: Apache-2.0
import { openSync, readSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  Fd,
  MemoryMapping,
  memfd,
  openDescriptors,
  PASSING,
  pipe,
  readInto,
  receiveInto,
  send,
  socketpair,
  takeOver,
} from './index.ts';

/** Memory with an address. */
function memory(length: number): { bytes: Uint8Array; address: number } & Disposable {
  const fd = memfd('scatter-test', length);
  const mapping = MemoryMapping.map(fd, 0, length, { writable: true });
  fd.close();
  return { bytes: mapping.bytes(), address: mapping.address, [Symbol.dispose]: () => mapping[Symbol.dispose]() };
}

const spans = (address: number, ...places: [offset: number, length: number][]) =>
  places.map(([offset, length]) => ({ address: address + offset, length }));

describe('reading into memory', () => {
  it('fills the pieces in their order, says how much that was, and touches nothing else', () => {
    const [from, to] = pipe();
    using _from = from;
    using into = memory(64);
    expect(readInto(from, spans(into.address, [0, 64]))).toBe('again');
    writeSync(to.number, Uint8Array.from([1, 2, 3, 4, 5, 6, 7]));
    expect(readInto(from, spans(into.address, [10, 2], [20, 3], [0, 1]))).toBe(6);
    expect([...into.bytes.subarray(0, 24)]).toEqual([6, ...Array(9).fill(0), 1, 2, ...Array(8).fill(0), 3, 4, 5, 0]);
    expect(readInto(from, [PASSING])).toBe(1);
    expect(PASSING.bytes[0]).toBe(7);
    to.close();
    expect(readInto(from, [PASSING])).toBe('closed');
  });

  it('takes no more than 64 pieces at a time', () => {
    const [from, to] = pipe();
    using _from = from;
    using _to = to;
    using into = memory(200);
    writeSync(to.number, new Uint8Array(100).fill(1));
    const each = Array.from({ length: 100 }, (_, i): [number, number] => [2 * i, 1]);
    expect(readInto(from, spans(into.address, ...each))).toBe(64);
    expect(into.bytes.reduce((sum, byte) => sum + byte, 0)).toBe(64);
  });

  it('reads a socket alike, and has descriptors that come with the bytes closed', () => {
    const [ours, theirs] = socketpair();
    using _ours = ours;
    using _theirs = theirs;
    using into = memory(64);
    const closed: number[] = [];
    const closer = {
      close: (number: number) => {
        closed.push(number);
        Fd.adopt(number).close();
      },
    };
    expect(receiveInto(ours, [PASSING], closer)).toBe('again');
    send(theirs, Uint8Array.from([1, 2, 3]));
    expect(receiveInto(ours, spans(into.address, [8, 2], [0, 9]), closer)).toBe(3);
    expect([into.bytes[8], into.bytes[9], into.bytes[0]]).toEqual([1, 2, 3]);
    const before = openDescriptors();
    send(theirs, Uint8Array.of(1), [ours, ours]);
    expect(receiveInto(ours, [PASSING], closer)).toBe('descriptors');
    expect([closed.length, openDescriptors()]).toEqual([2, before]);
    theirs.close();
    expect(receiveInto(ours, [PASSING], closer)).toBe('closed');
  });
});

describe.each(['a pipe', 'a socket'])('taking over %s', (kind) => {
  it('reads what was to come, and leaves the old number with nothing to read', () => {
    const [from, to] = kind === 'a pipe' ? pipe() : socketpair();
    using _to = to;
    using old = from;
    using taken = takeOver(old.number);
    writeSync(to.number, 'x');
    expect(readSync(old.number, new Uint8Array(1))).toBe(0);
    expect(readInto(taken, [PASSING])).toBe(1);
    expect(readInto(taken, [PASSING])).toBe('again');
  });

  it('fails for what cannot be, and takes nothing then', () => {
    const file = openSync('/proc/self/exe', 'r');
    using fd = Fd.adopt(file);
    const before = openDescriptors();
    fd.close();
    expect(() => takeOver(file)).toThrow();
    expect(openDescriptors()).toBe(before - 1);
  });
});
