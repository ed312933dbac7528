// SPDX-License-Identifier: Apache-2.0
/** What all guests of the benchmark ask for, and the copies that are compared with them. */
import { V4L2_PIX_FMT_NV12 } from '@paravideo/core';

export const FPS = 30;
export const PICTURE = { width: 1920, height: 1080, pixelformat: V4L2_PIX_FMT_NV12 } as const;
export const PICTURE_BYTES = (PICTURE.width * PICTURE.height * 3) / 2;
