// SPDX-License-Identifier: GPL-2.0-or-later
/* The video standards that the V4L2 core knows of the device. */
#include "virtio_media.h"

/*
 * The V4L2 core enumerates standards, and checks those that are set, by the set in the video
 * device: it is that of the input or output which the device has at the moment, whoever chose it.
 */
void vmedia_norms_refresh(struct vmedia_session *s)
{
	bool tx = s->dev->video.vfl_dir == VFL_DIR_TX;
	u32 get = tx ? _IOC_NR(VIDIOC_G_OUTPUT) : _IOC_NR(VIDIOC_G_INPUT);
	u32 describe = tx ? _IOC_NR(VIDIOC_ENUMOUTPUT) : _IOC_NR(VIDIOC_ENUMINPUT);
	union {
		struct v4l2_input input;
		struct v4l2_output output;
	} it = { 0 };
	u32 index = 0;
	int ret = vmedia_relay(s, get, &index, sizeof(index), sizeof(index), false, true);

	if (ret)
		return;
	if (tx) {
		it.output.index = index;
		ret = vmedia_relay(s, describe, &it.output, sizeof(it.output), 72, true, true);
	} else {
		it.input.index = index;
		ret = vmedia_relay(s, describe, &it.input, sizeof(it.input), 80, true, true);
	}
	if (!ret)
		WRITE_ONCE(s->dev->video.tvnorms, tx ? it.output.std : it.input.std);
}
