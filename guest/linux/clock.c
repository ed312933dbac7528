// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device's timestamps in the guest's clock.
 *
 * A capture device says when a frame was taken, in the CLOCK_MONOTONIC of the host. What the two
 * clocks differ by is learnt from when frames arrive: arrival less device time is that difference
 * and the frame's delay, so the least of the last seconds is closest to it. The offset in use stays
 * a little below that, so that a frame that is faster than all before it is still not from the
 * future, and follows it slowly, so that the distances between frames stay the device's.
 *
 * Nothing says that either clock goes on: a guest that was paused finds that the host's went ahead,
 * one that was migrated finds another clock. An offset that is too large shows at once, by a frame
 * from the future, and is corrected with that frame. One that is too small looks like frames that
 * are late: when all are for a while, or the device's time went back, it is learnt anew.
 */
#include "clock.h"

#define US			1000LL
#define MS			(1000 * US)
#define SECOND			(1000 * MS)

/* How far the offset stays below the least one seen, and below that of a first frame. */
#define MARGIN			(2 * MS)
#define FIRST_MARGIN		(5 * MS)
/* By how much it changes from frame to frame. */
#define SLEW			(500 * US)
/* A frame that is so late is a slow one, or the clocks have changed: they all are late then. */
#define LATE			(250 * MS)
#define LATE_FOR		(2 * SECOND)
#define LATE_FRAMES		4
/* By how much the time of a frame may be before that of the frame that came before it. */
#define BACK			(1 * SECOND)

/* Any number may come from the device: unsigned numbers wrap. */
static s64 minus(u64 a, u64 b)
{
	return (s64)(a - b);
}

/* Seconds of 2^30 ns: 64-bit numbers are not divided everywhere. */
static u64 second_of(u64 arrival)
{
	return arrival >> 30;
}

static void clock_forget(struct vmedia_clock *c)
{
	unsigned int i;

	for (i = 0; i < VMEDIA_CLOCK_SECONDS; i++)
		c->second[i] = ~0ULL;
	c->late = 0;
	c->known = false;
}

static void clock_see(struct vmedia_clock *c, s64 seen, u64 arrival)
{
	u64 second = second_of(arrival);
	unsigned int at = second % VMEDIA_CLOCK_SECONDS;

	if (c->second[at] != second) {
		c->second[at] = second;
		c->least[at] = seen;
	} else if (seen < c->least[at]) {
		c->least[at] = seen;
	}
}

static s64 clock_least(const struct vmedia_clock *c, s64 seen, u64 arrival)
{
	u64 second = second_of(arrival);
	unsigned int i;

	for (i = 0; i < VMEDIA_CLOCK_SECONDS; i++)
		if (second - c->second[i] < VMEDIA_CLOCK_SECONDS && c->least[i] < seen)
			seen = c->least[i];
	return seen;
}

/* True if frames have been late for so long that it must be the clocks. */
static bool clock_changed(struct vmedia_clock *c, s64 seen, u64 arrival)
{
	if (minus(seen, c->offset) < LATE) {
		c->late = 0;
		return false;
	}
	if (!c->late++) {
		c->late_since = arrival;
		c->late_least = seen;
	} else if (seen < c->late_least) {
		c->late_least = seen;
	}
	return c->late >= LATE_FRAMES && minus(arrival, c->late_since) >= LATE_FOR;
}

static void clock_learn(struct vmedia_clock *c, u64 device, u64 arrival)
{
	s64 seen = minus(arrival, device), step;

	if (c->known && (minus(c->device, device) > BACK ||
			 second_of(arrival) - second_of(c->arrival) >= VMEDIA_CLOCK_SECONDS))
		clock_forget(c);
	if (c->known && clock_changed(c, seen, arrival)) {
		seen = c->late_least;
		clock_forget(c);
	}
	c->device = device;
	c->arrival = arrival;
	if (!c->known) {
		clock_forget(c);
		clock_see(c, seen, arrival);
		c->known = true;
		c->offset = minus(seen, FIRST_MARGIN);
		return;
	}
	clock_see(c, seen, arrival);
	step = minus(minus(clock_least(c, seen, arrival), MARGIN), c->offset);
	if (step > SLEW)
		step = SLEW;
	if (step < -SLEW)
		step = -SLEW;
	c->offset = (s64)((u64)c->offset + (u64)step);
	/* A frame from the future: there is no time for a slow correction. */
	if (minus(seen, c->offset) < 0)
		c->offset = seen;
}

u64 vmedia_clock_translate(struct vmedia_clock *c, u64 device, u64 arrival, u64 last)
{
	u64 time;

	clock_learn(c, device, arrival);
	time = device + (u64)c->offset;
	if (minus(time, arrival) > 0)
		time = arrival;
	if (minus(time, last) < 0)
		time = last;
	return time;
}
