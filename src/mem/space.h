/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to mem/: the address space's struct and its epochs. */
#ifndef MEM_SPACE_H
#define MEM_SPACE_H

#include <pthread.h>

#include "mem/flat.h"
#include "mem/mem.h"

#define CHUNK_BYTES (2 * MiB) /* unit of `ready` */

struct space {
	struct loop *loop;
	const struct still_ops *still;
	void *still_opaque;
	struct msi_target msi;
	const struct iommu_ops *iommu;
	void *iommu_opaque;
	u64 iommu_bypass[256 / 64]; /* a bit for each bus of requesters */
	/* Under the machine lock. */
	struct entry *entries;
	size_t entry_count, entry_room;
	u64 order;
	u64 **dead_code; /* code marks of removed regions, freed after the next publish */
	size_t dead_count, dead_room;
	unsigned begun; /* depth of space_begin */
	unsigned still_depth;
	bool changed;
	/* Read without a lock. */
	struct flat *flat;
	u32 epoch; /* see space_enter */
	pthread_t writer;
};

/*
 * Epochs: everybody who uses the map outside a vCPU's guest code is counted in `epoch` while he does; a writer waits
 * until nobody is, and then keeps newcomers out. Who is in may enter again, so an enter never waits for a writer that
 * is itself still waiting. The writer's own uses are not counted. Never take the machine lock in an epoch.
 */
void space_enter(struct space *space);
void space_leave(struct space *space);

static inline const struct flat *space_flat(struct space *space)
{
	return __atomic_load_n(&space->flat, __ATOMIC_ACQUIRE);
}

/* Calls `ready` for every chunk of a RAM range's [offset, offset + size) (offset in the region). */
static inline void region_make_ready(struct region *region, u64 offset, u64 size)
{
	if (!region->ready)
		return;
	for (u64 at = offset & ~(CHUNK_BYTES - 1); at < offset + size; at += CHUNK_BYTES)
		region->ready(region, at > offset ? at : offset);
}

/* Reports a write to RAM that holds decoded code. */
void space_code_check(struct space *space, const struct range *range, u64 pa, u64 size);

#endif
