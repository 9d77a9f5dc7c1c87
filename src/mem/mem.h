/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of mem/: what a physical address means, and the one bounded way to guest memory.
 *
 * A `struct space` holds regions (RAM, ROM, I/O) with priorities and compiles them into a flat, sorted map. Readers
 * (vCPUs, DMA) look addresses up without a lock; writers change regions under the machine lock and publish a new map
 * while everybody stands still (struct still_ops, design D6 and D8).
 *
 * Guest physical addresses are `pa`, in bytes; all multi-byte values are little-endian.
 */
#ifndef MEM_MEM_H
#define MEM_MEM_H

#include "base/error.h"
#include "base/loop.h"
#include "base/types.h"

/* What an access came to. The CPU turns MEM_ABORT into a synchronous external abort; DMA reports failure. */
enum mem_result {
	MEM_OK,
	MEM_ABORT,   /* poison: an external abort */
	MEM_NOTHING, /* nothing decodes here: external abort for the CPU, failed DMA */
};

/* A device's access functions: offset within the region; size 1, 2, 4 or 8; offset a multiple of size; under the
 * machine lock (unless the region says `lockless`). */
struct io_ops {
	enum mem_result (*read)(void *opaque, u64 offset, unsigned size, u64 *value);
	enum mem_result (*write)(void *opaque, u64 offset, unsigned size, u64 value);
};

/*
 * A piece of an address space. RAM: `host` set. ROM: `host` set and `readonly` (writes go to ops if there are any,
 * else are dropped). I/O: `ops` only. Owned by the device; must not change while added, but through space_*.
 */
struct region {
	const char *name;
	u64 base, size;
	int priority; /* higher wins where regions overlap; plain devices 0, expansion windows -1 */
	u8 *host;
	bool readonly;
	bool lockless; /* ops need no machine lock (CXL granule path) */
	bool poison;   /* memory that is known to be bad: a read aborts, and does nothing else to the guest */
	void (*met)(struct region *region, u64 offset,
		    u64 size); /* of poison: DMA wanted to read it. Any thread, in an epoch, no locks; or NULL */
	const struct io_ops *ops;
	void *opaque;
	/* Of a lockless one: the word that an instruction fetch gets, which tells nobody; false: poison, or nothing.
	 * NULL: no code is run there. */
	bool (*fetch)(struct region *region, u64 offset, u32 *word);
	/* RAM that must be made ready before it is pointed at (lazy file pages, CXL chunk moves; design D2, D6): called
	 * without locks, by any thread, before the first direct access to the 2 MiB chunk that holds `offset`;
	 * idempotent. NULL: always ready. */
	void (*ready)(struct region *region, u64 offset);
	/* Persistent memory (design D6): called when the guest cleans the 64-byte lines of [offset, offset + size) to
	 * the point of persistence, and when a DSB completes (`drain`); NULL: not persistent. Any thread. */
	void (*persist)(struct region *region, u64 offset, u64 size);
	void (*persist_drain)(struct region *region);
	bool added; /* private to space.c */
};

/* One entry of the flat map: [base, last], `offset` = base - region->base. */
struct range {
	u64 base, last;
	struct region *region;
	u64 offset;
	u64 *code; /* code marks of the whole region, one bit per 4 KiB; NULL: not RAM (space.c's) */
};

/* The host's byte of `pa`, in a range of RAM, ready to be pointed at. */
static inline u8 *range_host(const struct range *range, u64 pa)
{
	u64 offset = range->offset + (pa - range->base);

	if (range->region->ready)
		range->region->ready(range->region, offset);
	return range->region->host + offset;
}

/* Whether [pa, pa + size) stays in it; pa does, size > 0. */
static inline bool range_holds(const struct range *range, u64 pa, u64 size)
{
	return range->last - pa >= size - 1;
}

struct space;

/* How a space makes everybody stand still while it changes its map (cpu/ implements it). Machine lock held.
 * `stop`: every vCPU but the caller's is out of guest code when it returns. `drop`: forget TLB entries, decoded code
 * and translations for [base, base + size). `resume`: undo stop. */
struct still_ops {
	void (*stop)(void *opaque);
	void (*drop)(void *opaque, u64 base, u64 size);
	void (*resume)(void *opaque);
	/* DMA wrote to RAM that holds decoded code (see the code marks below). */
	void (*code_written)(void *opaque, u64 pa, u64 size);
};

struct space *space_create(struct loop *loop);
void space_destroy(struct space *space);
void space_set_still(struct space *space, const struct still_ops *ops, void *opaque);

