// SPDX-License-Identifier: Apache-2.0
/** A camera whose source throws, refuses, or sends more than a buffer holds: the camera is usable again afterwards. */
import { afterEach, describe, expect, it } from 'vitest';
import { CaptureClient, MediaDriver } from '../../driver/index.ts';
import { HeapArena } from '../../memory/index.ts';
import type { ControlPort, FrameSource } from '../../ports/index.ts';
import { errnoOf, ManualClock, mediaTransport, SolidSource } from '../../testing/index.ts';
import { timevalBytes } from '../../v4l2/index.ts';
import type { InProcessTransport } from '../../virtio-device/index.ts';
import {
  Errno,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_CID_BRIGHTNESS,
  V4L2_MEMORY_MMAP,
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  v4l2_buffer,
  v4l2_requestbuffers,
} from '../../wire/index.ts';
import { BufferQueue, type QueueClient } from '../buffers/buffer-queue.ts';
import { DEFAULT_LIMITS } from '../framework/limits.ts';
import { makeCall, SeenEvents } from '../framework/test-call.ts';
import { CaptureDevice } from './capture-device.ts';

const open: InProcessTransport[] = [];
afterEach(async () => {
  for (const transport of open.splice(0)) await transport.close();
});

async function guest(source: FrameSource) {
  const transport = mediaTransport({
    device: ({ arena, access }) => new CaptureDevice({ source, buffers: arena, access, clock: new ManualClock() }),
  });
  open.push(transport);
  return { transport, camera: await CaptureClient.open(await MediaDriver.attach(transport)) };
}

/** `solid` with some of its methods replaced. */
function altered(solid: SolidSource, own: Partial<FrameSource>): FrameSource {
  return {
    capabilities: solid.capabilities,
    presence: { kind: 'present' },
    watch: (listener) => solid.watch(listener),
    start: (wanted, consumer) => solid.start(wanted, consumer),
    controls: solid.controls,
    ...own,
  };
}

/** The methods of a port, each to be replaced. */
function portOf(controls: ControlPort): ControlPort {
  return {
    declared: controls.declared,
    get: (id) => controls.get(id),
    set: (id, value) => controls.set(id, value),
    onChange: (listener) => controls.onChange(listener),
  };
}

const FAULT = new RangeError('the test makes this fault');

/** Fails the first time that it is called. */
function once(): () => void {
  let faults = 1;
  return () => {
    if (faults-- > 0) throw FAULT;
  };
}

describe('a camera whose source has a fault', () => {
  it('streams at the next STREAMON when the first one threw', async () => {
    const solid = new SolidSource();
    const fault = once();
    const source = altered(solid, {
      start: (wanted, consumer) => {
        fault();
        return solid.start(wanted, consumer);
      },
    });
    const { transport, camera } = await guest(source);
    await camera.configure();
    expect(await errnoOf(camera.start())).toBe(Errno.EIO);
    expect(transport.bugs.splice(0)).toEqual([FAULT]);
    expect(solid.running).toBe(0);
    await camera.session.streamon(V4L2_BUF_TYPE_VIDEO_CAPTURE);
    expect(solid.running).toBe(1);
    solid.tick();
    expect((await camera.session.dqbuf(V4L2_BUF_TYPE_VIDEO_CAPTURE)).sequence).toBe(0);
    await camera.close();
  });

  it('hears of the changes of others after setting a control threw', async () => {
    const solid = new SolidSource();
    const fault = once();
    const source = altered(solid, {
      controls: {
        ...portOf(solid.controls),
        set: (id, value) => {
          fault();
          return solid.controls.set(id, value);
        },
      },
    });
    const { transport, camera } = await guest(source);
    expect(await errnoOf(camera.setControl(V4L2_CID_BRIGHTNESS, 3))).toBe(Errno.EIO);
    expect(transport.bugs.splice(0)).toEqual([FAULT]);
    solid.controls.set(V4L2_CID_BRIGHTNESS, 77);
    expect(await camera.control(V4L2_CID_BRIGHTNESS)).toBe(77);
    await camera.close();
  });

  it('gives the guest the errno of a control that the source does not take', async () => {
    const solid = new SolidSource();
    const source = altered(solid, { controls: { ...portOf(solid.controls), set: () => Errno.EBUSY } });
    const { camera } = await guest(source);
    expect(await errnoOf(camera.setControl(V4L2_CID_BRIGHTNESS, 3))).toBe(Errno.EBUSY);
    expect(await camera.control(V4L2_CID_BRIGHTNESS)).toBe(128);
    await camera.close();
  });
});

