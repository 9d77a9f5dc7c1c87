/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: opening and closing. Everything that the header says is judged here; what tables say is judged where it is
 * used (qcow2_map.c). */
#include <stdio.h>
#include <stdlib.h>

#include "base/trace.h"
#include "host/qcow2.h"

bool qcow2_corrupt(struct qcow2 *q, const char *what, u64 offset)
{
	u8 flags[8];

	trace(HOST, "disk %s: %s (0x%llx): the image is corrupt", q->block->path, what, (unsigned long long)offset);
	if (q->broken)
		return false;
	q->broken = true;
	block_no_space = false;
	if (!q->block->readonly && q->version >= 3) {
		be_store(flags, 8, q->incompatible | BIT(QCOW2_CORRUPT));
		block_file_write_bytes(q->block, QCOW2_H_INCOMPATIBLE, flags, sizeof(flags));
	}
	return false;
}

/* A table of the file: aligned, behind the header, and inside. */
static bool is_place(const struct qcow2 *q, u64 offset, u64 bytes)
{
	return !(offset & (q->cluster_bytes - 1)) && offset >= q->cluster_bytes && offset < QCOW2_OFFSET_MAX &&
	       range_ok(offset, bytes, align_up(q->file_end, q->cluster_bytes));
}

static bool top_read(struct qcow2 *q, struct qcow2_top *top, struct error *err)
{
	top->entries = malloc(MAX(8ull * top->count, 8u));
	if (!top->entries)
		return fail(err, "file=%s: no host memory for its tables", q->block->path);
	if (top->count && !block_file_read_bytes(q->block, top->offset, top->entries, 8ull * top->count))
		return fail(err, "file=%s: reading failed", q->block->path);
	for (u32 n = 0; n < top->count; n++)
		top->entries[n] = be_load(&top->entries[n], 8);
	return true;
}

/* --- The header --- */

/* The name that the image itself gives an unknown feature, for the message. */
static const char *feature_name(const u8 *head, u64 size, u64 at, unsigned feature, char name[QCOW2_FEATURE_NAME_BYTES])
{
	static const char *const known[] = {
		[QCOW2_EXTERNAL_DATA] = "external data file", [QCOW2_EXTENDED_L2] = "extended L2 entries"};

	if (feature < ARRAY_SIZE(known) && known[feature])
		return known[feature];
	while (at + 8 <= size) {
		u32 type = (u32)be_load(head + at, 4);
		u64 bytes = be_load(head + at + 4, 4);

		if (type == QCOW2_EXT_END || bytes > size - at - 8)
			break;
		for (u64 n = 0; type == QCOW2_EXT_FEATURE_NAMES && n + QCOW2_FEATURE_NAME_BYTES <= bytes;
		     n += QCOW2_FEATURE_NAME_BYTES) {
			const u8 *row = head + at + 8 + n;

			if (row[0] == 0 && row[1] == feature) {
				snprintf(name, QCOW2_FEATURE_NAME_BYTES, "%.46s", (const char *)row + 2);
				return name;
			}
		}
		at += 8 + align_up(bytes, 8);
	}
	snprintf(name, QCOW2_FEATURE_NAME_BYTES, "incompatible feature %u", feature);
	return name;
}

static bool extensions_read(struct qcow2 *q, const u8 *head, u64 size, u64 at, struct error *err)
{
	while (at + 8 <= size) {
		u32 type = (u32)be_load(head + at, 4);
		u64 bytes = be_load(head + at + 4, 4);

		if (type == QCOW2_EXT_END)
			return true;
		if (bytes > size - at - 8)
			return fail(
				err,
				"file=%s: a header extension is longer than the header's cluster; the image is damaged",
				q->block->path);
		if (type == QCOW2_EXT_BACKING_FORMAT && !q->backing_format)
			q->backing_format = strndup((const char *)head + at + 8, MIN(bytes, 64u));
		at += 8 + align_up(bytes, 8);
	}
	return true;
}

