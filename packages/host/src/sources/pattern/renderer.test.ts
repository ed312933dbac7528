// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import {
  type PictureLayout,
  pictureLayout,
  SourceError,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_RGB24,
  V4L2_PIX_FMT_YUV420M,
} from '@paravideo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naivePicture } from '../../../test/naive-picture.ts';
import type { ColourMatrix } from './colour.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRow } from './font.ts';
import { LINE_PITCH, textGeometry, textLines } from './overlay.ts';
import { PATTERN_FORMATS } from './pattern-capabilities.ts';
import { PatternRenderer, type PatternSettings, type PatternSubject } from './renderer.ts';
import { type PatternMoment, SCENES } from './scene.ts';

const PLAIN: PatternSettings = {
  pattern: 0,
  brightness: 128,
  contrast: 128,
  saturation: 128,
  hue: 0,
  hflip: false,
  vflip: false,
};
const MOMENT: PatternMoment = { sequence: 4711, time: 3_600_000_123, timeOfDay: ((13 * 60 + 45) * 60 + 9) * 1000 + 67 };

function layoutOf(fourcc: number, width: number, height: number, bytesPerLine?: number): PictureLayout {
  const layout = pictureLayout(fourcc, width, height, bytesPerLine);
  if (layout === undefined) throw new SourceError(`no layout for 0x${fourcc.toString(16)}`);
  return layout;
}

function render(
  layout: PictureLayout,
  settings: Partial<PatternSettings> = {},
  moment = MOMENT,
  matrix: ColourMatrix = 'rec709',
  subject: PatternSubject = { kind: 'scene' },
): Uint8Array[] {
  const memory = layout.sizes.map((size) => new Uint8Array(size));
  new PatternRenderer(layout, matrix, subject).render(memory, moment, { ...PLAIN, ...settings });
  return memory;
}

const name = (fourcc: number): string => Buffer.from(Uint32Array.of(fourcc).buffer).toString('latin1');
const mean = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length;

