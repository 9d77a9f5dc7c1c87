/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: metadata in memory, and the order in which it goes to the file. */
#include <stdlib.h>

#include "host/qcow2.h"

bool qcow2_cache_init(struct qcow2 *q, struct qcow2_cache *cache, u64 bytes, u32 most)
{
	cache->sets = (u32)MAX(bytes / q->cluster_bytes / QCOW2_WAYS, 1u);
	cache->sets = MIN(cache->sets, 64u); /* small clusters: 512 tables are enough */
	cache->sets = MIN(cache->sets, MAX(most, 1u));
	cache->tables = calloc((size_t)cache->sets * QCOW2_WAYS, sizeof(*cache->tables));
	return cache->tables;
}

void qcow2_cache_fini(struct qcow2_cache *cache)
{
	for (u32 n = 0; cache->tables && n < cache->sets * QCOW2_WAYS; n++)
		free(cache->tables[n].bytes);
	free(cache->tables);
	cache->tables = NULL;
}

static struct qcow2_table *set_of(struct qcow2 *q, struct qcow2_cache *cache, u64 offset)
{
	return cache->tables + (offset >> q->cluster_bits) % cache->sets * QCOW2_WAYS;
}

static bool is_dirty(const struct qcow2_table *table)
{
	return table->dirty_from != table->dirty_to;
}

bool qcow2_cache_has(struct qcow2 *q, struct qcow2_cache *cache, u64 offset)
{
	const struct qcow2_table *set = set_of(q, cache, offset);

	for (unsigned n = 0; n < QCOW2_WAYS; n++)
		if (set[n].offset == offset)
			return true;
	return false;
}

struct qcow2_table *qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, u64 offset, bool fresh)
{
	struct qcow2_table *set = set_of(q, cache, offset), *oldest = set;

	for (unsigned n = 0; n < QCOW2_WAYS; n++) {
		if (set[n].offset == offset) {
			oldest = &set[n];
			goto found;
		}
		if (set[n].used < oldest->used)
			oldest = &set[n];
	}
	if (is_dirty(oldest) && !qcow2_write_back(q))
		return NULL;
	oldest->offset = 0;
	oldest->used = 0;
	if (!oldest->bytes && !(oldest->bytes = malloc(q->cluster_bytes)))
		return NULL;
	if (!fresh && !block_file_read_bytes(q->block, offset, oldest->bytes, q->cluster_bytes))
		return NULL;
	oldest->offset = offset;
found:
	if (fresh)
		memset(oldest->bytes, 0, q->cluster_bytes);
	oldest->used = ++cache->clock;
	return oldest;
}

void qcow2_table_dirty(struct qcow2_cache *cache, struct qcow2_table *table, u32 from, u32 bytes)
{
	cache->dirty += !is_dirty(table);
	table->dirty_from = is_dirty(table) ? MIN(table->dirty_from, from) : from;
	table->dirty_to = MAX(table->dirty_to, from + bytes);
}

void qcow2_top_set(struct qcow2_top *top, u32 n, u64 entry)
{
	top->entries[n] = entry;
	top->dirty_from = top->dirty_from == top->dirty_to ? n : MIN(top->dirty_from, n);
	top->dirty_to = MAX(top->dirty_to, n + 1);
}

/* --- To the file --- */

/* Whole sectors, so that no host has to read before it writes. */
static bool cache_write(struct qcow2 *q, struct qcow2_cache *cache)
{
	for (u32 n = 0; cache->dirty && n < cache->sets * QCOW2_WAYS; n++) {
		struct qcow2_table *t = &cache->tables[n];
		u32 from = (u32)align_down(t->dirty_from, SECTOR), to = (u32)align_up(t->dirty_to, SECTOR);

		if (!is_dirty(t))
			continue;
		if (!block_file_write_bytes(q->block, t->offset + from, t->bytes + from, to - from))
			return false;
		t->dirty_from = t->dirty_to = 0;
		cache->dirty--;
	}
	return true;
}

static bool top_write(struct qcow2 *q, struct qcow2_top *top)
{
	u8 bytes[SECTOR];

	while (top->dirty_from != top->dirty_to) {
		u32 count = MIN(top->dirty_to - top->dirty_from, sizeof(bytes) / 8);

		for (u32 n = 0; n < count; n++)
			be_store(bytes + 8 * n, 8, top->entries[top->dirty_from + n]);
		if (!block_file_write_bytes(q->block, top->offset + 8ull * top->dirty_from, bytes, 8ull * count))
			return false;
		top->dirty_from += count;
	}
	top->dirty_from = top->dirty_to = 0;
	return true;
}

bool qcow2_write_back(struct qcow2 *q)
{
	bool l2 = q->l2s.dirty, l1 = q->l1.dirty_from != q->l1.dirty_to;
	bool refblocks = q->refblocks.dirty, reftable = q->reftable.dirty_from != q->reftable.dirty_to;

	if (q->broken)
		return false;
	if (refblocks && (!cache_write(q, &q->refblocks) || (reftable && !block_file_sync(q->block))))
		return false;
	if (reftable && !top_write(q, &q->reftable))
		return false;
	/* Also for the data: a new cluster may hold a copy of what an older flush promised. */
	if ((l2 || l1) && !block_file_sync(q->block))
		return false;
	if (l2 && (!cache_write(q, &q->l2s) || (l1 && !block_file_sync(q->block))))
		return false;
	return !l1 || top_write(q, &q->l1);
}
