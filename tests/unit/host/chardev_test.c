/* SPDX-License-Identifier: BSD-2-Clause */
/* Character devices. Those on stdio run in a child whose descriptors are pipes or a pseudo-terminal. */
#include <errno.h>
#include <fcntl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"
#include "host/host.h"

static struct loop *loop_new(void)
{
	struct error err;

	return loop_create(false, &err);
}

static void *run(void *loop)
{
	loop_run(loop);
	return NULL;
}

static struct chardev *must_open(const char *spec, struct loop *loop)
{
	struct error err;
	struct chardev *c = chardev_open(spec, loop, NULL, NULL, &err);

	if (!c)
		fail_msg("%s", err.text);
	return c;
}

/* --- a device that takes a few bytes at a time --- */

struct sink {
	size_t room, count;
	u8 bytes[65536];
};

static size_t sink_room(void *opaque)
{
	return ((struct sink *)opaque)->room;
}

static void sink_take(void *opaque, const u8 *bytes, size_t size)
{
	struct sink *s = opaque;

	assert_true(size <= s->room && s->count + size <= sizeof(s->bytes));
	memcpy(s->bytes + s->count, bytes, size);
	s->count += size;
	s->room -= size;
}

static void sink_fill(struct loop *loop, struct chardev *c, struct sink *s, size_t wanted)
{
	for (unsigned i = 0; i < 4000; i++) {
		bool done;

		loop_lock(loop);
		done = s->count >= wanted;
		s->room = MIN(16, wanted - s->count);
		chardev_kick(c);
		loop_unlock(loop);
		if (done)
			return;
		usleep(200);
	}
	fail_msg("only %zu of %zu bytes came", s->count, wanted);
}

static void specs_are_checked(void **state)
{
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{"", "no such character device"},
		{"nonsense", "no such character device; write stdio, mon:stdio"},
		{"file:", "the file name is empty"},
		{"file:/nonexistent/x", "path=/nonexistent/x: cannot write it"},
		{"file:/tmp", "path=/tmp: cannot write it"},
		{"unix:/nonexistent/x", "cannot connect"},
		{"unix:/nonexistent/x,server=on,wait=off", "cannot listen"},
		{"unix:/tmp/x,server=perhaps", "not a switch"},
		{"tcp:10.0.0.1:80", "only this host is served"},
		{"tcp:127.0.0.1", "no port"},
		{"tcp:127.0.0.1:70000", "out of range"},
		{"null,x=1", "x=1: no such key"},
		{"null:x", "no such character device"},
	};
	struct chardev *c;
	struct error err;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		if (chardev_open(bad[i].spec, NULL, NULL, NULL, &err))
			fail_msg("%s is accepted", bad[i].spec);
		check_says(&err, bad[i].says);
	}
	c = must_open("null", NULL);
	chardev_write(c, (const u8 *)"x", 1);
	chardev_close(c);
}

static void files_keep_every_byte(void **state)
{
	char name[] = "/tmp/cxlvm-test-XXXXXX", spec[64], got[16] = {0};
	int fd = mkstemp(name);
	struct chardev *c;

	snprintf(spec, sizeof(spec), "file:%s", name);
	c = must_open(spec, NULL);
	assert_false(chardev_is_socket(c));
	chardev_write(c, (const u8 *)"one ", 4);
	chardev_write(c, (const u8 *)"two", 3);
	chardev_close(c);
	assert_int_equal(read(fd, got, sizeof(got)), 7);
	assert_string_equal(got, "one two");
	close(fd);
	unlink(name);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void await(int fd, const char *text)
{
	char got[64] = {0};
	size_t count = 0;

	while (count < strlen(text)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, 5000), 1);
		n = read(fd, got + count, strlen(text) - count);
		assert_true(n > 0);
		count += (size_t)n;
	}
	assert_string_equal(got, text);
}

