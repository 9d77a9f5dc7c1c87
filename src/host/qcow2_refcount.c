/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: which clusters of the file are in use, and by how many. `lock` is held. */
#include <stdlib.h>

#include "base/trace.h"
#include "host/qcow2.h"

/* --- What data must not hit --- */

static u32 metadata_slot(const struct qcow2 *q, u64 offset)
{
	u32 slot = (u32)((offset >> q->cluster_bits) * q->metadata_key >> (64 - __builtin_ctz(q->metadata_room)));

	while (q->metadata[slot] && q->metadata[slot] != offset)
		slot = (slot + 1) & (q->metadata_room - 1);
	return slot;
}

static void metadata_grow(struct qcow2 *q)
{
	u64 *old = q->metadata;
	u32 room = q->metadata_room;

	q->metadata_room = room ? 2 * room : 64;
	q->metadata = calloc(q->metadata_room, sizeof(*q->metadata));
	assert(q->metadata);
	for (u32 n = 0; n < room; n++)
		if (old[n])
			q->metadata[metadata_slot(q, old[n])] = old[n];
	free(old);
}

bool qcow2_metadata_add(struct qcow2 *q, u64 offset)
{
	u32 slot;

	if (2 * q->metadata_count >= q->metadata_room)
		metadata_grow(q);
	slot = metadata_slot(q, offset);
	if (q->metadata[slot])
		return false;
	q->metadata[slot] = offset;
	q->metadata_count++;
	return true;
}

/* What stands behind the hole may have been put there because of it. */
void qcow2_metadata_remove(struct qcow2 *q, u64 offset)
{
	u32 slot = q->metadata_room ? metadata_slot(q, offset) : 0;

	if (!q->metadata_room || !q->metadata[slot])
		return;
	q->metadata[slot] = 0;
	q->metadata_count--;
	for (slot = (slot + 1) & (q->metadata_room - 1); q->metadata[slot];
	     slot = (slot + 1) & (q->metadata_room - 1)) {
		u64 moved = q->metadata[slot];

		q->metadata[slot] = 0;
		q->metadata[metadata_slot(q, moved)] = moved;
	}
}

static bool is_in(u64 offset, u64 from, u64 bytes)
{
	return offset >= from && offset - from < bytes;
}

bool qcow2_is_data_place(struct qcow2 *q, u64 offset)
{
	return offset >= q->cluster_bytes && !is_in(offset, q->l1.offset, 8ull * q->l1.count) &&
	       !is_in(offset, q->reftable.offset, 8ull * q->reftable.count) &&
	       !is_in(offset, q->snapshot_table_offset, q->snapshot_table_bytes) &&
	       (!q->metadata_room || !q->metadata[metadata_slot(q, offset)]);
}

/* --- Counts --- */

static u64 per_block(const struct qcow2 *q)
{
	return 8ull * q->cluster_bytes >> q->refcount_order;
}

static u64 entry_get(const struct qcow2 *q, const u8 *block, u64 n)
{
	unsigned order = q->refcount_order;

	if (order >= 3)
		return be_load(block + (n << (order - 3)), 1u << (order - 3));
	return block[n << order >> 3] >> ((n << order) & 7) & ((1u << (1u << order)) - 1);
}

static void entry_set(const struct qcow2 *q, u8 *block, u64 n, u64 count)
{
	unsigned order = q->refcount_order, shift = (n << order) & 7;
	u8 *at = block + (n << order >> 3);

	if (order >= 3)
		be_store(at, 1u << (order - 3), count);
	else
		*at = (u8)((*at & ~(((1u << (1u << order)) - 1) << shift)) | count << shift);
}

/* Offset of the refcount block for a cluster; 0: there is none. */
static u64 block_of(const struct qcow2 *q, u64 cluster)
{
	u64 n = cluster / per_block(q);

	return n < q->reftable.count ? q->reftable.entries[n] : 0;
}

bool qcow2_refcount_get(struct qcow2 *q, u64 cluster, u64 *count)
{
	u64 offset = block_of(q, cluster);
	struct qcow2_table *table;

	*count = 0;
	if (!offset)
		return true;
	table = qcow2_cache_get(q, &q->refblocks, offset, false);
	if (table)
		*count = entry_get(q, table->bytes, cluster % per_block(q));
	return table;
}

