/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2, private to host/.
 *
 * Locks. `use` (read-write) is held shared by whoever moves data in clusters of the file, and exclusively by whoever
 * gives clusters back: so a cluster is not used anew while something is still on its way to or from it. `lock` guards
 * everything else; it is taken inside `use`.
 *
 * Order on the file. Refcounts that went up are written before the L2 tables that need them, these before the L1 table,
 * with a flush of the file between (qcow2_write_back). What is no longer referenced is collected in `dropped` and loses
 * its refcount only after all that is safe. So an end at any moment leaves clusters too many, never one too few.
 */
#ifndef HOST_QCOW2_H
#define HOST_QCOW2_H

#include <pthread.h>

#include "host/block_private.h"
#include "host/qcow2_spec.h"

#define QCOW2_L1_BYTES_MAX (32 * MiB)
#define QCOW2_REFTABLE_BYTES_MAX (8 * MiB)
#define QCOW2_SNAPSHOTS_MAX 65536
#define QCOW2_SNAPSHOT_TABLE_MAX (16 * MiB)
#define QCOW2_CACHE_BYTES (32 * MiB) /* of L2 tables; refcount blocks have an eighth */
#define QCOW2_WAYS 8

/* One cluster of metadata in memory, as it is in the file. */
struct qcow2_table {
	u64 offset;               /* in the file; 0: this slot is free */
	u64 used;                 /* when it was used last */
	u32 dirty_from, dirty_to; /* bytes that the file does not have yet; equal: none */
	u8 *bytes;
};

/* Set-associative: a table is in one of the QCOW2_WAYS slots of its set. */
struct qcow2_cache {
	struct qcow2_table *tables;
	u32 sets, dirty; /* of the tables, so many are dirty */
	u64 clock;
};

/* A table of offsets that is wholly in memory. */
struct qcow2_top {
	u64 offset;               /* in the file */
	u32 count;                /* entries */
	u64 *entries;             /* in host order */
	u32 dirty_from, dirty_to; /* entries that the file does not have yet */
};

/* An allocation whose data are under way: these clusters of the disk wait. */
struct qcow2_pending {
	struct qcow2_pending *next;
	u64 first, count;
};

struct qcow2_snapshot {
	u64 l1_offset, disk_size;
	u32 l1_size;
	char *id, *name;
};

struct qcow2 {
	/* fixed at open */
	struct block *block;
	u32 version, cluster_bits, cluster_bytes, l2_bits, refcount_order, compression;
	u64 incompatible;
	char *backing_name, *backing_format;
	struct qcow2_snapshot *snapshots;
	u32 snapshot_count;
	u64 snapshot_table_offset, snapshot_table_bytes;
	pthread_rwlock_t use;
	pthread_mutex_t lock;   /* of all below */
	pthread_cond_t settled; /* an allocation ended */
	struct qcow2_pending *pending;
	struct qcow2_top l1, reftable;
	struct qcow2_cache l2s, refblocks;
	u64 free_hint; /* no cluster below it is free */
	u64 file_end;  /* bytes; at least what the file has */
	u64 *dropped;  /* clusters that lose a reference at the next write-back */
	u32 dropped_count, dropped_room;
	u64 *metadata; /* hash set: clusters that hold L2 tables and refcount blocks, which data must never hit */
	u32 metadata_count, metadata_room;
	u64 metadata_key;   /* odd and random, so that no image can know which clusters meet in a slot */
	bool broken;        /* corruption was met: nothing is written any more */
	u8 *unpacked;       /* the compressed cluster read last */
	u64 unpacked_entry; /* its L2 entry; 0: none */
};

static inline u64 be_load(const void *p, unsigned size)
{
	return __builtin_bswap64(load_le(p, size)) >> (64 - 8 * size);
}

static inline void be_store(void *p, unsigned size, u64 v)
{
	store_le(p, size, __builtin_bswap64(v << (64 - 8 * size)));
}

/* Clusters that hold `bytes`. */
static inline u64 qcow2_clusters(const struct qcow2 *q, u64 bytes)
{
	return (bytes >> q->cluster_bits) + !!(bytes & (q->cluster_bytes - 1));
}

/* --- qcow2.c: the header --- */
/* Something in the image contradicts itself: told once, and nothing is written from now on. Returns false. */
bool qcow2_corrupt(struct qcow2 *q, const char *what, u64 offset);

/* --- qcow2_cache.c --- */
/* Of so many bytes, and no larger than `most` tables need. */
bool qcow2_cache_init(struct qcow2 *q, struct qcow2_cache *cache, u64 bytes, u32 most);
void qcow2_cache_fini(struct qcow2_cache *cache);
bool qcow2_cache_has(struct qcow2 *q, struct qcow2_cache *cache, u64 offset);
/* The table at `offset`, read if it is not there; `fresh`: all zeroes, not read. NULL: an I/O error. Valid until the
 * next call for the same cache. */
