/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P2000.L server. See p9.h and folder.h.
 *
 * The guest is hostile: a message's length is checked once, before dispatch; fields are taken by a reader that cannot
 * pass its end, answers are made by a writer likewise; fids, names, attributes and messages are bounded. A handler
 * returns 0 or a Linux error number; what it wrote is then thrown away and Rlerror sent.
 *
 * A fid is a number of the client's for an object: an O_PATH descriptor, and once opened a second one. An extended
 * attribute is read and written through a fid of its own, which holds the value.
 */
#include "virtio/p9.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/trace.h"

#define NO_FID 0xffffffffu
#define DESCRIPTORS_MAX 262144
#define BUCKETS 4096
#define WALK_MAX 16
#define XATTR_MAX 65536
#define XATTRS_MAX (16 * MiB) /* of all fids together */
#define NAME_ROOM 256
#define TARGET_ROOM 4096
#define QID_DIRECTORY 0x80
#define QID_SYMLINK 0x02
#define GETATTR_BASIC 0x7ff
#define V9FS_MAGIC 0x01021997
#define LOCK_UNLOCKED 2
#define UNLINK_DIRECTORY 0x200

/* Types of requests; the answer's is one more. */
enum {
	RLERROR = 7,
	TSTATFS = 8,
	TLOPEN = 12,
	TLCREATE = 14,
	TSYMLINK = 16,
	TMKNOD = 18,
	TRENAME = 20,
	TREADLINK = 22,
	TGETATTR = 24,
	TSETATTR = 26,
	TXATTRWALK = 30,
	TXATTRCREATE = 32,
	TREADDIR = 40,
	TFSYNC = 50,
	TLOCK = 52,
	TGETLOCK = 54,
	TLINK = 70,
	TMKDIR = 72,
	TRENAMEAT = 74,
	TUNLINKAT = 76,
	TVERSION = 100,
	TAUTH = 102,
	TATTACH = 104,
	TFLUSH = 108,
	TWALK = 110,
	TREAD = 116,
	TWRITE = 118,
	TCLUNK = 120,
	TREMOVE = 122,
};

struct fid {
	struct fid *next;
	u32 number, uid;
	int object, opened; /* opened: -1 */
	/* an extended attribute instead of an object's content */
	u8 *xattr;
	size_t xattr_size, xattr_done;
	char *xattr_name; /* to be set at the end; NULL: one that is read */
	int xattr_flags;
};

struct p9 {
	struct folder *folder;
	struct fid *buckets[BUCKETS];
	unsigned fid_count;
	unsigned descriptors, descriptors_max; /* held by fids */
	size_t xattr_bytes;                    /* likewise */
	u32 msize;
};

/* --- Fields --- */

struct reader {
	const u8 *at;
	size_t left;
	bool bad; /* a field passed the end: the message is malformed */
};

static u64 get(struct reader *r, unsigned size)
{
	u64 value;

	if (r->left < size) {
		r->bad = true;
		return 0;
	}
	value = load_le(r->at, size);
	r->at += size;
	r->left -= size;
	return value;
}

/* A string without a NUL in it, into `room` bytes; longer ones are malformed. */
static void get_string(struct reader *r, char *to, size_t room)
{
	size_t size = get(r, 2);

	*to = 0;
	if (r->bad || size > r->left || size >= room || memchr(r->at, 0, size)) {
		r->bad = true;
		return;
	}
	memcpy(to, r->at, size);
	to[size] = 0;
	r->at += size;
	r->left -= size;
}

struct writer {
	u8 *start;
	size_t used, room;
	bool full;
};

static void put(struct writer *w, u64 value, unsigned size)
{
	if (w->room - w->used < size) {
		w->full = true;
		return;
	}
	store_le(w->start + w->used, size, value);
	w->used += size;
}

static void put_bytes(struct writer *w, const void *bytes, size_t size)
{
	if (w->room - w->used < size) {
		w->full = true;
		return;
	}
	memcpy(w->start + w->used, bytes, size);
	w->used += size;
}

static void put_string(struct writer *w, const char *text)
{
	put(w, strlen(text), 2);
	put_bytes(w, text, strlen(text));
}

/* Files of several host file systems may have one number: the device is mixed in. */
static u64 qid_path(u64 inode, dev_t device)
{
	return inode ^ (u64)device << 48;
}

