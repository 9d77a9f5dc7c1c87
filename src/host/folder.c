/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder of the host that a guest sees: see folder.h. */
#include "host/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/bits.h"

#define MAPPED_PREFIX "user.virtfs."
#define LINK_BYTES_MAX 4096
#define FILES_MAX (512 * 1024) /* open in this process, that we ask the host for */

/* Open flags of the protocol that a guest may choose. */
#define OPEN_FLAGS (O_ACCMODE | O_APPEND | O_TRUNC | O_EXCL | O_DIRECTORY | O_NOATIME | O_DSYNC | O_SYNC)

static int result(int value)
{
	return value < 0 ? -errno : value;
}

/* One name below `dir`: no link is followed, no mount or root left. */
static int open_beneath(struct folder *folder, int dir, const char *name, int flags, u32 mode)
{
	struct open_how how = {.flags = (u64)(flags | O_CLOEXEC),
			       .mode = mode,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
					  (folder->one_device ? RESOLVE_NO_XDEV : 0)};
	int fd;

	/* A link as the last name may be looked at, not followed. */
	if (flags & O_PATH) {
		how.flags |= O_NOFOLLOW;
		how.resolve &= ~(u64)RESOLVE_NO_SYMLINKS;
	}
	do {
		fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return result(fd);
}

/* The name under which calls without an fd of their own reach an object. It is ours, not the guest's. */
struct object_path {
	char text[32];
};
static struct object_path path_of(int object)
{
	struct object_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", object);
	return path;
}

/* A name is one component and none of ".", "..". */
static bool name_ok(const char *name)
{
	return *name && strcmp(name, ".") && strcmp(name, "..") && !strchr(name, '/') && strlen(name) <= 255;
}

bool folder_open(struct folder *folder, const char *path, struct error *err)
{
	struct rlimit files;

	folder->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder->fd < 0)
		return fail(err, "path=%s: cannot be shared: %s", path, strerror(errno));
	if (!folder->readonly && access(path, W_OK))
		return fail(err, "path=%s: this folder cannot be written; add readonly=on", path);
	/* A guest that looks at many files has many open. */
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < MIN(files.rlim_max, FILES_MAX)) {
		files.rlim_cur = MIN(files.rlim_max, FILES_MAX);
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return true;
}

void folder_close(struct folder *folder)
{
	if (folder->fd >= 0)
		close(folder->fd);
	folder->fd = -1;
}

int folder_walk(struct folder *folder, int dir, const char *name)
{
	return name_ok(name) ? open_beneath(folder, dir, name, O_PATH, 0) : -EINVAL;
}

/* --- Mapped ids and modes --- */

static bool mapped_get(int object, const char *key, void *value, size_t size)
{
	struct object_path path = path_of(object);
	char name[64];

	snprintf(name, sizeof(name), MAPPED_PREFIX "%s", key);
	return getxattr(path.text, name, value, size) == (ssize_t)size;
}

static int mapped_set(int object, const char *key, u64 value, size_t size)
{
	struct object_path path = path_of(object);
	char name[64];
	u8 bytes[8];

	snprintf(name, sizeof(name), MAPPED_PREFIX "%s", key);
	store_le(bytes, 8, value);
	return result(setxattr(path.text, name, bytes, size, 0));
}

int folder_stat(struct folder *folder, int object, struct stat *st)
{
	u8 word[8];

	if (fstatat(object, "", st, AT_EMPTY_PATH))
		return -errno;
	if (folder->model != FOLDER_MAPPED)
		return 0;
	if (mapped_get(object, "uid", word, 4))
		st->st_uid = (uid_t)load_le(word, 4);
	if (mapped_get(object, "gid", word, 4))
		st->st_gid = (gid_t)load_le(word, 4);
	if (mapped_get(object, "mode", word, 4))
		st->st_mode = (mode_t)load_le(word, 4);
	if (mapped_get(object, "rdev", word, 8))
		st->st_rdev = (dev_t)load_le(word, 8);
	return 0;
}

