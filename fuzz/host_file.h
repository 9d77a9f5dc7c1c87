/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file of the host, in memory: what a fuzz target's image or disk is. The C library's calls on its descriptor are
 * answered here, all others go to the kernel. An execution that takes a real file spends most of its time in system
 * calls; and the copies here are seen by AddressSanitizer. Bytes behind the end are zero, as in a sparse file; only
 * pages that were written are set back.
 */
#ifndef FUZZ_HOST_FILE_H
#define FUZZ_HOST_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"

/* What is not tried here makes no coverage. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

#define HOST_FILE_NAME "/in-memory"
#define HOST_FILE_FD 1000 /* no descriptor of the process is that high */
#define HOST_FILE_MAX (8 * MiB)
#define HOST_FILE_PAGE 4096

static struct {
	u8 bytes[HOST_FILE_MAX];
	bool written[HOST_FILE_MAX / HOST_FILE_PAGE]; /* pages that may hold something else than zeroes */
	u64 size;
	unsigned pages;     /* no page from this one on is written */
	bool zeroes_itself; /* like ext4, where tmpfs lets the caller write zeroes */
	bool open;
	bool fails;      /* the host's disk becomes full: */
	u64 writes_left; /* after so many writes */
} host_file;

static void host_file_touch(u64 offset, u64 size)
{
	u64 last = (offset + size - 1) / HOST_FILE_PAGE;

	for (u64 page = offset / HOST_FILE_PAGE; size && page <= last; page++)
		host_file.written[page] = true;
	if (size)
		host_file.pages = MAX(host_file.pages, (unsigned)last + 1);
}

/* An empty file. */
static void host_file_reset(void)
{
	for (unsigned page = 0; page < host_file.pages; page++) {
		if (host_file.written[page])
			memset(host_file.bytes + page * HOST_FILE_PAGE, 0, HOST_FILE_PAGE);
		host_file.written[page] = false;
	}
	host_file.pages = 0;
	host_file.size = 0;
	host_file.fails = false;
}

/* False, with errno: not one byte can be written there. */
static bool host_file_write(const void *from, u64 offset, u64 *size)
{
	if (offset >= HOST_FILE_MAX || (host_file.fails && !host_file.writes_left)) {
		errno = offset >= HOST_FILE_MAX ? EFBIG : ENOSPC;
		return false;
	}
	host_file.writes_left -= host_file.fails;
	*size = MIN(*size, HOST_FILE_MAX - offset);
	host_file_touch(offset, *size);
	memcpy(host_file.bytes + offset, from, *size);
	host_file.size = MAX(host_file.size, offset + *size);
	return true;
}

static u64 host_file_read(void *to, u64 offset, u64 size)
{
	size = offset >= host_file.size ? 0 : MIN(size, host_file.size - offset);
	memcpy(to, host_file.bytes + MIN(offset, HOST_FILE_MAX), size);
	return size;
}

/* --- What the C library has for everybody --- */

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	if (!strcmp(path, HOST_FILE_NAME)) {
		assert(!host_file.open);
		host_file.open = true;
		return HOST_FILE_FD;
	}
	va_start(more, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
	va_end(more);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int close(int fd)
{
	if (fd != HOST_FILE_FD)
		return (int)syscall(SYS_close, fd);
	assert(host_file.open);
	host_file.open = false;
	return 0;
}

int fstat(int fd, struct stat *st)
{
	if (fd != HOST_FILE_FD)
		return (int)syscall(SYS_fstat, fd, st);
	*st = (struct stat){.st_mode = S_IFREG | 0600,
			    .st_size = (off_t)host_file.size,
			    .st_nlink = 1,
			    .st_blksize = HOST_FILE_PAGE};
	return 0;
}

/* Nobody else has locks on it. */
int fcntl(int fd, int command, ...)
{
	va_list more;
	void *arg;

	va_start(more, command);
	arg = va_arg(more, void *);
	va_end(more);
	if (fd != HOST_FILE_FD)
		return (int)syscall(SYS_fcntl, fd, command, arg);
	if (command == F_OFD_GETLK)
		((struct flock *)arg)->l_type = F_UNLCK;
	return 0;
}

ssize_t pread(int fd, void *to, size_t size, off_t offset)
{
	return fd == HOST_FILE_FD ? (ssize_t)host_file_read(to, (u64)offset, size) :
				    syscall(SYS_pread64, fd, to, size, offset);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
	u64 done = size;

	if (fd != HOST_FILE_FD)
		return syscall(SYS_pwrite64, fd, from, size, offset);
	return host_file_write(from, (u64)offset, &done) ? (ssize_t)done : -1;
}

ssize_t preadv(int fd, const struct iovec *to, int count, off_t offset)
{
	u64 done = 0;

	assert(fd == HOST_FILE_FD);
	for (int n = 0; n < count; n++)
		done += host_file_read(to[n].iov_base, (u64)offset + done, to[n].iov_len);
	return (ssize_t)done;
}

ssize_t preadv2(int fd, const struct iovec *to, int count, off_t offset, int flags)
{
	return preadv(fd, to, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *from, int count, off_t offset)
{
	u64 done = 0;

	assert(fd == HOST_FILE_FD);
	for (int n = 0; n < count; n++) {
		u64 part = from[n].iov_len;

		if (!host_file_write(from[n].iov_base, (u64)offset + done, &part))
			return done ? (ssize_t)done : -1;
		done += part;
		if (part < from[n].iov_len)
			break;
	}
	return (ssize_t)done;
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	u64 from = (u64)offset, bytes;

	assert(fd == HOST_FILE_FD && size > 0 && (mode & FALLOC_FL_KEEP_SIZE));
	if ((mode & FALLOC_FL_ZERO_RANGE) && !host_file.zeroes_itself) {
		errno = EOPNOTSUPP;
		return -1;
	}
	bytes = from >= host_file.size ? 0 : MIN((u64)size, host_file.size - from);
	memset(host_file.bytes + MIN(from, HOST_FILE_MAX), 0, bytes);
	return 0;
}

int fdatasync(int fd)
{
	return 0;
}

#pragma clang attribute pop

#endif
