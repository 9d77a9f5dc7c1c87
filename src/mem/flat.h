/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to mem/: regions with priorities compiled into a flat, sorted map. Pure functions. */
#ifndef MEM_FLAT_H
#define MEM_FLAT_H

#include "mem/mem.h"

/* A region as the space keeps it. */
struct entry {
	struct region *region;
	u64 *code; /* its code marks, or NULL */
	u64 order; /* of adding: where priorities are equal the later one wins */
};

struct flat {
	size_t count;
	struct range ranges[];
};

struct flat *flat_build(const struct entry *entries, size_t count);
/* The range that holds pa, or NULL. */
const struct range *flat_find(const struct flat *flat, u64 pa);
/* Calls changed(opaque, base, size) for each maximal stretch whose direct mapping differs; a size of 0 stands for 2^64.
 */
void flat_diff(const struct flat *old, const struct flat *now, void (*changed)(void *opaque, u64 base, u64 size),
	       void *opaque);

#endif
