/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ITS's tables in guest memory: devices (GITS_BASER0), collections (GITS_BASER1) and each device's interrupt
 * translation table. [IHI0069 ITS tables]
 *
 * Our entries, 8 bytes each, little-endian:
 *
 *     device      63 valid | 51:8 ITT address | 4:0 EventID bits - 1
 *     collection  63 valid | 15:0 PE number
 *     event       63 valid | 47:32 collection | 31:0 INTID
 *
 * A table is flat, or two-level (Indirect): a first level of 8-byte entries, 63 valid and 51:12 the address of a page
 * of second-level entries. Guests may scribble over all of it: every field is checked when it is read, every address
 * goes through dma_read or dma_write, and nothing is cached. Machine lock held.
 */
#include "base/trace.h"
#include "irq/gic_state.h"

#define ENTRY_VALID BIT(63)

/* PA of entry `id` of a table; false if the table does not reach so far. */
static bool entry_address(struct gic *gic, unsigned table, u32 id, u64 *pa)
{
	u64 baser = regs_get(&gic->its, GITS_BASER + 8 * table, 8);
	unsigned page_shift = MIN(12 + 2 * (unsigned)bits(baser, 9, 8), 16u);
	u64 size = (bits(baser, 7, 0) + 1) << page_shift;
	u64 base = baser & MASK(47, 12);
	u64 per_page = (1ull << page_shift) / ITS_ENTRY_BYTES;
	u64 level1;

	if (!(baser & GITS_BASER_VALID))
		return false;
	if (page_shift == 16) /* bits 15:12 hold address bits 51:48 */
		base = (baser & MASK(47, 16)) | bits(baser, 15, 12) << 48;
	base = align_down(base, 1ull << page_shift);
	if (!(baser & GITS_BASER_INDIRECT)) {
		*pa = base + (u64)id * ITS_ENTRY_BYTES;
		return range_ok((u64)id * ITS_ENTRY_BYTES, ITS_ENTRY_BYTES, size);
	}
	if (!range_ok(id / per_page * 8, 8, size) ||
	    !dma_read(gic->config.space, base + id / per_page * 8, &level1, sizeof(level1)) || !(level1 & ENTRY_VALID))
		return false;
	*pa = align_down(level1 & MASK(51, 12), 1ull << page_shift) + id % per_page * ITS_ENTRY_BYTES;
	return true;
}

static bool entry_get(struct gic *gic, unsigned table, u32 id, u64 *entry)
{
	u64 pa;

	return entry_address(gic, table, id, &pa) && dma_read(gic->config.space, pa, entry, sizeof(*entry)) &&
	       (*entry & ENTRY_VALID);
}

static bool entry_put(struct gic *gic, unsigned table, u32 id, u64 entry)
{
	u64 pa;

	return entry_address(gic, table, id, &pa) && dma_write(gic->config.space, pa, &entry, sizeof(entry));
}

bool its_device_get(struct gic *gic, u32 device, struct its_device *entry)
{
	u64 raw;

	if (bits(device, 31, GIC_ID_BITS) || !entry_get(gic, ITS_TABLE_DEVICE, device, &raw))
		return false;
	entry->itt = raw & MASK(51, 8);
	entry->event_bits = (u32)bits(raw, 4, 0) + 1;
	return entry->event_bits <= GIC_ID_BITS;
}

bool its_device_put(struct gic *gic, u32 device, const struct its_device *entry)
{
	if (bits(device, 31, GIC_ID_BITS))
		return false;
	return entry_put(gic, ITS_TABLE_DEVICE, device,
			 entry ? ENTRY_VALID | (entry->itt & MASK(51, 8)) | (entry->event_bits - 1) : 0);
}

bool its_collection_get(struct gic *gic, u32 collection, u32 *pe)
{
	u64 raw;

	if (!entry_get(gic, ITS_TABLE_COLLECTION, collection, &raw))
		return false;
	*pe = (u32)bits(raw, 15, 0);
	return *pe < gic->cpu_count;
}

bool its_collection_put(struct gic *gic, u32 collection, u32 pe, bool valid)
{
	return entry_put(gic, ITS_TABLE_COLLECTION, collection, valid ? ENTRY_VALID | pe : 0);
}

static bool event_address(const struct its_device *device, u32 event, u64 *pa)
{
	*pa = device->itt + (u64)event * ITS_ENTRY_BYTES;
	return event < 1ull << device->event_bits;
}

bool its_event_get(struct gic *gic, const struct its_device *device, u32 event, struct its_event *entry)
{
	u64 pa, raw;

	if (!event_address(device, event, &pa) || !dma_read(gic->config.space, pa, &raw, sizeof(raw)) ||
	    !(raw & ENTRY_VALID))
		return false;
	entry->intid = (u32)raw;
	entry->collection = (u32)bits(raw, 47, 32);
	return entry->intid >= INTID_LPI && entry->intid < 1u << GIC_ID_BITS;
}

bool its_event_put(struct gic *gic, const struct its_device *device, u32 event, const struct its_event *entry)
{
	u64 raw = entry ? ENTRY_VALID | (u64)entry->collection << 32 | entry->intid : 0;
	u64 pa;

	return event_address(device, event, &pa) && dma_write(gic->config.space, pa, &raw, sizeof(raw));
}
