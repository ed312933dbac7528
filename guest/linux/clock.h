/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's timestamps in the guest's clock. Arithmetic alone: a program of the tests runs it,
 * too, with types of its own.
 */
#ifndef VIRTIO_MEDIA_CLOCK_H
#define VIRTIO_MEDIA_CLOCK_H

#ifdef __KERNEL__
#include <linux/types.h>
#endif

/* The least offset of each of the last seconds is kept. */
#define VMEDIA_CLOCK_SECONDS	8

/* All times in nanoseconds. Zeroed: nothing is known. */
struct vmedia_clock {
	/* the guest's clock less the device's */
	s64 offset;
	bool known;
	/* of the last frame: what the device said, and when it came */
	u64 device;
	u64 arrival;
	/* least (arrival - device time) of a second, and which second that was */
	s64 least[VMEDIA_CLOCK_SECONDS];
	u64 second[VMEDIA_CLOCK_SECONDS];
	/* frames that came far too late, one after another, and the earliest of them */
	unsigned int late;
	u64 late_since;
	s64 late_least;
};

/*
 * The time of a frame in the guest's clock: not after @arrival, not before @last, the time of the
 * frame before it.
 */
u64 vmedia_clock_translate(struct vmedia_clock *c, u64 device, u64 arrival, u64 last);

#endif
