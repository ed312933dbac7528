/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wire format of a virtio media device (VIRTIO 1.4, section 5.22).
 *
 * Payloads are the structures of <linux/videodev2.h> in the layout of a 64-bit little-endian
 * machine, whatever the guest is; only the members a driver has to look at are named here.
 */
#ifndef VIRTIO_MEDIA_WIRE_H
#define VIRTIO_MEDIA_WIRE_H

#include <linux/build_bug.h>
#include <linux/types.h>

#ifdef __BIG_ENDIAN
#error Payloads go to the device as they are: this driver is for little-endian machines.
#endif

#define VIRTIO_MEDIA_DEVICE_ID		48

#define VIRTIO_MEDIA_CMD_OPEN		1
#define VIRTIO_MEDIA_CMD_CLOSE		2
#define VIRTIO_MEDIA_CMD_IOCTL		3

#define VIRTIO_MEDIA_EVT_ERROR		0
#define VIRTIO_MEDIA_EVT_DQBUF		1
#define VIRTIO_MEDIA_EVT_EVENT		2

#define VIRTIO_MEDIA_MAX_PLANES		8

struct virtio_media_config {
	__le32 device_caps;
	__le32 device_type;
	u8 card[32];
};

struct virtio_media_cmd_header {
	__le32 cmd;
	__le32 reserved;
};

struct virtio_media_resp_header {
	__le32 status;
	__le32 reserved;
};

struct virtio_media_resp_open {
	struct virtio_media_resp_header hdr;
	__le32 session_id;
	__le32 reserved;
};

struct virtio_media_cmd_close {
	struct virtio_media_cmd_header hdr;
	__le32 session_id;
	__le32 reserved;
};

struct virtio_media_cmd_ioctl {
	struct virtio_media_cmd_header hdr;
	__le32 session_id;
	__le32 code;
};

struct virtio_media_sg_entry {
	__le64 start;
	__le32 len;
	__le32 reserved;
};

/* struct v4l2_buffer, 64-bit */
struct virtio_media_buffer {
	__le32 index;
	__le32 type;
	__le32 bytesused;
	__le32 flags;
	__le32 field;
	__le32 pad0;
	__le64 tv_sec;
	__le64 tv_usec;
	u8 timecode[16];
	__le32 sequence;
	__le32 memory;
	__le64 m;
	__le32 length;
	__le32 reserved2;
	__le32 request_fd;
	__le32 pad1;
};

/* struct v4l2_plane, 64-bit */
struct virtio_media_plane {
	__le32 bytesused;
	__le32 length;
	__le64 m;
	__le32 data_offset;
	__le32 reserved[11];
};

/* struct v4l2_format, 64-bit: the union starts at 8 */
struct virtio_media_format {
	__le32 type;
	__le32 pad;
	u8 fmt[200];
};

/* struct v4l2_create_buffers, 64-bit */
struct virtio_media_create_buffers {
	__le32 index;
	__le32 count;
	__le32 memory;
	__le32 pad;
	struct virtio_media_format format;
	__le32 capabilities;
	__le32 flags;
	__le32 max_num_buffers;
	__le32 reserved[5];
};

/* struct v4l2_ext_controls, 64-bit */
struct virtio_media_ext_controls {
	__le32 which;
	__le32 count;
	__le32 error_idx;
	__le32 request_fd;
	__le32 reserved;
	__le32 pad;
	__le64 controls;
};

/* struct v4l2_event, 64-bit */
struct virtio_media_v4l2_event {
	__le32 type;
	__le32 pad0;
	u8 u[64];
	__le32 pending;
	__le32 sequence;
	__le64 tv_sec;
	__le64 tv_nsec;
	__le32 id;
	__le32 reserved[8];
	__le32 pad1;
};

struct virtio_media_event_header {
	__le32 event;
	__le32 session_id;
};

struct virtio_media_event_error {
	struct virtio_media_event_header hdr;
	__le32 err;
	__le32 reserved;
};

struct virtio_media_event_dqbuf {
	struct virtio_media_event_header hdr;
	struct virtio_media_buffer buffer;
	struct virtio_media_plane planes[VIRTIO_MEDIA_MAX_PLANES];
};

struct virtio_media_event_event {
	struct virtio_media_event_header hdr;
	struct virtio_media_v4l2_event event;
};

static_assert(sizeof(struct virtio_media_config) == 40);
static_assert(sizeof(struct virtio_media_buffer) == 88);
static_assert(sizeof(struct virtio_media_plane) == 64);
static_assert(sizeof(struct virtio_media_format) == 208);
static_assert(sizeof(struct virtio_media_create_buffers) == 256);
static_assert(sizeof(struct virtio_media_ext_controls) == 32);
static_assert(sizeof(struct virtio_media_v4l2_event) == 136);
static_assert(sizeof(struct virtio_media_event_dqbuf) == 608);
static_assert(sizeof(struct virtio_media_event_event) == 144);

#endif
