// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ioctls. Buffers are videobuf2's (queue.c); everything else goes to the device as it is, after the
 * V4L2 core has checked it. A structure whose layout depends on the machine is translated.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <media/v4l2-event.h>
#include <media/v4l2-ioctl.h>

#include "compat.h"
#include "signal.h"
#include "virtio_media.h"

static int vmedia_querycap(struct file *file, void *fh, struct v4l2_capability *cap)
{
	struct vmedia_device *dev = vmedia_session_of(file)->dev;

	strscpy(cap->driver, "virtio-media", sizeof(cap->driver));
	strscpy(cap->card, dev->video.name, sizeof(cap->card));
	snprintf(cap->bus_info, sizeof(cap->bus_info), "platform:%s", dev_name(&dev->vdev->dev));
	return 0;
}

#define RELAY(name, nr, type, size, in, out)						\
static int vmedia_##name(struct file *file, void *fh, typeof(type) *arg)		\
{											\
	return vmedia_relay(vmedia_session_of(file), _IOC_NR(nr), (void *)arg,		\
			    sizeof(*arg), size, in, out);				\
}

RELAY(enum_fmt, VIDIOC_ENUM_FMT, struct v4l2_fmtdesc, 64, true, true)
RELAY(enum_framesizes, VIDIOC_ENUM_FRAMESIZES, struct v4l2_frmsizeenum, 44, true, true)
RELAY(enum_frameintervals, VIDIOC_ENUM_FRAMEINTERVALS, struct v4l2_frmivalenum, 52, true, true)
RELAY(g_selection, VIDIOC_G_SELECTION, struct v4l2_selection, 64, true, true)
RELAY(s_selection, VIDIOC_S_SELECTION, struct v4l2_selection, 64, true, true)
RELAY(querymenu, VIDIOC_QUERYMENU, struct v4l2_querymenu, 44, true, true)
RELAY(try_decoder_cmd, VIDIOC_TRY_DECODER_CMD, struct v4l2_decoder_cmd, 72, true, true)
RELAY(try_encoder_cmd, VIDIOC_TRY_ENCODER_CMD, struct v4l2_encoder_cmd, 40, true, true)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
RELAY(g_ctrl, VIDIOC_G_CTRL, struct v4l2_control, 8, true, true)
RELAY(s_ctrl, VIDIOC_S_CTRL, struct v4l2_control, 8, true, true)

static int vmedia_queryctrl(struct file *file, void *fh, struct v4l2_queryctrl *query)
{
	int ret = vmedia_relay(vmedia_session_of(file), _IOC_NR(VIDIOC_QUERYCTRL), query,
			       sizeof(*query), 68, true, true);

	query->flags &= ~VMEDIA_UNKNOWN_CTRL_FLAGS;
	return ret;
}
#endif

static int vmedia_query_ext_ctrl(struct file *file, void *fh, struct v4l2_query_ext_ctrl *query)
{
	int ret = vmedia_relay(vmedia_session_of(file), _IOC_NR(VIDIOC_QUERY_EXT_CTRL), query,
			       sizeof(*query), 232, true, true);

	query->flags &= ~VMEDIA_UNKNOWN_CTRL_FLAGS;
	return ret;
}

/* read() is this driver's, so the number of buffers it uses is this driver's answer. */
static int vmedia_parm(struct file *file, u32 code, struct v4l2_streamparm *parm)
{
	struct vmedia_session *s = vmedia_session_of(file);
	int ret = vmedia_relay(s, code, parm, sizeof(*parm), 204, true, true);

	if (ret || s->dev->m2m)
		return ret;
	if (V4L2_TYPE_IS_OUTPUT(parm->type))
		parm->parm.output.writebuffers = VMEDIA_READ_BUFFERS;
	else
		parm->parm.capture.readbuffers = VMEDIA_READ_BUFFERS;
	return 0;
}

static int vmedia_g_parm(struct file *file, void *fh, struct v4l2_streamparm *parm)
{
	return vmedia_parm(file, _IOC_NR(VIDIOC_G_PARM), parm);
}

static int vmedia_s_parm(struct file *file, void *fh, struct v4l2_streamparm *parm)
{
	return vmedia_parm(file, _IOC_NR(VIDIOC_S_PARM), parm);
}

static int vmedia_g_fmt(struct file *file, void *fh, struct v4l2_format *f)
{
	return vmedia_fmt_ioctl(vmedia_session_of(file), _IOC_NR(VIDIOC_G_FMT), f);
}

static int vmedia_try_fmt(struct file *file, void *fh, struct v4l2_format *f)
{
	return vmedia_fmt_ioctl(vmedia_session_of(file), _IOC_NR(VIDIOC_TRY_FMT), f);
}

