/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest time: CLOCK_MONOTONIC less the time the machine stood still. Readers take no lock: a sequence number tells them
 * when stop or start changed the terms under them, and they read again. The host clock is read between two looks
 * at the sequence, so that no reader's time lies behind the moment of a stop, and time never steps back.
 */
#include <time.h>

#include "base/loop_private.h"

u64 clock_host_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

u64 loop_now(struct loop *loop)
{
	struct clock *clock = &loop->clock;
	u32 sequence;
	u64 now;

	if (loop->instruction_time)
		return __atomic_load_n(&clock->counted_ns, __ATOMIC_ACQUIRE);
	for (;;) {
		sequence = __atomic_load_n(&clock->sequence, __ATOMIC_ACQUIRE);
		if (__atomic_load_n(&clock->stopped, __ATOMIC_RELAXED))
			now = __atomic_load_n(&clock->frozen_ns, __ATOMIC_RELAXED);
		else
			now = clock_host_ns() - __atomic_load_n(&clock->offset_ns, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (likely(!(sequence & 1) && __atomic_load_n(&clock->sequence, __ATOMIC_RELAXED) == sequence))
			return now;
	}
}

/* Timer lock held, which orders writers. */
static void clock_change_begin(struct clock *clock)
{
	__atomic_store_n(&clock->sequence, clock->sequence + 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void clock_change_end(struct clock *clock)
{
	__atomic_store_n(&clock->sequence, clock->sequence + 1, __ATOMIC_RELEASE);
}

void loop_time_stop(struct loop *loop)
{
	struct clock *clock = &loop->clock;

	pthread_mutex_lock(&loop->timers.lock);
	if (!clock->stopped && !loop->instruction_time) {
		clock_change_begin(clock);
		__atomic_store_n(&clock->frozen_ns, clock_host_ns() - clock->offset_ns, __ATOMIC_RELAXED);
		__atomic_store_n(&clock->stopped, true, __ATOMIC_RELAXED);
		clock_change_end(clock);
		timers_arm(loop);
	}
	pthread_mutex_unlock(&loop->timers.lock);
}

void loop_time_start(struct loop *loop)
{
	struct clock *clock = &loop->clock;

	pthread_mutex_lock(&loop->timers.lock);
	if (clock->stopped && !loop->instruction_time) {
		clock_change_begin(clock);
		__atomic_store_n(&clock->offset_ns, clock_host_ns() - clock->frozen_ns, __ATOMIC_RELAXED);
		__atomic_store_n(&clock->stopped, false, __ATOMIC_RELAXED);
		clock_change_end(clock);
		timers_arm(loop);
	}
	pthread_mutex_unlock(&loop->timers.lock);
}
