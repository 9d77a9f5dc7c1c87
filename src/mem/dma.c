/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMA: how devices reach guest memory. Runs on any thread, in an epoch and without the machine lock (pool threads never
 * take that while they hold a mapping). RAM is copied; ranges that are served by functions but are memory (lockless:
 * CXL granules) go word by word; poisoned lines and device registers are refused.
 */
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "mem/space.h"

typedef u16 __attribute__((may_alias)) word_u16;
typedef u32 __attribute__((may_alias)) word_u32;
typedef u64 __attribute__((may_alias)) word_u64;

/* Aligned words in one host access each, so that a ring index is never seen half written; the rest as bytes. */
static void copy(u8 *to, const u8 *from, u64 size, const u8 *guest)
{
	bool aligned = size <= 8 && is_power_of_2(size) && !((uintptr_t)guest & (size - 1));
	u64 value;

	if (!aligned) {
		memcpy(to, from, size);
		return;
	}
	if (guest == from) {
		switch (size) {
		case 1: value = *(const volatile u8 *)from; break;
		case 2: value = *(const volatile word_u16 *)from; break;
		case 4: value = *(const volatile word_u32 *)from; break;
		default: value = *(const volatile word_u64 *)from; break;
		}
		store_le(to, (unsigned)size, value);
		return;
	}
	value = load_le(from, (unsigned)size);
	switch (size) {
	case 1: *(volatile u8 *)to = (u8)value; break;
	case 2: *(volatile word_u16 *)to = (u16)value; break;
	case 4: *(volatile word_u32 *)to = (u32)value; break;
	default: *(volatile word_u64 *)to = value; break;
	}
}

/* Memory behind functions: aligned words of up to 8 bytes in ascending order. */
static bool copy_lockless(const struct region *region, u64 offset, u8 *to, const u8 *from, u64 size)
{
	bool ok = true;

	while (size) {
		unsigned part = 8;
		u64 value = 0;

		while (part > size || (offset & (part - 1)))
			part /= 2;
		if (from) {
			value = load_le(from, part);
			ok &= region->ops->write && region->ops->write(region->opaque, offset, part, value) == MEM_OK;
			from += part;
		} else {
			if (!region->ops->read || region->ops->read(region->opaque, offset, part, &value) != MEM_OK) {
				ok = false;
				value = 0;
			}
			store_le(to, part, value);
			to += part;
		}
		offset += part;
		size -= part;
	}
	return ok;
}

/* The part of a transfer that lies in one range. */
static bool copy_range(struct space *space, const struct range *range, u64 pa, u8 *to, const u8 *from, u64 size)
{
	struct region *region = range->region;
	u64 offset = range->offset + (pa - range->base);

	if (region->host && !(from && region->readonly)) {
		region_make_ready(region, offset, size);
		if (from) {
			copy(region->host + offset, from, size, region->host + offset);
			space_code_check(space, range, pa, size);
		} else {
			copy(to, region->host + offset, size, region->host + offset);
		}
		return true;
	}
	if (region->ops && region->lockless)
		return copy_lockless(region, offset, to, from, size);
	if (to && region->met)
		region->met(region, offset, size);
	if (!region->poison) /* that is memory, though nothing is copied from or to it */
		guest_error(DMA_TO_REGISTERS, "DMA %s of %llu bytes at 0x%llx refused: %s is not memory",
			    from ? "write" : "read", (unsigned long long)size, (unsigned long long)pa, region->name);
	if (to)
		memset(to, 0, size);
	return false;
}

/* How many bytes from pa on have no range, at most `size`. */
static u64 gap(struct space *space, u64 pa, u64 size)
{
	const struct flat *flat = space_flat(space);
	size_t low = 0, high = flat->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (flat->ranges[middle].base > pa)
			high = middle;
		else
			low = middle + 1;
	}
	return low < flat->count ? MIN(size, flat->ranges[low].base - pa) : size;
}

