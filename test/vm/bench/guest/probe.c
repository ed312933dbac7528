// SPDX-License-Identifier: Apache-2.0
/*
 * Times system calls in a guest. No C library: it is built by the compiler and the headers that build the driver.
 *
 *   probe clock COUNT                  nothing: what the clock itself costs
 *   probe format NODE COUNT            VIDIOC_G_FMT, one after the other
 *   probe read FILE COUNT              read() of 64 bytes, one after the other
 *   probe stream NODE BUFFERS FRAMES   frames of a camera; nobody looks at their pixels
 *
 * Writes a 32-bit number of nanoseconds per call, from the end of the one before. Of a stream it writes /proc/uptime as it
 * was at the first frame and at the last, and a `struct frame` each.
 */
#include <asm/unistd_64.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/videodev2.h>

#define MAX_SAMPLES	100000
#define MAX_BUFFERS	32
#define UPTIME_BYTES	64

struct frame {
	__u32 sequence;
	__u32 bytes;
	__u64 nanoseconds;
};

static union {
	__u32 times[MAX_SAMPLES];
	struct frame frames[MAX_SAMPLES];
} out;

static long call(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 asm("r10") = d;
	register long r8 asm("r8") = e;
	register long r9 asm("r9") = f;
	long ret;

	asm volatile("syscall" : "=a"(ret)
		     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return ret;
}

static void __attribute__((noreturn)) leave(int status)
{
	for (;;)
		call(__NR_exit_group, status, 0, 0, 0, 0, 0);
}

static void fail(const char *what)
{
	long len = 0;

	while (what[len])
		len++;
	call(__NR_write, 2, (long)what, len, 0, 0, 0);
	call(__NR_write, 2, (long)" failed\n", 8, 0, 0, 0);
	leave(1);
}

static __u64 now(void)
{
	struct timespec t;

	call(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, (long)&t, 0, 0, 0, 0);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void write_all(const void *from, long len)
{
	while (len > 0) {
		long done = call(__NR_write, 1, (long)from, len, 0, 0, 0);

		if (done <= 0)
			fail("write");
		from += done;
		len -= done;
	}
}

static unsigned int number(const char *text)
{
	unsigned int n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (*text - '0');
	if (!n || n > MAX_SAMPLES)
		fail("a number");
	return n;
}

static int open_file(const char *path)
{
	long fd = call(__NR_open, (long)path, O_RDWR, 0, 0, 0, 0);

	if (fd < 0)
		fd = call(__NR_open, (long)path, O_RDONLY, 0, 0, 0, 0);
	if (fd < 0)
		fail("open");
	return fd;
}

static void video(int fd, unsigned long request, void *arg, const char *name)
{
	if (call(__NR_ioctl, fd, request, (long)arg, 0, 0, 0) < 0)
		fail(name);
}

static void read_uptime(char *text)
{
	int fd = open_file("/proc/uptime");

	if (call(__NR_read, fd, (long)text, UPTIME_BYTES, 0, 0, 0) <= 0)
		fail("reading /proc/uptime");
	call(__NR_close, fd, 0, 0, 0, 0, 0);
}

static void time_calls(char kind, int fd, unsigned int count)
{
	struct v4l2_format format = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
	__u8 bytes[64];
	__u64 before = now(), after;
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (kind == 'f')
			video(fd, VIDIOC_G_FMT, &format, "VIDIOC_G_FMT");
		else if (kind == 'r' && call(__NR_read, fd, (long)bytes, sizeof(bytes), 0, 0, 0) != sizeof(bytes))
			fail("read");
		after = now();
		out.times[i] = after - before;
		before = after;
	}
	write_all(out.times, count * sizeof(out.times[0]));
}

static void stream(int fd, unsigned int buffers, unsigned int count)
{
	struct v4l2_requestbuffers request = {
		.count = buffers,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_MMAP,
	};
	char uptime[2][UPTIME_BYTES] = { 0 };
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	unsigned int i;

	video(fd, VIDIOC_REQBUFS, &request, "VIDIOC_REQBUFS");
	for (i = 0; i < request.count && i < MAX_BUFFERS; i++) {
		struct v4l2_buffer b = { .index = i, .type = type, .memory = V4L2_MEMORY_MMAP };

		video(fd, VIDIOC_QUERYBUF, &b, "VIDIOC_QUERYBUF");
		if (call(__NR_mmap, 0, b.length, PROT_READ, MAP_SHARED, fd, b.m.offset) < 0)
			fail("mmap");
		video(fd, VIDIOC_QBUF, &b, "VIDIOC_QBUF");
	}
	video(fd, VIDIOC_STREAMON, &type, "VIDIOC_STREAMON");
	for (i = 0; i < count; i++) {
		struct v4l2_buffer b = { .type = type, .memory = V4L2_MEMORY_MMAP };

		video(fd, VIDIOC_DQBUF, &b, "VIDIOC_DQBUF");
		out.frames[i] = (struct frame){ b.sequence, b.bytesused, now() };
		video(fd, VIDIOC_QBUF, &b, "VIDIOC_QBUF");
		if (!i)
			read_uptime(uptime[0]);
	}
	read_uptime(uptime[1]);
	video(fd, VIDIOC_STREAMOFF, &type, "VIDIOC_STREAMOFF");
	write_all(uptime, sizeof(uptime));
	write_all(out.frames, count * sizeof(out.frames[0]));
}

static void __attribute__((used)) probe(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1);

	if (argc == 3 && argv[1][0] == 'c')
		time_calls('c', -1, number(argv[2]));
	else if (argc == 4 && (argv[1][0] == 'f' || argv[1][0] == 'r'))
		time_calls(argv[1][0], open_file(argv[2]), number(argv[3]));
	else if (argc == 5 && argv[1][0] == 's')
		stream(open_file(argv[2]), number(argv[3]), number(argv[4]));
	else
		fail("understanding the arguments");
	leave(0);
}

/* The stack as the kernel leaves it: argc, argv. */
asm(".globl _start\n"
    "_start:\n"
    "	mov %rsp, %rdi\n"
    "	and $-16, %rsp\n"
    "	call probe\n");
