// SPDX-License-Identifier: Apache-2.0
/** What one guest may cost, with a real device behind the protocol. Units of work are counted, no time is measured. */

import { describe, expect, it } from 'vitest';
import { words } from '../base/index.ts';
import type { MediaDevice, MediaSession } from '../device/framework/media-device.ts';
import { CaptureDevice } from '../device/index.ts';
import { HeapAccess } from '../memory/heap/heap-access.ts';
import { HeapArena } from '../memory/heap/heap-arena.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { BASE, join, PlainGuest } from '../testing/plain-guest.ts';
import { SolidSource } from '../testing/solid-source.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  VIDIOC_CREATE_BUFS,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_QBUF,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMON,
} from '../wire/v4l2/ioctls.gen.ts';
import {
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_event,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../wire/v4l2/videodev2.ts';
import { COMMAND_BUDGET, MAX_PENDING_EVENTS, MAX_PENDING_PER_SESSION, maxPieces } from './limits.ts';

const bytesOf = (size: number, fill: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer));
  return bytes;
};

const request = (count: number): Uint8Array =>
  bytesOf(v4l2_requestbuffers.size, (view) => {
    v4l2_requestbuffers.fields.count.set(view, 0, count);
    v4l2_requestbuffers.fields.type.set(view, 0, 1);
    v4l2_requestbuffers.fields.memory.set(view, 0, 1);
  });

const buffer = (index: number): Uint8Array =>
  bytesOf(v4l2_buffer.size, (view) => {
    v4l2_buffer.fields.index.set(view, 0, index);
    v4l2_buffer.fields.type.set(view, 0, 1);
    v4l2_buffer.fields.memory.set(view, 0, 1);
  });

const removal = (index: number): Uint8Array =>
  bytesOf(v4l2_remove_buffers.size, (view) => {
    v4l2_remove_buffers.fields.index.set(view, 0, index);
    v4l2_remove_buffers.fields.count.set(view, 0, 1);
    v4l2_remove_buffers.fields.type.set(view, 0, 1);
  });

function cameraGuest() {
  const clock = new ManualClock();
  const source = new SolidSource({ clock });
  const buffers = new HeapArena();
  let guest: PlainGuest;
  const access = { store: (...a: Parameters<HeapAccess['store']>) => new HeapAccess(buffers, guest.memory).store(...a) };
  const device = new CaptureDevice({
    source,
    clock,
    buffers,
    access: { ...access, open: true, load: async () => false, fetch: async () => false },
    planar: 'single',
  });
  guest = new PlainGuest(device);
  return { guest, source };
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 40; i++) await Promise.resolve();
};

