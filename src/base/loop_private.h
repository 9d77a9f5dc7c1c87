/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to base/: struct loop, shared by clock.c, timer.c and loop.c. */
#ifndef BASE_LOOP_PRIVATE_H
#define BASE_LOOP_PRIVATE_H

#include <pthread.h>

#include "base/lock.h"
#include "base/loop.h"

/* Guest time; read without a lock. */
struct clock {
	u32 sequence; /* odd: being changed */
	bool stopped;
	u64 frozen_ns;  /* what loop_now says while stopped */
	u64 offset_ns;  /* CLOCK_MONOTONIC minus guest time */
	u64 counted_ns; /* instruction time */
};

struct timers {
	pthread_mutex_t lock; /* of all below; inside the machine lock */
	struct timer **heap;  /* binary, earliest first; slots count from 1, 0: not in it */
	size_t count, room;
	u64 order;
	u64 wake_ns; /* what the timerfd is set to, guest time; TIMER_OFF: nothing */
	int fd;
};

struct watch {
	int fd;
	u32 events, generation;
	bool always; /* epoll refuses it: always ready */
	void (*ready)(void *opaque, u32 events);
	void *opaque;
};

struct deferred {
	struct deferred *next;
	void (*work)(void *opaque);
	void *opaque;
};

struct loop {
	struct fair_lock machine;
	bool instruction_time;
	struct clock clock;
	struct timers timers;
	int epoll_fd, event_fd;
	bool quit;
	/* Under the machine lock. */
	struct watch *watches;
	size_t watch_count, watch_room;
	u32 generation, always_count;
	/* Deferred work, in order. */
	pthread_mutex_t defer_lock;
	struct deferred *deferred_first, **deferred_last;
	unsigned deferred_count;
};

u64 clock_host_ns(void);
/* Timer lock held: sets the timerfd to the earliest deadline. */
void timers_arm(struct loop *loop);
bool timers_init(struct loop *loop, struct error *err);
void timers_free(struct loop *loop);
/* Machine lock held: fires what is due now, a bounded number; true if more is due. */
bool timers_fire(struct loop *loop);

#endif
