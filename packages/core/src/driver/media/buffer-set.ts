// SPDX-License-Identifier: Apache-2.0
/** The buffers of one queue with their memory: mapped (MMAP) or from the guest's own (SHARED_PAGES). */

import type { GuestBlock } from '../../virtio-device/driver-transport.ts';
import { Errno } from '../../wire/errno.gen.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';
import { V4L2_MEMORY_MMAP, V4L2_MEMORY_USERPTR } from '../../wire/v4l2/videodev2-constants.gen.ts';
import { IoctlError } from '../rings/errors.ts';
import type { BufferState, QueuePlane } from './buffers.ts';
import type { DriverSession } from './driver-session.ts';
import type { DriverFormat } from './formats.ts';

/** Where the bytes of buffers live. */
export type BufferKind = 'mmap' | 'shared-pages';

/** What a buffer is queued with; one entry per plane. */
export interface QueueOptions {
  readonly bytesused?: readonly number[];
  /** `struct timeval`, 16 opaque bytes */
  readonly timestamp?: Uint8Array;
  readonly flags?: number;
}

interface PlaneMemory {
  readonly bytes: Uint8Array;
  readonly length: number;
  readonly release: () => Promise<void> | void;
  /** scatter list, for SHARED_PAGES */
  readonly block?: GuestBlock;
}

/** See the top of the file. The session's format of this queue is set before. */
export class BufferSet {
  readonly type: number;
  readonly count: number;
  readonly #session: DriverSession;
  readonly #memory: number;
  readonly #planes: readonly (readonly PlaneMemory[])[];

  private constructor(session: DriverSession, type: number, memory: number, planes: readonly (readonly PlaneMemory[])[]) {
    this.#session = session;
    this.type = type;
    this.count = planes.length;
    this.#memory = memory;
    this.#planes = planes;
  }

  /** REQBUFS for at least one buffer, and memory for each. The device may give more or fewer than `count`. */
  static async create(
    session: DriverSession,
    format: DriverFormat,
    count: number,
    kind: BufferKind,
    access: 'read' | 'read-write',
  ): Promise<BufferSet> {
    const memory = kind === 'mmap' ? V4L2_MEMORY_MMAP : V4L2_MEMORY_USERPTR;
    const { count: given } = await session.reqbufs(format.type, count, memory);
    if (given === 0) throw new IoctlError('VIDIOC_REQBUFS', Errno.ENOMEM, 'the device gave no buffers');
    const all: PlaneMemory[][] = [];
    for (let index = 0; index < given; index++) {
      const planes: PlaneMemory[] = [];
      if (kind === 'mmap') {
        for (const plane of (await session.querybuf(format.type, index)).planes) {
          const mapping = await session.mmap(plane.memOffset, access);
          planes.push({ bytes: mapping.bytes, length: plane.length, release: () => session.munmap(mapping) });
        }
      } else {
        for (const { sizeImage } of format.planes) {
          const block = session.transport.allocate(sizeImage);
          planes.push({ bytes: block.bytes, length: sizeImage, release: () => block.free(), block });
        }
      }
      all.push(planes);
    }
    return new BufferSet(session, format.type, memory, all);
  }

  /** The bytes of a buffer, one view per plane. */
  bytes(index: number): readonly Uint8Array[] {
    return (this.#planes[index] ?? []).map((plane) => plane.bytes);
  }

  /** One plane of a buffer. */
  plane(index: number, plane: number): Uint8Array | undefined {
    return this.#planes[index]?.[plane]?.bytes;
  }

  /** Bytes of a plane. */
  planeLength(plane: number): number {
    return this.#planes[0]?.[plane]?.length ?? 0;
  }

  /** QBUF. */
  queue(index: number, o: QueueOptions = {}): Promise<BufferState> {
    const planes = (this.#planes[index] ?? []).map(
      (plane, i): QueuePlane => ({
        bytesused: o.bytesused?.[i] ?? 0,
        length: plane.length,
        ...(plane.block === undefined
          ? {}
          : { ranges: [{ address: plane.block.address, length: plane.length }], userptr: pointer(plane.block.address) }),
      }),
    );
    return this.#session.qbuf({
      index,
      type: this.type,
      memory: this.#memory,
      planes: isMultiplanar(this.type) ? planes : planes.slice(0, 1),
      ...(o.timestamp === undefined ? {} : { timestamp: o.timestamp }),
      ...(o.flags === undefined ? {} : { flags: o.flags }),
    });
  }

  /** Unmaps everything and frees the buffers: REQBUFS(0). The queue is off. */
  async release(): Promise<void> {
    for (const planes of this.#planes) for (const plane of planes) await plane.release();
    if (this.#session.state === 'open') await this.#session.reqbufs(this.type, 0, this.#memory);
  }
}

/** An address as the 8 bytes of a pointer. */
function pointer(address: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, address % 2 ** 32, true);
  view.setUint32(4, Math.floor(address / 2 ** 32), true);
  return bytes;
}
