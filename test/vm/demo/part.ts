// SPDX-License-Identifier: Apache-2.0
/** One line of the demonstration's table. */
export interface DemoLine {
  readonly what: string;
  readonly frames: number;
  /** frames whose bytes are those of the host's own decode */
  readonly equal: number;
  readonly millis: number;
  readonly picture: string;
  readonly verdict: 'equal' | 'different';
}

/** Counts the sums that are in the same place in both lists, and judges: every one has to be, and there have to be as many. */
export function compare(
  got: readonly (string | undefined)[],
  want: readonly string[],
): Pick<DemoLine, 'frames' | 'equal' | 'verdict'> {
  const equal = got.filter((sum, i) => sum !== undefined && sum === want[i]).length;
  return { frames: got.length, equal, verdict: equal === want.length && got.length === want.length ? 'equal' : 'different' };
}
