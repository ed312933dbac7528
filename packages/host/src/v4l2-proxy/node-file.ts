// SPDX-License-Identifier: Apache-2.0
/**
 * An open node of a guest's session, in the thread: its calls, its buffers as they are mapped here, and what it tells.
 *
 *   open --ENODEV--> gone: the descriptor is closed at once, for another device may want its number; closed: nothing is mapped any more
 */
import {
  Errno,
  IoctlError,
  isMultiplanar,
  type NodeAnswer,
  type NodeBuffer,
  type NodeBuffersAnswer,
  type NodeRequest,
  VIDIOC_CREATE_BUFS,
  VIDIOC_DQBUF,
  VIDIOC_DQEVENT,
  VIDIOC_QUERYCAP,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
  v4l2_buffer,
  v4l2_capability,
  v4l2_create_buffers,
  v4l2_event,
  v4l2_plane,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
} from '@paravideo/core';
import { type EdgePoll, type MemoryMapping, SysError } from '../sys/index.ts';
import type { HostNode, NodeCapability } from '../v4l2/index.ts';
import { ControlContents } from './control-contents.ts';
import { type ProxyTold, refusal } from './proxy-messages.ts';

/** What DQBUF answers while there is no finished buffer: none yet, none after the last one, or the queue does not stream. */
const NOTHING_DONE: readonly number[] = [Errno.EAGAIN, Errno.EPIPE, Errno.EINVAL];

/** See the top of the file. */
export class NodeFile {
  readonly #file: number;
  readonly #node: HostNode;
  readonly #poll: EdgePoll;
  readonly #tell: (told: ProxyTold) => void;
  readonly #controls: ControlContents;
  /** by V4L2_BUF_TYPE_* and index */
  readonly #mapped = new Map<number, Map<number, readonly MemoryMapping[]>>();
  readonly #streaming = new Set<number>();
  #interest: 'urgent' | 'data' = 'urgent';
  #state: 'open' | 'gone' | 'closed' = 'open';

