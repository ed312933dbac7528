// SPDX-License-Identifier: Apache-2.0
import type { FormatInfo } from '../../picture/index.ts';
import { V4L2_FMT_FLAG_COMPRESSED, V4L2_FMT_FLAG_DYN_RESOLUTION } from '../../wire/index.ts';

/** V4L2_FMT_FLAG_* of a format, as VIDIOC_ENUM_FMT tells them. */
export function formatFlags(info: FormatInfo): number {
  if (info.model !== 'coded') return 0;
  return V4L2_FMT_FLAG_COMPRESSED | (info.sizeInStream ? V4L2_FMT_FLAG_DYN_RESOLUTION : 0);
}