/** A queue with one queued buffer of 1000 bytes. */
function queueOf(client: Partial<QueueClient>) {
  const seen = new SeenEvents();
  const whole: QueueClient = { planeSizes: () => [1000], start: () => 0, queued: () => {}, stop: () => {}, ...client };
  const queue = new BufferQueue({
    type: V4L2_BUF_TYPE_VIDEO_CAPTURE,
    timestamps: 'monotonic',
    client: whole,
    buffers: new HeapArena(1 << 20),
    events: seen,
    limits: DEFAULT_LIMITS,
    budget: { bytes: 0 },
  });
  const request = makeCall(VIDIOC_REQBUFS, v4l2_requestbuffers.size);
  const R = v4l2_requestbuffers.fields;
  R.type.set(request.payload, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
  R.memory.set(request.payload, 0, V4L2_MEMORY_MMAP);
  R.count.set(request.payload, 0, 1);
  expect(queue.requestBuffers(request)).toBe(0);
  const buffer = makeCall(VIDIOC_QBUF, v4l2_buffer.size);
  v4l2_buffer.fields.type.set(buffer.payload, 0, V4L2_BUF_TYPE_VIDEO_CAPTURE);
  v4l2_buffer.fields.memory.set(buffer.payload, 0, V4L2_MEMORY_MMAP);
  expect(queue.queueBuffer(buffer)).toBe(0);
  return { queue, seen };
}

describe('a queue of buffers', () => {
  it.each([
    [
      'throws',
      () => {
        throw FAULT;
      },
    ],
    ['rejects', () => Promise.reject(FAULT)],
  ] as const)('is not left half started when its client %s at the start', async (_how, start) => {
    let tries = 0;
    const { queue } = queueOf({ start: () => (tries++ === 0 ? start() : 0) });
    await expect((async () => queue.streamOn())()).rejects.toBe(FAULT);
    expect(queue.streaming).toBe(false);
    expect(await queue.streamOn()).toBe(0);
    expect(tries).toBe(2);
    expect(queue.take()?.index).toBe(0);
  });

  it.each([
    [
      'throws',
      () => {
        throw FAULT;
      },
    ],
    ['rejects', () => Promise.reject(FAULT)],
  ] as const)('is stopped even when its client %s at the end', async (_how, stop) => {
    const { queue } = queueOf({ stop });
    expect(await queue.streamOn()).toBe(0);
    await expect((async () => queue.streamOff())()).rejects.toBe(FAULT);
    expect(queue.streaming).toBe(false);
    expect(await queue.streamOn()).toBe(0);
    await expect(queue.release()).rejects.toBe(FAULT);
    expect(queue.count).toBe(0);
  });

  it('marks a frame that was longer than its buffer as damaged', async () => {
    const { queue, seen } = queueOf({});
    expect(await queue.streamOn()).toBe(0);
    const buffer = queue.take();
    if (buffer === undefined) expect.unreachable('a buffer was queued');
    queue.done(buffer, { bytesUsed: [1001], timestamp: timevalBytes(5), sequence: 0 });
    expect(seen.buffers).toMatchObject([{ index: 0, bytesUsed: 1000 }]);
    expect((seen.buffers[0]?.flags ?? 0) & V4L2_BUF_FLAG_ERROR).toBe(V4L2_BUF_FLAG_ERROR);
  });
});
