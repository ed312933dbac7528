// SPDX-License-Identifier: Apache-2.0
/** What a camera answers beside buffers, controls and events. */
import { formatInfo, hasSize } from '../../picture/index.ts';
import {
  formatFlags,
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
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_INPUT_TYPE_CAMERA,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMEINTERVALS,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_ENUMINPUT,
  VIDIOC_G_FMT,
  VIDIOC_G_INPUT,
  VIDIOC_G_PARM,
  VIDIOC_S_FMT,
  VIDIOC_S_INPUT,
  VIDIOC_S_PARM,
  VIDIOC_TRY_FMT,
  v4l2_fmtdesc,
  v4l2_format,
  v4l2_frmivalenum,
  v4l2_frmsizeenum,
  v4l2_input,
  v4l2_streamparm,
} from '../../wire/index.ts';
import { type IoctlRow, type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS } from '../framework/v4l2-session.ts';
import type { CaptureSession } from './capture-session.ts';

const NOTHING = new Uint8Array(0);
const D = v4l2_fmtdesc.fields;
const P = v4l2_streamparm.fields;
const CAPTURE = P.parm.fields.capture.fields;

function enumFormat({ node }: CaptureSession, { payload }: IoctlCall): number {
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

function getFormat({ node }: CaptureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  writeFormat(payload, node.type, node.format);
  return 0;
}

function tryFormat({ node }: CaptureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  writeFormat(payload, node.type, node.negotiate(readFormat(payload)));
  return 0;
}

function setFormat({ node }: CaptureSession, { payload }: IoctlCall): number {
  if (v4l2_format.fields.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  if (!node.present) return Errno.ENODEV;
  if (node.owner !== undefined) return Errno.EBUSY;
  const format = node.negotiate(readFormat(payload));
  node.setFormat(format);
  writeFormat(payload, node.type, format);
  return 0;
}

function enumFrameSizes({ node }: CaptureSession, { payload }: IoctlCall): number {
  const fourcc = v4l2_frmsizeenum.fields.pixel_format.get(payload, 0);
  return node.formats.includes(fourcc) ? writeFrameSize(payload, node.source.capabilities.sizes(fourcc)) : Errno.EINVAL;
}

function enumFrameIntervals({ node }: CaptureSession, { payload }: IoctlCall): number {
  const f = v4l2_frmivalenum.fields;
  const fourcc = f.pixel_format.get(payload, 0);
  const size = { width: f.width.get(payload, 0), height: f.height.get(payload, 0) };
  const { capabilities } = node.source;
  if (!node.formats.includes(fourcc) || !hasSize(capabilities.sizes(fourcc), size)) return Errno.EINVAL;
  return writeFrameInterval(payload, capabilities.intervals(fourcc, size.width, size.height));
}

/** The answer of G_PARM and S_PARM: every byte, so that nothing an application wrote comes back. */
function writeParm({ node }: CaptureSession, payload: DataView): number {
  P.parm.fields.raw_data.set(payload, 0, NOTHING);
  CAPTURE.capability.set(payload, 0, V4L2_CAP_TIMEPERFRAME);
  writeFraction(CAPTURE.timeperframe.fields, payload, node.interval);
  return 0;
}

function getParm(session: CaptureSession, { payload }: IoctlCall): number {
  return P.type.get(payload, 0) === session.node.type ? writeParm(session, payload) : Errno.EINVAL;
}

function setParm(session: CaptureSession, { payload }: IoctlCall): number {
  const { node } = session;
  if (P.type.get(payload, 0) !== node.type) return Errno.EINVAL;
  if (node.owner?.streaming === true) return Errno.EBUSY;
  // A half that is 0 asks for the default.
  const asked = readFraction(CAPTURE.timeperframe.fields, payload) ?? node.source.capabilities.defaultInterval;
  node.interval = node.nearest(asked);
  return writeParm(session, payload);
}

function enumInput({ node }: CaptureSession, { payload }: IoctlCall): number {
  const f = v4l2_input.fields;
  if (f.index.get(payload, 0) !== 0) return Errno.EINVAL;
  new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).fill(0);
  f.name.set(payload, 0, encodeUtf8(node.card, 31));
  f.type.set(payload, 0, V4L2_INPUT_TYPE_CAMERA);
  f.status.set(payload, 0, node.present ? 0 : V4L2_IN_ST_NO_SIGNAL);
  return 0;
}

function getInput(_session: CaptureSession, { payload }: IoctlCall): number {
  payload.setUint32(0, 0, true);
  return 0;
}

function setInput(_session: CaptureSession, { payload }: IoctlCall): number {
  return payload.getUint32(0, true) === 0 ? 0 : Errno.EINVAL;
}

const CAMERA_IOCTLS: readonly IoctlRow<CaptureSession>[] = [
  [VIDIOC_ENUM_FMT, enumFormat],
  [VIDIOC_G_FMT, getFormat],
  [VIDIOC_S_FMT, setFormat],
  [VIDIOC_TRY_FMT, tryFormat],
  [VIDIOC_ENUM_FRAMESIZES, enumFrameSizes],
  [VIDIOC_ENUM_FRAMEINTERVALS, enumFrameIntervals],
  [VIDIOC_G_PARM, getParm],
  [VIDIOC_S_PARM, setParm],
  [VIDIOC_ENUMINPUT, enumInput],
  [VIDIOC_G_INPUT, getInput],
  [VIDIOC_S_INPUT, setInput],
];

/** Every ioctl of a camera; docs/IOCTLS.md lists them. */
export const CAPTURE_IOCTLS: IoctlTable<CaptureSession> = ioctlTable<CaptureSession>(
  BUFFER_IOCTLS,
  CONTROL_IOCTLS,
  EVENT_IOCTLS,
  CAMERA_IOCTLS,
);
