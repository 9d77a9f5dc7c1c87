/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unpacks kernels: gzip streams, and EFI zboot files, PE programs that carry a compressed Image behind a small header:
 * "MZ", "zimg" at 4, payload offset and size (32 bits) at 8 and 12, the method's name at 24. Input comes from the user
 * or from a package: every length is checked, and output stops at KERNEL_FILE_MAX.
 */
#include "boot/boot_private.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/bits.h"

enum { ZBOOT_OFFSET = 8, ZBOOT_SIZE = 12, ZBOOT_METHOD = 24, ZBOOT_METHOD_BYTES = 32, ZBOOT_HEADER = 56 };

struct sink {
	u8 *data;
	u64 size, capacity;
};

/*
 * More room, or an error: doubles up to the limit. What is no kernel after 32 MiB will not become one: a small file
 * that unpacks to gigabytes costs no more than that.
 */
static bool sink_grow(const char *name, struct sink *sink, struct error *err)
{
	u64 capacity = sink->capacity ? sink->capacity * 2 : 32 * MiB;
	u8 *data;

	if (sink->size && !image_is(sink->data, sink->size) && !elf_is(sink->data, sink->size))
		return fail(
			err,
			"-kernel %s: what it unpacks to is no arm64 kernel: must be an Image or an AArch64 ELF program",
			name);
	if (sink->capacity == KERNEL_FILE_MAX)
		return fail(err, "-kernel %s: unpacks to more than %llu MiB", name, KERNEL_FILE_MAX / MiB);
	capacity = MIN(capacity, KERNEL_FILE_MAX);
	data = realloc(sink->data, capacity);
	if (!data)
		return fail(err, "-kernel %s: no memory to unpack it (%llu MiB)", name, capacity / MiB);
	sink->data = data;
	sink->capacity = capacity;
	return true;
}

bool unpack_is_gzip(const u8 *file, u64 size)
{
	return size >= 18 && file[0] == 0x1f && file[1] == 0x8b && file[2] == 8;
}

bool unpack_gzip(const char *name, const u8 *from, u64 size, u8 **out, u64 *out_size, struct error *err)
{
	struct sink sink = {0};
	z_stream z = {0};
	int result;

	if (size > KERNEL_FILE_MAX || inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return fail(err, "-kernel %s: gzip could not start", name);
	z.next_in = (Bytef *)from;
	z.avail_in = (uInt)size;
	do {
		u64 room;

		if (sink.size == sink.capacity && !sink_grow(name, &sink, err))
			goto failed;
		room = sink.capacity - sink.size;
		z.next_out = sink.data + sink.size;
		z.avail_out = (uInt)room;
		result = inflate(&z, Z_NO_FLUSH);
		sink.size += room - z.avail_out;
	} while (result == Z_OK && (z.avail_in || !z.avail_out));
	if (result != Z_STREAM_END) {
		fail(err, "-kernel %s: gzip data is %s after %llu of %llu bytes", name,
		     result == Z_OK || result == Z_BUF_ERROR ? "truncated" : "damaged", (unsigned long long)z.total_in,
		     (unsigned long long)size);
		goto failed;
	}
	inflateEnd(&z);
	*out = sink.data;
	*out_size = sink.size;
	return true;

failed:
	inflateEnd(&z);
	free(sink.data);
	return false;
}

static bool unpack_zstd(const char *name, const u8 *from, u64 size, u8 **out, u64 *out_size, struct error *err)
{
	ZSTD_inBuffer in = {from, size, 0};
	ZSTD_DStream *z = ZSTD_createDStream();
	struct sink sink = {0};
	size_t left = 1;

	if (!z)
		return fail(err, "-kernel %s: zstd could not start", name);
	while (left) {
		ZSTD_outBuffer to;
		size_t taken = in.pos;

		if (sink.size == sink.capacity && !sink_grow(name, &sink, err))
			goto failed;
		to = (ZSTD_outBuffer){sink.data, sink.capacity, sink.size};
		left = ZSTD_decompressStream(z, &to, &in);
		if (ZSTD_isError(left)) {
			fail(err, "-kernel %s: zstd data is damaged: %s", name, ZSTD_getErrorName(left));
			goto failed;
		}
		if (left && in.pos == size && in.pos == taken && to.pos == sink.size) {
			fail(err, "-kernel %s: zstd data is truncated after %llu bytes", name,
			     (unsigned long long)size);
			goto failed;
		}
		sink.size = to.pos;
	}
	ZSTD_freeDStream(z);
	*out = sink.data;
	*out_size = sink.size;
	return true;

failed:
	ZSTD_freeDStream(z);
	free(sink.data);
	return false;
}

bool unpack_is_zboot(const u8 *file, u64 size)
{
	return size >= ZBOOT_HEADER && !memcmp(file, "MZ", 2) && !memcmp(file + 4, "zimg", 4);
}

bool unpack_zboot(const char *name, const u8 *file, u64 size, u8 **out, u64 *out_size, struct error *err)
{
	u64 offset = load_le(file + ZBOOT_OFFSET, 4), length = load_le(file + ZBOOT_SIZE, 4);
	char method[ZBOOT_METHOD_BYTES + 1] = {0};
	unsigned i;

	if (!range_ok(offset, length, size) || !length)
		return fail(
			err,
			"-kernel %s: EFI zboot file is truncated: payload of %llu bytes at %llu, file of %llu bytes",
			name, (unsigned long long)length, (unsigned long long)offset, (unsigned long long)size);
	memcpy(method, file + ZBOOT_METHOD, MIN(ZBOOT_METHOD_BYTES, size - ZBOOT_METHOD));
	if (!strcmp(method, "gzip"))
		return unpack_gzip(name, file + offset, length, out, out_size, err);
	if (!strncmp(method, "zstd", 4))
		return unpack_zstd(name, file + offset, length, out, out_size, err);
	for (i = 0; method[i]; i++)
		if (method[i] < 0x20 || method[i] > 0x7e)
			method[i] = '?';
	return fail(err, "-kernel %s: EFI zboot compression '%s' is not supported; gzip and zstd are", name, method);
}
