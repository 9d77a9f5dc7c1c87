/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A two-way byte stream between a device and the host. Input: read in the loop thread into a small buffer and given to
 * the device as it has room. Output: written at once if the host takes it, else kept and written when it does; the
 * caller never waits. What exceeds 16 MiB is dropped and counted. The escape key is looked for even while the guest
 * takes nothing, so that Ctrl-A x ends a machine that hangs.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/chardev_private.h"
#include "host/terminal.h"

/* Telnet. [RFC 854, 857, 858] */
enum {
	TELNET_IAC = 255,
	TELNET_DO = 253,
	TELNET_WILL = 251,
	TELNET_SB = 250,
	TELNET_SE = 240,
	TELNET_ECHO = 1,
	TELNET_SGA = 3
};

/* --- output --- */

/* Said once: a file may grow no more, and nobody else tells. A reader that goes away is no error. */
static void tell_loss(struct chardev *c, enum out_kind kind, int error)
{
	if (c->loss_told || (kind != OUT_FILE && error != ENOSPC))
		return;
	c->loss_told = true;
	fprintf(stderr, "cxlvm: console output to a file is lost: %s\n", strerror(error));
}

/* Writes what the host takes without waiting; -1: nobody will ever read this again. */
static ssize_t write_some(struct chardev *c, const u8 *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		size_t part = size - done;
		ssize_t put;

		if (c->out_kind == OUT_POLLED) {
			struct pollfd p = {.fd = c->out_fd, .events = POLLOUT};

			if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLOUT | POLLERR | POLLHUP)))
				break;
			part = MIN(part, 256);
		}
		if (c->out_kind == OUT_SOCKET)
			put = send(c->out_fd, bytes + done, part, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			put = write(c->out_fd, bytes + done, part);
		if (put > 0)
			done += (size_t)put;
		else if (put < 0 && errno == EINTR)
			continue;
		else if (put < 0 && errno != EAGAIN)
			return tell_loss(c, c->out_kind, errno), -1;
		else
			break;
	}
	return (ssize_t)done;
}

static void out_drop(struct chardev *c)
{
	c->out_count = 0;
	c->out_from = 0;
}

/* out_lock held: what is kept, as far as the host takes it. False: the output is dead. */
static bool out_flush(struct chardev *c)
{
	ssize_t put = c->out_kind == OUT_NONE ? -1 : write_some(c, c->out + c->out_from, c->out_count);

	if (put < 0) {
		out_drop(c);
		if (c->out_kind != OUT_FILE)
			c->out_kind = OUT_NONE;
		return false;
	}
	c->out_from += (size_t)put;
	c->out_count -= (size_t)put;
	if (!c->out_count)
		c->out_from = 0;
	return true;
}

static void out_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	int fd = -1;

	pthread_mutex_lock(&c->out_lock);
	if (!out_flush(c) || !c->out_count) {
		c->out_armed = false;
		fd = c->out_fd;
	}
	pthread_mutex_unlock(&c->out_lock);
	if (fd >= 0)
		loop_unwatch(c->loop, fd);
	chardev_kick(c); /* a device may have taken nothing because of the backlog */
	if (c->drained)
		c->drained(c->drained_opaque);
}

static void chardev_free(struct chardev *c)
{
	if (c->log_fd >= 0)
		close(c->log_fd);
	pthread_mutex_destroy(&c->out_lock);
	free(c->out);
	free(c->socket_path);
	free(c);
}

/* In the loop thread, because arming takes the machine lock, which the writer may not take inside the output lock. */
static void out_arm(void *opaque)
{
	struct chardev *c = opaque;
	struct error err;
	bool last, watch;
	int fd;

	pthread_mutex_lock(&c->out_lock);
	last = !--c->out_deferred && c->closed;
	watch = !c->closed && c->out_armed && c->out_fd >= 0;
	fd = c->out_fd;
	pthread_mutex_unlock(&c->out_lock);
	if (last)
		chardev_free(c);
	else if (watch)
		loop_watch(c->loop, fd, EPOLLOUT, out_ready, c, &err);
}

