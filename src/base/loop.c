/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: one thread that waits for host files, the timerfd and an eventfd (deferred work, quit), and calls
 * back under the machine lock. The lock is given back between rounds, each of which is bounded. Lock order: machine
 * lock, then the timer lock or the defer lock; nothing is called while the latter two are held.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/loop_private.h"
#include "base/trace.h"

#define EVENTS_MAX 32
/* epoll data of our own descriptors; watches have their generation in the upper half, which starts at 1. */
#define TAG_EVENT 1
#define TAG_TIMER 2

static bool loop_epoll_add(struct loop *loop, int fd, u64 tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct loop *loop_create(bool instruction_time, struct error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	assert(loop);
	loop->instruction_time = instruction_time;
	loop->clock.offset_ns = clock_host_ns();
	loop->deferred_last = &loop->deferred_first;
	pthread_mutex_init(&loop->defer_lock, NULL);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (timers_init(loop, err) &&
	    (loop->epoll_fd < 0 || loop->event_fd < 0 || !loop_epoll_add(loop, loop->event_fd, TAG_EVENT) ||
	     !loop_epoll_add(loop, loop->timers.fd, TAG_TIMER)))
		fail(err, "cannot make the event loop: %s; raise the limit of open files", strerror(errno));
	else if (loop->timers.fd >= 0)
		return loop;
	loop_destroy(loop);
	return NULL;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->deferred_first) {
		struct deferred *deferred = loop->deferred_first;

		loop->deferred_first = deferred->next;
		free(deferred);
	}
	timers_free(loop);
	pthread_mutex_destroy(&loop->defer_lock);
	if (loop->event_fd >= 0)
		close(loop->event_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop->watches);
	free(loop);
}

bool loop_is_instruction_time(const struct loop *loop)
{
	return loop->instruction_time;
}

void loop_lock(struct loop *loop)
{
	fair_lock(&loop->machine);
}

void loop_unlock(struct loop *loop)
{
	fair_unlock(&loop->machine);
}

bool loop_is_locked(const struct loop *loop)
{
	return fair_lock_is_mine(&loop->machine);
}

