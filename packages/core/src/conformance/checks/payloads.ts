// SPDX-License-Identifier: Apache-2.0
/** Ioctls: which are answered how, and where their payloads go. */
import { words } from '../../base/index.ts';
import { Errno } from '../../wire/errno.gen.ts';
import {
  IOCTLS,
  VIDIOC_DQBUF,
  VIDIOC_DQEVENT,
  VIDIOC_ENUM_FMT,
  VIDIOC_G_FMT,
  VIDIOC_G_INPUT,
  VIDIOC_G_JPEGCOMP,
  VIDIOC_LOG_STATUS,
  VIDIOC_QUERYCAP,
  VIDIOC_REQBUFS,
  VIDIOC_S_FMT,
  VIDIOC_S_JPEGCOMP,
  VIDIOC_STREAMOFF,
  VIDIOC_TRY_FMT,
} from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_fmtdesc, v4l2_format } from '../../wire/v4l2/videodev2.ts';
import type { ConformanceCheck } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { closeCommand, ioctlCommand, openCommand } from '../commands.ts';
import { must, mustEqual } from '../verdict.ts';

const FILL = 0xa5;

function payloadWithType(size: number, offset: number, type: number): Uint8Array {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(offset, type, true);
  return bytes;
}

/** `struct v4l2_format` of the queue whose format every device has. */
export function formatPayload(ctx: CheckContext): Uint8Array {
  return payloadWithType(v4l2_format.size, v4l2_format.fields.type.offset, ctx.bufferType);
}

