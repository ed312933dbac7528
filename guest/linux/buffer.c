// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A buffer on its way: what the device is told of it with QBUF, its scatter lists included, and
 * what the device says of it when it is done.
 */
#include <linux/device.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <media/videobuf2-dma-sg.h>

#include "compat.h"
#include "virtio_media.h"

/* Flags of a finished buffer that come from the device; the others are videobuf2's. */
#define VMEDIA_DONE_FLAGS	(V4L2_BUF_FLAG_KEYFRAME | V4L2_BUF_FLAG_PFRAME | \
				 V4L2_BUF_FLAG_BFRAME | V4L2_BUF_FLAG_TIMECODE | \
				 V4L2_BUF_FLAG_LAST | V4L2_BUF_FLAG_TSTAMP_SRC_MASK)
#define VMEDIA_QUEUED_FLAGS	(V4L2_BUF_FLAG_TIMECODE | V4L2_BUF_FLAG_TSTAMP_SRC_MASK | \
				 V4L2_BUF_FLAG_LAST)

struct vmedia_list {
	struct virtio_media_sg_entry *entry;
	unsigned int used;
	unsigned int room;
	/* of the plane that is being described */
	unsigned long left;
};

static int vmedia_list_add(struct vmedia_list *list, u64 start, unsigned int length)
{
	u32 len = min_t(unsigned long, length, list->left);

	if (!len)
		return 0;
	if (list->used == list->room)
		return -ENOSPC;
	list->entry[list->used].start = cpu_to_le64(start);
	list->entry[list->used].len = cpu_to_le32(len);
	list->used++;
	list->left -= len;
	return 0;
}

/*
 * The scatter list of a plane, its whole length and no more. The device takes what the DMA API
 * gives, unless it goes past an IOMMU (the quirk): then it takes physical addresses. An imported
 * buffer has nothing but its DMA addresses.
 */
static int vmedia_plane_list(struct vmedia_device *dev, struct vb2_buffer *vb, unsigned int plane,
			     struct vmedia_list *list)
{
	struct sg_table *sgt = vb2_dma_sg_plane_desc(vb, plane);
	bool physical = virtio_has_dma_quirk(dev->vdev) && device_iommu_mapped(dev->dma_dev);
	struct scatterlist *sg;
	unsigned int i;
	int ret = 0;

	if (!sgt)
		return -EFAULT;
	if (physical && vb->memory == VB2_MEMORY_DMABUF)
		return -EOPNOTSUPP;
	list->left = vb2_plane_size(vb, plane);
	if (physical)
		for_each_sgtable_sg(sgt, sg, i)
			ret = ret ?: vmedia_list_add(list, sg_phys(sg), sg->length);
	else
		for_each_sgtable_dma_sg(sgt, sg, i)
			ret = ret ?: vmedia_list_add(list, sg_dma_address(sg), sg_dma_len(sg));
	return ret ?: list->left ? -EFAULT : 0;
}

static unsigned int vmedia_list_room(struct vb2_buffer *vb)
{
	unsigned int plane, room = 0;

	for (plane = 0; plane < vb->num_planes; plane++) {
		struct sg_table *sgt = vb2_dma_sg_plane_desc(vb, plane);

		room += sgt ? sgt->orig_nents : 0;
	}
	return room;
}

