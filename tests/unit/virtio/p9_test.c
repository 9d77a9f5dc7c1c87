/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9p server on a folder of its own: what a client may do, and that nothing gets out of the folder, whatever the
 * messages say. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "virtio/p9.h"

#define RLERROR 7
#define ROOM 65536
#define NO_FID 0xffffffffu

struct client {
	struct folder folder;
	struct p9 *p9;
	char base[64], path[80];
	u8 in[ROOM], out[ROOM];
	size_t used, got;
};

static struct client *client_new(enum folder_model model, bool readonly)
{
	struct client *c = calloc(1, sizeof(*c));
	struct error err = {{0}};

	check_openat2();
	strcpy(c->base, "/tmp/cxlvm-p9-XXXXXX");
	assert_non_null(mkdtemp(c->base));
	snprintf(c->path, sizeof(c->path), "%s/export", c->base);
	assert_int_equal(mkdir(c->path, 0700), 0);
	c->folder = (struct folder){.fd = -1, .model = model, .readonly = readonly};
	assert_true(folder_open(&c->folder, c->path, &err));
	c->p9 = p9_create(&c->folder);
	return c;
}

static void client_free(struct client *c)
{
	char command[128];

	p9_destroy(c->p9);
	folder_close(&c->folder);
	snprintf(command, sizeof(command), "rm -rf %s", c->base);
	assert_int_equal(system(command), 0);
	free(c);
}

static void begin(struct client *c)
{
	c->used = P9_HEADER;
}

static void n(struct client *c, unsigned size, u64 value)
{
	store_le(c->in + c->used, size, value);
	c->used += size;
}

static void s(struct client *c, const char *text)
{
	n(c, 2, strlen(text));
	memcpy(c->in + c->used, text, strlen(text));
	c->used += strlen(text);
}

/* Sends what was written; 0, or the error. */
static int ask(struct client *c, u8 type)
{
	store_le(c->in, 4, c->used);
	c->in[4] = type;
	store_le(c->in + 5, 2, 0x1234);
	c->got = p9_request(c->p9, c->in, c->used, c->out, ROOM);
	assert_true(c->got >= P9_HEADER);
	assert_int_equal(load_le(c->out, 4), c->got);
	assert_int_equal(load_le(c->out + 5, 2), 0x1234);
	if (c->out[4] == RLERROR) {
		assert_int_equal(c->got, P9_HEADER + 4);
		return (int)load_le(c->out + P9_HEADER, 4);
	}
	assert_int_equal(c->out[4], type + 1);
	return 0;
}

static int attach(struct client *c, u32 fid)
{
	begin(c), n(c, 4, 8192), s(c, "9P2000.L");
	assert_int_equal(ask(c, 100), 0);
	begin(c), n(c, 4, fid), n(c, 4, NO_FID), s(c, "root"), s(c, ""), n(c, 4, 0);
	return ask(c, 104);
}

static int walk(struct client *c, u32 from, u32 to, const char *name)
{
	begin(c), n(c, 4, from), n(c, 4, to), n(c, 2, name ? 1 : 0);
	if (name)
		s(c, name);
	return ask(c, 110);
}

static int create(struct client *c, u32 fid, const char *name, u32 flags)
{
	begin(c), n(c, 4, fid), s(c, name), n(c, 4, flags), n(c, 4, 0644), n(c, 4, 0);
	return ask(c, 14);
}

static int clunk(struct client *c, u32 fid)
{
	begin(c), n(c, 4, fid);
	return ask(c, 120);
}

static int put(struct client *c, u32 fid, u64 offset, const char *text)
{
	begin(c), n(c, 4, fid), n(c, 8, offset), n(c, 4, strlen(text));
	memcpy(c->in + c->used, text, strlen(text));
	c->used += strlen(text);
	return ask(c, 118);
}

static int get(struct client *c, u32 fid, u64 offset, u32 count)
{
	begin(c), n(c, 4, fid), n(c, 8, offset), n(c, 4, count);
	return ask(c, 116);
}

