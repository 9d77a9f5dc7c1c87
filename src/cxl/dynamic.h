/* SPDX-License-Identifier: BSD-2-Clause */
/* Extents of dynamic capacity, as the device and the compiled address map know them. Private to cxl/. */
#ifndef CXL_DYNAMIC_H
#define CXL_DYNAMIC_H

#include "base/bits.h"
#include "base/types.h"

#define DC_REGIONS_MAX 8
#define DC_EXTENTS_MAX 512
#define DC_BLOCK (2 * MiB)

struct dc_extent {
	u64 dpa, size; /* multiples of DC_BLOCK, inside one region */
	u8 tag[16];
	u16 sequence;  /* of shareable extents: from 1; else 0 */
	u8 region;
	bool sanitize; /* when it goes */
	u32 group;     /* of offers: those with one number were offered together */
};

struct dynamic {
	unsigned region_count;
	u64 base, region_size;
	bool shareable;
	struct dc_extent accepted[DC_EXTENTS_MAX]; /* sorted */
	struct dc_extent offered[DC_EXTENTS_MAX];  /* in the order of offering */
	struct dc_extent moving[DC_EXTENTS_MAX];   /* an updated extent list that comes in parts */
	unsigned accepted_count, offered_count, moving_count;
	u16 moving_opcode;
	u32 generation, next_group;
	struct dc_extent scratch[DC_EXTENTS_MAX], planned[DC_EXTENTS_MAX];
};

/* Index of the first extent of a sorted list that ends above dpa; `count` if there is none. */
unsigned dc_find(const struct dc_extent *list, unsigned count, u64 dpa);

#endif
