// SPDX-License-Identifier: Apache-2.0
/** Events and coded buffers that come to the client in one interrupt: the order in which the device told them counts. */
import { expect, it } from 'vitest';
import { DecoderDevice } from '../../device/decoder/decoder-device.ts';
import type { MediaDevice } from '../../device/framework/media-device.ts';
import { ManualClock } from '../../testing/manual-clock.ts';
import { mediaTransport } from '../../testing/media-transport.ts';
import { tamperDevice } from '../../testing/tampered-device.ts';
import { ToyDecoderFactory } from '../../testing/toy-decoder.ts';
import { TOY_FOURCC, toyChunk, toyFiller, toyHeader, toyPicture } from '../../testing/toy-stream.ts';
import { VIDIOC_QBUF } from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_event } from '../../wire/v4l2/videodev2.ts';
import { V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE, V4L2_EVENT_SOURCE_CHANGE } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { MediaDriver } from '../media/media-driver.ts';
import { StatefulDecoderClient } from './decoder-client.ts';

const copyOf = (view: DataView): DataView =>
  new DataView(new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice().buffer);

const isCoded = (buffer: DataView): boolean => v4l2_buffer.fields.type.get(buffer, 0) === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;

/**
 * A decoder that copies coded data away: all coded buffers come back at once, the first of them before SOURCE_CHANGE and the
 * others after it, when `release` is called. dev-decoder allows it where the buffers are not needed to decode the first frame.
 */
function copyingDevice(device: MediaDevice): { device: MediaDevice; told: Promise<void>; release: () => void } {
  const queued: { buffer: DataView; planes: DataView }[] = [];
  const told = Promise.withResolvers<void>();
  let release = (): void => {};
  const wrapped = tamperDevice(
    device,
    {
      ioctl: (call, session) => {
        if (call.nr === VIDIOC_QBUF && isCoded(call.payload))
          queued.push({ buffer: copyOf(call.payload), planes: copyOf(call.planes) });
        return session.ioctl(call);
      },
      events: (events) => ({
        dequeue: (buffer, planes) => (isCoded(buffer) ? undefined : events.dequeue(buffer, planes)),
        event: (event) => {
          if (v4l2_event.fields.type.get(event, 0) !== V4L2_EVENT_SOURCE_CHANGE) return events.event(event);
          const kept = copyOf(event);
          release = () => {
            const [first, ...rest] = queued.splice(0);
            if (first !== undefined) events.dequeue(first.buffer, first.planes);
            events.event(kept);
            for (const { buffer, planes } of rest) events.dequeue(buffer, planes);
          };
          told.resolve();
        },
      }),
    },
    [],
  );
  return { device: wrapped, told: told.promise, release: () => release() };
}

it('a SOURCE_CHANGE between coded buffers is heard before they are counted', async () => {
  let copying: ReturnType<typeof copyingDevice> | undefined;
  const transport = mediaTransport({
    device: ({ arena, access }) => {
      const factory = new ToyDecoderFactory({ access });
      copying = copyingDevice(new DecoderDevice({ factory, buffers: arena, clock: new ManualClock() }));
      return copying.device;
    },
  });
  const driver = await MediaDriver.attach(transport);
  const client = await StatefulDecoderClient.open(driver, { coded: TOY_FOURCC, inputSize: 4096 });
  const stamps = Array.from({ length: 5 }, (_, i) => new Uint8Array(16).fill(i + 1));
  const chunks = [toyFiller(), toyHeader(), toyPicture(0, 'key'), toyPicture(1), toyPicture(2)];
  for (const [i, unit] of chunks.entries()) await client.send({ bytes: toyChunk(unit), timestamp: stamps[i] as Uint8Array });
  await client.drain();
  const playing = (async () => {
    const seen: number[] = [];
    for await (const picture of client) seen.push(picture.timestamp[0] ?? 0);
    return seen;
  })();
  await copying?.told;
  copying?.release();
  expect(await playing).toEqual([3, 4, 5]);
  await client.close();
  await transport.close();
  expect(transport.bugs).toEqual([]);
});
