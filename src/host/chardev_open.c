/* SPDX-License-Identifier: BSD-2-Clause */
/* From the words after -serial to an open byte stream: stdio, files, pseudo-terminals, sockets of this host. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "host/chardev_private.h"
#include "host/terminal.h"
#include "obj/prop.h"

/* Standard output through a description of our own, so that making it non-blocking does not do so to the shell's. */
static void open_stdout(struct chardev *c)
{
	struct stat st;
	int fd;

	if (fstat(STDOUT_FILENO, &st)) {
		chardev_set_output(c, -1, OUT_NONE);
		return;
	}
	if (S_ISSOCK(st.st_mode)) {
		fd = chardev_dup(STDOUT_FILENO);
		chardev_set_output(c, fd, fd >= 0 ? OUT_SOCKET : OUT_NONE);
		return;
	}
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0) {
			chardev_set_output(c, fd, OUT_NONBLOCK);
			return;
		}
	}
	fd = chardev_dup(STDOUT_FILENO);
	chardev_set_output(c, fd, fd < 0 ? OUT_NONE : S_ISREG(st.st_mode) ? OUT_FILE : OUT_POLLED);
}

static bool switch_of(struct opts *opts, const char *key, bool initial, bool *value, struct error *err)
{
	const char *text = opts_get(opts, key);

	*value = initial;
	return !text || parse_bool(key, text, value, err);
}

static bool open_stdio(struct chardev *c, struct opts *opts, struct error *err)
{
	bool signals, mux;

	if (!switch_of(opts, "mux", c->mux, &mux, err) || !switch_of(opts, "signal", !mux, &signals, err))
		return false;
	c->mux = mux;
	c->is_stdio = true;
	c->in_fd = STDIN_FILENO;
	c->is_terminal = isatty(STDIN_FILENO);
	terminal_raw(STDIN_FILENO, signals);
	open_stdout(c);
	return !c->quit || !c->loop || quit_signals_watch(c->loop, c->quit, c->quit_opaque, err);
}

static int open_output(const char *key, const char *path, bool append, struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (append ? O_APPEND : O_TRUNC),
		      0644);

	if (fd < 0)
		fail(err, "%s=%s: cannot write it: %s", key, path,
		     errno == ENXIO ? "a FIFO that nobody reads" : strerror(errno));
	return fd;
}

static bool open_file(struct chardev *c, struct opts *opts, struct error *err)
{
	const char *path = opts_get(opts, "path");
	bool append;
	int fd;

	if (!switch_of(opts, "append", false, &append, err))
		return false;
	if (!path)
		return fail(err, "the file name is empty; write file:PATH");
	if ((fd = open_output("path", path, append, err)) < 0)
		return false;
	chardev_set_output(c, fd, OUT_FILE);
	return true;
}

static bool open_pty(struct chardev *c, struct error *err)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK), out;
	struct termios raw;
	char name[120];

	if (master < 0)
		return fail(err, "the host gives no pseudo-terminal: %s", strerror(errno));
	c->in_fd = master;
	if (grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name)))
		return fail(err, "the host gives no pseudo-terminal: %s", strerror(errno));
	/* Kept open, so that the other side may come and go without an end of file. */
	c->slave_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave_fd >= 0 && !tcgetattr(c->slave_fd, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(c->slave_fd, TCSANOW, &raw);
	}
	out = chardev_dup(master);
	chardev_set_output(c, out, out >= 0 ? OUT_NONBLOCK : OUT_NONE);
	c->out_max = 64 * KiB; /* before somebody attaches, little is worth keeping */
	snprintf(c->pty, sizeof(c->pty), "pty:%s", name);
	fprintf(stderr, "char device redirected to %s\n", name);
	return true;
}

static bool server_options(struct opts *opts, bool *server, bool *wait, struct error *err)
{
	bool nowait, nodelay;

	return switch_of(opts, "server", false, server, err) && switch_of(opts, "nowait", false, &nowait, err) &&
	       switch_of(opts, "wait", !nowait, wait, err) && switch_of(opts, "nodelay", false, &nodelay, err);
}

