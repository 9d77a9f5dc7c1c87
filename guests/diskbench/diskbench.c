/* SPDX-License-Identifier: BSD-2-Clause */
/* Times a disk past the page cache: diskbench DEVICE. Prints `BENCH disk-ROW SECONDS BYTES` for each of sequential and
 * random reads and writes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DISK_BYTES (192ull << 20)
#define BLOCK (1u << 20)
#define PAGE 4096u

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int row(const char *name, int fd, uint8_t *bytes, int writes, uint64_t size, uint64_t count, int random)
{
	uint64_t state = 1, moved = 0;
	double begin = now();

	for (uint64_t n = 0; n < count; n++) {
		uint64_t place = random ? (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 20 : n;
		off_t at = (off_t)(place % (DISK_BYTES / size) * size);
		ssize_t got = writes ? pwrite(fd, bytes, size, at) : pread(fd, bytes, size, at);

		if (got != (ssize_t)size) {
			printf("BENCH-FAILED disk-%s\n", name);
			return 1;
		}
		moved += size;
	}
	if (writes && fdatasync(fd)) {
		printf("BENCH-FAILED disk-%s\n", name);
		return 1;
	}
	printf("BENCH disk-%s %.6f %llu\n", name, now() - begin, (unsigned long long)moved);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? open(argv[1], O_RDWR | O_DIRECT) : -1;
	uint8_t *bytes = aligned_alloc(PAGE, BLOCK);

	if (fd < 0 || !bytes)
		return 1;
	memset(bytes, 0x5a, BLOCK);
	return row("seq-write-new", fd, bytes, 1, BLOCK, DISK_BYTES / BLOCK, 0) |
	       row("seq-write", fd, bytes, 1, BLOCK, DISK_BYTES / BLOCK, 0) |
	       row("seq-read", fd, bytes, 0, BLOCK, DISK_BYTES / BLOCK, 0) |
	       row("rand-read", fd, bytes, 0, PAGE, 8192, 1) | row("rand-write", fd, bytes, 1, PAGE, 8192, 1);
}
