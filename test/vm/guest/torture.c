// SPDX-License-Identifier: Apache-2.0
/*
 * Streams as no well-behaved program does.
 *
 *   torture fork NODE ROUNDS           a camera's buffers are mapped by two processes, which let go of them in any order
 *   torture streamoff NODE ROUNDS      STREAMOFF at any moment of a camera's stream
 *   torture decode NODE ROUNDS FILE    STREAMOFF of either queue, or the end, at any moment of decoding FILE
 */
#include "bare.h"

enum { EAGAIN_ = 11, EPIPE_ = 32 };
#define BUFFERS 4

static u64 seed = 88172645463325252u;

static u32 some(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 16) % below;
}

/* Takes back what is done; no answer but "nothing now" and "no more" is expected. */
static void take_back(struct queue *q)
{
	struct buffer b;
	struct plane p;
	long ret;

	do {
		describe(q, &b, &p, 0);
		ret = CALL(IOCTL, q->fd, DQBUF, &b);
		if (ret < 0 && ret != -EAGAIN_ && ret != -EPIPE_)
			fail(__LINE__, ret);
		if (!ret)
			q->queued[b.index] = 0;
	} while (!ret);
}

static void touch(struct queue *q)
{
	for (u32 i = 0; i < q->count; i++)
		for (u64 at = 0; at < q->length[i]; at += 4096)
			((volatile unsigned char *)q->at[i])[at]++;
}

static void fork_round(const char *node)
{
	int fd = MUST(CALL(OPEN, node, O_RDWR_NONBLOCK, 0)), status;
	struct queue q;
	long child;

	make(&q, fd, CAPTURE, BUFFERS);
	queue_all(&q, 0);
	on(&q);
	nap(some(60));
	child = MUST(CALL(FORK, 0, 0, 0));
	if (!child) {
		u32 end = some(3);

		for (int i = 0; i < 10; i++) {
			touch(&q);
			nap(some(5));
		}
		if (end == 0)
			unmap(&q);
		if (end == 1)
			CALL(IOCTL, fd, STREAMOFF, &q.type);
		CALL(EXIT, 0, 0, 0);
	}
	switch (some(5)) {
	case 0:
		off(&q);
		break;
	case 1:
		unmap(&q);
		break;
	case 2:
		nap(some(20));
		CALL(KILL, child, 9, 0);
		break;
	case 3:
		touch(&q);
		break;
	}
	MUST(CALL(CLOSE, fd, 0, 0));
	unmap(&q);
	MUST(CALL(WAIT4, child, &status, 0));
}

static void streamoff_rounds(const char *node, u32 rounds)
{
	int fd = -1;
	struct queue q;

	for (u32 i = 0; i < rounds; i++) {
		if (i % 10 == 0) {
			if (fd >= 0) {
				unmap(&q);
				MUST(CALL(CLOSE, fd, 0, 0));
			}
			fd = MUST(CALL(OPEN, node, O_RDWR_NONBLOCK, 0));
			make(&q, fd, CAPTURE, 2 + some(BUFFERS));
		}
		queue_all(&q, 0);
		on(&q);
		nap(some(50));
		take_back(&q);
		if (some(2))
			queue_all(&q, 0);
		off(&q);
	}
}

static u32 load(struct queue *q, const char *file)
{
	u32 used = 0;

	for (u32 i = 0; i < q->count; i++) {
		int fd = MUST(CALL(OPEN, file, 0, 0));

		used = MUST(CALL(READ, fd, q->at[i], q->length[i]));
		MUST(CALL(CLOSE, fd, 0, 0));
	}
	return used;
}

static void decode_round(const char *node, const char *file)
{
	int fd = MUST(CALL(OPEN, node, O_RDWR_NONBLOCK, 0));
	struct format f = { .type = OUTPUT_MPLANE };
	struct { u32 cmd, rest[17]; } stop = { .cmd = 1 };
	struct queue coded, raw;
	u32 used;

	MUST(CALL(IOCTL, fd, G_FMT, &f));
	f.pixelformat = H264;
	MUST(CALL(IOCTL, fd, S_FMT, &f));
	make(&coded, fd, OUTPUT_MPLANE, BUFFERS);
	used = load(&coded, file);
	queue_all(&coded, used);
	on(&coded);
	nap(some(100));
	make(&raw, fd, CAPTURE_MPLANE, 2 + some(10));
	for (u32 i = 0; i < 4; i++) {
		queue_all(&raw, 0);
		on(&raw);
		for (u32 turns = some(6); turns; turns--) {
			nap(some(30));
			take_back(&raw);
			take_back(&coded);
			queue_all(&raw, 0);
			queue_all(&coded, used);
		}
		if (some(4) == 0)
			MUST(CALL(IOCTL, fd, DECODER_CMD, &stop));
		switch (some(3)) {
		case 0:
			off(&coded);
			on(&coded);
			queue_all(&coded, used);
			break;
		case 1:
			off(&coded);
			off(&raw);
			on(&coded);
			queue_all(&coded, used);
			break;
		}
		off(&raw);
	}
	MUST(CALL(CLOSE, fd, 0, 0));
	unmap(&raw);
	unmap(&coded);
}

static int run(char **words)
{
	u32 rounds = 0;

	for (char *c = words[3]; *c; c++)
		rounds = 10 * rounds + *c - '0';
	if (words[1][0] == 's')
		streamoff_rounds(words[2], rounds);
	else
		for (u32 i = 0; i < rounds; i++)
			words[1][0] == 'f' ? fork_round(words[2]) : decode_round(words[2], words[4]);
	figure(2, rounds);
	return 0;
}
