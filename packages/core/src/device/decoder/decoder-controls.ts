// SPDX-License-Identifier: Apache-2.0
/** Controls of a decoder session: all read-only, all about the stream. */
import type { StreamFormat } from '../../ports/index.ts';
import { ControlSet, type ControlSpec } from '../../v4l2/index.ts';
import { V4L2_CID_MIN_BUFFERS_FOR_CAPTURE, V4L2_CTRL_FLAG_READ_ONLY, V4L2_CTRL_TYPE_INTEGER } from '../../wire/index.ts';
import { type CodecMenu, codecMenuControl, type OfferedCodec } from '../m2m/codec-menus.ts';

const MIN_BUFFERS: ControlSpec = {
  id: V4L2_CID_MIN_BUFFERS_FOR_CAPTURE,
  type: V4L2_CTRL_TYPE_INTEGER,
  name: 'Min Number of Capture Buffers',
  minimum: 1,
  maximum: 32,
  step: 1,
  default: 1,
  flags: V4L2_CTRL_FLAG_READ_ONLY,
};

/** The controls of a session that offers these codecs: the least number of buffers, profiles and levels. */
export function decoderControls(codecs: readonly OfferedCodec[]): ControlSet {
  const menus = codecs.flatMap(({ profile, level }) => [profile, level]).filter((menu) => menu !== undefined);
  return new ControlSet([MIN_BUFFERS, ...menus.map((menu) => codecMenuControl(menu))]);
}

/** Takes over what a stream says of itself. A profile or level that the menu does not have changes nothing. */
export function describeStream(controls: ControlSet, codec: OfferedCodec, format: StreamFormat): void {
  controls.assign(MIN_BUFFERS.id, Math.min(Math.max(format.minBuffers, MIN_BUFFERS.minimum), MIN_BUFFERS.maximum));
  choose(controls, codec.profile, format.profile);
  choose(controls, codec.level, format.level);
}

function choose(controls: ControlSet, menu: CodecMenu | undefined, value: number | undefined): void {
  if (menu !== undefined && value !== undefined && menu.items[value] !== undefined) controls.assign(menu.id, value);
}
