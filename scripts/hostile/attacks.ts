// SPDX-License-Identifier: Apache-2.0
/** What hostile guests and VMMs do. Each attack sets itself up, then goes on by itself until its process ends. */
import {
  type GuestRange,
  V4L2_PIX_FMT_GREY,
  V4L2_PIX_FMT_NV12,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_QBUF,
  VIDIOC_REQBUFS,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_S_PARM,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
} from '@paravideo/core';
import { connectFrontend, connectVfioFrontend, mapPayload } from '../../packages/host/src/frontend/index.ts';
import { connectUnix, type Fd, memfd, SysError, send } from '../../packages/host/src/sys/index.ts';
import * as payload from './payloads.ts';
import { RAW_FEATURES, type RawDescriptors, RawGuest, words } from './raw-guest.ts';

/** The sockets that attackers may use; none is the victim's. */
export interface Targets {
  readonly camera: string;
  readonly pci: string;
  readonly decoder: string;
}

/** One row of the table. */
export interface Attack {
  readonly name: string;
  readonly what: string;
  /** whether a guest can do it alone, or its VMM has to help */
  readonly needs: 'a guest' | 'a VMM';
  readonly begin: (to: Targets) => Promise<void>;
}

const PAGE = 4096;
const MMAP = 1;
const USERPTR = 2;
const CONTROLS = [0x98_0900, 0x98_0901, 0x98_0902, 0x98_0903, 0x98_0914, 0x98_0915];

async function guest(to: Targets, o: { memoryBytes?: number; eventBuffers?: number } = {}): Promise<RawGuest> {
  const transport = await connectFrontend(to.camera, { memoryBytes: o.memoryBytes ?? 64 << 20, features: RAW_FEATURES });
  return RawGuest.attach(transport, { size: 1024, ...o });
}

const repeat = (count: number, make: (i: number) => RawDescriptors): RawDescriptors[] =>
  Array.from({ length: count }, (_, i) => ({ ...make(i), again: true }));

/** Streams into buffers that are queued again as they come back; the chains of QBUF, by index. */
async function stream(raw: RawGuest, session: number, fps: number, queue: readonly RawDescriptors[]): Promise<void> {
  await raw.send(raw.ioctl(session, VIDIOC_S_PARM, payload.frameRate(fps), 204));
  raw.onBuffer = (index) => {
    const chain = queue[index];
    if (chain !== undefined) raw.flood([chain]);
  };
  for (const chain of queue) await raw.must(chain);
  await raw.must(raw.ioctl(session, VIDIOC_STREAMON, words(1), 0));
}

async function setFormat(raw: RawGuest, session: number, format: Uint8Array): Promise<number> {
  const answer = await raw.must(raw.ioctl(session, VIDIOC_S_FMT, format, 208));
  return answer.getUint32(payload.SIZE_IMAGE_IN_ANSWER, true);
}

const separate = (base: number, count: number): GuestRange[] =>
  Array.from({ length: count }, (_, i) => ({ address: base + 2 * i, length: 1 }));

/** A call with so many bytes behind one control that its scatter list has 32768 entries over the given memory. */
async function wideControls(raw: RawGuest, base: number, entryBytes: number): Promise<void> {
  const session = await raw.open();
  const list = raw.put(payload.scatterList(Array.from({ length: 32_768 }, () => ({ address: base, length: entryBytes }))));
  const call = payload.controls([{ id: 0x98_0900, size: 0xffff_ffff }]);
  raw.flood(repeat(1, () => raw.ioctl(session, VIDIOC_G_EXT_CTRLS, call, call.length, list)));
  const qbuf = payload.queueBuffer(0, USERPTR, 0x0fff_ffff);
  raw.flood(repeat(1, () => raw.ioctl(session, VIDIOC_QBUF, qbuf, 88, list)));
}

const forEver = (once: () => void | Promise<void>): void => {
  const next = async (): Promise<void> => {
    await once();
    setImmediate(next);
  };
  setImmediate(next);
};

function connect(path: string): Fd | undefined {
  try {
    return connectUnix(path);
  } catch (error) {
    // The queue of the listener is full: that is the attack at work.
    if (error instanceof SysError) return undefined;
    throw error;
  }
}