/* Changes, under the machine lock. Each publishes at once unless between space_begin and space_end (nestable). */
/* A region removed between them must live until space_end. */
void space_begin(struct space *space);
void space_end(struct space *space);
void space_add(struct space *space, struct region *region);
void space_remove(struct space *space, struct region *region);
void space_move(struct space *space, struct region *region, u64 base);
/* The direct mapping of [base, base + size) changes meaning although no region does: stop, drop, call, resume. */
void space_change(struct space *space, u64 base, u64 size, void (*change)(void *opaque), void *opaque);
/* Inside that call: drops for one more range. */
void space_forget(struct space *space, u64 base, u64 size);
/* Names a pair of regions of priority 0 that overlap, for the start-up check (design D3); true if none do. */
bool space_check(struct space *space, struct error *err);

/* The range that holds pa, or NULL. Lock-free; valid until the caller next lets itself be stopped. For vCPUs that
 * still_ops.stop waits for, and for holders of the machine lock; other threads use dma_* (which take part in the
 * epoch). */
const struct range *space_lookup(struct space *space, u64 pa);
/* All lines of [first, last] are persistent when it returns, however much of that is memory. Machine lock held. */
void space_persist(struct space *space, u64 first, u64 last);
/* Walks the flat map in address order, for query-map and `info mtree`: NULL after the last. */
const struct range *space_range(struct space *space, size_t index);

/* One access of 1, 2, 4, 8 bytes (16: two of 8), aligned or not, RAM or device: the slow path of vCPUs, and DMA by
 * words. An unaligned device access is split in ascending order. Takes the machine lock for devices. */
enum mem_result space_read(struct space *space, u64 pa, unsigned size, u64 *value);
enum mem_result space_write(struct space *space, u64 pa, unsigned size, u64 value);

/* DMA: copies of any length; false if any byte met no memory or poison (the rest is still copied; missing bytes read
 * as zero). To RAM without the machine lock. A device region is refused, so that no device can drive another's
 * registers in a loop; interrupt messages go by space_msi. Interleaved CXL memory (lockless regions) is not a device.
 */
bool dma_read(struct space *space, u64 pa, void *to, u64 size);
bool dma_write(struct space *space, u64 pa, const void *from, u64 size);
/* A direct pointer for a whole range inside one RAM range, or NULL (then copy instead). *size is cut to what is
 * contiguous. Between dma_map and dma_unmap the map does not change: hold it no longer than one I/O. */
void *dma_map(struct space *space, u64 pa, u64 *size, bool write);
void dma_unmap(struct space *space, u64 pa, u64 size, bool write);

/*
 * DMA of a requester through the IOMMU, if there is one: as dma_read and dma_write, a translation for each piece.
 * `translate` runs on any thread without the machine lock: false if the access ends here, else *pa, and *size cut to
 * what is contiguous.
 */
struct iommu_ops {
	bool (*translate)(void *opaque, u32 requester_id, u64 iova, bool write, u64 *pa, u64 *size);
};
void space_set_iommu(struct space *space, const struct iommu_ops *ops,
		     void *opaque); /* before devices are; NULL: none */
/* DMA and messages of requesters on these buses go by physical addresses. Before anything runs. */
void space_bypass_iommu(struct space *space, u8 bus_first, u8 bus_last);
bool dma_translate(struct space *space, u32 requester_id, bool write, u64 *address, u64 *size);
bool dma_read_for(struct space *space, u32 requester_id, u64 iova, void *to, u64 size);
bool dma_write_for(struct space *space, u32 requester_id, u64 iova, const void *from, u64 size);

/* A message-signalled interrupt: a 4-byte store of `data` to `pa` with the sender's requester ID. The machine
 * connects the doorbell (the ITS); a store elsewhere is an ordinary DMA write. */
struct msi_target {
	void (*send)(void *opaque, u32 requester_id, u64 pa, u32 data);
	void *opaque;
	u64 base, size; /* addresses that are doorbells */
};
void space_set_msi_target(struct space *space, const struct msi_target *target);
void space_msi(struct space *space, u32 requester_id, u64 pa, u32 data);

/*
 * Code marks: one bit per 4 KiB of every RAM region, set by cpu/ when it decodes code there. The bit is advice for
 * dma_write and for the CPU's store slow path; kept beside the region, created at space_add for RAM. Set the mark
 * before reading the bytes to decode.
 */
void space_mark_code(struct space *space, u64 pa, bool has_code);
bool space_has_code(struct space *space, u64 pa);
static inline bool range_has_code(const struct range *range, u64 pa)
{
	u64 page = (range->offset + (pa - range->base)) >> 12;

	return range->code && (__atomic_load_n(&range->code[page / 64], __ATOMIC_RELAXED) >> (page % 64) & 1);
}

#endif
