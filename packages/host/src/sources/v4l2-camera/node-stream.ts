// SPDX-License-Identifier: Apache-2.0
/**
 * A camera that streams, in its thread. The node is open, and the camera's light on, from the first frame to the last.
 *
 *     open, S_FMT, S_PARM, REQBUFS, STREAMON --frames--> stopped or ended: closed --last frame back--> unmapped
 *
 * Frames are lent out of the driver's own buffers. A driver is never left without one to fill: what comes then goes back at once,
 * and is a gap in `sequence`.
 */
import {
  type BufferState,
  type DriverFormat,
  errnoName,
  formatInfo,
  IoctlError,
  isMultiplanar,
  layoutOf,
  type MediaEvent,
  type PictureLayout,
  timestampMicros,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_TIMESTAMP_MASK,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_EVENT_CTRL,
  V4L2_EVENT_SOURCE_CHANGE,
} from '@paravideo/core';
import { LinuxClock } from '../../clock/index.ts';
import type { MemoryMapping } from '../../sys/index.ts';
import { HostNode } from '../../v4l2/index.ts';
import type { CameraAnswer, CameraRequest } from './camera-messages.ts';
import { CameraError, troubleOf } from './camera-trouble.ts';
import { captureType } from './describe-node.ts';
import { Repacking, sameLayout } from './repacking.ts';

/** Buffers that a driver is asked for: eight that users may hold, and what it needs to go on. */
const BUFFERS = 11;
/** Buffers that are left to the driver. */
const DRIVERS_OWN = 2;

type StartRequest = Extract<CameraRequest, { kind: 'start' }>;

interface NodeBuffer {
  readonly planes: readonly MemoryMapping[];
  readonly repacking: Repacking | undefined;
}

/** See the top of the file. */
export class NodeStream {
  readonly id: number;
  readonly #path: string;
  readonly #post: (answer: CameraAnswer) => void;
  readonly #heard: (event: MediaEvent) => void;
  readonly #clock = new LinuxClock();
  /** buffers that are out */
  readonly #lent = new Set<number>();
  #node: HostNode | undefined;
  #watching: Disposable | undefined;
  #buffers: NodeBuffer[] = [];
  readonly #layout: PictureLayout;
  #type = 0;
  #over = false;
  /** number of the next frame: a driver may leave its own count at 0 */
  #next = 0;

  /** @param heard told of a control that changed */
  constructor({ id, path, layout }: StartRequest, post: (answer: CameraAnswer) => void, heard: (event: MediaEvent) => void) {
    this.id = id;
    this.#path = path;
    this.#layout = layout;
    this.#post = post;
    this.#heard = heard;
  }

  /** The node, while it is open. */
  get node(): HostNode | undefined {
    return this.#node;
  }

  /** True when it is over and every frame is back. */
  get done(): boolean {
    return this.#over && this.#lent.size === 0;
  }

