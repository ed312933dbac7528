// SPDX-License-Identifier: Apache-2.0
/** The ioctls of a decoder session beside buffers, controls and events: formats, sizes, selections, decoder commands. */

import { formatInfo, type Rect } from '../../picture/index.ts';
import { formatFlags, type QueueFormat, readFormat, writeFormat } from '../../v4l2/index.ts';
import {
  Errno,
  encodeUtf8,
  selectionType,
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
  V4L2_FMT_FLAG_COMPRESSED,
  V4L2_FMT_FLAG_DYN_RESOLUTION,
  V4L2_FRMSIZE_TYPE_STEPWISE,
  V4L2_SEL_FLAG_GE,
  V4L2_SEL_FLAG_KEEP_CONFIG,
  V4L2_SEL_FLAG_LE,
  V4L2_SEL_TGT_COMPOSE,
  V4L2_SEL_TGT_CROP,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_G_FMT,
  VIDIOC_G_SELECTION,
  VIDIOC_S_FMT,
  VIDIOC_S_SELECTION,
  VIDIOC_TRY_DECODER_CMD,
  VIDIOC_TRY_FMT,
  v4l2_decoder_cmd,
  v4l2_fmtdesc,
  v4l2_format,
  v4l2_frmsizeenum,
  v4l2_selection,
} from '../../wire/index.ts';
import { type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS } from '../framework/v4l2-session.ts';
import { cropIoctls } from '../m2m/crop.ts';
import type { DecoderSession } from './decoder-session.ts';

const NOTHING = new Uint8Array(0);
/** the shape of a pixel of which nothing is known */
const SQUARE = { numerator: 1, denominator: 1 } as const;

function enumFormats(session: DecoderSession, { payload }: IoctlCall): number {
  const f = v4l2_fmtdesc.fields;
  const index = f.index.get(payload, 0);
  const type = f.type.get(payload, 0);
  let entry: { fourcc: number; description: string; flags: number } | undefined;
  if (type === V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE) {
    const codec = session.codecs[index];
    const flags = V4L2_FMT_FLAG_COMPRESSED | V4L2_FMT_FLAG_DYN_RESOLUTION;
    entry = codec && { fourcc: codec.fourcc, description: codec.description, flags };
  } else if (type === V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE) {
    const info = formatInfo(session.formats.codec.capability.outputs[index] ?? 0);
    entry = info && { fourcc: info.fourcc, description: info.description, flags: formatFlags(info) };
  }
  if (entry === undefined) return Errno.EINVAL;
  f.flags.set(payload, 0, entry.flags);
  f.description.set(payload, 0, encodeUtf8(entry.description, f.description.size - 1));
  f.pixelformat.set(payload, 0, entry.fourcc);
  f.mbus_code.set(payload, 0, 0);
  f.reserved.set(payload, 0, NOTHING);
  return 0;
}

function enumFrameSizes(session: DecoderSession, { payload }: IoctlCall): number {
  const f = v4l2_frmsizeenum.fields;
  const wanted = f.pixel_format.get(payload, 0);
  const { codec, formats } = { codec: session.formats.codec, formats: session.codecs };
  const found =
    formats.find(({ fourcc }) => fourcc === wanted) ?? (codec.capability.outputs.includes(wanted) ? codec : undefined);
  if (found === undefined || f.index.get(payload, 0) !== 0) return Errno.EINVAL;
  const { minWidth, maxWidth, minHeight, maxHeight } = found.capability;
  const s = f.anon.fields.stepwise.fields;
  f.type.set(payload, 0, V4L2_FRMSIZE_TYPE_STEPWISE);
  s.min_width.set(payload, 0, minWidth);
  s.max_width.set(payload, 0, maxWidth);
  s.step_width.set(payload, 0, 1);
  s.min_height.set(payload, 0, minHeight);
  s.max_height.set(payload, 0, maxHeight);
  s.step_height.set(payload, 0, 1);
  f.reserved.set(payload, 0, NOTHING);
  return 0;
}

/** Answers G, TRY and S_FMT: each with the formats of the queue that the payload names. */
function format(
  session: DecoderSession,
  { payload }: IoctlCall,
  onOutput: () => QueueFormat | number,
  onCapture: () => QueueFormat | number,
): number {
  const queue = session.queue(v4l2_format.fields.type.get(payload, 0));
  if (queue === undefined) return Errno.EINVAL;
  const answer = queue === session.output ? onOutput() : onCapture();
  if (typeof answer === 'number') return answer;
  writeFormat(payload, queue.type, answer);
  return 0;
}

function setFormat(session: DecoderSession, call: IoctlCall): number {
  const { output, capture, formats } = session;
  return format(
    session,
    call,
    // Commit point 5: the coded format is frozen while either queue has buffers.
    () => (output.count > 0 || capture.count > 0 || output.streaming ? Errno.EBUSY : formats.setOutput(readFormat(call.payload))),
    () => (capture.count > 0 ? Errno.EBUSY : formats.setCapture(readFormat(call.payload))),
  );
}