/*
 * The device keeps buffers from the first REQBUFS on, so it says EBUSY by itself while the queue
 * has any; when the application freed all of its own, the device's go too.
 */
static int vmedia_s_fmt(struct file *file, void *fh, struct v4l2_format *f)
{
	struct vmedia_session *s = vmedia_session_of(file);
	struct vmedia_queue *q = vmedia_queue_of(s, f->type);

	if (!q)
		return -EINVAL;
	if (vb2_is_busy(&q->vb2))
		return -EBUSY;
	if (q->device_buffers)
		vmedia_queue_free_device_buffers(q);
	return vmedia_fmt_ioctl(s, _IOC_NR(VIDIOC_S_FMT), f);
}

static int vmedia_reqbufs(struct file *file, void *fh, struct v4l2_requestbuffers *req)
{
	struct vmedia_queue *q = vmedia_queue_of(vmedia_session_of(file), req->type);
	int ret;

	if (!q)
		return -EINVAL;
	/*
	 * The device says whether this file may have buffers at all, also when
	 * there are none to free.
	 */
	if (!req->count && !q->device_buffers) {
		ret = vmedia_queue_free_device_buffers(q);
		if (ret)
			return ret;
	}
	ret = vb2_reqbufs(&q->vb2, req);
	if (q->device_buffers && !vmedia_vb2_count(&q->vb2))
		vmedia_queue_free_device_buffers(q);
	return ret;
}

static int vmedia_create_bufs(struct file *file, void *fh, struct v4l2_create_buffers *create)
{
	struct vmedia_queue *q = vmedia_queue_of(vmedia_session_of(file), create->format.type);

	int ret;

	if (!q)
		return -EINVAL;
	ret = vb2_create_bufs(&q->vb2, create);
	if (ret && q->device_buffers && !vmedia_vb2_count(&q->vb2))
		vmedia_queue_free_device_buffers(q);
	return ret;
}

/* The offsets that mmap() gets must tell the two queues of a memory-to-memory device apart. */
static void vmedia_tag_offsets(struct vmedia_session *s, struct vmedia_queue *q,
			       struct v4l2_buffer *b)
{
	unsigned int i;

	if (!s->dev->m2m || q != &s->queue[VMEDIA_CAPTURE] || b->memory != V4L2_MEMORY_MMAP)
		return;
	if (!V4L2_TYPE_IS_MULTIPLANAR(b->type)) {
		b->m.offset += VMEDIA_CAPTURE_OFFSET;
		return;
	}
	for (i = 0; i < b->length; i++)
		b->m.planes[i].m.mem_offset += VMEDIA_CAPTURE_OFFSET;
}

#define BUFFER_IOCTL(name, call)							\
static int vmedia_##name(struct file *file, void *fh, struct v4l2_buffer *b)		\
{											\
	struct vmedia_session *s = vmedia_session_of(file);				\
	struct vmedia_queue *q = vmedia_queue_of(s, b->type);				\
	int ret = q ? (call) : -EINVAL;							\
											\
	if (!ret)									\
		vmedia_tag_offsets(s, q, b);						\
	return ret;									\
}

BUFFER_IOCTL(querybuf, vb2_querybuf(&q->vb2, b))

static int vmedia_queue_buffer(struct vmedia_queue *q, struct v4l2_buffer *b)
{
	int ret;

	vmedia_queue_hold(q, true);
	ret = vb2_qbuf(&q->vb2, NULL, b);
	vmedia_queue_hold(q, false);
	return ret;
}

BUFFER_IOCTL(qbuf, vmedia_queue_buffer(q, b))
BUFFER_IOCTL(prepare_buf, vb2_prepare_buf(&q->vb2, NULL, b))
BUFFER_IOCTL(dqbuf, vb2_dqbuf(&q->vb2, b, file->f_flags & O_NONBLOCK))

static int vmedia_expbuf(struct file *file, void *fh, struct v4l2_exportbuffer *e)
{
	struct vmedia_queue *q = vmedia_queue_of(vmedia_session_of(file), e->type);

	return q ? vb2_expbuf(&q->vb2, e) : -EINVAL;
}

static int vmedia_streamon(struct file *file, void *fh, enum v4l2_buf_type type)
{
	struct vmedia_queue *q = vmedia_queue_of(vmedia_session_of(file), type);

	return q ? vb2_streamon(&q->vb2, type) : -EINVAL;
}

static int vmedia_streamoff(struct file *file, void *fh, enum v4l2_buf_type type)
{
	struct vmedia_queue *q = vmedia_queue_of(vmedia_session_of(file), type);

	return q ? vb2_streamoff(&q->vb2, type) : -EINVAL;
}

