/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks, private to host/: what a format is, and reading and writing the file below it. */
#ifndef HOST_BLOCK_PRIVATE_H
#define HOST_BLOCK_PRIVATE_H

#include <pthread.h>
#include <sys/uio.h>

#include "base/bits.h"
#include "host/host.h"

#define SECTOR 512u

/* Where the next byte of a scattered buffer is. */
struct iov {
	const struct iovec *at;
	size_t skip;
};

/* A format. Bounds and readonly are checked before; any thread, together. */
struct block_format {
	const char *name;
	bool (*open)(struct block *block, const struct block_config *config, struct error *err);
	void (*close)(struct block *block); /* what open left, even if it failed */
	bool (*read)(struct block *block, u64 offset, struct iov *to, u64 size);
	bool (*try_read)(struct block *block, u64 offset, struct iov *to, u64 size);
	bool (*write)(struct block *block, u64 offset, struct iov *from, u64 size);
	bool (*flush)(struct block *block);
	bool (*write_back)(struct block *block); /* what it keeps in memory goes to the file; NULL: nothing */
	bool (*discard)(struct block *block, u64 offset, u64 size);
	bool (*write_zeroes)(struct block *block, u64 offset, u64 size, bool unmap);
};
extern const struct block_format block_raw, block_qcow2;

struct block {
	const struct block_format *format;
	char *path; /* as the user or the image above wrote it */
	int fd;
	u64 size; /* of the disk, whole sectors */
	bool readonly, discard, no_flush, is_temporary;
	pthread_mutex_t sync;  /* held while the file is flushed */
	bool sync_failed;      /* once; `sync` held */
	unsigned depth;        /* in a backing chain; 0: the top */
	struct block *backing; /* reads what this image does not have; NULL: zeroes */
	struct qcow2 *qcow2;
};

/* Why this thread's call fails: for want of space. Each call begins without. */
extern _Thread_local bool block_no_space;

/* --- block_file.c: the file below a format; bytes behind its end read as zero --- */
bool block_file_read(struct block *block, u64 offset, struct iov *to, u64 size);
bool block_file_try_read(struct block *block, u64 offset, struct iov *to, u64 size);
bool block_file_write(struct block *block, u64 offset, struct iov *from, u64 size);
bool block_file_read_bytes(struct block *block, u64 offset, void *to, u64 size);
bool block_file_write_bytes(struct block *block, u64 offset, const void *from, u64 size);
bool block_file_sync(struct block *block); /* nothing with cache=unsafe; fails for ever once it has failed */
bool block_file_punch(struct block *block, u64 offset, u64 size); /* advice; false: only an I/O error */

static inline void iov_advance(struct iov *iov, u64 size)
{
	for (iov->skip += size; iov->skip && iov->skip >= iov->at->iov_len; iov->at++)
		iov->skip -= iov->at->iov_len;
}
void iov_zero(struct iov *to, u64 size);
void iov_copy_in(struct iov *to, const u8 *from, u64 size);
/* The next `size` bytes as at most `max` pieces; *taken says how many bytes they are. Does not advance. */
unsigned iov_peek(const struct iov *iov, u64 size, struct iovec *pieces, unsigned max, u64 *taken);

/* A backing file of `above`, opened for reading. */
struct block *block_open_backing(struct block *above, const struct block_config *config, struct error *err);

#endif
