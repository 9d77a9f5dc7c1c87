/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IORT: every requester ID of segment 0 goes, unchanged, to the one ITS as its device ID. All PCI roots, expanders
 * included, share the segment, and a root complex node describes a segment: there is one, and its mapping covers
 * 0..0xffff. Without an ITS there is nothing to say and no table. [DEN0049 D]
 */
#include "acpi/tables.h"

enum { IORT_ITS_GROUP = 0, IORT_ROOT_COMPLEX = 2 };
enum { IORT_COHERENT = 1, IORT_CPM_DACS = 3 };

void iort_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "IORT", 0);
	u32 its;

	put32(out, 2);  /* nodes */
	put32(out, 48); /* offset of the first */
	put32(out, 0);

	its = (u32)(out->size - start);
	put8(out, IORT_ITS_GROUP);
	put16(out, 24);
	put8(out, 0);
	put32(out, 0);
	put32(out, 0);
	put32(out, 0);
	put32(out, 1); /* one ITS, of ID 0 */
	put32(out, 0);

	put8(out, IORT_ROOT_COMPLEX);
	put16(out, 36 + 20);
	put8(out, 1);
	put32(out, 0);
	put32(out, 1); /* mappings */
	put32(out, 36);
	put32(out, IORT_COHERENT);
	put8(out, 0);
	put16(out, 0);
	put8(out, IORT_CPM_DACS); /* coherent path, device attributes are cacheable, shareable */
	put32(out, 0);            /* no ATS */
	put32(out, 0);            /* segment 0 */
	put8(out, 64);            /* address bits that DMA reaches */
	put_zeros(out, 3);

	put32(out, 0);      /* requester IDs 0 .. */
	put32(out, 0xffff); /* .. 0xffff */
	put32(out, 0);
	put32(out, its);
	put32(out, 0);
	table_end(out, start);
}
