/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arm64 Image: 64 bytes of header, then code. [Linux Documentation/arch/arm64/booting.rst]
 *
 *   8 text_offset   16 image_size (memory needed from there, BSS included)   24 flags   56 "ARM\x64"   60 PE header
 *
 * Nothing in that header says how long the file should be. Kernels with an EFI stub are PE programs too, and the PE
 * section table does say it: that is how a truncated file is found out.
 */
#include "boot/boot_private.h"

#include <string.h>

#include "base/bits.h"

enum { IMAGE_HEADER = 64, IMAGE_TEXT_OFFSET = 8, IMAGE_SIZE = 16, IMAGE_FLAGS = 24, IMAGE_MAGIC = 56, IMAGE_PE = 60 };
enum { FLAG_BIG_ENDIAN = 1 };
enum {
	PE_SECTIONS = 6,
	PE_OPTIONAL_SIZE = 20,
	PE_OPTIONAL = 24,
	SECTION_BYTES = 40,
	SECTION_RAW_SIZE = 16,
	SECTION_RAW = 20
};
enum { PE_SECTIONS_MAX = 96 };
#define TEXT_OFFSET_MAX (16 * MiB)
#define OLD_TEXT_OFFSET 0x80000ull /* kernels before 3.17: image_size is 0 and text_offset not to be trusted */
#define OLD_IMAGE_SLACK (64 * MiB)

bool image_is(const u8 *file, u64 size)
{
	return size >= IMAGE_HEADER && !memcmp(file + IMAGE_MAGIC, "ARM\x64", 4);
}

/* The file length that the PE section table speaks of, or 0 without one. */
static u64 pe_length(const u8 *file, u64 size)
{
	u64 pe = load_le(file + IMAGE_PE, 4), table, end = 0;
	unsigned sections, i;

	if (memcmp(file, "MZ", 2) || !range_ok(pe, PE_OPTIONAL, size) || memcmp(file + pe, "PE\0\0", 4))
		return 0;
	sections = (unsigned)load_le(file + pe + PE_SECTIONS, 2);
	table = pe + PE_OPTIONAL + load_le(file + pe + PE_OPTIONAL_SIZE, 2);
	if (sections > PE_SECTIONS_MAX)
		return 0;
	for (i = 0; i < sections; i++) {
		u64 at = table + (u64)i * SECTION_BYTES;

		if (!range_ok(at, SECTION_BYTES, size))
			return at + SECTION_BYTES;
		end = MAX(end, load_le(file + at + SECTION_RAW, 4) + load_le(file + at + SECTION_RAW_SIZE, 4));
	}
	return end;
}

bool image_parse(const char *name, struct kernel *kernel, struct error *err)
{
	const u8 *file = kernel->data;
	u64 length;

	kernel->kind = KERNEL_IMAGE;
	kernel->text_offset = load_le(file + IMAGE_TEXT_OFFSET, 8);
	kernel->image_size = load_le(file + IMAGE_SIZE, 8);
	kernel->flags = load_le(file + IMAGE_FLAGS, 8);
	length = pe_length(file, kernel->size);
	if (length > kernel->size)
		return fail(err, "-kernel %s: arm64 Image is truncated: %llu bytes, its PE sections reach to %llu",
			    name, (unsigned long long)kernel->size, (unsigned long long)length);
	if (!kernel->image_size) {
		kernel->text_offset = OLD_TEXT_OFFSET;
		kernel->image_size = kernel->size + OLD_IMAGE_SLACK;
	}
	if (kernel->flags & FLAG_BIG_ENDIAN)
		return fail(err, "-kernel %s: arm64 Image is big-endian; the CPU is little-endian only", name);
	if (kernel->text_offset >= TEXT_OFFSET_MAX || kernel->text_offset & 0xfff)
		return fail(err, "-kernel %s: arm64 Image header is damaged: text_offset %#llx", name,
			    (unsigned long long)kernel->text_offset);
	if (kernel->image_size > KERNEL_FILE_MAX)
		return fail(err, "-kernel %s: arm64 Image header is damaged: image_size %#llx, at most %#llx is taken",
			    name, (unsigned long long)kernel->image_size, KERNEL_FILE_MAX);
	kernel->image_size = MAX(kernel->image_size, kernel->size);
	return true;
}
