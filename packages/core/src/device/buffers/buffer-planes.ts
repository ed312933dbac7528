// SPDX-License-Identifier: Apache-2.0
/** Makes the planes of buffers and gives them back. */
import type { HostBuffers } from '../../ports/index.ts';
import { timeval, V4L2_FIELD_NONE, V4L2_MEMORY_MMAP, v4l2_timecode } from '../../wire/index.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { V4l2Buffer, V4l2Plane } from './v4l2-buffer.ts';

/** Counts bytes of MMAP buffers against `DeviceLimits.bufferBytes`; one per device. */
export interface BufferBudget {
  bytes: number;
}

/** Where buffers get their memory. */
export interface BufferSupply {
  readonly buffers: HostBuffers;
  readonly limits: DeviceLimits;
  readonly budget: BufferBudget;
}

/** A dequeued buffer with planes of `sizes` bytes; undefined if there is no memory for all of them (then none is taken). */
export function makeBuffer(
  supply: BufferSupply,
  index: number,
  memory: number,
  sizes: readonly number[],
): V4l2Buffer | undefined {
  const planes = memory === V4L2_MEMORY_MMAP ? mmapPlanes(supply, sizes) : sizes.map(userptrPlane);
  if (planes === undefined) return undefined;
  return {
    index,
    memory,
    planes,
    state: 'dequeued',
    returning: undefined,
    flags: 0,
    field: V4L2_FIELD_NONE,
    timestamp: new Uint8Array(timeval.size),
    timecode: new Uint8Array(v4l2_timecode.size),
    sequence: 0,
  };
}

/** Drops the buffer's references; the memory goes with the last mapping. */
export function freeBuffer({ budget }: BufferSupply, buffer: V4l2Buffer): void {
  for (const { backing, length } of buffer.planes) {
    if (backing.kind !== 'mmap') continue;
    budget.bytes -= length;
    backing.block.release();
  }
}

function mmapPlanes({ budget, limits, buffers }: BufferSupply, sizes: readonly number[]): V4l2Plane[] | undefined {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (budget.bytes + total > limits.bufferBytes) return undefined;
  const planes: V4l2Plane[] = [];
  for (const size of sizes) {
    const block = buffers.allocate(size);
    if (block === undefined) {
      for (const { backing } of planes) if (backing.kind === 'mmap') backing.block.release();
      return undefined;
    }
    planes.push({ minLength: size, length: size, backing: { kind: 'mmap', block }, bytesUsed: 0, dataOffset: 0 });
  }
  budget.bytes += total;
  return planes;
}

function userptrPlane(size: number): V4l2Plane {
  return { minLength: size, length: size, backing: { kind: 'userptr', ranges: [] }, bytesUsed: 0, dataOffset: 0 };
}