/** See the top of the file. */
export const payloadChecks: readonly ConformanceCheck[] = [
  {
    ids: ['VM-D2', 'VM-DX2', 'P5'],
    title: 'a successful WR ioctl writes all of its payload, and the used length says so',
    section: '5.22.6 V4L2 ioctls',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const get = await ctx.rawIoctl(session.id, VIDIOC_G_FMT, formatPayload(ctx));
      mustEqual(get.status, 0, 'the status of G_FMT');
      mustEqual(get.used, 216, 'the used length of G_FMT');
      const format = get.bytes.slice(8);
      mustEqual(new DataView(format.buffer).getUint32(0, true), ctx.bufferType, 'the type in the answer to G_FMT');
      for (const [name, nr] of [
        ['TRY_FMT', VIDIOC_TRY_FMT],
        ['S_FMT', VIDIOC_S_FMT],
      ] as const) {
        const reply = await ctx.rawIoctl(session.id, nr, format);
        if (reply.status === 0) mustEqual(reply.used, 216, `the used length of ${name} with what G_FMT gave`);
      }
      const enumerate = payloadWithType(v4l2_fmtdesc.size, v4l2_fmtdesc.fields.type.offset, ctx.bufferType);
      const described = await ctx.rawIoctl(session.id, VIDIOC_ENUM_FMT, enumerate);
      mustEqual(described.status, 0, 'the status of ENUM_FMT, index 0');
      mustEqual(described.used, 8 + v4l2_fmtdesc.size, 'the used length of ENUM_FMT');
      must(!described.bytes.slice(8).every((b) => b === FILL), 'ENUM_FMT left its payload unwritten');
    },
  },
  {
    ids: ['VM-DX2', 'P5'],
    title: 'used lengths are exact: 16 of OPEN, 8 of a W ioctl and of an error, nothing behind them is touched',
    section: 'Virtqueues, The Virtqueue Used Ring',
    applies: 'any',
    async run(ctx) {
      const open = await ctx.raw(openCommand(), 64);
      mustEqual(open.status, 0, 'the status of OPEN');
      mustEqual(open.used, 16, 'the used length of OPEN with 64 bytes of room');
      must(
        open.bytes.subarray(16).every((b) => b === FILL),
        'OPEN wrote behind its answer',
      );
      const id = new DataView(open.bytes.buffer).getUint32(8, true);
      ctx.cleanup(() => ctx.driver.raw({ readable: closeCommand(id), writable: 0 }));
      const off = await ctx.rawIoctl(id, VIDIOC_STREAMOFF, payloadWithType(4, 0, ctx.bufferType), { room: 64 });
      mustEqual(off.status, 0, 'the status of STREAMOFF of a queue that does not stream');
      mustEqual(off.used, 8, 'the used length of a W ioctl');
      must(
        off.bytes.subarray(8).every((b) => b === FILL),
        'a W ioctl wrote behind its header',
      );
      const bad = await ctx.rawIoctl(id, VIDIOC_G_FMT, payloadWithType(v4l2_format.size, 0, 0x7777), { room: 300 });
      mustEqual(bad.status, Errno.EINVAL, 'the status of G_FMT of a type that does not exist');
      must(bad.used === 8 || bad.used === 216, `an error used ${bad.used} bytes, neither 8 nor 216`);
      const good = await ctx.rawIoctl(id, VIDIOC_G_FMT, formatPayload(ctx), { room: 300 });
      mustEqual(good.used, 216, 'the used length of G_FMT with 300 bytes of room');
      must(
        good.bytes.subarray(216).every((b) => b === FILL),
        'G_FMT wrote behind its payload',
      );
    },
  },
  {
    ids: ['VM-D4'],
    title: 'ioctls that do not exist are answered with ENOTTY',
    section: '5.22.6 Unsupported ioctls',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      for (const nr of [1, 3, 105, 150, 192, 255]) {
        const reply = await ctx.rawIoctl(session.id, nr, new Uint8Array(256), { room: 264 });
        mustEqual(reply.status, Errno.ENOTTY, `the status of ioctl ${nr}`);
        mustEqual(reply.used, 8, `the used length of the refusal of ioctl ${nr}`);
      }
    },
  },
  {
    ids: ['VM-DX3'],
    title: 'QUERYCAP, DQBUF, DQEVENT, G/S_JPEGCOMP and LOG_STATUS are answered with ENOTTY',
    section: '5.22.6 Unsupported ioctls',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      for (const nr of [VIDIOC_QUERYCAP, VIDIOC_DQBUF, VIDIOC_DQEVENT, VIDIOC_G_JPEGCOMP, VIDIOC_S_JPEGCOMP, VIDIOC_LOG_STATUS]) {
        mustEqual((await ctx.rawIoctl(session.id, nr)).status, Errno.ENOTTY, `the status of ioctl ${nr}`);
      }
    },
  },
  {
    ids: ['VM-DX4'],
    title: 'the code of an ioctl is its number, not the 32-bit value',
    section: '5.22.6 V4L2 ioctls',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      // _IOWR('V', 4, struct v4l2_format)
      const full = 0xc0d0_5604;
      const reply = await ctx.rawIoctl(session.id, full, formatPayload(ctx));
      mustEqual(reply.status, Errno.ENOTTY, 'the status of an ioctl whose code is the 32-bit value of G_FMT');
      mustEqual(
        (await ctx.rawIoctl(session.id, VIDIOC_G_FMT + 256, formatPayload(ctx))).status,
        Errno.ENOTTY,
        'the status of ioctl 260',
      );
    },
  },
  {
    ids: ['VM-DX5'],
    title: 'an R ioctl needs no readable payload and ignores one; a W ioctl answers with the header only',
    section: '5.22.6 Ioctls payload',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const off = await ctx.rawIoctl(session.id, VIDIOC_STREAMOFF, payloadWithType(4, 0, ctx.bufferType), { room: 8 });
      mustEqual(off.status, 0, 'the status of STREAMOFF with room for the header only');
      const bare = await ctx.raw(ioctlCommand(session.id, VIDIOC_G_INPUT), 12);
      const padded = await ctx.raw(ioctlCommand(session.id, VIDIOC_G_INPUT, new Uint8Array(4).fill(0xff)), 12);
      mustEqual(padded.status, bare.status, 'the status of G_INPUT with four readable bytes more');
      if (bare.status === Errno.ENOTTY) return;
      mustEqual(bare.status, 0, 'the status of G_INPUT');
      mustEqual(bare.used, 12, 'the used length of G_INPUT');
      mustEqual(padded.used, 12, 'the used length of G_INPUT with four readable bytes more');
    },
  },
  {
    ids: ['VM-DX1'],
    title: 'a status is 0 or a positive Linux errno',
    section: '5.22.6 Command headers',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      for (let nr = 0; nr <= 110; nr++) {
        const reply = await ctx.rawIoctl(session.id, nr, new Uint8Array(SIZES.get(nr) ?? 64));
        must(reply.status !== undefined && reply.status < 4096, `ioctl ${nr} of zeros gave the status ${reply.status}`);
      }
      mustEqual(
        (await ctx.rawIoctl(session.id, VIDIOC_G_FMT, formatPayload(ctx))).status,
        0,
        'the status of G_FMT after all of them',
      );
    },
  },
  {
    ids: ['P19'],
    title: 'commands that are cut short or absurd do not succeed, and the device goes on',
    section: 'hostile guest',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const whole = ioctlCommand(session.id, VIDIOC_G_FMT, formatPayload(ctx));
      for (const length of [1, 7, 8, 12, 15, 16, 17, 100, 223]) {
        const reply = await ctx.raw(whole.subarray(0, length), 216);
        must(reply.status !== 0, `a command cut to ${length} bytes succeeded`);
      }
      for (const room of [1, 7, 8, 9, 100, 215]) {
        const reply = await ctx.raw(whole, room);
        must(reply.used <= room, `${reply.used} bytes used of ${room}`);
        must(reply.status !== 0, `G_FMT with ${room} bytes of room succeeded`);
      }
      const none = await ctx.raw(whole, 0);
      mustEqual(none.used, 0, 'the used length of an ioctl without a writable part');
      const unknown = new Uint8Array(16);
      unknown[0] = 0x63;
      const refused = await ctx.raw(unknown, 8);
      must(refused.status !== 0, 'command 99 succeeded');
      const huge = await ctx.rawIoctl(session.id, VIDIOC_REQBUFS, words(0xffff_ffff, ctx.bufferType, 1, 0, 0));
      if (huge.status === 0) {
        const count = new DataView(huge.bytes.buffer).getUint32(8, true);
        must(count <= 65536, `REQBUFS of 2^32 - 1 buffers gave ${count}`);
        await ctx.rawIoctl(session.id, VIDIOC_REQBUFS, words(0, ctx.bufferType, 1, 0, 0));
      }
      mustEqual((await ctx.raw(whole, 216)).status, 0, 'the status of G_FMT after all that');
    },
  },
  {
    ids: ['P1'],
    title: 'a thousand commands in flight are all answered in time, in order',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const order: number[] = [];
      const commands = Array.from({ length: 1000 }, async (_, i) => {
        const payload = formatPayload(ctx);
        const { errno } = await session.ioctl(VIDIOC_G_FMT, payload);
        mustEqual(errno, 0, `the errno of G_FMT number ${i}`);
        order.push(i);
      });
      await ctx.waitFor(Promise.all(commands), 'the answers to 1000 commands', 5_000_000);
      must(
        order.every((value, i) => value === i),
        'answers to commands of one session came out of order',
      );
    },
  },
];

const SIZES = new Map<number, number>(IOCTLS.map((info) => [info.nr, info.size]));
