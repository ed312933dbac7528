// SPDX-License-Identifier: Apache-2.0
/** A child that closes the door of a codec process, tries every call that is not on its list, and says what came of it. */

import { SYSCALLS, type SyscallName } from '../../../sys/index.ts';
import { rawSyscall } from '../../../sys/testing/raw-syscall.ts';
import { allowedCalls } from '../allowed-calls.ts';
import { ParentLink } from '../parent-link.ts';
import { bindToParent, enterSandbox } from '../sandbox.ts';

bindToParent(Number(process.argv[2]));
const link = new ParentLink(() => {});
const column = process.arch === 'x64' ? 0 : 1;
const listed: readonly (number | undefined)[] = (Object.keys(allowedCalls('codec', 1)) as SyscallName[]).map(
  (name) => SYSCALLS[name][column],
);
// x86-64's uretprobe and uprobe end whoever calls them from elsewhere than a probe.
const probes: readonly number[] = process.arch === 'x64' ? [335, 336] : [];
await enterSandbox({ kind: 'codec', dataBytes: 2 ** 32 });
let tried = 0;
const answered: number[] = [];
for (let number = 0; number < 1024; number += 1) {
  if (listed.includes(number) || probes.includes(number)) continue;
  tried += 1;
  const answer = rawSyscall(number);
  if (answer !== -1 && answer !== -38) answered.push(number);
}
link.send([tried, ...answered]);
for (;;) link.exchange(true);
