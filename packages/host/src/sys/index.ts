// SPDX-License-Identifier: Apache-2.0

export { become } from './become.ts';
export { closesAtOnce } from './closing.ts';
export { type DescriptorKind, descriptorKind } from './descriptor-kind.ts';
export { type EdgeInterest, EdgePoll } from './edge-poll.ts';
export { drain, eventfd, signal, waitForRing } from './eventfd.ts';
export { extendedAttribute } from './extended-attribute.ts';
export { faultGuardMissing } from './fault-guard.ts';
export { canRead, canWrite, closeOnExec, Fd, type FdCloser, setBlocking, setNonBlocking } from './fd.ts';
export { ioctl, type Pinned, pinned } from './ioctl.ts';
export { landlockVersion, type ReachableFiles, restrictFiles } from './landlock.ts';
export { PAGE_SIZE } from './libc.ts';
export { fileSize, memfd, memoryKind, punchHole, punchHoleAside, residentSize } from './memfd.ts';
export { MemoryMapping } from './memory-mapping.ts';
export { growPipe, makeFifo, pipe, takeOver } from './pipe.ts';
export {
  limitResource,
  type ProcessResource,
  resourceLimit,
  setDumpable,
  setNoNewPrivileges,
  setParentDeathSignal,
} from './process-limits.ts';
export { mappingsOf, openDescriptors, processorTime, residentMemory, threadTime, threadTimes } from './process-state.ts';
export { copyMemory, detach, viewAt } from './raw-memory.ts';
export { type MemorySpan, PASSING, readInto, receiveInto } from './scatter-read.ts';
export {
  type ArgumentTest,
  type CallRule,
  type FilterInstruction,
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
  listenOrReplace,
  listenUnix,
  type ReceivedMessage,
  receive,
  send,
  socketpair,
} from './unix-socket.ts';
export { watch, watchWritable } from './watch.ts';
