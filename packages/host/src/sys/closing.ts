// SPDX-License-Identifier: Apache-2.0
import { descriptorKind } from './descriptor-kind.ts';
import type { Fd } from './fd.ts';
import { knowsSeals } from './memfd.ts';

/**
 * True if closing a descriptor waits for nobody, since the kernel alone is behind it. Otherwise close(2) may wait for ever, and nothing
 * interrupts it: a file of a FUSE server or of a network is flushed, a TCP socket lingers, and the last descriptor of a Unix socket
 * closes what was sent through it and never received.
 */
export function closesAtOnce(fd: Fd): boolean {
  if (knowsSeals(fd)) return true;
  try {
    const kind = descriptorKind(fd);
    return kind === 'eventfd' || kind === 'pipe';
  } catch {
    // There is no descriptor left to look with.
    return false;
  }
}
