// SPDX-License-Identifier: Apache-2.0
/*
 * Streams as no well-behaved program does. It is built where the driver is, where there is no C library.
 *
 *   torture fork NODE ROUNDS           a camera's buffers are mapped by two processes, which let go of them in any order
 *   torture streamoff NODE ROUNDS      STREAMOFF at any moment of a camera's stream
 *   torture decode NODE ROUNDS FILE    STREAMOFF of either queue, or the end, at any moment of decoding FILE
 */
typedef unsigned int u32;
typedef unsigned long u64;

enum { READ, WRITE, OPEN, CLOSE, POLL = 7, MMAP = 9, MUNMAP = 11, IOCTL = 16, NANOSLEEP = 35, FORK = 57, WAIT4 = 61, KILL = 62, EXIT = 231 };
enum { EAGAIN_ = 11, EPIPE_ = 32 };
#define O_RDWR_NONBLOCK (02 | 04000)

/* As in <linux/videodev2.h>, for 64-bit programs. */
#define S_FMT 0xc0d05605u
#define G_FMT 0xc0d05604u
#define REQBUFS 0xc0145608u
#define QUERYBUF 0xc0585609u
#define QBUF 0xc058560fu
#define DQBUF 0xc0585611u
#define STREAMON 0x40045612u
#define STREAMOFF 0x40045613u
#define DECODER_CMD 0xc0485660u

enum { CAPTURE = 1, CAPTURE_MPLANE = 9, OUTPUT_MPLANE = 10 };
#define BUFFERS 4
#define H264 0x34363248u

struct request {
	u32 count, type, memory, capabilities, flags;
};

struct plane {
	u32 bytesused, length;
	u64 offset;
	u32 data_offset, reserved[11];
};

struct buffer {
	u32 index, type, bytesused, flags, field;
	long seconds, microseconds;
	u32 timecode[4], sequence, memory;
	union {
		u32 offset;
		struct plane *planes;
	} m;
	u32 length, reserved2, request_fd;
};

struct format {
	u32 type, pad, width, height, pixelformat, rest[47];
};

struct queue {
	int fd;
	u32 type, count;
	char queued[32];
	unsigned char *at[32];
	u64 length[32];
};

static u64 seed = 88172645463325252u;

static u32 some(u32 below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 16) % below;
}

static long call(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return ret;
}

#define CALL(nr, a, b, c) call(nr, (u64)(a), (u64)(b), (u64)(c), 0, 0, 0)

void *memcpy(void *to, const void *from, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
	return to;
}

void *memset(void *to, int c, u64 n)
{
	for (u64 i = 0; i < n; i++)
		((volatile char *)to)[i] = c;
	return to;
}

static void number(u64 n)
{
	char text[24];
	int at = sizeof(text);

	do
		text[--at] = '0' + n % 10;
	while (n /= 10);
	CALL(WRITE, 2, text + at, sizeof(text) - at);
}

static void fail(int line, long ret)
{
	CALL(WRITE, 2, "torture: line ", 14);
	number(line);
	CALL(WRITE, 2, ", errno ", 8);
	number(-ret);
	CALL(WRITE, 2, "\n", 1);
	CALL(EXIT, 1, 0, 0);
	__builtin_unreachable();
}

#define MUST(x) ({ long ret_ = (x); if (ret_ < 0) fail(__LINE__, ret_); ret_; })

static void nap(u32 milliseconds)
{
	long time[2] = { 0, milliseconds * 1000000L };

	CALL(NANOSLEEP, time, 0, 0);
}

static void describe(struct queue *q, struct buffer *b, struct plane *p, u32 index)
{
	memset(b, 0, sizeof(*b));
	memset(p, 0, sizeof(*p));
	b->index = index;
	b->type = q->type;
	b->memory = 1;
	if (q->type != CAPTURE) {
		b->m.planes = p;
		b->length = 1;
	}
}

static void make(struct queue *q, int fd, u32 type, u32 count)
{
	struct request r = { .count = count, .type = type, .memory = 1 };
	struct buffer b;
	struct plane p;

	memset(q, 0, sizeof(*q));
	q->fd = fd;
	q->type = type;
	MUST(CALL(IOCTL, fd, REQBUFS, &r));
	q->count = r.count;
	for (u32 i = 0; i < q->count; i++) {
		describe(q, &b, &p, i);
		MUST(CALL(IOCTL, fd, QUERYBUF, &b));
		q->length[i] = type == CAPTURE ? b.length : p.length;
		q->at[i] = (void *)MUST(call(MMAP, 0, q->length[i], 3, 1, fd, type == CAPTURE ? b.m.offset : p.offset));
	}
}

static void unmap(struct queue *q)
{
	for (u32 i = 0; i < q->count; i++)
		MUST(CALL(MUNMAP, q->at[i], q->length[i], 0));
	q->count = 0;
}

static void queue_all(struct queue *q, u32 bytesused)
{
	struct buffer b;
	struct plane p;

	for (u32 i = 0; i < q->count; i++) {
		if (q->queued[i])
			continue;
		describe(q, &b, &p, i);
		p.bytesused = bytesused;
		MUST(CALL(IOCTL, q->fd, QBUF, &b));
		q->queued[i] = 1;
	}
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

static void on(struct queue *q)
{
	MUST(CALL(IOCTL, q->fd, STREAMON, &q->type));
}

static void off(struct queue *q)
{
	MUST(CALL(IOCTL, q->fd, STREAMOFF, &q->type));
	memset(q->queued, 0, sizeof(q->queued));
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

static int main(char **words)
{
	u32 rounds = 0;

	for (char *c = words[3]; *c; c++)
		rounds = 10 * rounds + *c - '0';
	if (words[1][0] == 's')
		streamoff_rounds(words[2], rounds);
	else
		for (u32 i = 0; i < rounds; i++)
			words[1][0] == 'f' ? fork_round(words[2]) : decode_round(words[2], words[4]);
	number(rounds);
	return 0;
}

__asm__(".globl _start\n_start:\n\tlea 8(%rsp), %rdi\n\tand $-16, %rsp\n\tcall begin\n");

__attribute__((used)) void begin(char **words)
{
	CALL(EXIT, main(words), 0, 0);
}
