/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program in the sandbox can and cannot ask for: each row in a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "host/folder.h"
#include "host/host.h"
#include "host/sandbox.h"

/* 0: done; else errno. */
static int reading_a_file(void)
{
	char byte;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, &byte, 1) == 1;

	return ok ? 0 : errno;
}
/* As shared folders and state files do. */
static int changing_a_file(void)
{
	char name[] = "/tmp/cxlvm-sandbox-XXXXXX", other[sizeof(name) + 1];
	int fd = mkstemp(name);
	bool ok;

	snprintf(other, sizeof(other), "%sx", name);
	ok = fd >= 0 && !truncate(name, 4096) && !chmod(name, 0600) && !rename(name, other) && !fsync(fd) &&
	     !unlink(other);
	return ok ? 0 : errno;
}
static void *nothing(void *arg)
{
	return arg;
}
static int making_a_thread(void)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, nothing, NULL);

	return error ? error : pthread_join(thread, NULL);
}
static int starting_a_process(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	return child < 0 ? errno : waitpid(child, NULL, 0) == child ? 0 : errno;
}
static int starting_a_program(void)
{
	char *const argv[] = {(char *)"true", NULL};

	execv("/bin/true", argv);
	return errno;
}
static int making_a_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}
static int typing_into_the_terminal(void)
{
	return ioctl(0, TIOCSTI, "x") < 0 ? errno : 0;
}
/* As it was found, at the end: by the calls of any libc. TCGETS2 to TCSETSF2 follow each other, of 44 bytes. */
static int restoring_a_terminal(void)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	unsigned char now[64];

	if (ioctl(fd, TCGETS, now) || ioctl(fd, TCSETS, now) || ioctl(fd, 0x802c542aul, now))
		return errno;
	for (unsigned long n = 0; n < 3; n++)
		if (ioctl(fd, 0x402c542bul + n, now))
			return errno;
	return 0;
}
static int what_no_kernel_has_yet(void)
{
	return syscall(1023) < 0 ? errno : 0;
}
static int looking_into_a_process(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}
static int becoming_another_user(void)
{
	return setuid(getuid()) < 0 ? errno : 0;
}

/* Of another process of the user's. */
static int limiting_another_process(void)
{
	struct rlimit limit;

	return prlimit(getppid(), RLIMIT_CPU, NULL, &limit) ? errno : getrlimit(RLIMIT_CPU, &limit) ? errno : 0;
}

static char shared[] = "/tmp/cxlvm-sandbox-XXXXXX";

/* All that a guest can ask for by 9p, in each model: no matter what the file system says, the kernel knows the call. */
static int sharing_a_folder(void)
{
	struct folder_owner owner = {.mode = 0644, .uid = geteuid(), .gid = getegid()};
	struct folder_change change = {.valid = CHANGE_MODE | CHANGE_UID | CHANGE_GID | CHANGE_SIZE | CHANGE_ATIME |
						CHANGE_MTIME | CHANGE_MTIME_SET,
				       .mode = 0600,
				       .uid = geteuid(),
				       .gid = getegid(),
				       .size = 5};
	struct error err;
	char room[4096];

	for (enum folder_model model = FOLDER_NONE; model <= FOLDER_MAPPED; model++) {
		struct folder f = {.fd = -1, .model = model};
		int fd, object, dir, is[24], n = 0;
		struct statfs fs;
		struct stat st;

		if (!folder_open(&f, shared, &err))
			return ENOENT;
		is[n++] = fd = folder_create(&f, f.fd, "file", O_RDWR | O_EXCL, &owner);
		is[n++] = object = folder_walk(&f, f.fd, "file");
		is[n++] = folder_stat(&f, object, &st);
		is[n++] = folder_change(&f, object, -1, &change);
		is[n++] = folder_change(&f, object, fd, &change);
		is[n++] = folder_mkdir(&f, f.fd, "dir", &owner);
		is[n++] = folder_symlink(&f, f.fd, "symlink", "file", &owner);
		is[n++] = folder_readlink(&f, dir = folder_walk(&f, f.fd, "symlink"), room, sizeof(room));
		close(dir);
		owner.mode = S_IFIFO | 0600;
		is[n++] = folder_mknod(&f, f.fd, "pipe", 0, 0, &owner);
		owner.mode = 0644;
		is[n++] = folder_link(&f, object, f.fd, "link");
		is[n++] = folder_rename(&f, f.fd, "link", f.fd, "other");
		is[n++] = dir = folder_reopen(&f, f.fd, O_RDONLY | O_DIRECTORY);
		is[n++] = (int)folder_entries(&f, dir, 0, room, sizeof(room));
		close(dir);
		is[n++] = folder_xattr_set(&f, object, "user.x", "y", 1, 0);
		is[n++] = (int)folder_xattr_get(&f, object, "user.x", room, sizeof(room));
		is[n++] = (int)folder_xattr_list(&f, object, room, sizeof(room));
		is[n++] = folder_xattr_set(&f, object, "user.x", "", 0, XATTR_REPLACE);
		is[n++] = fstatfs(object, &fs) || fsync(fd) || fdatasync(fd) ? -errno : 0;
		is[n++] = pwrite(fd, "x", 1, 0) < 0 || pread(fd, room, 1, 0) < 0 ? -errno : 0;
		is[n++] = fcntl(object, F_DUPFD_CLOEXEC, 0) < 0 ? -errno : 0;
		is[n++] = folder_unlink(&f, f.fd, "dir", true);
		for (unsigned i = 0; i < 4; i++)
			folder_unlink(&f, f.fd, (const char *const[]){"file", "symlink", "pipe", "other"}[i], false);
		close(fd);
		close(object);
		folder_close(&f);
		while (n--)
			if (is[n] == -ENOSYS)
				return ENOSYS;
	}
	return 0;
}

