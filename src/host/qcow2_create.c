/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: an empty image: header, refcount table, its blocks, L1 table, in this order of clusters. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/qcow2.h"

static bool put(int fd, u64 offset, const u8 *bytes, u64 size, struct error *err)
{
	while (size) {
		ssize_t n = pwrite(fd, bytes, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fail(err, "cannot write a new image: %s", n ? strerror(errno) : "no room");
		bytes += n;
		offset += (u64)n;
		size -= (u64)n;
	}
	return true;
}

static u64 extension(u8 *at, u32 type, const void *data, u32 bytes)
{
	be_store(at, 4, type);
	be_store(at + 4, 4, bytes);
	memcpy(at + 8, data, bytes);
	return 8 + align_up(bytes, 8);
}

bool qcow2_create(int fd, const struct qcow2_shape *shape, struct error *err)
{
	u32 bits = shape->cluster_bits ? shape->cluster_bits : 16, version = shape->version ? shape->version : 3;
	u32 order = shape->refcount_order ? shape->refcount_order : 4, cluster = 1u << bits;
	u64 l1_count = MAX((shape->size >> (2 * bits - 3)) + !!(shape->size & ones(2 * bits - 3)), 1u),
	    l1_clusters = (8 * l1_count + cluster - 1) >> bits;
	u64 per = 8ull * cluster >> order, blocks = 1, table_clusters, used, at, name_bytes;
	u8 *bytes = calloc(1, MAX(cluster, 64u * 1024));
	bool ok = true;

	assert(bytes && bits >= QCOW2_CLUSTER_BITS_MIN && bits <= QCOW2_CLUSTER_BITS_MAX &&
	       order <= QCOW2_REFCOUNT_ORDER_MAX);
	if (8 * l1_count > QCOW2_L1_BYTES_MAX) {
		free(bytes);
		return fail(err, "an image of %llu bytes is too large for clusters of %u",
			    (unsigned long long)shape->size, cluster);
	}
	for (;; blocks++) {
		table_clusters = (8 * blocks + cluster - 1) >> bits;
		used = 1 + table_clusters + blocks + l1_clusters;
		if (used <= blocks * per)
			break;
	}
	be_store(bytes, 4, QCOW2_MAGIC);
	be_store(bytes + QCOW2_H_VERSION, 4, version);
	be_store(bytes + QCOW2_H_CLUSTER_BITS, 4, bits);
	be_store(bytes + QCOW2_H_SIZE, 8, shape->size);
	be_store(bytes + QCOW2_H_L1_SIZE, 4, l1_count);
	be_store(bytes + QCOW2_H_L1_OFFSET, 8, (1 + table_clusters + blocks) << bits);
	be_store(bytes + QCOW2_H_REFTABLE_OFFSET, 8, cluster);
	be_store(bytes + QCOW2_H_REFTABLE_CLUSTERS, 4, table_clusters);
	at = QCOW2_H_V2_BYTES;
	if (version >= 3) {
		be_store(bytes + QCOW2_H_INCOMPATIBLE, 8, shape->compression ? BIT(QCOW2_COMPRESSION) : 0);
		be_store(bytes + QCOW2_H_REFCOUNT_ORDER, 4, order);
		be_store(bytes + QCOW2_H_LENGTH, 4, QCOW2_H_V3_BYTES + 8);
		bytes[QCOW2_H_COMPRESSION] = (u8)shape->compression;
		at = QCOW2_H_V3_BYTES + 8;
	}
	if (shape->backing_format)
		at += extension(bytes + at, QCOW2_EXT_BACKING_FORMAT, shape->backing_format,
				(u32)strlen(shape->backing_format));
	at += extension(bytes + at, QCOW2_EXT_END, "", 0);
	name_bytes = shape->backing_name ? strlen(shape->backing_name) : 0;
	if (name_bytes) {
		be_store(bytes + QCOW2_H_BACKING_OFFSET, 8, at);
		be_store(bytes + QCOW2_H_BACKING_SIZE, 4, name_bytes);
		memcpy(bytes + at, shape->backing_name, name_bytes);
	}
	ok = put(fd, 0, bytes, cluster, err);
	memset(bytes, 0, cluster);
	for (u64 n = 0; ok && n < table_clusters; n++) {
		for (u64 i = 0; i < cluster / 8; i++)
			be_store(bytes + 8 * i, 8,
				 n * (cluster / 8) + i < blocks ? (1 + table_clusters + n * (cluster / 8) + i) << bits :
								  0);
		ok = put(fd, (1 + n) << bits, bytes, cluster, err);
	}
	for (u64 n = 0; ok && n < blocks; n++) {
		memset(bytes, 0, cluster);
		for (u64 i = 0; i < per && n * per + i < used; i++) {
			if (order >= 3)
				be_store(bytes + (i << (order - 3)), 1u << (order - 3), 1);
			else
				bytes[i << order >> 3] |= (u8)(1u << ((i << order) & 7));
		}
		ok = put(fd, (1 + table_clusters + n) << bits, bytes, cluster, err);
	}
	memset(bytes, 0, cluster);
	for (u64 n = 0; ok && n < l1_clusters; n++)
		ok = put(fd, (1 + table_clusters + blocks + n) << bits, bytes, cluster, err);
	free(bytes);
	return ok;
}
