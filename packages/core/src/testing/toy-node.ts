// SPDX-License-Identifier: Apache-2.0
import type { ForeignNode, NodeAnswer, NodeBuffersAnswer, NodeEvents, NodeRequest, OpenNode } from '../ports/index.ts';
import {
  Errno,
  isMultiplanar,
  V4L2_MEMORY_MMAP,
  VIDIOC_CREATE_BUFS,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  v4l2_buffer,
  v4l2_create_buffers,
  v4l2_plane,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '../wire/index.ts';

const B = v4l2_buffer.fields;
const P = v4l2_plane.fields;

/** What a toy node is like. */
export interface ToyNodeOptions {
  /** bytes of each plane of its buffers */
  readonly planes?: readonly number[];
  /** answers what is about no buffers: an errno; payload and arrays may be changed */
  readonly answer?: (request: NodeRequest) => number;
}

interface ToyNodeBuffer {
  readonly planes: readonly Uint8Array[];
  queued: boolean;
}

/** A node whose driver lives in this heap, with one file: `open` opens that. It keeps every request. */
export class ToyNode implements ForeignNode {
  readonly requests: NodeRequest[] = [];
  readonly buffersOf = new Map<number, Map<number, ToyNodeBuffer>>();
  readonly streaming = new Set<number>();
  readonly #o: ToyNodeOptions;
  #events: NodeEvents | undefined;
  /** true from the opening to the end */
  isOpen = false;
  #gone = false;

  constructor(o: ToyNodeOptions = {}) {
    this.#o = o;
  }

  readonly open: OpenNode = async (events) => {
    await Promise.resolve();
    this.#events = events;
    this.isOpen = true;
    return this;
  };

  /** Requests of one ioctl. */
  asked(nr: number): readonly NodeRequest[] {
    return this.requests.filter((request) => request.nr === nr);
  }

  async call(request: NodeRequest): Promise<NodeAnswer> {
    await Promise.resolve();
    this.requests.push(copied(request));
    const errno = this.#gone ? Errno.ENODEV : this.#call(request);
    const { payload, planes = new Uint8Array(0), controls = new Uint8Array(0), contents = [] } = request;
    return { errno, payload, planes, controls, contents };
  }

  async buffers(request: NodeRequest): Promise<NodeBuffersAnswer> {
    await Promise.resolve();
    this.requests.push(copied(request));
    const view = viewOf(request.payload);
    const nothing = new Uint8Array(0);
    const answer = (errno: number, type = 0, indices: readonly number[] = []): NodeBuffersAnswer => ({
      ...{ errno, payload: request.payload, planes: nothing, controls: nothing, contents: [] },
      buffers: indices.map((index) => ({
        index,
        planes:
          this.#all(type)
            .get(index)
            ?.planes.map((bytes) => ({ kind: 'bytes' as const, bytes })) ?? [],
      })),
    });
    if (this.#gone) return answer(Errno.ENODEV);
    if (request.nr === VIDIOC_REQBUFS) {
      const f = v4l2_requestbuffers.fields;
      const type = f.type.get(view, 0);
      if (f.memory.get(view, 0) !== V4L2_MEMORY_MMAP) return answer(Errno.EINVAL);
      if (this.streaming.has(type)) return answer(Errno.EBUSY, type, [...this.#all(type).keys()]);
      this.#all(type).clear();
      return answer(0, type, this.#make(type, f.count.get(view, 0)));
    }
    if (request.nr === VIDIOC_CREATE_BUFS) {
      const f = v4l2_create_buffers.fields;
      const type = f.format.fields.type.get(view, 0);
      const made = this.#make(type, f.count.get(view, 0));
      f.index.set(view, 0, made[0] ?? this.#all(type).size);
      f.count.set(view, 0, made.length);
      return answer(0, type, made);
    }
    const f = v4l2_remove_buffers.fields;
    const all = this.#all(f.type.get(view, 0));
    for (let i = 0; i < f.count.get(view, 0); i++) all.delete(f.index.get(view, 0) + i);
    return answer(0);
  }

  async close(): Promise<void> {
    await Promise.resolve();
    this.isOpen = false;
  }

  /** The driver is done with a buffer, and has put these bytes into its planes. */
  finish(type: number, index: number, bytes: readonly Uint8Array[] = []): void {
    const buffer = this.#all(type).get(index);
    if (buffer?.queued !== true) return;
    buffer.queued = false;
    bytes.forEach((part, i) => {
      buffer.planes[i]?.set(part);
    });
    const view = new DataView(new ArrayBuffer(v4l2_buffer.size));
    const multi = isMultiplanar(type);
    const planes = new DataView(new ArrayBuffer(multi ? buffer.planes.length * v4l2_plane.size : 0));
    B.index.set(view, 0, index);
    B.type.set(view, 0, type);
    B.memory.set(view, 0, V4L2_MEMORY_MMAP);
    B.m.fields.offset.set(view, 0, 0xdead_0000);
    B.length.set(view, 0, multi ? buffer.planes.length : (buffer.planes[0]?.length ?? 0));
    if (multi) for (const [i, part] of bytes.entries()) P.bytesused.set(planes, i * v4l2_plane.size, part.length);
    else B.bytesused.set(view, 0, bytes[0]?.length ?? 0);
    this.#events?.done(view, planes);
  }

  /** The queue gives nothing back any more. */
  fail(type: number): void {
    this.#events?.failed(type);
  }

  event(event: DataView): void {
    this.#events?.event(event);
  }

  /** It is unplugged. */
  unplug(): void {
    this.#gone = true;
    this.#events?.gone();
  }

  /** Whoever carries out its calls dies. */
  die(): void {
    this.#events?.lost();
  }

  #call(request: NodeRequest): number {
    const view = viewOf(request.payload);
    if (request.nr === VIDIOC_STREAMON || request.nr === VIDIOC_STREAMOFF) {
      const type = view.getUint32(0, true);
      if (request.nr === VIDIOC_STREAMON) {
        if (this.#all(type).size === 0) return Errno.EINVAL;
        this.streaming.add(type);
        return 0;
      }
      this.streaming.delete(type);
      for (const buffer of this.#all(type).values()) buffer.queued = false;
      return 0;
    }
    if (request.nr !== VIDIOC_QBUF && request.nr !== VIDIOC_QUERYBUF && request.nr !== VIDIOC_PREPARE_BUF)
      return this.#o.answer?.(request) ?? 0;
    const buffer = this.#all(B.type.get(view, 0)).get(B.index.get(view, 0));
    if (buffer === undefined) return Errno.EINVAL;
    if (request.nr === VIDIOC_QBUF) {
      if (buffer.queued) return Errno.EINVAL;
      buffer.queued = true;
    }
    return 0;
  }

  #all(type: number): Map<number, ToyNodeBuffer> {
    const all = this.buffersOf.get(type) ?? new Map<number, ToyNodeBuffer>();
    this.buffersOf.set(type, all);
    return all;
  }

  #make(type: number, count: number): number[] {
    const all = this.#all(type);
    const made: number[] = [];
    for (let index = 0; made.length < count; index++) {
      if (all.has(index)) continue;
      all.set(index, { planes: (this.#o.planes ?? [64]).map((bytes) => new Uint8Array(bytes)), queued: false });
      made.push(index);
    }
    return made;
  }
}

function copied({ nr, payload, planes, controls, contents }: NodeRequest): NodeRequest {
  return {
    nr,
    payload: payload.slice(),
    ...(planes !== undefined && { planes: planes.slice() }),
    ...(controls !== undefined && { controls: controls.slice() }),
    ...(contents !== undefined && { contents: contents.map((content) => content?.slice()) }),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
