// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { fourcc, type PictureSize } from '../../picture/index.ts';
import type { SourceModes } from '../../ports/index.ts';
import { SolidSource } from '../../testing/index.ts';
import { listModes } from './mode-list.ts';

const NV12 = fourcc('NV12');
const GREY = fourcc('GREY');
const parse = (text: string): PictureSize => {
  const [width = 0, height = 0] = text.split('x').map(Number);
  return { width, height };
};

/** A source that scales to anything: from 96x64 to 4096x2160 in NV12, half of that in GREY; 5 to 120 frames a second. */
const scaling = (more: Partial<SourceModes> = {}): SourceModes => ({
  ...new SolidSource().capabilities,
  defaultSize: { width: 1280, height: 720 },
  sizes: (format) => ({
    kind: 'stepwise',
    range: {
      minWidth: 96,
      maxWidth: format === NV12 ? 4096 : 640,
      stepWidth: 2,
      minHeight: 64,
      maxHeight: format === NV12 ? 2160 : 480,
      stepHeight: 2,
    },
  }),
  intervals: () => ({ kind: 'continuous', min: { numerator: 1, denominator: 120 }, max: { numerator: 1, denominator: 5 } }),
  ...more,
});
const COMMON = ['160x120', '320x240', '640x480', '1280x720', '1920x1080', '2560x1440', '3840x2160'].map(parse);

function sizes(capabilities: SourceModes, format = NV12): string[] {
  const listed = capabilities.sizes(format);
  if (listed.kind !== 'discrete') expect.unreachable('a list');
  return listed.sizes.map(({ width, height }) => `${width}x${height}`);
}

function rates(capabilities: SourceModes, width = 640, height = 480): number[] {
  const listed = capabilities.intervals(NV12, width, height);
  if (listed.kind !== 'discrete') expect.unreachable('a list');
  return listed.intervals.map(({ numerator, denominator }) => Number((denominator / numerator).toFixed(2)));
}

describe("the list of a camera's sizes and rates", () => {
  it('begins with the default, goes on from small to large, and ends at 1080p30', () => {
    const list = listModes(scaling({ commonSizes: COMMON }));
    expect(sizes(list)).toEqual(['1280x720', '160x120', '320x240', '640x480', '1920x1080']);
    expect(rates(list)).toEqual([30, 25, 24, 20, 15, 10, 5]);
  });

  it('begins with what the configuration asks for, and ends there if that is more', () => {
    const o = { size: parse('3840x2160'), interval: { numerator: 1, denominator: 60 } };
    const list = listModes(scaling({ commonSizes: COMMON }), o);
    expect(list).toMatchObject({ defaultSize: o.size, defaultInterval: o.interval });
    expect(sizes(list)).toEqual(['3840x2160', '160x120', '320x240', '640x480', '1280x720', '1920x1080', '2560x1440']);
    expect(rates(list)).toEqual([60, 50, 30, 25, 24, 20, 15, 10, 5]);
  });

  it('begins with a size and a rate of the configuration that no list would have', () => {
    const list = listModes(scaling({ commonSizes: COMMON }), {
      size: parse('642x402'),
      interval: { numerator: 1001, denominator: 30000 },
    });
    expect(sizes(list)).toEqual(['642x402', '160x120', '320x240', '640x480', '1280x720', '1920x1080']);
    expect(rates(list)).toEqual([29.97, 30, 25, 24, 20, 15, 10, 5]);
  });

  it('is that of the configuration where there is one, however large', () => {
    const list = listModes(scaling({ commonSizes: COMMON }), {
      size: parse('640x480'),
      sizes: ['3840x2160', '640x480', '320x240', '320x240'].map(parse),
      intervals: [10, 120, 10].map((denominator) => ({ numerator: 1, denominator })),
    });
    expect(sizes(list)).toEqual(['640x480', '320x240', '3840x2160']);
    expect(rates(list)).toEqual([30, 120, 10]);
  });

  it('leaves out the sizes that a format cannot have', () => {
    const list = listModes(scaling({ commonSizes: COMMON }));
    expect(sizes(list, GREY)).toEqual(['160x120', '320x240', '640x480']);
  });

  it.each([
    ['1280x534', ['1280x534', '288x120', '432x180', '576x240', '862x360']],
    ['1080x1920', ['1080x1920', '120x214', '180x320', '240x426', '360x640', '540x960', '720x1280']],
    ['320x180', ['320x180', '214x120']],
    ['98x64', ['98x64']],
  ])('keeps the shape of a source that has one (%s)', (native, listed) => {
    expect(sizes(listModes(scaling({ defaultSize: parse(native) })))).toEqual(listed);
  });

  it('leaves out the size of a large film when the configuration asks for less', () => {
    const film = scaling({ defaultSize: parse('3840x2160') });
    expect(sizes(listModes(film)).slice(0, 1)).toEqual(['3840x2160']);
    expect(sizes(listModes(film, { size: parse('1280x720') })).at(-1)).toBe('1920x1080');
  });

  it('is all that the source lists, where the source has a list', () => {
    const list = listModes(new SolidSource().capabilities, { size: parse('128x96') });
    expect(sizes(list)).toEqual(['128x96', '64x48']);
    expect(rates(list)).toEqual([30, 60]);
  });
});
