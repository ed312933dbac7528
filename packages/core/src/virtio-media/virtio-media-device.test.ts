// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest';
import { words } from '../base/index.ts';
import type { IoctlCall, MediaDevice, MediaSession, SessionEvents } from '../device/framework/media-device.ts';
import type { ArenaBlock, SharedWindow } from '../ports/host-buffers.ts';
import { BASE, join, PlainGuest } from '../testing/plain-guest.ts';
import { Errno } from '../wire/errno.gen.ts';
import {
  VIDIOC_ENUM_FMT,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_INPUT,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_S_INPUT,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
} from '../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_event, v4l2_plane } from '../wire/v4l2/videodev2.ts';
import { MAX_PENDING_PER_SUBSCRIPTION, MAX_SESSIONS } from './limits.ts';

type Handler = (call: IoctlCall, events: SessionEvents) => number | Promise<number>;

function media(handler: Handler, more: Partial<MediaSession> = {}): MediaDevice & { events: SessionEvents[]; closed: number } {
  const device = {
    deviceCaps: 0x0420_0000,
    deviceType: 0,
    card: 'Grüße aus dem Gerät, sehr lange Zeile',
    events: [] as SessionEvents[],
    closed: 0,
    open: (events: SessionEvents): MediaSession => {
      device.events.push(events);
      return {
        ioctl: (call) => handler(call, events),
        plane: () => undefined,
        close: () => {
          device.closed++;
        },
        ...more,
      };
    },
  };
  return device;
}

const refuse: Handler = () => Errno.ENOTTY;

