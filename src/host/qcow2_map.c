/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: from the disk's bytes to the file's. Every entry is judged each time it is used. `lock` is held. */
#include <stdlib.h>

#include "host/qcow2.h"

/* How many entries an L2 table has. */
static u64 l2_count(const struct qcow2 *q)
{
	return 1ull << q->l2_bits;
}

static u64 l2_index(const struct qcow2 *q, u64 offset)
{
	return (offset >> q->cluster_bits) & (l2_count(q) - 1);
}

static u64 l1_index(const struct qcow2 *q, u64 offset)
{
	return offset >> (q->cluster_bits + q->l2_bits);
}

void qcow2_compressed_range(const struct qcow2 *q, u64 entry, u64 *offset, u64 *bytes)
{
	unsigned shift = 62 - (q->cluster_bits - 8);

	*offset = entry & ones(shift);
	*bytes = (bits(entry, 61, shift) + 1) * SECTOR - (*offset & (SECTOR - 1));
}

static bool is_in_file(const struct qcow2 *q, u64 offset)
{
	return offset < align_up(q->file_end, q->cluster_bytes);
}

enum qcow2_kind qcow2_entry_kind(const struct qcow2 *q, u64 entry)
{
	u64 offset, bytes;

	if (entry & QCOW2_COMPRESSED) {
		qcow2_compressed_range(q, entry, &offset, &bytes);
		return (entry & QCOW2_COPIED) || offset < q->cluster_bytes || !is_in_file(q, offset) ?
			       QCOW2_MAP_BAD :
			       QCOW2_MAP_COMPRESSED;
	}
	offset = entry & QCOW2_OFFSET_MASK;
	if ((entry & QCOW2_L2_RESERVED) || (q->version < 3 && (entry & QCOW2_ZERO)) ||
	    (offset & (q->cluster_bytes - 1)) || !is_in_file(q, offset))
		return QCOW2_MAP_BAD;
	if (entry & QCOW2_ZERO)
		return QCOW2_MAP_ZERO;
	return offset ? QCOW2_MAP_DATA : QCOW2_MAP_NONE;
}

/* The table that an L1 entry names: 0: none; false: it cannot be one. */
static bool l1_target(struct qcow2 *q, u64 entry, u64 *offset)
{
	*offset = entry & QCOW2_OFFSET_MASK;
	return !(entry & QCOW2_L1_RESERVED) && !(*offset & (q->cluster_bytes - 1)) &&
	       (!*offset || (*offset >= q->cluster_bytes && is_in_file(q, *offset)));
}

bool qcow2_map_is_in_memory(struct qcow2 *q, u64 offset)
{
	u64 table;

	return l1_target(q, q->l1.entries[l1_index(q, offset)], &table) &&
	       (!table || qcow2_cache_has(q, &q->l2s, table));
}

struct qcow2_extent qcow2_map(struct qcow2 *q, u64 offset, u64 size)
{
	u64 inside = offset & (q->cluster_bytes - 1), first = l2_index(q, offset), table, entry, count, n;
	struct qcow2_extent extent = {.kind = QCOW2_MAP_NONE};
	struct qcow2_table *l2;

	size = MIN(size, ((l2_count(q) - first) << q->cluster_bits) - inside);
	extent.bytes = size;
	if (!l1_target(q, q->l1.entries[l1_index(q, offset)], &table)) {
		qcow2_corrupt(q, "an L1 entry is not one", offset);
		extent.kind = QCOW2_MAP_BAD;
		return extent;
	}
	if (!table)
		return extent;
	l2 = qcow2_cache_get(q, &q->l2s, table, false);
	if (!l2) {
		extent.kind = QCOW2_MAP_BAD;
		return extent;
	}
	entry = be_load(l2->bytes + 8 * first, 8);
	extent.kind = qcow2_entry_kind(q, entry);
	extent.entry = entry;
	extent.host = (entry & QCOW2_OFFSET_MASK) + inside;
	extent.in_place = (entry & QCOW2_COPIED) && (q->l1.entries[l1_index(q, offset)] & QCOW2_COPIED);
	if (extent.kind == QCOW2_MAP_BAD)
		qcow2_corrupt(q, "an L2 entry is not one", offset);
	count = qcow2_clusters(q, inside + size);
	for (n = 1; n < count && extent.kind != QCOW2_MAP_COMPRESSED && extent.kind != QCOW2_MAP_BAD; n++) {
		u64 next = be_load(l2->bytes + 8 * (first + n), 8);

		if (qcow2_entry_kind(q, next) != extent.kind)
			break;
		if (extent.kind == QCOW2_MAP_DATA && next != entry + (n << q->cluster_bits))
			break;
	}
	extent.bytes = MIN(size, (n << q->cluster_bits) - inside);
	return extent;
}

struct qcow2_table *qcow2_l2_for_write(struct qcow2 *q, u64 offset)
{
	u64 n = l1_index(q, offset), entry = q->l1.entries[n], old, place, got;
	struct qcow2_table *l2;
	u8 *copy;
	bool fresh;

	if (!l1_target(q, entry, &old)) {
		qcow2_corrupt(q, "an L1 entry is not one", offset);
		return NULL;
	}
	if (old && (entry & QCOW2_COPIED))
		return qcow2_cache_get(q, &q->l2s, old, false);
	/* Made anew, or a copy because a snapshot has it too. */
	copy = NULL;
	if (old) {
		l2 = qcow2_cache_get(q, &q->l2s, old, false);
		copy = l2 ? malloc(q->cluster_bytes) : NULL;
		if (!copy)
			return NULL;
		memcpy(copy, l2->bytes, q->cluster_bytes);
	}
	if (!qcow2_alloc(q, 1, &place, &got, &fresh)) {
		free(copy);
		return NULL;
	}
	l2 = qcow2_cache_get(q, &q->l2s, place, true);
	if (!l2) {
		free(copy);
		qcow2_unalloc(q, place, 1);
		return NULL;
	}
	if (copy)
		memcpy(l2->bytes, copy, q->cluster_bytes);
	free(copy);
	qcow2_table_dirty(&q->l2s, l2, 0, q->cluster_bytes);
	qcow2_metadata_add(q, place);
	qcow2_top_set(&q->l1, (u32)n, place | QCOW2_COPIED);
	if (old) {
		qcow2_metadata_remove(q, old);
		qcow2_drop(q, old);
	}
	return l2;
}

void qcow2_entry_set(struct qcow2 *q, struct qcow2_table *l2, u64 offset, u64 entry)
{
	u8 *at = l2->bytes + 8 * l2_index(q, offset);
	u64 old = be_load(at, 8), from, bytes;

	be_store(at, 8, entry);
	qcow2_table_dirty(&q->l2s, l2, (u32)(at - l2->bytes), 8);
	switch (qcow2_entry_kind(q, old)) {
	case QCOW2_MAP_ZERO:
	case QCOW2_MAP_DATA:
		if (old & QCOW2_OFFSET_MASK)
			qcow2_drop(q, old & QCOW2_OFFSET_MASK);
		break;
	case QCOW2_MAP_COMPRESSED:
		qcow2_compressed_range(q, old, &from, &bytes);
		bytes = MIN(bytes, align_up(q->file_end, q->cluster_bytes) - from);
		for (u64 n = from >> q->cluster_bits; n <= (from + bytes - 1) >> q->cluster_bits; n++)
			qcow2_drop(q, n << q->cluster_bits);
		break;
	default: break;
	}
}
