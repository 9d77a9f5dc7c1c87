/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: reads, writes, discards and flushes of the disk. */
#include <stdlib.h>

#include "base/trace.h"
#include "host/qcow2.h"

#define ALLOC_CLUSTERS_MAX 1024 /* of one allocation */
#define DROPPED_MAX 4096        /* clusters that wait to be given back, before we flush by ourselves */

/* --- Reading --- */

/* What is not in the image: from the image behind, whose end may come earlier. */
static bool read_behind(struct block *block, u64 offset, struct iov *to, u64 size)
{
	struct block *backing = block->backing;
	u64 there = !backing || offset >= backing->size ? 0 : MIN(size, backing->size - offset);

	if (there && !backing->format->read(backing, offset, to, there))
		return false;
	iov_zero(to, size - there);
	return true;
}

/* The last unpacked cluster is kept, since a guest reads clusters in small parts. */
static bool read_compressed(struct qcow2 *q, u64 entry, u64 inside, struct iov *to, u64 size)
{
	u64 from, bytes;
	u8 *packed;
	bool ok = true;

	pthread_mutex_lock(&q->lock);
	if (!q->unpacked)
		q->unpacked = malloc(q->cluster_bytes);
	ok = q->unpacked;
	if (ok && q->unpacked_entry != entry) {
		q->unpacked_entry = 0;
		qcow2_compressed_range(q, entry, &from, &bytes);
		packed = malloc(bytes);
		ok = packed && block_file_read_bytes(q->block, from, packed, bytes) &&
		     qcow2_decompress(q->compression, packed, bytes, q->unpacked, q->cluster_bytes);
		free(packed);
		if (ok)
			q->unpacked_entry = entry;
		else
			trace(HOST, "disk %s: the compressed cluster at 0x%llx is damaged", q->block->path,
			      (unsigned long long)from);
	}
	if (ok)
		iov_copy_in(to, q->unpacked + inside, size);
	pthread_mutex_unlock(&q->lock);
	return ok;
}

static bool read_extent(struct qcow2 *q, const struct qcow2_extent *extent, u64 offset, struct iov *to)
{
	switch (extent->kind) {
	case QCOW2_MAP_NONE: return read_behind(q->block, offset, to, extent->bytes);
	case QCOW2_MAP_ZERO: iov_zero(to, extent->bytes); return true;
	case QCOW2_MAP_DATA: return block_file_read(q->block, extent->host, to, extent->bytes);
	case QCOW2_MAP_COMPRESSED:
		return read_compressed(q, extent->entry, offset & (q->cluster_bytes - 1), to, extent->bytes);
	default: return false;
	}
}

static bool read_used(struct qcow2 *q, u64 offset, struct iov *to, u64 size)
{
	struct qcow2_extent extent;

	for (; size; offset += extent.bytes, size -= extent.bytes) {
		pthread_mutex_lock(&q->lock);
		extent = qcow2_map(q, offset, size);
		pthread_mutex_unlock(&q->lock);
		if (!read_extent(q, &extent, offset, to))
			return false;
	}
	return true;
}

bool qcow2_read(struct block *block, u64 offset, struct iov *to, u64 size)
{
	struct qcow2 *q = block->qcow2;
	bool ok;

	pthread_rwlock_rdlock(&q->use);
	ok = read_used(q, offset, to, size);
	pthread_rwlock_unlock(&q->use);
	return ok;
}

/* Data and zeroes only, where a table in memory says so, and only if nobody is in our way. */
bool qcow2_try_read(struct block *block, u64 offset, struct iov *to, u64 size)
{
	struct qcow2 *q = block->qcow2;
	struct qcow2_extent extent;
	bool ok = !pthread_rwlock_tryrdlock(&q->use);

	if (!ok)
		return false;
	for (; ok && size; offset += extent.bytes, size -= extent.bytes) {
		ok = !pthread_mutex_trylock(&q->lock);
		if (!ok)
			break;
		ok = qcow2_map_is_in_memory(q, offset);
		if (ok)
			extent = qcow2_map(q, offset, size);
		pthread_mutex_unlock(&q->lock);
		if (!ok)
			break;
		if (extent.kind == QCOW2_MAP_ZERO || (extent.kind == QCOW2_MAP_NONE && !block->backing))
			iov_zero(to, extent.bytes);
		else
			ok = extent.kind == QCOW2_MAP_DATA && block_file_try_read(block, extent.host, to, extent.bytes);
	}
	pthread_rwlock_unlock(&q->use);
	return ok;
}

