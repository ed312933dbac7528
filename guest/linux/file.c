// SPDX-License-Identifier: GPL-2.0-or-later
/* Open files: one session of the device each. */
#include <linux/slab.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "compat.h"
#include "virtio_media.h"

struct vmedia_session *vmedia_session_of(struct file *file)
{
	return container_of(file->private_data, struct vmedia_session, fh);
}

static int vmedia_open(struct file *file)
{
	struct vmedia_device *dev = video_drvdata(file);
	struct vmedia_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int ret;

	if (!s)
		return -ENOMEM;
	s->dev = dev;
	mutex_init(&s->lock);
	ret = vmedia_queues_init(s);
	if (ret)
		goto free;
	ret = vmedia_session_open(dev, &s->id);
	if (ret)
		goto free;
	v4l2_fh_init(&s->fh, &dev->video);
	vmedia_fh_add(&s->fh, file);
	mutex_lock(&dev->sessions_lock);
	list_add(&s->link, &dev->sessions);
	mutex_unlock(&dev->sessions_lock);
	return 0;
free:
	kfree(s);
	return ret;
}

static int vmedia_release(struct file *file)
{
	struct vmedia_session *s = vmedia_session_of(file);
	struct vmedia_device *dev = s->dev;

	vmedia_queues_release(s);
	/* No event finds the session from here on. */
	mutex_lock(&dev->sessions_lock);
	list_del(&s->link);
	mutex_unlock(&dev->sessions_lock);
	vmedia_session_close(dev, s->id);
	vmedia_fh_del(&s->fh, file);
	v4l2_fh_exit(&s->fh);
	kfree(s);
	return 0;
}

/*
 * Calls of one open file follow each other. DQEVENT may wait for long and touches nothing of the session but its event
 * queue, which has a lock of its own; a waiting DQBUF lets go of the lock (vb2_queue.lock).
 */
static long vmedia_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmedia_session *s = vmedia_session_of(file);
	long ret;

	if (cmd == VIDIOC_DQEVENT)
		return video_ioctl2(file, cmd, arg);
	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	ret = READ_ONCE(s->dev->gone) ? -ENODEV : video_ioctl2(file, cmd, arg);
	mutex_unlock(&s->lock);
	return ret;
}

static __poll_t vmedia_poll(struct file *file, struct poll_table_struct *wait)
{
	struct vmedia_session *s = vmedia_session_of(file);
	__poll_t requested = poll_requested_events(wait), ready = 0;
	bool streams = false;
	int i;

	/* All of them at the first call, whatever is asked for then: epoll registers once. */
	poll_wait(file, &s->fh.wait, wait);
	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present)
			poll_wait(file, &s->queue[i].vb2.done_wq, wait);
	if (READ_ONCE(s->dev->gone) || READ_ONCE(s->broken))
		return EPOLLERR | EPOLLHUP;
	if (v4l2_event_pending(&s->fh))
		ready |= EPOLLPRI;
	if (!(requested & (EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM)))
		return ready;
	mutex_lock(&s->lock);
	for (i = 0; i < VMEDIA_QUEUES; i++) {
		struct vb2_queue *vq = &s->queue[i].vb2;

		if (!s->queue[i].present)
			continue;
		/* Of the two queues of a memory-to-memory device only one may be in use: that is no error. */
		if (s->dev->m2m && (!vb2_is_streaming(vq) || list_empty(&vq->queued_list)) && list_empty(&vq->done_list) &&
		    !vq->last_buffer_dequeued)
			continue;
		streams = true;
		ready |= vb2_core_poll(vq, file, wait);
	}
	mutex_unlock(&s->lock);
	return streams ? ready : ready | EPOLLERR;
}

static int vmedia_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vmedia_session *s = vmedia_session_of(file);
	unsigned long capture = VMEDIA_CAPTURE_OFFSET >> PAGE_SHIFT;
	int which = s->queue[VMEDIA_CAPTURE].present ? VMEDIA_CAPTURE : VMEDIA_OUTPUT;

	if (s->dev->m2m) {
		which = vma->vm_pgoff < capture ? VMEDIA_OUTPUT : VMEDIA_CAPTURE;
		if (which == VMEDIA_CAPTURE)
			vma->vm_pgoff -= capture;
	}
	return vb2_mmap(&s->queue[which].vb2, vma);
}

static ssize_t vmedia_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct vmedia_session *s = vmedia_session_of(file);
	ssize_t ret;

	if (s->dev->m2m || !s->queue[VMEDIA_CAPTURE].present)
		return -EINVAL;
	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	ret = vb2_read(&s->queue[VMEDIA_CAPTURE].vb2, buf, count, pos, file->f_flags & O_NONBLOCK);
	mutex_unlock(&s->lock);
	return ret;
}

static ssize_t vmedia_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct vmedia_session *s = vmedia_session_of(file);
	ssize_t ret;

	if (s->dev->m2m || !s->queue[VMEDIA_OUTPUT].present)
		return -EINVAL;
	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	ret = vb2_write(&s->queue[VMEDIA_OUTPUT].vb2, buf, count, pos, file->f_flags & O_NONBLOCK);
	mutex_unlock(&s->lock);
	return ret;
}

const struct v4l2_file_operations vmedia_fops = {
	.owner = THIS_MODULE,
	.open = vmedia_open,
	.release = vmedia_release,
	.unlocked_ioctl = vmedia_unlocked_ioctl,
	.poll = vmedia_poll,
	.mmap = vmedia_mmap,
	.read = vmedia_read,
	.write = vmedia_write,
};
