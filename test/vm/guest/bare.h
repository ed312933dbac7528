/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programs of the test guest are made of: they are built where the driver is, where there is no C library. 64-bit only.
 * A program writes "static int run(char **words)", whose words are those of its command line, and includes this first.
 */
typedef unsigned int u32;
typedef unsigned long u64;

enum { READ, WRITE, OPEN, CLOSE, POLL = 7, MMAP = 9, MUNMAP = 11, IOCTL = 16, NANOSLEEP = 35, FORK = 57, WAIT4 = 61, KILL = 62, EXIT = 231 };
#define O_RDWR_NONBLOCK (02 | 04000)
#define O_RDWR_BLOCK 02

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

static inline long call(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
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

static inline void figure(int fd, u64 n)
{
	char text[24];
	int at = sizeof(text);

	do
		text[--at] = '0' + n % 10;
	while (n /= 10);
	CALL(WRITE, fd, text + at, sizeof(text) - at);
}

static inline void fail(int line, long ret)
{
	CALL(WRITE, 2, "line ", 5);
	figure(2, line);
	CALL(WRITE, 2, ", errno ", 8);
	figure(2, -ret);
	CALL(WRITE, 2, "\n", 1);
	CALL(EXIT, 1, 0, 0);
	__builtin_unreachable();
}

#define MUST(x) ({ long ret_ = (x); if (ret_ < 0) fail(__LINE__, ret_); ret_; })

static inline void nap(u32 milliseconds)
{
	long time[2] = { 0, milliseconds * 1000000L };

	CALL(NANOSLEEP, time, 0, 0);
}

static inline void describe(struct queue *q, struct buffer *b, struct plane *p, u32 index)
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

static inline void make(struct queue *q, int fd, u32 type, u32 count)
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

static inline void unmap(struct queue *q)
{
	for (u32 i = 0; i < q->count; i++)
		MUST(CALL(MUNMAP, q->at[i], q->length[i], 0));
	q->count = 0;
}

static inline void queue_all(struct queue *q, u32 bytesused)
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

static inline void on(struct queue *q)
{
	MUST(CALL(IOCTL, q->fd, STREAMON, &q->type));
}

static inline void off(struct queue *q)
{
	MUST(CALL(IOCTL, q->fd, STREAMOFF, &q->type));
	memset(q->queued, 0, sizeof(q->queued));
}

static int run(char **words);

__asm__(".globl _start\n_start:\n\tlea 8(%rsp), %rdi\n\tand $-16, %rsp\n\tcall begin\n");

__attribute__((used)) void begin(char **words)
{
	CALL(EXIT, run(words), 0, 0);
}
