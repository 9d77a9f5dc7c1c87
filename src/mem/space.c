/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An address space: its regions, and the flat map that is compiled from them and published whole.
 *
 * Writers hold the machine lock. A change compiles a new map, makes the vCPUs stand still (still_ops), waits until no
 * DMA or slow access is under way (epoch), drops what the CPUs remember of the ranges whose direct mapping changed,
 * publishes the map, and frees the old one: nobody can still hold a pointer into it. Readers are in access.c and dma.c.
 */
#include "mem/space.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bits.h"

#define EPOCH_WRITER BIT(31)  /* a writer is in: stay out */
#define EPOCH_WAITING BIT(30) /* a writer waits for the count to fall to 0 */
#define EPOCH_COUNT MASK(29, 0)

static void futex_sleep(u32 *word, u32 seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(u32 *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

static bool is_writer(struct space *space, u32 epoch)
{
	return (epoch & EPOCH_WRITER) && pthread_equal(space->writer, pthread_self());
}

void space_enter(struct space *space)
{
	u32 epoch = __atomic_load_n(&space->epoch, __ATOMIC_ACQUIRE);

	for (;;) {
		if (epoch & EPOCH_WRITER) {
			if (is_writer(space, epoch))
				return;
			futex_sleep(&space->epoch, epoch);
			epoch = __atomic_load_n(&space->epoch, __ATOMIC_ACQUIRE);
		} else if (__atomic_compare_exchange_n(&space->epoch, &epoch, epoch + 1, true, __ATOMIC_SEQ_CST,
						       __ATOMIC_ACQUIRE)) {
			return;
		}
	}
}

void space_leave(struct space *space)
{
	if (is_writer(space, __atomic_load_n(&space->epoch, __ATOMIC_ACQUIRE)))
		return;
	if (__atomic_sub_fetch(&space->epoch, 1, __ATOMIC_SEQ_CST) == EPOCH_WAITING)
		futex_wake_all(&space->epoch);
}

static void epoch_close(struct space *space)
{
	u32 epoch = __atomic_load_n(&space->epoch, __ATOMIC_ACQUIRE);

	for (;;) {
		if (!(epoch & EPOCH_COUNT)) {
			space->writer = pthread_self();
			if (__atomic_compare_exchange_n(&space->epoch, &epoch, (u32)EPOCH_WRITER, true,
							__ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
				return;
		} else if ((epoch & EPOCH_WAITING) ||
			   __atomic_compare_exchange_n(&space->epoch, &epoch, epoch | (u32)EPOCH_WAITING, true,
						       __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {
			futex_sleep(&space->epoch, epoch | (u32)EPOCH_WAITING);
			epoch = __atomic_load_n(&space->epoch, __ATOMIC_ACQUIRE);
		}
	}
}

static void epoch_open(struct space *space)
{
	__atomic_store_n(&space->epoch, 0, __ATOMIC_SEQ_CST);
	futex_wake_all(&space->epoch);
}

static void still_begin(struct space *space)
{
	if (space->still_depth++)
		return;
	if (space->still && space->still->stop)
		space->still->stop(space->still_opaque);
	epoch_close(space);
}

static void still_end(struct space *space)
{
	if (--space->still_depth)
		return;
	epoch_open(space);
	if (space->still && space->still->resume)
		space->still->resume(space->still_opaque);
}

static void still_drop(void *opaque, u64 base, u64 size)
{
	struct space *space = opaque;

	if (space->still && space->still->drop)
		space->still->drop(space->still_opaque, base, size ? size : UINT64_MAX);
}

static void free_dead_code(struct space *space)
{
	while (space->dead_count)
		free(space->dead_code[--space->dead_count]);
}

static void publish(struct space *space)
{
	struct flat *old = space->flat, *now;

	if (space->begun) {
		space->changed = true;
		return;
	}
	space->changed = false;
	now = flat_build(space->entries, space->entry_count);
	still_begin(space);
	flat_diff(old, now, still_drop, space);
	__atomic_store_n(&space->flat, now, __ATOMIC_RELEASE);
	still_end(space);
	free(old);
	free_dead_code(space);
}

struct space *space_create(struct loop *loop)
{
	struct space *space = calloc(1, sizeof(*space));

	assert(space);
	space->loop = loop;
	space->flat = flat_build(NULL, 0);
	return space;
}

void space_destroy(struct space *space)
{
	if (!space)
		return;
	for (size_t i = 0; i < space->entry_count; i++) {
		space->entries[i].region->added = false;
		free(space->entries[i].code);
	}
	free_dead_code(space);
	free(space->dead_code);
	free(space->entries);
	free(space->flat);
	free(space);
}

void space_set_still(struct space *space, const struct still_ops *ops, void *opaque)
{
	space->still = ops;
	space->still_opaque = opaque;
}

void space_set_msi_target(struct space *space, const struct msi_target *target)
{
	space->msi = *target;
}

static void lock(struct space *space)
{
	if (space->loop)
		loop_lock(space->loop);
}

static void unlock(struct space *space)
{
	if (space->loop)
		loop_unlock(space->loop);
}

void space_begin(struct space *space)
{
	lock(space);
	space->begun++;
}

void space_end(struct space *space)
{
	assert(space->begun);
	if (!--space->begun && space->changed)
		publish(space);
	unlock(space);
}

static u64 *code_marks_new(const struct region *region)
{
	u64 *marks;

	if (!region->host)
		return NULL;
	marks = calloc((region->size >> 18) + 2, sizeof(*marks));
	assert(marks);
	return marks;
}

static struct entry *entry_of(struct space *space, const struct region *region)
{
	for (size_t i = 0; i < space->entry_count; i++)
		if (space->entries[i].region == region)
			return &space->entries[i];
	return NULL;
}

void space_add(struct space *space, struct region *region)
{
	assert(!region->added && region->size && (region->host || region->ops));
	lock(space);
	if (space->entry_count == space->entry_room) {
		space->entry_room = space->entry_room ? space->entry_room * 2 : 16;
		space->entries = realloc(space->entries, space->entry_room * sizeof(*space->entries));
		assert(space->entries);
	}
	space->entries[space->entry_count++] = (struct entry){
		.region = region,
		.code = code_marks_new(region),
		.order = space->order++,
	};
	region->added = true;
	publish(space);
	unlock(space);
}

void space_remove(struct space *space, struct region *region)
{
	struct entry *entry;

	if (!region->added)
		return;
	lock(space);
	entry = entry_of(space, region);
	assert(entry);
	if (space->dead_count == space->dead_room) {
		space->dead_room = space->dead_room ? space->dead_room * 2 : 16;
		space->dead_code = realloc(space->dead_code, space->dead_room * sizeof(*space->dead_code));
		assert(space->dead_code);
	}
	space->dead_code[space->dead_count++] = entry->code;
	*entry = space->entries[--space->entry_count];
	region->added = false;
	publish(space);
	unlock(space);
}

void space_move(struct space *space, struct region *region, u64 base)
{
	if (region->base == base)
		return;
	lock(space);
	region->base = base;
	if (region->added)
		publish(space);
	unlock(space);
}

void space_forget(struct space *space, u64 base, u64 size)
{
	assert(space->still_depth);
	still_drop(space, base, size);
}

void space_change(struct space *space, u64 base, u64 size, void (*change)(void *opaque), void *opaque)
{
	bool marks = false;

	lock(space);
	still_begin(space);
	if (size)
		still_drop(space, base, size);
	change(opaque);
	/* A region that became RAM by the change has code marks from now on. */
	for (size_t i = 0; i < space->entry_count; i++) {
		struct entry *entry = &space->entries[i];

		if (entry->region->host && !entry->code) {
			entry->code = code_marks_new(entry->region);
			marks = true;
		}
	}
	if (marks)
		publish(space);
	still_end(space);
	unlock(space);
}

bool space_check(struct space *space, struct error *err)
{
	bool ok = true;

	lock(space);
	for (size_t i = 0; ok && i < space->entry_count; i++) {
		const struct region *a = space->entries[i].region;

		for (size_t j = 0; ok && j < i; j++) {
			const struct region *b = space->entries[j].region;
			u64 a_last = a->base + (a->size - 1), b_last = b->base + (b->size - 1);

			if (a->priority || b->priority || a->base > b_last || b->base > a_last)
				continue;
			ok = fail(err, "%s at 0x%llx-0x%llx overlaps %s at 0x%llx-0x%llx: move or shrink one of them",
				  a->name, (unsigned long long)a->base, (unsigned long long)a_last, b->name,
				  (unsigned long long)b->base, (unsigned long long)b_last);
		}
	}
	unlock(space);
	return ok;
}

const struct range *space_lookup(struct space *space, u64 pa)
{
	return flat_find(space_flat(space), pa);
}

const struct range *space_range(struct space *space, size_t index)
{
	const struct flat *flat = space_flat(space);

	return index < flat->count ? &flat->ranges[index] : NULL;
}

void space_persist(struct space *space, u64 first, u64 last)
{
	const struct flat *flat = space_flat(space);

	for (size_t i = 0; i < flat->count; i++) {
		const struct range *range = &flat->ranges[i];
		u64 from = MAX(first, range->base), to = MIN(last, range->last);

		if (from > to || !range->region->persist)
			continue;
		range->region->persist(range->region, range->offset + (from - range->base), to - from + 1);
		if (range->region->persist_drain)
			range->region->persist_drain(range->region);
	}
}

void space_mark_code(struct space *space, u64 pa, bool has_code)
{
	const struct range *range = space_lookup(space, pa);
	u64 page, *word, mask;

	if (!range || !range->code)
		return;
	page = (range->offset + (pa - range->base)) >> 12;
	word = &range->code[page / 64];
	mask = BIT(page % 64);
	if (has_code)
		__atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST);
}

bool space_has_code(struct space *space, u64 pa)
{
	const struct range *range = space_lookup(space, pa);

	return range && range_has_code(range, pa);
}

void space_code_check(struct space *space, const struct range *range, u64 pa, u64 size)
{
	u64 first = align_down(pa, 4096), end = pa + size;

	/* The bytes are written; pairs with the mark that is set before the bytes to decode are read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!range->code || !size || !space->still || !space->still->code_written)
		return;
	for (u64 page = first; page < end; page += 4096) {
		u64 from = MAX(page, pa);

		if (range_has_code(range, from)) {
			space->still->code_written(space->still_opaque, from, MIN(end, page + 4096) - from);
		}
	}
}
