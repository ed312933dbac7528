// SPDX-License-Identifier: Apache-2.0
/*
 * A camera's stream as a witness sees it.
 *
 *   film until NODE    films until an ioctl refuses, and says which, with what errno, after how many frames
 *   film hold NODE     queues as many buffers as there can be, starts, and takes none back until it is killed
 *
 * Both write a line to standard output once they stream: "filming", after the first frame, or "holding N".
 */
#include "bare.h"

#define BUFFERS 4
#define MOST_BUFFERS 32
#define FLAG_ERROR 0x40

static void text(const char *words)
{
	u64 length = 0;

	while (words[length])
		length++;
	CALL(WRITE, 1, words, length);
}

static int heard(const char *what, long ret, u32 frames)
{
	figure(1, frames);
	text(" frames, then ");
	text(what);
	text(": errno ");
	figure(1, -ret);
	text("\n");
	return 0;
}

static int until(struct queue *q)
{
	for (u32 frames = 0;;) {
		struct buffer b;
		struct plane p;
		long ret;

		describe(q, &b, &p, 0);
		ret = CALL(IOCTL, q->fd, DQBUF, &b);
		if (ret < 0)
			return heard("DQBUF", ret, frames);
		if (!(b.flags & FLAG_ERROR) && !frames++)
			text("filming\n");
		describe(q, &b, &p, b.index);
		ret = CALL(IOCTL, q->fd, QBUF, &b);
		if (ret < 0)
			return heard("QBUF", ret, frames);
	}
}

static int run(char **words)
{
	int fd = MUST(CALL(OPEN, words[2], O_RDWR_BLOCK, 0)), hold = words[1][0] == 'h';
	struct queue q;

	make(&q, fd, CAPTURE, hold ? MOST_BUFFERS : BUFFERS);
	queue_all(&q, 0);
	on(&q);
	if (!hold)
		return until(&q);
	text("holding ");
	figure(1, q.count);
	text("\n");
	for (;;)
		nap(500);
}