static void out_keep(struct chardev *c, const u8 *bytes, size_t size)
{
	size_t room = c->out_max - MIN(c->out_max, c->out_count), part = MIN(size, room);

	c->out_dropped += size - part;
	if (c->out_from + c->out_count + part > c->out_room) {
		if (c->out_count)
			memmove(c->out, c->out + c->out_from, c->out_count);
		c->out_from = 0;
		if (c->out_count + part > c->out_room) {
			size_t wanted = MAX(c->out_room * 2, c->out_count + part);
			u8 *more = realloc(c->out, wanted);

			if (!more) {
				c->out_dropped += part;
				return;
			}
			c->out = more;
			c->out_room = wanted;
		}
	}
	memcpy(c->out + c->out_from + c->out_count, bytes, part);
	c->out_count += part;
}

/* A log that the disk has no room for is shorter. */
static void log_write(struct chardev *c, const u8 *bytes, size_t size)
{
	while (size) {
		ssize_t put = write(c->log_fd, bytes, size);

		if (put > 0) {
			bytes += put;
			size -= (size_t)put;
		} else if (errno != EINTR) {
			tell_loss(c, OUT_FILE, errno);
			return;
		}
	}
}

/* out_lock held. */
static void out_put(struct chardev *c, const u8 *bytes, size_t size)
{
	ssize_t put = 0;

	if (c->out_kind == OUT_NONE || !size)
		return;
	if (!c->out_count)
		put = write_some(c, bytes, size);
	if (put < 0) {
		if (c->out_kind != OUT_FILE) /* a full disk may have room again */
			c->out_kind = OUT_NONE;
	} else if ((size_t)put < size) {
		out_keep(c, bytes + put, size - (size_t)put);
		if (!c->out_armed && c->loop) {
			c->out_armed = true;
			c->out_deferred++;
			loop_defer(c->loop, out_arm, c);
		}
	}
}

/* out_lock held. A byte that begins telnet's commands is data if it comes twice. [RFC 854] */
static void out_put_telnet(struct chardev *c, const u8 *bytes, size_t size)
{
	while (size) {
		const u8 *iac = memchr(bytes, TELNET_IAC, size);
		size_t part = iac ? (size_t)(iac - bytes) + 1 : size;

		out_put(c, bytes, part);
		if (iac)
			out_put(c, iac, 1);
		bytes += part;
		size -= part;
	}
}

void chardev_write(struct chardev *c, const u8 *bytes, size_t size)
{
	pthread_mutex_lock(&c->out_lock);
	if (c->exit_with)
		chardev_test_write(c, bytes, size);
	if (c->log_fd >= 0)
		log_write(c, bytes, size);
	if (c->telnet)
		out_put_telnet(c, bytes, size);
	else
		out_put(c, bytes, size);
	pthread_mutex_unlock(&c->out_lock);
}

void chardev_set_output(struct chardev *c, int fd, enum out_kind kind)
{
	int old;
	bool armed;

	pthread_mutex_lock(&c->out_lock);
	old = c->out_fd;
	armed = c->out_armed;
	c->out_fd = fd;
	c->out_kind = kind;
	c->out_armed = false;
	out_drop(c);
	pthread_mutex_unlock(&c->out_lock);
	if (old >= 0) {
		if (armed)
			loop_unwatch(c->loop, old);
		close(old);
	}
}

static void print(struct chardev *c, const char *text)
{
	chardev_write(c, (const u8 *)text, strlen(text));
}

/* --- input --- */

static void deliver(struct chardev *c);

