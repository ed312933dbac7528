// SPDX-License-Identifier: Apache-2.0
/** Names of V4L2's numbers, from the table of constants itself. */
import * as constants from '../wire/v4l2/videodev2-constants.gen.ts';

const TABLE: readonly (readonly [string, number])[] = Object.entries(constants);
const cache = new Map<string, readonly (readonly [string, number])[]>();

function family(prefix: string): readonly (readonly [string, number])[] {
  let list = cache.get(prefix);
  if (list === undefined) {
    // Bits in their order; of several names of one value the shortest, which is the one without a history.
    list = TABLE.filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value] as const)
      .sort((a, b) => (a[1] >>> 0) - (b[1] >>> 0) || a[0].length - b[0].length);
    cache.set(prefix, list);
  }
  return list;
}

/** Name of a value without its prefix: `valueName('V4L2_FIELD_', 1)` is `NONE`; the number where it has no name. */
export function valueName(prefix: string, value: number): string {
  return family(prefix).find(([, v]) => v === value)?.[0] ?? String(value);
}

/** Names of the bits of a value; bits without a name as one hexadecimal number at the end. */
export function flagNames(prefix: string, value: number): string[] {
  const names: string[] = [];
  let rest = value >>> 0;
  for (const [name, bit] of family(prefix)) {
    const flag = bit >>> 0;
    if (flag === 0 || (flag & (flag - 1)) !== 0 || (rest & flag) === 0) continue;
    names.push(name);
    rest = (rest & ~flag) >>> 0;
  }
  if (rest !== 0) names.push(`0x${rest.toString(16)}`);
  return names;
}
