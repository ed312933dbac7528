// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * struct v4l2_format to and from the wire: the union starts at 4 on 32-bit
 * machines and at 8 on the wire.
 */
#include "virtio_media.h"

int vmedia_fmt_ioctl(struct vmedia_session *s, u32 code, struct v4l2_format *f)
{
	struct virtio_media_format wire = { .type = cpu_to_le32(f->type) };
	int ret;

	BUILD_BUG_ON(sizeof(f->fmt) < sizeof(wire.fmt));
	memcpy(wire.fmt, &f->fmt, sizeof(wire.fmt));
	ret = vmedia_ioctl(s, code, &wire, sizeof(wire), sizeof(wire));
	if (!ret)
		memcpy(&f->fmt, wire.fmt, sizeof(wire.fmt));
	return ret;
}
