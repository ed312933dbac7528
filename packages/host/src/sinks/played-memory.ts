// SPDX-License-Identifier: Apache-2.0
import { type PictureLayout, pictureLayout } from '@paravideo/core';
import { FramePool } from '../sources/index.ts';
import type { OutputSink } from './sink-adapter.ts';
import { takenFormat } from './sink-feed.ts';

/**
 * Bytes of frames that there are while a guest plays pictures of a layout: those of the output, those of each format that they are
 * converted to, and those that sinks keep themselves.
 * @param made V4L2 formats that they can be converted to
 */
export function playedMemory(layout: PictureLayout, sinks: readonly OutputSink[], made: readonly number[]): number {
  const { width, height } = layout;
  const converted = new Map<number, PictureLayout>();
  let kept = 0;
  for (const sink of sinks) {
    const fourcc = takenFormat(layout.fourcc, made, sink.formats);
    const taken = fourcc === undefined || fourcc === layout.fourcc ? layout : pictureLayout(fourcc, width, height);
    if (fourcc === undefined || taken === undefined) continue;
    if (taken !== layout) converted.set(fourcc, taken);
    kept += sink.frameBytes?.(taken) ?? 0;
  }
  return [layout, ...converted.values()].reduce((sum, each) => sum + FramePool.bytes(each), kept);
}
