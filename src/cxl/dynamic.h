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
	u16 sequence; /* of shareable extents: from 0, in the order of the offer; else 0 */
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
	u8 sanitize_regions; /* sanitize on release, a bit for each region */
	u16 refused;         /* return code of the last request that was refused */
	struct dc_extent scratch[DC_EXTENTS_MAX], planned[DC_EXTENTS_MAX];
};

struct cxl_type3;
struct cxl_dc_span;
struct mbox_out;

u64 dynamic_region_base(const struct dynamic *dc, unsigned region);
/* Free places of a region, from below, that make `length` bytes (multiples of DC_BLOCK), at most DC_EXTENTS_MAX; 0:
 * there are not enough. */
unsigned dynamic_free_spans(const struct dynamic *dc, unsigned region, u64 length, struct cxl_dc_span *spans);
/* Sets what Set DC Region Configuration sets and tells the host; a return code. */
u16 dynamic_configure(struct cxl_type3 *dev, unsigned region, bool sanitize);
/* How many of the regions from `first` (one that there is) an answer holds: `head` bytes, 40 for each, and what
 * dynamic_put_left puts. */
unsigned dynamic_regions_that_fit(const struct dynamic *dc, const struct mbox_out *out, u32 head, unsigned first,
				  unsigned most);
/* Extents and tags: how many there may be, how many more. */
void dynamic_put_left(const struct dynamic *dc, struct mbox_out *out);
/* The accepted extents from `first` (at most the count of all) on, `most` of them or as many as there is room for,
 * behind their counts and the generation: 16 bytes, for which there is room. */
void dynamic_put_extents(const struct dynamic *dc, struct mbox_out *out, u32 first, u32 most);

/* Index of the first extent of a sorted list that ends above dpa; `count` if there is none. */
unsigned dc_find(const struct dc_extent *list, unsigned count, u64 dpa);

#endif
