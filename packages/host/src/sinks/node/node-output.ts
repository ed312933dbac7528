// SPDX-License-Identifier: Apache-2.0
/**
 * What is played into a V4L2 node once, in the thread.
 *
 *     open, S_FMT, S_PARM, REQBUFS, STREAMON --frames: copied, QBUF, DQBUF--> stopped or ended: closed
 *
 * A frame goes into a buffer of the driver's that is free. v4l2loopback gives back buffers that it never got, and one for each call:
 * it is asked for as many as it was given.
 */
import {
  type DriverFormat,
  fourccName,
  IoctlError,
  isMultiplanar,
  layoutOf,
  type PictureLayout,
  type PlaneStorage,
  V4L2_FIELD_NONE,
} from '@paravideo/core';
import { detach, EdgePoll, type MemoryMapping, viewAt } from '../../sys/index.ts';
import { HostNode } from '../../v4l2/index.ts';
import type { NodeAnswer, NodeRequest } from './node-messages.ts';
import { NodeError, nodeTrouble } from './node-trouble.ts';
import { outputFormats, outputType } from './output-queue.ts';
import { copyPicture } from './picture-copy.ts';

/** Buffers that a driver is asked for. */
const BUFFERS = 4;

/** See the top of the file. */
export class NodeOutput {
  readonly id: number;
  readonly #path: string;
  readonly #post: (answer: NodeAnswer) => void;
  readonly #played: PictureLayout;
  readonly #picture: Extract<NodeRequest, { kind: 'start' }>['picture'];
  #own: PictureLayout;
  #node: HostNode | undefined;
  #poll: EdgePoll | undefined;
  #type = 0;
  #formats: readonly number[] | undefined;
  /** by index, memory planes of each */
  #buffers: MemoryMapping[][] = [];
  #free: number[] = [];
  /** buffers that the driver was given and has not given back */
  #queued = 0;

  constructor({ id, path, picture }: Extract<NodeRequest, { kind: 'start' }>, post: (answer: NodeAnswer) => void) {
    this.id = id;
    this.#path = path;
    this.#picture = picture;
    this.#played = picture.layout;
    this.#own = picture.layout;
    this.#post = post;
  }

  /** What goes wrong is told as an `ended`. */
  async start(): Promise<void> {
    try {
      const node = HostNode.open(this.#path);
      this.#node = node;
      const { card } = node.capability();
      this.#type = await outputType(node);
      this.#formats = await outputFormats(node, this.#type);
      const format = await this.#setFormat(node);
      this.#own = layoutOf(format);
      // One whose rate cannot be set takes frames as they come.
      await node.sParm(this.#type, this.#picture.interval).catch(unlessIoctl);
      await this.#takeBuffers(node);
      await node.streamon(this.#type);
      this.#poll = new EdgePoll((_token, hungUp) => this.#changed(node, hungUp));
      node.tell(this.#poll, 0, 'data');
      this.#post({ kind: 'started', id: this.id, card, room: this.#free.length, formats: this.#formats });
    } catch (error) {
      this.#end(error);
    }
  }

  async frame(frame: number, planes: readonly PlaneStorage[]): Promise<void> {
    const node = this.#node;
    const index = this.#free.shift();
    const buffer = index === undefined ? undefined : this.#buffers[index];
    if (node !== undefined && buffer !== undefined) this.#copy(planes, buffer);
    this.#post({ kind: 'copied', id: this.id, frame });
    if (node === undefined || index === undefined) return;
    try {
      const used = this.#own.sizes.map((bytesused, i) => ({ bytesused, length: buffer?.[i]?.length ?? 0 }));
      await node.qbuf({ type: this.#type, index, field: V4L2_FIELD_NONE, planes: used });
      this.#queued += 1;
      this.#takeBack(node);
    } catch (error) {
      this.#end(error);
    }
  }

  /** Ends it. The driver forgets what it has not shown. */
  stop(): void {
    const node = this.#node;
    this.#node = undefined;
    if (this.#poll !== undefined) node?.hush(this.#poll);
    this.#poll?.[Symbol.dispose]();
    this.#poll = undefined;
    for (const buffer of this.#buffers.splice(0)) for (const plane of buffer) plane[Symbol.dispose]();
    node?.[Symbol.dispose]();
  }

  async #setFormat(node: HostNode): Promise<DriverFormat> {
    const { fourcc, width, height, colours } = this.#played;
    if (this.#formats?.includes(fourcc) !== true) {
      throw new NodeError(`it does not take ${fourccName(fourcc)}: it takes ${this.#formats?.map(fourccName).join(', ')}`);
    }
    const format = await node.sFmt({
      type: this.#type,
      pixelformat: fourcc,
      width,
      height,
      field: V4L2_FIELD_NONE,
      ...this.#picture.colorimetry,
      ...(isMultiplanar(this.#type) ? {} : { planes: [{ bytesPerLine: colours[0]?.stride ?? 0, sizeImage: 0 }] }),
    });
    if (format.pixelformat === fourcc && format.width === width && format.height === height) return format;
    const has = `${fourccName(format.pixelformat)} ${format.width}x${format.height}`;
    const wanted = `${fourccName(fourcc)} ${width}x${height}`;
    throw new NodeError(
      `it stays at ${has}, and ${wanted} is played: end the programs that have it open, set its keep_format to 0, or play that`,
    );
  }

  async #takeBuffers(node: HostNode): Promise<void> {
    const { count } = await node.reqbufs(this.#type, BUFFERS);
    if (count === 0) throw new NodeError('it has no buffers');
    for (let index = 0; index < count; index++) {
      const { planes } = await node.querybuf(this.#type, index);
      const mapped: MemoryMapping[] = [];
      this.#buffers.push(mapped);
      for (const { memOffset, length } of planes) mapped.push(node.map(memOffset, length, true));
      if (this.#own.sizes.some((size, i) => size > (planes[i]?.length ?? 0))) {
        throw new NodeError('its buffers are smaller than its pictures: its driver is at fault');
      }
      this.#free.push(index);
    }
  }

  #copy(planes: readonly PlaneStorage[], buffer: readonly MemoryMapping[]): void {
    const foreign: Uint8Array<ArrayBuffer>[] = [];
    try {
      const source = planes.map((plane) => {
        if (plane.kind === 'bytes') return plane.bytes;
        const view = viewAt(plane.address, plane.length);
        foreign.push(view);
        return view;
      });
      copyPicture(
        this.#played,
        source,
        this.#own,
        buffer.map((plane) => plane.bytes()),
      );
    } finally {
      for (const view of foreign) detach(view);
    }
  }

  #changed(node: HostNode, hungUp: boolean): void {
    if (this.#node !== node) return;
    try {
      this.#takeBack(node);
      // A device that is gone says so to any call.
      if (hungUp) node.capability();
    } catch (error) {
      this.#end(error);
    }
  }

  #takeBack(node: HostNode): void {
    while (this.#queued > 0) {
      const buffer = node.dequeue(this.#type);
      if (buffer === undefined) return;
      this.#queued -= 1;
      if (!this.#free.includes(buffer.index)) this.#free.push(buffer.index);
      this.#post({ kind: 'room', id: this.id });
    }
  }

  #end(error: unknown): void {
    this.stop();
    this.#post({ kind: 'ended', id: this.id, reason: nodeTrouble(this.#path, error), formats: this.#formats });
  }
}

function unlessIoctl(error: unknown): void {
  if (!(error instanceof IoctlError)) throw error;
}
