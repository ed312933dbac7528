// SPDX-License-Identifier: GPL-2.0-or-later
/* What carries pictures: inputs and outputs, their standards, timings, tuners and sound. */
#include <media/v4l2-ioctl.h>

#include "signal.h"
#include "virtio_media.h"

/* An ioctl whose structure looks the same everywhere: which way it goes is in its code. */
static int vmedia_signal(struct file *file, unsigned int cmd, void *arg, size_t len, size_t size)
{
	return vmedia_relay(vmedia_session_of(file), _IOC_NR(cmd), arg, len, size,
			    _IOC_DIR(cmd) & _IOC_WRITE, _IOC_DIR(cmd) & _IOC_READ);
}

#define SIGNAL(name, cmd, type, size)							\
int vmedia_##name(struct file *file, void *fh, typeof(type) *arg)			\
{											\
	return vmedia_signal(file, cmd, (void *)arg, sizeof(*arg), size);		\
}

SIGNAL(enum_input, VIDIOC_ENUMINPUT, struct v4l2_input, 80)
SIGNAL(enum_output, VIDIOC_ENUMOUTPUT, struct v4l2_output, 72)
SIGNAL(g_input, VIDIOC_G_INPUT, unsigned int, 4)
SIGNAL(g_output, VIDIOC_G_OUTPUT, unsigned int, 4)
SIGNAL(g_std, VIDIOC_G_STD, v4l2_std_id, 8)
SIGNAL(querystd, VIDIOC_QUERYSTD, v4l2_std_id, 8)
SIGNAL(g_dv_timings, VIDIOC_G_DV_TIMINGS, struct v4l2_dv_timings, 132)
SIGNAL(query_dv_timings, VIDIOC_QUERY_DV_TIMINGS, struct v4l2_dv_timings, 132)
SIGNAL(enum_dv_timings, VIDIOC_ENUM_DV_TIMINGS, struct v4l2_enum_dv_timings, 148)
SIGNAL(dv_timings_cap, VIDIOC_DV_TIMINGS_CAP, struct v4l2_dv_timings_cap, 144)
SIGNAL(g_tuner, VIDIOC_G_TUNER, struct v4l2_tuner, 84)
SIGNAL(s_tuner, VIDIOC_S_TUNER, const struct v4l2_tuner, 84)
SIGNAL(g_frequency, VIDIOC_G_FREQUENCY, struct v4l2_frequency, 44)
SIGNAL(s_frequency, VIDIOC_S_FREQUENCY, const struct v4l2_frequency, 44)
SIGNAL(enum_freq_bands, VIDIOC_ENUM_FREQ_BANDS, struct v4l2_frequency_band, 64)
SIGNAL(s_hw_freq_seek, VIDIOC_S_HW_FREQ_SEEK, const struct v4l2_hw_freq_seek, 48)
SIGNAL(enumaudio, VIDIOC_ENUMAUDIO, struct v4l2_audio, 52)
SIGNAL(g_audio, VIDIOC_G_AUDIO, struct v4l2_audio, 52)
SIGNAL(s_audio, VIDIOC_S_AUDIO, const struct v4l2_audio, 52)
SIGNAL(enumaudout, VIDIOC_ENUMAUDOUT, struct v4l2_audioout, 52)
SIGNAL(g_audout, VIDIOC_G_AUDOUT, struct v4l2_audioout, 52)
SIGNAL(s_audout, VIDIOC_S_AUDOUT, const struct v4l2_audioout, 52)

/*
 * A change of the signal. Buffers that the application freed hold it in the device as they hold the
 * format.
 */
static int vmedia_signal_set(struct file *file, u32 code, void *arg, size_t size, bool out)
{
	struct vmedia_session *s = vmedia_session_of(file);
	int i;

	for (i = 0; i < VMEDIA_QUEUES; i++) {
		struct vmedia_queue *q = &s->queue[i];

		if (q->present && q->device_buffers && !vb2_is_busy(&q->vb2))
			vmedia_queue_free_device_buffers(q);
	}
	return vmedia_relay(s, code, arg, size, size, true, out);
}

int vmedia_s_input(struct file *file, void *fh, unsigned int input)
{
	return vmedia_signal_set(file, _IOC_NR(VIDIOC_S_INPUT), &input, sizeof(input), true);
}

int vmedia_s_output(struct file *file, void *fh, unsigned int output)
{
	return vmedia_signal_set(file, _IOC_NR(VIDIOC_S_OUTPUT), &output, sizeof(output), true);
}

int vmedia_s_std(struct file *file, void *fh, v4l2_std_id norm)
{
	return vmedia_signal_set(file, _IOC_NR(VIDIOC_S_STD), &norm, sizeof(norm), false);
}

int vmedia_s_dv_timings(struct file *file, void *fh, struct v4l2_dv_timings *timings)
{
	return vmedia_signal_set(file, _IOC_NR(VIDIOC_S_DV_TIMINGS), timings, sizeof(*timings),
				 true);
}