static void a_server_serves_one_client_after_the_other(void **state)
{
	char folder[] = "/tmp/cxlvm-test-XXXXXX", path[64], spec[128];
	struct loop *loop = loop_new();
	struct sink sink = {0};
	struct chardev *c;
	pthread_t thread;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
	c = must_open(spec, loop);
	chardev_connect(c, sink_room, sink_take, &sink);
	pthread_create(&thread, NULL, run, loop);
	chardev_write(c, (const u8 *)"nobody", 6); /* dropped */
	for (unsigned i = 0; i < 3; i++) {
		int fd = connect_to(path);

		assert_int_equal(write(fd, "0123456789abcdefghij", 20), 20);
		sink_fill(loop, c, &sink, 20 * (i + 1));
		assert_memory_equal(sink.bytes + 20 * i, "0123456789abcdefghij", 20);
		chardev_write(c, (const u8 *)"hello", 5);
		await(fd, "hello");
		close(fd);
	}
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	assert_int_equal(access(path, F_OK), -1);
	rmdir(folder);
	loop_destroy(loop);
}

/* A client who leaves more than the device takes: it is kept for the device, but not in the way of the next client. */
static void a_client_that_left_makes_room(void **state)
{
	char folder[] = "/tmp/cxlvm-test-XXXXXX", path[64], spec[128], bytes[10000];
	struct loop *loop = loop_new();
	struct sink sink = {0};
	struct chardev *c;
	pthread_t thread;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
	c = must_open(spec, loop);
	pthread_create(&thread, NULL, run, loop);
	memset(bytes, 'x', sizeof(bytes));
	for (unsigned i = 0; i < 2; i++) {
		fd = connect_to(path);
		assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
		close(fd);
		usleep(50000);
	}
	/* The second one's is taken, all of it, and then the next one's. */
	chardev_connect(c, sink_room, sink_take, &sink);
	sink_fill(loop, c, &sink, sizeof(bytes));
	fd = connect_to(path);
	assert_int_equal(write(fd, "abc", 3), 3);
	sink_fill(loop, c, &sink, sizeof(bytes) + 3);
	chardev_write(c, (const u8 *)"there", 5);
	await(fd, "there");
	close(fd);
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	rmdir(folder);
	loop_destroy(loop);
}

/* Descriptors that a program which we start would get. */
static unsigned inheritable(void)
{
	unsigned count = 0;

	for (int fd = 3; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) == 0;
	return count;
}

