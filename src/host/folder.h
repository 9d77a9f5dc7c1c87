/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A folder of the host that a guest sees. Everything goes by file descriptors: an object is an O_PATH descriptor that
 * was reached from the folder one name at a time, never through a link, so what a guest makes there leads nowhere else.
 * Functions return 0 or more, or a negative error number of Linux, which is what 9P2000.L carries. Any thread, one at a
 * time.
 */
#ifndef HOST_FOLDER_H
#define HOST_FOLDER_H

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/types.h"

/* Whose files they are: the guest's ids and modes as they are (passthrough), as far as the host lets us (none), or kept
 * in extended attributes, as QEMU does (mapped-xattr). */
enum folder_model { FOLDER_NONE, FOLDER_PASSTHROUGH, FOLDER_MAPPED };

struct folder {
	int fd;
	enum folder_model model;
	bool readonly, one_device;
};

/* Who makes an object, and with which mode. */
struct folder_owner {
	u32 mode, uid, gid;
};

/* What setattr changes: bits of `valid` as in the protocol. */
#define CHANGE_MODE 0x001
#define CHANGE_UID 0x002
#define CHANGE_GID 0x004
#define CHANGE_SIZE 0x008
#define CHANGE_ATIME 0x010
#define CHANGE_MTIME 0x020
#define CHANGE_CTIME 0x040
#define CHANGE_ATIME_SET 0x080
#define CHANGE_MTIME_SET 0x100
struct folder_change {
	u32 valid, mode, uid, gid;
	u64 size, atime_s, atime_ns, mtime_s, mtime_ns;
};

bool folder_open(struct folder *folder, const char *path, struct error *err);
void folder_close(struct folder *folder);
int folder_walk(struct folder *folder, int dir, const char *name);   /* an O_PATH descriptor */
int folder_stat(struct folder *folder, int object, struct stat *st); /* as the guest sees it */
int folder_reopen(struct folder *folder, int object, int flags);     /* files and directories only */
int folder_create(struct folder *folder, int dir, const char *name, int flags, const struct folder_owner *owner);
int folder_mkdir(struct folder *folder, int dir, const char *name, const struct folder_owner *owner);
int folder_symlink(struct folder *folder, int dir, const char *name, const char *target,
		   const struct folder_owner *owner);
int folder_mknod(struct folder *folder, int dir, const char *name, u32 major, u32 minor,
		 const struct folder_owner *owner);
int folder_link(struct folder *folder, int object, int dir, const char *name);
int folder_unlink(struct folder *folder, int dir, const char *name, bool directory);
int folder_rename(struct folder *folder, int from, const char *old_name, int to, const char *new_name);
int folder_readlink(struct folder *folder, int object, char *to, size_t room);
/* `opened`: the object's other descriptor, or -1. */
int folder_change(struct folder *folder, int object, int opened, const struct folder_change *change);
/* struct dirent64, from a place that it named; their type as the guest sees it, or DT_UNKNOWN. */
ssize_t folder_entries(struct folder *folder, int opened, u64 offset, void *to, size_t room);
/* Extended attributes; the ones that hold the mapping are not the guest's. An empty value is one, but with
 * XATTR_REPLACE, or of an access list, it removes: the protocol has no other way to say so. */
ssize_t folder_xattr_get(struct folder *folder, int object, const char *name, void *to, size_t room);
ssize_t folder_xattr_list(struct folder *folder, int object, char *to, size_t room);
int folder_xattr_set(struct folder *folder, int object, const char *name, const void *value, size_t size, int flags);

#endif
