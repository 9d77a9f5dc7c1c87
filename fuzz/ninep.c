/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the 9p server with a folder of its own, as a hostile guest reaches it. The input is a list of messages:
 * a type, and the bytes of its fields; the length and an attach come by themselves now and then, so that deep paths are
 * found. What it finds is a crash, a sanitizer's report, a run without an end, or a file outside the folder that was
 * touched. `make fuzz`.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fuzz.h"
#include "virtio/p9.h"

#define MESSAGES_MAX 64
#define ROOM (64 * 1024)
/* So few that a guest can have too many, and that those of some executions that are left over are seen. */
#define DESCRIPTORS 80

static struct folder folder = {.fd = -1};
static struct p9 *p9;
static char outside[64], export[64];
static bool changed; /* the folder */

/* What the disk does is not tried here, and takes milliseconds. */
int fsync(int fd)
{
	return 0;
}
int fdatasync(int fd)
{
	return 0;
}

/* What is in the folder at first: links that lead out, and a folder. */
static void fill(void)
{
	if (symlinkat("../secret", folder.fd, "l") || symlinkat("..", folder.fd, "up") || mkdirat(folder.fd, "d", 0700))
		abort();
	changed = false;
}

/* In memory if the host has such a place. */
static void start(void)
{
	char base[] = "/dev/shm/cxlvm-fuzz-XXXXXX", other[] = "/tmp/cxlvm-fuzz-XXXXXX", *made = mkdtemp(base);
	struct rlimit files;
	struct error err;
	int fd;

	if (!made)
		made = mkdtemp(other);
	if (!made)
		abort();
	snprintf(outside, sizeof(outside), "%s/secret", made);
	fd = open(outside, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || write(fd, "secret", 6) != 6)
		abort();
	close(fd);
	snprintf(export, sizeof(export), "%s/export", made);
	if (mkdir(export, 0700) || !folder_open(&folder, export, &err))
		abort();
	fill();
	p9 = p9_create(&folder);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void empty(int at)
{
	DIR *dir = fdopendir(at);
	struct dirent *entry;

	if (!dir)
		abort();
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") || !unlinkat(at, name, 0))
			continue;
		empty(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
		if (unlinkat(at, name, AT_REMOVEDIR))
			abort();
	}
	closedir(dir);
}

/* The folder as it was at first; nothing outside was touched. */
static void restore(void)
{
	char names[4096], *name = names;
	ssize_t size = listxattr(export, names, sizeof(names));
	struct stat st;

	if (stat(outside, &st) || st.st_size != 6 || (st.st_mode & 0777) != 0600 || st.st_nlink != 1)
		abort();
	for (; name < names + size; name += strlen(name) + 1)
		removexattr(export, name);
	empty(openat(AT_FDCWD, export, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	chmod(export, 0700);
	fill();
}

static bool is_change(u8 type)
{
	static const u8 types[] = {14, 16, 18, 20, 26, 32, 70, 72, 74, 76, 118};

	return memchr(types, type, sizeof(types));
}

static void request(const u8 *in, size_t size, u8 *out, size_t room)
{
	if (p9_request(p9, in, size, out, room) && out[4] != 7 && is_change(in[4]))
		changed = true;
}

static void ask(u8 type, const u8 *fields, size_t size)
{
	static u8 in[ROOM], out[ROOM];

	store_le(in, 4, P9_HEADER + size);
	in[4] = type;
	memcpy(in + P9_HEADER, fields, size);
	request(in, P9_HEADER + size, out, ROOM);
}

static void carry_out(const u8 *bytes, size_t size)
{
	static const u8 version[] = {0, 0x20, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
	static const u8 attach[] = {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};

	folder.model = size ? bytes[0] % 3 : 0;
	folder.readonly = size && bytes[0] & 0x80;
	ask(100, version, sizeof(version));
	ask(104, attach, sizeof(attach));
	for (unsigned n = 0; n < MESSAGES_MAX && size > 2; n++) {
		size_t length = MIN(bytes[1], size - 2);
		u8 raw[300];

		if (bytes[0] == 255) { /* a message as it is, its own length included */
			u8 answer[64];

			memcpy(raw, bytes + 2, length);
			request(raw, length, answer, sizeof(answer));
		} else if (bytes[0] != 18) { /* but nodes: a fuzzer that runs as root would make devices */
			ask(bytes[0], bytes + 2, length);
		}
		bytes += 2 + length;
		size -= 2 + length;
	}
	p9_reset(p9);
	if (changed)
		restore();
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	int fd;

	if (!p9)
		start();
	carry_out(bytes, size);
	/* Descriptors that are left over would fill the few that there may be. */
	fd = dup(folder.fd);
	if (fd < 0)
		abort();
	close(fd);
	return 0;
}