bool qcow2_refcount_set(struct qcow2 *q, u64 cluster, u64 count)
{
	u64 offset = block_of(q, cluster);
	struct qcow2_table *table = offset ? qcow2_cache_get(q, &q->refblocks, offset, false) : NULL;

	if (!table)
		return false;
	cluster %= per_block(q);
	entry_set(q, table->bytes, cluster, count);
	qcow2_table_dirty(&q->refblocks, table, (u32)(cluster << q->refcount_order >> 3),
			  MAX(1u << q->refcount_order >> 3, 1u));
	return true;
}

/* --- Room for counts --- */

static void file_grows(struct qcow2 *q, u64 end)
{
	q->file_end = MAX(q->file_end, end);
}

/* A refcount block for the clusters from `first` on, none of which is in use: it takes the first of them itself. */
static bool block_make(struct qcow2 *q, u64 first)
{
	u64 offset = first << q->cluster_bits;
	struct qcow2_table *table;

	if (!first || !qcow2_is_data_place(q, offset))
		return qcow2_corrupt(q, "no refcounts for a cluster that is in use", offset);
	table = qcow2_cache_get(q, &q->refblocks, offset, true);
	if (!table)
		return false;
	qcow2_table_dirty(&q->refblocks, table, 0, q->cluster_bytes);
	entry_set(q, table->bytes, 0, 1);
	qcow2_top_set(&q->reftable, (u32)(first / per_block(q)), offset);
	qcow2_metadata_add(q, offset);
	file_grows(q, offset + q->cluster_bytes);
	return true;
}

/* A refcount table of twice the size, behind all that the old one covers, with the blocks that count it. It is in the
 * file as a whole before the header knows it. */
static bool reftable_grow(struct qcow2 *q)
{
	u64 per = per_block(q), first = q->reftable.count * per, blocks = 1, clusters, old_offset = q->reftable.offset;
	u64 old_clusters = qcow2_clusters(q, 8ull * q->reftable.count), count = 2ull * q->reftable.count, offset;
	struct qcow2_top top = {0};
	u8 header[12], *bytes;
	bool ok = true;

	clusters = qcow2_clusters(q, 8 * count);
	while (blocks + clusters > blocks * per)
		blocks++;
	count = MAX(count, q->reftable.count + blocks);
	count = align_up(count, q->cluster_bytes / 8);
	clusters = qcow2_clusters(q, 8 * count);
	offset = (first + blocks) << q->cluster_bits;
	if (blocks + clusters > blocks * per || 8 * count > QCOW2_REFTABLE_BYTES_MAX ||
	    offset + (clusters << q->cluster_bits) > QCOW2_OFFSET_MAX) {
		trace(HOST, "disk %s: the image has no room for more refcounts", q->block->path);
		block_no_space = true;
		return false;
	}
	if (!qcow2_write_back(q) || !block_file_sync(q->block))
		return false;
	bytes = calloc(1, MAX(8 * count, (u64)q->cluster_bytes));
	top.entries = calloc(count, sizeof(u64));
	assert(bytes && top.entries);
	for (u64 n = 0; ok && n < blocks; n++) {
		u64 used = MIN(blocks + clusters - MIN(n * per, blocks + clusters), per);

		memset(bytes, 0, q->cluster_bytes);
		for (u64 i = 0; i < used; i++)
			entry_set(q, bytes, i, 1);
		ok = block_file_write_bytes(q->block, (first + n) << q->cluster_bits, bytes, q->cluster_bytes);
	}
	memcpy(top.entries, q->reftable.entries, q->reftable.count * sizeof(u64));
	for (u64 n = 0; n < blocks; n++)
		top.entries[q->reftable.count + n] = (first + n) << q->cluster_bits;
	memset(bytes, 0, q->cluster_bytes);
	for (u64 n = 0; n < count; n++)
		be_store(bytes + 8 * n, 8, top.entries[n]);
	be_store(header, 8, offset);
	be_store(header + 8, 4, clusters);
	ok = ok && block_file_write_bytes(q->block, offset, bytes, 8 * count) && block_file_sync(q->block) &&
	     block_file_write_bytes(q->block, QCOW2_H_REFTABLE_OFFSET, header, sizeof(header)) &&
	     block_file_sync(q->block);
	file_grows(q, offset + (clusters << q->cluster_bits));
	free(bytes);
	if (!ok) {
		free(top.entries);
		return false;
	}
	for (u64 n = 0; n < blocks; n++)
		qcow2_metadata_add(q, (first + n) << q->cluster_bits);
	top.offset = offset;
	top.count = (u32)count;
	free(q->reftable.entries);
	q->reftable = top;
	/* Nothing in the file names the old one any more. */
	for (u64 n = 0; n < old_clusters; n++)
		qcow2_drop(q, old_offset + (n << q->cluster_bits));
	return true;
}

