/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a qcow2 image and what a guest does with it. The input is, in this order: a byte that chooses the empty
 * image to begin with, a byte that says how many operations follow and when the host's disk becomes full, 4 bytes for
 * each, and then changes of the image, 12 bytes each: place, width, value. What the guest reads is thrown away; only
 * memory errors, assertions and endless work count. `make fuzz`.
 */
#include <stdlib.h>

#include "host/qcow2.h"
#include "host_file.h"

#define DISK_BYTES (256 * KiB)
#define STEPS_MAX 24

/* The empty image of a choice goes to the file. Each is made once. */
static u32 image_begin(u8 choice)
{
	static const u32 bits[] = {9, 9, 10, 12};
	static struct image {
		u8 *bytes;
		u64 size;
	} images[64];
	struct qcow2_shape shape = {.size = DISK_BYTES,
				    .cluster_bits = bits[choice & 3],
				    .version = choice & 4 ? 2 : 3,
				    .refcount_order = (choice & 12) == 0 ? 6 : 4,
				    .compression = choice & 16 && !(choice & 4) ? QCOW2_ZSTD : 0,
				    .backing_name = choice & 32 ? "x" : NULL,
				    .backing_format = choice & 32 ? "raw" : NULL};
	struct image *image = &images[choice % ARRAY_SIZE(images)];
	struct error err;
	u64 size;

	host_file_reset();
	if (image->bytes) {
		size = image->size;
		host_file_write(image->bytes, 0, &size);
		return shape.cluster_bits;
	}
	if (!qcow2_create(HOST_FILE_FD, &shape, &err))
		abort();
	image->size = host_file.size;
	image->bytes = malloc(image->size);
	memcpy(image->bytes, host_file.bytes, image->size);
	return shape.cluster_bits;
}

/* Changes of the image. The place is a cluster and a byte in it, so that tables are hit often. */
static void image_change(u32 cluster_bits, const u8 *data, size_t size)
{
	u8 bytes[8];

	for (; size >= 12; data += 12, size -= 12) {
		u64 offset = ((u64)data[0] << cluster_bits) + (load_le(data + 1, 2) & ones(cluster_bits)),
		    width = 1u << (data[3] & 3);

		be_store(bytes, (unsigned)width, load_le(data + 4, 8));
		host_file_write(bytes, offset, &width);
	}
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
	struct block_config config = {
		.file = HOST_FILE_NAME, .format = "qcow2", .discard = true, .no_backing = true, .no_flush = true};
	const u8 *steps;
	unsigned count;
	struct block *block;
	struct error err;
	u8 choice, full;

	if (size < 2)
		return 0;
	choice = data[0];
	full = data[1] / (STEPS_MAX + 1); /* 0 to 10 */
	count = MIN(data[1] % (STEPS_MAX + 1), (size - 2) / 4);
	steps = data + 2;
	data += 2 + 4 * count;
	size -= 2 + 4 * count;
	image_change(image_begin(choice), data, size);
	host_file.fails = full > 5;
	host_file.writes_left = full > 5 ? BIT(full - 6) - 1 : 0;
	config.readonly = choice & 64;
	config.internal_snapshot = choice & 128 ? "1" : NULL;
	block = block_open(&config, &err);
	for (unsigned n = 0; block && block_size(block) && n < count; n++)
		operate(block, steps + 4 * n);
	block_close(block);
	return 0;
}
