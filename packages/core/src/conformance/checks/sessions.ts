// SPDX-License-Identifier: Apache-2.0
/** Configuration space, OPEN and CLOSE, sessions. */
import { Errno } from '../../wire/errno.gen.ts';
import { VIDIOC_G_FMT } from '../../wire/v4l2/ioctls.gen.ts';
import {
  V4L2_CAP_READWRITE,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { ConformanceCheck } from '../check.ts';
import { statusText, UNUSED_SESSION } from '../check-context.ts';
import { closeCommand, ioctlCommand, mmapCommand, openCommand } from '../commands.ts';
import { must, mustEqual, skip } from '../verdict.ts';

/** See the top of the file. */
export const sessionChecks: readonly ConformanceCheck[] = [
  {
    ids: ['P16'],
    title: 'commands that are in the ring when it is started are answered without a doorbell',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      // Before every other check: their commands ring the doorbell.
      const session = await ctx.waitFor(ctx.openAtStart, 'the answer to an OPEN that was in the ring at its start');
      await ctx.waitFor(session.close(), 'the answer to CLOSE');
    },
  },
  {
    ids: ['VM-DX14'],
    title: 'the configuration space has 40 bytes, the card name padded with 0',
    section: '5.22.4',
    applies: 'any',
    async run(ctx) {
      const raw = ctx.driver.config.raw;
      mustEqual(raw.length, 40, 'the length of the configuration space');
      const card = raw.subarray(8);
      const end = card.indexOf(0);
      must(end !== 0, 'the card has no name');
      if (end > 0)
        must(
          card.subarray(end).every((b) => b === 0),
          'bytes that are not 0 follow the end of the card name',
        );
      const middle = await ctx.waitFor(ctx.transport.readConfig(4, 4), 'a part of the configuration space');
      must(
        middle.length === 4 && middle.every((b, i) => b === raw[4 + i]),
        'device_type read alone differs from device_type read with the rest',
      );
    },
  },
  {
    ids: ['P15'],
    title: 'device_caps is what the Linux driver can work with',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      const caps = ctx.driver.config.deviceCaps;
      must(caps !== 0, 'device_caps is 0: the Linux driver does not probe');
      must((caps & V4L2_CAP_STREAMING) !== 0, 'device_caps lacks STREAMING: the guest kernel refuses all buffer ioctls');
      must((caps & V4L2_CAP_READWRITE) === 0, 'device_caps has READWRITE, which no driver implements');
      const others =
        V4L2_CAP_VIDEO_CAPTURE |
        V4L2_CAP_VIDEO_CAPTURE_MPLANE |
        V4L2_CAP_VIDEO_OUTPUT |
        V4L2_CAP_VIDEO_M2M |
        V4L2_CAP_VIDEO_M2M_MPLANE;
      must(
        (caps & V4L2_CAP_VIDEO_OUTPUT_MPLANE) === 0 || (caps & others) !== 0,
        'device_caps has VIDEO_OUTPUT_MPLANE alone, which the Linux driver takes for a camera',
      );
    },
  },
  {
    ids: ['VM-D1'],
    title: 'OPEN gives each session an id that no other open session has',
    section: '5.22.6 Open device',
    applies: 'any',
    async run(ctx) {
      const open = new Set<number>();
      for (let i = 0; i < 8; i++) {
        const reply = await ctx.raw(openCommand(), 16);
        if (reply.status === Errno.EBUSY && i > 1) break;
        mustEqual(reply.status, 0, 'the status of OPEN');
        const id = new DataView(reply.bytes.buffer).getUint32(8, true);
        ctx.cleanup(() => ctx.driver.raw({ readable: closeCommand(id), writable: 0 }));
        must(!open.has(id), `OPEN gave session id ${id} twice`);
        open.add(id);
        if (i === 3) {
          // One is closed in between: its id may come again, the others must not.
          const [first] = open;
          await ctx.raw(closeCommand(first as number), 0);
          open.delete(first as number);
        }
      }
    },
  },
  {
    ids: ['VM-DX9', 'P7'],
    title: 'CLOSE returns its chain with used length 0, also for an unknown session and with a writable part',
    section: '5.22.6 Close device',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      mustEqual((await ctx.raw(closeCommand(session.id), 0)).used, 0, 'the used length of CLOSE');
      mustEqual((await ctx.raw(closeCommand(session.id), 0)).used, 0, 'the used length of a second CLOSE');
      mustEqual((await ctx.raw(closeCommand(UNUSED_SESSION), 0)).used, 0, 'the used length of CLOSE for an unknown session');
      const reply = await ctx.raw(closeCommand(UNUSED_SESSION), 8);
      mustEqual(reply.used, 0, 'the used length of CLOSE with a writable part');
    },
  },
  {
    ids: ['VM-DX15'],
    title: 'commands for an unknown session fail',
    section: '5.22.6 Command Virtqueue',
    applies: 'any',
    async run(ctx) {
      const ioctl = await ctx.rawIoctl(UNUSED_SESSION, VIDIOC_G_FMT);
      must(ioctl.status !== undefined && ioctl.status > 0, `an ioctl of an unknown session gave ${statusText(ioctl.status)}`);
      mustEqual(ioctl.used, 8, 'the used length of the refusal');
      const mmap = await ctx.raw(mmapCommand(UNUSED_SESSION, 1, 0), 24);
      must(mmap.status !== undefined && mmap.status > 0, `MMAP of an unknown session gave ${statusText(mmap.status)}`);
      const session = await ctx.session();
      await ctx.waitFor(session.close(), 'the answer to CLOSE');
      const closed = await ctx.rawIoctl(session.id, VIDIOC_G_FMT);
      must(closed.status !== undefined && closed.status > 0, `an ioctl of a closed session gave ${statusText(closed.status)}`);
    },
  },
  {
    ids: ['VM-D9', 'VM-DX8'],
    title: 'after EVT_ERROR every command of the session fails and its id stays taken until CLOSE',
    section: '5.22.6 Device-side error',
    applies: 'any',
    async run(ctx) {
      const provoke = ctx.options.provokeError;
      if (provoke === undefined) skip('EVT_ERROR cannot be provoked from outside');
      const reply = await ctx.raw(openCommand(), 16);
      mustEqual(reply.status, 0, 'the status of OPEN');
      const id = new DataView(reply.bytes.buffer).getUint32(8, true);
      const before = ctx.errorEvents;
      const events = ctx.tap();
      provoke(id);
      await ctx.until(() => events.some((event) => event.length === 16 && event[0] === 0), 'EVT_ERROR');
      ctx.errorEvents = before;
      const refused = await ctx.raw(ioctlCommand(id, VIDIOC_G_FMT, new Uint8Array(208)), 216);
      must(refused.status !== undefined && refused.status > 0, `an ioctl after EVT_ERROR gave ${statusText(refused.status)}`);
      for (let i = 0; i < 4; i++) must((await ctx.session()).id !== id, `session id ${id} was given out before its CLOSE`);
      mustEqual((await ctx.raw(closeCommand(id), 0)).used, 0, 'the used length of CLOSE after EVT_ERROR');
    },
  },
];
