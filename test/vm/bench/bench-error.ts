// SPDX-License-Identifier: Apache-2.0
/** A benchmark in a guest could not be run. The message says why. */
export class VmBenchError extends Error {
  override readonly name = 'BenchError';
}