/* Until the first client comes, or a signal asks us to end: the event loop does not run yet. */
static bool await_client(struct chardev *c, const char *name, struct error *err)
{
	struct pollfd events[2] = {{.fd = c->listen_fd, .events = POLLIN}, {.fd = quit_signals_fd(), .events = POLLIN}};
	int client = -1;

	notice("waiting for a connection on %s", name);
	do {
		if (poll(events, 2, -1) > 0 && events[1].revents)
			return fail(err, "%s: nobody came before a signal ended this; add wait=off and it starts alone",
				    name);
		if (events[0].revents)
			client = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	} while (client < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED));
	if (client < 0)
		return fail(err, "%s: no connection: %s", name, strerror(errno));
	chardev_attach_socket(c, client);
	return true;
}

/* Takes the socket: listening, or connected. */
static bool open_socket(struct chardev *c, int fd, const struct sockaddr *address, socklen_t length, bool server,
			const char *name, struct error *err)
{
	int one = 1;

	if (fd < 0)
		return fail(err, "the host gives no socket: %s", strerror(errno));
	if (!server) {
		if (connect(fd, address, length)) {
			fail(err, "%s: cannot connect: %s; start the other side first, or add server=on,wait=off", name,
			     strerror(errno));
			close(fd);
			return false;
		}
		chardev_attach_socket(c, fd);
		return true;
	}
	c->listen_fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, address, length) || !host_listen(fd))
		return fail(err, "%s: cannot listen: %s", name, strerror(errno));
	return true;
}

static bool open_unix(struct chardev *c, struct opts *opts, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path = opts_get(opts, "path");
	bool server, wait;
	struct stat st;
	int fd;

	if (!server_options(opts, &server, &wait, err))
		return false;
	if (!path || !*path || strlen(path) >= sizeof(address.sun_path))
		return fail(err, "path=%s: a socket's path has 1 to %zu bytes; write unix:PATH", path ? path : "",
			    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server) {
		if (!stat(path, &st) && S_ISSOCK(st.st_mode))
			unlink(path);
		fchmod(fd, 0600); /* before bind: the file is this user's alone from the beginning */
	}
	if (!open_socket(c, fd, (struct sockaddr *)&address, sizeof(address), server, path, err))
		return false;
	if (server)
		c->socket_path = strdup(path);
	return !server || !wait || await_client(c, path, err);
}

static bool open_tcp(struct chardev *c, struct opts *opts, struct error *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *name = opts_get(opts, "address"), *colon = name ? strrchr(name, ':') : NULL;
	bool server, wait;
	size_t length;
	u64 port;

	if (!server_options(opts, &server, &wait, err))
		return false;
	if (!colon)
		return fail(err, "address=%s: no port; write tcp:127.0.0.1:PORT", name ? name : "");
	length = (size_t)(colon - name);
	if (length && !(length == 9 && (!memcmp(name, "127.0.0.1", 9) || !memcmp(name, "localhost", 9))))
		return fail(err, "address=%s: only this host is served; write tcp:127.0.0.1:PORT", name);
	if (!parse_u64("port", colon + 1, 1, 65535, &port, err))
		return false;
	address.sin_port = htons((u16)port);
	return open_socket(c, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&address,
			   sizeof(address), server, name, err) &&
	       (!server || !wait || await_client(c, name, err));
}

static bool open_telnet(struct chardev *c, struct opts *opts, struct error *err)
{
	c->telnet = true;
	return open_tcp(c, opts, err);
}

