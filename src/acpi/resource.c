/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resource descriptors, the bytes of _CRS. [ACPI6.5 6.4.2, 6.4.3]
 *
 * A window of a PCI root is a producer (general flag bit 0 clear) with fixed minimum and maximum. Memory windows are
 * described as non-cacheable, never as prefetchable: the OS may then place BARs of both kinds in them.
 */
#include "acpi/aml.h"

#include <stdlib.h>
#include <string.h>

enum { ADDRESS_MEMORY = 0, ADDRESS_IO = 1, ADDRESS_BUS = 2 };
enum { MEMORY_READ_WRITE = 1 };
enum { IO_ENTIRE_RANGE = 3, IO_IS_MEMORY = 1 << 4 }; /* the latter: on the CPU's side of the bridge */
enum { GENERAL_CONSUMER = 1, GENERAL_MIN_FIXED = 4, GENERAL_MAX_FIXED = 8 };

size_t aml_resources(struct out *out)
{
	put8(out, 0x11);
	return out->size;
}

void aml_resources_end(struct out *out, size_t mark)
{
	struct out head = {0};
	size_t size;

	put8(out, 0x79); /* end tag, checksum not used */
	put8(out, 0);
	if (out->overflow)
		return;
	/* BufferSize stands before the bytes: encode it apart, then move the bytes up. */
	size = out->size - mark;
	aml_int(&head, size);
	put_zeros(out, head.size);
	if (!out->overflow && !head.overflow) {
		memmove(out->data + mark + head.size, out->data + mark, size);
		memcpy(out->data + mark, head.data, head.size);
	}
	out->overflow |= head.overflow;
	free(head.data);
	aml_end(out, mark);
}

static void memory32_fixed(struct out *out, u32 base, u32 size)
{
	put8(out, 0x86);
	put16(out, 9);
	put8(out, 1); /* writable */
	put32(out, base);
	put32(out, size);
}

void res_interrupt(struct out *out, u32 gsi, bool edge, bool shared)
{
	put8(out, 0x89);
	put16(out, 6);
	put8(out, (u8)(1 | (edge ? 2 : 0) | (shared ? 8 : 0))); /* consumer, active high */
	put8(out, 1);
	put32(out, gsi);
}

static void res_address(struct out *out, unsigned width, u8 type, u8 general, u8 specific, u64 first, u64 last,
			u64 translation)
{
	u64 field[5] = {0, first, last, translation, last - first + 1};
	unsigned i;

	put8(out, width == 2 ? 0x88 : width == 4 ? 0x87 : 0x8a);
	put16(out, (u16)(3 + 5 * width));
	put8(out, type);
	put8(out, general);
	put8(out, specific);
	for (i = 0; i < 5; i++)
		put(out, &field[i], width); /* little-endian: the low bytes come first */
}

void res_bus_range(struct out *out, u16 first, u16 last)
{
	res_address(out, 2, ADDRESS_BUS, GENERAL_MIN_FIXED | GENERAL_MAX_FIXED, 0, first, last, 0);
}

void res_memory(struct out *out, u64 base, u64 size, bool producer)
{
	u64 last = base + size - 1;
	u8 general = GENERAL_MIN_FIXED | GENERAL_MAX_FIXED | (producer ? 0 : GENERAL_CONSUMER);

	res_address(out, last > 0xffffffff ? 8 : 4, ADDRESS_MEMORY, general, MEMORY_READ_WRITE, base, last, 0);
}

void res_io_window(struct out *out, u64 base, u64 size, u64 translation)
{
	res_address(out, translation + base + size - 1 > 0xffffffff ? 8 : 4, ADDRESS_IO,
		    GENERAL_MIN_FIXED | GENERAL_MAX_FIXED, IO_ENTIRE_RANGE | IO_IS_MEMORY, base, base + size - 1,
		    translation);
}

void res_fixed(struct out *out, u64 base, u64 size)
{
	if (base + size - 1 <= 0xffffffff)
		memory32_fixed(out, (u32)base, (u32)size);
	else
		res_memory(out, base, size, false);
}
