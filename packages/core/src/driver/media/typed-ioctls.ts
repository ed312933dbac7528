// SPDX-License-Identifier: Apache-2.0
/**
 * The ioctls of V4L2, typed. They reject with `IoctlError`; enumerations answer undefined at their end (EINVAL).
 * Names are the kernel's, the arguments plain objects.
 */

import type { Fraction, Rect } from '../../picture/index.ts';
import type { GuestBlock } from '../../virtio-device/driver-transport.ts';
import { Errno } from '../../wire/errno.gen.ts';
import type { FieldTable, Struct } from '../../wire/layout.ts';
import { VIRTIO_MEDIA_MAX_PLANES } from '../../wire/media/virtio-media.ts';
import { decodeUtf8 } from '../../wire/text.ts';
import { isMultiplanar } from '../../wire/v4l2/buffer-type.ts';
import {
  VIDIOC_CREATE_BUFS,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENCODER_CMD,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_ENUMINPUT,
  VIDIOC_ENUMOUTPUT,
  VIDIOC_G_CTRL,
  VIDIOC_G_EXT_CTRLS,
  VIDIOC_G_FMT,
  VIDIOC_G_INPUT,
  VIDIOC_G_OUTPUT,
  VIDIOC_G_PARM,
  VIDIOC_G_SELECTION,
  VIDIOC_PREPARE_BUF,
  VIDIOC_QBUF,
  VIDIOC_QUERY_EXT_CTRL,
  VIDIOC_QUERYBUF,
  VIDIOC_QUERYCTRL,
  VIDIOC_QUERYMENU,
  VIDIOC_REMOVE_BUFS,
  VIDIOC_REQBUFS,
  VIDIOC_S_CTRL,
  VIDIOC_S_EXT_CTRLS,
  VIDIOC_S_FMT,
  VIDIOC_S_INPUT,
  VIDIOC_S_PARM,
  VIDIOC_S_SELECTION,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  VIDIOC_SUBSCRIBE_EVENT,
  VIDIOC_TRY_DECODER_CMD,
  VIDIOC_TRY_ENCODER_CMD,
  VIDIOC_TRY_EXT_CTRLS,
  VIDIOC_TRY_FMT,
  VIDIOC_UNSUBSCRIBE_EVENT,
} from '../../wire/v4l2/ioctls.gen.ts';
import {
  v4l2_buffer,
  v4l2_control,
  v4l2_create_buffers,
  v4l2_decoder_cmd,
  v4l2_encoder_cmd,
  v4l2_event_subscription,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_fmtdesc,
  v4l2_format,
  v4l2_frmivalenum,
  v4l2_frmsizeenum,
  v4l2_input,
  v4l2_output,
  v4l2_plane,
  v4l2_query_ext_ctrl,
  v4l2_queryctrl,
  v4l2_querymenu,
  v4l2_remove_buffers,
  v4l2_requestbuffers,
  v4l2_selection,
  v4l2_streamparm,
} from '../../wire/v4l2/videodev2.ts';
import {
  V4L2_BUF_TYPE_VIDEO_OUTPUT,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_MEMORY_MMAP,
} from '../../wire/v4l2/videodev2-constants.gen.ts';
import { IoctlError } from '../rings/errors.ts';
import { type BufferState, decodeBuffer, encodeBuffer, type QueueBuffer } from './buffers.ts';
import {
  type ControlDescription,
  type ControlsResult,
  type ControlValue,
  decodeControl,
  decodeQueryCtrl,
  decodeQueryExtCtrl,
  encodeControl,
} from './controls.ts';
import {
  type DriverFormat,
  decodeFormat,
  decodeFormatDescription,
  decodeFrameInterval,
  decodeFrameSize,
  decodeInput,
  decodeOutput,
  decodeRect,
  encodeFormat,
  encodeRect,
  type FormatDescription,
  type FormatRequest,
  type FrameInterval,
  type FrameSize,
  type InputDescription,
  type OutputDescription,
} from './formats.ts';
import { type IoctlArrays, type IoctlResult, ioctlName } from './ioctl-call.ts';

