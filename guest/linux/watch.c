// SPDX-License-Identifier: GPL-2.0-or-later
/* Sessions whose device is silent, has lost them, or is gone: whoever waits for them is told. */
#include "virtio_media.h"

/* A question that any device can answer; about a buffer if a queue streams. */
static int vmedia_session_ask(struct vmedia_session *s, struct vmedia_queue *streams)
{
	struct v4l2_format format = { 0 };
	int i;

	if (streams)
		return vmedia_queue_ask(streams);
	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present)
			format.type = s->queue[i].vb2.type;
	return vmedia_fmt_ioctl(s, _IOC_NR(VIDIOC_G_FMT), &format);
}

void vmedia_watch_work(struct work_struct *work)
{
	struct vmedia_session *s =
		container_of(to_delayed_work(work), struct vmedia_session, watch_work);
	struct vmedia_queue *streams = NULL;
	int i, ret = 0;

	mutex_lock(&s->lock);
	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present && s->queue[i].started)
			streams = &s->queue[i];
	if ((streams || !list_empty(&s->fh.subscribed)) && !vmedia_session_over(s)) {
		if (time_after_eq(jiffies, READ_ONCE(s->heard) + VMEDIA_SILENCE))
			ret = vmedia_session_ask(s, streams);
		/* Without memory for the question it is asked later. */
		if (!ret || ret == -ENOMEM) {
			schedule_delayed_work(&s->watch_work, VMEDIA_SILENCE);
		} else if (!vmedia_session_over(s)) {
			v4l2_err(&s->dev->v4l2_dev, "the device lost a session (%d)\n", ret);
			vmedia_queues_break(s);
		}
	}
	mutex_unlock(&s->lock);
}

void vmedia_sessions_gone(struct vmedia_device *dev)
{
	struct vmedia_session *s, *next;

	mutex_lock(&dev->sessions_lock);
	list_for_each_entry_safe(s, next, &dev->sessions, link) {
		WRITE_ONCE(s->broken, true);
		if (READ_ONCE(dev->reset)) {
			s->ended = true;
			list_del_init(&s->link);
			vmedia_queues_error(s);
		} else {
			vmedia_queues_fail(s);
		}
		wake_up_all(&s->fh.wait);
	}
	mutex_unlock(&dev->sessions_lock);
}
