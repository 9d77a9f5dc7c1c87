/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames on a byte stream, each after its length in 4 bytes, big-endian: to cxlvm-net (with headers and lines of text),
 * and to whoever speaks QEMU's -netdev socket or stream (Ethernet alone). What comes is another's: a length that cannot
 * be cuts the wire.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "host/net_private.h"

#define FLUSH_BYTES (128 * KiB) /* so much is written before a row is over */
/* The machine stands still meanwhile. At its start, a program may take longer. */
#define ANSWER_MS 1000
#define START_MS 5000
#define READS_MAX 4 /* of a call: others have their turn */

static void buffers_make(struct netdev *n)
{
	if (n->in)
		return;
	n->in = malloc(STREAM_IN_BYTES);
	n->out = malloc(STREAM_OUT_BYTES);
	assert(n->in && n->out);
}

static bool out_append(struct netdev *n, u32 prefix, const u8 *bytes, size_t size)
{
	if (n->out_end + MESSAGE_PREFIX + size > STREAM_OUT_BYTES) {
		memmove(n->out, n->out + n->out_start, n->out_end - n->out_start);
		n->out_end -= n->out_start;
		n->out_start = 0;
	}
	/* netdev_has_room has seen to it, but for a monitor's line on a wire that is stuck. */
	if (n->out_end + MESSAGE_PREFIX + size > STREAM_OUT_BYTES)
		return false;
	prefix = htonl(prefix);
	memcpy(n->out + n->out_end, &prefix, MESSAGE_PREFIX);
	memcpy(n->out + n->out_end + MESSAGE_PREFIX, bytes, size);
	n->out_end += MESSAGE_PREFIX + size;
	return true;
}

void stream_send(struct netdev *n, u8 *frame, size_t size)
{
	size_t skip = n->has_header ? 0 : FRAME_HEADER;

	out_append(n, (u32)(size - skip), frame + skip, size - skip);
	if (n->out_end - n->out_start >= FLUSH_BYTES)
		stream_flush(n);
}

void stream_flush(struct netdev *n)
{
	while (n->out_start < n->out_end) {
		ssize_t done =
			send(n->fd, n->out + n->out_start, n->out_end - n->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			if (errno != EAGAIN)
				netdev_down(n);
			return;
		}
		n->out_start += (size_t)done;
	}
	n->out_start = n->out_end = 0;
}

/* The message at the start of `in`; false: not whole yet, or (the wire is cut) not one. */
static bool next_message(struct netdev *n, size_t at, u32 *prefix, u32 *size)
{
	if (n->in_end - at < MESSAGE_PREFIX)
		return false;
	memcpy(prefix, n->in + at, MESSAGE_PREFIX);
	*prefix = ntohl(*prefix);
	*size = *prefix & ~MESSAGE_TEXT;
	if ((*prefix & MESSAGE_TEXT) ? !n->has_header || *size > MESSAGE_TEXT_MAX :
				       *size > (n->has_header ? FRAME_MAX : ETHERNET_MAX)) {
		netdev_down(n);
		return false;
	}
	return n->in_end - at - MESSAGE_PREFIX >= *size;
}

static bool message_take(struct netdev *n, const u8 *bytes, u32 prefix, u32 size)
{
	u8 frame[FRAME_HEADER + ETHERNET_MAX];

	if (prefix & MESSAGE_TEXT) { /* nobody waits for it any more */
		n->owed -= n->owed > 0;
		return true;
	}
	if (n->has_header)
		return size < FRAME_HEADER + ETHERNET_HEADER || netdev_deliver(n, bytes, size);
	if (size < ETHERNET_HEADER)
		return true;
	memset(frame, 0, FRAME_HEADER);
	memcpy(frame + FRAME_HEADER, bytes, size);
	return netdev_deliver(n, frame, FRAME_HEADER + size);
}