/* After an object was made: whose it is. */
static int own(struct folder *folder, int object, const struct folder_owner *owner, u64 rdev)
{
	struct object_path path = path_of(object);
	struct stat st;
	int status;

	if (folder->model == FOLDER_MAPPED) {
		status = mapped_set(object, "uid", owner->uid, 4);
		status = status < 0 ? status : mapped_set(object, "gid", owner->gid, 4);
		status = status < 0 ? status : mapped_set(object, "mode", owner->mode, 4);
		return status < 0 || !rdev ? status : mapped_set(object, "rdev", rdev, 8);
	}
	if (fchownat(object, "", owner->uid, owner->gid, AT_EMPTY_PATH) && folder->model == FOLDER_PASSTHROUGH)
		return -errno;
	/* Links have no mode of their own. */
	if (fstatat(object, "", &st, AT_EMPTY_PATH) || S_ISLNK(st.st_mode))
		return 0;
	return chmod(path.text, owner->mode & 07777) && folder->model == FOLDER_PASSTHROUGH ? -errno : 0;
}

/* A new object of this name, made by somebody just now, becomes its owner's. */
static int own_name(struct folder *folder, int dir, const char *name, const struct folder_owner *owner, u64 rdev)
{
	int object = open_beneath(folder, dir, name, O_PATH, 0), status;

	if (object < 0)
		return object;
	status = own(folder, object, owner, rdev);
	close(object);
	return status;
}

/* What was made just now and did not become its owner's goes again. `flags` as of unlinkat. */
static int or_remove(int status, int dir, const char *name, int flags)
{
	if (status < 0)
		unlinkat(dir, name, flags);
	return status;
}

/* --- Objects --- */

