// SPDX-License-Identifier: Apache-2.0
/** Commands as bytes, for checks that go below the driver. */
import {
  VIRTIO_MEDIA_CMD_CLOSE,
  VIRTIO_MEDIA_CMD_IOCTL,
  VIRTIO_MEDIA_CMD_MMAP,
  VIRTIO_MEDIA_CMD_MUNMAP,
  VIRTIO_MEDIA_CMD_OPEN,
  virtio_media_cmd_close,
  virtio_media_cmd_header,
  virtio_media_cmd_ioctl,
  virtio_media_cmd_mmap,
  virtio_media_cmd_munmap,
} from '../wire/media/virtio-media.ts';

function command(size: number, cmd: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  virtio_media_cmd_header.fields.cmd.set(view, 0, cmd);
  return { bytes, view };
}

/** OPEN, 8 bytes */
export function openCommand(): Uint8Array {
  return command(virtio_media_cmd_header.size, VIRTIO_MEDIA_CMD_OPEN).bytes;
}

/** CLOSE, 16 bytes */
export function closeCommand(session: number): Uint8Array {
  const { bytes, view } = command(virtio_media_cmd_close.size, VIRTIO_MEDIA_CMD_CLOSE);
  virtio_media_cmd_close.fields.session_id.set(view, 0, session);
  return bytes;
}

/** IOCTL, 16 bytes and the payload */
export function ioctlCommand(session: number, code: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const { bytes, view } = command(virtio_media_cmd_ioctl.size + payload.length, VIRTIO_MEDIA_CMD_IOCTL);
  virtio_media_cmd_ioctl.fields.session_id.set(view, 0, session);
  virtio_media_cmd_ioctl.fields.code.set(view, 0, code);
  bytes.set(payload, virtio_media_cmd_ioctl.size);
  return bytes;
}

/** MMAP, 20 bytes */
export function mmapCommand(session: number, flags: number, offset: number): Uint8Array {
  const { bytes, view } = command(virtio_media_cmd_mmap.size, VIRTIO_MEDIA_CMD_MMAP);
  virtio_media_cmd_mmap.fields.session_id.set(view, 0, session);
  virtio_media_cmd_mmap.fields.flags.set(view, 0, flags);
  virtio_media_cmd_mmap.fields.offset.set(view, 0, offset);
  return bytes;
}

/** MUNMAP, 16 bytes */
export function munmapCommand(driverAddr: number): Uint8Array {
  const { bytes, view } = command(virtio_media_cmd_munmap.size, VIRTIO_MEDIA_CMD_MUNMAP);
  virtio_media_cmd_munmap.fields.driver_addr.set(view, 0, driverAddr);
  return bytes;
}
