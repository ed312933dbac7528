// SPDX-License-Identifier: Apache-2.0
/** MMAP and MUNMAP, and buffers that can be mapped. */

import type { DriverSession, MappedPlane } from '../../driver/media/driver-session.ts';
import { IoctlError } from '../../driver/rings/errors.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { VIRTIO_MEDIA_MMAP_FLAG_RW } from '../../wire/media/virtio-media.ts';
import { V4L2_MEMORY_MMAP } from '../../wire/v4l2/videodev2-constants.gen.ts';
import type { ConformanceCheck } from '../check.ts';
import { type CheckContext, statusText } from '../check-context.ts';
import { mmapCommand, munmapCommand } from '../commands.ts';
import { must, mustEqual, skip } from '../verdict.ts';

interface OfferedPlane {
  readonly memOffset: number;
  readonly length: number;
}

function needRegion(ctx: CheckContext): void {
  if (ctx.transport.sharedLength === 0) skip('the transport has no shared memory region 0');
}

/** Buffers of the device, and all their planes. */
async function planes(ctx: CheckContext, session: DriverSession, count: number): Promise<OfferedPlane[]> {
  const type = ctx.bufferType;
  const { count: given } = await ctx.waitFor(session.reqbufs(type, count, V4L2_MEMORY_MMAP), 'the answer to REQBUFS');
  must(given > 0, 'REQBUFS of MMAP buffers gave none');
  const all: OfferedPlane[] = [];
  for (let i = 0; i < given; i++) all.push(...(await ctx.waitFor(session.querybuf(type, i), 'the answer to QUERYBUF')).planes);
  return all;
}

async function map(
  ctx: CheckContext,
  session: DriverSession,
  offset: number,
  access: 'read' | 'read-write',
): Promise<MappedPlane> {
  const mapping = await ctx.waitFor(session.mmap(offset, access), 'the answer to MMAP');
  ctx.cleanup(() => session.munmap(mapping));
  return mapping;
}