/* Sockets that whoever started the program made, each taken once. */
static void sockets_can_be_inherited(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int pair[2], pipes[2], datagrams = socket(AF_UNIX, SOCK_DGRAM, 0), listener = socket(AF_UNIX, SOCK_STREAM, 0);
	char folder[] = "/tmp/cxlvm-test-XXXXXX", spec[64];
	struct loop *loop = loop_new();
	struct sink sink = {0};
	struct chardev *c, *server;
	struct error err;
	pthread_t thread;
	unsigned before;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", folder);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(pipe(pipes), 0);
	const struct {
		int fd;
		const char *rest, *says;
	} bad[] = {
		{1, "", "out of range"},
		{900, "", "no descriptor that this program was started with"},
		{pipes[0], "", "no stream socket"},
		{datagrams, "", "no stream socket"},
		{listener, "", "add server=on"},
		{dup(pair[1]), ",server=on,wait=off", "leave server=on out"},
		{pair[0], ",frob=1", "frob=1: no such key"},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		snprintf(spec, sizeof(spec), "fd:%d%s", bad[i].fd == listener ? dup(listener) : bad[i].fd, bad[i].rest);
		if (chardev_open(spec, loop, NULL, NULL, &err))
			fail_msg("%s is accepted", spec);
		check_says(&err, bad[i].says);
	}
	close(pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(spec, sizeof(spec), "fd:%d", pair[0]);
	before = inheritable();
	c = must_open(spec, loop);
	assert_null(chardev_open(spec, loop, NULL, NULL, &err));
	check_says(&err, "or used already");
	snprintf(spec, sizeof(spec), "fd:%d,server=on,wait=off", listener);
	server = must_open(spec, loop);
	assert_true(chardev_is_socket(c) && chardev_is_socket(server));
	assert_int_equal(inheritable(),
			 before - 2); /* the two that were taken: no other is handed on, or taken for one */
	chardev_connect(c, sink_room, sink_take, &sink);
	pthread_create(&thread, NULL, run, loop);
	assert_int_equal(write(pair[1], "abc", 3), 3);
	sink_fill(loop, c, &sink, 3);
	chardev_write(c, (const u8 *)"hello", 5);
	await(pair[1], "hello");
	for (unsigned i = 0; i < 2; i++) {
		fd = connect_to(address.sun_path);
		for (unsigned n = 0; n < 4000 && chardev_backlog(server) == SIZE_MAX; n++)
			usleep(200);
		chardev_write(server, (const u8 *)"there", 5);
		await(fd, "there");
		close(fd);
		for (unsigned n = 0; n < 4000 && chardev_backlog(server) != SIZE_MAX; n++)
			usleep(200);
	}
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	chardev_close(server);
	close(pair[1]);
	close(pipes[1]);
	assert_int_equal(unlink(address.sun_path), 0); /* not ours */
	rmdir(folder);
	loop_destroy(loop);
}

static void pipes_go_both_ways(void **state)
{
	char folder[] = "/tmp/cxlvm-test-XXXXXX", in[64], out[64], spec[64];
	struct loop *loop = loop_new();
	struct sink sink = {0};
	struct chardev *c;
	struct error err;
	pthread_t thread;

	assert_non_null(mkdtemp(folder));
	snprintf(spec, sizeof(spec), "pipe:%s/p", folder);
	snprintf(in, sizeof(in), "%s/p.in", folder);
	snprintf(out, sizeof(out), "%s/p.out", folder);
	assert_null(chardev_open(spec, loop, NULL, NULL, &err));
	check_says(&err, "mkfifo");
	assert_int_equal(mkfifo(in, 0600), 0);
	close(creat(out, 0600));
	assert_null(chardev_open(spec, loop, NULL, NULL, &err));
	check_says(&err, "it is something else");
	unlink(out);
	assert_int_equal(mkfifo(out, 0600), 0);
	c = must_open(spec, loop);
	chardev_connect(c, sink_room, sink_take, &sink);
	pthread_create(&thread, NULL, run, loop);
	for (unsigned i = 1; i < 3; i++) { /* the other side comes and goes */
		int to = open(in, O_WRONLY | O_NONBLOCK), from = open(out, O_RDONLY | O_NONBLOCK);

		assert_int_equal(write(to, "abc", 3), 3);
		sink_fill(loop, c, &sink, 3 * i);
		chardev_write(c, (const u8 *)"hello", 5);
		await(from, "hello");
		close(to);
		close(from);
	}
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	unlink(in);
	unlink(out);
	rmdir(folder);
	loop_destroy(loop);
}

static void a_log_has_what_nobody_read(void **state)
{
	char name[] = "/tmp/cxlvm-test-XXXXXX", got[32] = {0};
	int fd = mkstemp(name);
	struct error err;

	for (unsigned i = 0; i < 3; i++) {
		struct chardev *c = must_open("null", NULL);

		assert_true(chardev_log(c, name, i == 2, &err));
		chardev_write(c, (const u8 *)"line ", 5);
		chardev_write(c, (const u8 *)&"012"[i], 1);
		assert_false(chardev_log(c, "/nonexistent/x", false, &err));
		check_says(&err, "logfile=/nonexistent/x: cannot write it");
		chardev_close(c);
	}
	assert_int_equal(read(fd, got, sizeof(got)), 12);
	assert_string_equal(got, "line 1line 2");
	close(fd);
	unlink(name);
}

/* A reader that is slow: the writer is never held, and nothing is lost. */
static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A connection that there is no descriptor for is dropped, and the event loop does not turn on it. */
static void connections_without_a_descriptor_are_dropped(void **state)
{
	char folder[] = "/tmp/cxlvm-test-XXXXXX", path[64], spec[128], byte;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct loop *loop = loop_new();
	struct sink sink = {.room = 64};
	struct rlimit limit, few;
	struct pollfd wait = {.events = POLLIN};
	struct chardev *c;
	pthread_t thread;
	double before;
	int fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", path);
	c = must_open(spec, loop);
	chardev_connect(c, sink_room, sink_take, &sink);
	pthread_create(&thread, NULL, run, loop);
	for (unsigned turn = 0; turn < 3; turn++) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		getrlimit(RLIMIT_NOFILE, &limit);
		few = limit;
		few.rlim_cur = (rlim_t)dup(fd); /* the next one that is free: none above it is */
		close((int)few.rlim_cur);
		setrlimit(RLIMIT_NOFILE, &few);
		before = cpu_seconds();
		assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
		wait.fd = fd;
		assert_int_equal(poll(&wait, 1, 5000), 1);
		assert_int_equal(read(fd, &byte, 1), 0);
		usleep(200000);
		if (cpu_seconds() - before > 0.1)
			fail_msg("%.2f s of CPU time", cpu_seconds() - before);
		close(fd);
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	fd = connect_to(path);
	sink.room = 0;
	assert_int_equal(write(fd, "still there", 11), 11);
	sink_fill(loop, c, &sink, 11);
	assert_memory_equal(sink.bytes, "still there", 11);
	close(fd);
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	rmdir(folder);
	loop_destroy(loop);
}

static void count_one(void *opaque)
{
	++*(unsigned *)opaque;
}

static void output_is_kept_for_a_slow_reader(void **state)
{
	enum { TOTAL = 3 * 1024 * 1024 };
	char folder[] = "/tmp/cxlvm-test-XXXXXX", path[64], spec[128];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct loop *loop = loop_new();
	struct chardev *c;
	pthread_t thread;
	u8 bytes[4096];
	size_t got = 0;
	unsigned drained = 0, before;
	int listener, fd;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/s", folder);
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	snprintf(spec, sizeof(spec), "unix:%s", path);
	c = must_open(spec, loop);
	fd = accept(listener, NULL, NULL);
	chardev_on_drain(c, count_one, &drained);
	pthread_create(&thread, NULL, run, loop);
	for (unsigned i = 0; i < TOTAL / sizeof(bytes); i++) {
		memset(bytes, (int)(i % 251), sizeof(bytes));
		chardev_write(c, bytes, sizeof(bytes));
	}
	while (got < TOTAL) {
		ssize_t n = read(fd, bytes, sizeof(bytes));

		assert_true(n > 0);
		for (ssize_t k = 0; k < n; k++)
			assert_int_equal(bytes[k], (got + (size_t)k) / sizeof(bytes) % 251);
		got += (size_t)n;
	}
	loop_lock(loop);
	before = drained; /* some of it was told by now, and the end of the connection is to come */
	loop_unlock(loop);
	assert_true(before > 0);
	close(fd);
	for (unsigned n = 0, now = before; now == before; n++) {
		assert_true(n < 20000);
		usleep(200);
		loop_lock(loop);
		now = drained;
		loop_unlock(loop);
	}
	chardev_write(c, bytes, sizeof(bytes)); /* the reader has gone: no signal, no harm */
	chardev_write(c, bytes, sizeof(bytes));
	loop_quit(loop);
	pthread_join(thread, NULL);
	chardev_close(c);
	close(listener);
	unlink(path);
	rmdir(folder);
	loop_destroy(loop);
}

/* Commands begin with 0xff, data have it twice. [RFC 854] */
static void telnet_tells_data_from_commands(void **state)
{
	static const u8 wanted[] = "\xff\xfb\x01\xff\xfb\x03\xff\xfd\x03"
				   "a\xff\xff\xff\xff"
				   "b\xff\xff";
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	socklen_t size = sizeof(address);
	u8 got[sizeof(wanted) - 1];
	struct loop *loop = loop_new();
	struct chardev *c;
	char spec[64];

	assert_int_equal(bind(listener, (struct sockaddr *)&address, size) | listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	snprintf(spec, sizeof(spec), "telnet:127.0.0.1:%u", ntohs(address.sin_port));
	c = must_open(spec, loop);
	fd = accept(listener, NULL, NULL);
	chardev_write(c,
		      (const u8 *)"a\xff\xff"
				  "b\xff",
		      5);
	chardev_close(c);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
	assert_memory_equal(got, wanted, sizeof(got));
	assert_int_equal(recv(fd, got, sizeof(got), 0), 0);
	close(fd);
	close(listener);
	loop_destroy(loop);
}

/* --- stdio, in a child --- */

struct echo {
	struct loop *loop;
	struct chardev *c;
	size_t room;
	bool crash;
};

static size_t echo_room(void *opaque)
{
	return ((struct echo *)opaque)->room;
}

static void echo_take(void *opaque, const u8 *bytes, size_t size)
{
	struct echo *e = opaque;

	if (e->crash)
		raise(SIGSEGV);
	chardev_write(e->c, bytes, size);
}

static void echo_quit(void *opaque)
{
	loop_quit(((struct echo *)opaque)->loop);
}

/* The child: echoes its input until it is told to quit; exit code 7. */
static pid_t child(const char *spec, int in, int out, size_t room, bool crash)
{
	pid_t pid = fork();
	struct echo e = {.room = room, .crash = crash};
	struct error err;

	if (pid)
		return pid;
	setpgid(0, 0);
	dup2(in, 0);
	dup2(out, 1);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	alarm(20);
	e.loop = loop_new();
	e.c = chardev_open(spec, e.loop, echo_quit, &e, &err);
	if (!e.c)
		_exit(1);
	chardev_connect(e.c, echo_room, echo_take, &e);
	loop_run(e.loop);
	chardev_close(e.c);
	loop_destroy(e.loop);
	_exit(7);
}

static int status_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void ctrl_a_x_leaves_over_pipes(void **state)
{
	int in[2], out[2], status;
	char got[256] = {0};
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = child("mon:stdio", in[0], out[1], 4096, false);
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "ab\1\1c\1a", 7), 7);
	await(out[0], "ab\1c\1");
	assert_int_equal(write(in[1], "\1x", 2), 2);
	status = status_of(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	n = read(out[0], got, sizeof(got) - 1);
	assert_true(n > 0 && strstr(got, "terminated"));
	close(in[1]);
	close(out[0]);
}

static void plain_stdio_has_no_escape_key(void **state)
{
	int in[2], out[2], status;
	pid_t pid;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = child("stdio", in[0], out[1], 4096, false);
	close(in[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "\1x", 2), 2);
	await(out[0], "\1x");
	kill(pid, SIGTERM); /* graceful: asks to quit */
	status = status_of(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(in[1]);
	close(out[0]);
}

static void end_of_input_costs_no_time(void **state)
{
	struct rusage before, after;
	int in[2], out[2];
	pid_t pid;
	u64 spent;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = child("mon:stdio", in[0], out[1], 4096, false);
	close(in[0]);
	assert_int_equal(write(in[1], "end", 3), 3);
	close(in[1]);
	await(out[0], "end");
	getrusage(RUSAGE_CHILDREN, &before);
	usleep(300000);
	kill(pid, SIGTERM);
	assert_true(WIFEXITED(status_of(pid)));
	getrusage(RUSAGE_CHILDREN, &after);
	spent = (u64)(after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 + (u64)after.ru_utime.tv_usec -
		(u64)before.ru_utime.tv_usec;
	assert_true(spent < 150000);
	close(out[0]);
	close(out[1]);
}

static void a_reader_that_goes_away_does_no_harm(void **state)
{
	int in[2], out[2], status;
	pid_t pid;

	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = child("mon:stdio", in[0], out[1], 4096, false);
	close(out[0]);
	close(out[1]);
	assert_int_equal(write(in[1], "lost", 4), 4);
	usleep(50000);
	assert_int_equal(write(in[1], "lost\1x", 6), 6);
	status = status_of(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(in[0]);
	close(in[1]);
}

/* A pseudo-terminal as the child's stdin: its modes before, while and after. */
static int open_terminal(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(*slave >= 0);
	return master;
}

static bool is_raw(int slave)
{
	struct termios t;

	assert_int_equal(tcgetattr(slave, &t), 0);
	return !(t.c_lflag & (ICANON | ECHO));
}

static void await_raw(int slave)
{
	for (unsigned i = 0; i < 5000 && !is_raw(slave); i++)
		usleep(1000);
	assert_true(is_raw(slave));
	usleep(20000);
}

static void the_terminal_is_restored_on_every_way_out(void **state)
{
	static const int signals[] = {0, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGABRT, SIGBUS, -1};

	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
		int slave, master = open_terminal(&slave), status;
		int out = open("/dev/null", O_WRONLY);
		pid_t pid = child("mon:stdio", slave, out, 4096, signals[i] < 0);

		await_raw(slave);
		if (signals[i] > 0)
			kill(pid, signals[i]);
		else
			assert_int_equal(write(master, signals[i] ? "boom" : "\1x", signals[i] ? 4 : 2),
					 signals[i] ? 4 : 2);
		status = status_of(pid);
		if (signals[i] < 0 || signals[i] == SIGQUIT || signals[i] == SIGSEGV || signals[i] == SIGABRT ||
		    signals[i] == SIGBUS)
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == (signals[i] < 0 ? SIGSEGV : signals[i]));
		else
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
		assert_false(is_raw(slave));
		close(out);
		close(slave);
		close(master);
	}
}

static void ctrl_a_x_works_when_the_guest_takes_nothing(void **state)
{
	int slave, master = open_terminal(&slave), out = open("/dev/null", O_WRONLY), status;
	pid_t pid = child("mon:stdio", slave, out, 0, false);
	char line[1000];

	await_raw(slave);
	memset(line, 'k', sizeof(line));
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(write(master, line, sizeof(line)), sizeof(line));
		usleep(5000);
	}
	assert_int_equal(write(master, "\1x", 2), 2);
	status = status_of(pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	close(out);
	close(slave);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(specs_are_checked),
		cmocka_unit_test(files_keep_every_byte),
		cmocka_unit_test(a_server_serves_one_client_after_the_other),
		cmocka_unit_test(connections_without_a_descriptor_are_dropped),
		cmocka_unit_test(a_client_that_left_makes_room),
		cmocka_unit_test(sockets_can_be_inherited),
		cmocka_unit_test(pipes_go_both_ways),
		cmocka_unit_test(a_log_has_what_nobody_read),
		cmocka_unit_test(output_is_kept_for_a_slow_reader),
		cmocka_unit_test(telnet_tells_data_from_commands),
		cmocka_unit_test(ctrl_a_x_leaves_over_pipes),
		cmocka_unit_test(plain_stdio_has_no_escape_key),
		cmocka_unit_test(end_of_input_costs_no_time),
		cmocka_unit_test(a_reader_that_goes_away_does_no_harm),
		cmocka_unit_test(the_terminal_is_restored_on_every_way_out),
		cmocka_unit_test(ctrl_a_x_works_when_the_guest_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
