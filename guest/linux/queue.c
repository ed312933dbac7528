// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Buffer queues: videobuf2 owns the buffers, in guest memory, and the device gets each as a scatter
 * list (memory type SHARED_PAGES). MMAP, USERPTR, DMABUF, EXPBUF, read() and poll() therefore come
 * from videobuf2, and the device needs no shared memory region.
 *
 * The device has as many buffers as videobuf2, with the same numbers: what these cost it depends on
 * what it is, and how many it needs at least it knows alone.
 */
#include <linux/device.h>
#include <media/v4l2-event.h>
#include <media/videobuf2-dma-sg.h>

#include "compat.h"
#include "virtio_media.h"

/* No picture of today comes near this; a device that asks for more wants the guest's memory. */
#define VMEDIA_MAX_PLANE	SZ_512M

static inline struct vmedia_buffer *to_vmedia_buffer(struct vb2_buffer *vb)
{
	return container_of(to_vb2_v4l2_buffer(vb), struct vmedia_buffer, vb);
}

static struct vmedia_queue *vmedia_queue_get(struct vb2_queue *vq)
{
	return container_of(vq, struct vmedia_queue, vb2);
}

struct vmedia_queue *vmedia_queue_of(struct vmedia_session *s, u32 type)
{
	int i;

	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present && s->queue[i].vb2.type == type)
			return &s->queue[i];
	return NULL;
}

/* Makes the device have @count buffers, or as many as it gives, and no others. */
static int vmedia_request_buffers(struct vmedia_queue *q, unsigned int count)
{
	struct v4l2_requestbuffers req = {
		.count = count,
		.type = q->vb2.type,
		.memory = V4L2_MEMORY_USERPTR,
	};
	int ret = vmedia_ioctl(q->session, _IOC_NR(VIDIOC_REQBUFS), &req, sizeof(req), sizeof(req));

	if (ret)
		return ret;
	q->device_buffers = min_t(u32, req.count, VIDEO_MAX_FRAME);
	return count && !q->device_buffers ? -ENOMEM : 0;
}

/* Adds buffers of the present format to those that the device has. */
static int vmedia_add_buffers(struct vmedia_queue *q, unsigned int count)
{
	struct virtio_media_create_buffers create = {
		.count = cpu_to_le32(count),
		.memory = cpu_to_le32(V4L2_MEMORY_USERPTR),
		.format.type = cpu_to_le32(q->vb2.type),
	};
	int ret = vmedia_ioctl(q->session, _IOC_NR(VIDIOC_G_FMT), &create.format,
			       sizeof(create.format), sizeof(create.format));

	if (!ret)
		ret = vmedia_ioctl(q->session, _IOC_NR(VIDIOC_CREATE_BUFS), &create, sizeof(create),
				   sizeof(create));
	/* A device that cannot add any has no more. */
	if (ret)
		return ret == -ENOTTY ? -ENOBUFS : ret;
	/* Others than those that follow are of no use. */
	if (le32_to_cpu(create.index) != q->device_buffers)
		return -EIO;
	q->device_buffers += min_t(u32, le32_to_cpu(create.count), count);
	return 0;
}

int vmedia_queue_free_device_buffers(struct vmedia_queue *q)
{
	return vmedia_request_buffers(q, 0);
}

/*
 * Sizes of the planes of a buffer of the device. The format of a decoder may change at any time,
 * that of its buffers may not.
 */
static int vmedia_plane_sizes(struct vmedia_queue *q, unsigned int index, unsigned int *planes,
			      unsigned int sizes[])
{
	bool mplane = V4L2_TYPE_IS_MULTIPLANAR(q->vb2.type);
	struct {
		struct virtio_media_buffer b;
		struct virtio_media_plane p[VIDEO_MAX_PLANES];
	} query = {
		.b.index = cpu_to_le32(index),
		.b.type = cpu_to_le32(q->vb2.type),
		.b.length = cpu_to_le32(mplane ? VIDEO_MAX_PLANES : 0),
	};
	size_t size = mplane ? sizeof(query) : sizeof(query.b);
	unsigned int i;
	int ret = vmedia_ioctl(q->session, _IOC_NR(VIDIOC_QUERYBUF), &query, size, size);

	if (ret)
		return ret;
	*planes = mplane ? le32_to_cpu(query.b.length) : 1;
	if (!*planes || *planes > VIDEO_MAX_PLANES)
		return -EIO;
	for (i = 0; i < *planes; i++) {
		sizes[i] = le32_to_cpu(mplane ? query.p[i].length : query.b.length);
		if (!sizes[i] || sizes[i] > VMEDIA_MAX_PLANE)
			return -EIO;
	}
	return 0;
}

