// SPDX-License-Identifier: Apache-2.0
/** VIDIOC_DECODER_CMD and VIDIOC_ENCODER_CMD, each with its TRY: the two commands that a stateful codec has. */
import {
  Errno,
  V4L2_DEC_CMD_START,
  V4L2_DEC_CMD_STOP,
  V4L2_ENC_CMD_START,
  V4L2_ENC_CMD_STOP,
  VIDIOC_DECODER_CMD,
  VIDIOC_ENCODER_CMD,
  VIDIOC_TRY_DECODER_CMD,
  VIDIOC_TRY_ENCODER_CMD,
  v4l2_decoder_cmd,
  v4l2_encoder_cmd,
} from '../../wire/index.ts';
import type { IoctlRow } from '../framework/ioctl-table.ts';
import type { M2mRole, M2mSession } from './m2m-session.ts';

const NOTHING = new Uint8Array(0);

/** `cmd` and `flags` lie in both structs where they lie in either; `rest` is the union behind them. */
const COMMANDS = {
  decoder: {
    ioctls: [VIDIOC_TRY_DECODER_CMD, VIDIOC_DECODER_CMD],
    fields: v4l2_decoder_cmd.fields,
    rest: v4l2_decoder_cmd.fields.anon.fields.raw,
    start: V4L2_DEC_CMD_START,
    stop: V4L2_DEC_CMD_STOP,
  },
  encoder: {
    ioctls: [VIDIOC_TRY_ENCODER_CMD, VIDIOC_ENCODER_CMD],
    fields: v4l2_encoder_cmd.fields,
    rest: v4l2_encoder_cmd.fields.raw,
    start: V4L2_ENC_CMD_START,
    stop: V4L2_ENC_CMD_STOP,
  },
} as const;

/**
 * The two rows of a role. PAUSE and RESUME are no commands of a codec, whatever it is doing. Flags are about sound, about pictures
 * that a codec does not show and about groups of pictures that it does not wait for: all of them are cleared and none is
 * refused, as the kernel's codecs do.
 */
export function commandIoctls(role: M2mRole): readonly IoctlRow<M2mSession>[] {
  const { ioctls, fields, rest, start, stop } = COMMANDS[role];
  const attempt = (payload: DataView): number => {
    const command = fields.cmd.get(payload, 0);
    if (command !== start && command !== stop) return Errno.EINVAL;
    fields.flags.set(payload, 0, 0);
    rest.set(payload, 0, NOTHING);
    return 0;
  };
  return [
    [ioctls[0], (_session, { payload }) => attempt(payload)],
    [
      ioctls[1],
      (session, { payload }) => attempt(payload) || (fields.cmd.get(payload, 0) === stop ? session.drain() : session.resume()),
    ],
  ];
}
