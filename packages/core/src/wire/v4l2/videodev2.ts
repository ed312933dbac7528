// SPDX-License-Identifier: Apache-2.0
/**
 * The structs of <linux/videodev2.h> that ioctls and events carry, in the layout of a 64-bit little-endian machine, which is
 * the one on the wire (VIRTIO 1.4, 5.22.6). Member names are the header's; an anonymous union is called `anon`; padding
 * starts with `_`. `wire/videodev2.test.ts` asserts each against the ABI table and against the system's C compiler.
 */
import { array, bytes, opaque64, pad, s32, s64, struct, u8, u32, u64, union } from '../layout.ts';

/** `struct timeval` with 64-bit members: seconds and microseconds */
export const timeval = struct('timeval', 16, { tv_sec: s64, tv_usec: s64 });
/** `struct timespec` with 64-bit members: seconds and nanoseconds */
export const timespec = struct('timespec', 16, { tv_sec: s64, tv_nsec: s64 });
/** `struct v4l2_fract` */
export const v4l2_fract = struct('v4l2_fract', 8, { numerator: u32, denominator: u32 });
/** `struct v4l2_area` */
export const v4l2_area = struct('v4l2_area', 8, { width: u32, height: u32 });
/** `struct v4l2_rect` */
export const v4l2_rect = struct('v4l2_rect', 16, { left: s32, top: s32, width: u32, height: u32 });
/** `struct v4l2_timecode` */
export const v4l2_timecode = struct('v4l2_timecode', 16, {
  type: u32,
  flags: u32,
  frames: u8,
  seconds: u8,
  minutes: u8,
  hours: u8,
  userbits: bytes(4),
});
/** `struct v4l2_capability` */
export const v4l2_capability = struct('v4l2_capability', 104, {
  driver: bytes(16),
  card: bytes(32),
  bus_info: bytes(32),
  version: u32,
  capabilities: u32,
  device_caps: u32,
  reserved: bytes(12),
});
/** `struct v4l2_fmtdesc` */
export const v4l2_fmtdesc = struct('v4l2_fmtdesc', 64, {
  index: u32,
  type: u32,
  flags: u32,
  description: bytes(32),
  pixelformat: u32,
  mbus_code: u32,
  reserved: bytes(12),
});
/** `struct v4l2_pix_format`; `ycbcr_enc` shares its place with `hsv_enc` */
export const v4l2_pix_format = struct('v4l2_pix_format', 48, {
  width: u32,
  height: u32,
  pixelformat: u32,
  field: u32,
  bytesperline: u32,
  sizeimage: u32,
  colorspace: u32,
  priv: u32,
  flags: u32,
  ycbcr_enc: u32,
  quantization: u32,
  xfer_func: u32,
});
/** `struct v4l2_plane_pix_format` (packed) */
export const v4l2_plane_pix_format = struct(
  'v4l2_plane_pix_format',
  20,
  { sizeimage: u32, bytesperline: u32, reserved: bytes(12) },
  { packed: true },
);
/** `struct v4l2_pix_format_mplane` (packed) */
export const v4l2_pix_format_mplane = struct(
  'v4l2_pix_format_mplane',
  192,
  {
    width: u32,
    height: u32,
    pixelformat: u32,
    field: u32,
    colorspace: u32,
    plane_fmt: array(v4l2_plane_pix_format, 8),
    num_planes: u8,
    flags: u8,
    ycbcr_enc: u8,
    quantization: u8,
    xfer_func: u8,
    reserved: bytes(7),
  },
  { packed: true },
);
const v4l2_format_fmt = union('v4l2_format.fmt', 200, {
  pix: v4l2_pix_format,
  pix_mp: v4l2_pix_format_mplane,
  raw_data: bytes(200, 8),
});
/** `struct v4l2_format`; of the union, the video members */
export const v4l2_format = struct('v4l2_format', 208, { type: u32, _pad4: pad(4), fmt: v4l2_format_fmt });
/** `struct v4l2_requestbuffers` */
export const v4l2_requestbuffers = struct('v4l2_requestbuffers', 20, {
  count: u32,
  type: u32,
  memory: u32,
  capabilities: u32,
  flags: u8,
  reserved: bytes(3),
});
/** `struct v4l2_create_buffers` */
export const v4l2_create_buffers = struct('v4l2_create_buffers', 256, {
  index: u32,
  count: u32,
  memory: u32,
  _pad12: pad(4),
  format: v4l2_format,
  capabilities: u32,
  flags: u32,
  max_num_buffers: u32,
  reserved: bytes(20),
});
/** `struct v4l2_remove_buffers` */
export const v4l2_remove_buffers = struct('v4l2_remove_buffers', 64, { index: u32, count: u32, type: u32, reserved: bytes(52) });
const v4l2_plane_m = union('v4l2_plane.m', 8, { mem_offset: u32, userptr: opaque64, fd: s32 });
/** `struct v4l2_plane` */
export const v4l2_plane = struct('v4l2_plane', 64, {
  bytesused: u32,
  length: u32,
  m: v4l2_plane_m,
  data_offset: u32,
  reserved: bytes(44),
});
const v4l2_buffer_m = union('v4l2_buffer.m', 8, { offset: u32, userptr: opaque64, planes: opaque64, fd: s32 });
/** `struct v4l2_buffer`; the last union (`request_fd`, `reserved`) is `anon` */
export const v4l2_buffer = struct('v4l2_buffer', 88, {
  index: u32,
  type: u32,
  bytesused: u32,
  flags: u32,
  field: u32,
  _pad20: pad(4),
  timestamp: timeval,
  timecode: v4l2_timecode,
  sequence: u32,
  memory: u32,
  m: v4l2_buffer_m,
  length: u32,
  reserved2: u32,
  anon: union('v4l2_buffer.anon', 4, { request_fd: s32, reserved: u32 }),
  _pad84: pad(4),
});
/** `struct v4l2_exportbuffer` */
export const v4l2_exportbuffer = struct('v4l2_exportbuffer', 64, {
  type: u32,
  index: u32,
  plane: u32,
  flags: u32,
  fd: s32,
  reserved: bytes(44),
});
/** `struct v4l2_captureparm` */
export const v4l2_captureparm = struct('v4l2_captureparm', 40, {
  capability: u32,
  capturemode: u32,
  timeperframe: v4l2_fract,
  extendedmode: u32,
  readbuffers: u32,
  reserved: bytes(16),
});
/** `struct v4l2_outputparm` */
export const v4l2_outputparm = struct('v4l2_outputparm', 40, {
  capability: u32,
  outputmode: u32,
  timeperframe: v4l2_fract,
  extendedmode: u32,
  writebuffers: u32,
  reserved: bytes(16),
});
/** `struct v4l2_streamparm` */
export const v4l2_streamparm = struct('v4l2_streamparm', 204, {
  type: u32,
  parm: union('v4l2_streamparm.parm', 200, { capture: v4l2_captureparm, output: v4l2_outputparm, raw_data: bytes(200) }),
});
/** `struct v4l2_input` */
export const v4l2_input = struct('v4l2_input', 80, {
  index: u32,
  name: bytes(32),
  type: u32,
  audioset: u32,
  tuner: u32,
  std: u64,
  status: u32,
  capabilities: u32,
  reserved: bytes(12),
  _pad76: pad(4),
});
/** `struct v4l2_output` */
export const v4l2_output = struct('v4l2_output', 72, {
  index: u32,
  name: bytes(32),
  type: u32,
  audioset: u32,
  modulator: u32,
  std: u64,
  capabilities: u32,
  reserved: bytes(12),
});
/** `struct v4l2_control` */
export const v4l2_control = struct('v4l2_control', 8, { id: u32, value: s32 });
/** `struct v4l2_ext_control` (packed); `anon.ptr` stands for every pointer of the union */
export const v4l2_ext_control = struct(
  'v4l2_ext_control',
  20,
  {
    id: u32,
    size: u32,
    reserved2: bytes(4),
    anon: union('v4l2_ext_control.anon', 8, { value: s32, value64: s64, ptr: opaque64 }, { packed: true }),
  },
  { packed: true },
);
/** `struct v4l2_ext_controls`; `anon` holds `which`, called `ctrl_class` in old programs */
export const v4l2_ext_controls = struct('v4l2_ext_controls', 32, {
  anon: union('v4l2_ext_controls.anon', 4, { which: u32, ctrl_class: u32 }),
  count: u32,
  error_idx: u32,
  request_fd: s32,
  reserved: bytes(4),
  _pad20: pad(4),
  controls: opaque64,
});
/** `struct v4l2_queryctrl` */
export const v4l2_queryctrl = struct('v4l2_queryctrl', 68, {
  id: u32,
  type: u32,
  name: bytes(32),
  minimum: s32,
  maximum: s32,
  step: s32,
  default_value: s32,
  flags: u32,
  reserved: bytes(8),
});
/** `struct v4l2_query_ext_ctrl` */
export const v4l2_query_ext_ctrl = struct('v4l2_query_ext_ctrl', 232, {
  id: u32,
  type: u32,
  name: bytes(32),
  minimum: s64,
  maximum: s64,
  step: u64,
  default_value: s64,
  flags: u32,
  elem_size: u32,
  elems: u32,
  nr_of_dims: u32,
  dims: array(u32, 4),
  reserved: bytes(128),
});
/** `struct v4l2_querymenu` (packed) */
export const v4l2_querymenu = struct(
  'v4l2_querymenu',
  44,
  {
    id: u32,
    index: u32,
    anon: union('v4l2_querymenu.anon', 32, { name: bytes(32), value: s64 }, { packed: true }),
    reserved: u32,
  },
  { packed: true },
);
/** `struct v4l2_frmsize_discrete` */
export const v4l2_frmsize_discrete = struct('v4l2_frmsize_discrete', 8, { width: u32, height: u32 });
/** `struct v4l2_frmsize_stepwise` */
export const v4l2_frmsize_stepwise = struct('v4l2_frmsize_stepwise', 24, {
  min_width: u32,
  max_width: u32,
  step_width: u32,
  min_height: u32,
  max_height: u32,
  step_height: u32,
});
/** `struct v4l2_frmsizeenum` */
export const v4l2_frmsizeenum = struct('v4l2_frmsizeenum', 44, {
  index: u32,
  pixel_format: u32,
  type: u32,
  anon: union('v4l2_frmsizeenum.anon', 24, { discrete: v4l2_frmsize_discrete, stepwise: v4l2_frmsize_stepwise }),
  reserved: bytes(8),
});
/** `struct v4l2_frmival_stepwise` */
export const v4l2_frmival_stepwise = struct('v4l2_frmival_stepwise', 24, { min: v4l2_fract, max: v4l2_fract, step: v4l2_fract });
/** `struct v4l2_frmivalenum` */
export const v4l2_frmivalenum = struct('v4l2_frmivalenum', 52, {
  index: u32,
  pixel_format: u32,
  width: u32,
  height: u32,
  type: u32,
  anon: union('v4l2_frmivalenum.anon', 24, { discrete: v4l2_fract, stepwise: v4l2_frmival_stepwise }),
  reserved: bytes(8),
});
/** `struct v4l2_selection` */
export const v4l2_selection = struct('v4l2_selection', 64, {
  type: u32,
  target: u32,
  flags: u32,
  r: v4l2_rect,
  reserved: bytes(36),
});
/** `struct v4l2_crop` */
export const v4l2_crop = struct('v4l2_crop', 20, { type: u32, c: v4l2_rect });
/** `struct v4l2_cropcap` */
export const v4l2_cropcap = struct('v4l2_cropcap', 44, {
  type: u32,
  bounds: v4l2_rect,
  defrect: v4l2_rect,
  pixelaspect: v4l2_fract,
});
const decoder_start = struct('v4l2_decoder_cmd.start', 8, { speed: s32, format: u32 });
const decoder_stop = struct('v4l2_decoder_cmd.stop', 8, { pts: u64 });
/** `struct v4l2_decoder_cmd` */
export const v4l2_decoder_cmd = struct('v4l2_decoder_cmd', 72, {
  cmd: u32,
  flags: u32,
  anon: union('v4l2_decoder_cmd.anon', 64, { stop: decoder_stop, start: decoder_start, raw: bytes(64, 8) }),
});
/** `struct v4l2_encoder_cmd` */
export const v4l2_encoder_cmd = struct('v4l2_encoder_cmd', 40, { cmd: u32, flags: u32, raw: bytes(32) });
/** `struct v4l2_event_subscription` */
export const v4l2_event_subscription = struct('v4l2_event_subscription', 32, {
  type: u32,
  id: u32,
  flags: u32,
  reserved: bytes(20),
});
/** `struct v4l2_event_ctrl` */
export const v4l2_event_ctrl = struct('v4l2_event_ctrl', 40, {
  changes: u32,
  type: u32,
  anon: union('v4l2_event_ctrl.anon', 8, { value: s32, value64: s64 }),
  flags: u32,
  minimum: s32,
  maximum: s32,
  step: s32,
  default_value: s32,
  _pad36: pad(4),
});
/** `struct v4l2_event_src_change` */
export const v4l2_event_src_change = struct('v4l2_event_src_change', 4, { changes: u32 });
/** `struct v4l2_event_frame_sync` */
export const v4l2_event_frame_sync = struct('v4l2_event_frame_sync', 4, { frame_sequence: u32 });
/** `struct v4l2_event`; of the union, the members a media device sends */
export const v4l2_event = struct('v4l2_event', 136, {
  type: u32,
  _pad4: pad(4),
  u: union('v4l2_event.u', 64, {
    ctrl: v4l2_event_ctrl,
    frame_sync: v4l2_event_frame_sync,
    src_change: v4l2_event_src_change,
    data: bytes(64, 8),
  }),
  pending: u32,
  sequence: u32,
  timestamp: timespec,
  id: u32,
  reserved: bytes(32),
  _pad132: pad(4),
});

