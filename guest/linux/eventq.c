// SPDX-License-Identifier: GPL-2.0-or-later
/* The event queue: buffers that the device fills, and the work item that empties them (event.c). */
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "virtio_media.h"

int vmedia_eventq_init(struct vmedia_device *dev)
{
	dev->events = kcalloc(VMEDIA_EVENT_BUFFERS, sizeof(*dev->events), GFP_KERNEL);
	return dev->events ? 0 : -ENOMEM;
}

int vmedia_eventq_post(struct vmedia_device *dev, struct virtio_media_event_dqbuf *event)
{
	struct scatterlist sg;

	sg_init_one(&sg, event, sizeof(*event));
	return virtqueue_add_inbuf(dev->eventq, &sg, 1, event, GFP_KERNEL);
}

void vmedia_eventq_fill(struct vmedia_device *dev)
{
	unsigned int i;

	for (i = 0; i < VMEDIA_EVENT_BUFFERS; i++)
		if (vmedia_eventq_post(dev, &dev->events[i]))
			break;
}

void vmedia_eventq_drain(struct vmedia_device *dev)
{
	while (virtqueue_detach_unused_buf(dev->eventq))
		;
}

void vmedia_eventq_run(struct vmedia_device *dev)
{
	queue_work(system_highpri_wq, &dev->event_work);
}

void vmedia_eventq_flush(struct vmedia_device *dev)
{
	vmedia_eventq_run(dev);
	flush_work(&dev->event_work);
}

void vmedia_eventq_ready(struct virtqueue *vq)
{
	vmedia_eventq_run(vq->vdev->priv);
}
