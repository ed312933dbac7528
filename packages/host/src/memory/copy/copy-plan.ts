// SPDX-License-Identifier: Apache-2.0
/** Which bytes go where: scatter lists against scatter lists, cut at the seams of both. */

/** A run of memory of this process, by its bare address. */
export interface MemoryRun {
  readonly address: number;
  readonly length: number;
}

/** The bytes of a list of runs, as one run after the other. */
export function totalLength(runs: readonly MemoryRun[]): number {
  return runs.reduce((sum, run) => sum + run.length, 0);
}

/** The part of a list that is `length` bytes long and begins `offset` bytes in; shorter if the list ends before. */
export function slice(runs: readonly MemoryRun[], offset: number, length: number): MemoryRun[] {
  const part: MemoryRun[] = [];
  let skip = offset;
  let left = length;
  for (const run of runs) {
    if (left === 0) break;
    if (skip >= run.length) {
      skip -= run.length;
      continue;
    }
    const take = Math.min(run.length - skip, left);
    part.push({ address: run.address + skip, length: take });
    skip = 0;
    left -= take;
  }
  return part;
}

/**
 * Appends to `steps` the copies that move `from` to `to`, as triples (to, from, length), as many bytes as both have. Runs
 * that touch in both lists become one copy.
 */
export function planCopy(from: readonly MemoryRun[], to: readonly MemoryRun[], steps: number[]): void {
  let [source, target] = [0, 0];
  let [sourceAt, targetAt] = [0, 0];
  const first = steps.length;
  for (;;) {
    const reading = from[source];
    const writing = to[target];
    if (reading === undefined || writing === undefined) return;
    const length = Math.min(reading.length - sourceAt, writing.length - targetAt);
    if (length > 0) {
      const toAddress = writing.address + targetAt;
      const fromAddress = reading.address + sourceAt;
      const last = steps.length - 3;
      const lastLength = steps[last + 2] ?? 0;
      if (last >= first && steps[last] === toAddress - lastLength && steps[last + 1] === fromAddress - lastLength) {
        steps[last + 2] = lastLength + length;
      } else {
        steps.push(toAddress, fromAddress, length);
      }
    }
    sourceAt += length;
    targetAt += length;
    if (sourceAt === reading.length) {
      source++;
      sourceAt = 0;
    }
    if (targetAt === writing.length) {
      target++;
      targetAt = 0;
    }
  }
}