/** Answer to REQBUFS. */
export interface RequestedBuffers {
  readonly count: number;
  /** V4L2_BUF_CAP_* */
  readonly capabilities: number;
}

/** Answer to CREATE_BUFS. */
export interface CreatedBuffers extends RequestedBuffers {
  readonly index: number;
}

/** Answer to G_PARM and S_PARM. */
export interface StreamParameters {
  readonly capability: number;
  readonly timeperframe: Fraction;
  /** readbuffers or writebuffers */
  readonly buffers: number;
}

interface BufferScratch {
  readonly view: DataView;
  readonly planes: DataView;
}

/** An open file of a V4L2 device, wherever that is, with all ioctls that there are names for. */
export abstract class TypedIoctls {
  readonly #scratch: BufferScratch[] = [];

  /**
   * Any ioctl. `payload` and the arrays are updated in place if the device sent them back. Resolves to an errno, never rejects with
   * one.
   */
  abstract ioctl(nr: number, payload?: Uint8Array | DataView, arrays?: IoctlArrays): Promise<IoctlResult>;

  /** Memory that the device can be told the address of, until it is freed: for the payload of a control. */
  protected abstract allocate(size: number, align: number): GuestBlock;

  enumFmt(type: number, index: number): Promise<FormatDescription | undefined> {
    const { view } = make(v4l2_fmtdesc);
    v4l2_fmtdesc.fields.index.set(view, 0, index);
    v4l2_fmtdesc.fields.type.set(view, 0, type);
    return this.#enumerate(VIDIOC_ENUM_FMT, view, decodeFormatDescription);
  }

  gFmt(type: number): Promise<DriverFormat> {
    return this.#format(VIDIOC_G_FMT, { type });
  }

  sFmt(format: FormatRequest): Promise<DriverFormat> {
    return this.#format(VIDIOC_S_FMT, format);
  }

  tryFmt(format: FormatRequest): Promise<DriverFormat> {
    return this.#format(VIDIOC_TRY_FMT, format);
  }

  async reqbufs(type: number, count: number, memory: number = V4L2_MEMORY_MMAP): Promise<RequestedBuffers> {
    const { view, fields } = make(v4l2_requestbuffers);
    fields.count.set(view, 0, count);
    fields.type.set(view, 0, type);
    fields.memory.set(view, 0, memory);
    await this.#call(VIDIOC_REQBUFS, view);
    return { count: fields.count.get(view, 0), capabilities: fields.capabilities.get(view, 0) };
  }

  async createBufs(format: FormatRequest, count: number, memory: number = V4L2_MEMORY_MMAP): Promise<CreatedBuffers> {
    const { view, fields } = make(v4l2_create_buffers);
    fields.count.set(view, 0, count);
    fields.memory.set(view, 0, memory);
    encodeFormat(format, view, fields.format.offset);
    await this.#call(VIDIOC_CREATE_BUFS, view);
    return {
      index: fields.index.get(view, 0),
      count: fields.count.get(view, 0),
      capabilities: fields.capabilities.get(view, 0),
    };
  }

  async removeBufs(type: number, index: number, count: number): Promise<void> {
    const { view, fields } = make(v4l2_remove_buffers);
    fields.index.set(view, 0, index);
    fields.count.set(view, 0, count);
    fields.type.set(view, 0, type);
    await this.#call(VIDIOC_REMOVE_BUFS, view);
  }

  querybuf(type: number, index: number): Promise<BufferState> {
    return this.#buffer(VIDIOC_QUERYBUF, { index, type, ...(isMultiplanar(type) ? { planes: EIGHT_PLANES } : {}) });
  }

  prepareBuf(buffer: QueueBuffer): Promise<BufferState> {
    return this.#buffer(VIDIOC_PREPARE_BUF, buffer);
  }

  /** Queues a buffer. The promise need not be awaited to queue the next: commands keep their order. */
  qbuf(buffer: QueueBuffer): Promise<BufferState> {
    return this.#buffer(VIDIOC_QBUF, buffer);
  }

  streamon(type: number): Promise<void> {
    return this.#number(VIDIOC_STREAMON, type);
  }

  streamoff(type: number): Promise<void> {
    return this.#number(VIDIOC_STREAMOFF, type);
  }

