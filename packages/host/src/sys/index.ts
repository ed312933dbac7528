// SPDX-License-Identifier: Apache-2.0

export { closesAtOnce } from './closing.ts';
export { type DescriptorKind, descriptorKind } from './descriptor-kind.ts';
export { drain, eventfd, signal } from './eventfd.ts';
export { extendedAttribute } from './extended-attribute.ts';
export { faultGuardMissing } from './fault-guard.ts';
export { type Closer, canWrite, closeOnExec, Fd, setBlocking, setNonBlocking } from './fd.ts';
export { PAGE_SIZE } from './libc.ts';
export { Mapping } from './mapping.ts';
export { fileSize, memfd, memoryKind, punchHole, punchHoleAside, residentSize } from './memfd.ts';
export {
  limitResource,
  type Resource,
  resourceLimit,
  setDumpable,
  setNoNewPrivileges,
  setParentDeathSignal,
} from './process-limits.ts';
export { mappingsOf, openDescriptors, residentMemory } from './process-state.ts';
export { copyMemory, detach, viewAt } from './raw-memory.ts';
export {
  type ArgumentTest,
  type CallRule,
  type Instruction,
  installSeccomp,
  type SyscallPolicy,
  seccompProgram,
} from './seccomp.ts';
export { SysError } from './sys-error.ts';
export { SYSCALLS, type SyscallName } from './syscall-numbers.ts';
export {
  accept,
  connectUnix,
  endReceiving,
  hungUp,
  listenUnix,
  type Received,
  receive,
  send,
  socketpair,
} from './unix-socket.ts';
export { watch, watchWritable } from './watch.ts';
