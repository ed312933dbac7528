// SPDX-License-Identifier: Apache-2.0
/** How a decoder session ends: with its codec process, or closed in the middle of everything. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DriverSession } from '../../driver/index.ts';
import { errnoOf, type ToyClient, ToyGuest, toyChunk, toyCrash, toyFiller, toyHeader, toyPicture } from '../../testing/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
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

describe('death of the decoder', () => {
  test('every queued buffer comes back with the error flag, EIO follows, and STREAMOFF and STREAMON bring it back', async () => {
    await decoding(2);
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1), toyPicture(2), toyCrash()));
    await client.send(1, toyPicture(3, 'key'));
    expect(await pictures()).toEqual([0, 1]);
    await client.queueAll();
    expect(await pictures()).toEqual([2, 'error']);
    const flags = client.returned().map(({ flags: each }) => each & V4L2_BUF_FLAG_ERROR);
    expect(flags).toEqual([V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_ERROR]);
    expect(await errnoOf(client.send(2, toyFiller()))).toBe(Errno.EIO);
    expect(await errnoOf(client.raw?.queue(0) ?? Promise.resolve())).toBe(Errno.EIO);
    for (const cmd of [V4L2_DEC_CMD_STOP, V4L2_DEC_CMD_START]) expect(await errnoOf(session.decoderCmd(cmd))).toBe(Errno.EIO);
    await session.streamoff(OUTPUT);
    await session.streamoff(CAPTURE);
    await client.queueAll();
    await session.streamon(OUTPUT);
    await session.streamon(CAPTURE);
    await client.send(0, toyChunk(toyHeader(), toyPicture(7, 'key')));
    expect(await pictures()).toEqual([7]);
    expect(guest.factory.made).toBe(2);
  });

  test('CAPTURE cannot start before OUTPUT was stopped, and other sessions go on', async () => {
    await client.startOutput();
    await client.send(0, toyHeader());
    await guest.rest();
    const other = await guest.open();
    guest.factory.kill();
    await guest.rest();
    expect(await errnoOf(client.startCapture())).toBe(Errno.EIO);
    await other.startOutput();
    await other.send(0, toyChunk(toyHeader(), toyPicture(1, 'key')));
    await guest.rest();
    await other.startCapture();
    expect(await pictures(other)).toEqual([1]);
    await other.session.close();
    await session.streamoff(OUTPUT);
    expect(await errnoOf(session.streamon(CAPTURE))).toBe(0);
  });

  test('a session that dies with its codec process can be closed', async () => {
    await decoding();
    guest.factory.kill();
    await guest.rest();
    expect(await pictures()).toEqual(['error', 'error', 'error', 'error']);
  });
});

describe('memory', () => {
  test('close frees every buffer, also in the middle of everything', async () => {
    const { arena } = guest.transport;
    await decoding();
    await client.send(0, toyChunk(toyPicture(0, 'key'), toyPicture(1)));
    await session.close();
    await guest.rest();
    // Mappings outlive the session (VM-D6); the driver's are still there, and nothing else is.
    expect(arena.blocks).toBeLessThanOrEqual(guest.transport.window.mappings);
  });
});
