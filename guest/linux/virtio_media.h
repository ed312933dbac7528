/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects of the driver, and the functions its files offer each other.
 *
 * The way of a request: v4l2 core -> file.c -> ioctl.c and signal.c (relay.c) or queue.c
 * (videobuf2) -> buffer.c (a buffer and its lists) -> session.c (a command of a session) ->
 * command.c (one chain on the command queue, one answer). The way back: eventq.c (event queue)
 * starts the work item of event.c -> queue.c (a buffer is done) -> buffer.c (what it holds), or the
 * v4l2 event queue. watch.c ends sessions that the device lost.
 *
 * The files call each other without a circle, which a check of the project keeps so: what is above
 * is reached by work items and by the tables of operations that the kernel calls.
 *
 * Locks, in the order they are taken: vmedia_session.lock, vmedia_device.sessions_lock,
 * vmedia_queue.lock; vmedia_device.reset_lock and .command_lock are innermost. The event work takes
 * no session's lock, so that whoever holds one may wait for it.
 */
#ifndef VIRTIO_MEDIA_H
#define VIRTIO_MEDIA_H

#include <linux/bits.h>
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

#include "clock.h"
#include "virtio_media_wire.h"

#define VMEDIA_EVENT_BUFFERS	32

/*
 * A device that is silent for so long while a program may wait for it is asked something: if it is
 * dead it does not answer, if it was restarted it refuses. Programs that wait for a buffer or an
 * event would otherwise wait for ever.
 */
#define VMEDIA_SILENCE		(5 * HZ)

/* Buffers behind read() and write(), as videobuf2 asks for. */
#define VMEDIA_READ_BUFFERS	1

/*
 * MMAP offsets of the capture queue of a memory-to-memory device start here, as
 * in the V4L2 M2M framework.
 */
#define VMEDIA_CAPTURE_OFFSET	BIT(30)

/* What a device is whose only queue takes data from the guest. */
#define VMEDIA_CAPS_OUTPUT	(V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE | \
				 V4L2_CAP_META_OUTPUT)

struct vmedia_device {
	struct virtio_device *vdev;
	/*
	 * who does DMA: the bus device below @vdev; both are referenced as long
	 * as this object lives
	 */
	struct device *dma_dev;
	struct v4l2_device v4l2_dev;
	struct video_device video;
	struct virtqueue *commandq;
	struct virtqueue *eventq;
	/* serialises access to the command ring, and guards @gone */
	spinlock_t command_lock;
	/* woken when the command ring has room again */
	wait_queue_head_t command_room;
	/* no command is sent any more: removed, suspended, or an answer did not come */
	bool gone;
	/* guards @reset, and is held while the device is being reset */
	struct mutex reset_lock;
	/* @gone, and the device touches no memory of ours any more */
	bool reset;
	/* tells the sessions that the device is gone */
	struct work_struct gone_work;
	/* the device says that it needs a reset */
	struct work_struct failed_work;
	struct work_struct event_work;
	struct virtio_media_event_dqbuf *events;
	/* the event being handled, where the device cannot change it; of the event work alone */
	struct virtio_media_event_dqbuf event;
	/* the clock of a device that says when frames were taken; of the event work alone */
	struct vmedia_clock clock;
	/*
	 * guards @sessions and vmedia_session.ended; held while an event is
	 * handled, so that a session stays
	 */
	struct mutex sessions_lock;
	struct list_head sessions;
	u32 caps;
	bool multiplanar;
	bool meta;
	bool m2m;
};

struct vmedia_buffer {
	struct vb2_v4l2_buffer vb;
	/* in vmedia_queue.early, with the event that finishes it */
	struct list_head early;
	struct virtio_media_event_dqbuf early_event;
};

struct vmedia_queue {
	struct vb2_queue vb2;
	struct vmedia_session *session;
	/*
	 * guards the members below; a buffer is finished with it held, so that
	 * it is finished once
	 */
	spinlock_t lock;
	/* what the device has, by index: videobuf2 frees none of these */
	struct vb2_buffer *active[VIDEO_MAX_FRAME];
	/*
	 * finished before videobuf2 wants to hear of it: before the answer to
	 * STREAMON, or during the QBUF of a buffer
	 */
	struct list_head early;
	bool started;
	/*
	 * a QBUF is under way; it answers with a buffer that is queued, so none
	 * is finished before it returns
	 */
	bool held;
	/* why the device refused a buffer before STREAMON, 0: it did not */
	int refused;
	/* time of the last buffer of a device with a clock, in nanoseconds */
	u64 time;
	/*
	 * buffers that the device has of this queue, those of videobuf2 and perhaps more;
	 * guarded by vmedia_session.lock
	 */
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
	/*
	 * no command is sent for it any more: EVT_ERROR, a refused STREAMOFF,
	 * or the device was reset
	 */
	bool broken;
	/* the device knows it no more, or is just being told to forget it */
	bool ended;
	struct work_struct break_work;
	/*
	 * asks a device that is silent while a queue streams, or events are subscribed to, whether
	 * it still has the session
	 */
	struct delayed_work watch_work;
	/* jiffies of the last answer or event */
	unsigned long heard;
	struct vmedia_queue queue[VMEDIA_QUEUES];
};

/*
 * Memory that a request names and the device writes to: it lives until the
 * answer, whoever waits for that.
 */
struct vmedia_memory {
	struct kref ref;
	struct vmedia_device *dev;
	/* what the device calls it */
	u64 address;
	bool mapped;
	size_t size;
	u8 data[] __aligned(8);
};

/* command.c */
struct vmedia_command;
struct vmedia_memory *vmedia_memory_alloc(struct vmedia_device *dev, size_t size);
void vmedia_memory_for_device(struct vmedia_memory *memory);
void vmedia_memory_for_cpu(struct vmedia_memory *memory);
void vmedia_memory_put(struct vmedia_memory *memory);