describe('a buffer whose EVT_DQBUF waits for a posted buffer', () => {
  it('is busy: REMOVE_BUFS gets EBUSY as from videobuf2, QBUF EINVAL, until the guest has heard of it', async () => {
    const { guest, source } = cameraGuest();
    const id = await guest.open();
    expect((await guest.ioctl(id, VIDIOC_REQBUFS, request(2), v4l2_requestbuffers.size)).status).toBe(0);
    expect((await guest.ioctl(id, VIDIOC_QBUF, buffer(0), 88)).status).toBe(0);
    expect((await guest.ioctl(id, VIDIOC_STREAMON, words(1), 0)).status).toBe(0);
    source.tick();
    await settle();
    expect(guest.device.stats.pendingEvents).toBe(1);
    expect((await guest.ioctl(id, VIDIOC_REMOVE_BUFS, removal(0), v4l2_remove_buffers.size)).status).toBe(Errno.EBUSY);
    expect((await guest.ioctl(id, VIDIOC_QBUF, buffer(0), 88)).status).toBe(Errno.EINVAL);
    guest.post(1);
    expect(guest.events.map((e) => [e.byteLength, e.getUint32(8, true)])).toEqual([[608, 0]]);
    expect((await guest.ioctl(id, VIDIOC_REMOVE_BUFS, removal(0), v4l2_remove_buffers.size)).status).toBe(0);
    const made = bytesOf(v4l2_create_buffers.size, (view) => {
      v4l2_create_buffers.fields.count.set(view, 0, 1);
      v4l2_create_buffers.fields.memory.set(view, 0, 1);
      v4l2_create_buffers.fields.format.fields.type.set(view, 0, 1);
    });
    const format = await guest.ioctl(id, VIDIOC_G_FMT, words(1, ...new Array(51).fill(0)), 208);
    made.set(format.bytes.subarray(16, 16 + 200), v4l2_create_buffers.fields.format.offset + 8);
    expect((await guest.ioctl(id, VIDIOC_CREATE_BUFS, made, v4l2_create_buffers.size)).status).toBe(0);
    expect((await guest.ioctl(id, VIDIOC_QBUF, buffer(0), 88)).status).toBe(0);
  });

  it('P8: comes back without an event at STREAMOFF and REQBUFS', async () => {
    const { guest, source } = cameraGuest();
    const id = await guest.open();
    await guest.ioctl(id, VIDIOC_REQBUFS, request(2), v4l2_requestbuffers.size);
    await guest.ioctl(id, VIDIOC_QBUF, buffer(0), 88);
    await guest.ioctl(id, VIDIOC_STREAMON, words(1), 0);
    source.tick();
    await settle();
    expect(guest.device.stats.pendingEvents).toBe(1);
    expect((await guest.ioctl(id, 19, words(1), 0)).status).toBe(0);
    expect(guest.device.stats.pendingEvents).toBe(0);
    expect((await guest.ioctl(id, VIDIOC_QBUF, buffer(0), 88)).status).toBe(0);
  });
});

describe('events that nobody takes', () => {
  const quiet: MediaSession = { ioctl: () => 0, plane: () => undefined, close: () => {} };
  const device = (): MediaDevice & { opened: Parameters<MediaDevice['open']>[0][] } => {
    const opened: Parameters<MediaDevice['open']>[0][] = [];
    const open: MediaDevice['open'] = (events) => {
      opened.push(events);
      return quiet;
    };
    return { deviceCaps: 1, deviceType: 0, card: 'x', opened, open };
  };
  const change = (id: number): DataView =>
    new DataView(
      bytesOf(v4l2_event.size, (view) => {
        v4l2_event.fields.type.set(view, 0, 3);
        v4l2_event.fields.id.set(view, 0, id);
        v4l2_event.fields.u.fields.ctrl.fields.changes.set(view, 0, 1);
      }).buffer as ArrayBuffer,
    );

  it('are bounded for a session, and for all sessions of a device; the newest of each type and id stays', async () => {
    const media = device();
    const guest = new PlainGuest(media);
    for (let i = 0; i < 64; i++) await guest.open();
    const first = media.opened[0];
    for (let round = 0; round < 8; round++) for (let id = 0; id < 100; id++) first?.event(change(id));
    expect(guest.device.stats.pendingEvents).toBe(MAX_PENDING_PER_SESSION);
    for (let round = 0; round < 8; round++) {
      for (const events of media.opened) for (let id = 0; id < 7; id++) events.event(change(id));
    }
    const all = guest.device.stats.pendingEvents;
    expect(all).toBeLessThanOrEqual(MAX_PENDING_EVENTS);
    for (let id = 1000; id < 1010; id++) media.opened[1]?.event(change(id));
    expect(guest.device.stats.pendingEvents).toBe(all + 10);
  });
});

