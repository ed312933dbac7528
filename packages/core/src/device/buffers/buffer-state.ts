// SPDX-License-Identifier: Apache-2.0
/** A queue of buffers as plain data. */
import { hexOf, NotIdleError, SavedFields, SavedStateError } from '../../base/index.ts';
import type { ArenaBlock, GuestRange } from '../../ports/index.ts';
import {
  isMultiplanar,
  timeval,
  V4L2_MEMORY_MMAP,
  V4L2_MEMORY_USERPTR,
  VIRTIO_MEDIA_MAX_PLANES,
  v4l2_timecode,
} from '../../wire/index.ts';
import type { DeviceLimits } from '../framework/limits.ts';
import type { V4l2Buffer, V4l2Plane } from './v4l2-buffer.ts';

/** One plane of a saved buffer. */
export interface SavedPlane {
  /** what the format needs, bytes */
  readonly minLength: number;
  /** bytes of the plane */
  readonly length: number;
  /** bytes with data */
  readonly bytesUsed: number;
  /** where the data begins */
  readonly dataOffset: number;
  /** where an MMAP plane lies in the arena, which is its `mem_offset`; null for a plane in guest memory */
  readonly offset: number | null;
  /** the scatter list of a plane in guest memory, empty before its first QBUF; null for an MMAP plane */
  readonly ranges: readonly GuestRange[] | null;
}

/** One saved buffer. None is `active`: what a client has taken it must have given back. */
export interface SavedBuffer {
  readonly index: number;
  readonly state: 'dequeued' | 'prepared' | 'queued';
  /** V4L2_BUF_FLAG_*, without those that follow from the state */
  readonly flags: number;
  readonly field: number;
  /** raw `struct timeval` and `struct v4l2_timecode` in hexadecimal digits */
  readonly timestamp: string;
  readonly timecode: string;
  readonly sequence: number;
  readonly planes: readonly SavedPlane[];
}

/** What `BufferQueue.save` returns. */
export interface BufferQueueState {
  /** V4L2_BUF_TYPE_* of the queue */
  readonly type: number;
  readonly state: 'empty' | 'allocated' | 'streaming' | 'failed';
  /** V4L2_MEMORY_* of the buffers; 0 without any */
  readonly memory: number;
  /** in the order in which they were made */
  readonly buffers: readonly SavedBuffer[];
  /** indices of the queued buffers, oldest first */
  readonly waiting: readonly number[];
}

/** What a queue starts from, read and judged; its MMAP planes have no block yet. */
export interface BufferQueueStart extends Pick<BufferQueueState, 'state' | 'memory' | 'waiting'> {
  readonly buffers: readonly (Omit<V4l2Buffer, 'planes'> & { readonly planes: readonly SavedPlane[] })[];
}

/** The block of the arena at `offset`, with a reference for whoever asked; undefined if none of `length` bytes lies there. */
export type BlockAt = (offset: number, length: number) => ArenaBlock | undefined;

const STATES = ['empty', 'allocated', 'streaming', 'failed'] as const;
const BUFFER_FIELDS = ['index', 'state', 'flags', 'field', 'timestamp', 'timecode', 'sequence', 'planes'];
const PLANE_FIELDS = ['minLength', 'length', 'bytesUsed', 'dataOffset', 'offset', 'ranges'];

/** One buffer as plain data. Throws `NotIdleError` while it is not all the queue's or the guest's. */
export function saveBuffer(buffer: V4l2Buffer): SavedBuffer {
  const { index, state, field, sequence } = buffer;
  if (state === 'active') throw new NotIdleError(`buffer ${index} is with the device: it is being filled or read`);
  if (buffer.returning?.waiting === true) throw new NotIdleError(`the event of buffer ${index} has not reached the guest yet`);
  return {
    index,
    state,
    flags: buffer.flags >>> 0,
    field,
    timestamp: hexOf(buffer.timestamp),
    timecode: hexOf(buffer.timecode),
    sequence,
    planes: buffer.planes.map(savePlane),
  };
}

function savePlane({ minLength, length, bytesUsed, dataOffset, backing }: V4l2Plane): SavedPlane {
  const offset = backing.kind === 'mmap' ? backing.block.offset : null;
  const ranges =
    backing.kind === 'mmap' ? null : backing.ranges.map((range) => ({ address: range.address, length: range.length }));
  return { minLength, length, bytesUsed, dataOffset, offset, ranges };
}