describe('the pattern renderer', () => {
  for (const fourcc of PATTERN_FORMATS) {
    it(`renders ${name(fourcc)} as the naive renderer does, in any pattern, size, stride, flip and colour setting`, () => {
      fc.assert(
        fc.property(
          fc.record({
            width: fc.integer({ min: 48, max: 80 }).map((half) => 2 * half),
            height: fc.integer({ min: 32, max: 50 }).map((half) => 2 * half),
            padding: fc.constantFrom(0, 0, 12),
            sequence: fc.nat(200_000_000),
            time: fc.nat(20_000_000),
            timeOfDay: fc.integer({ min: 0, max: 86_399_999 }),
            pattern: fc.nat(SCENES.length - 1),
            brightness: fc.integer({ min: 0, max: 255 }),
            contrast: fc.integer({ min: 0, max: 255 }),
            saturation: fc.integer({ min: 0, max: 255 }),
            hue: fc.integer({ min: -180, max: 180 }),
            hflip: fc.boolean(),
            vflip: fc.boolean(),
            matrix: fc.constantFrom<ColourMatrix>('rec601', 'rec709'),
            caption: fc.option(fc.constantFrom(['Door 3'], ['A Camera', 'x'.repeat(31), '~']), { nil: undefined }),
          }),
          ({ width, height, padding, sequence, time, timeOfDay, matrix, caption, ...settings }) => {
            const least = layoutOf(fourcc, width, height).colours[0]?.stride ?? 0;
            const layout = layoutOf(fourcc, width, height, least + padding);
            const moment = { sequence, time, timeOfDay };
            const subject: PatternSubject = { kind: 'scene', ...(caption === undefined ? {} : { caption }) };
            const expected = naivePicture(layout, matrix, moment, settings, subject);
            const actual = render(layout, settings, moment, matrix, subject);
            for (const [i, plane] of expected.entries()) expect(Buffer.compare(plane, actual[i] ?? new Uint8Array())).toBe(0);
          },
        ),
        { numRuns: 12 },
      );
    });
  }

  it.each([V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420M, V4L2_PIX_FMT_RGB24])(
    'copies the lines in the corner from one picture to the next, unless colours or flips change: format 0x%x',
    (fourcc) => {
      const layout = layoutOf(fourcc, 320, 240, fourcc === V4L2_PIX_FMT_RGB24 ? 1000 : 0);
      const subject: PatternSubject = { kind: 'scene', caption: ['A Camera', '320x240 30 fps'] };
      const renderer = new PatternRenderer(layout, 'rec601', subject);
      const memory = layout.sizes.map((size) => new Uint8Array(size));
      let sequence = 0;
      for (const hflip of [false, true]) {
        for (const hue of [0, 0, 90, 90]) {
          const moment = { ...MOMENT, sequence: sequence++, time: sequence * 500_000 };
          renderer.render(memory, moment, { ...PLAIN, hflip, hue, vflip: hue !== 0 });
          const expected = naivePicture(layout, 'rec601', moment, { ...PLAIN, hflip, hue, vflip: hue !== 0 }, subject);
          expect(memory.map((plane, i) => Buffer.compare(plane, expected[i] ?? new Uint8Array()))).toEqual(memory.map(() => 0));
        }
      }
    },
  );

  it('makes all frames the same where nothing is to move, in any pattern', () => {
    const layout = layoutOf(V4L2_PIX_FMT_GREY, 320, 180);
    for (let pattern = 0; pattern < SCENES.length; pattern++) {
      const pictures = [MOMENT, { sequence: 3, time: 4, timeOfDay: 5 }].map((moment) =>
        render(layout, { pattern }, moment, 'rec601', { kind: 'scene', still: true }),
      );
      expect(pictures[0]).toEqual(pictures[1]);
    }
  });

  it('renders the same into memory that held another picture, with whatever it remembers of it', () => {
    const layout = layoutOf(V4L2_PIX_FMT_NV12, 320, 240);
    const renderer = new PatternRenderer(layout, 'rec709');
    const memory = [new Uint8Array(layout.sizes[0] ?? 0)];
    for (let pattern = 0; pattern < SCENES.length; pattern++) {
      for (const hflip of [false, true]) {
        const moment = { ...MOMENT, sequence: pattern * 2, time: pattern * 777_777 };
        renderer.render(memory, moment, { ...PLAIN, pattern, hflip });
        expect(
          Buffer.compare(memory[0] ?? new Uint8Array(), render(layout, { pattern, hflip }, moment)[0] ?? new Uint8Array()),
        ).toBe(0);
      }
    }
  });

  it('makes the same bytes on every machine and in every version', () => {
    const hashes = SCENES.map(({ name: scene }, pattern) => {
      const hash = createHash('sha256');
      for (const plane of render(layoutOf(V4L2_PIX_FMT_YUV420M, 640, 360), { pattern })) hash.update(plane);
      return `${scene}: ${hash.digest('hex').slice(0, 16)}`;
    });
    expect(hashes).toMatchInlineSnapshot(`
      [
        "SMPTE Colour Bars: e539fb1c7c867868",
        "Moving Grey Ramp: d9782abcf03bd2b9",
        "Moving Rainbow: 5d11346ce176dd93",
        "Moving Checkerboard: a268d0a4652b59ed",
        "Crosshatch: ca1a2d5c7378e748",
        "Colour Cycle: 73558acacaa1f879",
        "Noise: c106b5fa95cba1b9",
      ]
    `);
  });

  it('agrees with itself between formats: NV12 and RGB3 of a frame show the same colours', () => {
    for (const [matrix, kr, kb] of [
      ['rec709', 0.2126, 0.0722],
      ['rec601', 0.299, 0.114],
    ] as const) {
      const [nv12] = render(layoutOf(V4L2_PIX_FMT_NV12, 640, 480), {}, MOMENT, matrix);
      const [rgb] = render(layoutOf(V4L2_PIX_FMT_RGB24, 640, 480), {}, MOMENT, matrix);
      let worst = 0;
      let compared = 0;
      for (let y = 0; y < 480; y += 2) {
        for (let x = 0; x < 640; x += 2) {
          const at = (dx: number, dy: number): number => ((y + dy) * 640 + x + dx) * 3;
          const pixel = rgb?.subarray(at(0, 0), at(0, 0) + 3) ?? new Uint8Array();
          // Only where the four pixels of a chroma sample are of one colour is there one colour to compare.
          const flat = [at(1, 0), at(0, 1), at(1, 1)].every(
            (other) => Buffer.compare(rgb?.subarray(other, other + 3) ?? new Uint8Array(), pixel) === 0,
          );
          if (!flat) continue;
          const luma = ((nv12?.[y * 640 + x] ?? 0) - 16) / 219;
          const chroma = 640 * 480 + (y / 2) * 640 + x;
          const pb = ((nv12?.[chroma] ?? 0) - 128) / 224;
          const pr = ((nv12?.[chroma + 1] ?? 0) - 128) / 224;
          const red = luma + 2 * (1 - kr) * pr;
          const blue = luma + 2 * (1 - kb) * pb;
          const green = (luma - kr * red - kb * blue) / (1 - kr - kb);
          for (const [i, value] of [red, green, blue].entries()) worst = Math.max(worst, Math.abs(255 * value - (pixel[i] ?? 0)));
          compared++;
        }
      }
      expect(compared).toBeGreaterThan(70_000);
      // Half a step of luma (0.58) and of the larger chroma factor (1.06) add up to less than 2 of 255.
      expect(worst).toBeLessThan(2);
    }
  });

  it('burns in the clock and the frame number, readable dot by dot, scaled with the picture', () => {
    for (const [width, height] of [
      [96, 64],
      [640, 480],
      [1920, 1080],
    ] as const) {
      const [grey] = render(layoutOf(V4L2_PIX_FMT_GREY, width, height));
      const box = textGeometry(width, height);
      const read = (line: number): string => {
        let text = '';
        for (let cell = 0; cell < 12; cell++) {
          const rows = Array.from({ length: GLYPH_HEIGHT }, (_, row) => {
            let bits = 0;
            for (let dot = 0; dot < GLYPH_WIDTH; dot++) {
              const x = box.textLeft + (cell * (GLYPH_WIDTH + 1) + dot) * box.scale + Math.floor(box.scale / 2);
              const y = box.textTop + (line * LINE_PITCH + row) * box.scale + Math.floor(box.scale / 2);
              bits = bits * 2 + ((grey?.[y * width + x] ?? 0) > 128 ? 1 : 0);
            }
            return bits;
          });
          const match = [...'0123456789:.#'].find((character) => rows.every((bits, row) => bits === glyphRow(character, row)));
          text += match ?? ' ';
        }
        return text.trim();
      };
      expect([read(0), read(1)]).toEqual(['13:45:09.067', '#00004711']);
    }
    expect(textLines({ sequence: 300_000_001, time: 0, timeOfDay: 86_399_999.9 })).toEqual(['23:59:59.999', '#00000001']);
  });

  it('makes no two frames the same, in any pattern', () => {
    const layout = layoutOf(V4L2_PIX_FMT_GREY, 320, 180);
    for (let pattern = 0; pattern < SCENES.length; pattern++) {
      const seen = new Set<string>();
      for (let i = 0; i < 30; i++) {
        // The same number and clock in all of them: it is the picture that moves.
        const moment = { ...MOMENT, time: Math.round((i * 1e6) / 30) };
        seen.add(
          createHash('sha1')
            .update(render(layout, { pattern }, moment)[0] ?? '')
            .digest('hex'),
        );
      }
      expect(seen.size).toBe(30);
    }
  });
});