int vmedia_queue_ask(struct vmedia_queue *q)
{
	unsigned int planes, sizes[VIDEO_MAX_PLANES];

	return vmedia_plane_sizes(q, 0, &planes, sizes);
}

/* CREATE_BUFS: buffers of the application's sizes, where these are enough for the device's. */
static int vmedia_queue_grow(struct vmedia_queue *q, unsigned int *num_buffers,
			     unsigned int num_planes, const unsigned int sizes[])
{
	unsigned int have = vmedia_vb2_count(&q->vb2), planes, needed[VIDEO_MAX_PLANES], index, i;
	unsigned int wanted = min_t(unsigned int, have + *num_buffers, VIDEO_MAX_FRAME);
	int ret = 0;

	if (!q->device_buffers)
		ret = vmedia_request_buffers(q, wanted);
	else if (q->device_buffers < wanted)
		ret = vmedia_add_buffers(q, wanted - q->device_buffers);
	if (ret)
		return ret;
	if (have >= q->device_buffers)
		return -ENOBUFS;
	*num_buffers = min(*num_buffers, q->device_buffers - have);
	for (index = have; index < have + *num_buffers; index++) {
		ret = vmedia_plane_sizes(q, index, &planes, needed);
		if (ret)
			return ret;
		if (num_planes != planes)
			return -EINVAL;
		for (i = 0; i < planes; i++)
			if (sizes[i] < needed[i])
				return -EINVAL;
	}
	return 0;
}

static int vmedia_queue_setup(struct vb2_queue *vq, unsigned int *num_buffers,
			      unsigned int *num_planes, unsigned int sizes[],
			      struct device *alloc_devs[])
{
	struct vmedia_queue *q = vmedia_queue_get(vq);
	int ret;

	if (*num_planes)
		return vmedia_queue_grow(q, num_buffers, *num_planes, sizes);
	/* REQBUFS: buffers of the format that is set now, and as many as the device makes of it. */
	ret = vmedia_request_buffers(q, min_t(unsigned int, *num_buffers, VIDEO_MAX_FRAME));
	if (ret)
		return ret;
	*num_buffers = q->device_buffers;
	return vmedia_plane_sizes(q, 0, num_planes, sizes);
}

static int vmedia_buf_out_validate(struct vb2_buffer *vb)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(vb);

	if (vbuf->field == V4L2_FIELD_ANY)
		vbuf->field = V4L2_FIELD_NONE;
	return 0;
}

static void vmedia_buf_queue(struct vb2_buffer *vb)
{
	struct vmedia_queue *q = vmedia_queue_get(vb->vb2_queue);
	bool fails = false;
	unsigned long flags;
	int ret;

	/* The event of the buffer can come before the answer to its QBUF. */
	spin_lock_irqsave(&q->lock, flags);
	INIT_LIST_HEAD(&to_vmedia_buffer(vb)->early);
	q->active[vb->index] = vb;
	spin_unlock_irqrestore(&q->lock, flags);
	ret = vmedia_buffer_send(q->session, vb);
	if (!ret)
		return;
	spin_lock_irqsave(&q->lock, flags);
	if (!q->started) {
		/* start_streaming() fails with this, and gives all of them back. */
		q->refused = ret;
	} else if (q->active[vb->index]) {
		/* A device that refuses a buffer and finishes it all the same. */
		list_del_init(&to_vmedia_buffer(vb)->early);
		q->active[vb->index] = NULL;
		vb2_buffer_done(vb, VB2_BUF_STATE_ERROR);
		fails = ret == -EIO;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	/*
	 * A stream that is over until STREAMOFF, as when a decoder died: a program that is not told
	 * so goes round with empty buffers for ever.
	 */
	if (fails)
		vmedia_queues_fail(q->session);
}

/*
 * Gives back what the device has, once it promised not to touch it any more.
 * With the queue's lock.
 */
static void vmedia_return_buffers(struct vmedia_queue *q, enum vb2_buffer_state state)
{
	unsigned int i;

	INIT_LIST_HEAD(&q->early);
	for (i = 0; i < VIDEO_MAX_FRAME; i++) {
		struct vb2_buffer *vb = q->active[i];

		q->active[i] = NULL;
		if (vb)
			vb2_buffer_done(vb, state);
	}
}

static int vmedia_stream(struct vmedia_queue *q, u32 code)
{
	__le32 type = cpu_to_le32(q->vb2.type);

	return vmedia_ioctl(q->session, code, &type, sizeof(type), 0);
}

/*
 * The device touches no buffer of the queue when this returns, and no event of
 * one is on its way.
 */
static void vmedia_stop(struct vmedia_queue *q)
{
	if (vmedia_stream(q, _IOC_NR(VIDIOC_STREAMOFF)))
		vmedia_queues_break(q->session);
	/*
	 * An event sent before the answer to STREAMOFF must not finish the
	 * buffer when it is queued again.
	 */
	vmedia_eventq_flush(q->session->dev);
}

/* With the queue's lock. */
static void vmedia_finish(struct vmedia_queue *q, struct vb2_buffer *vb,
			  const struct virtio_media_event_dqbuf *event)
{
	bool error = le32_to_cpu(event->buffer.flags) & V4L2_BUF_FLAG_ERROR;

	vmedia_buffer_fill(vb, event);
	q->active[vb->index] = NULL;
	vb2_buffer_done(vb, error ? VB2_BUF_STATE_ERROR : VB2_BUF_STATE_DONE);
}

/* With the queue's lock. */
static void vmedia_finish_early(struct vmedia_queue *q)
{
	struct vmedia_buffer *buf, *next;

	if (!q->started || q->held)
		return;
	list_for_each_entry_safe(buf, next, &q->early, early) {
		list_del_init(&buf->early);
		vmedia_finish(q, &buf->vb.vb2_buf, &buf->early_event);
	}
}

void vmedia_queue_hold(struct vmedia_queue *q, bool hold)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	q->held = hold;
	vmedia_finish_early(q);
	spin_unlock_irqrestore(&q->lock, flags);
}

