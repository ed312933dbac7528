// SPDX-License-Identifier: Apache-2.0
/** Shapes of descriptor chains: the same command must give the same answer in each. */
import { words } from '../../base/index.ts';
import type { RawReply, RawRequest } from '../../driver/rings/raw-request.ts';
import { VIDIOC_ENUM_FMT, VIDIOC_G_FMT, VIDIOC_TRY_FMT } from '../../wire/v4l2/ioctls.gen.ts';
import { v4l2_fmtdesc } from '../../wire/v4l2/videodev2.ts';
import type { ConformanceCheck } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { closeCommand, ioctlCommand, openCommand } from '../commands.ts';
import { must, mustEqual } from '../verdict.ts';
import { formatPayload } from './payloads.ts';

type ChainShape = Omit<RawRequest, 'readable' | 'writable'>;

function same(a: RawReply, b: RawReply, what: string): void {
  mustEqual(b.status, a.status, `the status of ${what}`);
  mustEqual(b.used, a.used, `the used length of ${what}`);
  must(
    a.bytes.subarray(0, a.used).every((value, i) => value === b.bytes[i]),
    `the answer to ${what} differs from the answer to the same command in one piece`,
  );
}

/** The commands that are tried in each shape. */
async function commands(ctx: CheckContext): Promise<{ name: string; bytes: Uint8Array; room: number }[]> {
  const session = await ctx.session();
  const format = formatPayload(ctx);
  const described = new Uint8Array(v4l2_fmtdesc.size);
  described.set(words(0, ctx.bufferType));
  return [
    { name: 'G_FMT', bytes: ioctlCommand(session.id, VIDIOC_G_FMT, format), room: 216 },
    { name: 'TRY_FMT', bytes: ioctlCommand(session.id, VIDIOC_TRY_FMT, format), room: 216 },
    { name: 'ENUM_FMT', bytes: ioctlCommand(session.id, VIDIOC_ENUM_FMT, described), room: 72 },
    { name: 'an unknown ioctl', bytes: ioctlCommand(session.id, 200, new Uint8Array(40)), room: 48 },
  ];
}

/** See the top of the file. */
export const chainChecks: readonly ConformanceCheck[] = [
  {
    ids: ['P3'],
    title: 'readable and writable parts are byte streams: any split into descriptors, direct or indirect',
    section: 'Virtqueues, Message Framing',
    applies: 'any',
    async run(ctx) {
      const shapes: [string, ChainShape][] = [
        ['one byte a descriptor at the start', { readSplit: [1, 1, 1, 5, 3, 2, 3, 1], writeSplit: [1, 2, 3, 1, 1] }],
        ['headers cut in the middle', { readSplit: [4, 8, 3, 17], writeSplit: [3, 9, 100] }],
        ['header and payload apart', { readSplit: [16], writeSplit: [8] }],
        ['everything in one piece', {}],
      ];
      for (const { name, bytes, room } of await commands(ctx)) {
        const plain = await ctx.raw(bytes, room);
        for (const [what, shape] of shapes) {
          same(plain, await ctx.raw(bytes, room, { ...shape, indirect: false }), `${name}, ${what}, direct`);
          if (!ctx.transport.features.indirect) continue;
          same(plain, await ctx.raw(bytes, room, { ...shape, indirect: true }), `${name}, ${what}, indirect`);
        }
      }
    },
  },
  {
    ids: ['P2'],
    title: 'the readable part is read before the writable one is written, also if both are the same memory',
    section: '5.22.6 Ioctls payload',
    applies: 'any',
    async run(ctx) {
      for (const { name, bytes, room } of await commands(ctx)) {
        const plain = await ctx.raw(bytes, room);
        const shared = { readable: 16, writable: 8 };
        same(plain, await ctx.raw(bytes, room, { shared, readSplit: [16], writeSplit: [8] }), `${name} in shared memory`);
        // Worse than any driver: the answer's header lies where the command is.
        same(plain, await ctx.raw(bytes, room, { shared: { readable: 0, writable: 0 } }), `${name} with its header overwritten`);
      }
    },
  },
  {
    ids: ['P4'],
    title: 'reserved fields and surplus bytes are ignored',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      for (const { name, bytes, room } of await commands(ctx)) {
        const plain = await ctx.raw(bytes, room);
        const reserved = bytes.slice();
        reserved.fill(0xff, 4, 8);
        same(plain, await ctx.raw(reserved, room), `${name} with its reserved field set`);
        const longer = new Uint8Array(bytes.length + 37).fill(0xff);
        longer.set(bytes);
        if (plain.status === 0)
          same(plain, await ctx.raw(longer, room + 11), `${name} with 37 readable and 11 writable bytes more`);
      }
      const open = openCommand();
      open.fill(0xff, 4);
      const reply = await ctx.raw(open, 16);
      mustEqual(reply.status, 0, 'the status of OPEN with its reserved field set');
      const close = closeCommand(new DataView(reply.bytes.buffer).getUint32(8, true));
      close.fill(0xff, 12);
      mustEqual((await ctx.raw(close, 0)).used, 0, 'the used length of CLOSE with its reserved field set');
    },
  },
];