function writeRect(payload: DataView, rect: Rect): void {
  const r = v4l2_selection.fields.r.fields;
  r.left.set(payload, 0, rect.left);
  r.top.set(payload, 0, rect.top);
  r.width.set(payload, 0, rect.width);
  r.height.set(payload, 0, rect.height);
  v4l2_selection.fields.reserved.set(payload, 0, NOTHING);
}

/** The rectangle that a selection ioctl is about; undefined: EINVAL. */
function selected(session: DecoderSession, payload: DataView): Rect | undefined {
  const f = v4l2_selection.fields;
  if (selectionType(f.type.get(payload, 0)) !== V4L2_BUF_TYPE_VIDEO_CAPTURE) return undefined;
  return session.formats.selection(f.target.get(payload, 0));
}

function getSelection(session: DecoderSession, { payload }: IoctlCall): number {
  const rect = selected(session, payload);
  if (rect === undefined) return Errno.EINVAL;
  writeRect(payload, rect);
  return 0;
}

/** There is no scaler: the nearest rectangle to any asked for is the visible one. */
function setSelection(session: DecoderSession, { payload }: IoctlCall): number {
  const f = v4l2_selection.fields;
  const target = f.target.get(payload, 0);
  const flags = f.flags.get(payload, 0);
  const rect = selected(session, payload);
  if (rect === undefined || (target !== V4L2_SEL_TGT_COMPOSE && target !== V4L2_SEL_TGT_CROP)) return Errno.EINVAL;
  if ((flags & ~(V4L2_SEL_FLAG_GE | V4L2_SEL_FLAG_LE | V4L2_SEL_FLAG_KEEP_CONFIG)) !== 0) return Errno.EINVAL;
  const asked = { width: f.r.fields.width.get(payload, 0), height: f.r.fields.height.get(payload, 0) };
  const smaller = rect.width < asked.width || rect.height < asked.height;
  const larger = rect.width > asked.width || rect.height > asked.height;
  if (((flags & V4L2_SEL_FLAG_GE) !== 0 && smaller) || ((flags & V4L2_SEL_FLAG_LE) !== 0 && larger)) return Errno.ERANGE;
  writeRect(payload, rect);
  return 0;
}

/**
 * PAUSE and RESUME are no commands of a codec, whatever it is doing. Flags are about sound and about pictures that a codec
 * does not show: all of them are cleared and none is refused, as the kernel's codecs do.
 */
function tryDecoderCommand(_session: DecoderSession, { payload }: IoctlCall): number {
  const f = v4l2_decoder_cmd.fields;
  const cmd = f.cmd.get(payload, 0);
  if (cmd !== V4L2_DEC_CMD_START && cmd !== V4L2_DEC_CMD_STOP) return Errno.EINVAL;
  f.flags.set(payload, 0, 0);
  // Neither speed nor a time to stop at: all members of the union are 0.
  f.anon.fields.raw.set(payload, 0, NOTHING);
  return 0;
}

function decoderCommand(session: DecoderSession, call: IoctlCall): number {
  const errno = tryDecoderCommand(session, call);
  if (errno !== 0) return errno;
  return v4l2_decoder_cmd.fields.cmd.get(call.payload, 0) === V4L2_DEC_CMD_STOP ? session.drain() : session.resume();
}

/** The whole table of a decoder session. */
export const DECODER_IOCTLS: IoctlTable<DecoderSession> = ioctlTable<DecoderSession>(
  BUFFER_IOCTLS,
  CONTROL_IOCTLS,
  EVENT_IOCTLS,
  cropIoctls(getSelection, setSelection, ({ formats }) => formats.stream?.pixelAspect ?? SQUARE),
  [
    [VIDIOC_ENUM_FMT, enumFormats],
    [VIDIOC_ENUM_FRAMESIZES, enumFrameSizes],
    [
      VIDIOC_G_FMT,
      (session, call) =>
        format(
          session,
          call,
          () => session.formats.output,
          () => session.formats.capture,
        ),
    ],
    [
      VIDIOC_TRY_FMT,
      (session, call) =>
        format(
          session,
          call,
          () => session.formats.tryOutput(readFormat(call.payload)),
          () => session.formats.tryCapture(readFormat(call.payload)),
        ),
    ],
    [VIDIOC_S_FMT, setFormat],
    [VIDIOC_G_SELECTION, getSelection],
    [VIDIOC_S_SELECTION, setSelection],
    [VIDIOC_TRY_DECODER_CMD, tryDecoderCommand],
    [VIDIOC_DECODER_CMD, decoderCommand],
  ],
);
