// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import {
  copyMemory,
  detach,
  Fd,
  fileSize,
  MemoryMapping,
  mappingsOf,
  memfd,
  memoryKind,
  openDescriptors,
  PAGE_SIZE,
  punchHole,
  residentSize,
  SysError,
  viewAt,
} from './index.ts';
import { libc } from './libc.ts';

describe('a descriptor', () => {
  it('closes once, and is unusable afterwards', () => {
    const before = openDescriptors();
    const fd = memfd('test', 1);
    const twin = fd.dup();
    expect(openDescriptors()).toBe(before + 2);
    fd.close();
    fd.close();
    expect(() => fd.number).toThrow(SysError);
    expect(fileSize(twin)).toBe(PAGE_SIZE);
    const taken = Fd.adopt(twin.take());
    twin.close();
    expect(openDescriptors()).toBe(before + 1);
    taken.close();
    expect(openDescriptors()).toBe(before);
  });

  it('refuses a number that is no descriptor', () => {
    expect(() => Fd.adopt(-1)).toThrow(/EBADF/);
  });
});

describe('a memfd', () => {
  it('has whole pages and cannot be resized by whoever holds it', () => {
    using fd = memfd('test', 5000);
    expect(fileSize(fd)).toBe(2 * PAGE_SIZE);
    expect(memoryKind(fd)).toBe('sealed');
    expect(libc.ftruncate(fd.number, 0)).toBe(-1);
    expect(libc.ftruncate(fd.number, 1 << 20)).toBe(-1);
  });

  it('gives pages back, and reads as zeros there', () => {
    using fd = memfd('test', 1 << 20);
    using mapping = MemoryMapping.map(fd, 0, 1 << 20, { writable: true });
    mapping.bytes().fill(7);
    expect(residentSize(fd)).toBe(1 << 20);
    punchHole(fd, 65536, 65536);
    expect(residentSize(fd)).toBe((1 << 20) - 65536);
    expect(mapping.bytes()[65535]).toBe(7);
    expect(
      mapping
        .bytes()
        .subarray(65536, 131072)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(mapping.bytes()[131072]).toBe(7);
  });

  it('names the call and the errno of a failure', () => {
    using fd = memfd('test', 4096);
    expect(() => punchHole(fd, 0, -1)).toThrow(expect.objectContaining({ name: 'SysError', code: 'EINVAL', errno: 22 }));
  });
});

describe('a mapping', () => {
  it('detaches its view when it is disposed of', () => {
    const before = mappingsOf('/memfd:gone');
    using fd = memfd('gone', 8192);
    const mapping = MemoryMapping.map(fd, 0, 8192, { writable: true });
    const view = mapping.bytes();
    const part = view.subarray(100, 200);
    part[0] = 1;
    expect(mapping.bytes()).toBe(view);
    expect(mappingsOf('/memfd:gone')).toBe(before + 1);
    mapping[Symbol.dispose]();
    mapping[Symbol.dispose]();
    expect(view.length).toBe(0);
    expect(part.length).toBe(0);
    expect(mappingsOf('/memfd:gone')).toBe(before);
    expect(() => mapping.bytes()).toThrow(/EFAULT/);
    expect(() => mapping.pin()).toThrow(/EFAULT/);
  });

  it('stays in memory for the last pin, without a view', () => {
    using fd = memfd('pinned', 8192);
    const mapping = MemoryMapping.map(fd, 0, 8192, { writable: true });
    mapping.bytes()[0] = 42;
    const first = mapping.pin();
    const second = mapping.pin();
    mapping[Symbol.dispose]();
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(mappingsOf('/memfd:pinned')).toBe(1);
    const raw = viewAt(mapping.address, 1);
    expect(raw[0]).toBe(42);
    detach(raw);
    expect(raw.length).toBe(0);
    second[Symbol.dispose]();
    expect(mappingsOf('/memfd:pinned')).toBe(0);
  });

  it('may begin and end in the middle of pages', () => {
    using fd = memfd('odd', 3 * PAGE_SIZE);
    using whole = MemoryMapping.map(fd, 0, 3 * PAGE_SIZE, { writable: true });
    using odd = MemoryMapping.map(fd, PAGE_SIZE - 10, 20, { writable: true });
    odd.bytes().fill(9);
    expect(odd.length).toBe(20);
    expect(whole.bytes().reduce((sum, byte) => sum + byte, 0)).toBe(180);
    expect(whole.bytes()[PAGE_SIZE + 9]).toBe(9);
    expect(whole.bytes()[PAGE_SIZE + 10]).toBe(0);
  });

  it('may be larger than 4 GiB', () => {
    using fd = memfd('large', 6 * 2 ** 30);
    using mapping = MemoryMapping.map(fd, 0, 6 * 2 ** 30, { writable: true });
    const view = mapping.bytes();
    view[5 * 2 ** 30] = 5;
    using late = MemoryMapping.map(fd, 5 * 2 ** 30, 4096, { writable: false });
    expect(late.bytes()[0]).toBe(5);
  });

  it('refuses a range that is empty or impossible', () => {
    using fd = memfd('test', 4096);
    expect(() => MemoryMapping.map(fd, 0, 0, { writable: true })).toThrow(/EINVAL/);
    expect(() => MemoryMapping.map(fd, -4096, 4096, { writable: true })).toThrow(/EINVAL/);
    expect(() => MemoryMapping.map(fd, 0, 2 ** 60, { writable: true })).toThrow(SysError);
  });

  it('is reached by address, too', () => {
    using fd = memfd('copy', 8192);
    using mapping = MemoryMapping.map(fd, 0, 8192, { writable: true });
    mapping.bytes().set([1, 2, 3, 4]);
    copyMemory(mapping.address + 5000, mapping.address, 4);
    copyMemory(mapping.address, 0, 0);
    expect([...mapping.bytes().subarray(5000, 5005)]).toEqual([1, 2, 3, 4, 0]);
  });
});
