/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: counts who references which cluster, compares that with the refcounts, and sets them right if asked. The work
 * is bounded by the bytes of tables that are walked, so that no image can keep us for long.
 */
#include <stdlib.h>

#include "host/qcow2.h"

#define CLUSTERS_MAX (1u << 26)
#define TABLE_BYTES_MAX (4 * GiB)

struct count {
	struct qcow2 *q;
	u32 *counts; /* of each cluster of the file */
	u64 clusters, walked;
	struct qcow2_report *report;
	u8 *table; /* one cluster */
};

static void count_range(struct count *c, u64 offset, u64 bytes)
{
	u64 first = offset >> c->q->cluster_bits, last = bytes ? (offset + bytes - 1) >> c->q->cluster_bits : first;

	for (u64 n = first; bytes && n <= last; n++) {
		if (n >= c->clusters) {
			c->report->corruptions++;
			return;
		}
		c->counts[n] += c->counts[n] != UINT32_MAX;
	}
}

static bool walked(struct count *c, u64 bytes, struct error *err)
{
	c->walked += bytes;
	return c->walked <= TABLE_BYTES_MAX ||
	       fail(err, "file=%s: too much metadata to check here; use qemu-img check -r all", c->q->block->path);
}

static bool count_l2(struct count *c, u64 offset, struct error *err)
{
	struct qcow2 *q = c->q;
	u64 from, bytes;

	if (!walked(c, q->cluster_bytes, err))
		return false;
	if (!block_file_read_bytes(q->block, offset, c->table, q->cluster_bytes))
		return fail(err, "file=%s: reading failed", q->block->path);
	for (u64 n = 0; n < 1ull << q->l2_bits; n++) {
		u64 entry = be_load(c->table + 8 * n, 8);

		switch (qcow2_entry_kind(q, entry)) {
		case QCOW2_MAP_DATA:
		case QCOW2_MAP_ZERO:
			count_range(c, entry & QCOW2_OFFSET_MASK, entry & QCOW2_OFFSET_MASK ? q->cluster_bytes : 0);
			break;
		case QCOW2_MAP_COMPRESSED:
			qcow2_compressed_range(q, entry, &from, &bytes);
			count_range(c, from, MIN(bytes, (c->clusters << q->cluster_bits) - from));
			break;
		case QCOW2_MAP_BAD: c->report->corruptions++; break;
		case QCOW2_MAP_NONE: break;
		}
	}
	return true;
}

static bool count_l1(struct count *c, u64 offset, u64 entries, struct error *err)
{
	struct qcow2 *q = c->q;
	u8 part[SECTOR];

	if (!walked(c, 8 * entries, err))
		return false;
	if (8 * entries > QCOW2_L1_BYTES_MAX || (offset & (q->cluster_bytes - 1)) ||
	    !range_ok(offset, 8 * entries, align_up(q->file_end, q->cluster_bytes))) {
		c->report->corruptions++;
		return true;
	}
	count_range(c, offset, 8 * entries);
	for (u64 n = 0; n < entries; n++) {
		u64 l2;

		if (n % (SECTOR / 8) == 0 && !block_file_read_bytes(q->block, offset + 8 * n, part, sizeof(part)))
			return fail(err, "file=%s: reading failed", q->block->path);
		l2 = be_load(part + 8 * (n % (SECTOR / 8)), 8) & QCOW2_OFFSET_MASK;
		if (!l2)
			continue;
		if ((l2 & (q->cluster_bytes - 1)) || l2 >= align_up(q->file_end, q->cluster_bytes)) {
			c->report->corruptions++;
			continue;
		}
		count_range(c, l2, q->cluster_bytes);
		if (!count_l2(c, l2, err))
			return false;
	}
	return true;
}

static bool count_all(struct count *c, struct error *err)
{
	struct qcow2 *q = c->q;

	count_range(c, 0, q->cluster_bytes);
	count_range(c, q->reftable.offset, 8ull * q->reftable.count);
	count_range(c, q->snapshot_table_offset, q->snapshot_table_bytes);
	for (u32 n = 0; n < q->reftable.count; n++)
		count_range(c, q->reftable.entries[n], q->reftable.entries[n] ? q->cluster_bytes : 0);
	if (!count_l1(c, q->l1.offset, q->l1.count, err))
		return false;
	for (u32 n = 0; n < q->snapshot_count; n++)
		if (!count_l1(c, q->snapshots[n].l1_offset, q->snapshots[n].l1_size, err))
			return false;
	return true;
}

static bool compare(struct count *c, bool repair, struct error *err)
{
	struct qcow2 *q = c->q;

	for (u64 n = 0; n < c->clusters; n++) {
		u64 stored;

		if (!qcow2_refcount_get(q, n, &stored))
			return fail(err, "file=%s: reading failed", q->block->path);
		if (stored == c->counts[n])
			continue;
		if (stored > c->counts[n])
			c->report->leaks++;
		else
			c->report->corruptions++;
		if (!repair)
			continue;
		if (c->counts[n] > ones(1u << q->refcount_order) || !qcow2_refcount_set(q, n, c->counts[n]))
			return fail(err, "file=%s: a refcount of it cannot be set; use qemu-img check -r all",
				    q->block->path);
		c->report->repaired++;
	}
	return true;
}

bool qcow2_check(struct qcow2 *q, bool repair, struct qcow2_report *report, struct error *err)
{
	struct count c = {.q = q, .clusters = qcow2_clusters(q, q->file_end), .report = report};
	bool ok;

	if (c.clusters > CLUSTERS_MAX)
		return fail(err, "file=%s: too large to check here; use qemu-img check -r all", q->block->path);
	c.counts = calloc(c.clusters, sizeof(*c.counts));
	c.table = malloc(q->cluster_bytes);
	ok = (c.counts && c.table) || fail(err, "file=%s: no host memory for its refcounts", q->block->path);
	ok = ok && count_all(&c, err);
	if (ok && repair && report->corruptions)
		ok = fail(err, "file=%s: its tables contradict each other; repair it with qemu-img check -r all",
			  q->block->path);
	ok = ok && compare(&c, repair, err);
	free(c.counts);
	free(c.table);
	return ok;
}