/* As a CXL device does whose poison or firmware is kept in a file. */
static int replacing_a_file(void)
{
	struct error err;
	char path[64];
	bool ok;

	snprintf(path, sizeof(path), "%s/kept", shared);
	ok = file_replace(path, "one", 3, &err) && file_replace(path, "two", 3, &err);
	unlink(path);
	return ok ? 0 : EIO;
}

static int shared_setup(void **state)
{
	return mkdtemp(shared) ? 0 : -1;
}

static int shared_teardown(void **state)
{
	return rmdir(shared);
}

#define KILLED 1000
static const struct row {
	const char *name;
	int (*ask)(void);
	int with_spawn, without;
} rows[] = {
	{"reading a file", reading_a_file, 0, 0},
	{"changing a file", changing_a_file, 0, 0},
	{"sharing a folder", sharing_a_folder, 0, 0},
	{"replacing a file", replacing_a_file, 0, 0},
	{"limiting another process", limiting_another_process, ENOSYS, ENOSYS},
	{"making a thread", making_a_thread, 0, 0},
	{"starting a process", starting_a_process, 0, EPERM},
	{"starting a program", starting_a_program, 0, KILLED},
	{"making a socket", making_a_socket, 0, ENOSYS},
	{"typing into the terminal", typing_into_the_terminal, ENOSYS, ENOSYS},
	{"restoring a terminal", restoring_a_terminal, 0, 0},
	{"what no kernel has yet", what_no_kernel_has_yet, ENOSYS, ENOSYS},
	{"looking into a process", looking_into_a_process, KILLED, KILLED},
	{"becoming another user", becoming_another_user, KILLED, KILLED},
};

static int outcome(const struct row *row, bool spawn)
{
	struct error err = {""};
	pid_t child = fork();
	int status;

	if (!child)
		_exit(sandbox_enter(spawn, &err) ? row->ask() : 255);
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? KILLED : WEXITSTATUS(status);
}

static void each_request_has_its_answer(void **state)
{
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++)
		for (unsigned spawn = 0; spawn < 2; spawn++) {
			int is = outcome(&rows[n], spawn), wanted = spawn ? rows[n].with_spawn : rows[n].without;

			if (is != wanted)
				print_error("%s, spawn=%s: %d, not %d\n", rows[n].name, spawn ? "allow" : "deny", is,
					    wanted);
			assert_int_equal(is, wanted);
		}
}

/* Threads that are there already are held as well. */
static int lines[2];
static void *asks_later(void *arg)
{
	char byte;
	bool refused = read(lines[0], &byte, 1) == 1 && socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == ENOSYS;

	return refused ? arg : NULL;
}

static void older_threads_are_held(void **state)
{
	struct error err = {""};
	pid_t child = fork();
	pthread_t thread;
	void *refused = NULL;
	int status;

	if (!child) {
		if (pipe(lines) || pthread_create(&thread, NULL, asks_later, lines) || !sandbox_enter(false, &err) ||
		    write(lines[1], "x", 1) != 1 || pthread_join(thread, &refused))
			_exit(2);
		_exit(refused ? 0 : 1);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request_has_its_answer),
		cmocka_unit_test(older_threads_are_held),
	};

	return cmocka_run_group_tests(tests, shared_setup, shared_teardown);
}