/* --- Writing --- */

/* Waits until no allocation is under way in the cluster of `offset`; how many clusters from there on are free of them,
 * at most `count`. */
static u64 wait_settled(struct qcow2 *q, u64 offset, u64 count)
{
	u64 first = offset >> q->cluster_bits;
	struct qcow2_pending *p = q->pending;

	while (p) {
		if (p->first <= first && first - p->first < p->count) {
			pthread_cond_wait(&q->settled, &q->lock);
			p = q->pending;
			continue;
		}
		if (p->first > first)
			count = MIN(count, p->first - first);
		p = p->next;
	}
	return count;
}

static void pending_end(struct qcow2 *q, struct qcow2_pending *mine)
{
	struct qcow2_pending **link = &q->pending;

	while (*link != mine)
		link = &(*link)->next;
	*link = mine->next;
	pthread_cond_broadcast(&q->settled);
}

/* The bytes around new data in their clusters: what the disk has there, read into memory. NULL: they need not be
 * written, the file has zeroes there. */
static bool around_read(struct qcow2 *q, bool need, u64 offset, u64 size, u8 **bytes)
{
	struct iovec one;

	*bytes = NULL;
	if (!need || !size)
		return true;
	*bytes = malloc(size);
	one = (struct iovec){*bytes, size};
	/* The disk's last cluster may reach behind its end. */
	if (*bytes && offset + size > q->block->size) {
		u64 there = offset < q->block->size ? q->block->size - offset : 0;

		memset(*bytes + there, 0, size - there);
		size = there;
	}
	return *bytes && (!size || read_used(q, offset, &(struct iov){&one, 0}, size));
}

/* Writes `size` bytes to new clusters at `host`, completing the first and the last. */
static bool write_new(struct qcow2 *q, u64 offset, struct iov *from, u64 size, u64 host, bool need_around)
{
	u64 head = offset & (q->cluster_bytes - 1), tail = -(offset + size) & (q->cluster_bytes - 1), taken, done = 0,
	    start = host + head;
	u8 *before = NULL, *behind = NULL;
	struct iovec pieces[64];
	bool ok = around_read(q, need_around, offset - head, head, &before) &&
		  around_read(q, need_around, offset + size, tail, &behind);

	if (!ok) /* a cluster or a file behind that is damaged: waiting for room does not help */
		block_no_space = false;
	/* In one write if that is possible. */
	while (ok && done < size) {
		unsigned count = 1;
		u64 bytes;

		count += iov_peek(from, size - done, pieces + 1, 62, &taken);
		bytes = taken;
		if (before && !done) {
			pieces[0] = (struct iovec){before, head};
			bytes += head;
			start = host;
		}
		if (behind && done + taken == size) {
			pieces[count++] = (struct iovec){behind, tail};
			bytes += tail;
		}
		ok = block_file_write(q->block, start, &(struct iov){before && !done ? pieces : pieces + 1, 0}, bytes);
		iov_advance(from, taken);
		start += bytes;
		done += taken;
	}
	free(before);
	free(behind);
	return ok;
}

/* New clusters for what begins at `offset`: allocated, filled, and only then entered. `lock` is held, and given up
 * meanwhile. */
