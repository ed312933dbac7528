// SPDX-License-Identifier: Apache-2.0
import { formatInfo, type PictureLayout, pictureLayout } from '../../picture/index.ts';
import { type PlaneStorage, storedBytes } from '../../ports/buffer-memory.ts';
import type { CapturedFrame } from '../../ports/capture.ts';
import type { Conversion, Converter } from '../../ports/converter.ts';
import type { Frame } from '../../ports/frame-source.ts';
import { V4L2_FIELD_NONE } from '../../wire/index.ts';
import { demand, demandSame, type PortCase } from './port-case.ts';

/** What the suite needs of a converter under test: a fresh one for each case. */
export interface ConverterFixture {
  readonly converter: Converter;
  /** Lets it make what it was asked for. */
  step(): Promise<void>;
  /** the bytes that a plane names */
  read(storage: PlaneStorage): Uint8Array;
  close(): void | Promise<void>;
}

const COLOURS = { colorspace: 0, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };
/** Every byte of the pictures: a middle grey in each format. */
const GREY = 128;
const QUALITY = 80;

const isCoded = (fourcc: number): boolean => formatInfo(fourcc)?.model === 'coded';

/** The conformance suite of the `Converter` port. */
export function converterSuite(open: () => ConverterFixture | Promise<ConverterFixture>): PortCase[] {
  const one = (title: string, run: (fixture: ConverterFixture) => Promise<void>): PortCase => ({
    title,
    run: async () => {
      const fixture = await open();
      try {
        await run(fixture);
      } finally {
        await fixture.close();
      }
    },
  });
  return [
    one(
      'every format that it reads becomes every raw one that it makes, with the bytes of its layout, and stays grey',
      async (f) => {
        for (const from of f.converter.reads) {
          for (const to of f.converter.makes.filter((fourcc) => !isCoded(fourcc))) {
            const layout = layoutOf(to, 48, 32);
            const conversion = f.converter.open(layoutOf(from, 32, 16), layout, COLOURS, QUALITY);
            const picture = await made(f, conversion, frameOf(layoutOf(from, 32, 16), 1));
            demandSame(picture.planes.map(storedBytes), layout.sizes, `planes of ${to} made of ${from}`);
            const [first] = picture.planes;
            // In the middle of the first line of pixels that are not beside the picture.
            const stride = layout.colours[0]?.stride ?? 0;
            const value = first === undefined ? undefined : f.read(first)[stride * 16 + (stride >> 1)];
            demand(Math.abs((value ?? 0) - GREY) < 16, `grey of ${from} is grey in ${to}: ${value}`);
            picture.release();
            conversion.close();
          }
        }
      },
    ),
    one('every format that it reads becomes every coded one that it makes, as long as it came out', async (f) => {
      for (const from of f.converter.reads) {
        for (const to of f.converter.makes.filter(isCoded)) {
          const layout = layoutOf(to, 48, 32);
          const conversion = f.converter.open(layoutOf(from, 32, 16), layout, COLOURS, QUALITY);
          const picture = await made(f, conversion, frameOf(layoutOf(from, 32, 16), 1));
          const [bytes = 0, ...more] = picture.planes.map(storedBytes);
          demand(more.length === 0 && bytes > 0 && bytes < (layout.sizes[0] ?? 0), `${to} made of ${from} has ${bytes} bytes`);
          picture.release();
          conversion.close();
        }
      }
    }),
    one('pictures come in the order in which they were asked for, with number and time of their frames', async (f) => {
      const conversion = opened(f);
      const order: number[] = [];
      const pictures = [5, 6, 9].map((sequence) =>
        conversion.convert(frameOf(from(f), sequence)).then((picture) => {
          order.push(sequence);
          return picture;
        }),
      );
      await f.step();
      const got = await Promise.all(pictures);
      demandSame(order, [5, 6, 9], 'order of the pictures');
      demandSame(
        got.map((picture) => [picture?.sequence, picture?.timestamp]),
        [5, 6, 9].map((sequence) => [sequence, 1000 * sequence]),
        'numbers and times',
      );
      for (const picture of got) picture?.release();
      conversion.close();
    }),
    one('pictures that were released make room for others, without end', async (f) => {
      const conversion = opened(f);
      for (let i = 0; i < 40; i++) (await made(f, conversion, frameOf(from(f), i))).release();
      conversion.close();
    }),
    one('a picture stays as it is when its conversion is closed and others are made', async (f) => {
      const conversion = opened(f);
      const kept = await made(f, conversion, frameOf(from(f), 1));
      const before = kept.planes.map((plane) => f.read(plane).slice());
      conversion.close();
      const other = opened(f);
      (await made(f, other, frameOf(from(f), 2, 16))).release();
      demandSame(
        kept.planes.map((plane) => [...f.read(plane)]),
        before.map((bytes) => [...bytes]),
        'the picture',
      );
      kept.release();
      other.close();
    }),
  ];
}

function from(f: ConverterFixture): PictureLayout {
  return layoutOf(f.converter.reads[0] ?? 0, 32, 16);
}

function opened(f: ConverterFixture): Conversion {
  return f.converter.open(from(f), layoutOf(f.converter.makes[1] ?? 0, 32, 16), COLOURS, QUALITY);
}

async function made(f: ConverterFixture, conversion: Conversion, frame: Frame): Promise<CapturedFrame> {
  const asked = conversion.convert(frame);
  await f.step();
  const picture = await asked;
  demand(picture !== undefined, `a picture is made of frame ${frame.sequence}`);
  return picture;
}

function layoutOf(fourcc: number, width: number, height: number): PictureLayout {
  const layout = pictureLayout(fourcc, width, height);
  demand(layout !== undefined, `format ${fourcc} has a layout`);
  return layout;
}

function frameOf(layout: PictureLayout, sequence: number, value = GREY): Frame {
  return {
    sequence,
    timestamp: 1000 * sequence,
    field: V4L2_FIELD_NONE,
    planes: layout.sizes.map((size) => ({ kind: 'bytes', bytes: new Uint8Array(size).fill(value) })),
    retain: () => {},
    release: () => {},
  };
}