static void put_qid(struct writer *w, const struct stat *st)
{
	put(w, S_ISDIR(st->st_mode) ? QID_DIRECTORY : S_ISLNK(st->st_mode) ? QID_SYMLINK : 0, 1);
	put(w, (u64)st->st_mtim.tv_sec ^ (u64)st->st_size << 8, 4);
	put(w, qid_path(st->st_ino, st->st_dev), 8);
}

/* --- Fids --- */

static struct fid *fid_find(struct p9 *p9, u64 number)
{
	struct fid *fid = p9->buckets[number % BUCKETS];

	while (fid && fid->number != number)
		fid = fid->next;
	return fid;
}

/* Whether fids may have one more. */
static bool has_descriptor(const struct p9 *p9)
{
	return p9->descriptors < p9->descriptors_max;
}

/* A fid of this number for the object, which is its from now on; an error closes it. */
static int fid_add(struct p9 *p9, u32 number, int object, u32 uid, struct fid **made)
{
	struct fid *fid;

	if (number == NO_FID || fid_find(p9, number) || !has_descriptor(p9)) {
		close(object);
		return has_descriptor(p9) ? EBADF : EMFILE;
	}
	fid = calloc(1, sizeof(*fid));
	assert(fid);
	*fid = (struct fid){
		.next = p9->buckets[number % BUCKETS], .number = number, .uid = uid, .object = object, .opened = -1};
	p9->buckets[number % BUCKETS] = fid;
	p9->fid_count++;
	p9->descriptors++;
	if (made)
		*made = fid;
	return 0;
}

static void fid_remove(struct p9 *p9, struct fid *fid)
{
	struct fid **link = &p9->buckets[fid->number % BUCKETS];

	while (*link != fid)
		link = &(*link)->next;
	*link = fid->next;
	p9->fid_count--;
	p9->xattr_bytes -= fid->xattr ? fid->xattr_size : 0;
	close(fid->object);
	if (fid->opened >= 0)
		close(fid->opened);
	p9->descriptors -= fid->opened >= 0 ? 2 : 1;
	free(fid->xattr);
	free(fid->xattr_name);
	free(fid);
}

static void fid_open(struct p9 *p9, struct fid *fid, int fd)
{
	fid->opened = fd;
	p9->descriptors++;
}

void p9_reset(struct p9 *p9)
{
	for (unsigned i = 0; i < BUCKETS && p9->fid_count; i++)
		while (p9->buckets[i])
			fid_remove(p9, p9->buckets[i]);
}

/* --- Messages --- */

struct request {
	struct p9 *p9;
	struct folder *folder;
	struct reader in;
	struct writer out;
	struct fid *fid; /* of the first field, if its row says that there is one */
};

static int handle_version(struct request *r)
{
	char version[NAME_ROOM];
	u32 msize = (u32)get(&r->in, 4);

	get_string(&r->in, version, sizeof(version));
	if (r->in.bad || msize < P9_MSIZE_MIN)
		return EINVAL;
	p9_reset(r->p9);
	r->p9->msize = MIN(msize, P9_MSIZE_MAX);
	put(&r->out, r->p9->msize, 4);
	put_string(&r->out, !strcmp(version, "9P2000.L") ? version : "unknown");
	return 0;
}

static int handle_auth(struct request *r)
{
	return EOPNOTSUPP;
}

static int handle_attach(struct request *r)
{
	u32 number = (u32)get(&r->in, 4), auth = (u32)get(&r->in, 4), uid;
	char name[NAME_ROOM], tree[TARGET_ROOM];
	struct stat st;
	int object, error;

	get_string(&r->in, name, sizeof(name));
	get_string(&r->in, tree, sizeof(tree));
	uid = (u32)get(&r->in, 4);
	if (r->in.bad || auth != NO_FID)
		return EINVAL;
	object = fcntl(r->folder->fd, F_DUPFD_CLOEXEC, 0);
	if (object < 0)
		return errno;
	if (folder_stat(r->folder, object, &st) < 0) {
		close(object);
		return EIO;
	}
	error = fid_add(r->p9, number, object, uid, NULL);
	put_qid(&r->out, &st);
	return error;
}

static int handle_flush(struct request *r)
{
	return 0; /* requests are carried out one after the other: there is none under way */
}

