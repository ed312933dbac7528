// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { PASSING } from '../../sys/index.ts';

/**
 * Bytes from one row to the next in each colour plane of frames as libcamera brings them, told by how long their planes are; undefined
 * if no picture of the layout is that long. `cam` never says them.
 * @param layout of one memory plane
 * @param lengths of the planes, which libcamera may have put together into one
 */
export function camStrides({ colours }: PictureLayout, lengths: readonly number[]): readonly number[] | undefined {
  const [first] = colours;
  if (first === undefined) return undefined;
  const apart = lengths.length === colours.length;
  if (!apart && lengths.length !== 1) return undefined;
  const packed = colours.reduce((sum, { rows, lineBytes }) => sum + rows * lineBytes, 0);
  const strides = colours.map(({ rows, lineBytes }, i) =>
    apart ? (lengths[i] ?? 0) / rows : ((lengths[0] ?? 0) * lineBytes) / packed,
  );
  const fits = (stride: number, i: number): boolean => {
    const lineBytes = colours[i]?.lineBytes ?? 0;
    return Number.isInteger(stride) && stride >= lineBytes && stride - lineBytes <= PASSING.length;
  };
  return strides.every(fits) ? strides : undefined;
}
