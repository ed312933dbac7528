// SPDX-License-Identifier: Apache-2.0
/** Why a file cannot be shown; the index is what the process of the file says. */
export const UNUSABLE = ['unknown', 'cut', 'no-video', 'encrypted', 'grid', 'no-decoder', 'no-picture'] as const;

/** One of the reasons. */
export type UnusableReason = (typeof UNUSABLE)[number];

const TEXTS: Readonly<Record<UnusableReason, string>> = {
  unknown: 'it is no film and no picture of a kind that is known here: give another file, or convert this one with ffmpeg',
  cut: 'the file ends in the middle, and its index is missing: copy or record it again, to the end',
  'no-video': 'it has no video stream, only sound or text: give a file with pictures',
  encrypted: 'it is encrypted: give a copy without protection',
  grid: 'its picture is put together from tiles (an image grid of HEIF or AVIF), which is not done here: convert it to PNG or JPEG',
  'no-decoder': 'there is no decoder for its codec: convert it, with ffmpeg for instance, to H.264',
  'no-picture': 'no picture of its video stream can be decoded: it is damaged, or ends before the first one',
};

/** The reason with this index, and what to do about it, for people. */
export function unusableText(index: number): string {
  return TEXTS[UNUSABLE[index] ?? 'unknown'];
}