static bool transfer(struct space *space, u64 pa, u8 *to, const u8 *from, u64 size)
{
	bool ok = true;

	space_enter(space);
	while (size) {
		const struct range *range = space_lookup(space, pa);
		u64 part = range ? MIN(size - 1, range->last - pa) + 1 : gap(space, pa, size);

		if (pa + (part - 1) < pa)
			part = 0 - pa;
		if (range) {
			ok &= copy_range(space, range, pa, to, from, part);
		} else {
			guest_error(DMA_NOWHERE, "DMA %s of %llu bytes at 0x%llx: nothing is there",
				    from ? "write" : "read", (unsigned long long)part, (unsigned long long)pa);
			ok = false;
			if (to)
				memset(to, 0, part);
		}
		if (to)
			to += part;
		if (from)
			from += part;
		pa += part;
		size -= part;
		if (!pa && size) { /* past the last address */
			ok = false;
			if (to)
				memset(to, 0, size);
			break;
		}
	}
	space_leave(space);
	return ok;
}

bool dma_read(struct space *space, u64 pa, void *to, u64 size)
{
	return transfer(space, pa, to, NULL, size);
}

bool dma_write(struct space *space, u64 pa, const void *from, u64 size)
{
	return transfer(space, pa, NULL, from, size);
}

void *dma_map(struct space *space, u64 pa, u64 *size, bool write)
{
	const struct range *range;
	u64 offset;

	if (!*size)
		return NULL;
	space_enter(space);
	range = space_lookup(space, pa);
	if (!range || !range->region->host || (write && range->region->readonly)) {
		space_leave(space);
		return NULL;
	}
	*size = MIN(*size - 1, range->last - pa) + 1;
	offset = range->offset + (pa - range->base);
	region_make_ready(range->region, offset, *size);
	return range->region->host + offset;
}

void dma_unmap(struct space *space, u64 pa, u64 size, bool write)
{
	const struct range *range = space_lookup(space, pa);

	if (write && range)
		space_code_check(space, range, pa, MIN(size, range->last - pa + 1));
	space_leave(space);
}

void space_set_iommu(struct space *space, const struct iommu_ops *ops, void *opaque)
{
	space->iommu = ops;
	space->iommu_opaque = opaque;
}

void space_bypass_iommu(struct space *space, u8 bus_first, u8 bus_last)
{
	for (unsigned bus = bus_first; bus <= bus_last; bus++)
		space->iommu_bypass[bus / 64] |= BIT(bus % 64);
}

static bool is_bypassed(const struct space *space, u32 requester_id)
{
	u8 bus = (u8)(requester_id >> 8);

	return space->iommu_bypass[bus / 64] >> (bus % 64) & 1;
}

bool dma_translate(struct space *space, u32 requester_id, bool write, u64 *address, u64 *size)
{
	return !space->iommu || is_bypassed(space, requester_id) ||
	       space->iommu->translate(space->iommu_opaque, requester_id, *address, write, address, size);
}

/* What cannot be translated ends the transfer: the rest reads as zero. */
static bool transfer_for(struct space *space, u32 requester_id, u64 iova, u8 *to, const u8 *from, u64 size)
{
	bool ok = true;

	while (size) {
		u64 pa = iova, part = size;

		if (!dma_translate(space, requester_id, from != NULL, &pa, &part) || !part) {
			if (to)
				memset(to, 0, size);
			return false;
		}
		ok &= transfer(space, pa, to, from, part);
		if (to)
			to += part;
		if (from)
			from += part;
		iova += part;
		size -= part;
	}
	return ok;
}

bool dma_read_for(struct space *space, u32 requester_id, u64 iova, void *to, u64 size)
{
	return transfer_for(space, requester_id, iova, to, NULL, size);
}

bool dma_write_for(struct space *space, u32 requester_id, u64 iova, const void *from, u64 size)
{
	return transfer_for(space, requester_id, iova, NULL, from, size);
}

void space_msi(struct space *space, u32 requester_id, u64 pa, u32 data)
{
	const struct msi_target *target = &space->msi;
	u64 size = sizeof(data);

	if (!dma_translate(space, requester_id, true, &pa, &size) || size < sizeof(data))
		return;

	if (target->send && pa >= target->base && pa - target->base < target->size) {
		if (space->loop)
			loop_lock(space->loop);
		target->send(target->opaque, requester_id, pa, data);
		if (space->loop)
			loop_unlock(space->loop);
		return;
	}
	dma_write(space, pa, &data, sizeof(data));
}