/** See the top of the file. */
export const mappingChecks: readonly ConformanceCheck[] = [
  {
    ids: ['VM-D5', 'VM-DX2'],
    title: 'MMAP answers 24 bytes, with the length of the plane',
    section: '5.22.6 Mapping a MMAP buffer',
    applies: 'any',
    async run(ctx) {
      needRegion(ctx);
      const session = await ctx.session();
      for (const plane of await planes(ctx, session, 2)) {
        const reply = await ctx.raw(mmapCommand(session.id, VIRTIO_MEDIA_MMAP_FLAG_RW, plane.memOffset), 40);
        mustEqual(reply.status, 0, `the status of MMAP of mem_offset ${plane.memOffset}`);
        mustEqual(reply.used, 24, 'the used length of MMAP');
        const view = new DataView(reply.bytes.buffer);
        const driverAddr = view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32;
        ctx.cleanup(() => session.munmap({ driverAddr }));
        mustEqual(view.getUint32(16, true) + view.getUint32(20, true) * 2 ** 32, plane.length, 'len in the answer to MMAP');
        must(driverAddr + plane.length <= ctx.transport.sharedLength, `the mapping at ${driverAddr} is outside region 0`);
        const unmapped = await ctx.raw(munmapCommand(driverAddr), 8);
        mustEqual(unmapped.status, 0, 'the status of MUNMAP');
        mustEqual(unmapped.used, 8, 'the used length of MUNMAP');
      }
    },
  },
  {
    ids: ['P12'],
    title: 'mem_offset and driver_addr are multiples of the page size, below 4 GiB, and unique in the device',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      needRegion(ctx);
      const page = ctx.options.pageSize ?? 4096;
      const seen = new Set<number>();
      for (const session of [await ctx.session(), await ctx.session()]) {
        let all: OfferedPlane[];
        try {
          all = await planes(ctx, session, 3);
        } catch (error) {
          // Some devices let one session have buffers at a time.
          if (seen.size > 0 && error instanceof IoctlError && error.errno === Errno.EBUSY) break;
          throw error;
        }
        for (const plane of all) {
          must(plane.memOffset % page === 0, `mem_offset ${plane.memOffset} is not a multiple of ${page}`);
          must(!seen.has(plane.memOffset), `mem_offset ${plane.memOffset} stands for two planes`);
          seen.add(plane.memOffset);
          const mapping = await map(ctx, session, plane.memOffset, 'read-write');
          must(mapping.driverAddr % page === 0, `driver_addr ${mapping.driverAddr} is not a multiple of ${page}`);
        }
      }
    },
  },
  {
    ids: ['VM-D6'],
    title: 'a mapping stays what it is until MUNMAP, through REQBUFS(0) and CLOSE',
    section: '5.22.6 Unmapping a MMAP buffer',
    applies: 'any',
    async run(ctx) {
      needRegion(ctx);
      const session = await ctx.session();
      const [plane] = await planes(ctx, session, 2);
      must(plane !== undefined, 'the device has no planes');
      const mapping = await map(ctx, session, plane.memOffset, 'read-write');
      const pattern = (at: number): number => (at * 31 + 7) & 0xff;
      for (let i = 0; i < mapping.length; i++) mapping.bytes[i] = pattern(i);
      const intact = (when: string): void => {
        const now = ctx.transport.shared(mapping.driverAddr, mapping.length);
        must(now !== undefined, `nothing is mapped at ${mapping.driverAddr} ${when}`);
        for (let i = 0; i < now.length; i += 61) must(now[i] === pattern(i), `byte ${i} of the mapping changed ${when}`);
      };
      await ctx.waitFor(session.reqbufs(ctx.bufferType, 0), 'the answer to REQBUFS(0)');
      intact('after REQBUFS(0)');
      const fresh = await ctx.session();
      for (const next of await planes(ctx, fresh, 2)) {
        const other = await map(ctx, fresh, next.memOffset, 'read-write');
        must(
          other.driverAddr >= mapping.driverAddr + mapping.length || other.driverAddr + other.length <= mapping.driverAddr,
          'a new buffer was mapped over a mapping that was not released',
        );
        other.bytes.fill(0x11);
      }
      intact('after new buffers were mapped and written');
      await ctx.waitFor(session.close(), 'the answer to CLOSE');
      intact('after CLOSE');
    },
  },
  {
    ids: ['VM-DX13'],
    title: 'without the RW flag the mapping is read-only',
    section: '5.22.6 Mapping a MMAP buffer',
    applies: 'any',
    async run(ctx) {
      needRegion(ctx);
      const access = ctx.transport.sharedAccess?.bind(ctx.transport);
      if (access === undefined) skip('the transport does not tell how a mapping may be used');
      const session = await ctx.session();
      const [first, second] = await planes(ctx, session, 2);
      must(first !== undefined, 'the device has no planes');
      const read = await map(ctx, session, first.memOffset, 'read');
      mustEqual(access(read.driverAddr), 'read', 'the access of a mapping asked for without RW');
      const write = await map(ctx, session, (second ?? first).memOffset, 'read-write');
      mustEqual(access(write.driverAddr), 'read-write', 'the access of a mapping asked for with RW');
    },
  },
  {
    ids: ['P14'],
    title: 'unknown, partial and surplus MUNMAPs do no harm to the mapping of a living buffer',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      needRegion(ctx);
      const session = await ctx.session();
      const [plane] = await planes(ctx, session, 1);
      must(plane !== undefined, 'the device has no planes');
      const unknown = await ctx.raw(munmapCommand(ctx.transport.sharedLength - 65536), 8);
      mustEqual(unknown.status, Errno.EINVAL, 'the status of MUNMAP where nothing is mapped');
      const far = await ctx.raw(munmapCommand(2 ** 52), 8);
      mustEqual(far.status, Errno.EINVAL, 'the status of MUNMAP outside region 0');
      const mapping = await ctx.waitFor(session.mmap(plane.memOffset), 'the answer to MMAP');
      mapping.bytes.fill(0x5c);
      for (const addr of [mapping.driverAddr + 4096, mapping.driverAddr, mapping.driverAddr, mapping.driverAddr]) {
        const reply = await ctx.raw(munmapCommand(addr), 8);
        must(reply.status !== undefined, 'MUNMAP was answered without a status');
      }
      // Whether the mapping is still there is the device's choice; mapping again must work, with the bytes in place.
      const again = await map(ctx, session, plane.memOffset, 'read-write');
      must(
        again.bytes.every((b) => b === 0x5c),
        'the buffer lost its bytes to surplus MUNMAPs',
      );
    },
  },
  {
    ids: ['P13'],
    title: 'MMAP fails where there is no shared memory region 0, and for offsets of no plane',
    section: 'existing Linux drivers',
    applies: 'any',
    async run(ctx) {
      const session = await ctx.session();
      const all = await planes(ctx, session, 1);
      const taken = new Set(all.map((plane) => plane.memOffset));
      for (const offset of [4096, 0xffff_0000, 0x8000_0000]) {
        if (taken.has(offset)) continue;
        const reply = await ctx.raw(mmapCommand(session.id, 0, offset), 24);
        must(
          reply.status !== undefined && reply.status > 0,
          `MMAP of offset ${offset}, which no plane has, gave ${statusText(reply.status)}`,
        );
        mustEqual(reply.used, 8, 'the used length of the refusal');
      }
      if (ctx.transport.sharedLength > 0) return;
      for (const plane of all) {
        const reply = await ctx.raw(mmapCommand(session.id, 0, plane.memOffset), 24);
        must(reply.status !== undefined && reply.status > 0, `MMAP without region 0 gave ${statusText(reply.status)}`);
      }
    },
  },
];
