// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { DecoderDevice } from '../../device/decoder/decoder-device.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { mediaTransport } from '../../testing/media-transport.ts';
import { ToyDecoderFactory } from '../../testing/toy-decoder.ts';
import { TOY_FOURCC, toyChunk, toyCrash, toyFiller, toyHeader, toyPicture, toyPlanes } from '../../testing/toy-stream.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { V4L2_PIX_FMT_NV12, V4L2_PIX_FMT_YUV420M } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { MediaDriver, type MediaDriverOptions } from '../media/media-driver.ts';
import { StatefulDecoderClient } from './decoder-client.ts';
import type { ClientPicture, CodedChunk, DecoderClientOptions } from './decoder-client-types.ts';

async function rig(o: Partial<DecoderClientOptions> = {}, driverOptions: MediaDriverOptions = {}) {
  const transport = mediaTransport({
    device: ({ arena, access }) =>
      new DecoderDevice({ factory: new ToyDecoderFactory({ access }), buffers: arena, clock: new ManualClock() }),
  });
  const driver = await MediaDriver.attach(transport, driverOptions);
  const client = await StatefulDecoderClient.open(driver, { coded: TOY_FOURCC, inputSize: 4096, ...o });
  return { transport, driver, client };
}

function stamp(n: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xc3);
  new DataView(bytes.buffer).setUint32(5, n, true);
  return bytes;
}

const stampOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(5, true);

/** Chunks of `count` pictures after a header; the timestamps count from `from`. */
function stream(count: number, header: Parameters<typeof toyHeader>[0] = {}, from = 0): CodedChunk[] {
  return Array.from({ length: count }, (_, i) => ({
    bytes: i === 0 ? toyChunk(toyHeader(header), toyPicture(0, 'key')) : toyChunk(toyPicture(i)),
    timestamp: stamp(from + i),
  }));
}

interface Shown {
  readonly stamp: number;
  readonly width: number;
  readonly height: number;
  readonly good: boolean;
}

/** What is kept of a picture; `number` is its place in the stream, from which the toy decoder paints it. */
function shown(picture: ClientPicture, number: number): Shown {
  const painted = toyPlanes(picture.layout, number);
  const good = painted.every(
    (plane, i) => plane.length === picture.planes[i]?.length && plane.every((b, at) => b === picture.planes[i]?.[at]),
  );
  return { stamp: stampOf(picture.timestamp), width: picture.layout.width, height: picture.layout.height, good };
}

async function play(client: StatefulDecoderClient, chunks: readonly CodedChunk[]): Promise<Shown[]> {
  const all: Shown[] = [];
  const base = stampOf(chunks[0]?.timestamp ?? stamp(0));
  for await (const picture of client.decode(chunks)) all.push(shown(picture, stampOf(picture.timestamp) - base));
  return all;
}

const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

