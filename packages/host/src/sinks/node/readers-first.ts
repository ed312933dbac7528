// SPDX-License-Identifier: Apache-2.0
import { V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_YUYV } from '@paravideo/core';
import { RAW_FORMATS } from '../../sources/index.ts';

/** What most programs that read a camera take, the most first. */
const READ = [V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_YUV420, V4L2_PIX_FMT_NV12];

/** The raw ones of a node's formats that can be made, in the order in which its readers like them. */
export function readersFirst(formats: readonly number[]): readonly number[] {
  const order = [...READ, ...RAW_FORMATS.filter((fourcc) => !READ.includes(fourcc))];
  return order.filter((fourcc) => formats.includes(fourcc));
}
