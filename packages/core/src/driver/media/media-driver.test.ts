// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../testing/manual-clock.ts';
import { type CommandScript, ScriptedDevice } from '../../testing/scripted-device.ts';
import { InProcessTransport } from '../../virtio-device/in-process-transport.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { virtio_media_event_dqbuf } from '../../wire/media/virtio-media.ts';
import { VIDIOC_G_EXT_CTRLS, VIDIOC_G_FMT, VIDIOC_REQBUFS, VIDIOC_STREAMON } from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_buffer, v4l2_event } from '../../wire/v4l2/videodev2.ts';
import { V4L2_BUF_FLAG_LAST, V4L2_EVENT_EOS } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { MediaDriver, type MediaDriverOptions } from './media-driver.ts';

const CMD_OPEN = 1;
const CMD_CLOSE = 2;
const CMD_IOCTL = 3;

function u32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

function words(...values: number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** Answers OPEN with ids that count up, CLOSE with nothing, ioctls by echo of their payload. */
function echo(override: CommandScript = () => undefined): CommandScript {
  let next = 5;
  return (command, room) => {
    const answer = override(command, room);
    if (answer !== undefined) return answer;
    if (u32(command, 0) === CMD_OPEN) return words(0, 0, next++, 0);
    if (u32(command, 0) === CMD_CLOSE) return new Uint8Array(0);
    const reply = new Uint8Array(room);
    reply.set(command.subarray(16, 16 + room - 8), 8);
    return reply;
  };
}

async function rig(script: CommandScript, options: MediaDriverOptions = {}, features = {}) {
  const device = new ScriptedDevice(script);
  const transport = new InProcessTransport(() => device, { features, now: () => 0 });
  const driver = await MediaDriver.attach(transport, options);
  return { transport, driver, device };
}

function dqbufEvent(session: number, index: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(virtio_media_event_dqbuf.size);
  const view = new DataView(bytes.buffer);
  bytes.set(words(1, session));
  const at = virtio_media_event_dqbuf.fields.buffer.fields;
  at.index.set(view, 0, index);
  at.type.set(view, 0, 1);
  at.flags.set(view, 0, flags);
  at.m.fields.userptr.set(view, 0, new Uint8Array(8).fill(0xee));
  return bytes;
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await Promise.resolve();
};

const reqbufs = (count: number): Uint8Array => {
  const payload = new Uint8Array(20);
  payload.set(words(count, 1, 1));
  return payload;
};

const qbuf = (index: number): Uint8Array => {
  const payload = new Uint8Array(v4l2_buffer.size);
  payload.set(words(index, 1));
  return payload;
};

describe('MediaDriver', () => {
  for (const features of [
    { indirect: true, eventIdx: true },
    { indirect: false, eventIdx: false },
  ]) {
    for (const payloads of ['separate', 'shared'] as const) {
      it(`sends ioctls and gets payloads back (${JSON.stringify(features)}, ${payloads} memory)`, async () => {
        const { driver } = await rig(echo(), { payloads }, features);
        const session = await driver.open();
        const payload = Uint8Array.from({ length: 208 }, (_, i) => i);
        const result = await session.ioctl(VIDIOC_G_FMT, payload);
        expect(result).toEqual({ errno: 0, updated: true });
        expect(payload).toEqual(Uint8Array.from({ length: 208 }, (_, i) => i));
        await session.close();
        expect(driver.sessions).toBe(0);
      });
    }
  }

  it('keeps 500 commands of several sessions in flight at once, in order', async () => {
    const { driver, device } = await rig(echo(), { queueSize: 16 });
    const sessions = await Promise.all([driver.open(), driver.open(), driver.open()]);
    const results: number[] = [];
    await Promise.all(
      Array.from({ length: 500 }, async (_, i) => {
        const payload = words(i, 0, 0, 0, 0);
        await (sessions[i % 3] as (typeof sessions)[0]).ioctl(VIDIOC_REQBUFS, payload);
        results.push(u32(payload, 0));
      }),
    );
    expect(results).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(device.commands.length).toBe(503);
    expect(driver.stats.kicks).toBeLessThan(100);
  });

  it('sends a W ioctl with room for the header only, and planes, controls and lists after the payload', async () => {
    const rooms: number[] = [];
    const { driver, device } = await rig(
      echo((_command, room) => {
        rooms.push(room);
        return undefined;
      }),
    );
    const session = await driver.open();
    await session.streamon(1);
    await session.ioctl(VIDIOC_G_EXT_CTRLS, new Uint8Array(32).fill(1), {
      controls: new Uint8Array(40).fill(2),
      lists: [[], [{ address: 0x1_2345_6000, length: 77 }]],
    });
    expect(rooms).toEqual([16, 8, 8 + 32 + 40]);
    const command = device.commands[2] as Uint8Array;
    expect(command.length).toBe(16 + 32 + 40 + 16);
    expect(u32(command, 16 + 72)).toBe(0x2345_6000);
    expect(u32(command, 16 + 76)).toBe(1);
    expect(u32(command, 16 + 80)).toBe(77);
  });

  it('VM-R4: a header without a payload leaves the payload as it was', async () => {
    const { driver } = await rig(
      echo((command) => (u32(command, 0) === CMD_IOCTL ? words(Errno.EINVAL, 0) : undefined)),
      { payloads: 'shared' },
    );
    const session = await driver.open();
    const payload = new Uint8Array(208).fill(7);
    expect(await session.ioctl(VIDIOC_G_FMT, payload)).toEqual({ errno: Errno.EINVAL, updated: false });
    expect(payload).toEqual(new Uint8Array(208).fill(7));
    await expect(session.gFmt(1)).rejects.toMatchObject({ name: 'IoctlError', errno: Errno.EINVAL, request: 'VIDIOC_G_FMT' });
  });

  it('VM-DX17: an error that carries the payload updates it', async () => {
    const { driver } = await rig(
      echo((command, room) => {
        if (u32(command, 0) !== CMD_IOCTL) return undefined;
        const reply = new Uint8Array(room).fill(9);
        reply.set(words(Errno.ERANGE, 0));
        return reply;
      }),
    );
    const session = await driver.open();
    const payload = new Uint8Array(32);
    expect(await session.ioctl(VIDIOC_G_EXT_CTRLS, payload)).toEqual({ errno: Errno.ERANGE, updated: true });
    expect(payload).toEqual(new Uint8Array(32).fill(9));
  });

  it('VM-D2: a success without the whole payload is taken for an error of the device', async () => {
    const { driver } = await rig(echo((command) => (u32(command, 0) === CMD_IOCTL ? words(0, 0) : undefined)));
    const session = await driver.open();
    await expect(session.gFmt(1)).rejects.toMatchObject({ name: 'DriverError' });
  });

  it('VM-D1: refuses a session id that is open already', async () => {
    const { driver } = await rig((command) => (u32(command, 0) === CMD_OPEN ? words(0, 0, 3, 0) : new Uint8Array(0)));
    await driver.open();
    await expect(driver.open()).rejects.toMatchObject({ name: 'DriverError' });
  });

  it('VM-R2: nothing is sent for a session after CLOSE, and the id may come again', async () => {
    const { driver, device } = await rig((command) => (u32(command, 0) === CMD_OPEN ? words(0, 0, 3, 0) : new Uint8Array(0)));
    const session = await driver.open();
    const waiter = session.nextEvent();
    const closed = session.close();
    expect(session.close()).toBe(closed);
    await expect(session.ioctl(VIDIOC_STREAMON, words(1))).rejects.toMatchObject({ errno: Errno.EBADF });
    await expect(waiter).rejects.toMatchObject({ errno: Errno.EBADF });
    await closed;
    const again = await driver.open();
    expect(again.id).toBe(3);
    expect(again.state).toBe('open');
    expect(device.commands.map((c) => u32(c, 0))).toEqual([CMD_OPEN, CMD_CLOSE, CMD_OPEN]);
  });

  it('VM-R5, VM-RX5: EVT_ERROR makes the driver close the session, and nothing else is sent for it', async () => {
    const { driver, device } = await rig(echo());
    const session = await driver.open();
    const told: string[] = [];
    session.onError((error) => told.push(error.message));
    const waiter = session.nextEvent();
    device.event(words(0, session.id, Errno.EIO, 0));
    await expect(waiter).rejects.toMatchObject({ errno: Errno.EIO });
    await settle();
    expect(session.state).toBe('failed');
    await expect(session.gInput()).rejects.toMatchObject({ errno: Errno.EIO });
    await session.close();
    expect(device.commands.map((c) => u32(c, 0))).toEqual([CMD_OPEN, CMD_CLOSE]);
    expect(told).toHaveLength(1);
    session.onError((error) => told.push(error.message));
    expect(told).toHaveLength(2);
  });

  it('a command that gets no answer fails with ETIMEDOUT after 5 s, and a late answer does no harm', async () => {
    const clock = new ManualClock();
    const silent = await rig((command) => (u32(command, 0) === CMD_OPEN ? words(0, 0, 1, 0) : undefined), { clock });
    const stuck = await silent.driver.open();
    const asked = stuck.gFmt(1);
    const refused = expect(asked).rejects.toMatchObject({ errno: Errno.ETIMEDOUT });
    await settle();
    clock.advance(4_999_999);
    const second = stuck.gFmt(1);
    const secondRefused = expect(second).rejects.toMatchObject({ errno: Errno.ETIMEDOUT });
    await settle();
    clock.advance(1);
    await refused;
    clock.advance(5_000_000);
    await secondRefused;
    expect(silent.driver.stats.timeouts).toBe(2);
    expect(silent.device.answerHeld(new Uint8Array(216))).toBe(true);
    await settle();
    expect(silent.driver.stats.timeouts).toBe(2);
    expect(stuck.state).toBe('open');
  });

  it('the loss of the transport fails sessions and everybody who waits', async () => {
    const { driver, transport } = await rig((command) => (u32(command, 0) === CMD_OPEN ? words(0, 0, 1, 0) : undefined));
    const session = await driver.open();
    const asked = session.gFmt(1);
    const waits = session.nextEvent();
    const outcomes = Promise.allSettled([asked, waits]);
    await settle();
    await transport.close();
    expect((await outcomes).map((o) => o.status)).toEqual(['rejected', 'rejected']);
    expect(session.state).toBe('failed');
    await expect(driver.open()).rejects.toMatchObject({ name: 'DriverError' });
  });

  it('detach gives all guest memory back', async () => {
    const { driver, transport } = await rig(echo());
    await driver.detach();
    const block = transport.allocate(8 << 20);
    expect(block.bytes.length).toBe(8 << 20);
  });

  it('VM-RX1: event buffers are posted again after use: 1000 events through 4 buffers arrive in order', async () => {
    const { driver, device } = await rig(echo(), { eventBuffers: 4 });
    const session = await driver.open();
    const event = new Uint8Array(144);
    const view = new DataView(event.buffer);
    event.set(words(2, session.id));
    v4l2_event.fields.type.set(view, 8, V4L2_EVENT_EOS);
    for (let i = 0; i < 1000; i++) {
      v4l2_event.fields.sequence.set(view, 8, i);
      device.event(event);
    }
    for (let i = 0; i < 1000; i++) expect((await session.nextEvent()).sequence).toBe(i);
    expect(driver.stats.strayEvents).toBe(0);
  });

  it('short events and events of unknown sessions are counted and dropped', async () => {
    const { driver, device } = await rig(echo());
    const session = await driver.open();
    device.event(dqbufEvent(session.id, 0).subarray(0, 96));
    device.event(dqbufEvent(99, 0));
    device.event(words(7, session.id, 0, 0));
    await settle();
    expect(driver.stats).toMatchObject({ events: 3, strayEvents: 3 });
  });
});

describe('DQBUF in the driver', () => {
  async function streaming() {
    const r = await rig(echo());
    const session = await r.driver.open();
    await session.ioctl(VIDIOC_REQBUFS, reqbufs(4));
    await session.ioctl(15, qbuf(0));
    await session.ioctl(15, qbuf(1));
    await session.streamon(1);
    return { ...r, session };
  }

  it('gives buffers in the order of their events, and does not look at pointers (VM-R6)', async () => {
    const { session, device } = await streaming();
    const first = session.dqbuf(1);
    device.event(dqbufEvent(session.id, 1));
    device.event(dqbufEvent(session.id, 0));
    expect((await first).index).toBe(1);
    expect((await session.dqbuf(1)).index).toBe(0);
    expect(session.tryDqbuf(1)).toBeUndefined();
    expect(session.queue(1).queued).toBe(0);
  });

  it('answers EINVAL before STREAMON and without buffers', async () => {
    const { driver } = await rig(echo());
    const session = await driver.open();
    await expect(session.dqbuf(1)).rejects.toMatchObject({ errno: Errno.EINVAL });
    await session.ioctl(VIDIOC_REQBUFS, reqbufs(2));
    await expect(session.dqbuf(1)).rejects.toMatchObject({ errno: Errno.EINVAL });
  });

  it('answers EPIPE after LAST until DECODER_CMD START or STREAMOFF, also to a caller that waits', async () => {
    const { session, device } = await streaming();
    const waits = Promise.allSettled([session.dqbuf(1), session.dqbuf(1)]);
    device.event(dqbufEvent(session.id, 0, V4L2_BUF_FLAG_LAST));
    const [last, late] = await waits;
    expect(last?.status).toBe('fulfilled');
    expect(late).toMatchObject({ status: 'rejected', reason: { errno: Errno.EPIPE } });
    expect(() => session.tryDqbuf(1)).toThrow(expect.objectContaining({ errno: Errno.EPIPE }));
    await session.decoderCmd(0);
    expect(session.tryDqbuf(1)).toBeUndefined();
  });

  it('is woken by STREAMOFF, which drops finished buffers', async () => {
    const { session, device } = await streaming();
    device.event(dqbufEvent(session.id, 0));
    await settle();
    expect(session.queue(1).done).toBe(1);
    await session.streamoff(1);
    expect(session.queue(1)).toMatchObject({ done: 0, queued: 0 });
    await session.streamon(1);
    const waits = session.dqbuf(1);
    const refused = expect(waits).rejects.toMatchObject({ errno: Errno.EINVAL });
    await session.streamoff(1);
    await refused;
  });

  it('takes a second event for one QBUF for no buffer', async () => {
    const { session, device } = await streaming();
    for (let i = 0; i < 3; i++) device.event(dqbufEvent(session.id, 0));
    await settle();
    expect(session.queue(1).done).toBe(2);
  });
});
