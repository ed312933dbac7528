// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events that the device reports: a buffer is done, a V4L2 event happened, a session broke. They
 * are handled in a work item, in order, and their buffers go back to the device at once.
 */
#include <media/v4l2-event.h>

#include "virtio_media.h"

static void vmedia_event_v4l2(struct vmedia_session *s, const struct virtio_media_v4l2_event *wire)
{
	struct v4l2_event event = {
		.type = le32_to_cpu(wire->type),
		.id = le32_to_cpu(wire->id),
	};

	memcpy(&event.u, wire->u, sizeof(event.u));
	v4l2_event_queue_fh(&s->fh, &event);
}

static void vmedia_event_error(struct vmedia_session *s)
{
	/* Its buffers are the device's until CLOSE was answered, which is not waited for here. */
	WRITE_ONCE(s->broken, true);
	schedule_work(&s->break_work);
}

static void vmedia_event_handle(struct vmedia_device *dev,
				struct virtio_media_event_dqbuf *event, unsigned int len)
{
	const struct virtio_media_event_event *v4l2 = (const void *)event;
	u32 id = le32_to_cpu(event->hdr.session_id);
	struct vmedia_session *s;
	bool found = false;

	mutex_lock(&dev->sessions_lock);
	list_for_each_entry(s, &dev->sessions, link) {
		if (s->id == id) {
			found = true;
			break;
		}
	}
	if (found) {
		WRITE_ONCE(s->heard, jiffies);
		switch (le32_to_cpu(event->hdr.event)) {
		case VIRTIO_MEDIA_EVT_DQBUF:
			if (len >= sizeof(*event))
				vmedia_queue_done(s, event);
			break;
		case VIRTIO_MEDIA_EVT_EVENT:
			if (len >= sizeof(*v4l2))
				vmedia_event_v4l2(s, &v4l2->event);
			break;
		case VIRTIO_MEDIA_EVT_ERROR:
			vmedia_event_error(s);
			break;
		}
	}
	mutex_unlock(&dev->sessions_lock);
}

void vmedia_event_work(struct work_struct *work)
{
	struct vmedia_device *dev = container_of(work, struct vmedia_device, event_work);
	unsigned int left = 2 * VMEDIA_EVENT_BUFFERS, len;
	struct virtio_media_event_dqbuf *event;

	if (READ_ONCE(dev->gone))
		return;
	do {
		virtqueue_disable_cb(dev->eventq);
		while (left && (event = virtqueue_get_buf(dev->eventq, &len))) {
			left--;
			/* The device can write to its buffers at any time: look at a copy. */
			len = min_t(unsigned int, len, sizeof(dev->event));
			memcpy(&dev->event, event, len);
			vmedia_eventq_post(dev, event);
			if (len >= sizeof(dev->event.hdr))
				vmedia_event_handle(dev, &dev->event, len);
		}
		virtqueue_kick(dev->eventq);
		/* A device that never pauses must not keep those waiting who flush this work. */
		if (!left) {
			vmedia_eventq_run(dev);
			return;
		}
	} while (!virtqueue_enable_cb(dev->eventq) && !virtqueue_is_broken(dev->eventq));
}
