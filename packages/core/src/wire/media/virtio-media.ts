// SPDX-License-Identifier: Apache-2.0
/** The structs and numbers of virtio-media (VIRTIO 1.4, 5.22). */
import { addr64, array, bytes, struct, u32 } from '../layout.ts';
import { v4l2_buffer, v4l2_event, v4l2_plane } from '../v4l2/videodev2.ts';

/** Virtio device id of a media device */
export const VIRTIO_ID_MEDIA = 48;
/** Index of the command queue */
export const VIRTIO_MEDIA_COMMANDQ = 0;
/** Index of the event queue */
export const VIRTIO_MEDIA_EVENTQ = 1;
/** Number of virtqueues */
export const VIRTIO_MEDIA_NUM_QUEUES = 2;
/** Shared memory region of MMAP buffers */
export const VIRTIO_MEDIA_SHM_MMAP = 0;
/** Room for planes in an EVT_DQBUF */
export const VIRTIO_MEDIA_MAX_PLANES = 8;

/** `cmd` of OPEN */
export const VIRTIO_MEDIA_CMD_OPEN = 1;
/** `cmd` of CLOSE */
export const VIRTIO_MEDIA_CMD_CLOSE = 2;
/** `cmd` of IOCTL */
export const VIRTIO_MEDIA_CMD_IOCTL = 3;
/** `cmd` of MMAP */
export const VIRTIO_MEDIA_CMD_MMAP = 4;
/** `cmd` of MUNMAP */
export const VIRTIO_MEDIA_CMD_MUNMAP = 5;
/** flag of MMAP: a writable mapping */
export const VIRTIO_MEDIA_MMAP_FLAG_RW = 1;

/** `event` of the error event */
export const VIRTIO_MEDIA_EVT_ERROR = 0;
/** `event` of the dequeue event */
export const VIRTIO_MEDIA_EVT_DQBUF = 1;
/** `event` of the V4L2 event */
export const VIRTIO_MEDIA_EVT_EVENT = 2;

/** configuration space */
export const virtio_media_config = struct('virtio_media_config', 40, { device_caps: u32, device_type: u32, card: bytes(32) });
/** header of every command */
export const virtio_media_cmd_header = struct('virtio_media_cmd_header', 8, { cmd: u32, _reserved: bytes(4) });
/** header of every response */
export const virtio_media_resp_header = struct('virtio_media_resp_header', 8, { status: u32, _reserved: bytes(4) });
/** response to OPEN */
export const virtio_media_resp_open = struct('virtio_media_resp_open', 16, {
  hdr: virtio_media_resp_header,
  session_id: u32,
  _reserved: bytes(4),
});
/** CLOSE */
export const virtio_media_cmd_close = struct('virtio_media_cmd_close', 16, {
  hdr: virtio_media_cmd_header,
  session_id: u32,
  _reserved: bytes(4),
});
/** IOCTL without its payload */
export const virtio_media_cmd_ioctl = struct('virtio_media_cmd_ioctl', 16, {
  hdr: virtio_media_cmd_header,
  session_id: u32,
  code: u32,
});
/** MMAP: 20 bytes, no padding at the end */
export const virtio_media_cmd_mmap = struct('virtio_media_cmd_mmap', 20, {
  hdr: virtio_media_cmd_header,
  session_id: u32,
  flags: u32,
  offset: u32,
});
/** response to MMAP */
export const virtio_media_resp_mmap = struct('virtio_media_resp_mmap', 24, {
  hdr: virtio_media_resp_header,
  driver_addr: addr64,
  len: addr64,
});
/** MUNMAP */
export const virtio_media_cmd_munmap = struct('virtio_media_cmd_munmap', 16, {
  hdr: virtio_media_cmd_header,
  driver_addr: addr64,
});
/** header of every event */
export const virtio_media_event_header = struct('virtio_media_event_header', 8, { event: u32, session_id: u32 });
/** EVT_ERROR */
export const virtio_media_event_error = struct('virtio_media_event_error', 16, {
  hdr: virtio_media_event_header,
  errno: u32,
  _reserved: bytes(4),
});
/** EVT_DQBUF */
export const virtio_media_event_dqbuf = struct('virtio_media_event_dqbuf', 608, {
  hdr: virtio_media_event_header,
  buffer: v4l2_buffer,
  planes: array(v4l2_plane, VIRTIO_MEDIA_MAX_PLANES),
});
/** EVT_EVENT */
export const virtio_media_event_event = struct('virtio_media_event_event', 144, {
  hdr: virtio_media_event_header,
  event: v4l2_event,
});
/** entry of a scatter-gather list */
export const virtio_media_sg_entry = struct('virtio_media_sg_entry', 16, { start: addr64, len: u32, _reserved: bytes(4) });