  gParm(type: number): Promise<StreamParameters> {
    return this.#parm(VIDIOC_G_PARM, type, undefined);
  }

  sParm(type: number, timeperframe: Fraction): Promise<StreamParameters> {
    return this.#parm(VIDIOC_S_PARM, type, timeperframe);
  }

  async gSelection(type: number, target: number): Promise<Rect> {
    const { view, fields } = make(v4l2_selection);
    fields.type.set(view, 0, type);
    fields.target.set(view, 0, target);
    await this.#call(VIDIOC_G_SELECTION, view);
    return decodeRect(fields.r, view);
  }

  async sSelection(type: number, target: number, rect: Rect, flags = 0): Promise<Rect> {
    const { view, fields } = make(v4l2_selection);
    fields.type.set(view, 0, type);
    fields.target.set(view, 0, target);
    fields.flags.set(view, 0, flags);
    encodeRect(fields.r, view, rect);
    await this.#call(VIDIOC_S_SELECTION, view);
    return decodeRect(fields.r, view);
  }

  enumFramesizes(pixelformat: number, index: number): Promise<FrameSize | undefined> {
    const { view, fields } = make(v4l2_frmsizeenum);
    fields.index.set(view, 0, index);
    fields.pixel_format.set(view, 0, pixelformat);
    return this.#enumerate(VIDIOC_ENUM_FRAMESIZES, view, decodeFrameSize);
  }

  enumFrameintervals(pixelformat: number, width: number, height: number, index: number): Promise<FrameInterval | undefined> {
    const { view, fields } = make(v4l2_frmivalenum);
    fields.index.set(view, 0, index);
    fields.pixel_format.set(view, 0, pixelformat);
    fields.width.set(view, 0, width);
    fields.height.set(view, 0, height);
    return this.#enumerate(VIDIOC_ENUM_FRAMEINTERVALS, view, decodeFrameInterval);
  }

  /** `id` with V4L2_CTRL_FLAG_NEXT_CTRL enumerates. */
  queryctrl(id: number): Promise<ControlDescription | undefined> {
    const { view, fields } = make(v4l2_queryctrl);
    fields.id.set(view, 0, id);
    return this.#enumerate(VIDIOC_QUERYCTRL, view, decodeQueryCtrl);
  }

  /** `id` with V4L2_CTRL_FLAG_NEXT_CTRL (and NEXT_COMPOUND) enumerates. */
  queryExtCtrl(id: number): Promise<ControlDescription | undefined> {
    const { view, fields } = make(v4l2_query_ext_ctrl);
    fields.id.set(view, 0, id);
    return this.#enumerate(VIDIOC_QUERY_EXT_CTRL, view, decodeQueryExtCtrl);
  }

