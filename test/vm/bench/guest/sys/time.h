/* SPDX-License-Identifier: Apache-2.0 */
/* linux/videodev2.h wants it of a C library, and there is none here. */
#ifndef SYS_TIME_H
#define SYS_TIME_H

struct timeval {
	long tv_sec;
	long tv_usec;
};

struct timespec {
	long tv_sec;
	long tv_nsec;
};

#endif
