/* SPDX-License-Identifier: BSD-2-Clause */
/* The qcow2 format, versions 2 and 3, in the order of its specification (docs/interop/qcow2.rst of QEMU). All numbers
 * are big-endian. */
#ifndef HOST_QCOW2_SPEC_H
#define HOST_QCOW2_SPEC_H

#include "base/types.h"

/* Header */
#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */
#define QCOW2_H_VERSION 4
#define QCOW2_H_BACKING_OFFSET 8
#define QCOW2_H_BACKING_SIZE 16
#define QCOW2_H_CLUSTER_BITS 20
#define QCOW2_H_SIZE 24
#define QCOW2_H_CRYPT 32
#define QCOW2_H_L1_SIZE 36
#define QCOW2_H_L1_OFFSET 40
#define QCOW2_H_REFTABLE_OFFSET 48
#define QCOW2_H_REFTABLE_CLUSTERS 56
#define QCOW2_H_SNAPSHOTS 60
#define QCOW2_H_SNAPSHOT_OFFSET 64
#define QCOW2_H_V2_BYTES 72
#define QCOW2_H_INCOMPATIBLE 72
#define QCOW2_H_COMPATIBLE 80
#define QCOW2_H_AUTOCLEAR 88
#define QCOW2_H_REFCOUNT_ORDER 96
#define QCOW2_H_LENGTH 100
#define QCOW2_H_COMPRESSION 104
#define QCOW2_H_V3_BYTES 104
#define QCOW2_H_BYTES_MAX 512 /* as much as we read of it */

#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21
#define QCOW2_REFCOUNT_ORDER_MAX 6
#define QCOW2_BACKING_NAME_MAX 1023

/* Incompatible features */
#define QCOW2_DIRTY 0
#define QCOW2_CORRUPT 1
#define QCOW2_EXTERNAL_DATA 2
#define QCOW2_COMPRESSION 3
#define QCOW2_EXTENDED_L2 4
#define QCOW2_ZLIB 0
#define QCOW2_ZSTD 1
/* Compatible features */
#define QCOW2_LAZY_REFCOUNTS 0

/* Header extensions: u32 type, u32 length, data, padded to 8 */
#define QCOW2_EXT_END 0
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURE_NAMES 0x6803f857u
#define QCOW2_FEATURE_NAME_BYTES 48 /* kind, bit, 46 characters */

/* L1, L2 and refcount table entries */
#define QCOW2_OFFSET_MASK 0x00fffffffffffe00ull
#define QCOW2_COPIED (1ull << 63)
#define QCOW2_COMPRESSED (1ull << 62)
#define QCOW2_ZERO 1ull
#define QCOW2_L1_RESERVED 0x7f000000000001ffull
#define QCOW2_L2_RESERVED 0x3f000000000001feull
#define QCOW2_REFTABLE_RESERVED 0x1ffull
#define QCOW2_OFFSET_MAX (1ull << 56)

/* Snapshot table entries: 40 bytes, extra data, id, name, padded to 8 */
#define QCOW2_S_L1_OFFSET 0
#define QCOW2_S_L1_SIZE 8
#define QCOW2_S_ID_BYTES 12
#define QCOW2_S_NAME_BYTES 14
#define QCOW2_S_EXTRA_BYTES 36
#define QCOW2_S_BYTES 40
#define QCOW2_S_EXTRA_DISK_SIZE 8 /* in the extra data */

#endif
