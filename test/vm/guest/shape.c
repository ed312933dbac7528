// SPDX-License-Identifier: Apache-2.0
/*
 * The shape of a decoder's pixels, as CROPCAP tells it.
 *
 *   shape NODE FILE    decodes a short H.264 stream to its end, and writes "pixels N/D" at the first picture and whenever it is another
 */
#include "bare.h"

#define SUBSCRIBE_EVENT 0x4020565au
#define DQEVENT 0x80885659u
#define CROPCAP 0xc02c563au
#define SOURCE_CHANGE 5
#define STOP 1
#define FLAG_LAST 0x100000
#define CODED_BUFFERS 1
#define RAW_BUFFERS 8

struct cropcap {
	u32 type, bounds[4], defrect[4], numerator, denominator;
};

static void say(const struct cropcap *cap)
{
	CALL(WRITE, 1, "pixels ", 7);
	figure(1, cap->numerator);
	CALL(WRITE, 1, "/", 1);
	figure(1, cap->denominator);
	CALL(WRITE, 1, "\n", 1);
}

/* Queues the whole stream in one buffer. */
static void feed(struct queue *coded, const char *file)
{
	int fd = MUST(CALL(OPEN, file, 0, 0));

	queue_all(coded, MUST(CALL(READ, fd, coded->at[0], coded->length[0])));
	on(coded);
	MUST(CALL(CLOSE, fd, 0, 0));
}

static int run(char **words)
{
	int fd = MUST(CALL(OPEN, words[1], O_RDWR_BLOCK, 0));
	u32 subscription[8] = { SOURCE_CHANGE }, stop[18] = { STOP };
	struct format f = { .type = OUTPUT_MPLANE };
	struct cropcap cap = { .type = CAPTURE_MPLANE }, told = { 0 };
	struct queue coded, raw;
	struct buffer b;
	struct plane p;
	u64 event[17];

	MUST(CALL(IOCTL, fd, SUBSCRIBE_EVENT, subscription));
	MUST(CALL(IOCTL, fd, G_FMT, &f));
	f.pixelformat = H264;
	MUST(CALL(IOCTL, fd, S_FMT, &f));
	make(&coded, fd, OUTPUT_MPLANE, CODED_BUFFERS);
	feed(&coded, words[2]);
	MUST(CALL(IOCTL, fd, DQEVENT, event));
	make(&raw, fd, CAPTURE_MPLANE, RAW_BUFFERS);
	queue_all(&raw, 0);
	on(&raw);
	MUST(CALL(IOCTL, fd, DECODER_CMD, stop));
	do {
		describe(&raw, &b, &p, 0);
		MUST(CALL(IOCTL, fd, DQBUF, &b));
		raw.queued[b.index] = 0;
		MUST(CALL(IOCTL, fd, CROPCAP, &cap));
		if (cap.numerator != told.numerator || cap.denominator != told.denominator)
			say(&cap);
		told = cap;
		queue_all(&raw, 0);
	} while (!(b.flags & FLAG_LAST));
	return 0;
}
