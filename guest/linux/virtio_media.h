/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of the driver, and the functions its files offer each other.
 *
 * The way of a request: v4l2 core -> ioctl.c (relay) or queue.c (videobuf2) -> command.c (one chain on the command
 * queue, one answer) ; back: event.c (event queue) -> queue.c (a buffer is done) or the v4l2 event queue.
 */
#ifndef VIRTIO_MEDIA_H
#define VIRTIO_MEDIA_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <media/v4l2-device.h>
#include <media/v4l2-fh.h>
#include <media/videobuf2-v4l2.h>

#include "virtio_media_wire.h"

#define VMEDIA_EVENT_BUFFERS	32
/* Buffers behind read() and write(), as videobuf2 asks for. */
#define VMEDIA_READ_BUFFERS	1

/* MMAP offsets of the capture queue of a memory-to-memory device start here, as in the V4L2 M2M framework. */
#define VMEDIA_CAPTURE_OFFSET	(1UL << 30)

struct vmedia_device {
	struct virtio_device *vdev;
	struct v4l2_device v4l2_dev;
	struct video_device video;
	struct virtqueue *commandq;
	struct virtqueue *eventq;
	/* serialises access to the command ring, and guards @gone */
	spinlock_t command_lock;
	/* woken when the command ring has room again */
	wait_queue_head_t command_room;
	/* no command is sent any more: removed, suspended for good, or an answer did not come */
	bool gone;
	struct work_struct event_work;
	struct virtio_media_event_dqbuf *events;
	/* guards @sessions; held while an event is handled, so that a session stays */
	struct mutex sessions_lock;
	struct list_head sessions;
	u32 caps;
	bool multiplanar;
	bool m2m;
};

struct vmedia_buffer {
	struct vb2_v4l2_buffer vb;
	/* the device has it: guarded by vmedia_queue.lock */
	bool active;
};

struct vmedia_queue {
	struct vb2_queue vb2;
	struct vmedia_session *session;
	spinlock_t lock;
	/* buffers that the device keeps for this queue, 0: none requested */
	unsigned int device_buffers;
	bool present;
};

enum { VMEDIA_OUTPUT, VMEDIA_CAPTURE, VMEDIA_QUEUES };

struct vmedia_session {
	struct v4l2_fh fh;
	struct vmedia_device *dev;
	struct list_head link;
	u32 id;
	/* serialises the calls of this open file; released while a DQBUF waits */
	struct mutex lock;
	/* the device gave the session up (EVT_ERROR) */
	bool broken;
	struct vmedia_queue queue[VMEDIA_QUEUES];
};

/* command.c */
struct vmedia_command;
struct vmedia_command *vmedia_command_alloc(size_t request, size_t response);
void *vmedia_command_request(struct vmedia_command *cmd);
const void *vmedia_command_response(struct vmedia_command *cmd);
/* Sends and waits. Returns the bytes of the answer (at least its header where there is one) or a negative errno. */
int vmedia_command_run(struct vmedia_device *dev, struct vmedia_command *cmd);
void vmedia_command_put(struct vmedia_command *cmd);
void vmedia_commandq_done(struct virtqueue *vq);
/* From here on no command is sent. */
void vmedia_commands_abort(struct vmedia_device *dev);
/* Ends the commands that the device will never answer with -ENODEV. The device must have been reset. */
void vmedia_commands_drain(struct vmedia_device *dev);

int vmedia_session_open(struct vmedia_device *dev, u32 *id);
void vmedia_session_close(struct vmedia_device *dev, u32 id);
/*
 * One ioctl with a payload of @in bytes to the device and @out bytes back, both at @payload, in wire layout. @tail is
 * @tail_len bytes that follow to the device only. Returns 0 or a negative errno; with @keep the payload of an error
 * answer is copied too.
 */
int vmedia_ioctl(struct vmedia_session *s, u32 code, void *payload, size_t in, size_t out, const void *tail, size_t tail_len,
		 bool keep);

/* event.c */
int vmedia_events_init(struct vmedia_device *dev);
void vmedia_events_post(struct vmedia_device *dev);
void vmedia_eventq_ready(struct virtqueue *vq);
void vmedia_event_work(struct work_struct *work);

/* queue.c */
int vmedia_queues_init(struct vmedia_session *s);
void vmedia_queues_release(struct vmedia_session *s);
struct vmedia_queue *vmedia_queue_of(struct vmedia_session *s, u32 type);
void vmedia_queue_done(struct vmedia_session *s, const struct virtio_media_event_dqbuf *event);
void vmedia_queues_error(struct vmedia_session *s);
/* Tells the device to free the buffers of a queue; its refusal is that of REQBUFS(0). */
int vmedia_queue_free_device_buffers(struct vmedia_queue *q);

/* format.c */
int vmedia_fmt_ioctl(struct vmedia_session *s, u32 code, struct v4l2_format *f);

/* ioctl.c */
extern const struct v4l2_ioctl_ops vmedia_ioctl_ops;

/* file.c */
extern const struct v4l2_file_operations vmedia_fops;
struct vmedia_session *vmedia_session_of(struct file *file);

#endif
