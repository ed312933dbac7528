// SPDX-License-Identifier: Apache-2.0
/** Whole streams through a decoder device, with the driver's own decoder client. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StatefulDecoderClient } from '../../driver/index.ts';
import { TOY_FOURCC, ToyGuest, toyChunk, toyFiller, toyHeader, toyPicture, toyPlanes, toyStamp } from '../../testing/index.ts';

const { min } = Math;

let guest: ToyGuest;

beforeEach(async () => {
  guest = await ToyGuest.start();
});

afterEach(async () => {
  await guest.rest();
  expect(guest.transport.bugs).toEqual([]);
  expect([guest.device.sessions, guest.factory.live]).toEqual([0, 0]);
  await guest.close();
});

describe('a program that follows dev-decoder', () => {
  test('decodes a stream with reordering and two changes of resolution', async () => {
    const sizes = [
      { width: 64, height: 48 },
      { width: 128, height: 96 },
      { width: 32, height: 32 },
    ];
    const chunks = sizes.flatMap((size, s) =>
      [0, 3, 1, 2, 4].map((n, i) => {
        const number = s * 10 + n;
        const picture = toyPicture(number, i === 0 ? 'key' : 'p');
        const bytes = i === 0 ? toyChunk(toyHeader({ ...size, depth: 2 }), picture) : picture;
        return { bytes, timestamp: toyStamp(number) };
      }),
    );
    const program = await StatefulDecoderClient.open(guest.driver, { coded: TOY_FOURCC, inputSize: 4096 });
    const seen: number[] = [];
    for await (const picture of program.decode(chunks)) {
      const number = seen.length + (seen.length >= 10 ? 10 : seen.length >= 5 ? 5 : 0);
      seen.push(number);
      expect(picture.timestamp).toEqual(toyStamp(number));
      const right = toyPlanes(picture.layout, number);
      expect(picture.planes.every((plane, i) => plane.every((byte, j) => byte === right[i]?.[j]))).toBe(true);
      expect(picture.layout.width).toBe(sizes[min(2, Math.floor(number / 10))]?.width);
    }
    expect(seen).toHaveLength(15);
    expect(program.stats.resolutionChanges).toBe(2);
    await program.close();
  });

  test('ends a stream of one chunk, and one without any header', async () => {
    for (const [bytes, expected] of [
      [toyChunk(toyHeader({ depth: 2 }), toyPicture(3, 'key')), 1],
      [toyFiller(), 0],
    ] as const) {
      const program = await StatefulDecoderClient.open(guest.driver, { coded: TOY_FOURCC, inputSize: 4096 });
      let seen = 0;
      for await (const picture of program.decode([{ bytes, timestamp: toyStamp(1) }])) seen += picture.error ? 0 : 1;
      expect(seen).toBe(expected);
      await program.close();
    }
  });
});
