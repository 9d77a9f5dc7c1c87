/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files, random bytes and the time of day, with errno turned into words. Any thread. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bits.h"
#include "host/host.h"
#include "obj/prop.h"

static const char *errno_words(int error)
{
	switch (error) {
	case ENOENT: return "there is no such file";
	case EACCES:
	case EPERM: return "permission denied";
	case EISDIR: return "it is a directory, not a file";
	case ENOTDIR: return "a part of the path is not a directory";
	case EROFS: return "the file system is read-only";
	case ENXIO: return "nothing answers behind it";
	default: return strerror(error);
	}
}

int file_open(const char *what, const char *path, bool write, bool create, struct error *err)
{
	int flags = (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int fd;

	if (!*path) {
		fail(err, "%s: the file name is empty; write the path of a file", what);
		return -1;
	}
	/* Not blocking, so that a FIFO without a writer cannot hold us here. */
	fd = open(path, flags, 0644);
	if (fd >= 0 && !fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = -1;
		errno = EISDIR;
	}
	if (fd < 0) {
		fail(err, "%s %s: cannot open it: %s", what, path, errno_words(errno));
		return -1;
	}
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

/* What the caller opened for us has no FD_CLOEXEC until it is taken, and all that we open has: so each is taken once.
 */
int file_inherited(const char *key, const char *text, struct error *err)
{
	u64 fd;

	if (!parse_u64(key, text, 3, INT_MAX, &fd, err))
		return -1;
	if (fcntl((int)fd, F_GETFD)) {
		fail(err,
		     "%s=%s: no descriptor that this program was started with, or used already; let each have its own",
		     key, text);
		return -1;
	}
	fcntl((int)fd, F_SETFD, FD_CLOEXEC);
	return (int)fd;
}

bool file_size(int fd, u64 *size)
{
	struct stat st;
	off_t end;

	if (fstat(fd, &st))
		return false;
	if (S_ISREG(st.st_mode)) {
		*size = (u64)st.st_size;
		return true;
	}
	end = S_ISBLK(st.st_mode) ? lseek(fd, 0, SEEK_END) : -1;
	if (end < 0)
		return false;
	*size = (u64)end;
	return true;
}

u64 file_size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (u64)st.st_size;
}

static bool read_whole(int fd, u8 *data, u64 size)
{
	u64 done = 0;

	while (done < size) {
		ssize_t got = read(fd, data + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got ? errno : ENODATA;
			return false;
		}
		done += (u64)got;
	}
	return true;
}

/* For free. Large ones are of huge pages: the first touch of a small one takes the host as long as reading 100 KiB. */
static u8 *allocate(u64 size)
{
	u64 huge = 2 * MiB;
	u8 *data = size < huge ? malloc(size) : aligned_alloc(huge, align_up(size, huge));

	if (data && size >= huge)
		madvise(data, align_up(size, huge), MADV_HUGEPAGE);
	return data;
}

bool file_read_all(const char *path, u64 limit, u8 **data, u64 *size, struct error *err)
{
	int fd = file_open("file", path, false, false, err);
	struct stat st;
	bool ok = false;

	*data = NULL;
	if (fd < 0)
		return false;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		fail(err, "file %s: not a regular file; copy it into one", path);
	} else if ((u64)st.st_size > limit) {
		fail(err, "file %s: its %llu bytes are more than the %llu allowed here", path,
		     (unsigned long long)st.st_size, (unsigned long long)limit);
	} else if (!(*data = allocate((u64)st.st_size + 1))) {
		fail(err, "file %s: no host memory for its %llu bytes", path, (unsigned long long)st.st_size);
	} else if (!read_whole(fd, *data, (u64)st.st_size)) {
		fail(err, "file %s: reading failed: %s", path,
		     errno == ENODATA ? "it became shorter meanwhile" : errno_words(errno));
	} else {
		(*data)[st.st_size] = 0; /* text files end as strings do; not counted */
		*size = (u64)st.st_size;
		ok = true;
	}
	if (!ok) {
		free(*data);
		*data = NULL;
	}
	close(fd);
	return ok;
}

bool file_write_all(const char *path, const void *data, size_t size, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
	const u8 *from = data;
	bool ok = fd >= 0;

	while (ok && size) {
		ssize_t put = write(fd, from, size);

		if (put < 0 && errno == EINTR)
			continue;
		ok = put > 0;
		from += ok ? put : 0;
		size -= ok ? (size_t)put : 0;
	}
	if (!ok)
		fail(err, "cannot write %s: %s", *path ? path : "a file without a name", errno_words(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

bool file_replace(const char *path, const void *data, size_t size, struct error *err)
{
	char next[4096], folder[4096];
	const char *slash = strrchr(path, '/');
	int fd, length = snprintf(next, sizeof(next), "%s.new", path);
	bool ok;

	if (length >= (int)sizeof(next))
		return fail(err, "cannot write %s: the name is too long", path);
	if (!file_write_all(next, data, size, err)) {
		unlink(next);
		return false;
	}
	fd = open(next, O_RDONLY | O_CLOEXEC);
	ok = fd >= 0 && !fsync(fd) && !rename(next, path);
	if (!ok)
		fail(err, "cannot write %s: %s", path, errno_words(errno));
	if (fd >= 0)
		close(fd);
	if (!ok) {
		unlink(next);
		return false;
	}
	/* The name lasts, too. A folder that cannot be opened leaves that to the host. */
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return true;
}

void host_random(void *to, size_t size)
{
	u8 *bytes = to;

	while (size) {
		ssize_t got = getrandom(bytes, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		assert(got > 0 && "the host has no random bytes");
		bytes += got;
		size -= (size_t)got;
	}
}

u64 host_realtime_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (u64)t.tv_sec;
}