/* All of the names, or a shorter list and no new fid; the first must be there. */
static int handle_walk(struct request *r)
{
	u32 number = (u32)get(&r->in, 4), count = (u32)get(&r->in, 2), walked = 0;
	size_t count_at = r->out.used;
	int at = fcntl(r->fid->object, F_DUPFD_CLOEXEC, 0), error = 0;

	if (at < 0)
		return errno;
	put(&r->out, 0, 2);
	for (; walked < count && walked < WALK_MAX; walked++) {
		char name[NAME_ROOM];
		struct stat st;
		int next;

		get_string(&r->in, name, sizeof(name));
		next = r->in.bad ? -EINVAL : folder_walk(r->folder, at, name);
		if (next < 0) {
			error = -next;
			break;
		}
		close(at);
		at = next;
		if (folder_stat(r->folder, at, &st) < 0) {
			error = EIO;
			break;
		}
		put_qid(&r->out, &st);
	}
	if (r->in.bad || count > WALK_MAX || r->fid->xattr || (error && !walked) || r->out.full) {
		close(at);
		return error ? error : EINVAL;
	}
	store_le(r->out.start + count_at, 2, walked);
	if (walked < count) {
		close(at);
		return 0;
	}
	if (number == r->fid->number) {
		if (r->fid->opened >= 0) {
			close(at);
			return EBUSY;
		}
		close(r->fid->object);
		r->fid->object = at;
		return 0;
	}
	return fid_add(r->p9, number, at, r->fid->uid, NULL);
}

static int handle_getattr(struct request *r)
{
	struct stat st;
	int status = folder_stat(r->folder, r->fid->object, &st);

	if (status < 0)
		return -status;
	put(&r->out, GETATTR_BASIC, 8);
	put_qid(&r->out, &st);
	put(&r->out, st.st_mode, 4);
	put(&r->out, st.st_uid, 4);
	put(&r->out, st.st_gid, 4);
	put(&r->out, st.st_nlink, 8);
	put(&r->out, st.st_rdev, 8);
	put(&r->out, (u64)st.st_size, 8);
	put(&r->out, (u64)st.st_blksize, 8);
	put(&r->out, (u64)st.st_blocks, 8);
	for (unsigned i = 0; i < 4; i++) { /* access, modification, change; birth is not told */
		struct timespec none = {0}, *t = i == 0 ? &st.st_atim :
						 i == 1 ? &st.st_mtim :
						 i == 2 ? &st.st_ctim :
							  &none;

		put(&r->out, (u64)t->tv_sec, 8);
		put(&r->out, (u64)t->tv_nsec, 8);
	}
	put(&r->out, 0, 8); /* generation */
	put(&r->out, 0, 8); /* data version */
	return 0;
}

static int handle_setattr(struct request *r)
{
	struct folder_change c = {.valid = (u32)get(&r->in, 4),
				  .mode = (u32)get(&r->in, 4),
				  .uid = (u32)get(&r->in, 4),
				  .gid = (u32)get(&r->in, 4),
				  .size = get(&r->in, 8),
				  .atime_s = get(&r->in, 8),
				  .atime_ns = get(&r->in, 8),
				  .mtime_s = get(&r->in, 8),
				  .mtime_ns = get(&r->in, 8)};

	return r->in.bad ? EINVAL : -folder_change(r->folder, r->fid->object, r->fid->opened, &c);
}

static int handle_statfs(struct request *r)
{
	struct statfs s;

	if (fstatfs(r->fid->object, &s))
		return errno;
	put(&r->out, V9FS_MAGIC, 4);
	put(&r->out, (u64)s.f_bsize, 4);
	put(&r->out, s.f_blocks, 8);
	put(&r->out, s.f_bfree, 8);
	put(&r->out, s.f_bavail, 8);
	put(&r->out, s.f_files, 8);
	put(&r->out, s.f_ffree, 8);
	put(&r->out, (u32)s.f_fsid.__val[0] | (u64)s.f_fsid.__val[1] << 32, 8);
	put(&r->out, 255, 4);
	return 0;
}

/* What one read or write moves at most. */
static u32 iounit(const struct p9 *p9)
{
	return p9->msize - 24;
}

static int put_opened(struct request *r)
{
	struct stat st;

	if (folder_stat(r->folder, r->fid->object, &st) < 0)
		return EIO;
	put_qid(&r->out, &st);
	put(&r->out, iounit(r->p9), 4);
	return 0;
}