static bool features_check(struct qcow2 *q, const u8 *head, u64 size, u64 extensions, struct error *err)
{
	u64 unknown = q->incompatible & ~(BIT(QCOW2_DIRTY) | BIT(QCOW2_CORRUPT) | BIT(QCOW2_COMPRESSION));
	char name[QCOW2_FEATURE_NAME_BYTES];

	if (unknown)
		return fail(err, "file=%s: it uses '%s', which is not built; convert it with qemu-img convert -O qcow2",
			    q->block->path,
			    feature_name(head, size, extensions, (unsigned)__builtin_ctzll(unknown), name));
	if ((q->incompatible & BIT(QCOW2_CORRUPT)) && !q->block->readonly)
		return fail(
			err,
			"file=%s: it is marked as corrupt; repair it with qemu-img check -r all, or write readonly=on",
			q->block->path);
	if (q->compression > QCOW2_ZSTD || (q->compression && !(q->incompatible & BIT(QCOW2_COMPRESSION))))
		return fail(err, "file=%s: compression type %u is not built; zlib and zstd are", q->block->path,
			    q->compression);
	return true;
}

static bool header_read(struct qcow2 *q, u8 *head, u64 *size, struct error *err)
{
	struct block *block = q->block;
	u64 length = QCOW2_H_V2_BYTES, name_at, name_bytes, covered;

	if (q->file_end < QCOW2_H_V2_BYTES || !block_file_read_bytes(block, 0, head, QCOW2_H_BYTES_MAX) ||
	    be_load(head, 4) != QCOW2_MAGIC)
		return fail(err, "file=%s: not a qcow2 image; write format=raw if it is a raw disk", block->path);
	q->version = (u32)be_load(head + QCOW2_H_VERSION, 4);
	q->cluster_bits = (u32)be_load(head + QCOW2_H_CLUSTER_BITS, 4);
	q->refcount_order = 4;
	if (q->version != 2 && q->version != 3)
		return fail(err, "file=%s: qcow2 version %u is not built; versions 2 and 3 are", block->path,
			    q->version);
	if (q->cluster_bits < QCOW2_CLUSTER_BITS_MIN || q->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return fail(err, "file=%s: clusters of 2^%u bytes; they have 2^%d to 2^%d", block->path,
			    q->cluster_bits, QCOW2_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
	q->cluster_bytes = 1u << q->cluster_bits;
	q->l2_bits = q->cluster_bits - 3;
	if (q->version == 3) {
		q->incompatible = be_load(head + QCOW2_H_INCOMPATIBLE, 8);
		q->refcount_order = (u32)be_load(head + QCOW2_H_REFCOUNT_ORDER, 4);
		length = be_load(head + QCOW2_H_LENGTH, 4);
		if (length < QCOW2_H_V3_BYTES || length > q->cluster_bytes || (length & 7))
			return fail(err, "file=%s: a header of %llu bytes; the image is damaged", block->path,
				    (unsigned long long)length);
		q->compression = length > QCOW2_H_COMPRESSION ? head[QCOW2_H_COMPRESSION] : QCOW2_ZLIB;
		if (q->refcount_order > QCOW2_REFCOUNT_ORDER_MAX)
			return fail(err, "file=%s: refcounts of 2^%u bits; they have at most 64", block->path,
				    q->refcount_order);
	}
	/* Extensions and the backing file's name are in the first cluster; 64 KiB of it are enough for any that is
	 * sane. */
	*size = MIN(q->cluster_bytes, 64u * 1024);
	if (!block_file_read_bytes(block, 0, head, *size))
		return fail(err, "file=%s: reading failed", block->path);
	name_at = be_load(head + QCOW2_H_BACKING_OFFSET, 8);
	name_bytes = be_load(head + QCOW2_H_BACKING_SIZE, 4);
	if (name_at && (name_bytes > QCOW2_BACKING_NAME_MAX || !range_ok(name_at, name_bytes, *size)))
		return fail(err, "file=%s: its backing file's name is not in the header; the image is damaged",
			    block->path);
	if (!features_check(q, head, *size, length, err) ||
	    !extensions_read(q, head, name_at ? MIN(*size, name_at) : *size, length, err))
		return false;
	if (be_load(head + QCOW2_H_CRYPT, 4))
		return fail(err, "file=%s: it is encrypted, which is not built; convert it with qemu-img convert",
			    block->path);
	if (name_at && name_bytes)
		q->backing_name = strndup((const char *)head + name_at, name_bytes);
	block->size = be_load(head + QCOW2_H_SIZE, 8);
	q->l1 = (struct qcow2_top){.offset = be_load(head + QCOW2_H_L1_OFFSET, 8),
				   .count = (u32)be_load(head + QCOW2_H_L1_SIZE, 4)};
	covered = 8ull * be_load(head + QCOW2_H_REFTABLE_CLUSTERS, 4);
	if (covered > 8 * QCOW2_REFTABLE_BYTES_MAX / q->cluster_bytes)
		return fail(err, "file=%s: a refcount table of %llu clusters; at most %llu bytes are taken",
			    block->path, (unsigned long long)covered / 8, (unsigned long long)QCOW2_REFTABLE_BYTES_MAX);
	q->reftable = (struct qcow2_top){.offset = be_load(head + QCOW2_H_REFTABLE_OFFSET, 8),
					 .count = (u32)(covered / 8 * q->cluster_bytes / 8)};
	return true;
}

static bool snapshots_read(struct qcow2 *q, u32 count, u64 offset, struct error *err)
{
	u64 at = offset, limit = offset + QCOW2_SNAPSHOT_TABLE_MAX;
	u8 row[QCOW2_S_BYTES + 16], *words;

	if (!count)
		return true;
	if (count > QCOW2_SNAPSHOTS_MAX || !is_place(q, offset, QCOW2_S_BYTES))
		return fail(err, "file=%s: a table of %u snapshots at 0x%llx; the image is damaged", q->block->path,
			    count, (unsigned long long)offset);
	q->snapshots = calloc(count, sizeof(*q->snapshots));
	assert(q->snapshots);
	q->snapshot_table_offset = offset;
	for (u32 n = 0; n < count; n++) {
		struct qcow2_snapshot *s = &q->snapshots[n];
		u64 id, name, extra;

		if (!range_ok(at, QCOW2_S_BYTES, MIN(q->file_end, limit)) ||
		    !block_file_read_bytes(q->block, at, row, sizeof(row)))
			return fail(err, "file=%s: the snapshot table is cut off; the image is damaged",
				    q->block->path);
		s->l1_offset = be_load(row + QCOW2_S_L1_OFFSET, 8);
		s->l1_size = (u32)be_load(row + QCOW2_S_L1_SIZE, 4);
		id = be_load(row + QCOW2_S_ID_BYTES, 2);
		name = be_load(row + QCOW2_S_NAME_BYTES, 2);
		extra = be_load(row + QCOW2_S_EXTRA_BYTES, 4);
		s->disk_size = extra >= QCOW2_S_EXTRA_DISK_SIZE + 8 ?
				       be_load(row + QCOW2_S_BYTES + QCOW2_S_EXTRA_DISK_SIZE, 8) :
				       q->block->size;
		q->snapshot_count = n + 1;
		at += QCOW2_S_BYTES + extra;
		if (extra > KiB || !range_ok(at, id + name, MIN(q->file_end, limit)))
			return fail(err, "file=%s: snapshot %u is longer than the table; the image is damaged",
				    q->block->path, n);
		words = calloc(1, id + name + 1);
		if (!words || !block_file_read_bytes(q->block, at, words, id + name)) {
			free(words);
			return fail(err, "file=%s: reading failed", q->block->path);
		}
		s->id = strndup((char *)words, id);
		s->name = strndup((char *)words + id, name);
		free(words);
		at = align_up(at + id + name, 8);
	}
	q->snapshot_table_bytes = at - offset;
	return true;
}

/* The disk as it was: the snapshot's L1 table takes the place of the current one. */
static bool snapshot_take(struct qcow2 *q, const char *word, struct error *err)
{
	for (u32 n = 0; n < q->snapshot_count; n++) {
		const struct qcow2_snapshot *s = &q->snapshots[n];

		if (strcmp(s->id, word) && strcmp(s->name, word))
			continue;
		q->l1 = (struct qcow2_top){.offset = s->l1_offset, .count = s->l1_size};
		q->block->size = s->disk_size;
		return true;
	}
	return fail(
		err,
		"internal-snapshot=%s: the image has no snapshot of this id or name; qemu-img snapshot -l lists them",
		word);
}

/* --- Tables --- */

static bool tables_read(struct qcow2 *q, struct error *err)
{
	struct block *block = q->block;
	u64 per_l1 = (u64)q->cluster_bytes << q->l2_bits;

	if (block->size > QCOW2_OFFSET_MAX)
		return fail(err, "file=%s: a disk of %llu bytes is too large", block->path,
			    (unsigned long long)block->size);
	block->size = align_up(block->size, SECTOR);
	if (8ull * q->l1.count > QCOW2_L1_BYTES_MAX || (q->l1.count && !is_place(q, q->l1.offset, 8ull * q->l1.count)))
		return fail(err, "file=%s: an L1 table of %u entries at 0x%llx; the image is damaged", block->path,
			    q->l1.count, (unsigned long long)q->l1.offset);
	if (block->size / per_l1 + !!(block->size % per_l1) > q->l1.count)
		return fail(err, "file=%s: its L1 table is too short for a disk of %llu bytes; the image is damaged",
			    block->path, (unsigned long long)block->size);
	if (!q->reftable.count || !is_place(q, q->reftable.offset, 8ull * q->reftable.count))
		return fail(err, "file=%s: a refcount table of %u entries at 0x%llx; the image is damaged", block->path,
			    q->reftable.count, (unsigned long long)q->reftable.offset);
	if (!qcow2_cache_init(q, &q->l2s, QCOW2_CACHE_BYTES, q->l1.count) ||
	    !qcow2_cache_init(q, &q->refblocks, QCOW2_CACHE_BYTES / 8, q->reftable.count))
		return fail(err, "file=%s: no host memory for its tables", block->path);
	return top_read(q, &q->l1, err) && top_read(q, &q->reftable, err);
}

/* Before anything is written: no two tables in one cluster. */
static bool tables_are_apart(struct qcow2 *q, struct error *err)
{
	for (u32 n = 0; n < q->reftable.count; n++) {
		u64 offset = q->reftable.entries[n];

		if (offset && (!is_place(q, offset, q->cluster_bytes) || !qcow2_is_data_place(q, offset) ||
			       !qcow2_metadata_add(q, offset)))
			return fail(
				err,
				"file=%s: refcount block %u at 0x%llx is not in the file or lies on something else; "
				"repair the image with qemu-img check -r all, or write readonly=on",
				q->block->path, n, (unsigned long long)offset);
	}
	for (u32 n = 0; n < q->l1.count; n++) {
		u64 offset = q->l1.entries[n] & QCOW2_OFFSET_MASK;

		if (offset && (!is_place(q, offset, q->cluster_bytes) || !qcow2_is_data_place(q, offset) ||
			       !qcow2_metadata_add(q, offset)))
			return fail(err,
				    "file=%s: L2 table %u at 0x%llx is not in the file or lies on something else; "
				    "repair the image with qemu-img check -r all, or write readonly=on",
				    q->block->path, n, (unsigned long long)offset);
	}
	return true;
}

/* An image that was not closed may have refcounts of another day: they are counted anew, and only then the mark goes.
 */
static bool repair(struct qcow2 *q, struct error *err)
{
	struct qcow2_report report = {0};
	u8 flags[8];

	if (!qcow2_check(q, true, &report, err))
		return false;
	q->incompatible &= ~BIT(QCOW2_DIRTY);
	be_store(flags, 8, q->incompatible);
	return (qcow2_write_back(q) && block_file_sync(q->block) &&
		block_file_write_bytes(q->block, QCOW2_H_INCOMPATIBLE, flags, sizeof(flags))) ||
	       fail(err, "file=%s: writing its refcounts failed; is the host's disk full?", q->block->path);
}

static bool open_for_writing(struct qcow2 *q, const u8 *head, struct error *err)
{
	static const u8 none[8];

	if (!tables_are_apart(q, err))
		return false;
	/* We know none of these features, so what they describe is stale from now on. */
	if (q->version >= 3 && be_load(head + QCOW2_H_AUTOCLEAR, 8) &&
	    !block_file_write_bytes(q->block, QCOW2_H_AUTOCLEAR, none, sizeof(none)))
		return fail(err, "file=%s: writing failed", q->block->path);
	return !(q->incompatible & BIT(QCOW2_DIRTY)) || repair(q, err);
}

static bool open_backing(struct qcow2 *q, const struct block_config *config, struct error *err)
{
	struct block_config own = config->backing ? *config->backing : (struct block_config){.allow_backing = true};

	if (config->no_backing || q->block->backing)
		return true;
	if (!q->backing_name && !config->backing)
		return true;
	if (!config->backing && !config->allow_backing)
		return fail(
			err,
			"file=%s: it has a backing file '%.200s'; files named inside an image are not opened unasked: "
			"write backing.driver=%s,backing.file.filename=PATH or allow-backing=on",
			q->block->path, q->backing_name, q->backing_format ? q->backing_format : "FORMAT");
	if (!own.file)
		own.file = q->backing_name;
	if (!own.file)
		return fail(err, "backing.file.filename: not given");
	if (!own.format)
		own.format = q->backing_format;
	if (!own.format)
		return fail(
			err,
			"file=%s: the format of its backing file '%.200s' is not said; write backing.driver=raw or backing.driver=qcow2",
			q->block->path, own.file);
	q->block->backing = block_open_backing(q->block, &own, err);
	return q->block->backing;
}

static bool qcow2_open(struct block *block, const struct block_config *config, struct error *err)
{
	struct qcow2 *q = block->qcow2 = calloc(1, sizeof(*q));
	u8 *head = malloc(MAX(QCOW2_H_BYTES_MAX, 64u * 1024));
	pthread_rwlockattr_t attr;
	u64 size;
	bool ok;

	assert(q && head);
	q->block = block;
	host_random(&q->metadata_key, sizeof(q->metadata_key));
	q->metadata_key |= 1;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&q->use, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->settled, NULL);
	ok = (file_size(block->fd, &q->file_end) && q->file_end < INT64_MAX / 2) ||
	     fail(err, "file=%s: too large", block->path);
	ok = ok && header_read(q, head, &size, err) &&
	     snapshots_read(q, (u32)be_load(head + QCOW2_H_SNAPSHOTS, 4), be_load(head + QCOW2_H_SNAPSHOT_OFFSET, 8),
			    err) &&
	     (!config->internal_snapshot || snapshot_take(q, config->internal_snapshot, err)) && tables_read(q, err) &&
	     (block->readonly || open_for_writing(q, head, err)) && open_backing(q, config, err);
	if (!ok)
		q->broken = true; /* nothing is written at close */
	free(head);
	return ok;
}

static void qcow2_close(struct block *block)
{
	struct qcow2 *q = block->qcow2;

	if (!q)
		return;
	if (!block->readonly && !q->broken && !block->is_temporary && qcow2_flush(block) && qcow2_write_back(q))
		block_file_sync(block);
	for (u32 n = 0; n < q->snapshot_count; n++) {
		free(q->snapshots[n].id);
		free(q->snapshots[n].name);
	}
	qcow2_cache_fini(&q->l2s);
	qcow2_cache_fini(&q->refblocks);
	free(q->l1.entries);
	free(q->reftable.entries);
	free(q->snapshots);
	free(q->dropped);
	free(q->metadata);
	free(q->unpacked);
	free(q->backing_name);
	free(q->backing_format);
	pthread_cond_destroy(&q->settled);
	pthread_mutex_destroy(&q->lock);
	pthread_rwlock_destroy(&q->use);
	free(q);
	block->qcow2 = NULL;
}

const struct block_format block_qcow2 = {
	.name = "qcow2",
	.open = qcow2_open,
	.close = qcow2_close,
	.read = qcow2_read,
	.try_read = qcow2_try_read,
	.write = qcow2_write,
	.flush = qcow2_flush,
	.write_back = qcow2_tables_flush,
	.discard = qcow2_discard,
	.write_zeroes = qcow2_write_zeroes,
};
