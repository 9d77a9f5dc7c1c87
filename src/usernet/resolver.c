/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one file that libslirp opens is /etc/resolv.conf, each time the guest asks its name server something. A confined
 * program opens no files, so what the file said at the start is kept, and the two functions of libc by which libslirp
 * gets at it are replaced for this program: the dynamic linker finds them here first. Other paths go to the kernel,
 * which refuses them once the program is confined.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usernet/usernet.h"

#define RESOLVER_PATH "/etc/resolv.conf"

static char remembered[64 * 1024];
static ssize_t remembered_bytes = -1;
static struct stat remembered_stat;

void resolver_remember(void)
{
	int fd = open(RESOLVER_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (!fstat(fd, &remembered_stat))
		remembered_bytes = read(fd, remembered, sizeof(remembered));
	close(fd);
}

FILE *fopen64(const char *path, const char *mode)
{
	FILE *file;
	int fd;

	if (!strcmp(path, RESOLVER_PATH))
		return remembered_bytes > 0 ? fmemopen(remembered, (size_t)remembered_bytes, "r") : NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	file = fd < 0 ? NULL : fdopen(fd, "r");
	if (!file && fd >= 0)
		close(fd);
	return file;
}

int stat64(const char *path, struct stat64 *st)
{
	if (strcmp(path, RESOLVER_PATH))
		return fstatat64(AT_FDCWD, path, st, 0);
	memcpy(st, &remembered_stat, sizeof(*st));
	return remembered_bytes > 0 ? 0 : -1;
}