  /** The name of a menu item and, of an integer menu, its value; undefined for a hole. */
  querymenu(id: number, index: number): Promise<{ name: string; value: bigint } | undefined> {
    const { view, fields } = make(v4l2_querymenu);
    fields.id.set(view, 0, id);
    fields.index.set(view, 0, index);
    return this.#enumerate(VIDIOC_QUERYMENU, view, () => ({
      name: decodeUtf8(fields.anon.fields.name.get(view, 0)),
      value: fields.anon.fields.value.get(view, 0),
    }));
  }

  async gCtrl(id: number): Promise<number> {
    const { view, fields } = make(v4l2_control);
    fields.id.set(view, 0, id);
    await this.#call(VIDIOC_G_CTRL, view);
    return fields.value.get(view, 0);
  }

  /** Resolves to the value that the device took. */
  async sCtrl(id: number, value: number): Promise<number> {
    const { view, fields } = make(v4l2_control);
    fields.id.set(view, 0, id);
    fields.value.set(view, 0, value);
    await this.#call(VIDIOC_S_CTRL, view);
    return fields.value.get(view, 0);
  }

  /** Does not reject with an errno: the result has it, with `errorIdx` and the controls as they came back. */
  gExtCtrls(controls: readonly ControlValue[], which = 0): Promise<ControlsResult> {
    return this.#controls(VIDIOC_G_EXT_CTRLS, controls, which);
  }

  /** As `gExtCtrls`. */
  sExtCtrls(controls: readonly ControlValue[], which = 0): Promise<ControlsResult> {
    return this.#controls(VIDIOC_S_EXT_CTRLS, controls, which);
  }

  /** As `gExtCtrls`. */
  tryExtCtrls(controls: readonly ControlValue[], which = 0): Promise<ControlsResult> {
    return this.#controls(VIDIOC_TRY_EXT_CTRLS, controls, which);
  }

  subscribeEvent(type: number, id = 0, flags = 0): Promise<void> {
    return this.#subscription(VIDIOC_SUBSCRIBE_EVENT, type, id, flags);
  }

  unsubscribeEvent(type: number, id = 0): Promise<void> {
    return this.#subscription(VIDIOC_UNSUBSCRIBE_EVENT, type, id, 0);
  }

  decoderCmd(cmd: number, flags = 0): Promise<{ cmd: number; flags: number }> {
    return this.#codec(VIDIOC_DECODER_CMD, v4l2_decoder_cmd, cmd, flags);
  }

  tryDecoderCmd(cmd: number, flags = 0): Promise<{ cmd: number; flags: number }> {
    return this.#codec(VIDIOC_TRY_DECODER_CMD, v4l2_decoder_cmd, cmd, flags);
  }

  encoderCmd(cmd: number, flags = 0): Promise<{ cmd: number; flags: number }> {
    return this.#codec(VIDIOC_ENCODER_CMD, v4l2_encoder_cmd, cmd, flags);
  }

  tryEncoderCmd(cmd: number, flags = 0): Promise<{ cmd: number; flags: number }> {
    return this.#codec(VIDIOC_TRY_ENCODER_CMD, v4l2_encoder_cmd, cmd, flags);
  }

  enumInput(index: number): Promise<InputDescription | undefined> {
    const { view, fields } = make(v4l2_input);
    fields.index.set(view, 0, index);
    return this.#enumerate(VIDIOC_ENUMINPUT, view, decodeInput);
  }

  enumOutput(index: number): Promise<OutputDescription | undefined> {
    const { view, fields } = make(v4l2_output);
    fields.index.set(view, 0, index);
    return this.#enumerate(VIDIOC_ENUMOUTPUT, view, decodeOutput);
  }

  async gOutput(): Promise<number> {
    const view = new DataView(new ArrayBuffer(4));
    await this.#call(VIDIOC_G_OUTPUT, view);
    return view.getUint32(0, true);
  }

  async gInput(): Promise<number> {
    const view = new DataView(new ArrayBuffer(4));
    await this.#call(VIDIOC_G_INPUT, view);
    return view.getUint32(0, true);
  }

  sInput(index: number): Promise<void> {
    return this.#number(VIDIOC_S_INPUT, index);
  }

  async #call(nr: number, view: DataView): Promise<void> {
    const { errno } = await this.ioctl(nr, view);
    if (errno !== 0) throw new IoctlError(ioctlName(nr), errno);
  }

  async #enumerate<T>(nr: number, view: DataView, decode: (view: DataView) => T): Promise<T | undefined> {
    const { errno } = await this.ioctl(nr, view);
    if (errno === Errno.EINVAL) return undefined;
    if (errno !== 0) throw new IoctlError(ioctlName(nr), errno);
    return decode(view);
  }

  async #number(nr: number, value: number): Promise<void> {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value, true);
    await this.#call(nr, view);
  }

  async #format(nr: number, request: FormatRequest): Promise<DriverFormat> {
    const { view } = make(v4l2_format);
    encodeFormat(request, view, 0);
    await this.#call(nr, view);
    return decodeFormat(view);
  }

  async #buffer(nr: number, buffer: QueueBuffer): Promise<BufferState> {
    const scratch = this.#scratch.pop() ?? {
      view: make(v4l2_buffer).view,
      planes: new DataView(new ArrayBuffer(VIRTIO_MEDIA_MAX_PLANES * v4l2_plane.size)),
    };
    const n = isMultiplanar(buffer.type) ? (buffer.planes?.length ?? 0) : 0;
    const planes = new DataView(scratch.planes.buffer, 0, n * v4l2_plane.size);
    encodeBuffer(buffer, scratch.view, planes);
    const lists = buffer.planes?.some((plane) => plane.ranges !== undefined)
      ? buffer.planes.map((plane) => plane.ranges ?? [])
      : undefined;
    try {
      const { errno } = await this.ioctl(nr, scratch.view, lists === undefined ? { planes } : { planes, lists });
      if (errno !== 0) throw new IoctlError(ioctlName(nr), errno);
      return decodeBuffer(scratch.view, 0, planes, 0, n);
    } finally {
      this.#scratch.push(scratch);
    }
  }

  async #parm(nr: number, type: number, interval: Fraction | undefined): Promise<StreamParameters> {
    const { view, fields } = make(v4l2_streamparm);
    const output = type === V4L2_BUF_TYPE_VIDEO_OUTPUT || type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE;
    const parm = output ? fields.parm.fields.output.fields : fields.parm.fields.capture.fields;
    fields.type.set(view, 0, type);
    if (interval !== undefined) {
      parm.timeperframe.fields.numerator.set(view, 0, interval.numerator);
      parm.timeperframe.fields.denominator.set(view, 0, interval.denominator);
    }
    await this.#call(nr, view);
    const buffers = output ? fields.parm.fields.output.fields.writebuffers : fields.parm.fields.capture.fields.readbuffers;
    return {
      capability: parm.capability.get(view, 0),
      timeperframe: {
        numerator: parm.timeperframe.fields.numerator.get(view, 0),
        denominator: parm.timeperframe.fields.denominator.get(view, 0),
      },
      buffers: buffers.get(view, 0),
    };
  }

  async #controls(nr: number, controls: readonly ControlValue[], which: number): Promise<ControlsResult> {
    const { view, fields } = make(v4l2_ext_controls);
    fields.anon.fields.which.set(view, 0, which >>> 0);
    fields.count.set(view, 0, controls.length);
    const array = new DataView(new ArrayBuffer(controls.length * v4l2_ext_control.size));
    const blocks: (GuestBlock | undefined)[] = [];
    try {
      controls.forEach((control, i) => {
        encodeControl(control, array, i * v4l2_ext_control.size);
        const size = control.size ?? control.bytes?.length ?? 0;
        const block = size > 0 ? this.allocate(size, 16) : undefined;
        if (control.bytes !== undefined) block?.bytes.set(control.bytes.subarray(0, size));
        blocks.push(block);
      });
      const lists = blocks.map((block) => (block === undefined ? [] : [{ address: block.address, length: block.bytes.length }]));
      const { errno } = await this.ioctl(nr, view, { controls: array, lists });
      return {
        errno,
        errorIdx: fields.error_idx.get(view, 0),
        controls: controls.map((_, i) => decodeControl(array, i * v4l2_ext_control.size, blocks[i]?.bytes.slice())),
      };
    } finally {
      for (const block of blocks) block?.free();
    }
  }

  async #subscription(nr: number, type: number, id: number, flags: number): Promise<void> {
    const { view, fields } = make(v4l2_event_subscription);
    fields.type.set(view, 0, type);
    fields.id.set(view, 0, id);
    fields.flags.set(view, 0, flags);
    await this.#call(nr, view);
  }

  async #codec(
    nr: number,
    struct: typeof v4l2_decoder_cmd | typeof v4l2_encoder_cmd,
    cmd: number,
    flags: number,
  ): Promise<{ cmd: number; flags: number }> {
    const view = new DataView(new ArrayBuffer(struct.size));
    const { fields } = struct;
    fields.cmd.set(view, 0, cmd);
    fields.flags.set(view, 0, flags);
    await this.#call(nr, view);
    return { cmd: fields.cmd.get(view, 0), flags: fields.flags.get(view, 0) };
  }
}

const EIGHT_PLANES = Array.from({ length: VIRTIO_MEDIA_MAX_PLANES }, () => ({}));

function make<F extends FieldTable>(struct: Struct<F>): { view: DataView; fields: Struct<F>['fields'] } {
  return { view: new DataView(new ArrayBuffer(struct.size)), fields: struct.fields };
}
