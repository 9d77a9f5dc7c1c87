/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine lock, guest time, timers and host file events: one object, `struct loop`, one event-loop thread.
 *
 * Time. `loop_now` is guest time in nanoseconds since the machine started: CLOCK_MONOTONIC less the time the machine
 * stood still (loop_time_stop/_start), never back. Under instruction time (`instruction_time` at create) it is what
 * `loop_time_advance` has added, and timers fire inside that call, in deadline order; nothing else moves it.
 *
 * Locks. Every timer and file callback, and every device register hook, runs with the machine lock held
 * (`loop_lock`). The lock is recursive for its owner. It is the outermost lock: see docs/design.md.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/error.h"
#include "base/types.h"

struct loop;

struct loop *loop_create(bool instruction_time, struct error *err);
void loop_destroy(struct loop *loop);
bool loop_is_instruction_time(const struct loop *loop);

void loop_lock(struct loop *loop);
void loop_unlock(struct loop *loop);
bool loop_is_locked(const struct loop *loop); /* by the calling thread */

u64 loop_now(struct loop *loop); /* any thread, lock-free */
/* Freezes loop_now and all timers until loop_time_start; each does nothing when it is so already. */
void loop_time_stop(struct loop *loop);
void loop_time_start(struct loop *loop);
/* Instruction time only: lets `ns` pass, firing the timers that come due. Any thread that drives the vCPUs. */
void loop_time_advance(struct loop *loop, u64 ns);
/* Instruction time only: deadline of the earliest timer, or UINT64_MAX: where to skip to when all vCPUs wait. */
u64 loop_next_deadline(struct loop *loop);

#define TIMER_OFF UINT64_MAX

struct timer {
	struct loop *loop;
	void (*fire)(void *opaque);
	void *opaque;
	u64 deadline_ns; /* in loop_now's time; TIMER_OFF: not armed */
	size_t slot;     /* place in the heap, private to timer.c */
	u64 order;       /* of arming: who fires first of those with one deadline; private to timer.c */
};

void timer_init(struct timer *timer, struct loop *loop, void (*fire)(void *opaque), void *opaque);
/* Arms (or re-arms) for an absolute time; TIMER_OFF disarms. One-shot. Any thread; takes only the timer lock. Whoever
 * frees a timer disarms it under the machine lock: then it does not fire any more. */
void timer_set(struct timer *timer, u64 deadline_ns);

/* Calls `ready(opaque, events)` in the loop thread (under the machine lock) when fd has EPOLLIN/EPOLLOUT events. Files
 * that cannot be waited for (regular files) are always ready. A second call for one fd replaces the first. Both take
 * the machine lock. */
bool loop_watch(struct loop *loop, int fd, u32 events, void (*ready)(void *opaque, u32 events), void *opaque,
		struct error *err);
void loop_unwatch(struct loop *loop, int fd);
/* Runs `work(opaque)` once in the loop thread under the machine lock. Any thread. */
void loop_defer(struct loop *loop, void (*work)(void *opaque), void *opaque);
/* Takes back, unrun, the `work` whose opaque is `arg`, or for which `mine` says so (which may take no lock). Machine
 * lock held, so that none of it runs meanwhile: for who is being destroyed. */
void loop_undefer(struct loop *loop, void (*work)(void *opaque), bool (*mine)(void *opaque, void *arg), void *arg);

/* The event loop itself: returns after loop_quit. Called by the main thread. */
void loop_run(struct loop *loop);
void loop_quit(struct loop *loop); /* any thread */

#endif