/* A codec that starts again after the end of a stream has another last picture to come. */
static void vmedia_codec_started(struct vmedia_session *s)
{
	if (s->queue[VMEDIA_CAPTURE].present)
		vb2_clear_last_buffer_dequeued(&s->queue[VMEDIA_CAPTURE].vb2);
}

static int vmedia_decoder_cmd(struct file *file, void *fh, struct v4l2_decoder_cmd *cmd)
{
	struct vmedia_session *s = vmedia_session_of(file);
	int ret = vmedia_relay(s, _IOC_NR(VIDIOC_DECODER_CMD), cmd, sizeof(*cmd), 72, true, true);

	if (!ret && cmd->cmd == V4L2_DEC_CMD_START)
		vmedia_codec_started(s);
	return ret;
}

static int vmedia_encoder_cmd(struct file *file, void *fh, struct v4l2_encoder_cmd *cmd)
{
	struct vmedia_session *s = vmedia_session_of(file);
	int ret = vmedia_relay(s, _IOC_NR(VIDIOC_ENCODER_CMD), cmd, sizeof(*cmd), 40, true, true);

	if (!ret && cmd->cmd == V4L2_ENC_CMD_START)
		vmedia_codec_started(s);
	return ret;
}

static int vmedia_subscribe_event(struct v4l2_fh *fh, const struct v4l2_event_subscription *sub)
{
	struct vmedia_session *s = container_of(fh, struct vmedia_session, fh);
	struct v4l2_event_subscription wire = *sub;
	int ret;

	/* First here, so that the device's initial event finds the subscription. */
	ret = v4l2_event_subscribe(fh, sub, 16, NULL);
	if (ret)
		return ret;
	ret = vmedia_ioctl(s, _IOC_NR(VIDIOC_SUBSCRIBE_EVENT), &wire, sizeof(wire), 0);
	if (ret) {
		v4l2_event_unsubscribe(fh, sub);
		return ret;
	}
	vmedia_session_watch_start(s);
	/*
	 * The initial event is in the ring before the answer: have it in the
	 * queue before the application looks.
	 */
	if (sub->flags & V4L2_EVENT_SUB_FL_SEND_INITIAL)
		vmedia_eventq_flush(s->dev);
	return 0;
}

static int vmedia_unsubscribe_event(struct v4l2_fh *fh, const struct v4l2_event_subscription *sub)
{
	struct vmedia_session *s = container_of(fh, struct vmedia_session, fh);
	struct v4l2_event_subscription wire = *sub;
	int ret = vmedia_ioctl(s, _IOC_NR(VIDIOC_UNSUBSCRIBE_EVENT), &wire, sizeof(wire), 0);

	v4l2_event_unsubscribe(fh, sub);
	return ret;
}

/*
 * The values of all controls of one call that lie in user memory; no media
 * device comes near this.
 */
#define VMEDIA_MAX_VALUES	SZ_256K

static size_t vmedia_value_room(const struct v4l2_ext_control *ctrl)
{
	return ALIGN((size_t)ctrl->size, 8);
}

/* Kernel memory for the values that lie in user memory. Returns their sum, or a negative errno. */
static int vmedia_values_size(const struct v4l2_ext_controls *c)
{
	size_t sum = 0;
	unsigned int i;

	for (i = 0; i < c->count; i++) {
		if (c->controls[i].size > VMEDIA_MAX_VALUES)
			return -EINVAL;
		sum += vmedia_value_room(&c->controls[i]);
		if (sum > VMEDIA_MAX_VALUES)
			return -EINVAL;
	}
	return sum;
}

/* Copies the values in and describes each; one piece of memory a value. */
static int vmedia_values_in(const struct v4l2_ext_controls *c, struct vmedia_memory *memory,
			    struct virtio_media_sg_entry *list)
{
	unsigned int i, n = 0;
	size_t at = 0;

	for (i = 0; i < c->count; i++) {
		const struct v4l2_ext_control *ctrl = &c->controls[i];

		if (!ctrl->size)
			continue;
		if (copy_from_user(memory->data + at, ctrl->ptr, ctrl->size))
			return -EFAULT;
		list[n].start = cpu_to_le64(memory->address + at);
		list[n].len = cpu_to_le32(ctrl->size);
		n++;
		at += vmedia_value_room(ctrl);
	}
	return n;
}