static int handle_lopen(struct request *r)
{
	int flags = (int)get(&r->in, 4), fd;

	if (r->in.bad || r->fid->xattr)
		return EINVAL;
	if (r->fid->opened >= 0)
		return EBUSY;
	if (!has_descriptor(r->p9))
		return EMFILE;
	fd = folder_reopen(r->folder, r->fid->object, flags);
	if (fd < 0)
		return -fd;
	fid_open(r->p9, r->fid, fd);
	return put_opened(r);
}

/* The fid is the folder before, and the new file afterwards. */
static int handle_lcreate(struct request *r)
{
	struct folder_owner owner = {.uid = r->fid->uid};
	char name[NAME_ROOM];
	int flags, fd, object;

	get_string(&r->in, name, sizeof(name));
	flags = (int)get(&r->in, 4);
	owner.mode = (u32)get(&r->in, 4);
	owner.gid = (u32)get(&r->in, 4);
	if (r->in.bad)
		return EINVAL;
	if (r->fid->opened >= 0)
		return EBUSY;
	if (!has_descriptor(r->p9))
		return EMFILE;
	fd = folder_create(r->folder, r->fid->object, name, flags, &owner);
	if (fd < 0)
		return -fd;
	object = folder_walk(r->folder, r->fid->object, name);
	if (object < 0) {
		close(fd);
		return -object;
	}
	close(r->fid->object);
	r->fid->object = object;
	fid_open(r->p9, r->fid, fd);
	return put_opened(r);
}

/* The answer of what makes a name: the qid of what is there now. */
static int put_made(struct request *r, int status, const char *name)
{
	struct stat st;
	int object;

	if (status < 0)
		return -status;
	object = folder_walk(r->folder, r->fid->object, name);
	if (object < 0)
		return -object;
	status = folder_stat(r->folder, object, &st);
	close(object);
	put_qid(&r->out, &st);
	return -status;
}

static int handle_mkdir(struct request *r)
{
	struct folder_owner owner = {.uid = r->fid->uid};
	char name[NAME_ROOM];

	get_string(&r->in, name, sizeof(name));
	owner.mode = (u32)get(&r->in, 4);
	owner.gid = (u32)get(&r->in, 4);
	return r->in.bad ? EINVAL : put_made(r, folder_mkdir(r->folder, r->fid->object, name, &owner), name);
}

static int handle_symlink(struct request *r)
{
	struct folder_owner owner = {.uid = r->fid->uid};
	char name[NAME_ROOM], target[TARGET_ROOM];

	get_string(&r->in, name, sizeof(name));
	get_string(&r->in, target, sizeof(target));
	owner.gid = (u32)get(&r->in, 4);
	return r->in.bad ? EINVAL : put_made(r, folder_symlink(r->folder, r->fid->object, name, target, &owner), name);
}

static int handle_mknod(struct request *r)
{
	struct folder_owner owner = {.uid = r->fid->uid};
	char name[NAME_ROOM];
	u32 major, minor;

	get_string(&r->in, name, sizeof(name));
	owner.mode = (u32)get(&r->in, 4);
	major = (u32)get(&r->in, 4);
	minor = (u32)get(&r->in, 4);
	owner.gid = (u32)get(&r->in, 4);
	return r->in.bad ? EINVAL :
			   put_made(r, folder_mknod(r->folder, r->fid->object, name, major, minor, &owner), name);
}

static int handle_link(struct request *r)
{
	struct fid *to = fid_find(r->p9, get(&r->in, 4));
	char name[NAME_ROOM];

	get_string(&r->in, name, sizeof(name));
	return r->in.bad ? EINVAL : !to ? EBADF : -folder_link(r->folder, to->object, r->fid->object, name);
}

static int handle_readlink(struct request *r)
{
	char target[TARGET_ROOM];
	int size = folder_readlink(r->folder, r->fid->object, target, sizeof(target) - 1);

	if (size < 0)
		return -size;
	target[size] = 0;
	put_string(&r->out, target);
	return 0;
}

static int handle_renameat(struct request *r)
{
	char old_name[NAME_ROOM], new_name[NAME_ROOM];
	struct fid *to;

	get_string(&r->in, old_name, sizeof(old_name));
	to = fid_find(r->p9, get(&r->in, 4));
	get_string(&r->in, new_name, sizeof(new_name));
	return r->in.bad ? EINVAL :
	       !to       ? EBADF :
			   -folder_rename(r->folder, r->fid->object, old_name, to->object, new_name);
}

