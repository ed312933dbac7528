// SPDX-License-Identifier: Apache-2.0

/** Lines of a configuration that was asked for and are not in the one that the kernel made of it. */
export function notTaken(asked: string, made: string): readonly string[] {
  const there = new Set(made.split('\n'));
  return asked.split('\n').filter((line) => /^CONFIG_\w+=/.test(line) && !there.has(line));
}