static void escape_command(struct chardev *c, u8 key)
{
	switch (key) {
	case 'x':
		print(c, "\r\ncxlvm: terminated\r\n");
		if (c->quit)
			c->quit(c->quit_opaque);
		break;
	case 'c':
		if (!c->take_second) {
			print(c, "\r\n[there is no monitor here]\r\n");
			break;
		}
		deliver(c); /* what came before is the other's */
		c->at_second = !c->at_second;
		c->input_count = 0;
		c->turned(c->second, c->at_second);
		break;
	case 'b': print(c, "\r\n[sending a break is not built]\r\n"); break;
	case 'h':
	case '?':
		print(c,
		      "\r\nC-a h    print this help\r\nC-a x    exit the emulator\r\nC-a c    switch between console and monitor\r\n"
		      "C-a C-a  send C-a\r\n");
		break;
	default: break;
	}
}

static void keep_input(struct chardev *c, u8 byte)
{
	if (c->input_count < sizeof(c->input))
		c->input[c->input_count++] = byte;
}

/* Keeps what is no escape sequence, as far as there is room. */
static void filter_escapes(struct chardev *c, const u8 *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (c->in_escape) {
			c->in_escape = false;
			if (bytes[i] == c->escape || bytes[i] == 'a')
				keep_input(c, c->escape);
			else
				escape_command(c, bytes[i]);
		} else if (c->escape && bytes[i] == c->escape) {
			c->in_escape = true;
		} else {
			keep_input(c, bytes[i]);
		}
	}
}

/* Takes telnet's commands out of the bytes; returns how many are left. */
static size_t filter_telnet(struct chardev *c, u8 *bytes, size_t size)
{
	enum { PLAIN, IAC, OPTION, SUB, SUB_IAC, CR };
	size_t kept = 0;

	for (size_t i = 0; i < size; i++) {
		u8 b = bytes[i];

		switch (c->telnet_state) {
		case IAC:
			if (b == TELNET_IAC)
				bytes[kept++] = b;
			c->telnet_state = b == TELNET_SB ? SUB : b >= TELNET_WILL && b < TELNET_IAC ? OPTION : PLAIN;
			break;
		case OPTION: c->telnet_state = PLAIN; break;
		case SUB: c->telnet_state = b == TELNET_IAC ? SUB_IAC : SUB; break;
		case SUB_IAC: c->telnet_state = b == TELNET_SE ? PLAIN : SUB; break;
		case CR:
			c->telnet_state = PLAIN;
			if (!b || b == '\n')
				break; /* the end of line's second half */
				       /* fallthrough */
		default:
			if (b == TELNET_IAC)
				c->telnet_state = IAC;
			else
				bytes[kept++] = b;
			if (b == '\r')
				c->telnet_state = CR;
		}
	}
	return kept;
}

static size_t room_of(struct chardev *c)
{
	return c->at_second ? c->can_take_second(c->second) : c->take ? c->can_take(c->opaque) : 0;
}

/* Machine lock held. */
static void deliver(struct chardev *c)
{
	size_t room;

	if (c->delivering)
		return;
	c->delivering = true;
	while (c->input_count && (room = room_of(c)) > 0) {
		size_t part = MIN(room, c->input_count);
		u8 bytes[CHARDEV_INPUT_BYTES];

		memcpy(bytes, c->input, part);
		c->input_count -= part;
		memmove(c->input, c->input + part, c->input_count);
		if (c->at_second)
			c->take_second(c->second, bytes, part);
		else
			c->take(c->opaque, bytes, part);
	}
	c->delivering = false;
}

/* Machine lock held. What becomes of a connection that ended. */
static void input_ended(struct chardev *c)
{
	loop_unwatch(c->loop, c->in_fd);
	c->in_watched = false;
	if (!c->is_stdio)
		close(c->in_fd);
	c->in_fd = -1;
	if (c->listen_fd >= 0) {
		chardev_set_output(c, -1, OUT_NONE);
		chardev_watch_input(c);
	}
	if (c->changed) {
		c->input_count = 0;
		c->changed(c->changed_opaque, false);
	}
	if (c->drained)
		c->drained(c->drained_opaque);
}

static void connection_ready(void *opaque, u32 events);

