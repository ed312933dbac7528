// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { FORMATS, formatInfo, fourcc, fourccName } from './index.ts';

describe('FORMATS', () => {
  it('names each format once, with a description that ENUM_FMT can carry', () => {
    expect(new Set(FORMATS.map((info) => info.fourcc)).size).toBe(FORMATS.length);
    for (const info of FORMATS) {
      expect(info.description.length).toBeLessThan(32);
      expect(formatInfo(info.fourcc)).toBe(info);
    }
  });

  it('turns codes into numbers and back', () => {
    expect(fourcc('NV12')).toBe(0x3231564e);
    expect(fourccName(0x3231564e)).toBe('NV12');
    expect(fourccName(0)).toBe('....');
  });
});
