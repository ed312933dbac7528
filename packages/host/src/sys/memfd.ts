// SPDX-License-Identifier: Apache-2.0
/** Anonymous shared files and what can be asked of, and done to, a file that holds memory. */
import { fstatSync } from 'node:fs';
import { Fd } from './fd.ts';
import { aside, check, libc, PAGE_SIZE } from './libc.ts';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;

/**
 * A sparse anonymous file of `size` bytes, rounded up to whole pages, close-on-exec, sealed so that nobody who is given
 * the descriptor can change its size (a shrunk file kills whoever touches the missing pages).
 */
export function memfd(name: string, size: number): Fd {
  const fd = Fd.adopt(check(libc.memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create'));
  try {
    const rounded = Math.ceil(size / PAGE_SIZE) * PAGE_SIZE;
    check(libc.ftruncate(fd.number, rounded), 'ftruncate', `a memfd of ${size} bytes`);
    check(libc.fcntl(fd.number, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW), 'fcntl(F_ADD_SEALS)');
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Bytes of the file behind a descriptor (0 for what has no size). */
export function fileSize(fd: Fd): number {
  return fstatSync(fd.number).size;
}

/** True for files of this machine's memory, sealed or not: only shmem and hugetlbfs know seals. */
export function knowsSeals(fd: Fd): boolean {
  return libc.fcntl(fd.number, F_GET_SEALS, 0) >= 0;
}

/**
 * What holds the memory behind a descriptor: a file of this machine's memory that nobody can shrink any more (`sealed`; it is sealed
 * now if it may be), one that can be shrunk under us (`shrinkable`: tmpfs, hugetlbfs, a memfd without seals), or anything else
 * (`foreign`: a disk, FUSE, a device), which may keep us waiting for ever. Asks the kernel alone, never the file system behind it.
 */
export function memoryKind(fd: Fd): 'sealed' | 'shrinkable' | 'foreign' {
  // Only shmem and hugetlbfs know seals.
  const seals = libc.fcntl(fd.number, F_GET_SEALS, 0);
  if (seals < 0) return 'foreign';
  if ((seals & F_SEAL_SHRINK) !== 0) return 'sealed';
  return libc.fcntl(fd.number, F_ADD_SEALS, F_SEAL_SHRINK) >= 0 ? 'sealed' : 'shrinkable';
}

/** Gives the pages of a range back; it reads as zeros afterwards. */
export function punchHole(fd: Fd, offset: number, length: number): void {
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  check(libc.fallocate(fd.number, mode, offset, length), 'fallocate(FALLOC_FL_PUNCH_HOLE)', `${length} bytes at ${offset}`);
}

/** The same in another thread; the descriptor may be closed meanwhile. False if it could not be done. */
export async function punchHoleAside(fd: Fd, offset: number, length: number): Promise<boolean> {
  using own = fd.dup();
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return (await aside(libc.fallocate, own.number, mode, offset, length)) === 0;
}

/** Bytes of memory that a sparse file really holds. */
export function residentSize(fd: Fd): number {
  return fstatSync(fd.number).blocks * 512;
}
