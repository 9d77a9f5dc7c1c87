/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers: a binary heap by deadline (then by order of arming, so that instruction time is deterministic) under its own
 * lock. In real time a timerfd that the event loop waits for is set to the earliest deadline, at once by whoever
 * makes it earlier; the loop thread fires. In instruction time loop_time_advance fires and nothing else does.
 */
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/loop_private.h"

/* A guest that arms a timer in the past from its own callback must not hold the machine lock for ever. */
#define FIRE_AT_ONCE_MAX 64
#define FIRE_PER_ADVANCE_MAX 100000

bool timers_init(struct loop *loop, struct error *err)
{
	struct timers *timers = &loop->timers;

	pthread_mutex_init(&timers->lock, NULL);
	timers->wake_ns = TIMER_OFF;
	timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	return timers->fd >= 0 || fail(err, "the host gives no timerfd; raise the limit of open files");
}

void timers_free(struct loop *loop)
{
	for (size_t i = 1; i <= loop->timers.count; i++) {
		loop->timers.heap[i]->slot = 0;
		loop->timers.heap[i]->deadline_ns = TIMER_OFF;
	}
	free(loop->timers.heap);
	pthread_mutex_destroy(&loop->timers.lock);
	if (loop->timers.fd >= 0)
		close(loop->timers.fd);
}

void timers_arm(struct loop *loop)
{
	struct timers *timers = &loop->timers;
	u64 wake = timers->count && !loop->clock.stopped ? timers->heap[1]->deadline_ns : TIMER_OFF;
	struct itimerspec spec = {0};
	u64 host;

	if (loop->instruction_time)
		return;
	timers->wake_ns = wake;
	if (wake != TIMER_OFF) {
		if (__builtin_add_overflow(wake, loop->clock.offset_ns, &host) || host > INT64_MAX)
			host = INT64_MAX;
		spec.it_value.tv_sec = (time_t)(host / 1000000000u);
		spec.it_value.tv_nsec = (long)(host % 1000000000u) + !host;
	}
	timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->order < b->order;
}

static void heap_put(struct timers *timers, size_t slot, struct timer *timer)
{
	timers->heap[slot] = timer;
	timer->slot = slot;
}

static void heap_up(struct timers *timers, struct timer *timer)
{
	size_t slot = timer->slot;

	for (; slot > 1 && is_before(timer, timers->heap[slot / 2]); slot /= 2)
		heap_put(timers, slot, timers->heap[slot / 2]);
	heap_put(timers, slot, timer);
}

static void heap_down(struct timers *timers, struct timer *timer)
{
	size_t slot = timer->slot, child;

	while ((child = slot * 2) <= timers->count) {
		if (child < timers->count && is_before(timers->heap[child + 1], timers->heap[child]))
			child++;
		if (!is_before(timers->heap[child], timer))
			break;
		heap_put(timers, slot, timers->heap[child]);
		slot = child;
	}
	heap_put(timers, slot, timer);
}

static void heap_remove(struct timers *timers, struct timer *timer)
{
	struct timer *last = timers->heap[timers->count--];

	if (last != timer) {
		heap_put(timers, timer->slot, last);
		heap_up(timers, last);
		heap_down(timers, last);
	}
	timer->slot = 0;
}

static void heap_add(struct timers *timers, struct timer *timer)
{
	if (timers->count + 2 > timers->room) {
		timers->room = timers->room ? timers->room * 2 : 64;
		timers->heap = realloc(timers->heap, timers->room * sizeof(*timers->heap));
		assert(timers->heap && "out of host memory for timers");
	}
	heap_put(timers, ++timers->count, timer);
	heap_up(timers, timer);
}

void timer_init(struct timer *timer, struct loop *loop, void (*fire)(void *opaque), void *opaque)
{
	*timer = (struct timer){.loop = loop, .fire = fire, .opaque = opaque, .deadline_ns = TIMER_OFF};
}

void timer_set(struct timer *timer, u64 deadline_ns)
{
	struct loop *loop = timer->loop;
	struct timers *timers;

	if (!loop) /* never initialised, as in a half-made device */
		return;
	timers = &loop->timers;
	pthread_mutex_lock(&timers->lock);
	if (timer->deadline_ns != deadline_ns) {
		if (timer->slot)
			heap_remove(timers, timer);
		__atomic_store_n(&timer->deadline_ns, deadline_ns, __ATOMIC_RELAXED);
		if (deadline_ns != TIMER_OFF) {
			timer->order = timers->order++;
			heap_add(timers, timer);
			if (deadline_ns < timers->wake_ns && !loop->clock.stopped)
				timers_arm(loop);
		}
	}
	pthread_mutex_unlock(&timers->lock);
}

/* Takes out the earliest timer if it is due at `now`. */
static struct timer *timers_pop(struct timers *timers, u64 now, u64 *deadline)
{
	struct timer *timer = NULL;

	pthread_mutex_lock(&timers->lock);
	if (timers->count && timers->heap[1]->deadline_ns <= now) {
		timer = timers->heap[1];
		heap_remove(timers, timer);
		*deadline = timer->deadline_ns;
		__atomic_store_n(&timer->deadline_ns, TIMER_OFF, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&timers->lock);
	return timer;
}

bool timers_fire(struct loop *loop)
{
	u64 now = loop_now(loop), deadline;
	struct timer *timer;

	for (unsigned i = 0; i < FIRE_AT_ONCE_MAX; i++) {
		timer = timers_pop(&loop->timers, now, &deadline);
		if (!timer) {
			pthread_mutex_lock(&loop->timers.lock);
			if (loop->timers.wake_ns !=
			    (loop->timers.count ? loop->timers.heap[1]->deadline_ns : TIMER_OFF))
				timers_arm(loop);
			pthread_mutex_unlock(&loop->timers.lock);
			return false;
		}
		timer->fire(timer->opaque);
	}
	return true;
}

u64 loop_next_deadline(struct loop *loop)
{
	u64 deadline;

	pthread_mutex_lock(&loop->timers.lock);
	deadline = loop->timers.count ? loop->timers.heap[1]->deadline_ns : TIMER_OFF;
	pthread_mutex_unlock(&loop->timers.lock);
	return deadline;
}

void loop_time_advance(struct loop *loop, u64 ns)
{
	u64 now = loop_now(loop), target, deadline;

	assert(loop->instruction_time);
	if (__builtin_add_overflow(now, ns, &target))
		target = UINT64_MAX - 1;
	if (loop_next_deadline(loop) <= target) {
		loop_lock(loop);
		for (unsigned i = 0; i < FIRE_PER_ADVANCE_MAX; i++) {
			struct timer *timer = timers_pop(&loop->timers, target, &deadline);

			if (!timer)
				break;
			if (deadline > loop_now(loop))
				__atomic_store_n(&loop->clock.counted_ns, deadline, __ATOMIC_RELEASE);
			timer->fire(timer->opaque);
		}
		loop_unlock(loop);
	}
	if (target > loop_now(loop))
		__atomic_store_n(&loop->clock.counted_ns, target, __ATOMIC_RELEASE);
}
