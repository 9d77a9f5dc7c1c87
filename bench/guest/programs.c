/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of Debian's arm64 packages, on a disk of their own below /bench (tools/bench-image): compressors on 32 MiB
 * of text, openssl speed, gcc, python3, stress-ng. Each is run once; a compressor's output is hashed, so that both
 * machines can be seen to agree.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rows.h"

#define ROOT "/bench"
#define SPEED "openssl", "speed", "-elapsed", "-seconds", "1", "-mr"
#define STRESS "stress-ng", "-q", "--temp-path", "/tmp"

/* clang-format off */
#define PROGRAM(row, ...) {.name = row, .argv = {__VA_ARGS__}}
/* clang-format on */

const struct program_row program_rows[] = {
	PROGRAM("gzip", "gzip", "-1", "-n", "-c", "/data/text"),
	PROGRAM("gunzip", "gzip", "-d", "-c", "/data/text.gz"),
	PROGRAM("xz", "xz", "-0", "-T1", "-c", "/data/text"),
	PROGRAM("zstd", "zstd", "-1", "-q", "--single-thread", "-c", "/data/text"),
	PROGRAM("unzstd", "zstd", "-d", "-q", "-c", "/data/text.zst"),
	{"ssl-sha256", {SPEED, "-bytes", "16384", "-evp", "sha256"}, .rate = "+F:", .field = 3, .scale = 64e6},
	{"ssl-aes-gcm", {SPEED, "-bytes", "16384", "-evp", "aes-128-gcm"}, .rate = "+F:", .field = 3, .scale = 64e6},
	{"ssl-rsa2048", {SPEED, "rsa2048"}, .rate = "+F2:", .field = 3, .scale = 100},
	{"ssl-p256", {SPEED, "ecdsap256"}, .rate = "+F4:", .field = 3, .scale = 1000},
	PROGRAM("gcc", "gcc-14", "-O2", "-S", "-o", "-", "/data/program.c"),
	PROGRAM("python", "python3", "-I", "-S", "/data/program.py"),
	{"stress-matrix", {STRESS, "--matrix", "1", "--matrix-ops", "60", "--matrix-size", "64"}, .unlike = 1},
	{"stress-vm", {STRESS, "--vm", "1", "--vm-bytes", "8M", "--vm-ops", "600"}, .unlike = 1},
	{0},
};

static int run(const char *const argv[])
{
	int status = 1;
	pid_t child = fork();

	if (!child) {
		int out, quiet;

		if (chroot(ROOT) || chdir("/tmp"))
			_exit(120);
		out = open("/tmp/out", O_WRONLY | O_CREAT | O_TRUNC, 0644);
		quiet = open("/tmp/errors", O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (out < 0 || quiet < 0)
			_exit(121);
		dup2(out, 1);
		dup2(quiet, 2);
		setenv("PATH", "/usr/bin:/usr/sbin", 1);
		setenv("LC_ALL", "C", 1);
		execvp(argv[0], (char *const *)argv);
		_exit(122);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static double figure(const struct program_row *row)
{
	FILE *f = fopen(ROOT "/tmp/out", "r");
	char line[256];
	double found = 0;

	while (f && fgets(line, sizeof(line), f)) {
		char *p = line;

		if (strncmp(line, row->rate, strlen(row->rate)))
			continue;
		for (int n = 0; p && n < row->field; n++)
			p = strchr(p + (n > 0), ':');
		if (p)
			found = strtod(p + 1, NULL);
		break;
	}
	if (f)
		fclose(f);
	return found;
}

static uint64_t hash(void)
{
	static unsigned char bytes[1 << 16];
	uint64_t h = 14695981039346656037u;
	FILE *f = fopen(ROOT "/tmp/out", "r");
	size_t n;

	while (f && (n = fread(bytes, 1, sizeof(bytes), f)) > 0)
		for (size_t i = 0; i < n; i++)
			h = (h ^ bytes[i]) * 1099511628211u;
	if (f)
		fclose(f);
	return h;
}

double program_run(const struct program_row *row, uint64_t *result)
{
	double start = now(), seconds;
	int code = run(row->argv);

	seconds = now() - start;
	*result = 0;
	if (code) {
		printf("BENCH-FAILED %s: exit code %d\n", row->name, code);
		return -1;
	}
	if (row->rate) {
		double f = figure(row);

		return f > 0 ? row->scale / f : -1;
	}
	if (!row->unlike)
		*result = hash();
	return seconds;
}
