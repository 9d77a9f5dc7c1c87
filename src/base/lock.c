/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine lock: recursive, cheap when free, and fair enough that vCPUs which hammer device registers cannot keep
 * the event loop out (nor each other).
 *
 * One word: LOCKED, HANDOFF, and the number of waiters. Whoever comes may take a free lock at once (a strict queue
 * would pay a context switch at every hand-over), but a waiter that has waited STARVING_NS sets HANDOFF while the lock
 * is held: the next unlock wakes exactly that waiter and nobody else takes the lock before it.
 */
#include "base/lock.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOCKED 1u
#define HANDOFF 2u
#define WAITER 4u /* the waiters are counted from this bit on */

#define SPINS 200
#define STARVING_NS 500000

/* Who a wake is for: FUTEX_WAKE_BITSET. */
#define WAKE_ANY 1u
#define WAKE_STARVING 2u

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

static void wait_while(u32 *word, u32 seen, u32 bits, u64 deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};

	syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline_ns ? &until : NULL, NULL, bits);
}

static bool cas(u32 *word, u32 *expected, u32 wanted)
{
	return __atomic_compare_exchange_n(word, expected, wanted, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool spin(u32 *word)
{
	for (unsigned i = 0; i < SPINS; i++) {
		u32 state = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (!(state & (LOCKED | HANDOFF)) && cas(word, &state, state | LOCKED))
			return true;
		host_pause();
	}
	return false;
}

static void lock_slowly(u32 *word)
{
	u64 starving_from;
	bool starving = false; /* HANDOFF is ours */
	u32 state;

	if (spin(word))
		return;
	state = __atomic_add_fetch(word, WAITER, __ATOMIC_RELAXED);
	starving_from = now_ns() + STARVING_NS;
	for (;;) {
		if (!(state & LOCKED) && (starving || !(state & HANDOFF))) {
			u32 taken = (state | LOCKED) - WAITER;

			if (cas(word, &state, starving ? taken & ~HANDOFF : taken))
				return;
			continue;
		}
		if (!starving && (state & LOCKED) && !(state & HANDOFF) && now_ns() >= starving_from) {
			if (cas(word, &state, state | HANDOFF)) {
				starving = true;
				state |= HANDOFF;
			}
			continue;
		}
		if (starving)
			wait_while(word, state, WAKE_STARVING, 0);
		else if (state & HANDOFF)
			wait_while(word, state, WAKE_ANY, 0);
		else
			wait_while(word, state, WAKE_ANY, starving_from);
		state = __atomic_load_n(word, __ATOMIC_RELAXED);
	}
}

bool fair_lock_is_mine(const struct fair_lock *lock)
{
	return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == (uintptr_t)pthread_self();
}

void fair_lock(struct fair_lock *lock)
{
	u32 state = 0;

	if (fair_lock_is_mine(lock)) {
		lock->depth++;
		return;
	}
	if (!cas(&lock->state, &state, LOCKED))
		lock_slowly(&lock->state);
	__atomic_store_n(&lock->owner, (uintptr_t)pthread_self(), __ATOMIC_RELAXED);
	lock->depth = 1;
}

void fair_unlock(struct fair_lock *lock)
{
	u32 state;

	assert(fair_lock_is_mine(lock));
	if (--lock->depth)
		return;
	__atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
	state = __atomic_fetch_and(&lock->state, ~LOCKED, __ATOMIC_RELEASE);
	if (state >= WAITER)
		syscall(SYS_futex, &lock->state, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL,
			state & HANDOFF ? WAKE_STARVING : WAKE_ANY);
}
