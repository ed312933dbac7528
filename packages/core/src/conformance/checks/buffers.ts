// SPDX-License-Identifier: Apache-2.0
/** Buffers: their payloads, memory types, and that each QBUF ends in one EVT_DQBUF. */

import { words } from '../../base/index.ts';
import { BufferSet } from '../../driver/media/buffer-set.ts';
import type { DriverSession } from '../../driver/media/driver-session.ts';
import { IoctlError } from '../../driver/rings/errors.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { VIRTIO_MEDIA_EVT_DQBUF, virtio_media_event_dqbuf, virtio_media_sg_entry } from '../../wire/media/virtio-media.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';
import { VIDIOC_EXPBUF, VIDIOC_QBUF, VIDIOC_QUERYBUF, VIDIOC_REQBUFS } from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_exportbuffer, v4l2_plane } from '../../wire/v4l2/videodev2.ts';
import {
  V4L2_BUF_FLAG_DONE,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_QUEUED,
  V4L2_MEMORY_DMABUF,
  V4L2_MEMORY_USERPTR,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { ConformanceCheck } from '../check.ts';
import { type CheckContext, statusText } from '../check-context.ts';
import { must, mustEqual, skip } from '../verdict.ts';

const POINTER = Uint8Array.of(0x21, 0x43, 0x65, 0x87, 0x19, 0x2a, 0x3b, 0x4c);
const buffer = v4l2_buffer.fields;
const plane = v4l2_plane.fields;

/** What a QBUF, QUERYBUF or PREPARE_BUF of shared pages carries, built by hand. */
interface BufferPayload {
  readonly memory: number;
  readonly lengths: readonly number[];
  readonly index?: number;
  readonly lists?: readonly (readonly { readonly address: number; readonly length: number }[])[];
  readonly fd?: number;
  /** entries of the plane array, if not those of `lengths` */
  readonly planeCount?: number;
}

/** `struct v4l2_buffer`, planes and lists, as they follow the command. */
function bufferPayload(type: number, o: BufferPayload): Uint8Array {
  const mplane = isMultiplanar(type);
  const n = mplane ? (o.planeCount ?? o.lengths.length) : 0;
  const entries = (o.lists ?? []).flat();
  const bytes = new Uint8Array(v4l2_buffer.size + n * v4l2_plane.size + entries.length * virtio_media_sg_entry.size);
  const view = new DataView(bytes.buffer);
  buffer.index.set(view, 0, o.index ?? 0);
  buffer.type.set(view, 0, type);
  buffer.memory.set(view, 0, o.memory);
  buffer.m.fields.userptr.set(view, 0, POINTER);
  buffer.length.set(view, 0, mplane ? n : (o.lengths[0] ?? 0));
  if (o.fd !== undefined && !mplane) buffer.m.fields.fd.set(view, 0, o.fd);
  for (let i = 0; i < n; i++) {
    const at = v4l2_buffer.size + i * v4l2_plane.size;
    plane.length.set(view, at, o.lengths[i] ?? 0);
    plane.m.fields.userptr.set(view, at, POINTER);
    if (o.fd !== undefined) plane.m.fields.fd.set(view, at, o.fd);
  }
  entries.forEach((entry, i) => {
    const at = v4l2_buffer.size + n * v4l2_plane.size + i * virtio_media_sg_entry.size;
    virtio_media_sg_entry.fields.start.set(view, at, entry.address);
    virtio_media_sg_entry.fields.len.set(view, at, entry.length);
    // The Linux driver does not set the reserved word.
    virtio_media_sg_entry.fields._reserved.set(view, at, Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
  });
  return bytes;
}

/** Bytes of an answer: header, buffer, planes. */
function answerBytes(type: number, planes: number): number {
  return 8 + v4l2_buffer.size + (isMultiplanar(type) ? planes * v4l2_plane.size : 0);
}

async function sharedPages(ctx: CheckContext, session: DriverSession): Promise<readonly number[]> {
  const format = await ctx.bufferFormat(session);
  try {
    await ctx.waitFor(session.reqbufs(ctx.bufferType, 2, V4L2_MEMORY_USERPTR), 'the answer to REQBUFS');
  } catch (error) {
    if (error instanceof IoctlError && error.errno === Errno.EINVAL) skip('the device has no SHARED_PAGES buffers');
    throw error;
  }
  return format.planes.map((p) => p.sizeImage);
}

/** All EVT_DQBUFs of a session. */
function dequeued(events: readonly Uint8Array[], session: number): DataView[] {
  return events
    .map((bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
    .filter(
      (view) =>
        view.byteLength >= 96 && view.getUint32(0, true) === VIRTIO_MEDIA_EVT_DQBUF && view.getUint32(4, true) === session,
    );
}

const eventBuffer = virtio_media_event_dqbuf.fields.buffer.fields;

/** See the top of the file. */
export const bufferChecks: readonly ConformanceCheck[] = [
  {
    ids: ['VM-D3', 'VM-DX6'],
    title: 'the pointer `m.planes` comes back as it was sent, at most as many planes as there is room for',
    section: '5.22.6 Handling of pointers to data in ioctl payload',
    applies: 'any',
    async run(ctx) {
      if (!isMultiplanar(ctx.bufferType)) skip('the device has no multi-planar queue');
      const session = await ctx.session();
      const real = (await ctx.bufferFormat(session)).planes.length;
      await ctx.waitFor(session.reqbufs(ctx.bufferType, 1), 'the answer to REQBUFS');
      for (const planeCount of [8, real]) {
        const payload = bufferPayload(ctx.bufferType, { memory: 1, lengths: [], planeCount });
        const reply = await ctx.rawIoctl(session.id, VIDIOC_QUERYBUF, payload);
        mustEqual(reply.status, 0, `the status of QUERYBUF with room for ${planeCount} planes`);
        // How many of the planes are written back is open: none, those that there are, or all that there is room for.
        const written = (reply.used - answerBytes(ctx.bufferType, 0)) / v4l2_plane.size;
        must(
          Number.isInteger(written) && written >= 0 && written <= planeCount,
          `QUERYBUF with room for ${planeCount} planes used ${reply.used} bytes, not the structure and whole planes`,
        );
        const view = new DataView(reply.bytes.buffer, 8);
        const pointer = buffer.m.fields.planes.get(view, 0);
        must(
          pointer.every((b, i) => b === POINTER[i]),
          `m.planes came back as ${[...pointer]}`,
        );
        mustEqual(buffer.length.get(view, 0), real, 'length in the answer (the real number of planes)');
        if (written > 0) must(plane.length.get(view, v4l2_buffer.size) > 0, 'plane 0 in the answer has no length');
      }
    },
  },
  {
    ids: ['VM-D7', 'VM-DX6', 'VM-DX7'],
    title: 'QBUF of shared pages returns m.userptr as sent, and no scatter list',
    section: '5.22.6 SHARED_PAGES',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const lengths = await sharedPages(ctx, session);
      const blocks = lengths.map((length) => ctx.transport.allocate(length + 8192));
      ctx.cleanup(async () => {
        await session.close();
        for (const block of blocks) block.free();
      });
      // An odd start, a gap, and a last entry that is longer than needed.
      const lists = blocks.map((block, i) => {
        const length = lengths[i] as number;
        const head = Math.min(1000, length);
        return [
          { address: block.address + 3, length: head },
          { address: block.address + 4096 + head, length: length - head + 17 },
        ];
      });
      const payload = bufferPayload(ctx.bufferType, { memory: V4L2_MEMORY_USERPTR, lengths, lists });
      const reply = await ctx.rawIoctl(session.id, VIDIOC_QBUF, payload, { room: 8 + payload.length });
      mustEqual(reply.status, 0, 'the status of QBUF of shared pages');
      mustEqual(reply.used, answerBytes(ctx.bufferType, lengths.length), 'the used length of QBUF, without lists');
      must(
        reply.bytes.subarray(reply.used).every((b) => b === 0xa5),
        'QBUF wrote behind its answer',
      );
      const view = new DataView(reply.bytes.buffer, 8);
      must((buffer.flags.get(view, 0) & V4L2_BUF_FLAG_QUEUED) !== 0, 'flags after QBUF lack QUEUED');
      const pointers = isMultiplanar(ctx.bufferType)
        ? lengths.map((_, i) => plane.m.fields.userptr.get(view, v4l2_buffer.size + i * v4l2_plane.size))
        : [];
      for (const pointer of [buffer.m.fields.userptr.get(view, 0), ...pointers]) {
        must(
          pointer.every((b, i) => b === POINTER[i]),
          `a pointer came back as ${[...pointer]}`,
        );
      }
    },
  },
  {
    ids: ['VM-DX7', 'P19'],
    title: 'scatter lists that are too short, or whose numbers overflow, are refused',
    section: '5.22.6 Handling of pointers to userspace memory in ioctl payload',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const lengths = await sharedPages(ctx, session);
      const far = { address: 2 ** 52, length: 0xffff_ffff };
      const first = lengths[0] as number;
      for (const [what, lists] of [
        ['no list', []],
        ['a list that covers half of the plane', [[{ address: 0x1000, length: first >> 1 }]]],
        ['a hundred entries of no length', [Array.from({ length: 100 }, () => ({ address: 0x1000, length: 0 }))]],
      ] as const) {
        const reply = await ctx.rawIoctl(
          session.id,
          VIDIOC_QBUF,
          bufferPayload(ctx.bufferType, { memory: V4L2_MEMORY_USERPTR, lengths, lists }),
        );
        must(reply.status !== undefined && reply.status > 0, `QBUF with ${what} gave ${statusText(reply.status)}`);
      }
      // Memory that is not there: refused now, or the buffer comes back in error; the device stays well.
      const absent = bufferPayload(ctx.bufferType, { memory: V4L2_MEMORY_USERPTR, lengths, lists: lengths.map(() => [far]) });
      const reply = await ctx.rawIoctl(session.id, VIDIOC_QBUF, absent);
      must(reply.status !== undefined, 'QBUF of memory that is not there was answered without a status');
      if (isMultiplanar(ctx.bufferType)) {
        const many = bufferPayload(ctx.bufferType, { memory: V4L2_MEMORY_USERPTR, lengths, lists: [], planeCount: 8 });
        new DataView(many.buffer).setUint32(buffer.length.offset, 9, true);
        const nine = await ctx.rawIoctl(session.id, VIDIOC_QBUF, many);
        must(nine.status !== undefined && nine.status > 0, `QBUF with nine planes gave ${statusText(nine.status)}`);
      }
      await ctx.bufferFormat(session);
    },
  },
  {
    ids: ['VM-D8', 'VM-DX16'],
    title: 'a device without VIRTIO_OBJECT buffers refuses them, the member fd unchanged',
    section: '5.22.6 VIRTIO_OBJECT',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const type = ctx.bufferType;
      const request = await ctx.rawIoctl(session.id, VIDIOC_REQBUFS, words(1, type, V4L2_MEMORY_DMABUF, 0, 0));
      if (request.status === 0) skip('the device has VIRTIO_OBJECT buffers, which need another device that exports objects');
      mustEqual(request.status, Errno.EINVAL, 'the status of REQBUFS of VIRTIO_OBJECT buffers');
      await ctx.waitFor(session.reqbufs(type, 1), 'the answer to REQBUFS of MMAP buffers');
      const format = await ctx.bufferFormat(session);
      const lengths = format.planes.map((p) => p.sizeImage);
      const fd = 0x4dfd_0123;
      const body = bufferPayload(type, { memory: V4L2_MEMORY_DMABUF, lengths, fd });
      const payload = new Uint8Array(body.length + 16 * lengths.length);
      payload.set(body);
      const queue = await ctx.rawIoctl(session.id, VIDIOC_QBUF, payload);
      must(queue.status !== undefined && queue.status > 0, `QBUF of a VIRTIO_OBJECT buffer gave ${statusText(queue.status)}`);
      if (queue.used > 8) {
        const view = new DataView(queue.bytes.buffer, 8);
        const at = isMultiplanar(type) ? plane.m.fields.fd.get(view, v4l2_buffer.size) : buffer.m.fields.fd.get(view, 0);
        mustEqual(at, fd, 'the member fd in the answer');
      }
      const exporting = new Uint8Array(v4l2_exportbuffer.size + 16);
      const view = new DataView(exporting.buffer);
      v4l2_exportbuffer.fields.type.set(view, 0, type);
      v4l2_exportbuffer.fields.fd.set(view, 0, fd);
      const exported = await ctx.rawIoctl(session.id, VIDIOC_EXPBUF, exporting);
      mustEqual(exported.status, Errno.ENOTTY, 'the status of EXPBUF');
      if (exported.used > 8)
        mustEqual(v4l2_exportbuffer.fields.fd.get(new DataView(exported.bytes.buffer, 8), 0), fd, 'fd after EXPBUF');
    },
  },
  {
    ids: ['VM-DX10', 'VM-DX12', 'P8'],
    title: 'each QBUF ends in one EVT_DQBUF of 608 bytes with the right type and index, no pointers, and none after STREAMOFF',
    section: '5.22.6 Dequeue buffer',
    applies: 'pictures',
    async run(ctx) {
      const session = await ctx.session();
      const set = await ctx.waitFor(
        BufferSet.create(session, await ctx.bufferFormat(session), 3, ctx.bufferKind, 'read'),
        'the set-up of buffers',
      );
      ctx.cleanup(() => set.release());
      const events = ctx.tap();
      const queued: number[] = new Array(set.count).fill(0);
      const queue = async (index: number): Promise<void> => {
        queued[index] = (queued[index] ?? 0) + 1;
        await ctx.waitFor(set.queue(index), 'the answer to QBUF');
      };
      for (let i = 0; i < set.count; i++) await queue(i);
      await ctx.waitFor(session.streamon(ctx.bufferType), 'the answer to STREAMON');
      let sequence = -1;
      for (let n = 0; n < 12; n++) {
        const done = await ctx.waitFor(session.dqbuf(ctx.bufferType), 'a frame');
        must(
          (done.flags & (V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_DONE)) === 0,
          `flags 0x${done.flags.toString(16)} of a dequeued buffer`,
        );
        must(done.sequence > sequence, `sequence ${done.sequence} after ${sequence}`);
        sequence = done.sequence;
        await queue(done.index);
      }
      await ctx.waitFor(session.streamoff(ctx.bufferType), 'the answer to STREAMOFF');
      const count = events.length;
      await ctx.quiet();
      mustEqual(events.length, count, 'the number of events after the answer to STREAMOFF');
      const seen: number[] = new Array(set.count).fill(0);
      for (const view of dequeued(events, session.id)) {
        mustEqual(view.byteLength, 608, 'the length of EVT_DQBUF');
        const index = eventBuffer.index.get(view, 0);
        mustEqual(eventBuffer.type.get(view, 0), ctx.bufferType, 'the type in EVT_DQBUF');
        must(index < set.count, `index ${index} in EVT_DQBUF, of ${set.count} buffers`);
        seen[index] = (seen[index] ?? 0) + 1;
        if (isMultiplanar(ctx.bufferType))
          must(
            eventBuffer.m.fields.planes.get(view, 0).every((b) => b === 0),
            'm.planes in EVT_DQBUF is not 0',
          );
      }
      seen.forEach((n, i) => {
        must(n <= (queued[i] ?? 0), `buffer ${i} was queued ${queued[i]} times and came back ${n} times`);
      });
    },
  },
  {
    ids: ['VM-D7', 'VM-DX7', 'VM-DX12'],
    title: 'a frame lands in the pages of the scatter list and nowhere else; pointers in its EVT_DQBUF are 0',
    section: '5.22.6 SHARED_PAGES',
    applies: 'capture',
    async run(ctx) {
      const session = await ctx.session();
      const lengths = await sharedPages(ctx, session);
      const marks = 0xd7;
      const blocks = lengths.map((length) => ctx.transport.allocate(length + 3 * 4096));
      for (const block of blocks) block.bytes.fill(marks);
      ctx.cleanup(async () => {
        await session.close();
        for (const block of blocks) block.free();
      });
      const events = ctx.tap();
      const planes = lengths.map((length, i) => {
        const base = (blocks[i]?.address ?? 0) + 256;
        const head = length >> 1;
        // The second half lies before the first in memory, with a gap between and around them.
        return {
          length,
          userptr: POINTER,
          ranges: [
            { address: base + (length - head) + 4096, length: head },
            { address: base, length: length - head },
          ],
        };
      });
      await ctx.waitFor(
        session.qbuf({ index: 0, type: ctx.bufferType, memory: V4L2_MEMORY_USERPTR, planes }),
        'the answer to QBUF',
      );
      await ctx.waitFor(session.streamon(ctx.bufferType), 'the answer to STREAMON');
      const frame = await ctx.waitFor(session.dqbuf(ctx.bufferType), 'a frame');
      lengths.forEach((length, i) => {
        const bytes = blocks[i]?.bytes ?? new Uint8Array(0);
        must((frame.planes[i]?.bytesused ?? 0) > 0, `plane ${i} of the frame is empty`);
        const tail = length - (length >> 1);
        const clean = (from: number, to: number): boolean => bytes.subarray(from, to).every((b) => b === marks);
        must(clean(0, 256), `the frame was written before the list of plane ${i}`);
        must(clean(256 + tail, 256 + tail + 4096), `the frame was written between the entries of plane ${i}`);
        must(clean(256 + length + 4096, bytes.length), `the frame was written behind the list of plane ${i}`);
        must(!clean(256 + tail + 4096, 256 + length + 4096), `the first half of plane ${i} was not written`);
      });
      for (const view of dequeued(events, session.id)) {
        must(
          eventBuffer.m.fields.userptr.get(view, 0).every((b) => b === 0),
          'a pointer in EVT_DQBUF is not 0',
        );
      }
    },
  },
  {
    ids: ['P9'],
    title: 'finished buffers wait for event buffers: with none posted nothing is lost',
    section: 'existing Linux drivers',
    applies: 'pictures',
    async run(ctx) {
      await ctx.withDriver({ eventBuffers: 0 }, async (driver) => {
        await driver.start();
        const session = await ctx.waitFor(driver.open(), 'the answer to OPEN');
        ctx.cleanup(() => session.close());
        const type = ctx.bufferType;
        const format = await ctx.waitFor(session.gFmt(type), 'the answer to G_FMT');
        const set = await ctx.waitFor(BufferSet.create(session, format, 4, ctx.bufferKind, 'read'), 'the set-up of buffers');
        ctx.cleanup(() => set.release());
        for (let i = 0; i < set.count; i++) await ctx.waitFor(set.queue(i), 'the answer to QBUF');
        await ctx.waitFor(session.streamon(type), 'the answer to STREAMON');
        await ctx.quiet(400_000);
        mustEqual(session.queue(type).done, 0, 'the number of events that came without a buffer');
        const indexes = new Set<number>();
        for (let i = 0; i < set.count; i++) {
          driver.postEvents(1);
          indexes.add((await ctx.waitFor(session.dqbuf(type), `event ${i + 1} of ${set.count}`)).index);
        }
        mustEqual(indexes.size, set.count, 'the number of buffers that came back');
      });
    },
  },
  {
    ids: ['P19'],
    title: 'an OUTPUT buffer that claims more bytes than its plane has is refused; a whole picture is taken',
    section: 'hostile guest',
    applies: 'output',
    async run(ctx) {
      const session = await ctx.session();
      const type = ctx.bufferType;
      const format = await ctx.bufferFormat(session);
      const set = await ctx.waitFor(BufferSet.create(session, format, 2, ctx.bufferKind, 'read-write'), 'the set-up of buffers');
      ctx.cleanup(() => set.release());
      await ctx.waitFor(session.streamon(type), 'the answer to STREAMON');
      const sizes = format.planes.map(({ sizeImage }) => sizeImage);
      for (const bytes of [0xffff_ffff, set.planeLength(0) + 1]) {
        const errno = await ctx.waitFor(
          set.queue(0, { bytesused: [bytes, ...sizes.slice(1)] }).then(
            () => 0,
            (error: unknown) => {
              if (error instanceof IoctlError) return error.errno;
              throw error;
            },
          ),
          'the answer to QBUF',
        );
        mustEqual(errno, Errno.EINVAL, `the status of QBUF with bytesused ${bytes} of ${set.planeLength(0)}`);
      }
      await ctx.waitFor(set.queue(0, { bytesused: sizes }), 'the answer to QBUF');
      const { index, flags } = await ctx.waitFor(session.dqbuf(type), 'the buffer');
      mustEqual(index, 0, 'the index of the buffer that came back');
      mustEqual(flags & (V4L2_BUF_FLAG_QUEUED | V4L2_BUF_FLAG_ERROR), 0, 'its flags QUEUED and ERROR');
      await ctx.waitFor(session.streamoff(type), 'the answer to STREAMOFF');
    },
  },
  {
    ids: ['P18'],
    title: 'REQBUFS while the queue streams is EBUSY',
    section: 'VIDIOC_REQBUFS',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const type = ctx.bufferType;
      await ctx.waitFor(session.reqbufs(type, 2), 'the answer to REQBUFS');
      await ctx.waitFor(session.streamon(type), 'the answer to STREAMON');
      for (const count of [4, 0]) {
        const reply = await ctx.rawIoctl(session.id, VIDIOC_REQBUFS, words(count, type, 1, 0, 0));
        mustEqual(reply.status, Errno.EBUSY, `the status of REQBUFS(${count}) while the queue streams`);
      }
      await ctx.waitFor(session.streamoff(type), 'the answer to STREAMOFF');
      await ctx.waitFor(session.reqbufs(type, 0), 'the answer to REQBUFS(0) after STREAMOFF');
    },
  },
];