static int handle_unlinkat(struct request *r)
{
	char name[NAME_ROOM];
	u32 flags;

	get_string(&r->in, name, sizeof(name));
	flags = (u32)get(&r->in, 4);
	return r->in.bad ? EINVAL : -folder_unlink(r->folder, r->fid->object, name, flags & UNLINK_DIRECTORY);
}

static int handle_read(struct request *r)
{
	u64 offset = get(&r->in, 8);
	u32 count = (u32)get(&r->in, 4);
	size_t room = r->out.room - r->out.used;
	u8 *to = r->out.start + r->out.used + 4;
	ssize_t got;

	if (r->in.bad || room < 4)
		return EINVAL;
	count = (u32)MIN(count, room - 4);
	if (r->fid->xattr) {
		if (offset > r->fid->xattr_size)
			return EINVAL;
		got = (ssize_t)MIN(count, r->fid->xattr_size - offset);
		memcpy(to, r->fid->xattr + offset, (size_t)got);
	} else {
		if (r->fid->opened < 0)
			return EBADF;
		got = pread(r->fid->opened, to, count, (off_t)offset);
		if (got < 0)
			return errno;
	}
	put(&r->out, (u64)got, 4);
	r->out.used += (size_t)got;
	return 0;
}

static int handle_write(struct request *r)
{
	u64 offset = get(&r->in, 8);
	u32 count = (u32)get(&r->in, 4);
	ssize_t done;

	if (r->in.bad || count > r->in.left)
		return EINVAL;
	if (r->fid->xattr_name) {
		if (offset != r->fid->xattr_done || count > r->fid->xattr_size - r->fid->xattr_done)
			return EINVAL;
		memcpy(r->fid->xattr + offset, r->in.at, count);
		r->fid->xattr_done += count;
		done = count;
	} else {
		if (r->fid->opened < 0)
			return EBADF;
		done = pwrite(r->fid->opened, r->in.at, count, (off_t)offset);
		if (done < 0)
			return errno;
	}
	put(&r->out, (u64)done, 4);
	return 0;
}

/* Entries as the kernel gives them: qid, place of the next, type, name. As many as fit, whole. */
static int handle_readdir(struct request *r)
{
	u64 offset = get(&r->in, 8);
	u32 count = (u32)get(&r->in, 4);
	size_t count_at = r->out.used, end, start;
	_Alignas(struct dirent64) char raw[16384];
	struct stat st;
	ssize_t got;

	if (r->in.bad || r->fid->xattr)
		return EINVAL;
	if (r->fid->opened < 0)
		return EBADF;
	if (fstat(r->fid->opened, &st))
		return errno;
	put(&r->out, 0, 4);
	start = r->out.used;
	end = start + MIN(count, r->out.room - start);
	got = folder_entries(r->folder, r->fid->opened, offset, raw, MIN(sizeof(raw), MAX(end - start, 280)));
	if (got < 0)
		return (int)-got;
	for (ssize_t at = 0; at < got;) {
		const struct dirent64 *entry = (const struct dirent64 *)(raw + at);
		size_t name = strlen(entry->d_name);

		at += entry->d_reclen;
		if (r->out.used + 13 + 8 + 1 + 2 + name > end)
			break;
		put(&r->out, entry->d_type == DT_DIR ? QID_DIRECTORY : entry->d_type == DT_LNK ? QID_SYMLINK : 0, 1);
		put(&r->out, 0, 4);
		put(&r->out, qid_path(entry->d_ino, st.st_dev), 8);
		put(&r->out, (u64)entry->d_off, 8);
		put(&r->out, entry->d_type, 1);
		put_string(&r->out, entry->d_name);
	}
	if (got && r->out.used == start)
		return EINVAL; /* not one fits: the client would take it for the end */
	store_le(r->out.start + count_at, 4, r->out.used - start);
	return 0;
}

static int handle_fsync(struct request *r)
{
	bool data_only = r->in.left >= 4 && get(&r->in, 4);

	if (r->fid->opened < 0)
		return EBADF;
	return (data_only ? fdatasync(r->fid->opened) : fsync(r->fid->opened)) ? errno : 0;
}

/* One client has the export: its locks are its kernel's, and always granted here. */
static int handle_lock(struct request *r)
{
	put(&r->out, 0, 1);
	return 0;
}