describe('commands that wait for a busy session', () => {
  it('are taken only up to a number of bytes, and every one is answered in the end', async () => {
    let release: (errno: number) => void = () => {};
    let calls = 0;
    const guest = new PlainGuest({
      deviceCaps: 1,
      deviceType: 0,
      card: 'x',
      open: () => ({
        ioctl: () => {
          calls++;
          return calls === 1 ? new Promise<number>((resolve) => (release = resolve)) : 0;
        },
        plane: () => undefined,
        close: () => {},
      }),
    });
    const id = await guest.open();
    const replies = [guest.submit(join(words(3, 0, id, VIDIOC_STREAMON), words(1)), 8)];
    const page = guest.put(new Uint8Array(500_000));
    const command = guest.put(join(words(3, 0, id, VIDIOC_STREAMON), words(1)));
    const room = { address: guest.take(8), length: 8 };
    let answered = 0;
    for (let i = 0; i < 10; i++) {
      const token = Object.assign(() => answered++, { set: () => {} });
      guest.command.add([command, page], [room], token);
    }
    guest.command.flush();
    guest.device.kick(0);
    const held = guest.device.stats.waitingBytes;
    expect(held).toBeGreaterThan(COMMAND_BUDGET.waitingBytes - 1);
    expect(held).toBeLessThan(COMMAND_BUDGET.waitingBytes + 640 * 1024);
    release(0);
    await settle();
    await settle();
    guest.reap();
    expect([(await replies[0])?.status, answered, calls, guest.device.stats.waitingBytes]).toEqual([0, 10, 11, 0]);
  });
});

describe('a single command', () => {
  const entry = (address: number, length: number): Uint8Array =>
    bytesOf(16, (view) => {
      view.setBigUint64(0, BigInt(address), true);
      view.setUint32(8, length, true);
    });

  it('with more behind its controls than they may have is refused before any list is read', async () => {
    const { guest } = cameraGuest();
    const id = await guest.open();
    const looks = { covers: 0 };
    const covers = guest.memory.covers.bind(guest.memory);
    guest.memory.covers = (address, length) => {
      looks.covers++;
      return covers(address, length);
    };
    const controls = bytesOf(v4l2_ext_controls.size + 16 * v4l2_ext_control.size, (view) => {
      v4l2_ext_controls.fields.count.set(view, 0, 16);
      for (let i = 0; i < 16; i++) {
        v4l2_ext_control.fields.size.set(view, v4l2_ext_controls.size + i * v4l2_ext_control.size, 16 << 20);
      }
    });
    const lists = Array.from({ length: 2000 }, () => entry(BASE, 1 << 19));
    const reply = await guest.ioctl(id, VIDIOC_G_EXT_CTRLS, join(controls, ...lists), controls.length);
    // Those of the chain itself.
    expect(looks.covers).toBeLessThan(8);
    expect(reply.status).toBe(Errno.ENOSPC);
  });

  it('may name a plane in pages, not in bytes: a list in more pieces than that is refused', async () => {
    const { guest } = cameraGuest();
    const id = await guest.open();
    const userptr = bytesOf(v4l2_requestbuffers.size, (view) => {
      v4l2_requestbuffers.fields.count.set(view, 0, 1);
      v4l2_requestbuffers.fields.type.set(view, 0, 1);
      v4l2_requestbuffers.fields.memory.set(view, 0, 2);
    });
    await guest.ioctl(id, VIDIOC_REQBUFS, userptr, v4l2_requestbuffers.size);
    const format = await guest.ioctl(id, VIDIOC_G_FMT, words(1, ...new Array(51).fill(0)), 208);
    const size = format.view.getUint32(8 + 8 + 20, true);
    const qbuf = bytesOf(v4l2_buffer.size, (view) => {
      v4l2_buffer.fields.type.set(view, 0, 1);
      v4l2_buffer.fields.memory.set(view, 0, 2);
      v4l2_buffer.fields.length.set(view, 0, size);
    });
    // Every second byte is left out, so that no two entries touch.
    const list = (pieces: number): Uint8Array[] => [
      ...Array.from({ length: pieces - 1 }, (_, i) => entry(BASE + 2 * i, 1)),
      entry(BASE + 0x8000, size - pieces + 1),
    ];
    const queue = (pieces: number) => guest.ioctl(id, VIDIOC_QBUF, join(qbuf, ...list(pieces)), 88);
    expect(size).toBeLessThan(400_000);
    expect((await queue(maxPieces(size) + 1)).status).toBe(Errno.EINVAL);
    expect((await queue(maxPieces(size))).status).toBe(0);
  });
});