bool qcow2_alloc(struct qcow2 *q, u64 wanted, u64 *offset, u64 *got, bool *fresh)
{
	u64 per = per_block(q), n = q->free_hint, count;

	if (q->broken)
		return false;
	for (;;) {
		if (n / per >= q->reftable.count && !reftable_grow(q))
			return false;
		if (n >> (56 - q->cluster_bits))
			return qcow2_corrupt(q, "the image is full", n);
		if (!block_of(q, n)) {
			if (!block_make(q, n / per * per))
				return false;
			n = MAX(n, n / per * per + 1);
			continue;
		}
		if (!qcow2_refcount_get(q, n, &count))
			return false;
		if (!count)
			break;
		n++;
	}
	for (*got = 0; *got < wanted && (n + *got) / per == n / per; ++*got) {
		if (!qcow2_refcount_get(q, n + *got, &count))
			return false;
		if (count)
			break;
	}
	for (u64 i = 0; i < *got; i++) {
		if (!qcow2_is_data_place(q, (n + i) << q->cluster_bits))
			return qcow2_corrupt(q, "a free cluster holds metadata", (n + i) << q->cluster_bits);
		if (!qcow2_refcount_set(q, n + i, 1))
			return false;
	}
	*offset = n << q->cluster_bits;
	*fresh = *offset >= q->file_end;
	q->free_hint = n + *got;
	file_grows(q, *offset + (*got << q->cluster_bits));
	return true;
}

void qcow2_unalloc(struct qcow2 *q, u64 offset, u64 count)
{
	u64 first = offset >> q->cluster_bits;

	for (u64 n = 0; n < count; n++)
		if (!qcow2_refcount_set(q, first + n, 0))
			return; /* a leak */
	q->free_hint = MIN(q->free_hint, first);
}

void qcow2_drop(struct qcow2 *q, u64 offset)
{
	if (q->dropped_count == q->dropped_room) {
		q->dropped_room = q->dropped_room ? 2 * q->dropped_room : 64;
		q->dropped = realloc(q->dropped, q->dropped_room * sizeof(*q->dropped));
		assert(q->dropped);
	}
	q->dropped[q->dropped_count++] = offset;
}

bool qcow2_release_dropped(struct qcow2 *q)
{
	u64 count, from = 0, bytes = 0;
	bool ok = true;

	for (u32 n = 0; ok && n < q->dropped_count; n++) {
		u64 offset = q->dropped[n];

		if (!qcow2_refcount_get(q, offset >> q->cluster_bits, &count)) {
			ok = false;
		} else if (!count) {
			ok = qcow2_corrupt(q, "a cluster in use has no references", offset);
		} else {
			ok = qcow2_refcount_set(q, offset >> q->cluster_bits, count - 1);
			if (count > 1 || !ok)
				continue;
			q->free_hint = MIN(q->free_hint, offset >> q->cluster_bits);
			if (bytes && from + bytes == offset) {
				bytes += q->cluster_bytes;
				continue;
			}
			if (bytes && q->block->discard)
				block_file_punch(q->block, from, bytes);
			from = offset;
			bytes = q->cluster_bytes;
		}
	}
	if (bytes && q->block->discard)
		block_file_punch(q->block, from, bytes);
	q->dropped_count = 0;
	return ok;
}