/** Every struct above, for tests and tools. */
export const VIDEODEV2_STRUCTS = [
  timeval,
  timespec,
  v4l2_fract,
  v4l2_area,
  v4l2_rect,
  v4l2_timecode,
  v4l2_capability,
  v4l2_fmtdesc,
  v4l2_pix_format,
  v4l2_plane_pix_format,
  v4l2_pix_format_mplane,
  v4l2_format,
  v4l2_requestbuffers,
  v4l2_create_buffers,
  v4l2_remove_buffers,
  v4l2_plane,
  v4l2_buffer,
  v4l2_exportbuffer,
  v4l2_captureparm,
  v4l2_outputparm,
  v4l2_streamparm,
  v4l2_input,
  v4l2_output,
  v4l2_control,
  v4l2_ext_control,
  v4l2_ext_controls,
  v4l2_queryctrl,
  v4l2_query_ext_ctrl,
  v4l2_querymenu,
  v4l2_frmsize_discrete,
  v4l2_frmsize_stepwise,
  v4l2_frmsizeenum,
  v4l2_frmival_stepwise,
  v4l2_frmivalenum,
  v4l2_selection,
  v4l2_crop,
  v4l2_cropcap,
  v4l2_decoder_cmd,
  v4l2_encoder_cmd,
  v4l2_event_subscription,
  v4l2_event_ctrl,
  v4l2_event_src_change,
  v4l2_event_frame_sync,
  v4l2_event,
] as const;