/* Gives what is whole in `in` to the peer, until that has no room. */
static void messages_deliver(struct netdev *n)
{
	u32 prefix, size;
	bool any = false;

	while (n->fd >= 0 && next_message(n, n->in_start, &prefix, &size)) {
		if (!message_take(n, n->in + n->in_start + MESSAGE_PREFIX, prefix, size))
			break;
		if (n->fd < 0)
			break;
		any = true;
		n->in_start += MESSAGE_PREFIX + size;
	}
	if (n->in_start == n->in_end)
		n->in_start = n->in_end = 0;
	if (any && n->peer)
		n->peer->received(n->peer_opaque);
}

/* Reads once; false: nothing came. */
static bool in_read(struct netdev *n)
{
	ssize_t got;

	if (n->in_start && STREAM_IN_BYTES - n->in_end < MESSAGE_PREFIX + FRAME_MAX) {
		memmove(n->in, n->in + n->in_start, n->in_end - n->in_start);
		n->in_end -= n->in_start;
		n->in_start = 0;
	}
	if (n->in_end == STREAM_IN_BYTES)
		return false;
	got = recv(n->fd, n->in + n->in_end, STREAM_IN_BYTES - n->in_end, MSG_DONTWAIT);
	if (got > 0) {
		n->in_end += (size_t)got;
		return true;
	}
	if (!got || (errno != EAGAIN && errno != EINTR))
		netdev_down(n);
	return false;
}

void stream_readable(struct netdev *n)
{
	messages_deliver(n);
	for (unsigned i = 0; i < READS_MAX && n->fd >= 0 && !n->held && in_read(n); i++)
		messages_deliver(n);
}

bool stream_tell(struct netdev *n, const char *line)
{
	bool ok = out_append(n, MESSAGE_TEXT | (u32)strlen(line), (const u8 *)line, strlen(line));

	stream_flush(n);
	netdev_watch(n);
	return ok;
}

/* Takes the first answer out of `in` that is not an earlier question's, over frames that wait; malloc'd. */
static char *answer_find(struct netdev *n)
{
	size_t at = n->in_start;
	u32 prefix, size;

	while (n->fd >= 0 && next_message(n, at, &prefix, &size)) {
		size_t whole = MESSAGE_PREFIX + size;
		char *answer = NULL;

		if (!(prefix & MESSAGE_TEXT)) {
			at += whole;
			continue;
		}
		if (n->owed)
			n->owed--;
		else
			answer = strndup((const char *)n->in + at + MESSAGE_PREFIX, size);
		memmove(n->in + at, n->in + at + whole, n->in_end - at - whole);
		n->in_end -= whole;
		if (answer)
			return answer;
	}
	return NULL;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

char *stream_ask(struct netdev *n, const char *line)
{
	int64_t end = now_ms() + (line ? ANSWER_MS : START_MS), left;
	char *answer = NULL;

	buffers_make(n);
	if (n->owed && in_read(n))
		free(answer_find(n));
	if (n->owed || (line && !stream_tell(n, line)))
		return NULL;
	while (n->fd >= 0 && !(answer = answer_find(n)) && (left = end - now_ms()) > 0) {
		struct pollfd wait = {.fd = n->fd, .events = POLLIN};
		int ready = poll(&wait, 1, (int)left);

		if (ready > 0 ? !in_read(n) : ready < 0 && errno != EINTR)
			break;
	}
	n->owed += !answer;
	return answer;
}

/* --- -netdev socket and stream --- */

static void accepted(void *opaque, u32 events)
{
	struct netdev *n = opaque;
	int fd = host_accept(n->listen_fd, SOCK_NONBLOCK), one = 1;

	if (fd < 0)
		return;
	if (n->fd >= 0) { /* a wire has two ends */
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	netdev_up(n, fd);
}

static bool socket_connect(struct netdev *n, const struct sockaddr *address, socklen_t size, bool server,
			   const char *name, struct error *err)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	struct timeval limit = {.tv_sec = ANSWER_MS / 1000};

	buffers_make(n);
	if (fd < 0)
		return fail(err, "%s: no socket: %s", name, strerror(errno));
	if (!server) {
		/* One that listens and takes nobody. (What is sent later never waits.) */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, address, size)) {
			close(fd);
			return fail(err, "%s: no connection: %s", name, strerror(errno));
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		netdev_up(n, fd);
		return true;
	}
	n->listen_fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->sa_family == AF_UNIX)
		fchmod(fd, 0600);
	if (bind(fd, address, size) || !host_listen(fd))
		return fail(err, "%s: cannot be listened on: %s", name, strerror(errno));
	return loop_watch(n->loop, fd, EPOLLIN, accepted, n, err);
}

