/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between the kernels this driver is built for, 6.1 to 7.x, in one place. */
#ifndef VIRTIO_MEDIA_COMPAT_H
#define VIRTIO_MEDIA_COMPAT_H

#include <linux/bits.h>
#include <linux/version.h>
#include <linux/virtio_config.h>
#include <media/v4l2-fh.h>
#include <media/videobuf2-core.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define VMEDIA_IMPORT_DMA_BUF	MODULE_IMPORT_NS("DMA_BUF")
#else
#define VMEDIA_IMPORT_DMA_BUF	MODULE_IMPORT_NS(DMA_BUF)
#endif

/*
 * V4L2_CTRL_FLAG_HAS_WHICH_MIN_MAX promises least and greatest values of compound controls. A
 * kernel that does not know these refuses to ask for them.
 */
#ifdef V4L2_CTRL_FLAG_HAS_WHICH_MIN_MAX
#define VMEDIA_UNKNOWN_CTRL_FLAGS	0
#else
#define VMEDIA_UNKNOWN_CTRL_FLAGS	BIT(12)
#endif

static inline int vmedia_find_vqs(struct virtio_device *vdev, struct virtqueue *vqs[2],
				  vq_callback_t *command, vq_callback_t *event)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct virtqueue_info info[] = {
		{ .name = "command", .callback = command },
		{ .name = "event", .callback = event },
	};

	return virtio_find_vqs(vdev, 2, vqs, info, NULL);
#else
	vq_callback_t *callbacks[] = { command, event };
	static const char * const names[] = { "command", "event" };

	return virtio_find_vqs(vdev, 2, vqs, callbacks, names, NULL);
#endif
}

static inline void vmedia_fh_add(struct v4l2_fh *fh, struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	v4l2_fh_add(fh, file);
#else
	file->private_data = fh;
	v4l2_fh_add(fh);
#endif
}

static inline void vmedia_fh_del(struct v4l2_fh *fh, struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	v4l2_fh_del(fh, file);
#else
	v4l2_fh_del(fh);
#endif
}

static inline struct vb2_buffer *vmedia_vb2_buffer(struct vb2_queue *q, unsigned int index)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vb2_get_buffer(q, index);
#else
	return index < q->num_buffers ? q->bufs[index] : NULL;
#endif
}

static inline unsigned int vmedia_vb2_count(struct vb2_queue *q)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vb2_get_num_buffers(q);
#else
	return q->num_buffers;
#endif
}

#endif