struct vmedia_command *vmedia_command_alloc(size_t request, size_t response);
void *vmedia_command_request(struct vmedia_command *cmd);
const void *vmedia_command_response(struct vmedia_command *cmd);
void vmedia_command_attach(struct vmedia_command *cmd, struct vmedia_memory *memory);
/*
 * Sends and waits. Returns the bytes of the answer (at least its header where there is one) or a
 * negative errno; after -ENODEV and -ETIMEDOUT the device was reset.
 */
int vmedia_command_run(struct vmedia_device *dev, struct vmedia_command *cmd);
void vmedia_command_put(struct vmedia_command *cmd);
void vmedia_commandq_done(struct virtqueue *vq);
/*
 * Lets all go who wait for the device, and resets it, once. From then on no command is sent, and it
 * touches no memory of the guest.
 */
void vmedia_give_up(struct vmedia_device *dev);

/* reset.c */
/*
 * Bounds the resets of the device by whomever, until the driver has let go of it. -ENODEV: it is
 * dead.
 */
int vmedia_reset_init(struct virtio_device *vdev);

/* session.c */
int vmedia_session_open(struct vmedia_session *s);
void vmedia_session_close(struct vmedia_session *s);
/* The device has it no more, or answers nobody. */
bool vmedia_session_over(struct vmedia_session *s);
/* From here on a silent device is asked, as long as a queue streams or events are expected. */
void vmedia_session_watch_start(struct vmedia_session *s);
/* Makes the device let go of all the session has. With the session's lock, or as its only user. */
void vmedia_session_end(struct vmedia_session *s);

/*
 * One ioctl with a payload of @in bytes to the device and @out bytes back, both at @payload, in
 * wire layout. @tail is @tail_len bytes that follow to the device only, and may name @memory. With
 * @keep the payload of an error answer is copied too.
 */
struct vmedia_call {
	u32 code;
	void *payload;
	size_t in;
	size_t out;
	const void *tail;
	size_t tail_len;
	struct vmedia_memory *memory;
	bool keep;
};

/* Returns 0 or a negative errno. */
int vmedia_session_call(struct vmedia_session *s, const struct vmedia_call *call);
int vmedia_ioctl(struct vmedia_session *s, u32 code, void *payload, size_t in, size_t out);

/* relay.c */
/*
 * A structure that looks the same on every machine, or is only padded at its end on 64-bit ones, to
 * the device (@in) and back (@out): @len is its size here, @size that on the wire.
 */
int vmedia_relay(struct vmedia_session *s, u32 code, void *arg, size_t len, size_t size, bool in,
		 bool out);

/* norms.c */
/* The standards of the device's present input or output become those that the V4L2 core knows. */
void vmedia_norms_refresh(struct vmedia_session *s);

/* eventq.c */
int vmedia_eventq_init(struct vmedia_device *dev);
/* Puts all event buffers into the ring; before the device is ready. */
void vmedia_eventq_fill(struct vmedia_device *dev);
/* Puts one back. */
int vmedia_eventq_post(struct vmedia_device *dev, struct virtio_media_event_dqbuf *event);
/* Empties the event ring; after the device was reset. */
void vmedia_eventq_drain(struct vmedia_device *dev);
/* Starts the event work. */
void vmedia_eventq_run(struct vmedia_device *dev);
/* What is in the event ring now is handled when this returns. */
void vmedia_eventq_flush(struct vmedia_device *dev);
void vmedia_eventq_ready(struct virtqueue *vq);

/* buffer.c */
int vmedia_buffer_send(struct vmedia_session *s, struct vb2_buffer *vb);
/* Trusts no number of the event. */
void vmedia_buffer_fill(struct vb2_buffer *vb, const struct virtio_media_event_dqbuf *event);

/* queue.c */
int vmedia_queues_init(struct vmedia_session *s);
void vmedia_queues_release(struct vmedia_session *s);
struct vmedia_queue *vmedia_queue_of(struct vmedia_session *s, u32 type);
/* Holds back what is finished while a QBUF is under way; the end of the hold finishes it. */
void vmedia_queue_hold(struct vmedia_queue *q, bool hold);
/* The times in @event become the guest's where the device has a clock. */
void vmedia_queue_done(struct vmedia_session *s, struct virtio_media_event_dqbuf *event);
/*
 * Who wants a buffer or brings one gets an error until STREAMOFF; the device may have the buffers
 * still.
 */
void vmedia_queues_fail(struct vmedia_session *s);
/* The device has no buffer of the session any more, and takes none. */
void vmedia_queues_error(struct vmedia_session *s);
/* Ends the session; its application gets errors from here on. With the session's lock. */
void vmedia_queues_break(struct vmedia_session *s);
/* Tells the device to free the buffers of a queue; its refusal is that of REQBUFS(0). */
int vmedia_queue_free_device_buffers(struct vmedia_queue *q);
/* Asks the device for the first of its buffers. */
int vmedia_queue_ask(struct vmedia_queue *q);

/* format.c */
int vmedia_fmt_ioctl(struct vmedia_session *s, u32 code, struct v4l2_format *f);

/* event.c */
void vmedia_event_work(struct work_struct *work);

/* watch.c */
void vmedia_watch_work(struct work_struct *work);
/* All sessions: the device is gone. Who waits is let go; buffers come back once it was reset. */
void vmedia_sessions_gone(struct vmedia_device *dev);

/* ioctl.c */
extern const struct v4l2_ioctl_ops vmedia_ioctl_ops;

/* file.c */
extern const struct v4l2_file_operations vmedia_fops;
struct vmedia_session *vmedia_session_of(struct file *file);

#endif
