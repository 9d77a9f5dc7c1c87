/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an event loop waits for, in memory: event counters, timers that never fire (the targets run in instruction
 * time), epoll, and one wire, a stream socket of which the target has the other end. The C library's calls on these
 * descriptors are answered here, all others go to the kernel: a turn of the loop took six system calls, and that was
 * half of an execution.
 */
#ifndef FUZZ_HOST_EVENTS_H
#define FUZZ_HOST_EVENTS_H

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

/* What is not tried here makes no coverage. */
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)

#define HOST_FD 1000 /* no descriptor of the process is that high */
#define HOST_FDS 16
#define HOST_WATCHES 8
#define HOST_WIRE_BYTES (64 * KiB)

enum host_kind { HOST_FREE, HOST_COUNTER, HOST_TIMER, HOST_EPOLL, HOST_WIRE };

struct host_watch {
	int fd;
	u32 events;
	u64 data;
};

static struct host_fd {
	enum host_kind kind;
	u64 count; /* of a counter */
	struct host_watch watches[HOST_WATCHES];
	unsigned watch_count;
	/* a wire: bytes that come in, and how many have gone out and were not taken */
	u8 in[HOST_WIRE_BYTES];
	size_t in_count, out_count;
	bool ended; /* the other end is closed */
} host_fds[HOST_FDS];

/* Somebody has dialled this listening socket and was not accepted yet; -1: nobody. */
static int host_dialled = -1;
static struct host_fd *host_wire; /* that was accepted last */

static struct host_fd *host_fd(int fd)
{
	return fd >= HOST_FD && fd < HOST_FD + HOST_FDS ? &host_fds[fd - HOST_FD] : NULL;
}

static int host_fd_new(enum host_kind kind)
{
	for (unsigned n = 0; n < HOST_FDS; n++) {
		if (host_fds[n].kind != HOST_FREE)
			continue;
		host_fds[n].kind = kind;
		host_fds[n].count = host_fds[n].watch_count = host_fds[n].in_count = host_fds[n].out_count = 0;
		host_fds[n].ended = false;
		return HOST_FD + (int)n;
	}
	abort();
}

static u32 host_ready(int fd)
{
	struct host_fd *h = host_fd(fd);

	if (!h)
		return fd == host_dialled ? EPOLLIN : 0;
	if (h->kind == HOST_COUNTER)
		return h->count ? EPOLLIN : 0;
	if (h->kind != HOST_WIRE)
		return 0;
	return (h->in_count || h->ended ? EPOLLIN : 0) | (h->out_count < HOST_WIRE_BYTES ? EPOLLOUT : 0) |
	       (h->ended ? EPOLLHUP : 0);
}

/* --- The other end of the wire --- */

/* False: it is closed, or has no room. */
static bool host_wire_send(struct host_fd *wire, const void *bytes, size_t size)
{
	if (wire->kind != HOST_WIRE || size > HOST_WIRE_BYTES - wire->in_count)
		return false;
	memcpy(wire->in + wire->in_count, bytes, size);
	wire->in_count += size;
	return true;
}

/* --- What the C library has for everybody --- */

int epoll_create1(int flags)
{
	return host_fd_new(HOST_EPOLL);
}

int eventfd(unsigned count, int flags)
{
	return host_fd_new(HOST_COUNTER);
}

int timerfd_create(int clock, int flags)
{
	return host_fd_new(HOST_TIMER);
}

int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	struct host_fd *h = host_fd(epoll);
	unsigned n = 0;

	assert(h && h->kind == HOST_EPOLL);
	while (n < h->watch_count && h->watches[n].fd != fd)
		n++;
	if ((what == EPOLL_CTL_ADD) != (n == h->watch_count)) {
		errno = what == EPOLL_CTL_ADD ? EEXIST : ENOENT;
		return -1;
	}
	if (what == EPOLL_CTL_DEL) {
		h->watches[n] = h->watches[--h->watch_count];
		return 0;
	}
	assert(n < HOST_WATCHES);
	h->watches[n] = (struct host_watch){fd, event->events | EPOLLHUP | EPOLLERR, event->data.u64};
	h->watch_count = MAX(h->watch_count, n + 1);
	return 0;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
	struct host_fd *h = host_fd(epoll);
	int count = 0;

	assert(h && h->kind == HOST_EPOLL);
	for (unsigned n = 0; n < h->watch_count && count < most; n++) {
		u32 ready = host_ready(h->watches[n].fd) & h->watches[n].events;

		if (ready)
			events[count++] = (struct epoll_event){.events = ready, .data.u64 = h->watches[n].data};
	}
	if (!count && timeout)
		abort(); /* it would wait for ever */
	return count;
}

ssize_t read(int fd, void *to, size_t size)
{
	struct host_fd *h = host_fd(fd);

	if (!h)
		return syscall(SYS_read, fd, to, size);
	if (h->kind != HOST_COUNTER || !h->count) {
		errno = EAGAIN;
		return -1;
	}
	memcpy(to, &h->count, sizeof(h->count));
	h->count = 0;
	return sizeof(h->count);
}

ssize_t write(int fd, const void *from, size_t size)
{
	struct host_fd *h = host_fd(fd);

	if (!h)
		return syscall(SYS_write, fd, from, size);
	assert(h->kind == HOST_COUNTER && size == sizeof(h->count));
	h->count++;
	return (ssize_t)size;
}

int close(int fd)
{
	struct host_fd *h = host_fd(fd);

	if (!h)
		return (int)syscall(SYS_close, fd);
	assert(h->kind != HOST_FREE);
	for (unsigned n = 0; n < HOST_FDS; n++)
		for (unsigned i = 0; i < host_fds[n].watch_count; i++)
			assert(host_fds[n].kind != HOST_EPOLL || host_fds[n].watches[i].fd != fd);
	h->kind = HOST_FREE;
	return 0;
}

int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
	int made;

	if (fd != host_dialled) {
		errno = EAGAIN;
		return -1;
	}
	made = host_fd_new(HOST_WIRE);
	host_dialled = -1;
	host_wire = host_fd(made);
	return made;
}

ssize_t send(int fd, const void *from, size_t size, int flags)
{
	struct host_fd *h = host_fd(fd);

	assert(h && h->kind == HOST_WIRE);
	assert(!__asan_region_is_poisoned((void *)from, size));
	if (h->ended || h->out_count == HOST_WIRE_BYTES) {
		errno = h->ended ? EPIPE : EAGAIN;
		return -1;
	}
	size = MIN(size, HOST_WIRE_BYTES - h->out_count);
	h->out_count += size;
	return (ssize_t)size;
}

ssize_t recv(int fd, void *to, size_t size, int flags)
{
	struct host_fd *h = host_fd(fd);

	assert(h && h->kind == HOST_WIRE);
	if (!h->in_count && !h->ended) {
		errno = EAGAIN;
		return -1;
	}
	size = MIN(size, h->in_count);
	memcpy(to, h->in, size);
	memmove(h->in, h->in + size, h->in_count - size);
	h->in_count -= size;
	return (ssize_t)size;
}

#pragma clang attribute pop

#endif
