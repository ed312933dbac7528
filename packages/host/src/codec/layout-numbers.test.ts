// SPDX-License-Identifier: Apache-2.0
import { type PictureLayout, pictureLayout } from '@paravideo/core';
import { describe, expect, it } from 'vitest';
import { DECODED_FORMATS } from '../av/index.ts';
import { layoutNumbers, readLayout } from './layout-numbers.ts';

describe('the numbers of a layout', () => {
  it.each(DECODED_FORMATS)('make the same layout again in the other process: format %i', (fourcc) => {
    const layout = pictureLayout(fourcc, 175, 143, 256) as PictureLayout;
    expect(readLayout({ fourcc, width: 175, height: 143 }, layoutNumbers(layout))).toEqual(layout);
  });
});