static int handle_getlock(struct request *r)
{
	u64 start, length;
	u32 process;
	char client[NAME_ROOM];

	get(&r->in, 1);
	start = get(&r->in, 8);
	length = get(&r->in, 8);
	process = (u32)get(&r->in, 4);
	get_string(&r->in, client, sizeof(client));
	if (r->in.bad)
		return EINVAL;
	put(&r->out, LOCK_UNLOCKED, 1);
	put(&r->out, start, 8);
	put(&r->out, length, 8);
	put(&r->out, process, 4);
	put_string(&r->out, client);
	return 0;
}

/* A fid for an attribute's value, or without a name for the list of attributes. */
static int handle_xattrwalk(struct request *r)
{
	u32 number = (u32)get(&r->in, 4);
	char name[NAME_ROOM];
	struct fid *fid;
	u8 *value;
	ssize_t size;
	int object, error;

	get_string(&r->in, name, sizeof(name));
	if (r->in.bad)
		return EINVAL;
	value = malloc(XATTR_MAX);
	assert(value);
	size = *name ? folder_xattr_get(r->folder, r->fid->object, name, value, XATTR_MAX) :
		       folder_xattr_list(r->folder, r->fid->object, (char *)value, XATTR_MAX);
	object = size < 0 ? (int)size : fcntl(r->fid->object, F_DUPFD_CLOEXEC, 0);
	if (object < 0) {
		free(value);
		return size < 0 ? (int)-size : errno;
	}
	error = (size_t)size > XATTRS_MAX - r->p9->xattr_bytes ? (close(object), ENOSPC) :
								 fid_add(r->p9, number, object, r->fid->uid, &fid);
	if (error) {
		free(value);
		return error;
	}
	fid->xattr = realloc(value, MAX((size_t)size, 1));
	assert(fid->xattr);
	fid->xattr_size = (size_t)size;
	r->p9->xattr_bytes += (size_t)size;
	put(&r->out, (u64)size, 8);
	return 0;
}

static int handle_xattrcreate(struct request *r)
{
	char name[NAME_ROOM];
	u64 size;
	u32 flags;

	get_string(&r->in, name, sizeof(name));
	size = get(&r->in, 8);
	flags = (u32)get(&r->in, 4);
	if (r->in.bad || !*name || r->fid->xattr || r->fid->opened >= 0 || flags > 2)
		return EINVAL;
	if (size > XATTR_MAX)
		return E2BIG;
	if (size > XATTRS_MAX - r->p9->xattr_bytes)
		return ENOSPC;
	r->fid->xattr = calloc(1, MAX(size, 1));
	r->fid->xattr_name = strdup(name);
	assert(r->fid->xattr && r->fid->xattr_name);
	r->fid->xattr_size = size;
	r->p9->xattr_bytes += size;
	r->fid->xattr_flags = (int)flags;
	return 0;
}

/* The end of a fid; an attribute that was written is set now. */
static int handle_clunk(struct request *r)
{
	struct fid *fid = r->fid;
	int error = 0;

	if (fid->xattr_name)
		error = fid->xattr_done != fid->xattr_size ?
				EINVAL :
				-folder_xattr_set(r->folder, fid->object, fid->xattr_name, fid->xattr, fid->xattr_size,
						  fid->xattr_flags);
	fid_remove(r->p9, fid);
	return error;
}

/* By folder and name instead (Tunlinkat), as Linux does if this fails. The fid is gone in any case. */
static int handle_remove(struct request *r)
{
	fid_remove(r->p9, r->fid);
	return EOPNOTSUPP;
}

static int handle_rename(struct request *r)
{
	return EOPNOTSUPP; /* Trenameat is */
}

/* Every request: the least bytes of its fields, whether the first is a fid that must be there, whether it changes the
 * export. */
