// SPDX-License-Identifier: Apache-2.0
/** A decoder session walked through the sequences of dev-decoder, as a guest sees them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BufferSet, type DriverSession } from '../../driver/index.ts';
import { errnoOf, type ToyClient, ToyGuest, toyChunk, toyFiller, toyHeader, toyPicture, toyStamp } from '../../testing/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_BFRAME,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_KEYFRAME,
  V4L2_BUF_FLAG_PFRAME,
  V4L2_BUF_FLAG_TIMESTAMP_COPY,
  V4L2_BUF_FLAG_TSTAMP_SRC_SOE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
  V4L2_EVENT_EOS,
  V4L2_EVENT_SOURCE_CHANGE,
  V4L2_EVENT_SRC_CH_RESOLUTION,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420M,
  V4L2_SEL_TGT_COMPOSE,
} from '../../wire/index.ts';

const OUTPUT = V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
const CAPTURE = V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;

let guest: ToyGuest;
let client: ToyClient;
let session: DriverSession;

beforeEach(async () => {
  guest = await ToyGuest.start();
  client = await guest.open();
  session = client.session;
});

afterEach(async () => {
  await session.close();
  await guest.rest();
  expect(guest.transport.bugs).toEqual([]);
  expect([guest.device.sessions, guest.factory.live]).toEqual([0, 0]);
  await guest.close();
});

const pictures = (from: ToyClient = client): Promise<(number | string)[]> => guest.pictures(from);
const decoding = (count?: number, header?: Uint8Array): Promise<void> => guest.startDecoding(client, count, header);

async function eventTypes(): Promise<number[]> {
  await guest.rest();
  return client.events().map((event) => event.type);
}

describe('initialisation and CAPTURE set-up', () => {
  test('the header makes a SOURCE_CHANGE, after which every query is about the stream', async () => {
    await client.startOutput();
    await client.send(0, toyFiller());
    await client.send(1, toyChunk(toyHeader({ width: 96, height: 64, minBuffers: 3 }), toyPicture(1, 'key')));
    await guest.rest();
    expect(client.events()).toMatchObject([{ type: V4L2_EVENT_SOURCE_CHANGE, id: 0, changes: V4L2_EVENT_SRC_CH_RESOLUTION }]);
    expect(client.returned().map(({ index }) => index)).toEqual([0]);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 96, height: 64 });
    await client.startCapture({ count: 1 });
    expect(client.raw?.count).toBe(3);
    expect(await pictures()).toEqual([1]);
    expect(client.returned().map(({ index }) => index)).toEqual([1]);
  });

  test('the buffer that triggers SOURCE_CHANGE, and those after it, stay queued until CAPTURE is set up, however short the stream', async () => {
    // dev-decoder, "Initialization", 4: "If data in a buffer that triggers the event is required to decode the first frame, it
    // will not be returned to the client, until the initialization sequence completes". So a client whose buffers have all come
    // back knows that there was no header in them.
    await client.startOutput({ count: 2 });
    await client.send(0, toyHeader());
    await client.send(1, toyFiller());
    await guest.rest();
    expect(client.events()).toMatchObject([{ type: V4L2_EVENT_SOURCE_CHANGE }]);
    expect(client.returned()).toEqual([]);
    await client.startCapture();
    await guest.rest();
    expect(client.returned().map(({ index }) => index)).toEqual([0, 1]);
    await client.send(0, toyPicture(0, 'key'));
    expect(await pictures()).toEqual([0]);
  });

  test('a seek in the middle of the set-up frees the buffers that it kept', async () => {
    await client.startOutput({ count: 1 });
    await client.send(0, toyHeader());
    await guest.rest();
    await session.streamoff(OUTPUT);
    await session.streamon(OUTPUT);
    await client.send(0, toyChunk(toyHeader(), toyPicture(0, 'key')));
    await client.startCapture();
    expect(await pictures()).toEqual([0]);
    expect(client.returned().map(({ index }) => index)).toEqual([0]);
  });

  test('an application that listens and set CAPTURE up first, with the right size, gets SOURCE_CHANGE and no LAST', async () => {
    await session.sFmt({ type: OUTPUT, width: 64, height: 48 });
    await client.startCapture({ count: 3 });
    expect(await errnoOf(session.sFmt({ type: OUTPUT, width: 64, height: 48 }))).toBe(Errno.EBUSY);
    await session.reqbufs(OUTPUT, 1);
    expect(await errnoOf(session.streamon(OUTPUT))).toBe(0);
    await session.streamoff(OUTPUT);
    await session.reqbufs(OUTPUT, 0);
    await client.endCapture();
    await client.startOutput({ width: 64, height: 48 });
    await client.startCapture({ count: 3 });
    await client.send(0, toyChunk(toyHeader(), toyPicture(5, 'key')));
    expect(await pictures()).toEqual([5]);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });

  test('CAPTURE buffers made for a smaller picture before the header was found bring LAST, no error, and a new set-up', async () => {
    await client.startOutput({ width: 32, height: 32 });
    const early = await BufferSet.create(session, await session.gFmt(CAPTURE), 3, 'mmap', 'read');
    await client.send(0, toyChunk(toyHeader(), toyPicture(5, 'key')));
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
    for (let index = 0; index < early.count; index++) await early.queue(index);
    await session.streamon(CAPTURE);
    expect(await pictures()).toEqual(['last']);
    await session.streamoff(CAPTURE);
    await early.release();
    await client.startCapture({ count: 3 });
    expect(await pictures()).toEqual([5]);
  });

  test('an application that set the right size and does not listen decodes on without an interruption', async () => {
    const deaf = await guest.open('deaf');
    await deaf.startOutput({ width: 64, height: 48 });
    await deaf.startCapture();
    await deaf.send(0, toyChunk(toyHeader(), toyPicture(5, 'key'), toyPicture(6)));
    expect(await pictures(deaf)).toEqual([5, 6]);
    await deaf.session.close();
  });

  test('an application that set a wrong size and does not listen gets LAST', async () => {
    const deaf = await guest.open('deaf');
    await deaf.startOutput({ width: 32, height: 32 });
    await deaf.startCapture();
    await deaf.send(0, toyChunk(toyHeader(), toyPicture(5, 'key')));
    expect(await pictures(deaf)).toEqual(['last']);
    await deaf.endCapture();
    await deaf.startCapture();
    expect(await pictures(deaf)).toEqual([5]);
    await deaf.session.close();
  });

  test('buffers queued before STREAMON are used after it', async () => {
    await session.sFmt({ type: OUTPUT, width: 64, height: 48 });
    await client.startOutput({ width: 64, height: 48 });
    await session.streamoff(OUTPUT);
    await client.send(0, toyChunk(toyHeader(), toyPicture(1, 'key')));
    expect(await eventTypes()).toEqual([]);
    await session.streamon(OUTPUT);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });

  test('pictures come in several memory planes, with their visible rectangle', async () => {
    await client.startOutput();
    const visible = { left: 0, top: 8, width: 60, height: 40 };
    await client.send(0, toyChunk(toyHeader({ visible }), toyPicture(1, 'key')));
    await guest.rest();
    await client.startCapture({ fourcc: V4L2_PIX_FMT_YUV420M });
    expect(client.format?.planes).toHaveLength(3);
    expect(await session.gSelection(CAPTURE, V4L2_SEL_TGT_COMPOSE)).toEqual(visible);
    expect(await pictures()).toEqual([1]);
  });

  test('SHARED_PAGES memory serves both queues', async () => {
    await client.startOutput({ kind: 'shared-pages' });
    await client.send(0, toyChunk(toyHeader(), toyPicture(1, 'key'), toyPicture(2)));
    await guest.rest();
    await client.startCapture({ kind: 'shared-pages', fourcc: V4L2_PIX_FMT_NV12M });
    expect(await pictures()).toEqual([1, 2]);
  });

  test('REQBUFS(0) on OUTPUT leads back to initialisation: a new decoder, a new event', async () => {
    await decoding();
    await session.streamoff(OUTPUT);
    await client.coded?.release();
    await client.endCapture();
    await client.startOutput();
    await client.send(0, toyChunk(toyHeader(), toyPicture(9, 'key')));
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
    await client.startCapture();
    expect(await pictures()).toEqual([9]);
    expect(guest.factory.made).toBe(2);
  });

  test('REQBUFS(0) on OUTPUT without S_FMT leads to an event, too: the stream is new, although nothing is different', async () => {
    await decoding();
    await session.streamoff(OUTPUT);
    await client.coded?.release();
    await guest.rest();
    expect(guest.factory.live).toBe(0);
    client.coded = await BufferSet.create(session, await session.gFmt(OUTPUT), 2, 'mmap', 'read-write');
    await session.streamon(OUTPUT);
    await client.send(0, toyChunk(toyHeader(), toyPicture(9, 'key')));
    expect(await pictures()).toEqual([9]);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });
});

describe('decoding', () => {
  test('pictures come in display order with the timestamps of their own buffers, all 16 bytes of them', async () => {
    await decoding(6, toyHeader({ depth: 2 }));
    const order = [0, 4, 2, 1, 3, 5];
    for (const [i, number] of order.entries()) {
      await client.send(i, toyPicture(number, i === 0 ? 'key' : i % 2 === 0 ? 'p' : 'b'), 1000 + number);
    }
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    await guest.rest();
    const shown = client.shown();
    expect(shown.map(({ number, stamp }) => [number, stamp])).toEqual([0, 1, 2, 3, 4, 5].map((n) => [n, 1000 + n]));
    expect(shown.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('the flags tell the kind of picture, where the timestamp is from, and damage', async () => {
    await decoding();
    const source = V4L2_BUF_FLAG_TSTAMP_SRC_SOE;
    await client.send(0, toyPicture(0, 'key'), 1, source);
    await client.send(1, toyPicture(1, 'p', true), 2);
    await client.send(2, toyPicture(2, 'b'), 3);
    await guest.rest();
    const copy = V4L2_BUF_FLAG_TIMESTAMP_COPY;
    expect(client.shown().map(({ flags }) => flags)).toEqual([
      copy | V4L2_BUF_FLAG_KEYFRAME | source,
      copy | V4L2_BUF_FLAG_PFRAME | V4L2_BUF_FLAG_ERROR,
      copy | V4L2_BUF_FLAG_BFRAME,
    ]);
    expect(client.returned().map(({ flags }) => flags & V4L2_BUF_FLAG_ERROR)).toEqual([0, 0, 0]);
  });

  test('a coded buffer that cannot be decoded comes back with the error flag', async () => {
    await decoding();
    await client.send(3, new Uint8Array(100).fill(9));
    await guest.rest();
    expect(client.returned()).toMatchObject([{ index: 3, flags: V4L2_BUF_FLAG_TIMESTAMP_COPY | V4L2_BUF_FLAG_ERROR }]);
  });

  test('data may go on in the next buffer if the first is full to the last byte', async () => {
    await decoding();
    const bytes = toyPicture(7, 'key');
    const filler = Array.from({ length: 127 }, () => toyFiller());
    await client.send(0, toyChunk(...filler, toyFiller().subarray(0, 16), bytes.subarray(0, 16)), 50);
    await client.send(1, toyPicture(8, 'key'), 51);
    // Buffer 0 ends in the middle of units that do not fit together: the decoder complains, and goes on.
    expect(await pictures()).toEqual([8]);
    await client.send(2, toyChunk(...filler, bytes.subarray(0, 16)), 52);
    await client.send(3, bytes.subarray(16), 53);
    expect(await pictures()).toEqual([]);
    await client.send(4, toyChunk(...filler, toyPicture(9, 'key')), 54);
    await guest.rest();
    expect(client.shown().map(({ number, stamp }) => [number, stamp])).toEqual([[9, 54]]);
  });

  test('data_offset says where the coded data begins', async () => {
    await decoding();
    client.coded?.plane(0, 0)?.set(toyPicture(3, 'key'), 10);
    await session.qbuf({ index: 0, type: OUTPUT, planes: [{ bytesused: 42, dataOffset: 10 }], timestamp: toyStamp(4) });
    expect(await pictures()).toEqual([3]);
  });

  test('one coded buffer may make several pictures, and several sessions decode beside each other', async () => {
    await decoding();
    const other = await guest.open();
    await other.startOutput();
    await other.send(0, toyChunk(toyHeader({ width: 32, height: 32 }), toyPicture(100, 'key'), toyPicture(101)), 7);
    await client.send(1, toyChunk(toyPicture(0, 'key'), toyPicture(1), toyPicture(2)), 8);
    await guest.rest();
    await other.startCapture();
    await guest.rest();
    expect(client.shown().map(({ number, stamp }) => [number, stamp])).toEqual([0, 1, 2].map((n) => [n, 8]));
    expect(other.shown().map(({ number, stamp }) => [number, stamp])).toEqual([100, 101].map((n) => [n, 7]));
    await other.session.close();
  });

  test('STREAMOFF of CAPTURE keeps the pictures that were not delivered', async () => {
    await decoding(2);
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1), toyPicture(2), toyPicture(3)));
    expect(await pictures()).toEqual([0, 1]);
    await session.streamoff(CAPTURE);
    await client.queueAll();
    await session.streamon(CAPTURE);
    expect(await pictures()).toEqual([2, 3]);
  });
});

describe('drain', () => {
  test('a drain brings all pictures, LAST and EOS, then EPIPE until START, which goes on with what was queued meanwhile', async () => {
    await decoding(4, toyHeader({ depth: 3 }));
    await client.send(0, toyPicture(0, 'key'));
    await client.send(1, toyPicture(1));
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    await client.send(2, toyPicture(2, 'key'));
    expect(await pictures()).toEqual([0, 1, 'last']);
    expect(await eventTypes()).toEqual([V4L2_EVENT_EOS]);
    expect(client.returned().map(({ index }) => index)).toEqual([0, 1]);
    await expect(session.dqbuf(CAPTURE)).rejects.toMatchObject({ errno: Errno.EPIPE });
    expect(await errnoOf(session.decoderCmd(V4L2_DEC_CMD_STOP))).toBe(0);
    await session.decoderCmd(V4L2_DEC_CMD_START);
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    expect(await pictures()).toEqual([2]);
    await client.raw?.queue(0);
    expect(await pictures()).toEqual(['last']);
  });

  test('START and STOP in a drain are EBUSY', async () => {
    await decoding(1, toyHeader({ minBuffers: 1 }));
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1)));
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    await guest.rest();
    for (const cmd of [V4L2_DEC_CMD_STOP, V4L2_DEC_CMD_START]) expect(await errnoOf(session.decoderCmd(cmd))).toBe(Errno.EBUSY);
    for (const expected of [0, 1, 'last']) {
      expect(await pictures()).toEqual([expected]);
      if (expected !== 'last') await client.raw?.queue(0);
    }
    expect(await errnoOf(session.decoderCmd(V4L2_DEC_CMD_START))).toBe(0);
  });

  test('STOP with a queue off succeeds and starts no drain', async () => {
    await client.startOutput();
    await client.send(0, toyChunk(toyHeader(), toyPicture(0, 'key')));
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    await guest.rest();
    await client.startCapture();
    expect(await pictures()).toEqual([0]);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });

  test('restarting CAPTURE after a drain resumes, as START does', async () => {
    await decoding();
    await client.send(0, toyPicture(0, 'key'));
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    expect(await pictures()).toEqual([0, 'last']);
    await client.send(1, toyPicture(1, 'key'));
    await session.streamoff(CAPTURE);
    await client.queueAll();
    await session.streamon(CAPTURE);
    expect(await pictures()).toEqual([1]);
  });

  test('restarting OUTPUT after a drain is a seek', async () => {
    await decoding();
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    expect(await pictures()).toEqual(['last']);
    await client.send(0, toyPicture(0, 'key'));
    await session.streamoff(OUTPUT);
    await session.streamon(OUTPUT);
    await client.send(1, toyPicture(1, 'key'));
    await guest.rest();
    expect(client.returned().map(({ index }) => index)).toEqual([1]);
  });
});

describe('seek', () => {
  test('STREAMOFF of OUTPUT drops what is queued without an event, and decoding starts at the next key picture', async () => {
    await decoding(2);
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1), toyPicture(2), toyPicture(3)));
    await client.send(1, toyPicture(4));
    expect(await pictures()).toEqual([0, 1]);
    await session.streamoff(OUTPUT);
    await guest.rest();
    expect(client.session.queue(OUTPUT).queued).toBe(0);
    await session.streamon(OUTPUT);
    await client.queueAll();
    await client.send(0, toyPicture(10));
    await client.send(1, toyPicture(11, 'key'), 99);
    await guest.rest();
    expect(client.shown().map(({ number, stamp }) => [number, stamp])).toEqual([[11, 99]]);
  });

  test('restarting both queues at once is an instantaneous seek', async () => {
    await decoding();
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1)));
    await session.streamoff(OUTPUT);
    await session.streamoff(CAPTURE);
    await client.queueAll();
    await session.streamon(CAPTURE);
    await session.streamon(OUTPUT);
    await client.send(0, toyPicture(20, 'key'));
    expect(await pictures()).toEqual([20]);
    expect(await eventTypes()).toEqual([]);
  });
});

describe('dynamic resolution change', () => {
  const change = (): Uint8Array =>
    toyChunk(toyPicture(0, 'key'), toyHeader({ width: 128, height: 96 }), toyPicture(10, 'key'), toyPicture(11));

  test('a change brings the old pictures, SOURCE_CHANGE and LAST; the new pictures come once CAPTURE is set up again', async () => {
    await decoding();
    await client.send(1, change());
    expect(await pictures()).toEqual([0, 'last']);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ width: 128, height: 96 });
    expect(await session.gFmt(OUTPUT)).toMatchObject({ width: 128, height: 96 });
    await client.send(2, toyPicture(12));
    await client.endCapture();
    await client.startCapture();
    expect(await pictures()).toEqual([10, 11, 12]);
  });

  test('buffers that are large enough are used further after START', async () => {
    await decoding(4, toyHeader({ width: 128, height: 96 }));
    await client.send(1, toyChunk(toyPicture(0, 'key'), toyHeader({ width: 64, height: 48 }), toyPicture(5, 'key')));
    expect(await pictures()).toEqual([0, 'last']);
    await session.decoderCmd(V4L2_DEC_CMD_START);
    expect(await pictures()).toEqual([5]);
  });

  test('buffers that are too small come back with the error flag after START', async () => {
    await decoding();
    await client.send(1, change());
    expect(await pictures()).toEqual([0, 'last']);
    await session.decoderCmd(V4L2_DEC_CMD_START);
    expect(await pictures()).toEqual(['error', 'error']);
  });

  test('a new visible rectangle or number of buffers is a change too, new colours are not', async () => {
    await decoding();
    const colorimetry = { colorspace: 10, ycbcrEnc: 6, quantization: 2, xferFunc: 7 };
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyHeader({ colorimetry }), toyPicture(1, 'key')));
    expect(await pictures()).toEqual([0, 1]);
    expect(await session.gFmt(CAPTURE)).toMatchObject({ colorspace: 10, xferFunc: 7 });
    const visible = { left: 0, top: 0, width: 60, height: 48 };
    await client.send(1, toyChunk(toyHeader({ colorimetry, visible }), toyPicture(2, 'key')));
    expect(await pictures()).toEqual(['last']);
    await session.decoderCmd(V4L2_DEC_CMD_START);
    expect(await pictures()).toEqual([2]);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
  });

  test('a drain that meets a change goes on after it', async () => {
    await decoding();
    await client.send(1, change());
    await session.decoderCmd(V4L2_DEC_CMD_STOP);
    expect(await pictures()).toEqual([0, 'last']);
    expect(await eventTypes()).toEqual([V4L2_EVENT_SOURCE_CHANGE]);
    await client.endCapture();
    await client.startCapture();
    expect(await pictures()).toEqual([10, 11, 'last']);
    expect(await eventTypes()).toEqual([V4L2_EVENT_EOS]);
  });

  test('a seek to another resolution is a change', async () => {
    await decoding();
    await session.streamoff(OUTPUT);
    await session.streamon(OUTPUT);
    await client.send(0, toyChunk(toyHeader({ width: 32, height: 32 }), toyPicture(3, 'key')));
    expect(await pictures()).toEqual(['last']);
    await client.endCapture();
    await client.startCapture();
    expect(await pictures()).toEqual([3]);
  });

  test('pictures beyond the limits end the stream, with an error on every buffer', async () => {
    await decoding(2);
    await client.send(0, toyChunk(toyHeader({ width: 5000, height: 48 }), toyPicture(3, 'key')));
    expect(await pictures()).toEqual(['error', 'error']);
    expect(await errnoOf(client.raw?.queue(0) ?? Promise.resolve())).toBe(Errno.EIO);
  });
});
