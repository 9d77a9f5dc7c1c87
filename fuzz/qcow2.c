/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a qcow2 image and what a guest does with it. The input is, in this order: a byte that chooses the empty
 * image to begin with, a byte that says how many operations follow, 4 bytes for each, and then changes of the image, 12
 * bytes each: place, width, value. What the guest reads is thrown away; only memory errors, assertions and endless work
 * count. `make fuzz`.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/qcow2.h"

#define DISK_BYTES (256 * KiB)
#define FILE_BYTES_MAX (8 * MiB)
#define OPERATIONS_MAX 24

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static int image_make(u8 choice, const u8 **data, size_t *size)
{
	static const u32 bits[] = {9, 9, 10, 12};
	struct qcow2_shape shape = {.size = DISK_BYTES,
				    .cluster_bits = bits[choice & 3],
				    .version = choice & 4 ? 2 : 3,
				    .refcount_order = choice & 8 ? 4 : 6,
				    .compression = choice & 16 && !(choice & 4) ? QCOW2_ZSTD : 0,
				    .backing_name = choice & 32 ? "x" : NULL,
				    .backing_format = choice & 32 ? "raw" : NULL};
	static int fd = -1;
	struct error err;
	u8 bytes[8];

	if (choice & 4)
		shape.refcount_order = 4;
	if (fd < 0)
		fd = memfd_create("image", MFD_CLOEXEC);
	if (ftruncate(fd, 0) || !qcow2_create(fd, &shape, &err))
		abort();
	/* The place is a cluster and a byte in it, so that tables are hit often. */
	for (; *size >= 12; *data += 12, *size -= 12) {
		u64 offset =
			((u64)(*data)[0] << shape.cluster_bits) + (load_le(*data + 1, 2) & ones(shape.cluster_bits));
		unsigned width = 1u << ((*data)[3] & 3);

		be_store(bytes, width, load_le(*data + 4, 8));
		if (offset + width <= FILE_BYTES_MAX && pwrite(fd, bytes, width, (off_t)offset) != (ssize_t)width)
			abort();
	}
	return fd;
}

static void operate(struct block *b, const u8 *step)
{
	static u8 bytes[64 * KiB];
	u64 offset = (u64)step[1] * 2 * SECTOR % block_size(b),
	    length = MIN((u64)step[2] % 64 * SECTOR + (step[3] & 1 ? 0 : 100), block_size(b) - offset);

	switch (step[0] % 6) {
	case 0: block_read(b, offset, bytes, length); break;
	case 1: block_write(b, offset, bytes, length); break;
	case 2: block_write_zeroes(b, offset, length, step[3] & 2); break;
	case 3: block_discard(b, offset, length); break;
	case 4: block_flush(b); break;
	case 5: block_read(b, block_size(b) - MIN(length, block_size(b)), bytes, MIN(length, block_size(b))); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct rlimit most = {FILE_BYTES_MAX, FILE_BYTES_MAX};
	struct block_config config = {.format = "qcow2", .discard = true, .no_backing = true, .no_flush = true};
	const u8 *steps;
	unsigned count;
	struct block *block;
	struct error err;
	char path[64];
	u8 choice;
	int fd;

	if (size < 2)
		return 0;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &most);
	choice = data[0];
	count = MIN(data[1] % (OPERATIONS_MAX + 1), (size - 2) / 4);
	steps = data + 2;
	data += 2 + 4 * count;
	size -= 2 + 4 * count;
	fd = image_make(choice, &data, &size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	config.file = path;
	config.readonly = choice & 64;
	config.internal_snapshot = choice & 128 ? "1" : NULL;
	block = block_open(&config, &err);
	for (unsigned n = 0; block && block_size(block) && n < count; n++)
		operate(block, steps + 4 * n);
	block_close(block);
	return 0;
}