/* A descriptor each, a second one when it is open; half of the process's are others'. */
static void fids_are_as_many_as_the_host_allows(void **state)
{
	struct rlimit before, few;
	struct client *c;
	u32 fid = 1;

	getrlimit(RLIMIT_NOFILE, &before);
	few = (struct rlimit){400, before.rlim_max};
	c = client_new(FOLDER_NONE, false);
	p9_destroy(c->p9);
	setrlimit(RLIMIT_NOFILE, &few);
	c->p9 = p9_create(&c->folder);
	assert_int_equal(attach(c, 0), 0);
	while (walk(c, 0, fid, NULL) == 0)
		fid++;
	assert_int_equal(load_le(c->out + P9_HEADER, 4), EMFILE);
	assert_int_equal(fid, 200);
	begin(c), n(c, 4, 1), n(c, 4, O_RDONLY);
	assert_int_equal(ask(c, 12), EMFILE);
	assert_int_equal(create(c, 1, "file", O_RDWR), EMFILE);
	assert_int_equal(faccessat(c->folder.fd, "file", F_OK, 0), -1);
	assert_int_equal(clunk(c, 2), 0);
	assert_int_equal(create(c, 1, "file", O_RDWR), 0);
	assert_int_equal(walk(c, 0, 2, NULL), EMFILE);
	assert_int_equal(clunk(c, 1), 0);
	assert_int_equal(walk(c, 0, 1, NULL), 0);
	assert_int_equal(walk(c, 0, 2, NULL), 0);
	assert_int_equal(walk(c, 0, 3000, NULL), EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	client_free(c);
}

static void files_are_made_written_and_read(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);

	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(walk(c, 0, 1, NULL), 0);
	assert_int_equal(create(c, 1, "file", O_RDWR), 0);
	assert_int_equal(put(c, 1, 0, "hello, world"), 0);
	assert_int_equal(load_le(c->out + P9_HEADER, 4), 12);
	assert_int_equal(get(c, 1, 7, 100), 0);
	assert_int_equal(load_le(c->out + P9_HEADER, 4), 5);
	assert_memory_equal(c->out + P9_HEADER + 4, "world", 5);
	assert_int_equal(clunk(c, 1), 0);
	assert_int_equal(clunk(c, 1), EBADF);
	/* found again, and its size is right */
	assert_int_equal(walk(c, 0, 2, "file"), 0);
	begin(c), n(c, 4, 2), n(c, 8, ~0ull);
	assert_int_equal(ask(c, 24), 0);
	assert_int_equal(load_le(c->out + P9_HEADER + 8 + 13 + 12 + 16, 8), 12);
	/* a directory's entries */
	assert_int_equal(walk(c, 0, 3, NULL), 0);
	begin(c), n(c, 4, 3), n(c, 4, O_RDONLY | O_DIRECTORY);
	assert_int_equal(ask(c, 12), 0);
	begin(c), n(c, 4, 3), n(c, 8, 0), n(c, 4, 4096);
	assert_int_equal(ask(c, 40), 0);
	assert_non_null(memmem(c->out, c->got, "file", 4));
	client_free(c);
}