/** All attacks, in the order of the table. */
export const ATTACKS: readonly Attack[] = [
  {
    name: 'events',
    what: '256 sessions hear of every control and take no event; 128 S_EXT_CTRLS at a time',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      let session = 0;
      for (let i = 0; i < 256; i++) {
        session = await raw.open();
        for (const id of CONTROLS) await raw.send(raw.ioctl(session, VIDIOC_SUBSCRIBE_EVENT, payload.subscription(id), 0));
      }
      raw.flood(
        repeat(128, (i) => {
          const call = payload.controls(CONTROLS.slice(0, 4).map((id) => ({ id, value: (i % 2) * 7 + 3 })));
          return raw.ioctl(session, VIDIOC_S_EXT_CTRLS, call, call.length);
        }),
      );
    },
  },
  {
    name: 'vfio-sg',
    what: '4080 pieces of guest memory of 4 KiB, commands whose scatter lists run over them 32768 times',
    needs: 'a VMM',
    begin: async (to) => {
      const frontend = await connectVfioFrontend(to.pci, { features: { indirect: true, eventIdx: false } });
      const raw = await RawGuest.attach(frontend);
      const base = 0x10_0000_0000;
      const fd = memfd('pieces', PAGE);
      for (let i = 0; i < 4080; i++) await frontend.request('DMA_MAP', mapPayload(base + i * PAGE, PAGE, 0, 3), [fd]);
      await wideControls(raw, base, 4080 * PAGE);
    },
  },
  {
    name: 'slots-sg',
    what: '500 memory slots on vhost-user, the same commands',
    needs: 'a VMM',
    begin: async (to) => {
      const base = 0x10_0000_0000;
      const regions = [
        { address: 0x1_0000_0000, length: 16 << 20 },
        ...Array.from({ length: 500 }, (_, i) => ({ address: base + i * PAGE, length: PAGE })),
      ];
      const transport = await connectFrontend(to.camera, { regions, features: RAW_FEATURES });
      await wideControls(await RawGuest.attach(transport), base, 500 * PAGE);
    },
  },
  {
    name: 'sg',
    what: '128 x QBUF with a scatter list of 32768 entries',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      const session = await raw.open();
      const target = raw.room(PAGE);
      // Entries that touch are the dearest: they are joined, so that no bound on pieces ends the list early.
      const list = raw.put(
        payload.scatterList(Array.from({ length: 32_768 }, (_, i) => ({ address: target.address + (i % PAGE), length: 1 }))),
      );
      const qbuf = payload.queueBuffer(0, USERPTR, 32_768);
      raw.flood(repeat(128, () => raw.ioctl(session, VIDIOC_QBUF, qbuf, 88, list)));
    },
  },
  {
    name: 'indirect',
    what: 'chains of 4096 descriptors in an indirect table',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      const page = raw.room(PAGE);
      const table = raw.transport.allocate(16 * 4096);
      const view = new DataView(table.bytes.buffer, table.bytes.byteOffset, table.bytes.byteLength);
      for (let i = 0; i < 4096; i++) {
        view.setBigUint64(16 * i, BigInt(page.address + (i % 2) * 64), true);
        view.setUint32(16 * i + 8, 1, true);
        view.setUint16(16 * i + 12, i === 4095 ? 0 : 1, true);
        view.setUint16(16 * i + 14, i === 4095 ? 0 : i + 1, true);
      }
      raw.floodTable({ address: table.address, length: 16 * 4096 }, 128);
    },
  },
  {
    name: 'userptr',
    what: 'a camera at 120/s into as many small pieces of memory as a buffer may have',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to, { eventBuffers: 16 });
      const session = await raw.open();
      const size = await setFormat(raw, session, payload.format(256, 128, V4L2_PIX_FMT_GREY));
      await raw.must(raw.ioctl(session, VIDIOC_REQBUFS, payload.requestBuffers(16, USERPTR), 20));
      const target = raw.room(2 * size + PAGE);
      const chains = (pieces: number): RawDescriptors[] => {
        const ranges = separate(target.address, pieces);
        if (pieces < size) ranges.push({ address: target.address + size, length: size - pieces });
        const list = raw.put(payload.scatterList(ranges));
        return Array.from({ length: 16 }, (_, i) =>
          raw.ioctl(session, VIDIOC_QBUF, payload.queueBuffer(i, USERPTR, size), 88, list),
        );
      };
      const [first] = chains(size) as [RawDescriptors];
      if ((await raw.send(first)).getUint32(0, true) === 0) {
        // As many pieces as bytes are taken: then all buffers are such.
        await raw.must(raw.ioctl(session, VIDIOC_REQBUFS, payload.requestBuffers(16, USERPTR), 20));
        await stream(raw, session, 120, chains(size));
      } else await stream(raw, session, 120, chains(1000));
    },
  },
  {
    name: 'reqbufs',
    what: 'REQBUFS 32 and 0 for ever',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      const session = await raw.open();
      raw.flood(repeat(128, (i) => raw.ioctl(session, VIDIOC_REQBUFS, payload.requestBuffers(i % 2 === 0 ? 32 : 0, MMAP), 20)));
    },
  },
  {
    name: 'vfio',
    what: 'REGION_WRITE of 1 MiB without pause',
    needs: 'a VMM',
    begin: async (to) => {
      const frontend = await connectVfioFrontend(to.pci);
      const bytes = new Uint8Array(16 + (1 << 20));
      const view = new DataView(bytes.buffer);
      view.setUint32(8, 2, true);
      view.setUint32(12, 1 << 20, true);
      for (let i = 0; i < 4; i++) forEver(async () => void (await frontend.request('REGION_WRITE', bytes)));
    },
  },
  {
    name: 'dma',
    what: 'guest memory that comes and goes in 1000 pieces without pause',
    needs: 'a VMM',
    begin: async (to) => {
      const frontend = await connectVfioFrontend(to.pci);
      const fd = memfd('pieces', PAGE);
      const base = 0x10_0000_0000;
      forEver(async () => {
        await Promise.all(
          Array.from({ length: 1000 }, (_, i) => frontend.request('DMA_MAP', mapPayload(base + i * PAGE, PAGE, 0, 3), [fd])),
        );
        const unmap = new Uint8Array(24);
        const view = new DataView(unmap.buffer);
        view.setUint32(0, 24, true);
        view.setBigUint64(8, BigInt(base), true);
        view.setBigUint64(16, BigInt(1000 * PAGE), true);
        await frontend.request('DMA_UNMAP', unmap);
      });
    },
  },
  {
    name: 'stride',
    what: 'a camera at 120/s with lines of 38000 bytes',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to, { eventBuffers: 8 });
      const session = await raw.open();
      const size = await setFormat(raw, session, payload.format(1920, 1080, V4L2_PIX_FMT_NV12, 38_000));
      await raw.must(raw.ioctl(session, VIDIOC_REQBUFS, payload.requestBuffers(8, MMAP), 20));
      const queue = Array.from({ length: 8 }, (_, i) => raw.ioctl(session, VIDIOC_QBUF, payload.queueBuffer(i, MMAP, size), 88));
      await stream(raw, session, 120, queue);
    },
  },
  {
    name: 'small',
    what: 'G_FMT without pause, 128 in flight',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      const session = await raw.open();
      raw.flood(repeat(128, () => raw.ioctl(session, VIDIOC_G_FMT, payload.format(0, 0, 0), 208)));
    },
  },
  {
    name: 'kicks',
    what: 'doorbells without pause, with nothing in the ring',
    needs: 'a guest',
    begin: async (to) => {
      const raw = await guest(to);
      forEver(() => {
        for (let i = 0; i < 1000; i++) raw.transport.notify(i % 2);
      });
    },
  },
  {
    name: 'connects',
    what: 'connections to a camera that come and go without pause',
    needs: 'a VMM',
    begin: async (to) => forEver(() => connect(to.camera)?.close()),
  },
  {
    name: 'connects-decoder',
    what: 'the same to a decoder, whose codec process starts with a guest',
    needs: 'a VMM',
    begin: async (to) => forEver(() => connect(to.decoder)?.close()),
  },
  {
    name: 'half',
    what: 'half a handshake, then nothing, on every socket; more that come and are turned away',
    needs: 'a VMM',
    begin: async (to) => {
      const kept: Fd[] = [];
      for (const path of Object.values(to)) {
        const fd = connect(path);
        if (fd === undefined) continue;
        send(fd, Uint8Array.of(1, 0, 0, 0, 1));
        kept.push(fd);
      }
      forEver(() => {
        const fd = connect(kept.length === 0 ? to.pci : to.camera);
        if (fd !== undefined) send(fd, Uint8Array.of(1, 0));
        fd?.close();
      });
    },
  },
];
