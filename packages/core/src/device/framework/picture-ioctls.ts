// SPDX-License-Identifier: Apache-2.0
/** What a device with one queue of pictures answers about formats, sizes and intervals, be it a camera or an output. */
import { type Fraction, formatInfo, hasSize, type SourceIntervals, type SourceSizes } from '../../picture/index.ts';
import {
  formatFlags,
  type QueueFormat,
  type RequestedFormat,
  readFormat,
  readFraction,
  writeFormat,
  writeFraction,
  writeFrameInterval,
  writeFrameSize,
} from '../../v4l2/index.ts';
import {
  Errno,
  encodeUtf8,
  V4L2_CAP_TIMEPERFRAME,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_G_FMT,
  VIDIOC_G_PARM,
  VIDIOC_S_FMT,
  VIDIOC_S_PARM,
  VIDIOC_TRY_FMT,
  v4l2_fmtdesc,
  v4l2_format,
  v4l2_frmivalenum,
  v4l2_frmsizeenum,
  v4l2_streamparm,
} from '../../wire/index.ts';
import type { BufferQueue } from '../buffers/buffer-queue.ts';
import type { IoctlRow } from './ioctl-table.ts';
import type { IoctlCall } from './media-device.ts';

/** What these ioctls ask of the part that the sessions of a device share. */
export interface PictureNode {
  /** V4L2_BUF_TYPE_* of its queue */
  readonly type: number;
  /** pixel formats offered, preferred one first */
  readonly formats: readonly number[];
  readonly format: QueueFormat;
  interval: Fraction;
  readonly modes: {
    readonly defaultInterval: Fraction;
    sizes(fourcc: number): SourceSizes;
    intervals(fourcc: number, width: number, height: number): SourceIntervals;
  };
  /** False while no format can be set. */
  readonly present: boolean;
  /** the queue that has buffers */
  readonly owner: BufferQueue | undefined;
  negotiate(asked: RequestedFormat): QueueFormat;
  setFormat(format: QueueFormat): void;
  nearest(interval: Fraction): Fraction;
}

/** A session of such a device. */
export interface PictureSession {
  readonly node: PictureNode;
}

const NOTHING = new Uint8Array(0);
const D = v4l2_fmtdesc.fields;
const P = v4l2_streamparm.fields;
// `struct v4l2_outputparm` has the same members at the same places: only the names differ.
const PARM = P.parm.fields.capture.fields;

function enumFormat({ node }: PictureSession, { payload }: IoctlCall): number {
  if (D.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  const info = formatInfo(node.formats[D.index.get(payload, 0)] ?? 0);
  if (info === undefined) return Errno.EINVAL;
  D.flags.set(payload, 0, formatFlags(info));
  D.description.set(payload, 0, encodeUtf8(info.description, 31));
  D.pixelformat.set(payload, 0, info.fourcc);
  D.mbus_code.set(payload, 0, 0);
  D.reserved.set(payload, 0, NOTHING);
  return 0;
}

function getFormat({ node }: PictureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  writeFormat(payload, node.type, node.format);
  return 0;
}

function tryFormat({ node }: PictureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  writeFormat(payload, node.type, node.negotiate(readFormat(payload)));
  return 0;
}

function setFormat({ node }: PictureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  if (!node.present) return Errno.ENODEV;
  if (node.owner !== undefined) return Errno.EBUSY;
  const format = node.negotiate(readFormat(payload));
  node.setFormat(format);
  writeFormat(payload, node.type, format);
  return 0;
}

function enumFrameSizes({ node }: PictureSession, { payload }: IoctlCall): number {
  const fourcc = v4l2_frmsizeenum.fields.pixel_format.get(payload, 0);
  return node.formats.includes(fourcc) ? writeFrameSize(payload, node.modes.sizes(fourcc)) : Errno.EINVAL;
}

function enumFrameIntervals({ node }: PictureSession, { payload }: IoctlCall): number {
  const f = v4l2_frmivalenum.fields;
  const fourcc = f.pixel_format.get(payload, 0);
  const size = { width: f.width.get(payload, 0), height: f.height.get(payload, 0) };
  const { modes } = node;
  if (!node.formats.includes(fourcc) || !hasSize(modes.sizes(fourcc), size)) return Errno.EINVAL;
  return writeFrameInterval(payload, modes.intervals(fourcc, size.width, size.height));
}

/** The answer of G_PARM and S_PARM: every byte, so that nothing an application wrote comes back. */
function writeParm({ node }: PictureSession, payload: DataView): number {
  P.parm.fields.raw_data.set(payload, 0, NOTHING);
  PARM.capability.set(payload, 0, V4L2_CAP_TIMEPERFRAME);
  writeFraction(PARM.timeperframe.fields, payload, node.interval);
  return 0;
}

function getParm(session: PictureSession, { payload }: IoctlCall): number {
  return P.type.get(payload, 0) === session.node.type ? writeParm(session, payload) : Errno.EINVAL;
}

function setParm(session: PictureSession, { payload }: IoctlCall): number {
  const { node } = session;
  if (P.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  if (node.owner?.streaming === true) return Errno.EBUSY;
  // A half that is 0 asks for the default.
  const asked = readFraction(PARM.timeperframe.fields, payload) ?? node.modes.defaultInterval;
  node.interval = node.nearest(asked);
  return writeParm(session, payload);
}

/** VIDIOC_ENUM_FMT … VIDIOC_S_PARM, on any session of such a device. */
export const PICTURE_IOCTLS: readonly IoctlRow<PictureSession>[] = [
  [VIDIOC_ENUM_FMT, enumFormat],
  [VIDIOC_G_FMT, getFormat],
  [VIDIOC_S_FMT, setFormat],
  [VIDIOC_TRY_FMT, tryFormat],
  [VIDIOC_ENUM_FRAMESIZES, enumFrameSizes],
  [VIDIOC_ENUM_FRAMEINTERVALS, enumFrameIntervals],
  [VIDIOC_G_PARM, getParm],
  [VIDIOC_S_PARM, setParm],
];