struct qcow2_table *qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, u64 offset, bool fresh);
void qcow2_table_dirty(struct qcow2_cache *cache, struct qcow2_table *table, u32 from, u32 bytes);
void qcow2_top_set(struct qcow2_top *top, u32 n, u64 entry);
/* Writes all tables in the order that is safe at any moment; the file is flushed between. */
bool qcow2_write_back(struct qcow2 *q);

/* --- qcow2_refcount.c --- */
bool qcow2_refcount_get(struct qcow2 *q, u64 cluster, u64 *count);
bool qcow2_refcount_set(struct qcow2 *q, u64 cluster, u64 count); /* its refcount block exists */
/* 1 to `wanted` free clusters in a row, now with a refcount of 1. `fresh`: they lie behind the file's end. */
bool qcow2_alloc(struct qcow2 *q, u64 wanted, u64 *offset, u64 *got, bool *fresh);
/* Takes back what qcow2_alloc gave and nothing references. */
void qcow2_unalloc(struct qcow2 *q, u64 offset, u64 count);
void qcow2_drop(struct qcow2 *q, u64 offset);         /* one reference less, at the next flush */
bool qcow2_release_dropped(struct qcow2 *q);          /* after a write-back; `use` is held exclusively */
bool qcow2_metadata_add(struct qcow2 *q, u64 offset); /* false: it was there */
void qcow2_metadata_remove(struct qcow2 *q, u64 offset);
/* Whether a cluster of data may lie at `offset`. */
bool qcow2_is_data_place(struct qcow2 *q, u64 offset);

/* --- qcow2_map.c --- */
enum qcow2_kind { QCOW2_MAP_NONE, QCOW2_MAP_ZERO, QCOW2_MAP_DATA, QCOW2_MAP_COMPRESSED, QCOW2_MAP_BAD };
struct qcow2_extent {
	enum qcow2_kind kind;
	bool in_place; /* DATA that may be written where it is */
	u64 host;      /* DATA: byte in the file */
	u64 entry;     /* COMPRESSED: the L2 entry */
	u64 bytes;     /* from the asked byte on */
};
/* What the disk has at `offset`, for at most `size` bytes. `lock` is held. */
struct qcow2_extent qcow2_map(struct qcow2 *q, u64 offset, u64 size);
/* Whether qcow2_map needs nothing of the file (nor to write a table first, to have a place for another). */
bool qcow2_map_is_in_memory(struct qcow2 *q, u64 offset);
enum qcow2_kind qcow2_entry_kind(const struct qcow2 *q, u64 entry);
/* The L2 table of `offset`, made or copied if need be so that it may be written. */
struct qcow2_table *qcow2_l2_for_write(struct qcow2 *q, u64 offset);
/* Sets one entry and drops what the old one referenced. */
void qcow2_entry_set(struct qcow2 *q, struct qcow2_table *l2, u64 offset, u64 entry);
/* The clusters [first, first + count) that a compressed entry touches, and its bytes. */
void qcow2_compressed_range(const struct qcow2 *q, u64 entry, u64 *offset, u64 *bytes);

/* --- qcow2_io.c --- */
bool qcow2_read(struct block *block, u64 offset, struct iov *to, u64 size);
bool qcow2_try_read(struct block *block, u64 offset, struct iov *to, u64 size);
bool qcow2_write(struct block *block, u64 offset, struct iov *from, u64 size);
bool qcow2_flush(struct block *block);
bool qcow2_tables_flush(struct block *block); /* qcow2_write_back */
bool qcow2_discard(struct block *block, u64 offset, u64 size);
bool qcow2_write_zeroes(struct block *block, u64 offset, u64 size, bool unmap);

/* --- qcow2_compress.c --- */
/* One cluster, from `bytes` compressed ones. */
bool qcow2_decompress(u32 compression, const u8 *from, u64 bytes, u8 *to, u64 cluster_bytes);

/* --- qcow2_check.c: counts all references --- */
struct qcow2_report {
	u64 leaks, corruptions, repaired;
};
/* `repair`: sets the refcounts right. Fails if it cannot be done. */
bool qcow2_check(struct qcow2 *q, bool repair, struct qcow2_report *report, struct error *err);

/* --- qcow2_create.c --- */
struct qcow2_shape {
	u64 size;
	u32 cluster_bits, version, refcount_order, compression; /* 0: 16, 3, 4, zlib */
	const char *backing_name, *backing_format;
};
/* Makes an empty image of an empty file. */
bool qcow2_create(int fd, const struct qcow2_shape *shape, struct error *err);

#endif
