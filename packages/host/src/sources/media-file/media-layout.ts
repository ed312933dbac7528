// SPDX-License-Identifier: Apache-2.0
import type { PictureLayout } from '@paravideo/core';
import { RAW_FORMATS, RAW_PICTURES, rawPicture } from '../scaling/raw-pictures.ts';

/** Formats that a media file is converted to, preferred one first. */
export const MEDIA_FORMATS: readonly number[] = RAW_FORMATS;

/** A layout in the numbers of an `open` message; `slot` says where each memory plane begins. Undefined for a format that is not in MEDIA_FORMATS. */
export function mediaLayout(
  layout: PictureLayout,
  slot: readonly { readonly offset: number }[],
): { readonly format: number; readonly fullRange: boolean; readonly planes: readonly number[] } | undefined {
  const picture = rawPicture(layout);
  if (picture === undefined) return undefined;
  const planes = picture.colours.flatMap(({ buffer, offset, stride, rows, lineBytes }) => [
    (slot[buffer]?.offset ?? 0) + offset,
    stride,
    rows,
    lineBytes,
  ]);
  return { format: RAW_PICTURES.indexOf(picture.name), fullRange: picture.fullRange, planes };
}