static void nothing_leads_out_of_the_folder(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	static const char *const names[] = {"..", ".",   "",   "../secret", "/etc/passwd", "d/../../secret",
					    "up", "l/x", "a/b"};
	char secret[128];
	struct stat st;
	int fd;

	snprintf(secret, sizeof(secret), "%s/secret", c->base);
	fd = open(secret, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "secret", 6), 6);
	close(fd);
	assert_int_equal(symlinkat("..", c->folder.fd, "up"), 0);
	assert_int_equal(symlinkat("../secret", c->folder.fd, "l"), 0);
	assert_int_equal(symlinkat("/proc/self/fd", c->folder.fd, "magic"), 0);
	assert_int_equal(attach(c, 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		bool link = !strcmp(names[i], "up");

		assert_int_equal(walk(c, 0, 10 + i, names[i]), link ? 0 : EINVAL);
		if (link) { /* a link may be looked at, but not gone through or opened */
			assert_int_not_equal(walk(c, 10 + i, 50, "secret"), 0);
			begin(c), n(c, 4, 10 + i), n(c, 4, O_RDONLY);
			assert_int_not_equal(ask(c, 12), 0);
		}
		assert_int_equal(walk(c, 0, 40, NULL), 0);
		assert_int_not_equal(create(c, 40, names[i], O_RDWR), 0);
		begin(c), n(c, 4, 40), s(c, names[i]), n(c, 4, 0755), n(c, 4, 0);
		assert_int_not_equal(ask(c, 72), 0);
		if (!link) {
			begin(c), n(c, 4, 0), s(c, names[i]), n(c, 4, 0);
			assert_int_not_equal(ask(c, 76), 0);
			begin(c), n(c, 4, 0), s(c, "l"), n(c, 4, 0), s(c, names[i]);
			assert_int_not_equal(ask(c, 74), 0);
		}
		clunk(c, 40);
	}
	/* Through the link to the file: neither opened, cut, nor made. */
	assert_int_equal(walk(c, 0, 60, "l"), 0);
	begin(c), n(c, 4, 60), n(c, 4, O_WRONLY | O_TRUNC);
	assert_int_not_equal(ask(c, 12), 0);
	begin(c), n(c, 4, 60), n(c, 4, 8), n(c, 4, 0), n(c, 4, 0), n(c, 4, 0), n(c, 8, 0), n(c, 8, 0), n(c, 8, 0),
		n(c, 8, 0), n(c, 8, 0);
	assert_int_not_equal(ask(c, 26), 0);
	assert_int_equal(walk(c, 0, 61, NULL), 0);
	assert_int_not_equal(create(c, 61, "l", O_RDWR | O_TRUNC), 0);
	assert_int_equal(walk(c, 0, 62, "magic"), 0);
	assert_int_not_equal(walk(c, 62, 63, "0"), 0);
	assert_int_equal(stat(secret, &st), 0);
	assert_int_equal(st.st_size, 6);
	client_free(c);
}

