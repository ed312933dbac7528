// SPDX-License-Identifier: Apache-2.0
/**
 * A system call filter for this process (seccomp(2), classic BPF). It cannot be taken back; a second one adds to it.
 */
import { constants } from 'node:os';
import { check, libc, pinnedAddress } from './libc.ts';
import { setNoNewPrivileges } from './process-limits.ts';
import { SysError } from './sys-error.ts';
import { SYSCALLS, type SyscallName } from './syscall-numbers.ts';

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_TSYNC = 1;
const SECCOMP_RET_KILL_PROCESS = 0x80000000;
const SECCOMP_RET_ERRNO = 0x00050000;
const SECCOMP_RET_ALLOW = 0x7fff0000;
/** offsets in `struct seccomp_data` */
const NR = 0;
const ARCH = 4;
/** bit of system calls of the x32 ABI, which reach the same kernel functions under other numbers */
const X32 = 0x40000000;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_BITS = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const MACHINES = {
  x64: { column: 0, arch: 0xc000003e, seccomp: 317 },
  arm64: { column: 1, arch: 0xc00000b7, seccomp: 277 },
} as const;

/** One BPF instruction: code, jump if true, jump if false, operand. */
export type Instruction = readonly [code: number, yes: number, no: number, k: number];

/**
 * The filter program for one machine: a foreign architecture is killed, each denied call answers `errno`, everything
 * else is allowed. Each test is followed by its own return, so that no jump is ever longer than one instruction.
 */
export function seccompProgram(machine: keyof typeof MACHINES, deny: readonly SyscallName[], errno: number): Instruction[] {
  const { column, arch } = MACHINES[machine];
  const refuse: Instruction = [RETURN, 0, 0, SECCOMP_RET_ERRNO | (errno & 0xffff)];
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCH],
    [JUMP_EQUAL, 1, 0, arch],
    [RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS],
    [LOAD, 0, 0, NR],
  ];
  if (machine === 'x64') program.push([JUMP_BITS, 0, 1, X32], refuse);
  for (const name of new Set(deny)) {
    const number: number | undefined = SYSCALLS[name][column];
    if (number !== undefined) program.push([JUMP_EQUAL, 0, 1, number], refuse);
  }
  program.push([RETURN, 0, 0, SECCOMP_RET_ALLOW]);
  return program;
}

/**
 * From now on the calls named in `deny` fail with `errno` (EPERM unless told otherwise) in every thread of this process
 * and in all that it starts. Sets "no new privileges". Throws `SysError`: ENOSYS on a machine that is neither x86-64
 * nor arm64, or whatever the kernel answers.
 */
export function installSeccomp(deny: readonly SyscallName[], errno: number = constants.errno.EPERM): void {
  const machine = process.arch;
  if (machine !== 'x64' && machine !== 'arm64') {
    throw new SysError('seccomp', constants.errno.ENOSYS, `no system call filter for ${machine}`);
  }
  const program = seccompProgram(machine, deny, errno);
  const code = new ArrayBuffer(16 + 8 * program.length);
  const view = new DataView(code);
  // struct sock_fprog { u16 len; struct sock_filter *filter }, then the instructions
  const at = pinnedAddress(code);
  view.setUint16(0, program.length, true);
  view.setBigUint64(8, BigInt(at + 16), true);
  for (const [i, [operation, yes, no, k]] of program.entries()) {
    view.setUint16(16 + 8 * i, operation, true);
    view.setUint8(18 + 8 * i, yes);
    view.setUint8(19 + 8 * i, no);
    view.setUint32(20 + 8 * i, k >>> 0, true);
  }
  setNoNewPrivileges();
  const result = check(
    libc.syscall(MACHINES[machine].seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, at),
    'seccomp',
  );
  // With TSYNC a positive answer is the id of a thread that could not be brought in line.
  if (result > 0) throw new SysError('seccomp', constants.errno.EBUSY, `thread ${result} has a filter of its own`);
}
