// SPDX-License-Identifier: Apache-2.0
/** Pictures as GStreamer lays them out: planar 4:2:0 with rows of a multiple of 4 bytes and an even number of them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ReferenceSize } from './reference.ts';

const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/**
 * MD5s of pictures of the given sizes that follow each other in a file, without their padding; whatever comes after them is summed as
 * one more.
 */
export function paddedMd5s(path: string, sizes: readonly ReferenceSize[]): readonly string[] {
  const bytes = readFileSync(path);
  const sums: string[] = [];
  let at = 0;
  for (const { width, height } of sizes) {
    const half = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
    const luma = { width, height, stride: roundUp(width, 4), rows: roundUp(height, 2) };
    const chroma = { ...half, stride: roundUp(half.width, 4), rows: half.height };
    const planes = [luma, chroma, chroma];
    if (at + planes.reduce((sum, { stride, rows }) => sum + stride * rows, 0) > bytes.length) break;
    const hash = createHash('md5');
    for (const plane of planes) {
      for (let row = at; row < at + plane.stride * plane.height; row += plane.stride)
        hash.update(bytes.subarray(row, row + plane.width));
      at += plane.stride * plane.rows;
    }
    sums.push(hash.digest('hex'));
  }
  if (at < bytes.length) sums.push(createHash('md5').update(bytes.subarray(at)).digest('hex'));
  return sums;
}
