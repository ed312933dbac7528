// SPDX-License-Identifier: Apache-2.0
/** The ioctls of every codec session: buffers, controls, events, and by role formats, sizes and selections. */
import { formatInfo, type Rect } from '../../picture/index.ts';
import { formatFlags, type QueueFormat, readFormat, writeFormat } from '../../v4l2/index.ts';
import {
  Errno,
  encodeUtf8,
  selectionType,
  V4L2_FMT_FLAG_COMPRESSED,
  V4L2_FRMSIZE_TYPE_STEPWISE,
  V4L2_SEL_FLAG_GE,
  V4L2_SEL_FLAG_KEEP_CONFIG,
  V4L2_SEL_FLAG_LE,
  VIDIOC_ENUM_FMT,
  VIDIOC_ENUM_FRAMESIZES,
  VIDIOC_G_FMT,
  VIDIOC_G_SELECTION,
  VIDIOC_S_FMT,
  VIDIOC_S_SELECTION,
  VIDIOC_TRY_FMT,
  v4l2_fmtdesc,
  v4l2_format,
  v4l2_frmsizeenum,
  v4l2_selection,
} from '../../wire/index.ts';
import type { IoctlRow } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS } from '../framework/v4l2-session.ts';
import { cropIoctls } from './crop.ts';
import type { M2mSession } from './m2m-session.ts';

const NOTHING = new Uint8Array(0);

function enumFormats(session: M2mSession, { payload }: IoctlCall): number {
  const f = v4l2_fmtdesc.fields;
  const queue = session.queue(f.type.get(payload, 0));
  if (queue === undefined) return Errno.EINVAL;
  const index = f.index.get(payload, 0);
  const entry = queue === session.coded ? codedEntry(session, index) : rawEntry(session, index);
  if (entry === undefined) return Errno.EINVAL;
  f.flags.set(payload, 0, entry.flags);
  f.description.set(payload, 0, encodeUtf8(entry.description, f.description.size - 1));
  f.pixelformat.set(payload, 0, entry.fourcc);
  f.mbus_code.set(payload, 0, 0);
  f.reserved.set(payload, 0, NOTHING);
  return 0;
}

function codedEntry({ formats }: M2mSession, index: number) {
  const codec = formats.codecs[index];
  return codec && { ...codec, flags: V4L2_FMT_FLAG_COMPRESSED | formats.codedFlags };
}

function rawEntry({ formats }: M2mSession, index: number) {
  const info = formatInfo(formats.codec.rawFormats[index] ?? 0);
  return info && { fourcc: info.fourcc, description: info.description, flags: formatFlags(info) };
}

function enumFrameSizes({ formats }: M2mSession, { payload }: IoctlCall): number {
  const f = v4l2_frmsizeenum.fields;
  const wanted = f.pixel_format.get(payload, 0);
  const { codec, codecs } = formats;
  const found = codecs.find(({ fourcc }) => fourcc === wanted) ?? (codec.rawFormats.includes(wanted) ? codec : undefined);
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

/** Answers G, TRY and S_FMT: each with the format of the queue that the payload names. */
function format(
  session: M2mSession,
  { payload }: IoctlCall,
  ofCoded: () => QueueFormat | number,
  ofRaw: () => QueueFormat | number,
): number {
  const queue = session.queue(v4l2_format.fields.type.get(payload, 0));
  if (queue === undefined) return Errno.EINVAL;
  const answer = queue === session.coded ? ofCoded() : ofRaw();
  if (typeof answer === 'number') return answer;
  writeFormat(payload, queue.type, answer);
  return 0;
}

function getFormat(session: M2mSession, call: IoctlCall): number {
  const { formats } = session;
  return format(
    session,
    call,
    () => formats.coded,
    () => formats.raw,
  );
}

function tryFormat(session: M2mSession, call: IoctlCall): number {
  const { formats } = session;
  return format(
    session,
    call,
    () => formats.tryCoded(readFormat(call.payload)),
    () => formats.tryRaw(readFormat(call.payload)),
  );
}

function setFormat(session: M2mSession, call: IoctlCall): number {
  const { coded, raw, formats } = session;
  return format(
    session,
    call,
    // Commit point 5: the coded format is frozen while either queue has buffers.
    () => (coded.count > 0 || raw.count > 0 || coded.streaming ? Errno.EBUSY : formats.setCoded(readFormat(call.payload))),
    () => (raw.count > 0 ? Errno.EBUSY : formats.setRaw(readFormat(call.payload))),
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

/** Whether a selection ioctl is about pictures, of which alone there are rectangles. */
function isOfPictures(session: M2mSession, payload: DataView): boolean {
  return selectionType(v4l2_selection.fields.type.get(payload, 0)) === selectionType(session.raw.type);
}

function getSelection(session: M2mSession, { payload }: IoctlCall): number {
  const rect = session.formats.selection(v4l2_selection.fields.target.get(payload, 0));
  if (rect === undefined || !isOfPictures(session, payload)) return Errno.EINVAL;
  writeRect(payload, rect);
  return 0;
}

/** No codec here crops or scales: a rectangle that can be set is the one that it is already. */
function setSelection(session: M2mSession, { payload }: IoctlCall): number {
  const f = v4l2_selection.fields;
  const target = f.target.get(payload, 0);
  const flags = f.flags.get(payload, 0);
  const r = f.r.fields;
  const asked = {
    left: r.left.get(payload, 0),
    top: r.top.get(payload, 0),
    width: r.width.get(payload, 0),
    height: r.height.get(payload, 0),
  };
  const rect = session.formats.nearestSelection(target, asked);
  if (rect === undefined || !isOfPictures(session, payload)) return Errno.EINVAL;
  if ((flags & ~(V4L2_SEL_FLAG_GE | V4L2_SEL_FLAG_LE | V4L2_SEL_FLAG_KEEP_CONFIG)) !== 0) return Errno.EINVAL;
  const smaller = rect.width < asked.width || rect.height < asked.height;
  const larger = rect.width > asked.width || rect.height > asked.height;
  if (((flags & V4L2_SEL_FLAG_GE) !== 0 && smaller) || ((flags & V4L2_SEL_FLAG_LE) !== 0 && larger)) return Errno.ERANGE;
  writeRect(payload, rect);
  return 0;
}

/** The rows that every codec session has; a device adds the commands of its role. */
export const M2M_IOCTLS: readonly IoctlRow<M2mSession>[] = [
  ...BUFFER_IOCTLS,
  ...CONTROL_IOCTLS,
  ...EVENT_IOCTLS,
  ...cropIoctls(getSelection, setSelection, ({ formats }: M2mSession) => formats.pixelAspect),
  [VIDIOC_ENUM_FMT, enumFormats],
  [VIDIOC_ENUM_FRAMESIZES, enumFrameSizes],
  [VIDIOC_G_FMT, getFormat],
  [VIDIOC_TRY_FMT, tryFormat],
  [VIDIOC_S_FMT, setFormat],
  [VIDIOC_G_SELECTION, getSelection],
  [VIDIOC_S_SELECTION, setSelection],
];