int folder_reopen(struct folder *folder, int object, int flags)
{
	struct object_path path = path_of(object);
	struct stat st;

	if (fstatat(object, "", &st, AT_EMPTY_PATH))
		return -errno;
	/* Devices, pipes and sockets of the host are none of the guest's business. */
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENXIO;
	if (folder->readonly && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)))
		return -EROFS;
	return result(
		open(path.text, (flags & OPEN_FLAGS & ~(O_EXCL | O_NOATIME)) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

/* A file that is there already: whose it is, and its mode, stay. */
static int open_existing(struct folder *folder, int dir, const char *name, int flags)
{
	int object = folder_walk(folder, dir, name), fd;
	struct stat st;

	if (object < 0)
		return object;
	fd = fstatat(object, "", &st, AT_EMPTY_PATH) ? -errno :
	     S_ISDIR(st.st_mode)                     ? -EISDIR :
						       folder_reopen(folder, object, flags & ~O_DIRECTORY);
	close(object);
	return fd;
}

int folder_create(struct folder *folder, int dir, const char *name, int flags, const struct folder_owner *owner)
{
	bool mapped = folder->model == FOLDER_MAPPED;
	struct folder_owner file = *owner;
	int fd, status;

	if (!name_ok(name))
		return -EINVAL;
	file.mode = S_IFREG | (owner->mode & 07777);
	fd = open_beneath(folder, dir, name,
			  (flags & OPEN_FLAGS & ~(O_DIRECTORY | O_NOATIME)) | O_CREAT | O_EXCL | O_NOFOLLOW,
			  mapped ? 0600 : owner->mode & 0777);
	if (fd == -EEXIST && !(flags & O_EXCL))
		return open_existing(folder, dir, name, flags);
	if (fd < 0)
		return fd;
	status = or_remove(own(folder, fd, &file, 0), dir, name, 0);
	if (status >= 0)
		return fd;
	close(fd);
	return status;
}

int folder_mkdir(struct folder *folder, int dir, const char *name, const struct folder_owner *owner)
{
	struct folder_owner made = *owner;

	made.mode = S_IFDIR | (owner->mode & 07777);
	if (!name_ok(name))
		return -EINVAL;
	if (mkdirat(dir, name, folder->model == FOLDER_MAPPED ? 0700 : owner->mode & 0777))
		return -errno;
	return or_remove(own_name(folder, dir, name, &made, 0), dir, name, AT_REMOVEDIR);
}

/* A file that stands for something else, in the mapped model. */
static int stand_in(struct folder *folder, int dir, const char *name, const char *content,
		    const struct folder_owner *owner, u64 rdev)
{
	int fd = open_beneath(folder, dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600), status;
	size_t size = content ? strlen(content) : 0;
	ssize_t put;

	if (fd < 0)
		return fd;
	put = size ? write(fd, content, size) : 0;
	status = put < 0 ? -errno : (size_t)put < size ? -ENOSPC : own(folder, fd, owner, rdev);
	close(fd);
	return or_remove(status, dir, name, 0);
}

int folder_symlink(struct folder *folder, int dir, const char *name, const char *target,
		   const struct folder_owner *owner)
{
	struct folder_owner made = *owner;

	made.mode = S_IFLNK | 0777;
	if (!name_ok(name) || !*target)
		return -EINVAL;
	if (folder->model == FOLDER_MAPPED)
		return stand_in(folder, dir, name, target, &made, 0);
	if (symlinkat(target, dir, name))
		return -errno;
	return or_remove(own_name(folder, dir, name, &made, 0), dir, name, 0);
}

int folder_mknod(struct folder *folder, int dir, const char *name, u32 major, u32 minor,
		 const struct folder_owner *owner)
{
	if (!name_ok(name))
		return -EINVAL;
	if (folder->model == FOLDER_MAPPED)
		return stand_in(folder, dir, name, NULL, owner, makedev(major, minor));
	if (mknodat(dir, name, owner->mode, makedev(major, minor)))
		return -errno;
	return or_remove(own_name(folder, dir, name, owner, 0), dir, name, 0);
}

int folder_link(struct folder *folder, int object, int dir, const char *name)
{
	struct object_path path = path_of(object);

	return name_ok(name) ? result(linkat(AT_FDCWD, path.text, dir, name, AT_SYMLINK_FOLLOW)) : -EINVAL;
}

int folder_unlink(struct folder *folder, int dir, const char *name, bool directory)
{
	return name_ok(name) ? result(unlinkat(dir, name, directory ? AT_REMOVEDIR : 0)) : -EINVAL;
}

int folder_rename(struct folder *folder, int from, const char *old_name, int to, const char *new_name)
{
	return name_ok(old_name) && name_ok(new_name) ? result(renameat(from, old_name, to, new_name)) : -EINVAL;
}

int folder_readlink(struct folder *folder, int object, char *to, size_t room)
{
	struct stat st;
	int fd;
	ssize_t size;

	if (folder->model != FOLDER_MAPPED)
		return result((int)readlinkat(object, "", to, room));
	if (folder_stat(folder, object, &st) < 0 || !S_ISLNK(st.st_mode))
		return -EINVAL;
	fd = folder_reopen(folder, object, O_RDONLY);
	if (fd < 0)
		return fd == -ENXIO ? result((int)readlinkat(object, "", to, room)) : fd;
	size = read(fd, to, MIN(room, LINK_BYTES_MAX));
	close(fd);
	return result((int)size);
}

static int change_owner(struct folder *folder, int object, const struct folder_change *c)
{
	int status = 0;

	if (folder->model == FOLDER_MAPPED) {
		if (c->valid & CHANGE_UID)
			status = mapped_set(object, "uid", c->uid, 4);
		return status < 0 || !(c->valid & CHANGE_GID) ? status : mapped_set(object, "gid", c->gid, 4);
	}
	status = result(fchownat(object, "", c->valid & CHANGE_UID ? c->uid : (uid_t)-1,
				 c->valid & CHANGE_GID ? c->gid : (gid_t)-1, AT_EMPTY_PATH));
	return folder->model == FOLDER_NONE ? 0 : status;
}

static int change_times(int object, const struct folder_change *c)
{
	struct object_path path = path_of(object);
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};

	if (c->valid & CHANGE_ATIME)
		times[0] = c->valid & CHANGE_ATIME_SET ? (struct timespec){(time_t)c->atime_s, (long)c->atime_ns} :
							 (struct timespec){.tv_nsec = UTIME_NOW};
	if (c->valid & CHANGE_MTIME)
		times[1] = c->valid & CHANGE_MTIME_SET ? (struct timespec){(time_t)c->mtime_s, (long)c->mtime_ns} :
							 (struct timespec){.tv_nsec = UTIME_NOW};
	return result(utimensat(AT_FDCWD, path.text, times, 0));
}

static int change_mode(struct folder *folder, int object, u32 mode)
{
	struct object_path path = path_of(object);
	struct stat st;

	if (folder->model != FOLDER_MAPPED)
		return result(chmod(path.text, mode & 07777));
	if (folder_stat(folder, object, &st) < 0)
		return -EIO;
	return mapped_set(object, "mode", (st.st_mode & S_IFMT) | (mode & 07777), 4);
}

int folder_change(struct folder *folder, int object, int opened, const struct folder_change *c)
{
	struct object_path path = path_of(object);
	struct stat st;
	int status = 0;

	if (fstatat(object, "", &st, AT_EMPTY_PATH))
		return -errno;
	if (c->valid & CHANGE_MODE)
		status = change_mode(folder, object, c->mode);
	if (status >= 0 && (c->valid & (CHANGE_UID | CHANGE_GID)))
		status = change_owner(folder, object, c);
	if (status >= 0 && (c->valid & CHANGE_SIZE))
		/* Who has it open for writing may, whatever its mode has become. */
		status = !S_ISREG(st.st_mode) ? -EINVAL :
			 opened >= 0 && !ftruncate(opened, (off_t)c->size) ?
						0 :
						result(truncate(path.text, (off_t)c->size));
	if (status >= 0 && (c->valid & (CHANGE_ATIME | CHANGE_MTIME)))
		status = change_times(object, c);
	return status;
}

ssize_t folder_entries(struct folder *folder, int opened, u64 offset, void *to, size_t room)
{
	ssize_t got;

	if (lseek(opened, (off_t)offset, SEEK_SET) < 0)
		return -errno;
	got = syscall(SYS_getdents64, opened, to, room);
	if (got < 0)
		return -errno;
	/* A file may stand for something else. */
	for (ssize_t at = 0; folder->model == FOLDER_MAPPED && at < got;) {
		struct dirent64 *entry = (struct dirent64 *)((u8 *)to + at);

		if (entry->d_type == DT_REG)
			entry->d_type = DT_UNKNOWN;
		at += entry->d_reclen;
	}
	return got;
}

/* --- Extended attributes --- */

#define ACL_PREFIX "system.posix_acl_"

static bool starts_with(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* The host's name of what the guest calls `name`. In the mapped model the guest's access lists are kept beside, as its
 * owners and modes are, and what else the host's kernel goes by (security., trusted.) is none of the guest's. 0, or an
 * error. */
static int host_name(const struct folder *folder, const char *name, char to[320])
{
	bool is_mapped = folder->model == FOLDER_MAPPED, is_acl = starts_with(name, ACL_PREFIX);

	strcpy(to, is_mapped && is_acl ? MAPPED_PREFIX : "");
	strncat(to, name, 300);
	if (!is_mapped || is_acl)
		return 0;
	if (!starts_with(name, "user."))
		return -EOPNOTSUPP;
	return starts_with(name, MAPPED_PREFIX) ? -EACCES : 0;
}

/* The reverse, for a list: NULL: the guest does not see it. */
static const char *guest_name(const struct folder *folder, const char *name)
{
	if (folder->model != FOLDER_MAPPED)
		return name;
	if (starts_with(name, MAPPED_PREFIX ACL_PREFIX))
		return name + strlen(MAPPED_PREFIX);
	return starts_with(name, "user.") && !starts_with(name, MAPPED_PREFIX) ? name : NULL;
}

ssize_t folder_xattr_get(struct folder *folder, int object, const char *name, void *to, size_t room)
{
	struct object_path path = path_of(object);
	char word[320];
	int status = host_name(folder, name, word);
	ssize_t size;

	if (status < 0)
		return status == -EACCES ? -ENODATA : status;
	size = getxattr(path.text, word, to, room);
	return size < 0 ? -errno : size;
}

ssize_t folder_xattr_list(struct folder *folder, int object, char *to, size_t room)
{
	struct object_path path = path_of(object);
	ssize_t size = listxattr(path.text, to, room), kept = 0;

	if (size < 0)
		return -errno;
	for (ssize_t at = 0, length; at < size; at += length) {
		const char *name;
		size_t bytes;

		length = (ssize_t)strnlen(to + at, (size_t)(size - at)) + 1;
		name = at + length > size ? NULL : guest_name(folder, to + at);
		if (!name)
			continue;
		bytes = strlen(name) + 1;
		memmove(to + kept, name, bytes);
		kept += (ssize_t)bytes;
	}
	return kept;
}

int folder_xattr_set(struct folder *folder, int object, const char *name, const void *value, size_t size, int flags)
{
	struct object_path path = path_of(object);
	bool is_acl = starts_with(name, ACL_PREFIX);
	char word[320];
	int status = host_name(folder, name, word);

	if (status < 0)
		return status;
	if (size || (!is_acl && flags != XATTR_REPLACE))
		return result(setxattr(path.text, word, value, size, flags));
	status = result(removexattr(path.text, word));
	return is_acl && status == -ENODATA ? 0 : status;
}