/* A client has gone, and the device has not taken all that he sent. It may yet, unless another client comes. */
static void client_gone(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	struct error err;

	loop_unwatch(c->loop, c->in_fd);
	loop_watch(c->loop, c->listen_fd, EPOLLIN, connection_ready, c, &err);
}

/* Until chardev_kick finds room again. */
static void input_rest(struct chardev *c)
{
	struct error err;

	c->in_watched = false;
	if (c->listen_fd >= 0)
		loop_watch(c->loop, c->in_fd, EPOLLRDHUP, client_gone, c, &err);
	else
		loop_unwatch(c->loop, c->in_fd);
}

static void input_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	size_t room = sizeof(c->input) - c->input_count;
	u8 bytes[CHARDEV_INPUT_BYTES];
	ssize_t got;

	if (!room && !(c->mux && c->is_terminal)) {
		input_rest(c);
		return;
	}
	/* A person at the keys of a guest that takes nothing: look for the escape key, drop what there is no room for.
	 */
	if (c->is_stdio)
		terminal_input();
	got = read(c->in_fd, bytes, room ? room : sizeof(bytes));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) {
		input_ended(c);
		return;
	}
	if (c->telnet)
		got = (ssize_t)filter_telnet(c, bytes, (size_t)got);
	if (c->mux) {
		filter_escapes(c, bytes, (size_t)got);
	} else if (room) {
		memcpy(c->input + c->input_count, bytes, (size_t)got);
		c->input_count += (size_t)got;
	}
	deliver(c);
}

static void connection_ready(void *opaque, u32 events)
{
	struct chardev *c = opaque;
	int fd = host_accept(c->listen_fd, 0);

	if (fd < 0)
		return;
	if (c->in_fd >= 0) { /* client_gone: what he left goes with him */
		c->input_count = 0;
		input_ended(c);
	}
	loop_unwatch(c->loop, c->listen_fd);
	chardev_attach_socket(c, fd);
}

void chardev_attach_socket(struct chardev *c, int fd)
{
	int out = chardev_dup(fd);

	c->in_fd = fd;
	c->in_watched = false;
	chardev_set_output(c, out, out >= 0 ? OUT_SOCKET : OUT_NONE);
	c->telnet_state = 0;
	if (c->telnet) {
		static const u8 offer[] = {TELNET_IAC, TELNET_WILL, TELNET_ECHO, TELNET_IAC, TELNET_WILL,
					   TELNET_SGA, TELNET_IAC,  TELNET_DO,   TELNET_SGA};

		pthread_mutex_lock(&c->out_lock);
		out_put(c, offer, sizeof(offer));
		pthread_mutex_unlock(&c->out_lock);
	}
	chardev_watch_input(c);
	if (c->changed)
		c->changed(c->changed_opaque, true);
}

void chardev_watch_input(struct chardev *c)
{
	struct error err;

	if (!c->loop || c->in_watched)
		return;
	if (c->in_fd >= 0 && c->listen_fd >= 0)
		loop_unwatch(c->loop, c->listen_fd); /* client_gone */
	if (c->in_fd >= 0)
		c->in_watched = loop_watch(c->loop, c->in_fd, EPOLLIN, input_ready, c, &err);
	else if (c->listen_fd >= 0)
		c->in_watched = loop_watch(c->loop, c->listen_fd, EPOLLIN, connection_ready, c, &err);
}

void chardev_on_connection(struct chardev *c, void (*changed)(void *opaque, bool connected), void *opaque)
{
	loop_lock(c->loop);
	c->changed = changed;
	c->changed_opaque = opaque;
	if (changed && (c->in_fd >= 0 || c->out_fd >= 0))
		changed(opaque, true);
	loop_unlock(c->loop);
}

bool chardev_listens(const struct chardev *c)
{
	return c->listen_fd >= 0;
}

bool chardev_is_socket(const struct chardev *c)
{
	return c->listen_fd >= 0 || (c->out_kind == OUT_SOCKET && !c->is_stdio);
}