static bool write_alloc(struct qcow2 *q, u64 offset, struct iov *from, u64 *size, const struct qcow2_extent *first)
{
	u64 inside = offset & (q->cluster_bytes - 1), most = MIN(qcow2_clusters(q, inside + *size), ALLOC_CLUSTERS_MAX),
	    wanted = 1, host, got;
	struct qcow2_extent extent = *first;
	bool ok, fresh,
		has_source = extent.kind == QCOW2_MAP_DATA || extent.kind == QCOW2_MAP_COMPRESSED ||
			     (extent.kind == QCOW2_MAP_NONE && q->block->backing);
	struct qcow2_pending mine;
	struct qcow2_table *l2;

	most = MIN(most, (1ull << q->l2_bits) - ((offset >> q->cluster_bits) & ((1ull << q->l2_bits) - 1)));
	most = wait_settled(q, offset, most);
	/* Further clusters that need one too. */
	while (wanted < most) {
		u64 next = align_down(offset, q->cluster_bytes) + (wanted << q->cluster_bits);

		extent = qcow2_map(q, next, (most - wanted) << q->cluster_bits);
		if (extent.kind == QCOW2_MAP_BAD || (extent.kind == QCOW2_MAP_DATA && extent.in_place))
			break;
		has_source |= extent.kind == QCOW2_MAP_DATA || extent.kind == QCOW2_MAP_COMPRESSED ||
			      (extent.kind == QCOW2_MAP_NONE && q->block->backing);
		wanted += qcow2_clusters(q, extent.bytes);
	}
	if (!qcow2_l2_for_write(q, offset) || !qcow2_alloc(q, wanted, &host, &got, &fresh))
		return false;
	*size = MIN(*size, (got << q->cluster_bits) - inside);
	mine = (struct qcow2_pending){.next = q->pending, .first = offset >> q->cluster_bits, .count = got};
	q->pending = &mine;
	pthread_mutex_unlock(&q->lock);
	ok = write_new(q, offset, from, *size, host, has_source || !fresh);
	pthread_mutex_lock(&q->lock);
	pending_end(q, &mine);
	l2 = ok && !q->broken ? qcow2_l2_for_write(q, offset) : NULL;
	if (!l2) {
		qcow2_unalloc(q, host, got);
		return false;
	}
	for (u64 n = 0; n < got; n++)
		qcow2_entry_set(q, l2, offset + (n << q->cluster_bits), (host + (n << q->cluster_bits)) | QCOW2_COPIED);
	return true;
}

/* One step of a write: `*size` says how far it came. */
static bool write_step(struct qcow2 *q, u64 offset, struct iov *from, u64 *size)
{
	struct qcow2_extent extent;
	bool ok;

	pthread_mutex_lock(&q->lock);
	wait_settled(q, offset, 1);
	extent = qcow2_map(q, offset, *size);
	if (extent.kind == QCOW2_MAP_DATA && extent.in_place) {
		ok = !q->broken;
		for (u64 at = align_down(extent.host, q->cluster_bytes); ok && at < extent.host + extent.bytes;
		     at += q->cluster_bytes)
			ok = qcow2_is_data_place(q, at) || qcow2_corrupt(q, "data lie on metadata", at);
		pthread_mutex_unlock(&q->lock);
		*size = extent.bytes;
		return ok && block_file_write(q->block, extent.host, from, extent.bytes);
	}
	ok = extent.kind != QCOW2_MAP_BAD && !q->broken && write_alloc(q, offset, from, size, &extent);
	pthread_mutex_unlock(&q->lock);
	return ok;
}

static bool write_used(struct qcow2 *q, u64 offset, struct iov *from, u64 size)
{
	for (u64 part; size; offset += part, size -= part) {
		part = size;
		if (!write_step(q, offset, from, &part))
			return false;
	}
	return true;
}

/* Gives back what waits, once in a while. */
static bool drop_if_many(struct qcow2 *q)
{
	bool many;

	pthread_mutex_lock(&q->lock);
	many = q->dropped_count > DROPPED_MAX;
	pthread_mutex_unlock(&q->lock);
	return !many || qcow2_flush(q->block);
}

bool qcow2_write(struct block *block, u64 offset, struct iov *from, u64 size)
{
	struct qcow2 *q = block->qcow2;
	bool ok;

	pthread_rwlock_rdlock(&q->use);
	ok = write_used(q, offset, from, size);
	pthread_rwlock_unlock(&q->use);
	return ok && drop_if_many(q);
}

bool qcow2_tables_flush(struct block *block)
{
	struct qcow2 *q = block->qcow2;
	bool ok;

	pthread_mutex_lock(&q->lock);
	ok = qcow2_write_back(q);
	pthread_mutex_unlock(&q->lock);
	return ok;
}

bool qcow2_flush(struct block *block)
{
	struct qcow2 *q = block->qcow2;
	bool ok, drops;

	pthread_mutex_lock(&q->lock);
	ok = qcow2_write_back(q);
	drops = q->dropped_count;
	pthread_mutex_unlock(&q->lock);
	ok = ok && block_file_sync(block);
	if (!ok || !drops)
		return ok;
	/* With nobody in the file, what was dropped meanwhile is written too, and then nothing reaches those clusters
	 * any more. */
	pthread_rwlock_wrlock(&q->use);
	pthread_mutex_lock(&q->lock);
	ok = qcow2_write_back(q) && block_file_sync(block) && qcow2_release_dropped(q);
	pthread_mutex_unlock(&q->lock);
	pthread_rwlock_unlock(&q->use);
	return ok;
}