/** Reads the saved state of a queue of `type`. Throws `SavedStateError`. */
export function readBufferQueue(state: unknown, type: number, limits: DeviceLimits): BufferQueueStart {
  const fields = new SavedFields(state, 'queue', ['type', 'state', 'memory', 'buffers', 'waiting']);
  if (fields.raw('type') !== type) fields.refuse('type', String(type));
  const list = fields.list('buffers', limits.buffersPerQueue, BUFFER_FIELDS);
  const memory = fields.u32('memory');
  const known = list.length === 0 ? memory === 0 : memory === V4L2_MEMORY_MMAP || memory === V4L2_MEMORY_USERPTR;
  if (!known) fields.refuse('memory', list.length === 0 ? '0 without buffers' : 'V4L2_MEMORY_MMAP or V4L2_MEMORY_USERPTR');
  const kind = fields.oneOf('state', STATES);
  // A queue that streams may have had all its buffers removed.
  if (kind === (list.length === 0 ? 'allocated' : 'empty')) fields.refuse('state', `another for ${list.length} buffers`);
  const taken = { indices: new Set<number>(), offsets: new Set<number>() };
  const buffers = list.map((one) => readBuffer(one, type, memory, limits, taken));
  const waiting = fields.integers('waiting', list.length, 0, limits.buffersPerQueue - 1);
  const queued = buffers.filter((buffer) => buffer.state === 'queued').map((buffer) => buffer.index);
  if (waiting.length !== queued.length || !queued.every((index) => waiting.includes(index))) {
    fields.refuse('waiting', 'each queued buffer once');
  }
  return { state: kind, memory, buffers, waiting };
}

interface TakenPlaces {
  readonly indices: Set<number>;
  readonly offsets: Set<number>;
}

function readBuffer(
  fields: SavedFields,
  type: number,
  memory: number,
  limits: DeviceLimits,
  { indices, offsets }: TakenPlaces,
): BufferQueueStart['buffers'][number] {
  const index = fields.integer('index', 0, limits.buffersPerQueue - 1);
  if (indices.has(index)) fields.refuse('index', 'an index that no other buffer has');
  indices.add(index);
  const state = fields.oneOf('state', ['dequeued', 'prepared', 'queued']);
  const list = fields.list('planes', isMultiplanar(type) ? VIRTIO_MEDIA_MAX_PLANES : 1, PLANE_FIELDS);
  if (list.length === 0) fields.refuse('planes', 'at least one');
  const planes = list.map((plane) => readPlane(plane, memory, limits, state !== 'dequeued'));
  for (const [i, { offset }] of planes.entries()) {
    if (offset === null) continue;
    if (offsets.has(offset)) list[i]?.refuse('offset', 'a place that no other plane has');
    offsets.add(offset);
  }
  return {
    index,
    memory,
    planes,
    state,
    returning: undefined,
    flags: fields.u32('flags'),
    field: fields.u32('field'),
    timestamp: fields.bytes('timestamp', timeval.size),
    timecode: fields.bytes('timecode', v4l2_timecode.size),
    sequence: fields.u32('sequence'),
  };
}

function readPlane(fields: SavedFields, memory: number, limits: DeviceLimits, theDevices: boolean): SavedPlane {
  const minLength = fields.integer('minLength', 0, limits.planeBytes);
  const length = fields.integer('length', minLength, limits.planeBytes);
  const bytesUsed = fields.integer('bytesUsed', 0, length);
  const dataOffset = fields.integer('dataOffset', 0, length);
  if (memory === V4L2_MEMORY_MMAP) {
    if (fields.raw('ranges') !== null) fields.refuse('ranges', 'null for an MMAP plane');
    return { minLength, length, bytesUsed, dataOffset, offset: fields.u32('offset'), ranges: null };
  }
  if (fields.raw('offset') !== null) fields.refuse('offset', 'null for a plane in guest memory');
  const ranges = fields.list('ranges', limits.planeBytes, ['address', 'length']).map((range) => {
    const address = range.integer('address', 0, Number.MAX_SAFE_INTEGER);
    return { address, length: range.integer('length', 0, Number.MAX_SAFE_INTEGER - address) };
  });
  const covered = ranges.reduce((sum, range) => sum + range.length, 0);
  if (theDevices && covered < length) fields.refuse('ranges', `a list of at least ${length} bytes`);
  return { minLength, length, bytesUsed, dataOffset, offset: null, ranges };
}

/**
 * The buffers of a queue with their memory. Throws `SavedStateError` if a block is not there, or the device may not hold so much;
 * no reference is kept then.
 */
export function takeBuffers(start: BufferQueueStart, room: number, blockAt: BlockAt): readonly V4l2Buffer[] {
  const taken: ArenaBlock[] = [];
  let left = room;
  const plane = (at: SavedPlane, path: string): V4l2Plane => {
    const { minLength, length, bytesUsed, dataOffset, offset } = at;
    if (offset === null)
      return { minLength, length, bytesUsed, dataOffset, backing: { kind: 'userptr', ranges: at.ranges ?? [] } };
    left -= length;
    if (left < 0) throw new SavedStateError(`${path}.length`, length, `within the ${room} bytes that the device may still hold`);
    const block = blockAt(offset, length);
    if (block === undefined)
      throw new SavedStateError(`${path}.offset`, offset, `where a block of ${length} bytes lies in the arena`);
    taken.push(block);
    return { minLength, length, bytesUsed, dataOffset, backing: { kind: 'mmap', block } };
  };
  try {
    return start.buffers.map((buffer, b) => ({
      ...buffer,
      planes: buffer.planes.map((at, p) => plane(at, `queue.buffers[${b}].planes[${p}]`)),
    }));
  } catch (error) {
    for (const block of taken) block.release();
    throw error;
  }
}
