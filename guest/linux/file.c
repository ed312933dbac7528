// SPDX-License-Identifier: GPL-2.0-or-later
/* Open files: one session of the device each. */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "compat.h"
#include "virtio_media.h"

struct vmedia_session *vmedia_session_of(struct file *file)
{
	return container_of(file->private_data, struct vmedia_session, fh);
}

/* The device gave the session up (EVT_ERROR). */
static void vmedia_break_work(struct work_struct *work)
{
	struct vmedia_session *s = container_of(work, struct vmedia_session, break_work);

	mutex_lock(&s->lock);
	vmedia_queues_break(s);
	mutex_unlock(&s->lock);
}

/*
 * A device that gives two sessions one id has forgotten the first, or wants them mixed up. With the
 * sessions' lock.
 */
static bool vmedia_session_known(struct vmedia_device *dev, const struct vmedia_session *s)
{
	const struct vmedia_session *other;

	list_for_each_entry(other, &dev->sessions, link)
		if (other->id == s->id)
			return true;
	return false;
}

static int vmedia_open(struct file *file)
{
	struct vmedia_device *dev = video_drvdata(file);
	struct vmedia_session *s = kzalloc(sizeof(*s), GFP_KERNEL);
	bool lost;
	int ret;

	if (!s)
		return -ENOMEM;
	s->dev = dev;
	mutex_init(&s->lock);
	INIT_LIST_HEAD(&s->link);
	INIT_WORK(&s->break_work, vmedia_break_work);
	INIT_DELAYED_WORK(&s->watch_work, vmedia_watch_work);
	ret = vmedia_queues_init(s);
	if (ret)
		goto free;
	ret = vmedia_session_open(s);
	if (ret)
		goto free;
	v4l2_fh_init(&s->fh, &dev->video);
	vmedia_fh_add(&s->fh, file);
	/* Events of a former session with this id are dropped before this one is found by them. */
	vmedia_eventq_flush(dev);
	mutex_lock(&dev->sessions_lock);
	/* A session of a device that was reset in between is none. */
	if (vmedia_session_over(s) || vmedia_session_known(dev, s)) {
		s->ended = true;
		s->broken = true;
	} else {
		list_add(&s->link, &dev->sessions);
	}
	lost = s->ended;
	mutex_unlock(&dev->sessions_lock);
	if (lost)
		vmedia_give_up(dev);
	return 0;
free:
	vmedia_queues_release(s);
	kfree(s);
	return ret;
}

static int vmedia_release(struct file *file)
{
	struct vmedia_session *s = vmedia_session_of(file);
	struct vmedia_device *dev = s->dev;

	/* No event finds the session from here on, none is being handled, and none breaks it. */
	mutex_lock(&dev->sessions_lock);
	list_del_init(&s->link);
	mutex_unlock(&dev->sessions_lock);
	cancel_work_sync(&s->break_work);
	cancel_delayed_work_sync(&s->watch_work);
	/* STREAMOFF, then CLOSE; a broken session knows no STREAMOFF. */
	vmedia_queues_release(s);
	vmedia_session_end(s);
	vmedia_fh_del(&s->fh, file);
	v4l2_fh_exit(&s->fh);
	mutex_destroy(&s->lock);
	kfree(s);
	return 0;
}

/*
 * DQEVENT may wait for long and touches nothing of the session but its event queue, which has a
 * lock of its own: it takes none. The V4L2 core would go on waiting when the device is gone.
 */
static long vmedia_dqevent(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmedia_session *s = vmedia_session_of(file);

	if (!(file->f_flags & O_NONBLOCK) &&
	    wait_event_interruptible(s->fh.wait,
				     v4l2_event_pending(&s->fh) || vmedia_session_over(s)))
		return -ERESTARTSYS;
	if (!v4l2_event_pending(&s->fh) && vmedia_session_over(s))
		return READ_ONCE(s->dev->gone) ? -ENODEV : -EIO;
	return video_ioctl2(file, cmd, arg);
}

/* videobuf2 gives EIO to whoever waited for a buffer when the device went: it is ENODEV then. */
static long vmedia_verdict(struct vmedia_session *s, long ret)
{
	return ret == -EIO && READ_ONCE(s->dev->gone) ? -ENODEV : ret;
}