int vmedia_buffer_send(struct vmedia_session *s, struct vb2_buffer *vb)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(vb);
	bool mplane = V4L2_TYPE_IS_MULTIPLANAR(vb->type);
	size_t head = sizeof(struct virtio_media_buffer) +
		      (mplane ? vb->num_planes * sizeof(struct virtio_media_plane) : 0);
	struct vmedia_list list = { .room = vmedia_list_room(vb) };
	struct vmedia_call call = { .code = _IOC_NR(VIDIOC_QBUF), .in = head, .out = head };
	unsigned int plane;
	struct virtio_media_buffer *b;
	struct virtio_media_plane *p;
	int ret = -ENOMEM;

	b = kzalloc(head, GFP_KERNEL);
	list.entry = kvcalloc(list.room ?: 1, sizeof(*list.entry), GFP_KERNEL);
	if (!b || !list.entry)
		goto out;
	b->index = cpu_to_le32(vb->index);
	b->type = cpu_to_le32(vb->type);
	b->memory = cpu_to_le32(V4L2_MEMORY_USERPTR);
	b->field = cpu_to_le32(vbuf->field);
	b->flags = cpu_to_le32(vbuf->flags & VMEDIA_QUEUED_FLAGS);
	if (vb->vb2_queue->is_output) {
		u64 us = div_u64(vb->timestamp, NSEC_PER_USEC);
		u32 rest;

		b->tv_sec = cpu_to_le64(div_u64_rem(us, USEC_PER_SEC, &rest));
		b->tv_usec = cpu_to_le64(rest);
		memcpy(b->timecode, &vbuf->timecode, sizeof(b->timecode));
	}
	p = (struct virtio_media_plane *)(b + 1);
	for (plane = 0; plane < vb->num_planes; plane++) {
		u32 length = vb2_plane_size(vb, plane);
		u32 bytesused = 0, offset = 0;

		if (vb->vb2_queue->is_output) {
			bytesused = vb2_get_plane_payload(vb, plane);
			offset = vb->planes[plane].data_offset;
		}
		if (mplane) {
			p[plane].bytesused = cpu_to_le32(bytesused);
			p[plane].length = cpu_to_le32(length);
			p[plane].data_offset = cpu_to_le32(offset);
			/* Any value but 0: the lists say where the memory is. */
			p[plane].m = cpu_to_le64(PAGE_SIZE);
		} else {
			b->bytesused = cpu_to_le32(bytesused);
			b->length = cpu_to_le32(length);
			b->m = cpu_to_le64(PAGE_SIZE);
		}
		ret = vmedia_plane_list(s->dev, vb, plane, &list);
		if (ret)
			goto out;
	}
	if (mplane)
		b->length = cpu_to_le32(vb->num_planes);
	call.payload = b;
	call.tail = list.entry;
	call.tail_len = list.used * sizeof(*list.entry);
	ret = vmedia_session_call(s, &call);
out:
	kvfree(list.entry);
	kfree(b);
	return ret;
}

void vmedia_buffer_fill(struct vb2_buffer *vb, const struct virtio_media_event_dqbuf *event)
{
	struct vb2_v4l2_buffer *vbuf = to_vb2_v4l2_buffer(vb);
	const struct virtio_media_buffer *b = &event->buffer;
	bool mplane = V4L2_TYPE_IS_MULTIPLANAR(vb->type);
	unsigned int plane;

	vbuf->flags &= ~VMEDIA_DONE_FLAGS;
	vbuf->flags |= le32_to_cpu(b->flags) & VMEDIA_DONE_FLAGS;
	vbuf->field = le32_to_cpu(b->field);
	vbuf->sequence = le32_to_cpu(b->sequence);
	vb->timestamp = le64_to_cpu(b->tv_sec) * NSEC_PER_SEC +
			le64_to_cpu(b->tv_usec) * NSEC_PER_USEC;
	memcpy(&vbuf->timecode, b->timecode, sizeof(b->timecode));
	if (vb->vb2_queue->is_output)
		return;
	for (plane = 0; plane < vb->num_planes; plane++) {
		u32 used = le32_to_cpu(mplane ? event->planes[plane].bytesused : b->bytesused);
		u32 offset = le32_to_cpu(event->planes[plane].data_offset);

		/* The device says how much it wrote; it does not say how much there is. */
		used = min_t(u32, used, vb2_plane_size(vb, plane));
		vb2_set_plane_payload(vb, plane, used);
		if (mplane)
			vb->planes[plane].data_offset = min(offset, used);
	}
}