describe('StatefulDecoderClient', () => {
  for (const memory of ['mmap', 'shared-pages'] as const) {
    for (const payloads of ['separate', 'shared'] as const) {
      it(`decodes 200 pictures, each right and with its timestamp, pictures in ${memory}, ${payloads} payloads`, async () => {
        const { client, transport } = await rig({ memory, inputMemory: memory }, { payloads });
        const seen = await play(client, stream(200, { width: 64, height: 48, depth: 2 }));
        expect(seen.map((s) => s.stamp)).toEqual(range(200));
        expect(seen.every((s) => s.good && s.width === 64 && s.height === 48)).toBe(true);
        expect(client.stats).toEqual({ chunks: 200, pictures: 200, resolutionChanges: 0 });
        await client.close();
        expect([transport.arena.blocks, transport.window.mappings, transport.bugs]).toEqual([0, 0, []]);
      });
    }
  }

  it('gives the pixel format that was asked for, with as many planes as it has', async () => {
    const { client } = await rig({ output: V4L2_PIX_FMT_YUV420M });
    for await (const picture of client.decode(stream(3))) {
      expect(picture.layout.fourcc).toBe(V4L2_PIX_FMT_YUV420M);
      expect(picture.planes).toHaveLength(3);
    }
    expect(client.stats.pictures).toBe(3);
  });

  it('refuses a coded format that the device does not have', async () => {
    await expect(rig({ coded: V4L2_PIX_FMT_NV12 })).rejects.toMatchObject({ name: 'IoctlError' });
  });

  it('follows changes of resolution in the middle of the stream', async () => {
    const { client, transport } = await rig();
    const chunks = [
      ...stream(10, { width: 64, height: 48 }),
      ...stream(7, { width: 128, height: 96, visible: { left: 0, top: 0, width: 120, height: 90 } }, 10),
      ...stream(5, { width: 32, height: 32 }, 17),
    ];
    const seen: string[] = [];
    for await (const picture of client.decode(chunks)) {
      seen.push(
        `${stampOf(picture.timestamp)} ${picture.layout.width}x${picture.layout.height} ${picture.visible.width}x${picture.visible.height}`,
      );
    }
    expect(seen).toEqual([
      ...range(10).map((i) => `${i} 64x48 64x48`),
      ...range(7, 10).map((i) => `${i} 128x96 120x90`),
      ...range(5, 17).map((i) => `${i} 32x32 32x32`),
    ]);
    expect(client.stats.resolutionChanges).toBe(2);
    await client.close();
    expect(transport.arena.blocks).toBe(0);
  });

  it('a drain ends the pictures, and the next stream goes on after it, three times', async () => {
    const { client } = await rig();
    for (let round = 0; round < 3; round++) {
      const seen = await play(client, stream(9, { depth: 3 }, round * 100));
      expect(seen.map((s) => s.stamp)).toEqual(range(9, round * 100));
      expect(await client.next()).toBeUndefined();
    }
  });

  it('a seek drops what was sent, and pictures of the new place follow', async () => {
    const { client } = await rig({ inputBuffers: 3, extraOutputs: 1 });
    const old = stream(40, { depth: 2 });
    const sending = (async () => {
      for (const chunk of old) if (!(await client.send(chunk))) return 'dropped';
      return 'sent';
    })();
    const first = await client.next();
    expect(first && stampOf(first.timestamp)).toBe(0);
    const waiting = client.next();
    await client.seek();
    expect(await sending).toBe('dropped');
    const seen = [];
    const pending = play(client, stream(6, {}, 500));
    const late = await waiting;
    if (late !== undefined && stampOf(late.timestamp) >= 500) seen.push(stampOf(late.timestamp));
    for (const { stamp: n } of await pending) seen.push(n);
    expect(seen).toEqual(range(6, 500));
  });

  it('a seek after the end of a drain starts anew, also with another resolution', async () => {
    const { client } = await rig();
    await play(client, stream(5, { width: 64, height: 48 }));
    await client.seek();
    const seen = await play(client, stream(4, { width: 96, height: 64 }, 50));
    expect(seen.map((s) => `${s.stamp} ${s.width} ${s.good}`)).toEqual(range(4, 50).map((i) => `${i} 96 true`));
  });

  it('a stream without any header ends with its drain, and the session decodes the next', async () => {
    const { client } = await rig();
    const nothing = range(5).map((i) => ({ bytes: toyChunk(toyFiller()), timestamp: stamp(i) }));
    expect(await play(client, nothing)).toEqual([]);
    expect((await play(client, stream(3, {}, 7))).map((s) => s.stamp)).toEqual(range(3, 7));
  });

  it('data larger than a buffer is sent in pieces', async () => {
    const { client } = await rig({ inputSize: 4096 });
    const many = toyChunk(toyHeader(), ...range(300).map((i) => toyPicture(i, i === 0 ? 'key' : 'p')));
    expect(many.length).toBeGreaterThan(8192);
    let count = 0;
    for await (const picture of client.decode([{ bytes: many, timestamp: stamp(1) }])) {
      expect(stampOf(picture.timestamp)).toBe(1);
      count += 1;
    }
    expect(count).toBe(300);
  });

  it('damaged pictures come with the error flag', async () => {
    const { client } = await rig();
    const chunks = stream(5);
    chunks[2] = { bytes: toyChunk(toyPicture(2, 'p', true)), timestamp: stamp(2) };
    const errors: boolean[] = [];
    for await (const picture of client.decode(chunks)) errors.push(picture.error);
    expect(errors).toEqual([false, false, true, false, false]);
  });

  it('the death of the decoder is told, and after a seek the session decodes again', async () => {
    const { client } = await rig();
    const chunks: CodedChunk[] = [...stream(3), { bytes: toyChunk(toyCrash()), timestamp: stamp(3) }, ...stream(3, {}, 4)];
    await expect(play(client, chunks)).rejects.toMatchObject({ errno: Errno.EIO });
    await client.seek();
    expect((await play(client, stream(4, {}, 20))).map((s) => s.stamp)).toEqual(range(4, 20));
  });

  it('close in the middle leaves nothing behind', async () => {
    const { client, transport, driver } = await rig();
    for (const chunk of stream(5)) await client.send(chunk);
    await client.next();
    const waiting = Promise.allSettled([client.next(), client.next()]);
    await client.close();
    await waiting;
    expect(driver.sessions).toBe(0);
    expect([transport.arena.blocks, transport.window.mappings, transport.bugs]).toEqual([0, 0, []]);
  });
});