  /** Starts; what goes wrong is told as an `ended`. */
  async start({ layout, interval, controls }: StartRequest): Promise<void> {
    try {
      const node = HostNode.open(this.#path);
      this.#node = node;
      this.#type = captureType(node);
      const format = await this.#setFormat(node, layout);
      // A camera whose rate cannot be set has the one that it has.
      await node.sParm(this.#type, interval).catch(ioctlFailed);
      await this.#takeBuffers(node, format);
      for (const id of controls) await node.subscribeEvent(V4L2_EVENT_CTRL, id).catch(ioctlFailed);
      await node.subscribeEvent(V4L2_EVENT_SOURCE_CHANGE).catch(ioctlFailed);
      await node.streamon(this.#type);
      this.#watching = node.watch(() => void this.#ready(node));
    } catch (error) {
      this.#end(error);
    }
  }

  /** A frame is not used any more. */
  release(index: number): void {
    if (!this.#lent.delete(index)) return;
    if (this.#node !== undefined) void this.#queue(this.#node, index);
    else if (this.#lent.size === 0) this.#unmap();
  }

  /** Ends it. Frames that are out stay as they are. */
  stop(): void {
    this.#over = true;
    this.#watching?.[Symbol.dispose]();
    this.#watching = undefined;
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined && this.#lent.size > 0) {
      // The mappings of frames that are out would keep the node as it is, its light on and its format fixed, until the last is back.
      for (const call of [node.streamoff(this.#type), node.reqbufs(this.#type, 0)]) call.catch(() => {});
    }
    node?.[Symbol.dispose]();
    if (this.#lent.size === 0) this.#unmap();
  }

  async #setFormat(node: HostNode, { fourcc, width, height, colours }: PictureLayout): Promise<DriverFormat> {
    const stride = colours[0]?.stride ?? 0;
    const planes = [{ bytesPerLine: formatInfo(fourcc)?.model === 'coded' ? 0 : stride, sizeImage: 0 }];
    const format = await node.sFmt({
      type: this.#type,
      pixelformat: fourcc,
      width,
      height,
      ...(isMultiplanar(this.#type) ? {} : { planes }),
    });
    if (format.pixelformat !== fourcc || format.width !== width || format.height !== height) {
      throw new CameraError(`it has another picture than it was asked for: ${format.width}x${format.height}`);
    }
    return format;
  }

  async #takeBuffers(node: HostNode, format: DriverFormat): Promise<void> {
    const own = layoutOf(format);
    const coded = formatInfo(format.pixelformat)?.model === 'coded';
    const { count } = await node.reqbufs(this.#type, BUFFERS);
    if (count <= DRIVERS_OWN) throw new CameraError(`it has ${count} buffers: at least ${DRIVERS_OWN + 1} are needed`);
    for (let index = 0; index < count; index++) {
      const { planes } = await node.querybuf(this.#type, index);
      const mapped: MemoryMapping[] = [];
      const repacking = coded || sameLayout(own, this.#layout) ? undefined : new Repacking(own, this.#layout);
      this.#buffers.push({ planes: mapped, repacking });
      for (const { memOffset, length } of planes) mapped.push(node.map(memOffset, length));
      await this.#queue(node, index);
    }
  }

  async #queue(node: HostNode, index: number): Promise<void> {
    const planes = this.#buffers[index]?.planes.map(({ length }) => ({ length })) ?? [];
    try {
      await node.qbuf({ type: this.#type, index, planes });
    } catch (error) {
      this.#end(error);
    }
  }

  async #ready(node: HostNode): Promise<void> {
    try {
      for (let event = node.event(); event !== undefined; event = node.event()) {
        if (event.type === V4L2_EVENT_SOURCE_CHANGE) throw new CameraError('its input has another picture now');
        this.#heard(event);
      }
      for (;;) {
        // It may have been stopped while a buffer was queued.
        if (this.#node !== node) return;
        const buffer = node.dequeue(this.#type);
        if (buffer === undefined) return;
        if (this.#lend(buffer)) continue;
        await this.#queue(node, buffer.index);
      }
    } catch (error) {
      this.#end(error);
    }
  }

  /** True if the frame is out now. */
  #lend(buffer: BufferState): boolean {
    const { index, flags, field } = buffer;
    const memory = this.#buffers[index];
    const sequence = Math.max(this.#next, buffer.sequence);
    this.#next = sequence + 1;
    if (memory === undefined || (flags & V4L2_BUF_FLAG_ERROR) !== 0) return false;
    if (this.#lent.size >= this.#buffers.length - DRIVERS_OWN) return false;
    const planes = memory.planes.map(({ address, length }, i) => {
      const { bytesused = 0, dataOffset = 0 } = buffer.planes[i] ?? {};
      const from = Math.min(dataOffset, length);
      return { address: address + from, length: Math.max(0, Math.min(bytesused, length) - from) };
    });
    if (planes.some(({ length }) => length === 0)) return false;
    this.#lent.add(index);
    const monotonic = (flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) === V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    this.#post({
      kind: 'frame',
      id: this.id,
      index,
      sequence,
      timestamp: monotonic ? timestampMicros(buffer.timestamp) : this.#clock.now(),
      field,
      planes: memory.repacking?.repack(planes) ?? planes.map((plane, i) => cut(plane, this.#layout.sizes[i] ?? 0)),
    });
    return true;
  }

  #end(error: unknown): void {
    if (this.#over) return;
    this.stop();
    this.#post({ kind: 'ended', id: this.id, ...troubleOf(this.#path, error) });
  }

  #unmap(): void {
    for (const { planes, repacking } of this.#buffers) {
      for (const plane of planes) plane[Symbol.dispose]();
      repacking?.[Symbol.dispose]();
    }
    this.#buffers = [];
  }
}

function cut(plane: { readonly address: number; readonly length: number }, length: number): typeof plane {
  return plane.length <= length ? plane : { address: plane.address, length };
}

/** What a camera need not have. */
function ioctlFailed(error: unknown): void {
  if (!(error instanceof IoctlError)) throw error;
  if (errnoName(error.errno) === 'ENODEV') throw error;
}
