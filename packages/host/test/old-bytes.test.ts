// SPDX-License-Identifier: Apache-2.0
/** What a guest gets holds nothing of what was there before: each path that hands out memory, through a daemon's sockets. */
import {
  type BufferKind,
  BufferSet,
  type DriverFormat,
  type DriverSession,
  type DriverTransport,
  MediaDriver,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_PIX_FMT_NV12,
  V4L2_PIX_FMT_RGB24,
} from '@paravideo/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DaemonProcess } from '../src/daemon/index.ts';
import { connectGuest } from '../src/frontend/index.ts';
import { CodedFilm, visibleMd5, wholeMd5 } from './coded-film.ts';

const LARGE = new CodedFilm('h264', 'h264-b-frames.h264');
const SMALL = [
  ['175x143 in whole blocks', new CodedFilm('vp8', 'vp8-odd.ivf')],
  ['a part of what is coded', new CodedFilm('h264', 'h264-cropped.h264')],
  ['two sizes, both odd', new CodedFilm('vp9', 'vp9-resized.ivf')],
] as const;
const OLD = 0xa5;

describe.each(['vhost-user', 'vfio-user'] as const)('over %s', (transport) => {
  let daemon: DaemonProcess;

  beforeAll(async () => {
    daemon = await DaemonProcess.start([
      { kind: 'camera', name: 'camera', size: '320x240', fps: 60, transport, sizes: 'ranges' },
      { kind: 'decoder', name: 'decoder', transport },
    ]);
  }, 60_000);
  afterAll(() => daemon.stop());

  /** A guest of its own for the time of `use`. */
  async function guest<T>(name: 'camera' | 'decoder', use: (driver: MediaDriver) => Promise<T>): Promise<T> {
    const guest: DriverTransport = await connectGuest(daemon.socket(name), transport);
    try {
      return await use(await MediaDriver.attach(guest));
    } finally {
      await guest.close();
    }
  }

  it('buffers that were freed and asked for again are empty, in the same session and in another one', async () => {
    await guest('camera', async (driver) => {
      const buffers = async (session: DriverSession): Promise<BufferSet> =>
        BufferSet.create(session, await session.gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE), 4, 'mmap', 'read-write');
      const all = (set: BufferSet): Uint8Array[] => Array.from({ length: set.count }, (_, i) => set.plane(i, 0) as Uint8Array);
      let session = await driver.open();
      for (const again of ['first', 'same session', 'another session']) {
        if (again === 'another session') {
          await session.close();
          session = await driver.open();
        }
        const set = await buffers(session);
        expect(all(set).filter((bytes) => bytes.some((byte) => byte !== 0)).length, again).toBe(0);
        for (const bytes of all(set)) bytes.fill(OLD);
        await set.release();
      }
    });
  });

  it('buffers that fill the arena can be had again as soon as they were freed, and are empty', async () => {
    await guest('camera', async (driver) => {
      const session = await driver.open();
      const current = await session.gFmt(V4L2_BUF_TYPE_VIDEO_CAPTURE);
      const format = await session.sFmt({ ...current, width: 4096, height: 2160, pixelformat: V4L2_PIX_FMT_RGB24 });
      let most = 0;
      for (const again of ['first', 'second']) {
        const set = await BufferSet.create(session, format, 32, 'mmap', 'read-write');
        // What it is, the arena decides: 256 MiB on vfio-user.
        most ||= set.count;
        expect([set.count > 4, set.count], again).toEqual([true, most]);
        for (let i = 0; i < Math.min(set.count, 10); i++) {
          const bytes = Buffer.from((set.plane(i, 0) as Uint8Array).buffer, (set.plane(i, 0) as Uint8Array).byteOffset, 1 << 20);
          expect(bytes.equals(Buffer.alloc(bytes.length)), `${again}, buffer ${i}`).toBe(true);
          set.plane(i, 0)?.fill(OLD);
        }
        await set.release();
      }
      await session.close();
    });
  });

  it.each(SMALL)('pictures in guest pages hold nothing of a larger stream of another session: %s', async (_, small) => {
    // What it should be: the stream alone, in buffers that nobody had before.
    const expected = await guest('decoder', (driver) => alone(driver, small, 'mmap'));
    expect(expected.visible).toEqual(small.md5s);
    await guest('decoder', async (driver) => {
      const [large, client] = [await LARGE.open(driver, 'shared-pages'), await small.open(driver, 'shared-pages')];
      const pictures = { large: [] as string[], small: [] as string[] };
      const [one, two] = [large.decode(LARGE.chunks), client.decode(small.chunks)];
      // By turns, so that what one gives back is there for the other.
      for (let left = 2; left > 0; ) {
        left = 0;
        for (const [stream, list, md5] of [
          [one, pictures.large, visibleMd5],
          [two, pictures.small, wholeMd5],
        ] as const) {
          const { value } = await stream.next();
          if (value === undefined) continue;
          left += 1;
          list.push(md5(value));
        }
      }
      expect(pictures.large).toEqual(LARGE.md5s);
      expect(pictures.small).toEqual(expected.whole);
    });
  });

  it('pictures in mapped buffers hold nothing of a larger stream that was there before', async () => {
    const [, small] = SMALL[0];
    const expected = await guest('decoder', (driver) => alone(driver, small, 'mmap'));
    await guest('decoder', async (driver) => {
      expect((await alone(driver, LARGE, 'mmap')).visible).toEqual(LARGE.md5s);
      expect(await alone(driver, small, 'mmap')).toEqual(expected);
      expect(await alone(driver, small, 'shared-pages')).toEqual(expected);
    });
  });

  it.each<BufferKind>(['mmap', 'shared-pages'])('frames with long lines, after frames of another format: %s', async (memory) => {
    await guest('camera', async (driver) => {
      for (const pixelformat of [V4L2_PIX_FMT_RGB24, V4L2_PIX_FMT_NV12]) {
        const session = await driver.open();
        const type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
        const current = await session.gFmt(type);
        const lineBytes = pixelformat === V4L2_PIX_FMT_RGB24 ? 3 * current.width : current.width;
        const planes = [{ bytesPerLine: lineBytes + 64, sizeImage: 0 }];
        const format: DriverFormat = await session.sFmt({ ...current, pixelformat, planes });
        const stride = format.planes[0]?.bytesPerLine ?? 0;
        expect(stride).toBeGreaterThan(lineBytes);
        const set = await BufferSet.create(session, format, 3, memory, memory === 'mmap' ? 'read' : 'read-write');
        for (let i = 0; i < set.count; i++) {
          if (memory === 'shared-pages') set.plane(i, 0)?.fill(OLD);
          await set.queue(i);
        }
        await session.streamon(type);
        for (let n = 0; n < 6; n++) {
          const { index, planes: done } = await session.dqbuf(type);
          const bytes = set.plane(index, 0)?.subarray(0, done[0]?.bytesused) ?? new Uint8Array(0);
          expect(bytes.length).toBe(format.planes[0]?.sizeImage);
          let pixels = 0;
          // What the guest had there itself may stay; what was somebody else's may not be there.
          const strange = bytes.filter((byte, at) => {
            if (at % stride >= lineBytes) return byte !== 0 && (memory === 'mmap' || byte !== OLD);
            pixels += byte;
            return false;
          });
          expect([strange.length, pixels > 0]).toEqual([0, true]);
          await set.queue(index);
        }
        await session.streamoff(type);
        await set.release();
        await session.close();
      }
    });
  });
});

/** All pictures of a film, decoded while nobody else is there. */
async function alone(driver: MediaDriver, film: CodedFilm, memory: BufferKind): Promise<{ visible: string[]; whole: string[] }> {
  const client = await film.open(driver, memory);
  const found = { visible: [] as string[], whole: [] as string[] };
  for await (const picture of client.decode(film.chunks)) {
    found.visible.push(visibleMd5(picture));
    found.whole.push(wholeMd5(picture));
  }
  await client.close();
  return found;
}
