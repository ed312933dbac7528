// SPDX-License-Identifier: Apache-2.0
/*
 * Takes memory from the kernel, and gives it back by ending: a kernel that poisons free pages looks at each of them as it hands it out,
 * and says in its log which were written to while nobody had them.
 *
 *   memory KIB    takes that much, and prints how many pages that were
 */
#include "bare.h"

#define PAGE 4096
#define READ_WRITE 3
#define PRIVATE_ANONYMOUS 0x22

static int run(char **words)
{
	u64 bytes = 0;
	volatile char *at;

	for (char *c = words[1]; *c; c++)
		bytes = 10 * bytes + *c - '0';
	bytes *= 1024;
	at = (void *)MUST(call(MMAP, 0, bytes, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0));
	for (u64 i = 0; i < bytes; i += PAGE)
		at[i] = 1;
	figure(1, bytes / PAGE);
	return 0;
}