/* The answer back into the controls; the values too if @values. */
static int vmedia_values_out(struct v4l2_ext_controls *c, const struct vmedia_memory *memory,
			     const struct v4l2_ext_control *wired, bool values)
{
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < c->count; i++) {
		struct v4l2_ext_control *ctrl = &c->controls[i];
		size_t room = vmedia_value_room(ctrl);

		if (!ctrl->size)
			ctrl->value64 = wired[i].value64;
		else if (values && copy_to_user(ctrl->ptr, memory->data + at,
						min(ctrl->size, wired[i].size)))
			return -EFAULT;
		/*
		 * A control may have a size that the application did not know
		 * of: ENOSPC says so.
		 */
		ctrl->size = wired[i].size;
		at += room;
	}
	return 0;
}

static int vmedia_ext_ctrls(struct file *file, u32 code, struct v4l2_ext_controls *c)
{
	struct vmedia_session *s = vmedia_session_of(file);
	size_t head = sizeof(struct virtio_media_ext_controls) +
		      c->count * sizeof(struct v4l2_ext_control);
	struct vmedia_call call = { .code = code, .in = head, .out = head, .keep = true };
	struct virtio_media_sg_entry *list;
	struct virtio_media_ext_controls *wire;
	struct v4l2_ext_control *wired;
	int ret = vmedia_values_size(c), fault;

	BUILD_BUG_ON(sizeof(struct v4l2_ext_control) != 20);
	if (ret < 0)
		return ret;
	if (ret) {
		call.memory = vmedia_memory_alloc(s->dev, ret);
		if (!call.memory)
			return -ENOMEM;
	}
	ret = -ENOMEM;
	wire = kvzalloc(head, GFP_KERNEL);
	list = kvcalloc(c->count ?: 1, sizeof(*list), GFP_KERNEL);
	if (!wire || !list)
		goto out;
	wire->which = cpu_to_le32(c->which);
	wire->count = cpu_to_le32(c->count);
	wire->error_idx = cpu_to_le32(c->error_idx);
	wire->request_fd = cpu_to_le32(c->request_fd);
	wired = (struct v4l2_ext_control *)(wire + 1);
	if (c->count)
		memcpy(wired, c->controls, c->count * sizeof(*wired));
	call.payload = wire;
	if (call.memory) {
		ret = vmedia_values_in(c, call.memory, list);
		if (ret < 0)
			goto out;
		call.tail = list;
		call.tail_len = ret * sizeof(*list);
		vmedia_memory_for_device(call.memory);
	}
	ret = vmedia_session_call(s, &call);
	c->error_idx = le32_to_cpu(wire->error_idx);
	/* Of a command that was not answered the memory is the device's. */
	if (call.memory && !ret)
		vmedia_memory_for_cpu(call.memory);
	fault = vmedia_values_out(c, call.memory, wired, !ret);
	ret = ret ?: fault;
out:
	kvfree(list);
	kvfree(wire);
	vmedia_memory_put(call.memory);
	return ret;
}

static int vmedia_g_ext_ctrls(struct file *file, void *fh, struct v4l2_ext_controls *c)
{
	return vmedia_ext_ctrls(file, _IOC_NR(VIDIOC_G_EXT_CTRLS), c);
}

static int vmedia_s_ext_ctrls(struct file *file, void *fh, struct v4l2_ext_controls *c)
{
	return vmedia_ext_ctrls(file, _IOC_NR(VIDIOC_S_EXT_CTRLS), c);
}

static int vmedia_try_ext_ctrls(struct file *file, void *fh, struct v4l2_ext_controls *c)
{
	return vmedia_ext_ctrls(file, _IOC_NR(VIDIOC_TRY_EXT_CTRLS), c);
}

/*
 * There is no vidioc_g_pixelaspect, as there is none in the kernel's own stateful decoders: users
 * read CROPCAP's shape the wrong way round (ffmpeg), or refuse to decode where it is no square
 * (GStreamer).
 */