describe('the controls', () => {
  const layout = layoutOf(V4L2_PIX_FMT_YUV420M, 640, 480);

  it('flip: the picture is mirrored, to the last pixel', () => {
    const grey = layoutOf(V4L2_PIX_FMT_GREY, 640, 480);
    for (let pattern = 0; pattern < SCENES.length; pattern++) {
      const [plain] = render(grey, { pattern });
      const rows = Array.from({ length: 480 }, (_, y) => Buffer.from(plain?.subarray(y * 640, (y + 1) * 640) ?? []));
      const upside = Buffer.concat(rows.toReversed());
      const mirrored = Buffer.concat(rows.map((row) => Buffer.from(row.toReversed())));
      expect(upside.equals(render(grey, { pattern, vflip: true })[0] ?? new Uint8Array())).toBe(true);
      expect(mirrored.equals(render(grey, { pattern, hflip: true })[0] ?? new Uint8Array())).toBe(true);
    }
  });

  it('saturation: 0 is grey, more is more colour, the luma stays where no colour is cut off', () => {
    const [, cb, cr] = render(layout, { saturation: 0 });
    expect(cb?.every((value) => value === 128)).toBe(true);
    expect(cr?.every((value) => value === 128)).toBe(true);
    const spread = (saturation: number): number =>
      mean((render(layout, { saturation })[1] ?? new Uint8Array()).map((value) => Math.abs(value - 128)));
    expect(spread(64)).toBeGreaterThan(0.4 * spread(128));
    expect(spread(64)).toBeLessThan(0.6 * spread(128));
    expect(spread(200)).toBeGreaterThan(spread(128));
  });

  it('brightness: shifts the luma by its step, and the chroma of grey stays', () => {
    const luma = (brightness: number): number => mean(render(layout, { pattern: 1, brightness })[0] ?? new Uint8Array());
    expect(luma(160) - luma(128)).toBeGreaterThan(20);
    expect(luma(160) - luma(128)).toBeLessThan(28);
    expect(luma(128) - luma(96)).toBeGreaterThan(20);
    expect(luma(128) - luma(96)).toBeLessThan(28);
    expect(luma(255)).toBeGreaterThan(luma(160));
  });

  it('contrast: 0 is one flat grey, less brings luma nearer to the middle', () => {
    const flat = render(layout, { contrast: 0, saturation: 0 })[0] ?? new Uint8Array();
    expect(new Set(flat).size).toBe(1);
    const range = (contrast: number): number => {
      const luma = render(layout, { pattern: 3, contrast })[0] ?? new Uint8Array();
      return luma.reduce((most, value) => Math.max(most, value), 0) - luma.reduce((least, value) => Math.min(least, value), 255);
    };
    expect(range(64)).toBeLessThan(0.6 * range(128));
  });

  it('hue: half a turn makes blue of yellow, and the luma stays', () => {
    // Little contrast and colour, so that no colour is cut off.
    const [plainY, plainCb] = render(layout, { saturation: 48, contrast: 64 });
    const [turnedY, turnedCb] = render(layout, { saturation: 48, contrast: 64, hue: 180 });
    for (let i = 0; i < (plainCb?.length ?? 0); i++) {
      expect(Math.abs((plainCb?.[i] ?? 0) + (turnedCb?.[i] ?? 0) - 256)).toBeLessThanOrEqual(2);
    }
    expect(Math.abs(mean(plainY ?? new Uint8Array()) - mean(turnedY ?? new Uint8Array()))).toBeLessThan(1);
  });

  it('pattern: every entry of the menu is another picture, and there is none outside it', () => {
    const pictures = SCENES.map((_, pattern) =>
      createHash('sha1')
        .update(render(layout, { pattern })[0] ?? '')
        .digest('hex'),
    );
    expect(new Set(pictures).size).toBe(SCENES.length);
    expect(() => render(layout, { pattern: SCENES.length })).toThrow(SourceError);
  });

  it('are not confused by sizes or formats that cannot be rendered', () => {
    expect(() => render(layoutOf(V4L2_PIX_FMT_GREY, 101, 64))).toThrow(SourceError);
    expect(() => render({ ...layout, fourcc: 0x31323334 })).toThrow(SourceError);
    expect(() => render({ ...layout, colours: layout.colours.slice(0, 2) })).toThrow(SourceError);
  });
});