static int vmedia_start_streaming(struct vb2_queue *vq, unsigned int count)
{
	struct vmedia_queue *q = vmedia_queue_get(vq);
	unsigned long flags;
	int ret;

	ret = q->refused ?: vmedia_stream(q, _IOC_NR(VIDIOC_STREAMON));
	q->refused = 0;
	/* The device has them queued though it does not stream: STREAMOFF takes them back. */
	if (ret)
		vmedia_stop(q);
	spin_lock_irqsave(&q->lock, flags);
	if (ret) {
		vmedia_return_buffers(q, VB2_BUF_STATE_QUEUED);
	} else {
		q->started = true;
		vmedia_finish_early(q);
		/* A break of the session before @started was set has left the buffers here. */
		if (READ_ONCE(q->session->ended))
			vmedia_return_buffers(q, VB2_BUF_STATE_ERROR);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	if (!ret)
		vmedia_session_watch_start(q->session);
	return ret;
}

static void vmedia_stop_streaming(struct vb2_queue *vq)
{
	struct vmedia_queue *q = vmedia_queue_get(vq);
	unsigned long flags;

	vmedia_stop(q);
	spin_lock_irqsave(&q->lock, flags);
	vmedia_return_buffers(q, VB2_BUF_STATE_ERROR);
	q->started = false;
	spin_unlock_irqrestore(&q->lock, flags);
}

static const struct vb2_ops vmedia_vb2_ops = {
	.queue_setup = vmedia_queue_setup,
	.buf_out_validate = vmedia_buf_out_validate,
	.buf_queue = vmedia_buf_queue,
	.start_streaming = vmedia_start_streaming,
	.stop_streaming = vmedia_stop_streaming,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	.wait_prepare = vb2_ops_wait_prepare,
	.wait_finish = vb2_ops_wait_finish,
#endif
};

/*
 * From the clock of the device to that of the guest; a memory-to-memory device has none, it copies
 * what the program said. Of a failed buffer only the arrival is known. With the queue's lock.
 */
static void vmedia_translate_time(struct vmedia_queue *q, struct virtio_media_event_dqbuf *event)
{
	struct virtio_media_buffer *b = &event->buffer;
	u64 arrival = ktime_get_ns();
	u64 device = le64_to_cpu(b->tv_sec) * NSEC_PER_SEC +
		     le64_to_cpu(b->tv_usec) * NSEC_PER_USEC;
	u32 rest;

	if (q->session->dev->m2m)
		return;
	q->time = le32_to_cpu(b->flags) & V4L2_BUF_FLAG_ERROR ? arrival :
		  vmedia_clock_translate(&q->session->dev->clock, device, arrival, q->time);
	b->tv_sec = cpu_to_le64(div_u64_rem(q->time, NSEC_PER_SEC, &rest));
	b->tv_usec = cpu_to_le64(rest / NSEC_PER_USEC);
}

void vmedia_queue_done(struct vmedia_session *s, struct virtio_media_event_dqbuf *event)
{
	struct vmedia_queue *q = vmedia_queue_of(s, le32_to_cpu(event->buffer.type));
	u32 index = le32_to_cpu(event->buffer.index);
	struct vmedia_buffer *buf;
	struct vb2_buffer *vb;
	unsigned long flags;

	if (!q || index >= VIDEO_MAX_FRAME)
		return;
	spin_lock_irqsave(&q->lock, flags);
	vb = q->active[index];
	buf = vb ? to_vmedia_buffer(vb) : NULL;
	/*
	 * A buffer that the device does not have, or has finished before: a
	 * broken device must not do it twice.
	 */
	if (buf && list_empty(&buf->early)) {
		vmedia_translate_time(q, event);
		if (q->started && !q->held) {
			vmedia_finish(q, vb, event);
		} else {
			buf->early_event = *event;
			list_add_tail(&buf->early, &q->early);
		}
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void vmedia_queues_fail(struct vmedia_session *s)
{
	int i;

	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present)
			vb2_queue_error(&s->queue[i].vb2);
}

void vmedia_queues_error(struct vmedia_session *s)
{
	unsigned long flags;
	int i;

	for (i = 0; i < VMEDIA_QUEUES; i++) {
		struct vmedia_queue *q = &s->queue[i];

		if (!q->present)
			continue;
		spin_lock_irqsave(&q->lock, flags);
		/* start_streaming() deals with what there is before. */
		if (q->started)
			vmedia_return_buffers(q, VB2_BUF_STATE_ERROR);
		spin_unlock_irqrestore(&q->lock, flags);
		vb2_queue_error(&q->vb2);
	}
}

void vmedia_queues_break(struct vmedia_session *s)
{
	vmedia_session_end(s);
	vmedia_queues_error(s);
	wake_up_all(&s->fh.wait);
}

static int vmedia_queue_init(struct vmedia_session *s, int which)
{
	struct vmedia_device *dev = s->dev;
	struct vmedia_queue *q = &s->queue[which];
	struct vb2_queue *vq = &q->vb2;
	bool output = which == VMEDIA_OUTPUT;
	int ret;

	if (dev->meta)
		vq->type = output ? V4L2_BUF_TYPE_META_OUTPUT : V4L2_BUF_TYPE_META_CAPTURE;
	else if (output)
		vq->type = dev->multiplanar ? V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE :
					      V4L2_BUF_TYPE_VIDEO_OUTPUT;
	else
		vq->type = dev->multiplanar ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE :
					      V4L2_BUF_TYPE_VIDEO_CAPTURE;
	vq->io_modes = VB2_MMAP | VB2_USERPTR | VB2_DMABUF;
	if (!dev->m2m)
		vq->io_modes |= output ? VB2_WRITE : VB2_READ;
	vq->drv_priv = s;
	vq->ops = &vmedia_vb2_ops;
	vq->mem_ops = &vb2_dma_sg_memops;
	vq->buf_struct_size = sizeof(struct vmedia_buffer);
	vq->timestamp_flags = dev->m2m ? V4L2_BUF_FLAG_TIMESTAMP_COPY :
					 V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
	vq->lock = &s->lock;
	vq->dev = dev->dma_dev;
	/* The end of a codec's stream uses OUTPUT buffers without payload; a picture has one. */
	vq->allow_zero_bytesused = output && dev->m2m;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->early);
	q->session = s;
	ret = vb2_queue_init(vq);
	q->present = !ret;
	return ret;
}

int vmedia_queues_init(struct vmedia_session *s)
{
	struct vmedia_device *dev = s->dev;
	u32 out = VMEDIA_CAPS_OUTPUT;
	int ret = 0;

	if (dev->m2m || (dev->caps & out))
		ret = vmedia_queue_init(s, VMEDIA_OUTPUT);
	if (!ret && (dev->m2m || !(dev->caps & out)))
		ret = vmedia_queue_init(s, VMEDIA_CAPTURE);
	return ret;
}

void vmedia_queues_release(struct vmedia_session *s)
{
	int i;

	mutex_lock(&s->lock);
	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present)
			vb2_queue_release(&s->queue[i].vb2);
	mutex_unlock(&s->lock);
}
