// SPDX-License-Identifier: Apache-2.0
/** A benchmark cannot be carried out. The message names the remedy. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}
