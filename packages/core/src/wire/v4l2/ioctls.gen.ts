// SPDX-License-Identifier: Apache-2.0
// Made by scripts/gen-v4l2.ts from abi/v4l2-abi.json; do not edit.

/** One ioctl: `nr` is what `virtio_media_cmd_ioctl.code` carries; `dir` is seen from the driver; `size` in bytes. */
export interface IoctlInfo {
  readonly name: string;
  readonly nr: number;
  readonly dir: 'R' | 'W' | 'WR' | 'none';
  readonly payload: string | null;
  readonly size: number;
}

/** `VIDIOC_QUERYCAP`: number of the ioctl */
export const VIDIOC_QUERYCAP = 0;
/** `VIDIOC_ENUM_FMT`: number of the ioctl */
export const VIDIOC_ENUM_FMT = 2;
/** `VIDIOC_G_FMT`: number of the ioctl */
export const VIDIOC_G_FMT = 4;
/** `VIDIOC_S_FMT`: number of the ioctl */
export const VIDIOC_S_FMT = 5;
/** `VIDIOC_REQBUFS`: number of the ioctl */
export const VIDIOC_REQBUFS = 8;
/** `VIDIOC_QUERYBUF`: number of the ioctl */
export const VIDIOC_QUERYBUF = 9;
/** `VIDIOC_G_FBUF`: number of the ioctl */
export const VIDIOC_G_FBUF = 10;
/** `VIDIOC_S_FBUF`: number of the ioctl */
export const VIDIOC_S_FBUF = 11;
/** `VIDIOC_OVERLAY`: number of the ioctl */
export const VIDIOC_OVERLAY = 14;
/** `VIDIOC_QBUF`: number of the ioctl */
export const VIDIOC_QBUF = 15;
/** `VIDIOC_EXPBUF`: number of the ioctl */
export const VIDIOC_EXPBUF = 16;
/** `VIDIOC_DQBUF`: number of the ioctl */
export const VIDIOC_DQBUF = 17;
/** `VIDIOC_STREAMON`: number of the ioctl */
export const VIDIOC_STREAMON = 18;
/** `VIDIOC_STREAMOFF`: number of the ioctl */
export const VIDIOC_STREAMOFF = 19;
/** `VIDIOC_G_PARM`: number of the ioctl */
export const VIDIOC_G_PARM = 21;
/** `VIDIOC_S_PARM`: number of the ioctl */
export const VIDIOC_S_PARM = 22;
/** `VIDIOC_G_STD`: number of the ioctl */
export const VIDIOC_G_STD = 23;
/** `VIDIOC_S_STD`: number of the ioctl */
export const VIDIOC_S_STD = 24;
/** `VIDIOC_ENUMSTD`: number of the ioctl */
export const VIDIOC_ENUMSTD = 25;
/** `VIDIOC_ENUMINPUT`: number of the ioctl */
export const VIDIOC_ENUMINPUT = 26;
/** `VIDIOC_G_CTRL`: number of the ioctl */
export const VIDIOC_G_CTRL = 27;
/** `VIDIOC_S_CTRL`: number of the ioctl */
export const VIDIOC_S_CTRL = 28;
/** `VIDIOC_G_TUNER`: number of the ioctl */
export const VIDIOC_G_TUNER = 29;
/** `VIDIOC_S_TUNER`: number of the ioctl */
export const VIDIOC_S_TUNER = 30;
/** `VIDIOC_G_AUDIO`: number of the ioctl */
export const VIDIOC_G_AUDIO = 33;
/** `VIDIOC_S_AUDIO`: number of the ioctl */
export const VIDIOC_S_AUDIO = 34;
/** `VIDIOC_QUERYCTRL`: number of the ioctl */
export const VIDIOC_QUERYCTRL = 36;
/** `VIDIOC_QUERYMENU`: number of the ioctl */
export const VIDIOC_QUERYMENU = 37;
/** `VIDIOC_G_INPUT`: number of the ioctl */
export const VIDIOC_G_INPUT = 38;
/** `VIDIOC_S_INPUT`: number of the ioctl */
export const VIDIOC_S_INPUT = 39;
/** `VIDIOC_G_EDID`: number of the ioctl */
export const VIDIOC_G_EDID = 40;
/** `VIDIOC_S_EDID`: number of the ioctl */
export const VIDIOC_S_EDID = 41;
/** `VIDIOC_G_OUTPUT`: number of the ioctl */
export const VIDIOC_G_OUTPUT = 46;
/** `VIDIOC_S_OUTPUT`: number of the ioctl */
export const VIDIOC_S_OUTPUT = 47;
/** `VIDIOC_ENUMOUTPUT`: number of the ioctl */
export const VIDIOC_ENUMOUTPUT = 48;
/** `VIDIOC_G_AUDOUT`: number of the ioctl */
export const VIDIOC_G_AUDOUT = 49;
/** `VIDIOC_S_AUDOUT`: number of the ioctl */
export const VIDIOC_S_AUDOUT = 50;
/** `VIDIOC_G_MODULATOR`: number of the ioctl */
export const VIDIOC_G_MODULATOR = 54;
/** `VIDIOC_S_MODULATOR`: number of the ioctl */
export const VIDIOC_S_MODULATOR = 55;
/** `VIDIOC_G_FREQUENCY`: number of the ioctl */
export const VIDIOC_G_FREQUENCY = 56;
/** `VIDIOC_S_FREQUENCY`: number of the ioctl */
export const VIDIOC_S_FREQUENCY = 57;
/** `VIDIOC_CROPCAP`: number of the ioctl */
export const VIDIOC_CROPCAP = 58;
/** `VIDIOC_G_CROP`: number of the ioctl */
export const VIDIOC_G_CROP = 59;
/** `VIDIOC_S_CROP`: number of the ioctl */
export const VIDIOC_S_CROP = 60;
/** `VIDIOC_G_JPEGCOMP`: number of the ioctl */
export const VIDIOC_G_JPEGCOMP = 61;
/** `VIDIOC_S_JPEGCOMP`: number of the ioctl */
export const VIDIOC_S_JPEGCOMP = 62;
/** `VIDIOC_QUERYSTD`: number of the ioctl */
export const VIDIOC_QUERYSTD = 63;
/** `VIDIOC_TRY_FMT`: number of the ioctl */
export const VIDIOC_TRY_FMT = 64;
/** `VIDIOC_ENUMAUDIO`: number of the ioctl */
export const VIDIOC_ENUMAUDIO = 65;
/** `VIDIOC_ENUMAUDOUT`: number of the ioctl */
export const VIDIOC_ENUMAUDOUT = 66;
/** `VIDIOC_G_PRIORITY`: number of the ioctl */
export const VIDIOC_G_PRIORITY = 67;
/** `VIDIOC_S_PRIORITY`: number of the ioctl */
export const VIDIOC_S_PRIORITY = 68;
/** `VIDIOC_G_SLICED_VBI_CAP`: number of the ioctl */
export const VIDIOC_G_SLICED_VBI_CAP = 69;
/** `VIDIOC_LOG_STATUS`: number of the ioctl */
export const VIDIOC_LOG_STATUS = 70;
/** `VIDIOC_G_EXT_CTRLS`: number of the ioctl */
export const VIDIOC_G_EXT_CTRLS = 71;
/** `VIDIOC_S_EXT_CTRLS`: number of the ioctl */
export const VIDIOC_S_EXT_CTRLS = 72;
/** `VIDIOC_TRY_EXT_CTRLS`: number of the ioctl */
export const VIDIOC_TRY_EXT_CTRLS = 73;
/** `VIDIOC_ENUM_FRAMESIZES`: number of the ioctl */
export const VIDIOC_ENUM_FRAMESIZES = 74;
/** `VIDIOC_ENUM_FRAMEINTERVALS`: number of the ioctl */
export const VIDIOC_ENUM_FRAMEINTERVALS = 75;
/** `VIDIOC_G_ENC_INDEX`: number of the ioctl */
export const VIDIOC_G_ENC_INDEX = 76;
/** `VIDIOC_ENCODER_CMD`: number of the ioctl */
export const VIDIOC_ENCODER_CMD = 77;
/** `VIDIOC_TRY_ENCODER_CMD`: number of the ioctl */
export const VIDIOC_TRY_ENCODER_CMD = 78;
/** `VIDIOC_DBG_S_REGISTER`: number of the ioctl */
export const VIDIOC_DBG_S_REGISTER = 79;
/** `VIDIOC_DBG_G_REGISTER`: number of the ioctl */
export const VIDIOC_DBG_G_REGISTER = 80;
/** `VIDIOC_S_HW_FREQ_SEEK`: number of the ioctl */
export const VIDIOC_S_HW_FREQ_SEEK = 82;
/** `VIDIOC_S_DV_TIMINGS`: number of the ioctl */
export const VIDIOC_S_DV_TIMINGS = 87;
/** `VIDIOC_G_DV_TIMINGS`: number of the ioctl */
export const VIDIOC_G_DV_TIMINGS = 88;
/** `VIDIOC_DQEVENT`: number of the ioctl */
export const VIDIOC_DQEVENT = 89;
/** `VIDIOC_SUBSCRIBE_EVENT`: number of the ioctl */
export const VIDIOC_SUBSCRIBE_EVENT = 90;
/** `VIDIOC_UNSUBSCRIBE_EVENT`: number of the ioctl */
export const VIDIOC_UNSUBSCRIBE_EVENT = 91;
/** `VIDIOC_CREATE_BUFS`: number of the ioctl */
export const VIDIOC_CREATE_BUFS = 92;
/** `VIDIOC_PREPARE_BUF`: number of the ioctl */
export const VIDIOC_PREPARE_BUF = 93;
/** `VIDIOC_G_SELECTION`: number of the ioctl */
export const VIDIOC_G_SELECTION = 94;
/** `VIDIOC_S_SELECTION`: number of the ioctl */
export const VIDIOC_S_SELECTION = 95;
/** `VIDIOC_DECODER_CMD`: number of the ioctl */
export const VIDIOC_DECODER_CMD = 96;
/** `VIDIOC_TRY_DECODER_CMD`: number of the ioctl */
export const VIDIOC_TRY_DECODER_CMD = 97;
/** `VIDIOC_ENUM_DV_TIMINGS`: number of the ioctl */
export const VIDIOC_ENUM_DV_TIMINGS = 98;
/** `VIDIOC_QUERY_DV_TIMINGS`: number of the ioctl */
export const VIDIOC_QUERY_DV_TIMINGS = 99;
/** `VIDIOC_DV_TIMINGS_CAP`: number of the ioctl */
export const VIDIOC_DV_TIMINGS_CAP = 100;
/** `VIDIOC_ENUM_FREQ_BANDS`: number of the ioctl */
export const VIDIOC_ENUM_FREQ_BANDS = 101;
/** `VIDIOC_DBG_G_CHIP_INFO`: number of the ioctl */
export const VIDIOC_DBG_G_CHIP_INFO = 102;
/** `VIDIOC_QUERY_EXT_CTRL`: number of the ioctl */
export const VIDIOC_QUERY_EXT_CTRL = 103;
/** `VIDIOC_REMOVE_BUFS`: number of the ioctl */
export const VIDIOC_REMOVE_BUFS = 104;

