// SPDX-License-Identifier: Apache-2.0
/*
 * stamps NODE FRAMES: films, and writes a line for each frame: its timestamp and the time at which DQBUF returned, both in microseconds of
 * CLOCK_MONOTONIC.
 */
#include "bare.h"

enum { CLOCK_GETTIME = 228, MONOTONIC = 1 };

static int run(char **words)
{
	int fd = MUST(CALL(OPEN, words[1], O_RDWR_BLOCK, 0));
	u32 frames = 0;
	struct queue q;

	for (const char *digit = words[2]; *digit; digit++)
		frames = 10 * frames + *digit - '0';
	make(&q, fd, CAPTURE, 4);
	queue_all(&q, 0);
	on(&q);
	while (frames--) {
		struct buffer b;
		struct plane p;
		long now[2];

		describe(&q, &b, &p, 0);
		MUST(CALL(IOCTL, fd, DQBUF, &b));
		MUST(CALL(CLOCK_GETTIME, MONOTONIC, now, 0));
		figure(1, b.seconds * 1000000 + b.microseconds);
		CALL(WRITE, 1, " ", 1);
		figure(1, now[0] * 1000000 + now[1] / 1000);
		CALL(WRITE, 1, "\n", 1);
		describe(&q, &b, &p, b.index);
		MUST(CALL(IOCTL, fd, QBUF, &b));
	}
	off(&q);
	return 0;
}
