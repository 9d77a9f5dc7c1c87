/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: the 9p server with a folder of its own, as a hostile guest reaches it. The input is a list of messages:
 * a type, and the bytes of its fields; the length and an attach come by themselves now and then, so that deep paths are
 * found. What it finds is a crash, a sanitizer's report, a run without an end, or a file outside the folder that was
 * touched. `make fuzz`.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "virtio/p9.h"

#define MESSAGES_MAX 64
#define ROOM (64 * 1024)

static struct folder folder = {.fd = -1};
static struct p9 *p9;
static char outside[64];

/* A tree that is the same before each run, as far as that is cheap; a link that leads out, and a file there. */
static void start(void)
{
	static char base[] = "/tmp/cxlvm-fuzz-XXXXXX";
	char path[128];
	struct error err;
	int fd;

	if (!mkdtemp(base))
		abort();
	snprintf(outside, sizeof(outside), "%s/secret", base);
	fd = open(outside, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || write(fd, "secret", 6) != 6)
		abort();
	close(fd);
	snprintf(path, sizeof(path), "%s/export", base);
	mkdir(path, 0700);
	if (!folder_open(&folder, path, &err))
		abort();
	if (symlinkat("../secret", folder.fd, "l") || symlinkat("..", folder.fd, "up"))
		abort();
	mkdirat(folder.fd, "d", 0700);
	p9 = p9_create(&folder);
}

static void check(void)
{
	struct stat st;

	if (stat(outside, &st) || st.st_size != 6 || (st.st_mode & 0777) != 0600 || st.st_nlink != 1)
		abort();
}

static void ask(u8 type, const u8 *fields, size_t size)
{
	static u8 in[ROOM], out[ROOM];

	store_le(in, 4, P9_HEADER + size);
	in[4] = type;
	memcpy(in + P9_HEADER, fields, size);
	p9_request(p9, in, P9_HEADER + size, out, ROOM);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static const u8 version[] = {0, 0x20, 0, 0, 8, 0, '9', 'P', '2', '0', '0', '0', '.', 'L'};
	static const u8 attach[] = {0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0};

	if (!p9)
		start();
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
			p9_request(p9, raw, length, answer, sizeof(answer));
		} else if (bytes[0] != 18) { /* but nodes: a fuzzer that runs as root would make devices */
			ask(bytes[0], bytes + 2, length);
		}
		bytes += 2 + length;
		size -= 2 + length;
	}
	check();
	return 0;
}