const struct v4l2_ioctl_ops vmedia_ioctl_ops = {
	.vidioc_querycap = vmedia_querycap,
	.vidioc_enum_fmt_vid_cap = vmedia_enum_fmt,
	.vidioc_enum_fmt_vid_out = vmedia_enum_fmt,
	.vidioc_g_fmt_vid_cap = vmedia_g_fmt,
	.vidioc_g_fmt_vid_cap_mplane = vmedia_g_fmt,
	.vidioc_g_fmt_vid_out = vmedia_g_fmt,
	.vidioc_g_fmt_vid_out_mplane = vmedia_g_fmt,
	.vidioc_s_fmt_vid_cap = vmedia_s_fmt,
	.vidioc_s_fmt_vid_cap_mplane = vmedia_s_fmt,
	.vidioc_s_fmt_vid_out = vmedia_s_fmt,
	.vidioc_s_fmt_vid_out_mplane = vmedia_s_fmt,
	.vidioc_try_fmt_vid_cap = vmedia_try_fmt,
	.vidioc_try_fmt_vid_cap_mplane = vmedia_try_fmt,
	.vidioc_try_fmt_vid_out = vmedia_try_fmt,
	.vidioc_try_fmt_vid_out_mplane = vmedia_try_fmt,
	.vidioc_enum_fmt_meta_cap = vmedia_enum_fmt,
	.vidioc_g_fmt_meta_cap = vmedia_g_fmt,
	.vidioc_s_fmt_meta_cap = vmedia_s_fmt,
	.vidioc_try_fmt_meta_cap = vmedia_try_fmt,
	.vidioc_enum_fmt_meta_out = vmedia_enum_fmt,
	.vidioc_g_fmt_meta_out = vmedia_g_fmt,
	.vidioc_s_fmt_meta_out = vmedia_s_fmt,
	.vidioc_try_fmt_meta_out = vmedia_try_fmt,
	.vidioc_reqbufs = vmedia_reqbufs,
	.vidioc_create_bufs = vmedia_create_bufs,
	.vidioc_querybuf = vmedia_querybuf,
	.vidioc_qbuf = vmedia_qbuf,
	.vidioc_dqbuf = vmedia_dqbuf,
	.vidioc_prepare_buf = vmedia_prepare_buf,
	.vidioc_expbuf = vmedia_expbuf,
	.vidioc_streamon = vmedia_streamon,
	.vidioc_streamoff = vmedia_streamoff,
	.vidioc_g_parm = vmedia_g_parm,
	.vidioc_s_parm = vmedia_s_parm,
	.vidioc_enum_input = vmedia_enum_input,
	.vidioc_g_input = vmedia_g_input,
	.vidioc_s_input = vmedia_s_input,
	.vidioc_enum_output = vmedia_enum_output,
	.vidioc_g_output = vmedia_g_output,
	.vidioc_s_output = vmedia_s_output,
	.vidioc_g_std = vmedia_g_std,
	.vidioc_s_std = vmedia_s_std,
	.vidioc_querystd = vmedia_querystd,
	.vidioc_g_dv_timings = vmedia_g_dv_timings,
	.vidioc_s_dv_timings = vmedia_s_dv_timings,
	.vidioc_query_dv_timings = vmedia_query_dv_timings,
	.vidioc_enum_dv_timings = vmedia_enum_dv_timings,
	.vidioc_dv_timings_cap = vmedia_dv_timings_cap,
	.vidioc_g_tuner = vmedia_g_tuner,
	.vidioc_s_tuner = vmedia_s_tuner,
	.vidioc_g_frequency = vmedia_g_frequency,
	.vidioc_s_frequency = vmedia_s_frequency,
	.vidioc_enum_freq_bands = vmedia_enum_freq_bands,
	.vidioc_s_hw_freq_seek = vmedia_s_hw_freq_seek,
	.vidioc_enumaudio = vmedia_enumaudio,
	.vidioc_g_audio = vmedia_g_audio,
	.vidioc_s_audio = vmedia_s_audio,
	.vidioc_enumaudout = vmedia_enumaudout,
	.vidioc_g_audout = vmedia_g_audout,
	.vidioc_s_audout = vmedia_s_audout,
	.vidioc_enum_framesizes = vmedia_enum_framesizes,
	.vidioc_enum_frameintervals = vmedia_enum_frameintervals,
	.vidioc_g_selection = vmedia_g_selection,
	.vidioc_s_selection = vmedia_s_selection,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	.vidioc_queryctrl = vmedia_queryctrl,
	.vidioc_g_ctrl = vmedia_g_ctrl,
	.vidioc_s_ctrl = vmedia_s_ctrl,
#endif
	.vidioc_query_ext_ctrl = vmedia_query_ext_ctrl,
	.vidioc_querymenu = vmedia_querymenu,
	.vidioc_g_ext_ctrls = vmedia_g_ext_ctrls,
	.vidioc_s_ext_ctrls = vmedia_s_ext_ctrls,
	.vidioc_try_ext_ctrls = vmedia_try_ext_ctrls,
	.vidioc_decoder_cmd = vmedia_decoder_cmd,
	.vidioc_try_decoder_cmd = vmedia_try_decoder_cmd,
	.vidioc_encoder_cmd = vmedia_encoder_cmd,
	.vidioc_try_encoder_cmd = vmedia_try_encoder_cmd,
	.vidioc_subscribe_event = vmedia_subscribe_event,
	.vidioc_unsubscribe_event = vmedia_unsubscribe_event,
};