void chardev_on_drain(struct chardev *c, void (*drained)(void *opaque), void *opaque)
{
	c->drained = drained;
	c->drained_opaque = opaque;
}

size_t chardev_backlog(struct chardev *c)
{
	size_t count;

	pthread_mutex_lock(&c->out_lock);
	count = c->out_kind == OUT_NONE ? SIZE_MAX : c->out_count;
	pthread_mutex_unlock(&c->out_lock);
	return count;
}

void chardev_disconnect(struct chardev *c)
{
	if (c->in_fd >= 0)
		input_ended(c);
}

void chardev_connect(struct chardev *c, size_t (*can_take)(void *opaque),
		     void (*take)(void *opaque, const u8 *bytes, size_t size), void *opaque)
{
	if (c->loop)
		loop_lock(c->loop);
	c->can_take = can_take;
	c->take = take;
	c->opaque = opaque;
	if (take)
		chardev_kick(c);
	if (c->loop)
		loop_unlock(c->loop);
}

bool chardev_connect_second(struct chardev *c, size_t (*can_take)(void *opaque),
			    void (*take)(void *opaque, const u8 *bytes, size_t size),
			    void (*turned)(void *opaque, bool to_second), void *opaque)
{
	if (take ? c->take_second != NULL : c->second != opaque)
		return false;
	c->can_take_second = can_take;
	c->take_second = take;
	c->turned = turned;
	c->second = take ? opaque : NULL;
	c->at_second &= take != NULL;
	return true;
}

bool chardev_is_mux(const struct chardev *c)
{
	return c->mux;
}

void chardev_set_escape(struct chardev *c, u8 key)
{
	c->escape = key;
}

const char *chardev_pty(const struct chardev *c)
{
	return c->pty[0] ? c->pty : NULL;
}

bool chardev_is_connected(const struct chardev *c)
{
	return c->take != NULL;
}

void chardev_kick(struct chardev *c)
{
	deliver(c);
	if (!c->in_watched && c->in_fd >= 0 && c->input_count < sizeof(c->input))
		chardev_watch_input(c);
}

/* What is kept goes out as long as somebody reads: up to five seconds without any progress. A pseudo-terminal may have
 * nobody. */
static void out_drain(struct chardev *c)
{
	pthread_mutex_lock(&c->out_lock);
	while (c->out_count && c->slave_fd < 0) {
		struct pollfd p = {.fd = c->out_fd, .events = POLLOUT};
		size_t before = c->out_count;

		if (poll(&p, 1, 5000) <= 0 || !out_flush(c) || c->out_count == before)
			break;
	}
	if (c->out_dropped)
		fprintf(stderr, "cxlvm: %llu bytes of console output were dropped: nobody read them\n",
			(unsigned long long)c->out_dropped);
	pthread_mutex_unlock(&c->out_lock);
}

void chardev_close(struct chardev *c)
{
	bool last;

	if (!c)
		return;
	if (c->loop)
		loop_lock(c->loop);
	if (c->loop && c->in_fd >= 0)
		loop_unwatch(c->loop, c->in_fd);
	if (c->loop && c->listen_fd >= 0)
		loop_unwatch(c->loop, c->listen_fd);
	out_drain(c);
	if (c->is_stdio)
		terminal_restore();
	else if (c->in_fd >= 0)
		close(c->in_fd);
	if (c->listen_fd >= 0)
		close(c->listen_fd);
	if (c->slave_fd >= 0)
		close(c->slave_fd);
	if (c->socket_path)
		unlink(c->socket_path);
	chardev_set_output(c, -1, OUT_NONE);
	pthread_mutex_lock(&c->out_lock);
	c->closed = true;
	last = !c->out_deferred;
	pthread_mutex_unlock(&c->out_lock);
	if (c->loop)
		loop_unlock(c->loop);
	if (last)
		chardev_free(c);
}
