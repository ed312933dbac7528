// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's translation of timestamps, for the host: reads pairs of 64-bit numbers (the device's time of a frame, its arrival in the
 * guest's clock, in nanoseconds), and writes the time in the guest's clock of each. The driver's clock.c lies beside it as a header when
 * it is built.
 */
#include "bare.h"
typedef long s64;
typedef _Bool bool;
#define true 1
#define false 0
#include "driver-clock.h"

static int run(char **words)
{
	static struct vmedia_clock clock;
	u64 pair[2], last = 0;

	while (words && CALL(READ, 0, pair, sizeof(pair)) == sizeof(pair)) {
		last = vmedia_clock_translate(&clock, pair[0], pair[1], last);
		MUST(CALL(WRITE, 1, &last, sizeof(last)));
	}
	return 0;
}