/** Every ioctl of <linux/videodev2.h>. */
export const IOCTLS: readonly IoctlInfo[] = [
  { name: 'VIDIOC_QUERYCAP', nr: 0, dir: 'R', payload: 'v4l2_capability', size: 104 },
  { name: 'VIDIOC_ENUM_FMT', nr: 2, dir: 'WR', payload: 'v4l2_fmtdesc', size: 64 },
  { name: 'VIDIOC_G_FMT', nr: 4, dir: 'WR', payload: 'v4l2_format', size: 208 },
  { name: 'VIDIOC_S_FMT', nr: 5, dir: 'WR', payload: 'v4l2_format', size: 208 },
  { name: 'VIDIOC_REQBUFS', nr: 8, dir: 'WR', payload: 'v4l2_requestbuffers', size: 20 },
  { name: 'VIDIOC_QUERYBUF', nr: 9, dir: 'WR', payload: 'v4l2_buffer', size: 88 },
  { name: 'VIDIOC_G_FBUF', nr: 10, dir: 'R', payload: 'v4l2_framebuffer', size: 48 },
  { name: 'VIDIOC_S_FBUF', nr: 11, dir: 'W', payload: 'v4l2_framebuffer', size: 48 },
  { name: 'VIDIOC_OVERLAY', nr: 14, dir: 'W', payload: 'int', size: 4 },
  { name: 'VIDIOC_QBUF', nr: 15, dir: 'WR', payload: 'v4l2_buffer', size: 88 },
  { name: 'VIDIOC_EXPBUF', nr: 16, dir: 'WR', payload: 'v4l2_exportbuffer', size: 64 },
  { name: 'VIDIOC_DQBUF', nr: 17, dir: 'WR', payload: 'v4l2_buffer', size: 88 },
  { name: 'VIDIOC_STREAMON', nr: 18, dir: 'W', payload: 'int', size: 4 },
  { name: 'VIDIOC_STREAMOFF', nr: 19, dir: 'W', payload: 'int', size: 4 },
  { name: 'VIDIOC_G_PARM', nr: 21, dir: 'WR', payload: 'v4l2_streamparm', size: 204 },
  { name: 'VIDIOC_S_PARM', nr: 22, dir: 'WR', payload: 'v4l2_streamparm', size: 204 },
  { name: 'VIDIOC_G_STD', nr: 23, dir: 'R', payload: 'v4l2_std_id', size: 8 },
  { name: 'VIDIOC_S_STD', nr: 24, dir: 'W', payload: 'v4l2_std_id', size: 8 },
  { name: 'VIDIOC_ENUMSTD', nr: 25, dir: 'WR', payload: 'v4l2_standard', size: 72 },
  { name: 'VIDIOC_ENUMINPUT', nr: 26, dir: 'WR', payload: 'v4l2_input', size: 80 },
  { name: 'VIDIOC_G_CTRL', nr: 27, dir: 'WR', payload: 'v4l2_control', size: 8 },
  { name: 'VIDIOC_S_CTRL', nr: 28, dir: 'WR', payload: 'v4l2_control', size: 8 },
  { name: 'VIDIOC_G_TUNER', nr: 29, dir: 'WR', payload: 'v4l2_tuner', size: 84 },
  { name: 'VIDIOC_S_TUNER', nr: 30, dir: 'W', payload: 'v4l2_tuner', size: 84 },
  { name: 'VIDIOC_G_AUDIO', nr: 33, dir: 'R', payload: 'v4l2_audio', size: 52 },
  { name: 'VIDIOC_S_AUDIO', nr: 34, dir: 'W', payload: 'v4l2_audio', size: 52 },
  { name: 'VIDIOC_QUERYCTRL', nr: 36, dir: 'WR', payload: 'v4l2_queryctrl', size: 68 },
  { name: 'VIDIOC_QUERYMENU', nr: 37, dir: 'WR', payload: 'v4l2_querymenu', size: 44 },
  { name: 'VIDIOC_G_INPUT', nr: 38, dir: 'R', payload: 'int', size: 4 },
  { name: 'VIDIOC_S_INPUT', nr: 39, dir: 'WR', payload: 'int', size: 4 },
  { name: 'VIDIOC_G_EDID', nr: 40, dir: 'WR', payload: 'v4l2_edid', size: 40 },
  { name: 'VIDIOC_S_EDID', nr: 41, dir: 'WR', payload: 'v4l2_edid', size: 40 },
  { name: 'VIDIOC_G_OUTPUT', nr: 46, dir: 'R', payload: 'int', size: 4 },
  { name: 'VIDIOC_S_OUTPUT', nr: 47, dir: 'WR', payload: 'int', size: 4 },
  { name: 'VIDIOC_ENUMOUTPUT', nr: 48, dir: 'WR', payload: 'v4l2_output', size: 72 },
  { name: 'VIDIOC_G_AUDOUT', nr: 49, dir: 'R', payload: 'v4l2_audioout', size: 52 },
  { name: 'VIDIOC_S_AUDOUT', nr: 50, dir: 'W', payload: 'v4l2_audioout', size: 52 },
  { name: 'VIDIOC_G_MODULATOR', nr: 54, dir: 'WR', payload: 'v4l2_modulator', size: 68 },
  { name: 'VIDIOC_S_MODULATOR', nr: 55, dir: 'W', payload: 'v4l2_modulator', size: 68 },
  { name: 'VIDIOC_G_FREQUENCY', nr: 56, dir: 'WR', payload: 'v4l2_frequency', size: 44 },
  { name: 'VIDIOC_S_FREQUENCY', nr: 57, dir: 'W', payload: 'v4l2_frequency', size: 44 },
  { name: 'VIDIOC_CROPCAP', nr: 58, dir: 'WR', payload: 'v4l2_cropcap', size: 44 },
  { name: 'VIDIOC_G_CROP', nr: 59, dir: 'WR', payload: 'v4l2_crop', size: 20 },
  { name: 'VIDIOC_S_CROP', nr: 60, dir: 'W', payload: 'v4l2_crop', size: 20 },
  { name: 'VIDIOC_G_JPEGCOMP', nr: 61, dir: 'R', payload: 'v4l2_jpegcompression', size: 140 },
  { name: 'VIDIOC_S_JPEGCOMP', nr: 62, dir: 'W', payload: 'v4l2_jpegcompression', size: 140 },
  { name: 'VIDIOC_QUERYSTD', nr: 63, dir: 'R', payload: 'v4l2_std_id', size: 8 },
  { name: 'VIDIOC_TRY_FMT', nr: 64, dir: 'WR', payload: 'v4l2_format', size: 208 },
  { name: 'VIDIOC_ENUMAUDIO', nr: 65, dir: 'WR', payload: 'v4l2_audio', size: 52 },
  { name: 'VIDIOC_ENUMAUDOUT', nr: 66, dir: 'WR', payload: 'v4l2_audioout', size: 52 },
  { name: 'VIDIOC_G_PRIORITY', nr: 67, dir: 'R', payload: '__u32', size: 4 },
  { name: 'VIDIOC_S_PRIORITY', nr: 68, dir: 'W', payload: '__u32', size: 4 },
  { name: 'VIDIOC_G_SLICED_VBI_CAP', nr: 69, dir: 'WR', payload: 'v4l2_sliced_vbi_cap', size: 116 },
  { name: 'VIDIOC_LOG_STATUS', nr: 70, dir: 'none', payload: null, size: 0 },
  { name: 'VIDIOC_G_EXT_CTRLS', nr: 71, dir: 'WR', payload: 'v4l2_ext_controls', size: 32 },
  { name: 'VIDIOC_S_EXT_CTRLS', nr: 72, dir: 'WR', payload: 'v4l2_ext_controls', size: 32 },
  { name: 'VIDIOC_TRY_EXT_CTRLS', nr: 73, dir: 'WR', payload: 'v4l2_ext_controls', size: 32 },
  { name: 'VIDIOC_ENUM_FRAMESIZES', nr: 74, dir: 'WR', payload: 'v4l2_frmsizeenum', size: 44 },
  { name: 'VIDIOC_ENUM_FRAMEINTERVALS', nr: 75, dir: 'WR', payload: 'v4l2_frmivalenum', size: 52 },
  { name: 'VIDIOC_G_ENC_INDEX', nr: 76, dir: 'R', payload: 'v4l2_enc_idx', size: 2072 },
  { name: 'VIDIOC_ENCODER_CMD', nr: 77, dir: 'WR', payload: 'v4l2_encoder_cmd', size: 40 },
  { name: 'VIDIOC_TRY_ENCODER_CMD', nr: 78, dir: 'WR', payload: 'v4l2_encoder_cmd', size: 40 },
  { name: 'VIDIOC_DBG_S_REGISTER', nr: 79, dir: 'W', payload: 'v4l2_dbg_register', size: 56 },
  { name: 'VIDIOC_DBG_G_REGISTER', nr: 80, dir: 'WR', payload: 'v4l2_dbg_register', size: 56 },
  { name: 'VIDIOC_S_HW_FREQ_SEEK', nr: 82, dir: 'W', payload: 'v4l2_hw_freq_seek', size: 48 },
  { name: 'VIDIOC_S_DV_TIMINGS', nr: 87, dir: 'WR', payload: 'v4l2_dv_timings', size: 132 },
  { name: 'VIDIOC_G_DV_TIMINGS', nr: 88, dir: 'WR', payload: 'v4l2_dv_timings', size: 132 },
  { name: 'VIDIOC_DQEVENT', nr: 89, dir: 'R', payload: 'v4l2_event', size: 136 },
  { name: 'VIDIOC_SUBSCRIBE_EVENT', nr: 90, dir: 'W', payload: 'v4l2_event_subscription', size: 32 },
  { name: 'VIDIOC_UNSUBSCRIBE_EVENT', nr: 91, dir: 'W', payload: 'v4l2_event_subscription', size: 32 },
  { name: 'VIDIOC_CREATE_BUFS', nr: 92, dir: 'WR', payload: 'v4l2_create_buffers', size: 256 },
  { name: 'VIDIOC_PREPARE_BUF', nr: 93, dir: 'WR', payload: 'v4l2_buffer', size: 88 },
  { name: 'VIDIOC_G_SELECTION', nr: 94, dir: 'WR', payload: 'v4l2_selection', size: 64 },
  { name: 'VIDIOC_S_SELECTION', nr: 95, dir: 'WR', payload: 'v4l2_selection', size: 64 },
  { name: 'VIDIOC_DECODER_CMD', nr: 96, dir: 'WR', payload: 'v4l2_decoder_cmd', size: 72 },
  { name: 'VIDIOC_TRY_DECODER_CMD', nr: 97, dir: 'WR', payload: 'v4l2_decoder_cmd', size: 72 },
  { name: 'VIDIOC_ENUM_DV_TIMINGS', nr: 98, dir: 'WR', payload: 'v4l2_enum_dv_timings', size: 148 },
  { name: 'VIDIOC_QUERY_DV_TIMINGS', nr: 99, dir: 'R', payload: 'v4l2_dv_timings', size: 132 },
  { name: 'VIDIOC_DV_TIMINGS_CAP', nr: 100, dir: 'WR', payload: 'v4l2_dv_timings_cap', size: 144 },
  { name: 'VIDIOC_ENUM_FREQ_BANDS', nr: 101, dir: 'WR', payload: 'v4l2_frequency_band', size: 64 },
  { name: 'VIDIOC_DBG_G_CHIP_INFO', nr: 102, dir: 'WR', payload: 'v4l2_dbg_chip_info', size: 200 },
  { name: 'VIDIOC_QUERY_EXT_CTRL', nr: 103, dir: 'WR', payload: 'v4l2_query_ext_ctrl', size: 232 },
  { name: 'VIDIOC_REMOVE_BUFS', nr: 104, dir: 'WR', payload: 'v4l2_remove_buffers', size: 64 },
];
