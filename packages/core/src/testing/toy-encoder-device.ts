// SPDX-License-Identifier: Apache-2.0
/** A stateful encoder into the toy bitstream: what an encoder device has of its own over `device/m2m`, and no more. */

import type { V4l2Buffer } from '../device/buffers/v4l2-buffer.ts';
import { dispatch, type IoctlTable, ioctlTable } from '../device/framework/ioctl-table.ts';
import type { IoctlCall } from '../device/framework/media-device.ts';
import {
  commandIoctls,
  M2M_IOCTLS,
  M2mDevice,
  type M2mDeviceOptions,
  type M2mFormats,
  type M2mOpening,
  M2mSession,
  type OfferedCodec,
  offeredCodecs,
  type Stamp,
  streamErrno,
} from '../device/m2m/index.ts';
import type { HeapAccess } from '../memory/heap/heap-access.ts';
import { codedLayout, pictureLayout, type Rect } from '../picture/index.ts';
import type { BufferMemory } from '../ports/index.ts';
import { EncoderStream } from '../stream/index.ts';
import { ControlSet, type QueueFormat, type RequestedFormat } from '../v4l2/index.ts';
import {
  V4L2_COLORSPACE_REC709,
  V4L2_FIELD_NONE,
  V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL,
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
  V4L2_SEL_TGT_CROP,
  V4L2_SEL_TGT_CROP_BOUNDS,
  V4L2_SEL_TGT_CROP_DEFAULT,
} from '../wire/index.ts';
import { ToyEncoder } from './toy-encoder.ts';

const CODECS = offeredCodecs([{ codec: 'toy', minWidth: 16, minHeight: 16, maxWidth: 512, maxHeight: 512 } as const], () => [
  V4L2_PIX_FMT_NV12M,
  V4L2_PIX_FMT_YUV420,
]);
const CODED_BYTES = 4096;
const COLOURS = { colorspace: V4L2_COLORSPACE_REC709, ycbcrEnc: 0, quantization: 0, xferFunc: 0 };

class ToyEncoderFormats implements M2mFormats {
  readonly codecs: readonly OfferedCodec[] = CODECS;
  readonly codec = CODECS[0] as OfferedCodec;
  readonly codedFlags = V4L2_FMT_FLAG_ENC_CAP_FRAME_INTERVAL;
  readonly pixelAspect = { numerator: 1, denominator: 1 };
  raw = this.tryRaw({ fourcc: 0, width: 64, height: 48 });

  get coded(): QueueFormat {
    const { width, height } = this.raw.layout;
    return { ...this.raw, layout: codedLayout(this.codec.fourcc, width, height, CODED_BYTES) };
  }

  tryCoded(): QueueFormat {
    return this.coded;
  }

  setCoded(): QueueFormat {
    return this.coded;
  }

  tryRaw({ fourcc, width, height }: Pick<RequestedFormat, 'fourcc' | 'width' | 'height'>): QueueFormat {
    const clamped = (size: number): number => Math.min(Math.max(size & ~15, 16), 512);
    const known = this.codec.rawFormats.includes(fourcc) ? fourcc : V4L2_PIX_FMT_NV12M;
    const layout = pictureLayout(known, clamped(width), clamped(height));
    if (layout === undefined) throw new TypeError('a format of the toy encoder has no layout');
    return { layout, colorimetry: COLOURS, field: V4L2_FIELD_NONE };
  }

  setRaw(asked: RequestedFormat): QueueFormat {
    this.raw = this.tryRaw(asked);
    return this.raw;
  }

  selection(target: number): Rect | undefined {
    const known = [V4L2_SEL_TGT_CROP, V4L2_SEL_TGT_CROP_BOUNDS, V4L2_SEL_TGT_CROP_DEFAULT].includes(target);
    return known ? { left: 0, top: 0, width: this.raw.layout.width, height: this.raw.layout.height } : undefined;
  }

  nearestSelection(target: number): Rect | undefined {
    return target === V4L2_SEL_TGT_CROP ? this.selection(target) : undefined;
  }
}

/** The whole table of an encoder session. */
const ENCODER_IOCTLS: IoctlTable<M2mSession> = ioctlTable(M2M_IOCTLS, commandIoctls('encoder'));

class ToyEncoderSession extends M2mSession<readonly BufferMemory[]> {
  readonly formats = new ToyEncoderFormats();
  readonly stream: EncoderStream<V4l2Buffer, V4l2Buffer, Stamp>;

  constructor(opening: M2mOpening, access: HeapAccess, live: Set<ToyEncoder>) {
    super({ ...opening, role: 'encoder', controls: new ControlSet([]) });
    this.stream = new EncoderStream({
      codec: () => 'toy',
      create: (events) => new ToyEncoder(this.formats.raw.layout, access, events, live),
      events: this.streamEvents,
    });
  }

  ioctl(call: IoctlCall): number | Promise<number> {
    return dispatch(ENCODER_IOCTLS, this, call);
  }

  resume(): number {
    return streamErrno(this.stream.resume());
  }

  protected startSource(): number {
    return streamErrno(this.stream.startInput());
  }

  protected startDestination(): number {
    return streamErrno(this.stream.startOutput());
  }

  protected jobOf(_buffer: V4l2Buffer, planes: readonly BufferMemory[]): readonly BufferMemory[] {
    return planes;
  }
}

/** The device; its guest's memory is reached through `access`. */
export class ToyEncoderDevice extends M2mDevice {
  readonly #live: Set<ToyEncoder>;

  constructor(options: M2mDeviceOptions, access: HeapAccess) {
    const live = new Set<ToyEncoder>();
    super(options, 'Toy encoder', (opening) => new ToyEncoderSession(opening, access, live));
    this.#live = live;
  }

  /** encoders that are neither closed nor dead, for leak checks */
  get live(): number {
    return this.#live.size;
  }

  /** What the death of a codec process does: every encoder fails. */
  kill(reason = 'killed'): void {
    for (const encoder of [...this.#live]) encoder.die(reason);
  }
}