/* Ioctls that the V4L2 core answers or checks by the standards that it knows, by their numbers. */
static bool vmedia_needs_norms(unsigned int cmd)
{
	if (_IOC_TYPE(cmd) != 'V')
		return false;
	switch (_IOC_NR(cmd)) {
	case _IOC_NR(VIDIOC_ENUMSTD):
	case _IOC_NR(VIDIOC_S_STD):
	case _IOC_NR(VIDIOC_QUERYSTD):
		return true;
	}
	return false;
}

/*
 * Calls of one open file follow each other; a waiting DQBUF lets go of the lock
 * (vb2_queue.lock).
 */
static long vmedia_unlocked_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vmedia_session *s = vmedia_session_of(file);
	long ret;

	/* By its number: a 32-bit program's has another size. */
	if (_IOC_TYPE(cmd) == 'V' && _IOC_NR(cmd) == _IOC_NR(VIDIOC_DQEVENT))
		return vmedia_dqevent(file, cmd, arg);
	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	if (vmedia_needs_norms(cmd))
		vmedia_norms_refresh(s);
	ret = READ_ONCE(s->dev->gone) ? -ENODEV : video_ioctl2(file, cmd, arg);
	mutex_unlock(&s->lock);
	return vmedia_verdict(s, ret);
}

/*
 * A decoder's program that has not started CAPTURE waits for the event that
 * tells it the size of the pictures; that the device is through with all that
 * was queued to OUTPUT, and the program has taken it back, is no error.
 * Otherwise a memory-to-memory device polls as in the V4L2 M2M framework: there
 * is an error when neither queue has anything that could become ready.
 */
static __poll_t vmedia_poll_m2m(struct vmedia_session *s, struct file *file,
				struct poll_table_struct *wait)
{
	bool waits = vb2_is_streaming(&s->queue[VMEDIA_OUTPUT].vb2) &&
		     !vb2_is_streaming(&s->queue[VMEDIA_CAPTURE].vb2);
	__poll_t ready = 0;
	int i;

	for (i = 0; i < VMEDIA_QUEUES; i++) {
		struct vb2_queue *vq = &s->queue[i].vb2;

		if (!vb2_is_streaming(vq) ||
		    (list_empty(&vq->queued_list) && !vq->last_buffer_dequeued))
			continue;
		waits = true;
		ready |= vb2_core_poll(vq, file, wait);
	}
	return waits ? ready : EPOLLERR;
}

static __poll_t vmedia_poll(struct file *file, struct poll_table_struct *wait)
{
	struct vmedia_session *s = vmedia_session_of(file);
	__poll_t requested = poll_requested_events(wait), ready = 0;
	int i;

	/* All of them at the first call, whatever is asked for then: epoll registers once. */
	poll_wait(file, &s->fh.wait, wait);
	for (i = 0; i < VMEDIA_QUEUES; i++)
		if (s->queue[i].present)
			poll_wait(file, &s->queue[i].vb2.done_wq, wait);
	if (vmedia_session_over(s))
		return EPOLLERR | EPOLLHUP;
	if (v4l2_event_pending(&s->fh))
		ready |= EPOLLPRI;
	if (!(requested & (EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM)))
		return ready;
	mutex_lock(&s->lock);
	if (s->dev->m2m) {
		ready |= vmedia_poll_m2m(s, file, wait);
	} else {
		for (i = 0; i < VMEDIA_QUEUES; i++)
			if (s->queue[i].present)
				ready |= vb2_core_poll(&s->queue[i].vb2, file, wait);
	}
	mutex_unlock(&s->lock);
	return ready;
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
	if (!s->queue[which].present)
		return -EINVAL;
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
	ret = READ_ONCE(s->dev->gone) ? -ENODEV :
	      vb2_read(&s->queue[VMEDIA_CAPTURE].vb2, buf, count, pos, file->f_flags & O_NONBLOCK);
	mutex_unlock(&s->lock);
	return vmedia_verdict(s, ret);
}

static ssize_t vmedia_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct vmedia_session *s = vmedia_session_of(file);
	ssize_t ret;

	if (s->dev->m2m || !s->queue[VMEDIA_OUTPUT].present)
		return -EINVAL;
	if (mutex_lock_interruptible(&s->lock))
		return -ERESTARTSYS;
	ret = READ_ONCE(s->dev->gone) ? -ENODEV :
	      vb2_write(&s->queue[VMEDIA_OUTPUT].vb2, buf, count, pos, file->f_flags & O_NONBLOCK);
	mutex_unlock(&s->lock);
	return vmedia_verdict(s, ret);
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