/* -1: none, with errno. Also its writer, we see no end of file; also its reader, it opens though nobody reads. */
static int open_fifo(const char *path, const char *end)
{
	char name[4096];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "%s%s", path, end);
	fd = open(name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISFIFO(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

/* PATH.in and PATH.out, or PATH for both. */
static bool open_pipe(struct chardev *c, struct opts *opts, struct error *err)
{
	const char *path = opts_get(opts, "path");
	bool two;
	int out;

	if (!path || strlen(path) > 4000)
		return fail(err, "path=%.60s: a path has 1 to 4000 bytes; write pipe:PATH", path ? path : "");
	c->in_fd = open_fifo(path, ".in");
	two = c->in_fd >= 0;
	if (!two)
		c->in_fd = open_fifo(path, "");
	out = open_fifo(path, two ? ".out" : "");
	chardev_set_output(c, out, out >= 0 ? OUT_NONBLOCK : OUT_NONE);
	return out >= 0 ||
	       fail(err, "path=%s: no FIFO %s%s: %s; make both with mkfifo %s.in %s.out", path, path, two ? ".out" : "",
		    errno == EINVAL ? "it is something else" : strerror(errno), path, path);
}

static int socket_option(int fd, int option)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? -1 : value;
}

/* A socket that whoever started us made: one end of a pair, or listening. */
static bool open_fd(struct chardev *c, struct opts *opts, struct error *err)
{
	const char *text = opts_get(opts, "fd");
	bool server, wait;
	int fd;

	if (!server_options(opts, &server, &wait, err) || (fd = file_inherited("fd", text ? text : "", err)) < 0)
		return false;
	if (server)
		c->listen_fd = fd;
	else
		c->in_fd = fd;
	if (socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return fail(err, "fd=%s: it is no stream socket", text);
	if (socket_option(fd, SO_ACCEPTCONN) != server)
		return fail(err, "fd=%s: the socket %s", text,
			    server ? "does not listen; leave server=on out" : "listens; add server=on");
	if (!server)
		chardev_attach_socket(c, fd);
	else if (!host_listen(fd))
		return fail(err, "fd=%s: cannot listen: %s", text, strerror(errno));
	return !server || !wait || await_client(c, text, err);
}

static bool open_nothing(struct chardev *c, struct opts *opts, struct error *err)
{
	return true;
}

static bool open_pty_opts(struct chardev *c, struct opts *opts, struct error *err)
{
	return open_pty(c, err);
}

static const struct {
	const char *name, *implied; /* implied: key of what follows the colon */
	bool (*open)(struct chardev *c, struct opts *opts, struct error *err);
} kinds[] = {
	{"stdio", NULL, open_stdio},  {"null", NULL, open_nothing},       {"none", NULL, open_nothing},
	{"pty", NULL, open_pty_opts}, {"file", "path", open_file},        {"unix", "path", open_unix},
	{"tcp", "address", open_tcp}, {"telnet", "address", open_telnet}, {"fd", "fd", open_fd},
	{"pipe", "path", open_pipe},
};

static bool open_spec(struct chardev *c, const char *spec, struct error *err)
{
	size_t length;

	if (!strncmp(spec, "mon:", 4)) {
		c->mux = true;
		spec += 4;
	}
	length = strcspn(spec, ":,");
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		const char *rest = spec + length;
		struct opts *opts;
		bool ok;

		if (strlen(kinds[i].name) != length || memcmp(kinds[i].name, spec, length))
			continue;
		if ((*rest == ':') != (kinds[i].implied != NULL))
			break;
		opts = calloc(1, sizeof(*opts));
		assert(opts);
		ok = opts_parse(opts, *rest ? rest + 1 : rest, kinds[i].implied, err);
		ok = ok && kinds[i].open(c, opts, err) && opts_all_used(opts, kinds[i].name, err);
		opts_free(opts);
		free(opts);
		return ok;
	}
	return fail(err, "no such character device; write stdio, mon:stdio, null, none, file:PATH, pty, "
			 "pipe:PATH, unix:PATH,server=on,wait=off or tcp:127.0.0.1:PORT");
}

struct chardev *chardev_new(struct loop *loop)
{
	struct chardev *c = calloc(1, sizeof(*c));

	assert(c);
	c->loop = loop;
	c->in_fd = c->listen_fd = c->slave_fd = c->out_fd = c->log_fd = -1;
	c->out_max = CHARDEV_OUTPUT_BYTES_MAX;
	c->escape = 1;
	pthread_mutex_init(&c->out_lock, NULL);
	return c;
}

bool chardev_log(struct chardev *c, const char *path, bool append, struct error *err)
{
	int fd = open_output("logfile", path, append, err);

	if (fd < 0)
		return false;
	pthread_mutex_lock(&c->out_lock);
	c->log_fd = fd;
	pthread_mutex_unlock(&c->out_lock);
	return true;
}

struct chardev *chardev_open(const char *spec, struct loop *loop, void (*quit)(void *opaque), void *opaque,
			     struct error *err)
{
	struct chardev *c = chardev_new(loop);

	c->quit = quit;
	c->quit_opaque = opaque;
	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write() */
	if (!open_spec(c, spec, err)) {
		chardev_close(c);
		return NULL;
	}
	chardev_watch_input(c);
	return c;
}
