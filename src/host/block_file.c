/* SPDX-License-Identifier: BSD-2-Clause */
/* The file below a disk: positioned, scattered reads and writes that are whole or fail; and the raw format, which is
 * that file. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/trace.h"
#include "host/block_private.h"

#define PIECES 64

unsigned iov_peek(const struct iov *iov, u64 size, struct iovec *pieces, unsigned max, u64 *taken)
{
	const struct iovec *at = iov->at;
	size_t skip = iov->skip;
	unsigned n = 0;

	for (*taken = 0; n < max && *taken < size; at++, skip = 0) {
		size_t part = MIN(at->iov_len - skip, size - *taken);

		if (!part)
			continue;
		pieces[n++] = (struct iovec){(u8 *)at->iov_base + skip, part};
		*taken += part;
	}
	return n;
}

void iov_copy_in(struct iov *to, const u8 *from, u64 size)
{
	struct iovec piece;
	u64 part;

	for (; size; size -= part) {
		iov_peek(to, size, &piece, 1, &part);
		if (from)
			memcpy(piece.iov_base, from, part);
		else
			memset(piece.iov_base, 0, part);
		from += from ? part : 0;
		iov_advance(to, part);
	}
}

void iov_zero(struct iov *to, u64 size)
{
	iov_copy_in(to, NULL, size);
}

static bool host_error(struct block *block, const char *what, u64 offset)
{
	block_no_space = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
	trace(HOST, "disk %s: %s at 0x%llx failed: %s", block->path, what, (unsigned long long)offset, strerror(errno));
	return false;
}

bool block_file_read(struct block *block, u64 offset, struct iov *to, u64 size)
{
	while (size) {
		struct iovec pieces[PIECES];
		u64 taken;
		unsigned n = iov_peek(to, size, pieces, PIECES, &taken);
		ssize_t got = preadv(block->fd, pieces, (int)n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return host_error(block, "read", offset);
		if (!got) {
			iov_zero(to, size);
			return true;
		}
		iov_advance(to, (u64)got);
		offset += (u64)got;
		size -= (u64)got;
	}
	return true;
}

bool block_file_try_read(struct block *block, u64 offset, struct iov *to, u64 size)
{
	while (size) {
		struct iovec pieces[PIECES];
		u64 taken;
		unsigned n = iov_peek(to, size, pieces, PIECES, &taken);

		if (preadv2(block->fd, pieces, (int)n, (off_t)offset, RWF_NOWAIT) != (ssize_t)taken)
			return false;
		iov_advance(to, taken);
		offset += taken;
		size -= taken;
	}
	return true;
}

bool block_file_write(struct block *block, u64 offset, struct iov *from, u64 size)
{
	while (size) {
		struct iovec pieces[PIECES];
		u64 taken;
		unsigned n = iov_peek(from, size, pieces, PIECES, &taken);
		ssize_t put = pwritev(block->fd, pieces, (int)n, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			errno = put ? errno : ENOSPC;
			return host_error(block, "write", offset);
		}
		iov_advance(from, (u64)put);
		offset += (u64)put;
		size -= (u64)put;
	}
	return true;
}

bool block_file_read_bytes(struct block *block, u64 offset, void *to, u64 size)
{
	struct iovec one = {to, size};

	return block_file_read(block, offset, &(struct iov){&one, 0}, size);
}

bool block_file_write_bytes(struct block *block, u64 offset, const void *from, u64 size)
{
	struct iovec one = {(void *)from, size};

	return block_file_write(block, offset, &(struct iov){&one, 0}, size);
}

static bool file_sync(struct block *block)
{
	while (fdatasync(block->fd)) {
		if (errno == EINVAL || errno == EROFS)
			return true;
		if (errno != EINTR)
			return host_error(block, "flush", 0);
	}
	return true;
}

/* The host says once, and to one caller, that writes were lost, and holds what is left for clean: after that, and for a
 * caller who comes at the same time, its success means nothing. Nor does waiting for room help. */
bool block_file_sync(struct block *block)
{
	bool ok;

	if (block->no_flush)
		return true;
	pthread_mutex_lock(&block->sync);
	if (!block->sync_failed)
		block->sync_failed = !file_sync(block);
	ok = !block->sync_failed;
	pthread_mutex_unlock(&block->sync);
	if (!ok)
		block_no_space = false;
	return ok;
}

/* What the host cannot give back simply stays. */
bool block_file_punch(struct block *block, u64 offset, u64 size)
{
	if (fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) &&
	    errno == EIO)
		return host_error(block, "discard", offset);
	return true;
}

static bool file_zero(struct block *block, u64 offset, u64 size, bool unmap)
{
	static const u8 zeroes[64 * KiB];

	if (unmap && !fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		return true;
	if (!fallocate(block->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		return true;
	for (u64 part; size; offset += part, size -= part) {
		part = MIN(size, sizeof(zeroes));
		if (!block_file_write_bytes(block, offset, zeroes, part))
			return false;
	}
	return true;
}

/* --- raw: the disk's bytes are the file's --- */

static bool raw_open(struct block *block, const struct block_config *config, struct error *err)
{
	if (!block->depth && (config->backing || config->allow_backing))
		return fail(err, "backing: a raw image has no backing file; leave it out, or write format=qcow2");
	if (config->internal_snapshot)
		return fail(err, "internal-snapshot=%s: a raw image has none; leave it out, or write format=qcow2",
			    config->internal_snapshot);
	if (!file_size(block->fd, &block->size) || block->size > INT64_MAX - SECTOR)
		return fail(err, "file=%s: too large", block->path);
	block->size = align_up(block->size, SECTOR);
	return true;
}

static bool raw_discard(struct block *block, u64 offset, u64 size)
{
	return !block->discard || block_file_punch(block, offset, size);
}

static bool raw_write_zeroes(struct block *block, u64 offset, u64 size, bool unmap)
{
	return file_zero(block, offset, size, unmap && block->discard);
}

const struct block_format block_raw = {
	.name = "raw",
	.open = raw_open,
	.read = block_file_read,
	.try_read = block_file_try_read,
	.write = block_file_write,
	.flush = block_file_sync,
	.discard = raw_discard,
	.write_zeroes = raw_write_zeroes,
};
