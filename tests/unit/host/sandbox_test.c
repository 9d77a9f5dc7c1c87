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
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
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

#define KILLED 1000
static const struct row {
	const char *name;
	int (*ask)(void);
	int with_spawn, without;
} rows[] = {
	{"reading a file", reading_a_file, 0, 0},
	{"changing a file", changing_a_file, 0, 0},
	{"making a thread", making_a_thread, 0, 0},
	{"starting a process", starting_a_process, 0, EPERM},
	{"starting a program", starting_a_program, 0, KILLED},
	{"making a socket", making_a_socket, 0, ENOSYS},
	{"typing into the terminal", typing_into_the_terminal, ENOSYS, ENOSYS},
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

	return cmocka_run_group_tests(tests, NULL, NULL);
}
