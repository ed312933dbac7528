// SPDX-License-Identifier: GPL-2.0-or-later
/* Ioctls that go to the device as they are. */
#include "virtio_media.h"

int vmedia_relay(struct vmedia_session *s, u32 code, void *arg, size_t len, size_t size, bool in,
		 bool out)
{
	u8 wire[256] = { 0 };
	int ret;

	if (WARN_ON_ONCE(size > sizeof(wire) || len > size))
		return -EINVAL;
	memcpy(wire, arg, len);
	ret = vmedia_ioctl(s, code, wire, in ? size : 0, out ? size : 0);
	if (!ret && out)
		memcpy(arg, wire, len);
	return ret;
}
