// SPDX-License-Identifier: Apache-2.0
import koffi from 'koffi';

const syscall = koffi.load(null).func('int64 syscall(int64, int64, int64, int64, int64, int64, int64)');

/** Makes a system call of this number with arguments that are 0; its result, or -errno. */
export function rawSyscall(number: number): number {
  const result = Number(syscall(number, 0, 0, 0, 0, 0, 0));
  return result < 0 ? -koffi.errno() : result;
}
