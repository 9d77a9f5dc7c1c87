/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CEDT: a CHBS per CXL host bridge (where its component registers are) and a CFMWS per fixed window (which bridges
 * serve it, how they are interleaved, what it may hold); and for each granularity that XOR windows have, a CXIMS with
 * the maps of its target bits. [CXL3.0 9.17.1]
 */
#include "acpi/tables.h"

enum { CEDT_CHBS = 0, CEDT_CFMWS = 1, CEDT_CXIMS = 2 };
enum { CHBS_CXL_2_0 = 1 };

int cedt_encode_ways(unsigned ways)
{
	switch (ways) {
	case 1: return 0;
	case 2: return 1;
	case 4: return 2;
	case 8: return 3;
	case 16: return 4;
	case 3: return 8;
	case 6: return 9;
	case 12: return 10;
	default: return -1;
	}
}

int cedt_encode_granularity(u32 bytes)
{
	int n;

	for (n = 0; n <= 6; n++)
		if (bytes == 256u << n)
			return n;
	return -1;
}

static void put_window(struct out *out, const struct acpi_cxl_window *w)
{
	unsigned i;

	put8(out, CEDT_CFMWS);
	put8(out, 0);
	put16(out, (u16)(36 + 4 * w->target_count));
	put32(out, 0);
	put64(out, w->base);
	put64(out, w->size);
	put8(out, (u8)cedt_encode_ways(w->target_count));
	put8(out, w->xor_arithmetic);
	put16(out, 0);
	put32(out, (u32)cedt_encode_granularity(w->granularity));
	put16(out, w->restrictions);
	put16(out, w->qtg);
	for (i = 0; i < w->target_count; i++)
		put32(out, w->target_uids[i]);
}

/* The maps of one granularity: those of its window with the most target bits, for the others have the first of them. */
static void put_maps(const struct acpi_config *config, u32 granularity, struct out *out)
{
	const struct acpi_cxl_window *most = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < config->window_count; i++) {
		const struct acpi_cxl_window *w = &config->windows[i];
		unsigned maps = 0;

		while (w->xor_arithmetic && w->granularity == granularity && maps < ACPI_CXL_XOR_MAPS_MAX &&
		       w->xor_maps[maps])
			maps++;
		if (maps > count) {
			count = maps;
			most = w;
		}
	}
	if (!count)
		return;
	put8(out, CEDT_CXIMS);
	put8(out, 0);
	put16(out, 8 + 8 * count);
	put16(out, 0);
	put8(out, (u8)cedt_encode_granularity(granularity));
	put8(out, count);
	for (unsigned n = 0; n < count; n++)
		put64(out, most->xor_maps[n]);
}

void cedt_build(const struct acpi_config *config, struct out *out)
{
	size_t start = table_begin(out, "CEDT", 1);
	unsigned i;

	for (i = 0; i < config->root_count; i++) {
		const struct acpi_root *root = &config->roots[i];

		if (!root->is_cxl)
			continue;
		put8(out, CEDT_CHBS);
		put8(out, 0);
		put16(out, 32);
		put32(out, root->uid);
		put32(out, CHBS_CXL_2_0);
		put32(out, 0);
		put64(out, root->regs_base);
		put64(out, root->regs_size);
	}
	for (i = 0; i < config->window_count; i++)
		put_window(out, &config->windows[i]);
	for (u32 granularity = 256; granularity <= 16384; granularity *= 2)
		put_maps(config, granularity, out);
	table_end(out, start);
}
