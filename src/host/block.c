/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks: raw images, byte for byte. An image's end is rounded up to a sector; what lies behind the file reads as zero.
 * Reads and writes run on any thread, together. The file is locked against other programs and other -drive options.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"
#include "host/host.h"

#define SECTOR 512u

struct block {
	char *path;
	int fd;
	u64 size;
	bool readonly, discard;
};

/* Formats that are known by their first bytes, so that none of them is taken for raw by mistake. */
static const struct {
	const char *name;
	u32 offset;
	const char *magic;
	u32 length;
} formats[] = {
	{"qcow2", 0, "QFI\xfb", 4},
	{"qed", 0, "QED", 4},
	{"vmdk", 0, "KDMV", 4},
	{"vmdk", 0, "COWD", 4},
	{"vhdx", 0, "vhdxfile", 8},
	{"vpc", 0, "conectix", 8},
	{"vdi", 64, "\x7f\x10\xda\xbe", 4},
	{"luks", 0, "LUKS\xba\xbe", 6},
	{"parallels", 0, "WithoutFreeSpace", 16},
	{"vmdk", 0, "# Disk DescriptorFile", 21},
};

static const char *format_seen(int fd)
{
	u8 head[128] = {0};

	if (pread(fd, head, sizeof(head), 0) <= 0)
		return NULL;
	for (unsigned i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(head + formats[i].offset, formats[i].magic, formats[i].length))
			return formats[i].name;
	return NULL;
}

/* One writer, or any number of readers. File systems without locks are taken as they are. */
static bool lock_file(const struct block *block, struct error *err)
{
	struct flock lock = {.l_type = block->readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

	if (!fcntl(block->fd, F_OFD_SETLK, &lock) || (errno != EAGAIN && errno != EACCES))
		return true;
	return fail(err,
		    "file=%s: in use by another -drive or program; give each drive its own file, or readonly=on to all",
		    block->path);
}

static bool open_image(struct block *block, const struct block_config *config, struct error *err)
{
	const char *seen;
	struct stat st;

	if (config->format && strcmp(config->format, "raw"))
		return fail(err, "format=%s: only format=raw is built; convert the image with qemu-img convert -O raw",
			    config->format);
	if (config->snapshot)
		return fail(err, "snapshot=on: not built; copy the image and use the copy");
	block->fd = file_open("file", block->path, !block->readonly, false, err);
	if (block->fd < 0)
		return false;
	if (fstat(block->fd, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) ||
	    !file_size(block->fd, &block->size))
		return fail(err, "file=%s: neither a regular file nor a block device", block->path);
	seen = config->format ? NULL : format_seen(block->fd);
	if (seen)
		return fail(err,
			    "file=%s: it looks like a %s image and format= is not given; convert it to raw, or write "
			    "format=raw if it is a raw disk",
			    block->path, seen);
	if (block->size > INT64_MAX - SECTOR)
		return fail(err, "file=%s: too large", block->path);
	block->size = align_up(block->size, SECTOR);
	return lock_file(block, err);
}

struct block *block_open(const struct block_config *config, struct error *err)
{
	struct block *block = calloc(1, sizeof(*block));

	assert(block);
	block->fd = -1;
	block->readonly = config->readonly;
	block->discard = config->discard;
	block->path = config->file ? strdup(config->file) : NULL;
	if (block->path ? open_image(block, config, err) : fail(err, "file: not given; write file=IMAGE"))
		return block;
	if (config->id)
		fail_context(err, "drive '%s'", config->id);
	else
		fail_context(err, "-drive");
	block_close(block);
	return NULL;
}

void block_close(struct block *block)
{
	if (!block)
		return;
	if (block->fd >= 0)
		close(block->fd);
	free(block->path);
	free(block);
}

u64 block_size(const struct block *block)
{
	return block->size;
}

const char *block_path(const struct block *block)
{
	return block->path;
}

bool block_is_readonly(const struct block *block)
{
	return block->readonly;
}

static bool host_error(const struct block *block, const char *what, u64 offset)
{
	trace(GUEST_ERROR, "disk %s: %s at 0x%llx failed: %s", block->path, what, (unsigned long long)offset,
	      strerror(errno));
	return false;
}

bool block_read(struct block *block, u64 offset, void *to, u64 size)
{
	u8 *bytes = to;

	if (!range_ok(offset, size, block->size))
		return false;
	while (size) {
		ssize_t got = pread(block->fd, bytes, MIN(size, 1 * GiB), (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return host_error(block, "read", offset);
		if (!got) {
			memset(bytes, 0, size);
			return true;
		}
		bytes += got;
		offset += (u64)got;
		size -= (u64)got;
	}
	return true;
}

bool block_write(struct block *block, u64 offset, const void *from, u64 size)
{
	const u8 *bytes = from;

	if (block->readonly || !range_ok(offset, size, block->size))
		return false;
	while (size) {
		ssize_t put = pwrite(block->fd, bytes, MIN(size, 1 * GiB), (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			errno = put ? errno : ENOSPC;
			return host_error(block, "write", offset);
		}
		bytes += put;
		offset += (u64)put;
		size -= (u64)put;
	}
	return true;
}

bool block_flush(struct block *block)
{
	while (!block->readonly && fdatasync(block->fd)) {
		if (errno == EINVAL || errno == EROFS)
			return true;
		if (errno != EINTR)
			return host_error(block, "flush", 0);
	}
	return true;
}

/* Advice: what the host cannot give back simply stays. */
bool block_discard(struct block *block, u64 offset, u64 size)
{
	if (block->readonly || !range_ok(offset, size, block->size))
		return false;
	if (!block->discard || !size)
		return true;
	if (fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) &&
	    errno == EIO)
		return host_error(block, "discard", offset);
	return true;
}

bool block_write_zeroes(struct block *block, u64 offset, u64 size)
{
	static const u8 zeroes[64 * KiB];

	if (block->readonly || !range_ok(offset, size, block->size))
		return false;
	if (!size)
		return true;
	if (block->discard &&
	    !fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		return true;
	if (!fallocate(block->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		return true;
	while (size) {
		u64 part = MIN(size, sizeof(zeroes));

		if (!block_write(block, offset, zeroes, part))
			return false;
		offset += part;
		size -= part;
	}
	return true;
}
