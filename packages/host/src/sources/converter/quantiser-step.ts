// SPDX-License-Identifier: Apache-2.0

/** The coarsest step that FFmpeg's coder has, and the finest. */
export const WORST_STEP = 31;
/** See WORST_STEP. */
export const LEAST_STEP = 1;

/** The mean of JPEG's own luma table (ITU-T T.81, K.1) to that of the table which FFmpeg multiplies, MPEG-1's in eighths. */
const STANDARD_STEP = 16;

/**
 * The step of FFmpeg's coder for a quality from 1 to 100, as programs know it from the Independent JPEG Group's: 50 is JPEG's own table,
 * above it is that table times 2 - quality / 50, and below it times 50 / quality.
 */
export function quantiserStep(quality: number): number {
  const scale = quality < 50 ? 50 / quality : 2 - quality / 50;
  return Math.min(WORST_STEP, Math.max(LEAST_STEP, STANDARD_STEP * scale));
}