  constructor(file: number, node: HostNode, poll: EdgePoll, tell: (told: ProxyTold) => void) {
    this.#file = file;
    this.#node = node;
    this.#poll = poll;
    this.#tell = tell;
    this.#controls = new ControlContents(node);
    node.tell(poll, file, this.#interest);
  }

  /** Throws `IoctlError` where the node is no V4L2 device. */
  capability(): NodeCapability {
    return this.#node.capability();
  }

  /** Any ioctl but those of `buffers`. */
  call({ nr, payload, planes = new Uint8Array(0), controls = new Uint8Array(0), contents }: NodeRequest): NodeAnswer {
    if (this.#state !== 'open') return refusal(Errno.ENODEV);
    const pointed = this.#controls.point(controls, contents);
    const lists = pointed.map((memory) =>
      memory === undefined ? [] : [{ address: memory.address, length: memory.bytes.length }],
    );
    const { errno } = this.#node.call(nr, payload, { planes, controls, lists });
    if (errno === 0) this.#after(nr, payload);
    if (errno === Errno.ENODEV) this.#look();
    return { errno, payload, planes, controls, contents: pointed.map((memory) => memory?.bytes) };
  }

  /** REQBUFS, CREATE_BUFS, REMOVE_BUFS, and what has to be mapped and unmapped for them. */
  buffers({ nr, payload }: NodeRequest): NodeBuffersAnswer {
    if (this.#state !== 'open') return refusal(Errno.ENODEV);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    switch (nr) {
      case VIDIOC_REQBUFS:
        return this.#request(payload, view);
      case VIDIOC_CREATE_BUFS: {
        const answer = this.call({ nr, payload });
        const { index, count, format } = v4l2_create_buffers.fields;
        const made = answer.errno === 0 ? count.get(view, 0) : 0;
        const indices = Array.from({ length: made }, (_, i) => index.get(view, 0) + i);
        return this.#map(answer, format.fields.type.get(view, 0), indices);
      }
      default: {
        const { index, count, type } = v4l2_remove_buffers.fields;
        const answer = this.call({ nr, payload });
        if (answer.errno !== 0) return { ...answer, buffers: [] };
        const first = index.get(view, 0);
        for (let i = 0; i < count.get(view, 0); i++) this.#unmap(type.get(view, 0), first + i);
        this.#listen();
        return { ...answer, buffers: [] };
      }
    }
  }

  /** Something came up: everything that there is is told. */
  changed(hungUp: boolean): void {
    if (this.#state !== 'open') return;
    this.#events();
    for (const type of [...this.#streaming]) this.#dequeue(type);
    if (hungUp) this.#look();
  }

  /** The end. The memory of its buffers is not there any more. */
  close(): void {
    if (this.#state === 'open') this.#let();
    this.#state = 'closed';
    for (const type of [...this.#mapped.keys()]) this.#unmapAll(type);
  }

  #after(nr: number, payload: Uint8Array): void {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (nr === VIDIOC_STREAMON) this.#streaming.add(view.getUint32(0, true));
    else if (nr === VIDIOC_STREAMOFF) this.#streaming.delete(view.getUint32(0, true));
    // The event that a subscription begins with comes before its answer (P10).
    else if (nr === VIDIOC_SUBSCRIBE_EVENT) this.#events();
  }

  #request(payload: Uint8Array, view: DataView): NodeBuffersAnswer {
    const { count, type: typeField } = v4l2_requestbuffers.fields;
    const type = typeField.get(view, 0);
    // Kernels before 5.0 do not free what is mapped.
    const before = [...(this.#mapped.get(type)?.keys() ?? [])];
    this.#unmapAll(type);
    const answer = this.call({ nr: VIDIOC_REQBUFS, payload });
    if (answer.errno !== 0) return { ...this.#map(answer, type, before), errno: answer.errno };
    const made = this.#map(
      answer,
      type,
      Array.from({ length: count.get(view, 0) }, (_, index) => index),
    );
    if (made.errno !== 0) {
      count.set(view, 0, 0);
      this.#node.call(VIDIOC_REQBUFS, payload);
    }
    return made;
  }

  /** Maps buffers that there are; what cannot be mapped is the errno of all. */
  #map(answer: NodeAnswer, type: number, indices: readonly number[]): NodeBuffersAnswer {
    const buffers: NodeBuffer[] = [];
    const maps = this.#mapped.get(type) ?? new Map<number, readonly MemoryMapping[]>();
    this.#mapped.set(type, maps);
    try {
      for (const index of indices) {
        const mapped: MemoryMapping[] = [];
        maps.set(index, mapped);
        for (const { memOffset, length } of this.#node.describeBuffer(type, index).planes) {
          mapped.push(this.#node.map(memOffset, length, true));
        }
        buffers.push({ index, planes: mapped.map(({ address, length }) => ({ kind: 'address', address, length })) });
      }
      this.#listen();
      return { ...answer, buffers };
    } catch (error) {
      if (!(error instanceof IoctlError || error instanceof SysError)) throw error;
      for (const index of indices) this.#unmap(type, index);
      this.#listen();
      return { ...answer, errno: error.errno, buffers: [] };
    }
  }

  #unmapAll(type: number): void {
    for (const index of [...(this.#mapped.get(type)?.keys() ?? [])]) this.#unmap(type, index);
  }

  #unmap(type: number, index: number): void {
    for (const mapping of this.#mapped.get(type)?.get(index) ?? []) mapping[Symbol.dispose]();
    this.#mapped.get(type)?.delete(index);
  }

  /** To ask for frames before there are buffers would be the first call of a program that reads them with read(2). */
  #listen(): void {
    const interest = [...this.#mapped.values()].some(({ size }) => size > 0) ? 'data' : 'urgent';
    if (interest === this.#interest || this.#state !== 'open') return;
    this.#interest = interest;
    this.#node.hush(this.#poll);
    this.#node.tell(this.#poll, this.#file, interest);
  }

  #events(): void {
    for (;;) {
      const event = new Uint8Array(v4l2_event.size);
      if (this.#node.call(VIDIOC_DQEVENT, event).errno !== 0) return;
      this.#tell({ kind: 'event', file: this.#file, event: new DataView(event.buffer) });
    }
  }

  #dequeue(type: number): void {
    for (;;) {
      const { errno, buffer, planes } = this.#node.rawBuffer(VIDIOC_DQBUF, type, 0);
      if (NOTHING_DONE.includes(errno)) return;
      if (errno !== 0) {
        this.#streaming.delete(type);
        this.#tell({ kind: 'failed', file: this.#file, type });
        return this.#look();
      }
      const count = isMultiplanar(type) ? v4l2_buffer.fields.length.get(buffer, 0) : 0;
      const used = new DataView(planes.buffer.slice(0, count * v4l2_plane.size));
      this.#tell({ kind: 'done', file: this.#file, buffer, planes: used });
    }
  }

  /** Looks whether the device is still there: an ioctl of one that is can say ENODEV, too. */
  #look(): void {
    if (this.#state !== 'open') return;
    if (this.#node.call(VIDIOC_QUERYCAP, new Uint8Array(v4l2_capability.size)).errno !== Errno.ENODEV) return;
    this.#let();
    this.#state = 'gone';
    this.#tell({ kind: 'gone', file: this.#file });
  }

  #let(): void {
    this.#node.hush(this.#poll);
    this.#node[Symbol.dispose]();
  }
}
