// SPDX-License-Identifier: Apache-2.0
/** What a camera answers beside buffers, controls, events and formats: its input. */
import {
  Errno,
  encodeUtf8,
  V4L2_IN_ST_NO_SIGNAL,
  V4L2_INPUT_TYPE_CAMERA,
  VIDIOC_ENUMINPUT,
  VIDIOC_G_INPUT,
  VIDIOC_S_INPUT,
  v4l2_input,
} from '../../wire/index.ts';
import { type IoctlRow, type IoctlTable, ioctlTable } from '../framework/ioctl-table.ts';
import type { IoctlCall } from '../framework/media-device.ts';
import { PICTURE_IOCTLS } from '../framework/picture-ioctls.ts';
import { BUFFER_IOCTLS, CONTROL_IOCTLS, EVENT_IOCTLS } from '../framework/v4l2-session.ts';
import type { CaptureSession } from './capture-session.ts';

function enumInput({ node }: CaptureSession, { payload }: IoctlCall): number {
  const f = v4l2_input.fields;
  const index = f.index.get(payload, 0);
  const input = node.inputs[index];
  if (input === undefined) return Errno.EINVAL;
  new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength).fill(0);
  f.index.set(payload, 0, index);
  f.name.set(payload, 0, encodeUtf8(input.name, 31));
  f.type.set(payload, 0, V4L2_INPUT_TYPE_CAMERA);
  f.status.set(payload, 0, input.signal ? 0 : V4L2_IN_ST_NO_SIGNAL);
  return 0;
}

function getInput({ node }: CaptureSession, { payload }: IoctlCall): number {
  payload.setUint32(0, node.input, true);
  return 0;
}

function setInput(session: CaptureSession, { payload }: IoctlCall): number {
  return session.selectInput(payload.getUint32(0, true));
}

const INPUT_IOCTLS: readonly IoctlRow<CaptureSession>[] = [
  [VIDIOC_ENUMINPUT, enumInput],
  [VIDIOC_G_INPUT, getInput],
  [VIDIOC_S_INPUT, setInput],
];

/** Every ioctl of a camera; docs/IOCTLS.md lists them. */
export const CAPTURE_IOCTLS: IoctlTable<CaptureSession> = ioctlTable<CaptureSession>(
  BUFFER_IOCTLS,
  CONTROL_IOCTLS,
  EVENT_IOCTLS,
  PICTURE_IOCTLS,
  INPUT_IOCTLS,
);
