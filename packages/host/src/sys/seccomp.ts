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
const ARGUMENTS = 16;
/** bit of system calls of the x32 ABI, which reach the same kernel functions under other numbers */
const X32 = 0x40000000;

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const JUMP_EQUAL = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_BITS = 0x45; // BPF_JMP | BPF_JSET | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K

const MACHINES = {
  x64: { column: 0, arch: 0xc000003e, seccomp: 317 },
  arm64: { column: 1, arch: 0xc00000b7, seccomp: 277 },
} as const;

/** One BPF instruction: code, jump if true, jump if false, operand. */
export type FilterInstruction = readonly [code: number, yes: number, no: number, k: number];

/** One argument of a call must be `is`, after `mask` (32 bits). `wide` looks at all 64 bits: for pointers, where `is` is 0. */
export interface ArgumentTest {
  readonly argument: 0 | 1 | 2 | 3 | 4 | 5;
  readonly mask?: number;
  readonly is: number;
  readonly wide?: boolean;
}

/**
 * What may be done with a call: anything (`allow`), nothing, as on a kernel that does not know it (`absent`: ENOSYS, so
 * that the C library takes another), or what one of the lists of tests, as a whole, agrees to.
 */
export type CallRule = 'allow' | 'absent' | readonly (readonly ArgumentTest[])[];

/** The calls that a process may make. What is not named is refused. */
export type SyscallPolicy = Partial<Readonly<Record<SyscallName, CallRule>>>;

/**
 * The filter program for one machine: a foreign architecture is killed, a call that the policy does not name answers
 * `errno`. Calls are tested in the policy's order. Kernels from 5.11 keep a bitmap of the calls that are allowed whatever
 * their arguments, and run the program for none of them.
 */
export function seccompProgram(machine: keyof typeof MACHINES, policy: SyscallPolicy, errno: number): FilterInstruction[] {
  const { column, arch } = MACHINES[machine];
  const refuse: FilterInstruction = [RETURN, 0, 0, SECCOMP_RET_ERRNO | (errno & 0xffff)];
  const program: FilterInstruction[] = [
    [LOAD, 0, 0, ARCH],
    [JUMP_EQUAL, 1, 0, arch],
    [RETURN, 0, 0, SECCOMP_RET_KILL_PROCESS],
    [LOAD, 0, 0, NR],
  ];
  if (machine === 'x64') program.push([JUMP_BITS, 0, 1, X32], refuse);
  for (const [name, rule] of Object.entries(policy) as [SyscallName, CallRule][]) {
    const number: number | undefined = SYSCALLS[name][column];
    if (number === undefined) continue;
    const verdict = compileRule(rule, refuse);
    // Each verdict ends in returns of its own, so that what it loads disturbs nobody.
    program.push([JUMP_EQUAL, 0, verdict.length, number], ...verdict);
  }
  program.push(refuse);
  return program;
}

function compileRule(rule: CallRule, refuse: FilterInstruction): FilterInstruction[] {
  if (rule === 'allow') return [[RETURN, 0, 0, SECCOMP_RET_ALLOW]];
  if (rule === 'absent') return [[RETURN, 0, 0, SECCOMP_RET_ERRNO | constants.errno.ENOSYS]];
  const alternatives = rule.map((tests) => {
    const body: FilterInstruction[] = [[RETURN, 0, 0, SECCOMP_RET_ALLOW]];
    for (const { argument, mask, is, wide } of [...tests].reverse()) {
      // x86-64 and arm64 are little endian: the low half comes first.
      const low = ARGUMENTS + 8 * argument;
      if (wide) body.unshift([LOAD, 0, 0, low + 4], [JUMP_EQUAL, 0, body.length, 0]);
      const test: FilterInstruction = [JUMP_EQUAL, 0, body.length, is >>> 0];
      if (mask === undefined) body.unshift([LOAD, 0, 0, low], test);
      else body.unshift([LOAD, 0, 0, low], [AND, 0, 0, mask >>> 0], test);
    }
    return body;
  });
  return [...alternatives.flat(), refuse];
}

/**
 * From now on the calls that `policy` does not name fail with `errno` (EPERM unless told otherwise) in every thread of
 * this process and in all that it starts. Sets "no new privileges". Throws `SysError`: ENOSYS on a machine that is neither
 * x86-64 nor arm64, or whatever the kernel answers.
 */
export function installSeccomp(policy: SyscallPolicy, errno: number = constants.errno.EPERM): void {
  const machine = process.arch;
  if (machine !== 'x64' && machine !== 'arm64') {
    throw new SysError('seccomp', constants.errno.ENOSYS, `no system call filter for ${machine}`);
  }
  const program = seccompProgram(machine, policy, errno);
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
