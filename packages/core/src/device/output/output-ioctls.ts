// SPDX-License-Identifier: Apache-2.0
/** What an output answers beside buffers, controls, events and formats: its output. */
import {
  Errno,
  encodeUtf8,
  V4L2_OUTPUT_TYPE_ANALOG,
  VIDIOC_ENUMOUTPUT,
  VIDIOC_G_OUTPUT,
  VIDIOC_S_OUTPUT,
  v4l2_output,
} from '../../wire/index.ts';
import { type IoctlRow, type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { PICTURE_IOCTLS } from '../framework/picture-ioctls.ts';
import { BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS } from '../framework/v4l2-session.ts';
import type { OutputSession } from './output-session.ts';

function enumOutput({ node }: OutputSession, { payload }: IoctlCall): number {
  const f = v4l2_output.fields;
  if (f.index.get(payload, 0) !== 0) return Errno.EINVAL;
  new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).fill(0);
  f.name.set(payload, 0, encodeUtf8(node.card, 31));
  // V4L2's name of every output that is not a modulator, whatever it is.
  f.type.set(payload, 0, V4L2_OUTPUT_TYPE_ANALOG);
  return 0;
}

function getOutput(_session: OutputSession, { payload }: IoctlCall): number {
  payload.setUint32(0, 0, true);
  return 0;
}

function setOutput(_session: OutputSession, { payload }: IoctlCall): number {
  return payload.getUint32(0, true) === 0 ? 0 : Errno.EINVAL;
}

const OWN_IOCTLS: readonly IoctlRow<OutputSession>[] = [
  [VIDIOC_ENUMOUTPUT, enumOutput],
  [VIDIOC_G_OUTPUT, getOutput],
  [VIDIOC_S_OUTPUT, setOutput],
];

/** Every ioctl of an output; docs/IOCTLS.md lists them. */
export const OUTPUT_IOCTLS: IoctlTable<OutputSession> = ioctlTable<OutputSession>(
  BUFFER_IOCTLS,
  CONTROL_IOCTLS,
  EVENT_IOCTLS,
  PICTURE_IOCTLS,
  OWN_IOCTLS,
);