static const struct message {
	u8 type;
	const char *name;
	u8 bytes;
	bool fid, writes;
	int (*handle)(struct request *r);
} messages[] = {
	{TSTATFS, "statfs", 4, true, false, handle_statfs},
	{TLOPEN, "lopen", 8, true, false, handle_lopen},
	{TLCREATE, "lcreate", 18, true, true, handle_lcreate},
	{TSYMLINK, "symlink", 12, true, true, handle_symlink},
	{TMKNOD, "mknod", 22, true, true, handle_mknod},
	{TRENAME, "rename", 10, true, true, handle_rename},
	{TREADLINK, "readlink", 4, true, false, handle_readlink},
	{TGETATTR, "getattr", 12, true, false, handle_getattr},
	{TSETATTR, "setattr", 60, true, true, handle_setattr},
	{TXATTRWALK, "xattrwalk", 10, true, false, handle_xattrwalk},
	{TXATTRCREATE, "xattrcreate", 18, true, true, handle_xattrcreate},
	{TREADDIR, "readdir", 16, true, false, handle_readdir},
	{TFSYNC, "fsync", 4, true, false, handle_fsync},
	{TLOCK, "lock", 31, true, false, handle_lock},
	{TGETLOCK, "getlock", 27, true, false, handle_getlock},
	{TLINK, "link", 10, true, true, handle_link},
	{TMKDIR, "mkdir", 14, true, true, handle_mkdir},
	{TRENAMEAT, "renameat", 12, true, true, handle_renameat},
	{TUNLINKAT, "unlinkat", 10, true, true, handle_unlinkat},
	{TVERSION, "version", 6, false, false, handle_version},
	{TAUTH, "auth", 12, false, false, handle_auth},
	{TATTACH, "attach", 16, false, false, handle_attach},
	{TFLUSH, "flush", 2, false, false, handle_flush},
	{TWALK, "walk", 10, true, false, handle_walk},
	{TREAD, "read", 16, true, false, handle_read},
	{TWRITE, "write", 16, true, true, handle_write},
	{TCLUNK, "clunk", 4, true, false, handle_clunk},
	{TREMOVE, "remove", 4, true, true, handle_remove},
};

static int dispatch(struct request *r, u8 type)
{
	const struct message *m = NULL;

	for (unsigned i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].type == type)
			m = &messages[i];
	if (!m) {
		trace(UNIMP, "9p: message of type %u", type);
		return EOPNOTSUPP;
	}
	if (r->in.left < m->bytes)
		return EINVAL;
	if (m->fid && !(r->fid = fid_find(r->p9, get(&r->in, 4))))
		return EBADF;
	/* Removing ends the fid even if it is not allowed. */
	return m->writes && r->folder->readonly && type != TREMOVE ? EROFS : m->handle(r);
}

size_t p9_refuse(const u8 *in, size_t size, u8 *out, size_t room, int error)
{
	if (size < P9_HEADER || room < P9_HEADER + 4)
		return 0;
	store_le(out, 4, P9_HEADER + 4);
	out[4] = RLERROR;
	memcpy(out + 5, in + 5, 2);
	store_le(out + P9_HEADER, 4, (u64)error);
	return P9_HEADER + 4;
}

size_t p9_request(struct p9 *p9, const u8 *in, size_t size, u8 *out, size_t room)
{
	struct request r = {.p9 = p9,
			    .folder = p9->folder,
			    .in = {.at = in + P9_HEADER},
			    .out = {.start = out, .used = P9_HEADER, .room = MIN(room, p9->msize)}};
	u64 declared;
	u8 type;
	int error;

	if (size < P9_HEADER || room < P9_HEADER + 4)
		return 0;
	type = in[4];
	declared = load_le(in, 4);
	if (declared < P9_HEADER || declared > MIN(size, p9->msize)) {
		error = EMSGSIZE;
	} else {
		r.in.left = declared - P9_HEADER;
		error = dispatch(&r, type);
	}
	if (!error && r.out.full)
		error = ENOBUFS;
	trace(VIRTIO, "9p: message %u of %zu bytes: error %d", type, size, error);
	if (error)
		return p9_refuse(in, size, out, room, error);
	store_le(out, 4, r.out.used);
	out[4] = (u8)(type + 1);
	memcpy(out + 5, in + 5, 2);
	return r.out.used;
}

struct p9 *p9_create(struct folder *folder)
{
	struct p9 *p9 = calloc(1, sizeof(*p9));
	struct rlimit files;

	assert(p9);
	p9->folder = folder;
	/* Half of the process's are for others. */
	p9->descriptors_max =
		getrlimit(RLIMIT_NOFILE, &files) ? 512 : (unsigned)MIN(DESCRIPTORS_MAX, files.rlim_cur / 2);
	p9->msize = P9_MSIZE_MAX;
	return p9;
}

void p9_destroy(struct p9 *p9)
{
	if (p9)
		p9_reset(p9);
	free(p9);
}