/* --- Discard and write zeroes: whole clusters change their entry --- */

/* The entry that stands for zeroes, or for nothing: whether it is to be set for a cluster that is now of this kind. */
static bool empty_entry(const struct qcow2 *q, enum qcow2_kind kind, u64 old, u64 *entry)
{
	bool behind = q->block->backing;

	*entry = q->version >= 3 && behind ? QCOW2_ZERO : 0;
	if (kind == QCOW2_MAP_NONE)
		return behind && *entry;
	return !(kind == QCOW2_MAP_ZERO && old == *entry);
}

/* Clusters [offset, offset + size), aligned, of one L2 table. */
static bool empty_clusters(struct qcow2 *q, u64 offset, u64 size)
{
	struct qcow2_table *l2;
	u64 entry;

	for (u64 n = 0; n < size >> q->cluster_bits; n++) {
		u64 at = offset + (n << q->cluster_bits);
		struct qcow2_extent extent;

		wait_settled(q, at, 1);
		extent = qcow2_map(q, at, q->cluster_bytes);
		if (extent.kind == QCOW2_MAP_BAD)
			return false;
		if (!empty_entry(q, extent.kind, extent.entry, &entry))
			continue;
		l2 = q->broken ? NULL : qcow2_l2_for_write(q, at);
		if (!l2)
			return false;
		qcow2_entry_set(q, l2, at, entry);
	}
	return true;
}

/* The whole clusters of a range; the disk's last counts as whole. */
static void whole_clusters(const struct qcow2 *q, u64 offset, u64 size, u64 *from, u64 *to)
{
	*from = align_up(offset, q->cluster_bytes);
	*to = offset + size == q->block->size ? align_up(offset + size, q->cluster_bytes) :
						align_down(offset + size, q->cluster_bytes);
}

static bool empty_range(struct qcow2 *q, u64 from, u64 to)
{
	u64 span = (u64)q->cluster_bytes << q->l2_bits;
	bool ok = true;

	/* Table by table, so that others get their turn. */
	for (u64 part; ok && from < to; from += part) {
		part = MIN(to - from, span - (from & (span - 1)));
		pthread_mutex_lock(&q->lock);
		ok = empty_clusters(q, from, part);
		pthread_mutex_unlock(&q->lock);
	}
	return ok && drop_if_many(q);
}

bool qcow2_discard(struct block *block, u64 offset, u64 size)
{
	struct qcow2 *q = block->qcow2;
	u64 from, to;

	/* Advice: without a way to say "nothing here, and not behind either" the clusters stay. */
	if (!block->discard || (q->version < 3 && block->backing))
		return true;
	whole_clusters(q, offset, size, &from, &to);
	return from >= to || empty_range(q, from, to);
}

/* Zeroes for a part of a cluster, unless it reads as such already. */
static bool zero_part(struct qcow2 *q, u64 offset, u64 size)
{
	static const u8 zeroes[64 * KiB];
	struct qcow2_extent extent;

	pthread_mutex_lock(&q->lock);
	wait_settled(q, offset, 1);
	extent = qcow2_map(q, offset, size);
	pthread_mutex_unlock(&q->lock);
	if (extent.bytes >= size &&
	    (extent.kind == QCOW2_MAP_ZERO || (extent.kind == QCOW2_MAP_NONE && !q->block->backing)))
		return true;
	for (u64 part; size; offset += part, size -= part) {
		struct iovec one = {(void *)zeroes, part = MIN(size, sizeof(zeroes))};

		if (!qcow2_write(q->block, offset, &(struct iov){&one, 0}, part))
			return false;
	}
	return true;
}

bool qcow2_write_zeroes(struct block *block, u64 offset, u64 size, bool unmap)
{
	struct qcow2 *q = block->qcow2;
	u64 from, to, end = offset + size;

	whole_clusters(q, offset, size, &from, &to);
	if (from >= to || (q->version < 3 && block->backing)) {
		/* A range that is within one cluster, or that has to be written. */
		for (u64 part; offset < end; offset += part) {
			part = MIN(end - offset, q->cluster_bytes - (offset & (q->cluster_bytes - 1)));
			if (!zero_part(q, offset, part))
				return false;
		}
		return true;
	}
	return (from == offset || zero_part(q, offset, from - offset)) && (to >= end || zero_part(q, to, end - to)) &&
	       empty_range(q, from, to);
}