static void loop_wake(struct loop *loop)
{
	u64 one = 1;

	/* A full counter means that the loop is awake already. */
	while (write(loop->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void loop_quit(struct loop *loop)
{
	__atomic_store_n(&loop->quit, true, __ATOMIC_RELEASE);
	loop_wake(loop);
}

void loop_defer(struct loop *loop, void (*work)(void *opaque), void *opaque)
{
	struct deferred *deferred = calloc(1, sizeof(*deferred));

	assert(deferred && "out of host memory for deferred work");
	deferred->work = work;
	deferred->opaque = opaque;
	pthread_mutex_lock(&loop->defer_lock);
	*loop->deferred_last = deferred;
	loop->deferred_last = &deferred->next;
	loop->deferred_count++;
	pthread_mutex_unlock(&loop->defer_lock);
	loop_wake(loop);
}

static struct deferred *take_deferred(struct loop *loop, struct deferred **link)
{
	struct deferred *deferred = *link;

	if (deferred) {
		*link = deferred->next;
		if (!*link)
			loop->deferred_last = link;
		loop->deferred_count--;
	}
	return deferred;
}

/* What is queued now; work that it queues waits for the next round. Machine lock held. */
static void run_deferred(struct loop *loop)
{
	struct deferred *deferred;
	unsigned left;

	pthread_mutex_lock(&loop->defer_lock);
	for (left = loop->deferred_count; left && (deferred = take_deferred(loop, &loop->deferred_first)); left--) {
		pthread_mutex_unlock(&loop->defer_lock);
		deferred->work(deferred->opaque);
		free(deferred);
		pthread_mutex_lock(&loop->defer_lock);
	}
	pthread_mutex_unlock(&loop->defer_lock);
}

void loop_undefer(struct loop *loop, void (*work)(void *opaque), bool (*mine)(void *opaque, void *arg), void *arg)
{
	struct deferred **link;

	pthread_mutex_lock(&loop->defer_lock);
	for (link = &loop->deferred_first; *link;) {
		if ((*link)->work == work && (mine ? mine((*link)->opaque, arg) : (*link)->opaque == arg))
			free(take_deferred(loop, link));
		else
			link = &(*link)->next;
	}
	pthread_mutex_unlock(&loop->defer_lock);
}

static struct watch *watch_of(struct loop *loop, int fd)
{
	for (size_t i = 0; i < loop->watch_count; i++)
		if (loop->watches[i].fd == fd)
			return &loop->watches[i];
	return NULL;
}

static struct watch *watch_new(struct loop *loop, int fd)
{
	if (loop->watch_count == loop->watch_room) {
		loop->watch_room = loop->watch_room ? loop->watch_room * 2 : 16;
		loop->watches = realloc(loop->watches, loop->watch_room * sizeof(*loop->watches));
		assert(loop->watches);
	}
	loop->watches[loop->watch_count] = (struct watch){.fd = fd, .generation = ++loop->generation};
	return &loop->watches[loop->watch_count++];
}

static void watch_forget(struct loop *loop, struct watch *watch)
{
	loop->always_count -= watch->always;
	*watch = loop->watches[--loop->watch_count];
}

bool loop_watch(struct loop *loop, int fd, u32 events, void (*ready)(void *opaque, u32 events), void *opaque,
		struct error *err)
{
	struct epoll_event event = {.events = events};
	struct watch *watch;
	bool ok = true, known;

	loop_lock(loop);
	watch = watch_of(loop, fd);
	known = watch != NULL;
	if (!known)
		watch = watch_new(loop, fd);
	watch->events = events;
	watch->ready = ready;
	watch->opaque = opaque;
	event.data.u64 = (u64)watch->generation << 32 | (u32)fd;
	if (!watch->always && epoll_ctl(loop->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event)) {
		if (errno == EPERM) {
			watch->always = true;
			loop->always_count++;
			loop_wake(loop);
		} else {
			ok = fail(err, "cannot wait for a file: %s", strerror(errno));
			watch_forget(loop, watch);
		}
	}
	loop_unlock(loop);
	return ok;
}

void loop_unwatch(struct loop *loop, int fd)
{
	struct watch *watch;

	loop_lock(loop);
	watch = watch_of(loop, fd);
	if (watch) {
		if (!watch->always)
			epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		watch_forget(loop, watch);
	}
	loop_unlock(loop);
}

/* The watch may have gone, or its descriptor been reused, by an earlier callback of the same round: the generation
 * tells. */
static void watch_call(struct loop *loop, u64 tag, u32 events)
{
	struct watch *watch = watch_of(loop, (int)(u32)tag);

	if (watch && watch->generation == tag >> 32)
		watch->ready(watch->opaque, events);
}

static void call_always_ready(struct loop *loop)
{
	u64 tags[EVENTS_MAX];
	unsigned count = 0;

	for (size_t i = 0; i < loop->watch_count && count < EVENTS_MAX; i++)
		if (loop->watches[i].always)
			tags[count++] = (u64)loop->watches[i].generation << 32 | (u32)loop->watches[i].fd;
	for (unsigned i = 0; i < count; i++) {
		struct watch *watch = watch_of(loop, (int)(u32)tags[i]);

		watch_call(loop, tags[i], watch ? watch->events : 0);
	}
}

static void drain(int fd)
{
	u64 count;

	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	bool more = false;

	while (!__atomic_load_n(&loop->quit, __ATOMIC_ACQUIRE)) {
		bool at_once = more || __atomic_load_n(&loop->always_count, __ATOMIC_RELAXED);
		int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, at_once ? 0 : -1);

		loop_lock(loop);
		for (int i = 0; i < count; i++) {
			u64 tag = events[i].data.u64;

			if (tag == TAG_EVENT)
				drain(loop->event_fd);
			else if (tag == TAG_TIMER)
				drain(loop->timers.fd);
		}
		run_deferred(loop);
		more = loop->instruction_time ? false : timers_fire(loop);
		for (int i = 0; i < count; i++)
			if (events[i].data.u64 != TAG_EVENT && events[i].data.u64 != TAG_TIMER)
				watch_call(loop, events[i].data.u64, events[i].events);
		if (loop->always_count)
			call_always_ready(loop);
		loop_unlock(loop);
	}
	__atomic_store_n(&loop->quit, false, __ATOMIC_RELEASE);
}