/* Opened by Tlcreate, a file that is there is as it was. */
static void a_file_that_is_there_stays_its_owners(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	struct stat st;

	close(openat(c->folder.fd, "file", O_CREAT | O_WRONLY, 0600));
	mkdirat(c->folder.fd, "folder", 0700);
	assert_int_equal(fchmodat(c->folder.fd, "file", 0640, 0), 0);
	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(walk(c, 0, 1, NULL), 0);
	assert_int_equal(create(c, 1, "file", O_RDWR | O_EXCL), EEXIST);
	assert_int_equal(create(c, 1, "folder", O_RDONLY), EISDIR);
	assert_int_equal(create(c, 1, "file", O_RDWR), 0);
	assert_int_equal(put(c, 1, 0, "hello"), 0);
	assert_int_equal(fstatat(c->folder.fd, "file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 5);
	client_free(c);
}

static bool is_there(struct client *c, const char *name)
{
	struct stat st;

	return !fstatat(c->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW);
}

/* What cannot be made whole is not made. */
static void nothing_is_left_of_what_fails(void **state)
{
	const uid_t user = geteuid();
	struct rlimit files, none;
	struct client *c;

	/* Not enough room for a link's target: said as it is. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &files);
	none = (struct rlimit){0, files.rlim_max};
	c = client_new(FOLDER_MAPPED, false);
	assert_int_equal(attach(c, 0), 0);
	begin(c), n(c, 4, 0), s(c, "link"), s(c, "there"), n(c, 4, 0);
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(ask(c, 16), EFBIG);
	setrlimit(RLIMIT_FSIZE, &files);
	assert_false(is_there(c, "link"));
	client_free(c);
	/* root's, made by somebody else */
	if (!user)
		assert_int_equal(seteuid(65534), 0);
	c = client_new(FOLDER_PASSTHROUGH, false);
	assert_int_equal(attach(c, 0), 0);
	begin(c), n(c, 4, 0), s(c, "folder"), n(c, 4, 0755), n(c, 4, 0);
	assert_int_equal(ask(c, 72), EPERM);
	begin(c), n(c, 4, 0), s(c, "link"), s(c, "there"), n(c, 4, 0);
	assert_int_equal(ask(c, 16), EPERM);
	begin(c), n(c, 4, 0), s(c, "pipe"), n(c, 4, S_IFIFO | 0644), n(c, 4, 0), n(c, 4, 0), n(c, 4, 0);
	assert_int_equal(ask(c, 18), EPERM);
	assert_int_equal(walk(c, 0, 1, NULL), 0);
	assert_int_equal(create(c, 1, "file", O_RDWR), EPERM);
	assert_false(is_there(c, "folder") || is_there(c, "link") || is_there(c, "pipe") || is_there(c, "file"));
	assert_int_equal(seteuid(user), 0);
	client_free(c);
}

static void host_devices_and_pipes_are_not_opened(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);

	assert_int_equal(mkfifoat(c->folder.fd, "pipe", 0600), 0);
	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(walk(c, 0, 1, "pipe"), 0);
	begin(c), n(c, 4, 1), n(c, 4, O_RDWR);
	assert_int_equal(ask(c, 12), ENXIO);
	assert_int_equal(walk(c, 0, 2, NULL), 0);
	assert_int_equal(create(c, 2, "pipe", O_RDWR), ENXIO);
	client_free(c);
}

static void readonly_changes_nothing(void **state)
{
	struct client *c = client_new(FOLDER_NONE, true);
	static const u8 writes[] = {14, 16, 18, 20, 26, 32, 70, 72, 74, 76, 118};

	close(openat(c->folder.fd, "file", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(attach(c, 0), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		begin(c), n(c, 4, 0);
		memset(c->in + c->used, 0, 80);
		c->used += 80;
		assert_int_equal(ask(c, writes[i]), EROFS);
	}
	assert_int_equal(walk(c, 0, 1, "file"), 0);
	begin(c), n(c, 4, 1), n(c, 4, O_WRONLY);
	assert_int_equal(ask(c, 12), EROFS);
	begin(c), n(c, 4, 1), n(c, 4, O_RDONLY | O_TRUNC);
	assert_int_equal(ask(c, 12), EROFS);
	client_free(c);
}

static void mapped_ids_are_kept_beside(void **state)
{
	struct client *c = client_new(FOLDER_MAPPED, false);
	struct stat st;

	assert_int_equal(attach(c, 0), 0);
	begin(c), n(c, 4, 0), s(c, "disk"), n(c, 4, S_IFBLK | 0660), n(c, 4, 8), n(c, 4, 1), n(c, 4, 6);
	if (ask(c, 18) == EOPNOTSUPP) { /* a file system without extended attributes */
		client_free(c);
		return;
	}
	assert_int_equal(fstatat(c->folder.fd, "disk", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(walk(c, 0, 1, "disk"), 0);
	begin(c), n(c, 4, 1), n(c, 8, ~0ull);
	assert_int_equal(ask(c, 24), 0);
	assert_int_equal(load_le(c->out + P9_HEADER + 8 + 13, 4), S_IFBLK | 0660);
	assert_int_equal(load_le(c->out + P9_HEADER + 8 + 13 + 8, 4), 6);
	/* The attributes that say so are hidden. */
	begin(c), n(c, 4, 1), n(c, 4, 2), s(c, "user.virtfs.mode");
	assert_int_equal(ask(c, 30), ENODATA);
	begin(c), n(c, 4, 0), s(c, "link"), s(c, "/etc/passwd"), n(c, 4, 0);
	assert_int_equal(ask(c, 16), 0);
	assert_int_equal(fstatat(c->folder.fd, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(walk(c, 0, 3, "link"), 0);
	begin(c), n(c, 4, 3);
	assert_int_equal(ask(c, 22), 0);
	assert_int_equal(load_le(c->out + P9_HEADER, 2), 11);
	client_free(c);
}

static void attributes_go_through_a_fid(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);

	close(openat(c->folder.fd, "file", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(walk(c, 0, 1, "file"), 0);
	begin(c), n(c, 4, 1), s(c, "user.colour"), n(c, 8, 4), n(c, 4, 0);
	assert_int_equal(ask(c, 32), 0);
	assert_int_equal(put(c, 1, 1, "x"), EINVAL);     /* not at its end */
	assert_int_equal(put(c, 1, 0, "green"), EINVAL); /* longer than was said */
	assert_int_equal(put(c, 1, 0, "blue"), 0);
	if (clunk(c, 1) == EOPNOTSUPP) {
		client_free(c);
		return;
	}
	assert_int_equal(walk(c, 0, 2, "file"), 0);
	begin(c), n(c, 4, 2), n(c, 4, 3), s(c, "user.colour");
	assert_int_equal(ask(c, 30), 0);
	assert_int_equal(load_le(c->out + P9_HEADER, 8), 4);
	assert_int_equal(get(c, 3, 0, 100), 0);
	assert_memory_equal(c->out + P9_HEADER + 4, "blue", 4);
	assert_int_equal(get(c, 3, 5, 100), EINVAL);
	/* Too large, or not all of it came. */
	begin(c), n(c, 4, 2), s(c, "user.big"), n(c, 8, 1 << 20), n(c, 4, 0);
	assert_int_equal(ask(c, 32), E2BIG);
	begin(c), n(c, 4, 2), s(c, "user.part"), n(c, 8, 8), n(c, 4, 0);
	assert_int_equal(ask(c, 32), 0);
	assert_int_equal(clunk(c, 2), EINVAL);
	client_free(c);
}

/* The qid's path and the type of a name in the root. False: it is not there. */
static bool entry_of(struct client *c, const char *name, u64 *path, u8 *type)
{
	bool found = false;

	assert_int_equal(walk(c, 0, 9, NULL), 0);
	begin(c), n(c, 4, 9), n(c, 4, O_RDONLY | O_DIRECTORY);
	assert_int_equal(ask(c, 12), 0);
	begin(c), n(c, 4, 9), n(c, 8, 0), n(c, 4, 4096);
	assert_int_equal(ask(c, 40), 0);
	for (size_t at = P9_HEADER + 4; at < c->got; at += 24 + load_le(c->out + at + 22, 2)) {
		if (load_le(c->out + at + 22, 2) != strlen(name) || memcmp(c->out + at + 24, name, strlen(name)))
			continue;
		*path = load_le(c->out + at + 5, 8);
		*type = c->out[at + 21];
		found = true;
	}
	clunk(c, 9);
	return found;
}

static void entries_are_what_getattr_says(void **state)
{
	u64 path;
	u8 type;

	for (enum folder_model model = FOLDER_NONE; model <= FOLDER_MAPPED; model++) {
		struct client *c = client_new(model, false);

		if (model == FOLDER_PASSTHROUGH) {
			client_free(c);
			continue;
		}
		assert_int_equal(attach(c, 0), 0);
		begin(c), n(c, 4, 0), s(c, "link"), s(c, "there"), n(c, 4, 0);
		if (ask(c, 16) != EOPNOTSUPP) {
			assert_true(entry_of(c, "link", &path, &type));
			assert_true(type == (model == FOLDER_MAPPED ? DT_UNKNOWN : DT_LNK));
			assert_int_equal(walk(c, 0, 1, "link"), 0);
			assert_true(load_le(c->out + P9_HEADER + 2 + 5, 8) == path);
		}
		client_free(c);
	}
}

/* Sets an attribute of "file" by the usual three messages. */
static int set_attribute(struct client *c, const char *name, const char *value, u32 flags)
{
	int error = walk(c, 0, 7, "file");

	assert_int_equal(error, 0);
	begin(c), n(c, 4, 7), s(c, name), n(c, 8, strlen(value)), n(c, 4, flags);
	assert_int_equal(ask(c, 32), 0);
	if (*value)
		assert_int_equal(put(c, 7, 0, value), 0);
	return clunk(c, 7);
}

static void attributes_may_be_empty(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	int error;

	close(openat(c->folder.fd, "file", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(attach(c, 0), 0);
	error = set_attribute(c, "user.x", "", 0);
	if (error != EOPNOTSUPP) {
		assert_int_equal(error, 0);
		assert_int_equal(walk(c, 0, 1, "file"), 0);
		begin(c), n(c, 4, 1), n(c, 4, 2), s(c, "user.x");
		assert_int_equal(ask(c, 30), 0);
		assert_int_equal(load_le(c->out + P9_HEADER, 8), 0);
		assert_int_equal(set_attribute(c, "user.x", "", XATTR_REPLACE), 0); /* removed */
		assert_int_equal(set_attribute(c, "user.x", "", XATTR_REPLACE), ENODATA);
		begin(c), n(c, 4, 1), n(c, 4, 3), s(c, "user.x");
		assert_int_equal(ask(c, 30), ENODATA);
		/* There is none to be removed: as if it had been. */
		assert_int_equal(set_attribute(c, "system.posix_acl_access", "", 0), 0);
	}
	client_free(c);
}

static void mapped_attributes_are_not_the_hosts(void **state)
{
	struct client *c = client_new(FOLDER_MAPPED, false);
	char path[128], value[64];
	int error;

	close(openat(c->folder.fd, "file", O_CREAT | O_WRONLY, 0600));
	snprintf(path, sizeof(path), "%s/file", c->path);
	assert_int_equal(attach(c, 0), 0);
	error = set_attribute(c, "user.x", "blue", 0);
	if (error != EOPNOTSUPP) {
		assert_int_equal(error, 0);
		/* Any bytes: to the host they are no list that it goes by. */
		assert_int_equal(set_attribute(c, "system.posix_acl_access", "list", 0), 0);
		assert_int_equal(getxattr(path, "system.posix_acl_access", value, sizeof(value)), -1);
		assert_int_equal(walk(c, 0, 1, "file"), 0);
		begin(c), n(c, 4, 1), n(c, 4, 2), s(c, "system.posix_acl_access");
		assert_int_equal(ask(c, 30), 0);
		assert_int_equal(load_le(c->out + P9_HEADER, 8), 4);
		begin(c), n(c, 4, 1), n(c, 4, 3), s(c, "");
		assert_int_equal(ask(c, 30), 0);
		assert_int_equal(get(c, 3, 0, 1000), 0);
		assert_non_null(memmem(c->out, c->got, "system.posix_acl_access", 24));
		assert_null(memmem(c->out, c->got, "virtfs", 6));
		assert_int_equal(set_attribute(c, "security.capability", "all", 0), EOPNOTSUPP);
		assert_int_equal(set_attribute(c, "trusted.x", "y", 0), EOPNOTSUPP);
		assert_int_equal(getxattr(path, "trusted.x", value, sizeof(value)), -1);
	}
	client_free(c);
}

/* A file that was made read-only and is still open for writing. */
static void who_has_it_open_cuts_it(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	bool was_root = !geteuid();

	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(chmod(c->base, 0777) || chmod(c->path, 0777), 0);
	assert_false(was_root && seteuid(65534));
	assert_int_equal(walk(c, 0, 1, NULL), 0);
	begin(c), n(c, 4, 1), s(c, "file"), n(c, 4, O_RDWR), n(c, 4, 0444), n(c, 4, 0);
	assert_int_equal(ask(c, 14), 0);
	assert_int_equal(put(c, 1, 0, "hello, world"), 0);
	begin(c), n(c, 4, 1), n(c, 4, CHANGE_SIZE), n(c, 4, 0), n(c, 4, 0), n(c, 4, 0), n(c, 8, 5);
	n(c, 8, 0), n(c, 8, 0), n(c, 8, 0), n(c, 8, 0);
	assert_int_equal(ask(c, 26), 0);
	assert_int_equal(get(c, 1, 0, 100), 0);
	assert_int_equal(load_le(c->out + P9_HEADER, 4), 5);
	assert_false(was_root && seteuid(0));
	client_free(c);
}

static void messages_that_lie_are_errors(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	u8 small[P9_HEADER + 4];

	assert_int_equal(attach(c, 0), 0);
	assert_int_equal(attach(c, NO_FID), EBADF);
	assert_int_equal(attach(c, 0), 0);
	begin(c), n(c, 4, 0), n(c, 4, NO_FID), s(c, "root"), s(c, ""), n(c, 4, 0);
	assert_int_equal(ask(c, 104), EBADF); /* taken */
	/* Every type, with no field at all, and with fields of ones. */
	for (unsigned type = 0; type < 256; type += 2) {
		begin(c);
		assert_int_not_equal(ask(c, (u8)type), 0);
		begin(c);
		memset(c->in + c->used, 0xff, 100);
		c->used += 100;
		if (type != 108) /* flush has nothing that could be wrong */
			assert_int_not_equal(ask(c, (u8)type), 0);
	}
	/* A length that is not the message's; no header; no room. */
	begin(c), n(c, 4, 0);
	store_le(c->in, 4, 4000);
	c->in[4] = 120;
	assert_int_equal(p9_request(c->p9, c->in, 11, c->out, ROOM), P9_HEADER + 4);
	assert_int_equal(c->out[4], RLERROR);
	store_le(c->in, 4, 3);
	assert_int_equal(p9_request(c->p9, c->in, 11, c->out, ROOM), P9_HEADER + 4);
	assert_int_equal(p9_request(c->p9, c->in, 6, c->out, ROOM), 0);
	assert_int_equal(p9_request(c->p9, c->in, 11, c->out, 5), 0);
	/* An answer that does not fit is an error that does. */
	attach(c, 0);
	begin(c), n(c, 4, 0), n(c, 8, ~0ull);
	store_le(c->in, 4, c->used);
	c->in[4] = 24;
	assert_int_equal(p9_request(c->p9, c->in, c->used, small, sizeof(small)), sizeof(small));
	assert_int_equal(small[4], RLERROR);
	/* More names than may be; a count that passes the message. */
	begin(c), n(c, 4, 0), n(c, 4, 1), n(c, 2, 17);
	assert_int_not_equal(ask(c, 110), 0);
	assert_int_equal(walk(c, 0, 2, NULL), 0);
	assert_int_equal(create(c, 2, "f", O_RDWR), 0);
	begin(c), n(c, 4, 2), n(c, 8, 0), n(c, 4, 1000), n(c, 4, 0);
	assert_int_equal(ask(c, 118), EINVAL);
	/* Reads are cut to the message size; a version that is too small; another dialect. */
	assert_int_equal(get(c, 2, 0, 0xffffffff), 0);
	begin(c), n(c, 4, 100), s(c, "9P2000.L");
	assert_int_equal(ask(c, 100), EINVAL);
	begin(c), n(c, 4, 8192), s(c, "9P2000");
	assert_int_equal(ask(c, 100), 0);
	assert_non_null(memmem(c->out, c->got, "unknown", 7));
	client_free(c);
}

/* Values that are to be set, in as many fids as a client likes: 16 MiB of them. */
static void attributes_have_a_bound(void **state)
{
	struct client *c = client_new(FOLDER_NONE, false);
	unsigned held = 0;
	int error = 0;

	attach(c, 0);
	for (unsigned fid = 1; fid <= 300 && !error; fid++) {
		assert_int_equal(walk(c, 0, fid, NULL), 0);
		begin(c), n(c, 4, fid), s(c, "user.x"), n(c, 8, 65536), n(c, 4, 0);
		error = ask(c, 32);
		held += !error;
	}
	assert_int_equal(error, ENOSPC);
	assert_int_equal(held, 256);
	begin(c), n(c, 4, 1);
	ask(c, 120);
	begin(c), n(c, 4, 257), s(c, "user.x"), n(c, 8, 65536), n(c, 4, 0);
	assert_int_equal(ask(c, 32), 0);
	client_free(c);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(files_are_made_written_and_read),
		cmocka_unit_test(fids_are_as_many_as_the_host_allows),
		cmocka_unit_test(nothing_leads_out_of_the_folder),
		cmocka_unit_test(a_file_that_is_there_stays_its_owners),
		cmocka_unit_test(nothing_is_left_of_what_fails),
		cmocka_unit_test(host_devices_and_pipes_are_not_opened),
		cmocka_unit_test(readonly_changes_nothing),
		cmocka_unit_test(mapped_ids_are_kept_beside),
		cmocka_unit_test(attributes_go_through_a_fid),
		cmocka_unit_test(entries_are_what_getattr_says),
		cmocka_unit_test(attributes_may_be_empty),
		cmocka_unit_test(mapped_attributes_are_not_the_hosts),
		cmocka_unit_test(who_has_it_open_cuts_it),
		cmocka_unit_test(messages_that_lie_are_errors),
		cmocka_unit_test(attributes_have_a_bound),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
