/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single accesses of 1 to 16 bytes to an address space: the slow path of vCPUs, and everybody who reads or writes a
 * word of guest memory. RAM is reached in an epoch and without a lock; a device's ops run under the machine lock, out
 * of any epoch, after the address was looked up again under it (the map may have changed while we waited).
 */
#include "base/bits.h"
#include "mem/space.h"

typedef u16 __attribute__((aligned(1), may_alias)) any_u16;
typedef u32 __attribute__((aligned(1), may_alias)) any_u32;
typedef u64 __attribute__((aligned(1), may_alias)) any_u64;

/* One host access: single-copy atomic where it is aligned. */
static u64 ram_load(const u8 *p, unsigned size)
{
	switch (size) {
	case 1: return *(const volatile u8 *)p;
	case 2: return *(const volatile any_u16 *)p;
	case 4: return *(const volatile any_u32 *)p;
	default: return *(const volatile any_u64 *)p;
	}
}

static void ram_store(u8 *p, unsigned size, u64 value)
{
	switch (size) {
	case 1: *(volatile u8 *)p = (u8)value; break;
	case 2: *(volatile any_u16 *)p = (u16)value; break;
	case 4: *(volatile any_u32 *)p = (u32)value; break;
	default: *(volatile any_u64 *)p = value; break;
	}
}

static enum mem_result io_call(const struct region *region, u64 offset, unsigned size, u64 *value, bool write)
{
	enum mem_result result;
	const struct io_ops *ops = region->ops;

	if (write) {
		if (!ops || !ops->write)
			return ops || region->host ? MEM_OK : MEM_NOTHING; /* ROM drops writes */
		return ops->write(region->opaque, offset, size, *value & ones(size * 8));
	}
	if (!ops || !ops->read)
		return MEM_NOTHING;
	*value = 0;
	result = ops->read(region->opaque, offset, size, value);
	*value &= ones(size * 8);
	return result;
}

/* Whether the range takes the access directly in host memory. */
static bool is_direct(const struct range *range, bool write)
{
	return range->region->host && !(write && range->region->readonly);
}

enum step { STEP_DONE, STEP_NARROWER, STEP_LOCK };

/* One try at an access that may still be too wide for its range (STEP_NARROWER) or need the machine lock (STEP_LOCK).
 */
static enum step access_try(struct space *space, u64 pa, unsigned size, u64 *value, bool write, bool locked,
			    enum mem_result *result)
{
	const struct range *range = space_lookup(space, pa);
	struct region *region;
	u64 offset;

	if (!range) {
		if (size > 1 && (pa & (size - 1)))
			return STEP_NARROWER;
		*result = MEM_NOTHING;
		return STEP_DONE;
	}
	region = range->region;
	offset = range->offset + (pa - range->base);
	if (range->last - pa < size - 1)
		return STEP_NARROWER;
	if (is_direct(range, write)) {
		region_make_ready(region, offset, size);
		if (write) {
			ram_store(region->host + offset, size, *value);
			space_code_check(space, range, pa, size);
		} else {
			*value = ram_load(region->host + offset, size);
		}
		*result = MEM_OK;
		return STEP_DONE;
	}
	if (offset & (size - 1))
		return STEP_NARROWER;
	if (!locked && !region->lockless)
		return STEP_LOCK;
	*result = io_call(region, offset, size, value, write);
	return STEP_DONE;
}

static enum mem_result access_one(struct space *space, u64 pa, unsigned size, u64 *value, bool write);

/* Of a read whose first part met poison nothing more is read: it has been told of once. */
static bool is_over(enum mem_result first, bool write)
{
	return first == MEM_ABORT && !write;
}

/* Two halves in ascending order; the first failure is the answer, the second half is still done. */
static enum mem_result access_halves(struct space *space, u64 pa, unsigned size, u64 *value, bool write)
{
	unsigned half = size / 2;
	u64 low = write ? *value & ones(half * 8) : 0, high = write ? *value >> (half * 8) : 0;
	enum mem_result first = access_one(space, pa, half, &low, write);
	enum mem_result second = is_over(first, write) ? first : access_one(space, pa + half, half, &high, write);

	if (!write)
		*value = low | high << (half * 8);
	return first != MEM_OK ? first : second;
}

static enum mem_result access_one(struct space *space, u64 pa, unsigned size, u64 *value, bool write)
{
	enum mem_result result = MEM_OK;
	enum step step;

	if (pa + (size - 1) < pa)
		goto nothing;
	space_enter(space);
	step = access_try(space, pa, size, value, write, false, &result);
	space_leave(space);
	if (step == STEP_LOCK) {
		if (space->loop)
			loop_lock(space->loop);
		step = access_try(space, pa, size, value, write, true, &result);
		if (space->loop)
			loop_unlock(space->loop);
	}
	if (step == STEP_NARROWER && size > 1)
		return access_halves(space, pa, size, value, write);
	if (result != MEM_NOTHING)
		return result;
nothing:
	if (!write)
		*value = ones(size * 8);
	return MEM_NOTHING;
}

static enum mem_result access_any(struct space *space, u64 pa, unsigned size, u64 *value, bool write)
{
	enum mem_result first, second;

	if (size != 16)
		return access_one(space, pa, size, value, write);
	first = access_one(space, pa, 8, &value[0], write);
	second = is_over(first, write) ? first : access_one(space, pa + 8, 8, &value[1], write);
	return first != MEM_OK ? first : second;
}

enum mem_result space_read(struct space *space, u64 pa, unsigned size, u64 *value)
{
	assert(is_power_of_2(size) && size <= 16);
	return access_any(space, pa, size, value, false);
}

static enum mem_result write_any(struct space *space, u64 pa, unsigned size, const u64 *value)
{
	u64 copy[2] = {value[0], size == 16 ? value[1] : 0};

	return access_any(space, pa, size, copy, true);
}

enum mem_result space_write(struct space *space, u64 pa, unsigned size, u64 value)
{
	assert(is_power_of_2(size) && size <= 8);
	return write_any(space, pa, size, &value);
}