static bool inet_connect(struct netdev *n, const char *host, size_t length, const char *port_text, bool server,
			 const char *name, struct error *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	u64 port;

	if (length && !(length == 9 && (!memcmp(host, "127.0.0.1", 9) || !memcmp(host, "localhost", 9))))
		return fail(err, "%s: only this host is reached; write 127.0.0.1", name);
	if (!parse_u64("port", port_text, 1, 65535, &port, err))
		return false;
	address.sin_port = htons((u16)port);
	snprintf(n->description, sizeof(n->description), "%s 127.0.0.1:%u", server ? "listens on" : "connected to",
		 (unsigned)port);
	return socket_connect(n, (struct sockaddr *)&address, sizeof(address), server, name, err);
}

bool socket_open(struct netdev *n, struct opts *opts, struct error *err)
{
	const char *listens = opts_get(opts, "listen"), *connects = opts_get(opts, "connect"),
		   *name = listens ? listens : connects, *colon;

	if (opts_get(opts, "mcast") || opts_get(opts, "udp") || opts_get(opts, "fd"))
		return fail(err, "socket: mcast=, udp= and fd= are not built; write listen=:PORT or connect=:PORT");
	if (!listens == !connects)
		return fail(err, "socket: it needs one of listen=:PORT and connect=127.0.0.1:PORT");
	colon = strrchr(name, ':');
	if (!colon)
		return fail(err, "%s=%s: no port; write %s=127.0.0.1:PORT", listens ? "listen" : "connect", name,
			    listens ? "listen" : "connect");
	return opts_all_used(opts, "-netdev", err) &&
	       inet_connect(n, name, (size_t)(colon - name), colon + 1, listens != NULL, name, err);
}

bool stream_open(struct netdev *n, struct opts *opts, struct error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *type = opts_get(opts, "addr.type"), *path = opts_get(opts, "addr.path"),
		   *text = opts_get(opts, "server");
	const char *host = opts_get(opts, "addr.host"), *port = opts_get(opts, "addr.port");
	bool server = false;
	struct stat st;

	if (text && !parse_bool("server", text, &server, err))
		return false;
	if (!type || (strcmp(type, "unix") && strcmp(type, "inet")))
		return fail(
			err,
			"stream: write addr.type=unix,addr.path=PATH or addr.type=inet,addr.host=127.0.0.1,addr.port=PORT");
	if (!opts_all_used(opts, "-netdev", err))
		return false;
	if (!strcmp(type, "inet"))
		return port ? inet_connect(n, host ? host : "", host ? strlen(host) : 0, port, server,
					   host ? host : "addr.host=", err) :
			      fail(err, "stream: addr.type=inet needs addr.port=PORT");
	if (!path || !*path || strlen(path) >= sizeof(address.sun_path))
		return fail(err, "addr.path=%s: a socket's path has 1 to %zu bytes", path ? path : "",
			    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	if (server && !stat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	snprintf(n->description, sizeof(n->description), "%s %.200s", server ? "listens on" : "connected to", path);
	if (!socket_connect(n, (struct sockaddr *)&address, sizeof(address), server, path, err))
		return false;
	if (server)
		n->socket_path = strdup(path);
	return true;
}