function bufferOf(fields: { index?: number; type: number; memory: number; length: number }): Uint8Array {
  const bytes = new Uint8Array(v4l2_buffer.size);
  const view = new DataView(bytes.buffer);
  const f = v4l2_buffer.fields;
  f.index.set(view, 0, fields.index ?? 0);
  f.type.set(view, 0, fields.type);
  f.memory.set(view, 0, fields.memory);
  f.length.set(view, 0, fields.length);
  f.m.fields.userptr.set(view, 0, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  return bytes;
}

describe('VirtioMediaDevice', () => {
  describe('whose sessions are opened by somebody else', () => {
    const later = () => {
      const openings: PromiseWithResolvers<MediaSession | number>[] = [];
      const device = {
        ...media(() => 0),
        open: () => {
          const opening = Promise.withResolvers<MediaSession | number>();
          openings.push(opening);
          return opening.promise;
        },
      };
      let closed = 0;
      const session: MediaSession = {
        ioctl: () => 0,
        plane: () => undefined,
        close: () => {
          closed++;
        },
      };
      return { guest: new PlainGuest(device), openings, session, closed: () => closed };
    };
    const settle = async (guest: PlainGuest): Promise<void> => {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      guest.reap();
    };

    it('answers OPEN when they are there, or cannot be had, and other commands meanwhile', async () => {
      const { guest, openings, session } = later();
      const replies = [0, 1].map(() => guest.submit(words(1, 0), 16));
      guest.device.kick(0);
      expect((await guest.ioctl(77, VIDIOC_ENUM_FMT, new Uint8Array(64), 64)).status).toBe(Errno.EINVAL);
      openings[1]?.resolve(Errno.ENODEV);
      openings[0]?.resolve(session);
      await settle(guest);
      const [first, second] = await Promise.all(replies);
      expect([first?.status, second?.status]).toEqual([0, Errno.ENODEV]);
      const id = first?.view.getUint32(8, true) ?? 0;
      expect((await guest.ioctl(id, VIDIOC_ENUM_FMT, new Uint8Array(64), 64)).status).toBe(0);
    });

    it('P19: counts those that are on their way', async () => {
      const { guest, openings, session } = later();
      for (let i = 0; i < MAX_SESSIONS; i++) {
        void guest.submit(words(1, 0), 16);
        guest.device.kick(0);
        // The last one stays on its way.
        if (i < MAX_SESSIONS - 1) openings[i]?.resolve(session);
        await settle(guest);
      }
      expect((await guest.send(words(1, 0), 16)).status).toBe(Errno.EBUSY);
    });

    it('closes one that comes after a reset', async () => {
      const { guest, openings, session, closed } = later();
      void guest.submit(words(1, 0), 16);
      guest.device.kick(0);
      await guest.device.reset();
      openings[0]?.resolve(session);
      await settle(guest);
      expect([closed(), guest.device.stats.sessions]).toEqual([1, 0]);
    });
  });

  it('VM-DX14: shows 40 bytes of configuration with the card cut between characters', () => {
    const guest = new PlainGuest(media(refuse));
    const config = guest.device.config();
    expect(config.length).toBe(40);
    expect(new DataView(config.buffer).getUint32(0, true)).toBe(0x0420_0000);
    expect(new TextDecoder('utf-8', { fatal: true }).decode(config.subarray(8)).replace(/\0+$/, '')).toBe(
      'Grüße aus dem Gerät, sehr lan',
    );
  });

  it('VM-D1: gives every open session an id of its own', async () => {
    const guest = new PlainGuest(media(refuse));
    const ids = [await guest.open(), await guest.open(), await guest.open()];
    expect(new Set(ids).size).toBe(3);
  });

  it('refuses one session too many with EBUSY and takes it again after a CLOSE', async () => {
    const guest = new PlainGuest(media(refuse));
    const ids: number[] = [];
    for (let i = 0; i < MAX_SESSIONS; i++) ids.push(await guest.open());
    expect((await guest.send(words(1, 0), 16)).status).toBe(Errno.EBUSY);
    await guest.send(words(2, 0, ids[7] ?? 0, 0), 0);
    expect((await guest.send(words(1, 0), 16)).status).toBe(0);
  });

  it('VM-DX9, P7: returns CLOSE with length 0, for an unknown session too', async () => {
    const device = media(refuse);
    const guest = new PlainGuest(device);
    const id = await guest.open();
    expect((await guest.send(words(2, 0, id, 0x5c), 0)).written).toBe(0);
    expect((await guest.send(words(2, 0, 4711, 0), 0)).written).toBe(0);
    expect(device.closed).toBe(1);
  });

  it('VM-DX15: refuses commands of an unknown session with EINVAL', async () => {
    const guest = new PlainGuest(media(refuse));
    expect((await guest.ioctl(99, VIDIOC_G_INPUT, new Uint8Array(4), 4)).status).toBe(Errno.EINVAL);
  });

  it('VM-D4, VM-DX4: answers ioctls nobody knows, and 32-bit codes, with ENOTTY and 8 bytes', async () => {
    const guest = new PlainGuest(media(() => 0));
    const id = await guest.open();
    for (const code of [1, 200, 0xc0d05604]) {
      const reply = await guest.ioctl(id, code, new Uint8Array(208), 208);
      expect([reply.status, reply.written]).toEqual([Errno.ENOTTY, 8]);
    }
    expect((await guest.send(words(77, 0, 0, 0), 8)).status).toBe(Errno.ENOTTY);
  });

  it('VM-D2, VM-DX2, P5: answers a WR ioctl with header and payload, exactly', async () => {
    const guest = new PlainGuest(
      media((call) => {
        call.payload.setUint32(8, 0xabcd, true);
        return 0;
      }),
    );
    const id = await guest.open();
    const reply = await guest.ioctl(id, VIDIOC_ENUM_FMT, new Uint8Array(64), 100);
    expect([reply.status, reply.written, reply.view.getUint32(16, true)]).toEqual([0, 72, 0xabcd]);
  });

  it('VM-DX5: needs no payload for an R ioctl, ignores surplus bytes (P4), answers a W ioctl with the header alone', async () => {
    const seen: number[] = [];
    const guest = new PlainGuest(
      media((call) => {
        seen.push(call.payload.getUint32(0, true));
        return 0;
      }),
    );
    const id = await guest.open();
    expect((await guest.ioctl(id, VIDIOC_G_INPUT, new Uint8Array(0), 4)).written).toBe(12);
    expect((await guest.ioctl(id, VIDIOC_G_INPUT, words(9), 4)).written).toBe(12);
    expect((await guest.ioctl(id, VIDIOC_STREAMON, words(1), 64)).written).toBe(8);
    expect(seen).toEqual([0, 0, 1]);
  });

  it('refuses a short payload and a writable part without room before the device sees the ioctl', async () => {
    let calls = 0;
    const guest = new PlainGuest(media(() => calls++));
    const id = await guest.open();
    expect((await guest.ioctl(id, VIDIOC_ENUM_FMT, new Uint8Array(60), 64)).status).toBe(Errno.EINVAL);
    expect((await guest.ioctl(id, VIDIOC_ENUM_FMT, new Uint8Array(64), 63)).status).toBe(Errno.EINVAL);
    expect(calls).toBe(0);
  });

  it('shows a command nothing of an earlier one of the same size, and leaves one that waits its struct', async () => {
    let answerFirst: (status: number) => void = () => {};
    const seen: number[][] = [];
    const handler: Handler = (call) => {
      seen.push([...new Uint8Array(call.payload.buffer, call.payload.byteOffset, call.payload.byteLength)]);
      if (seen.length === 1) return new Promise((resolve) => (answerFirst = resolve));
      call.payload.setUint32(0, 0xaaaa_aaaa, true);
      return 0;
    };
    const guest = new PlainGuest(media(handler));
    const [slow, quick] = [await guest.open(), await guest.open()];
    const first = guest.submit(join(words(3, 0, slow, VIDIOC_S_INPUT), words(0x1111_1111)), 12);
    guest.device.kick(0);
    // Both are 4 bytes long; an R ioctl finds zeros.
    for (let i = 0; i < 3; i++) {
      const written = await guest.ioctl(quick, VIDIOC_S_INPUT, words(0x2222_2222), 4);
      expect(written.view.getUint32(8, true)).toBe(0xaaaa_aaaa);
      await guest.ioctl(quick, VIDIOC_G_INPUT, words(0x3333_3333), 4);
    }
    answerFirst(0);
    await guest.device.idle();
    guest.reap();
    expect((await first).view.getUint32(8, true)).toBe(0x1111_1111);
    expect(seen.filter((_, i) => i > 0 && i % 2 === 0)).toEqual([1, 2, 3].map(() => [0, 0, 0, 0]));
  });

  it('VM-D3, VM-DX6: returns m.planes as sent, with the planes behind the buffer', async () => {
    const guest = new PlainGuest(
      media((call) => {
        new Uint8Array(call.payload.buffer, 64, 8).fill(0xee);
        v4l2_plane.fields.length.set(call.planes, 64, 77);
        return 0;
      }),
    );
    const id = await guest.open();
    const reply = await guest.ioctl(
      id,
      VIDIOC_QUERYBUF,
      join(bufferOf({ type: 9, memory: 1, length: 2 }), new Uint8Array(128)),
      216,
    );
    expect([reply.status, reply.written]).toEqual([0, 8 + 88 + 128]);
    expect([...reply.bytes.subarray(8 + 64, 8 + 72)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(reply.view.getUint32(8 + 88 + 64 + 4, true)).toBe(77);
  });

  it('VM-D7: returns m.userptr of a SHARED_PAGES buffer and of its planes as sent', async () => {
    const guest = new PlainGuest(
      media((call) => {
        new Uint8Array(call.payload.buffer, 64, 8).fill(0xee);
        if (call.planes.byteLength > 0) new Uint8Array(call.planes.buffer, 8, 8).fill(0xee);
        return 0;
      }),
    );
    const id = await guest.open();
    const entry = join(words(0, 1, 6000, 0));
    const single = await guest.ioctl(id, VIDIOC_QBUF, join(bufferOf({ type: 1, memory: 2, length: 6000 }), entry), 88);
    expect([...single.bytes.subarray(8 + 64, 8 + 72)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const plane = new Uint8Array(64);
    const view = new DataView(plane.buffer);
    v4l2_plane.fields.length.set(view, 0, 6000);
    v4l2_plane.fields.m.fields.userptr.set(view, 0, Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1));
    const multi = await guest.ioctl(id, VIDIOC_QBUF, join(bufferOf({ type: 9, memory: 2, length: 1 }), plane, entry), 88 + 64);
    expect([...multi.bytes.subarray(8 + 88 + 8, 8 + 88 + 16)]).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it('VM-DX7: reads scatter entries until they cover the length, joins them and cuts the surplus', async () => {
    let lists: IoctlCall['lists'] = [];
    const guest = new PlainGuest(
      media((call) => {
        lists = call.lists;
        return 0;
      }),
    );
    const id = await guest.open();
    const entries = join(words(0x1000, 1, 0xf00, 7), words(0x1f00, 1, 0x100, 7), words(0x8000, 1, 0x9000, 7));
    const reply = await guest.ioctl(id, VIDIOC_QBUF, join(bufferOf({ type: 1, memory: 2, length: 6000 }), entries), 88);
    expect(reply.status).toBe(0);
    expect(lists).toEqual([
      [
        { address: BASE + 0x1000, length: 0x1000 },
        { address: BASE + 0x8000, length: 6000 - 0x1000 },
      ],
    ]);
  });

  it('P19: refuses a list that ends early (EINVAL), names foreign memory (EFAULT) or overflows (EFAULT)', async () => {
    let calls = 0;
    const guest = new PlainGuest(media(() => calls++));
    const id = await guest.open();
    const qbuf = (entries: Uint8Array) =>
      guest.ioctl(id, VIDIOC_QBUF, join(bufferOf({ type: 1, memory: 2, length: 6000 }), entries), 88);
    expect((await qbuf(words(0x1000, 1, 5999, 0))).status).toBe(Errno.EINVAL);
    expect((await qbuf(words(0x1000, 0, 6000, 0))).status).toBe(Errno.EFAULT);
    expect((await qbuf(words(0xffff_f000, 0xffff_ffff, 6000, 0))).status).toBe(Errno.EFAULT);
    expect((await qbuf(words(0xf_f000, 1, 6000, 0))).status).toBe(Errno.EFAULT);
    expect(calls).toBe(0);
  });

  it('P19: refuses a buffer of more than 8 planes', async () => {
    const guest = new PlainGuest(media(() => 0));
    const id = await guest.open();
    const reply = await guest.ioctl(
      id,
      VIDIOC_QBUF,
      join(bufferOf({ type: 9, memory: 1, length: 9 }), new Uint8Array(9 * 64)),
      88 + 9 * 64,
    );
    expect(reply.status).toBe(Errno.EINVAL);
  });

  it('VM-DX17, P6: answers failing ext-controls ioctls with header, structure and controls', async () => {
    const guest = new PlainGuest(
      media((call) => {
        call.payload.setUint32(8, 1, true);
        return Errno.ERANGE;
      }),
    );
    const id = await guest.open();
    const payload = new Uint8Array(32 + 40);
    new DataView(payload.buffer).setUint32(4, 2, true);
    payload.fill(0x5a, 24, 32);
    const reply = await guest.ioctl(id, VIDIOC_G_EXT_CTRLS, payload, 72);
    expect([reply.status, reply.written, reply.view.getUint32(16, true)]).toEqual([Errno.ERANGE, 80, 1]);
    expect([...reply.bytes.subarray(8 + 24, 8 + 32)]).toEqual(new Array(8).fill(0x5a));
  });

  it('P13: refuses MMAP without a shared memory region', async () => {
    const block: ArenaBlock = { offset: 0, length: 4096, retain() {}, release() {} };
    const guest = new PlainGuest(media(() => 0, { plane: () => ({ block, length: 4096 }) }));
    const id = await guest.open();
    expect((await guest.send(words(4, 0, id, 1, 0), 24)).status).toBe(Errno.ENOTTY);
  });

  it('VM-D5, VM-DX13, P14: maps with the length of the plane and the access asked for; refuses unknown MUNMAPs', async () => {
    const block: ArenaBlock = { offset: 65536, length: 5000, retain() {}, release() {} };
    const asked: boolean[] = [];
    const window: SharedWindow = {
      length: 1 << 30,
      map: async (b, writable) => {
        asked.push(writable);
        return b.offset;
      },
      unmap: (address) => address === 65536,
      freed() {},
    };
    const guest = new PlainGuest(
      media(() => 0, { plane: (offset) => (offset === 65536 ? { block, length: 5000 } : undefined) }),
      window,
    );
    const id = await guest.open();
    const reply = await guest.send(words(4, 0, id, 1, 65536), 24);
    expect([reply.status, reply.written]).toEqual([0, 24]);
    expect([reply.view.getUint32(8, true), reply.view.getUint32(16, true)]).toEqual([65536, 5000]);
    expect((await guest.send(words(4, 0, id, 0, 65536), 24)).status).toBe(0);
    expect((await guest.send(words(4, 0, id, 0, 4096), 24)).status).toBe(Errno.EINVAL);
    expect(asked).toEqual([true, false]);
    expect((await guest.send(words(5, 0, 65536, 0), 8)).status).toBe(0);
    expect((await guest.send(words(5, 0, 0, 1), 8)).status).toBe(Errno.EINVAL);
    expect((await guest.send(words(5, 0, 0xffff_ffff, 0xffff_ffff), 8)).status).toBe(Errno.EINVAL);
  });

  it('answers later commands of a waiting session in order, those of others at once; idle() waits for all', async () => {
    let release: (errno: number) => void = () => {};
    const order: number[] = [];
    const guest = new PlainGuest(
      media((call) => {
        order.push(call.nr);
        return call.nr === VIDIOC_STREAMOFF ? new Promise((resolve) => (release = resolve)) : 0;
      }),
    );
    const a = await guest.open();
    const b = await guest.open();
    const slow = guest.submit(join(words(3, 0, a, VIDIOC_STREAMOFF), words(1)), 8);
    const after = guest.submit(join(words(3, 0, a, VIDIOC_STREAMON), words(1)), 8);
    const other = guest.submit(join(words(3, 0, b, VIDIOC_G_INPUT)), 12);
    guest.device.kick(0);
    guest.reap();
    expect((await other).status).toBe(0);
    expect(order).toEqual([VIDIOC_STREAMOFF, VIDIOC_G_INPUT]);
    let idle = false;
    const waiting = guest.device.idle().then(() => (idle = true));
    await Promise.resolve();
    expect(idle).toBe(false);
    release(0);
    await waiting;
    guest.reap();
    expect([(await slow).status, (await after).status]).toEqual([0, 0]);
    expect(order).toEqual([VIDIOC_STREAMOFF, VIDIOC_G_INPUT, VIDIOC_STREAMON]);
  });

  it('VU-V12: a command that waits was fetched already: what the guest does to its memory meanwhile changes nothing', async () => {
    let release: (errno: number) => void = () => {};
    const seen: number[] = [];
    const guest = new PlainGuest(
      media((call) => {
        if (call.nr === VIDIOC_STREAMOFF) return new Promise((resolve) => (release = resolve));
        seen.push(call.payload.getUint32(0, true));
        return 0;
      }),
    );
    const id = await guest.open();
    void guest.submit(join(words(3, 0, id, VIDIOC_STREAMOFF), words(1)), 8);
    const command = join(words(3, 0, id, VIDIOC_STREAMON), words(0x1234));
    const waiting = guest.submit(command, 8);
    guest.device.kick(0);
    const at = Buffer.from(guest.ram).lastIndexOf(Buffer.from(command));
    guest.ram.fill(0xff, at, at + command.length);
    release(0);
    await guest.device.idle();
    guest.reap();
    expect([(await waiting).status, seen]).toEqual([0, [0x1234]]);
  });

  it('P9: keeps events while the guest has posted no buffer, and sends each once, in order', async () => {
    const device = media(refuse);
    const guest = new PlainGuest(device);
    const id = await guest.open();
    for (let i = 0; i < 40; i++) {
      device.events[0]?.dequeue(new DataView(bufferOf({ index: i, type: 1, memory: 1, length: 4096 }).buffer), undefined);
    }
    await Promise.resolve();
    expect(guest.device.stats.pendingEvents).toBe(40);
    for (let i = 0; i < 20; i++) guest.post(3);
    expect(guest.events.map((e) => e.getUint32(8, true))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(guest.events.every((e) => e.byteLength === 608 && e.getUint32(4, true) === id)).toBe(true);
  });

  it('VM-DX10: says of an EVT_DQBUF whether the guest has got it yet', async () => {
    const device = media(() => 0);
    const guest = new PlainGuest(device);
    await guest.open();
    const ticket = device.events[0]?.dequeue(
      new DataView(bufferOf({ index: 3, type: 1, memory: 1, length: 4096 }).buffer),
      undefined,
    );
    await Promise.resolve();
    expect(ticket?.waiting).toBe(true);
    guest.post(1);
    expect(ticket?.waiting).toBe(false);
  });

  it('VM-DX12: zeroes the pointer members of EVT_DQBUF', async () => {
    const device = media(refuse);
    const guest = new PlainGuest(device);
    await guest.open();
    guest.post(1);
    device.events[0]?.dequeue(
      new DataView(bufferOf({ type: 9, memory: 2, length: 1 }).buffer),
      new DataView(new Uint8Array(64).fill(9).buffer),
    );
    await Promise.resolve();
    await Promise.resolve();
    guest.reap();
    const event = guest.events[0];
    expect([event?.getBigUint64(8 + 64, true), event?.getBigUint64(96 + 8, true), event?.getUint32(96, true)]).toEqual([
      0n,
      0n,
      0x09090909,
    ]);
  });

  it('gives a buffer that is too small back empty and keeps the event', async () => {
    const device = media(refuse);
    const guest = new PlainGuest(device);
    await guest.open();
    guest.post(2, 64);
    device.events[0]?.dequeue(new DataView(bufferOf({ type: 1, memory: 1, length: 1 }).buffer), undefined);
    await Promise.resolve();
    await Promise.resolve();
    guest.reap();
    expect(guest.events.map((e) => e.byteLength)).toEqual([0, 0]);
    guest.post(1);
    expect(guest.events.map((e) => e.byteLength)).toEqual([0, 0, 608]);
  });

  it('P10: puts the initial event of a subscription before the answer', async () => {
    const device = media((_call, events) => {
      events.event(new DataView(new ArrayBuffer(v4l2_event.size)));
      return 0;
    });
    const guest = new PlainGuest(device);
    const id = await guest.open();
    guest.post(1);
    const reply = guest.submit(join(words(3, 0, id, VIDIOC_SUBSCRIBE_EVENT), new Uint8Array(32)), 8);
    guest.device.kick(0);
    guest.reap();
    expect((await reply).status).toBe(0);
    expect(guest.events.map((e) => [e.byteLength, e.getUint32(0, true)])).toEqual([[144, 2]]);
  });

  it('P8: sends no dequeue event that was withdrawn', async () => {
    const device = media(() => 0);
    const guest = new PlainGuest(device);
    await guest.open();
    const send = (index: number, type: number) =>
      device.events[0]?.dequeue(new DataView(bufferOf({ index, type, memory: 1, length: 1 }).buffer), undefined);
    const first = send(0, 1);
    send(5, 2);
    first?.withdraw();
    guest.post(4);
    expect(guest.events.map((e) => e.getUint32(8, true))).toEqual([5]);
  });

  it('merges a burst of V4L2 events that nobody takes, keeping every change bit', async () => {
    const device = media(refuse);
    const guest = new PlainGuest(device);
    await guest.open();
    for (let i = 0; i < 100; i++) {
      const event = new DataView(new ArrayBuffer(v4l2_event.size));
      v4l2_event.fields.type.set(event, 0, 3);
      v4l2_event.fields.u.fields.ctrl.fields.changes.set(event, 0, i === 50 ? 2 : 1);
      v4l2_event.fields.u.fields.ctrl.fields.anon.fields.value.set(event, 0, i);
      device.events[0]?.event(event);
    }
    expect(guest.device.stats.pendingEvents).toBe(MAX_PENDING_PER_SUBSCRIPTION);
    guest.post(10);
    const last = guest.events.at(-1) as DataView;
    expect([last.getInt32(8 + 8 + 8, true), last.getUint32(8 + 8, true)]).toEqual([99, 3]);
  });

  it('VM-D9, VM-DX8: after EVT_ERROR every command fails and the id is not given out again before its CLOSE', async () => {
    const device = media(() => 0);
    const guest = new PlainGuest(device);
    const id = await guest.open();
    guest.post(1);
    device.events[0]?.error(Errno.EIO);
    await Promise.resolve();
    await Promise.resolve();
    guest.reap();
    expect(guest.events.map((e) => [e.byteLength, e.getUint32(4, true), e.getUint32(8, true)])).toEqual([[16, id, Errno.EIO]]);
    expect((await guest.ioctl(id, VIDIOC_G_INPUT, new Uint8Array(0), 4)).status).toBe(Errno.EIO);
    expect(await guest.open()).not.toBe(id);
    expect((await guest.send(words(2, 0, id, 0), 0)).written).toBe(0);
    expect(device.closed).toBe(1);
  });

  it('drops sessions and unanswered commands at reset and answers new ones', async () => {
    let release: (errno: number) => void = () => {};
    const device = media(() => new Promise((resolve) => (release = resolve)));
    const guest = new PlainGuest(device);
    const id = await guest.open();
    void guest.submit(join(words(3, 0, id, VIDIOC_STREAMON), words(1)), 8);
    guest.device.kick(0);
    await guest.device.reset();
    release(0);
    await Promise.resolve();
    expect(device.closed).toBe(1);
    expect(guest.device.stats.sessions).toBe(0);
    expect(await guest.open()).toBeGreaterThan(0);
  });
});
