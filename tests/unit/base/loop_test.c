/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"

#define MS 1000000ull

static struct loop *loop_new(bool instruction_time)
{
	struct error err;
	struct loop *loop = loop_create(instruction_time, &err);

	assert_non_null(loop);
	return loop;
}

static void *run(void *loop)
{
	loop_run(loop);
	return NULL;
}

struct record {
	struct loop *loop;
	struct timer timer;
	unsigned *count, *order;
	u64 fired_at, again;
	unsigned number;
	bool locked;
};

static void record_fire(void *opaque)
{
	struct record *r = opaque;

	r->fired_at = loop_now(r->loop);
	r->locked = loop_is_locked(r->loop);
	r->order[*r->count] = r->number;
	__atomic_add_fetch(r->count, 1, __ATOMIC_SEQ_CST);
	if (r->again) {
		timer_set(&r->timer, r->fired_at + r->again);
		r->again = 0;
	}
}

static void records_init(struct record *r, unsigned n, struct loop *loop, unsigned *count, unsigned *order)
{
	for (unsigned i = 0; i < n; i++) {
		r[i] = (struct record){.loop = loop, .count = count, .order = order, .number = i};
		timer_init(&r[i].timer, loop, record_fire, &r[i]);
	}
}

static void wait_count(unsigned *count, unsigned wanted)
{
	for (unsigned i = 0; i < 5000 && __atomic_load_n(count, __ATOMIC_SEQ_CST) < wanted; i++)
		usleep(1000);
	assert_int_equal(*count, wanted);
}

static void instruction_time_fires_in_deadline_order(void **state)
{
	struct loop *loop = loop_new(true);
	struct record r[5];
	unsigned count = 0, order[16];

	records_init(r, 5, loop, &count, order);
	timer_set(&r[0].timer, 300);
	timer_set(&r[1].timer, 100);
	timer_set(&r[2].timer, 200);
	timer_set(&r[3].timer, 200);
	timer_set(&r[4].timer, 150);
	timer_set(&r[4].timer, TIMER_OFF);
	r[1].again = 50; /* at 150, within the same advance */
	assert_int_equal(loop_next_deadline(loop), 100);
	loop_time_advance(loop, 99);
	assert_int_equal(count, 0);
	loop_time_advance(loop, 151);
	assert_int_equal(loop_now(loop), 250);
	assert_int_equal(count, 4);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 2);
	assert_int_equal(order[3], 3);
	assert_int_equal(r[1].fired_at, 150);
	assert_true(r[2].locked);
	loop_time_advance(loop, 50);
	assert_int_equal(r[0].fired_at, 300);
	assert_int_equal(loop_next_deadline(loop), TIMER_OFF);
	loop_destroy(loop);
}

static void rearm(void *opaque)
{
	timer_set(opaque, 1);
}

static void a_timer_that_rearms_in_the_past_does_not_hang(void **state)
{
	struct loop *loop = loop_new(true);
	struct timer timer;

	timer_init(&timer, loop, rearm, &timer);
	timer_set(&timer, 1);
	loop_time_advance(loop, 10);
	assert_int_equal(loop_now(loop), 10);
	loop_destroy(loop);
}

/* Against a plain list: 2000 random sets, then the order of firing. */
static void the_heap_agrees_with_a_sorted_list(void **state)
{
	enum { N = 200 };
	struct loop *loop = loop_new(true);
	static struct record r[N];
	static unsigned order[N];
	unsigned count = 0, armed = 0;
	u64 seed = 1, last = 0;

	records_init(r, N, loop, &count, order);
	for (unsigned i = 0; i < 2000; i++) {
		u64 at = check_random(&seed) % 1000;

		timer_set(&r[check_random(&seed) % N].timer, at < 100 ? TIMER_OFF : at);
	}
	for (unsigned i = 0; i < N; i++)
		armed += r[i].timer.deadline_ns != TIMER_OFF;
	loop_time_advance(loop, 1000);
	assert_int_equal(count, armed);
	for (unsigned i = 0; i < count; i++) {
		assert_true(r[order[i]].fired_at >= last);
		last = r[order[i]].fired_at;
	}
	loop_destroy(loop);
}

static void real_timers_fire_late_never_early(void **state)
{
	struct loop *loop = loop_new(false);
	struct record r[3];
	unsigned count = 0, order[16];
	pthread_t thread;
	u64 start = loop_now(loop);

	records_init(r, 3, loop, &count, order);
	timer_set(&r[0].timer, start + 60 * MS);
	pthread_create(&thread, NULL, run, loop);
	usleep(5000);
	timer_set(&r[1].timer, start + 20 * MS); /* earlier than what the loop waits for */
	timer_set(&r[2].timer, start + 40 * MS);
	wait_count(&count, 3);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 0);
	assert_true(r[1].fired_at >= start + 20 * MS && r[1].locked);
	loop_quit(loop);
	pthread_join(thread, NULL);
	loop_destroy(loop);
}

static void stopped_time_stands_still(void **state)
{
	struct loop *loop = loop_new(false);
	struct record r[1];
	unsigned count = 0, order[4];
	pthread_t thread;
	u64 at;

	records_init(r, 1, loop, &count, order);
	pthread_create(&thread, NULL, run, loop);
	timer_set(&r[0].timer, loop_now(loop) + 20 * MS);
	loop_time_stop(loop);
	loop_time_stop(loop);
	at = loop_now(loop);
	usleep(50000);
	assert_int_equal(loop_now(loop), at);
	assert_int_equal(count, 0);
	loop_time_start(loop);
	wait_count(&count, 1);
	assert_true(r[0].fired_at < at + 45 * MS + 5000 * MS);
	loop_quit(loop);
	pthread_join(thread, NULL);
	loop_destroy(loop);
}

static u64 latest_ns;
static bool stepped_back, stop_readers;

static void *read_time(void *loop)
{
	while (!__atomic_load_n(&stop_readers, __ATOMIC_ACQUIRE)) {
		u64 seen = __atomic_load_n(&latest_ns, __ATOMIC_SEQ_CST), now = loop_now(loop), was;

		if (now < seen)
			__atomic_store_n(&stepped_back, true, __ATOMIC_SEQ_CST);
		was = seen;
		while (was < now &&
		       !__atomic_compare_exchange_n(&latest_ns, &was, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
	}
	return NULL;
}

static void time_never_steps_back_across_threads(void **state)
{
	struct loop *loop = loop_new(false);
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, read_time, loop);
	for (unsigned i = 0; i < 300; i++) {
		loop_time_stop(loop);
		loop_time_start(loop);
		usleep(100);
	}
	__atomic_store_n(&stop_readers, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_false(stepped_back);
	loop_destroy(loop);
}

struct counted {
	struct loop *loop;
	u64 value;
};

static void *count_up(void *opaque)
{
	struct counted *c = opaque;

	for (unsigned i = 0; i < 20000; i++) {
		loop_lock(c->loop);
		loop_lock(c->loop);
		c->value++;
		loop_unlock(c->loop);
		loop_unlock(c->loop);
	}
	return NULL;
}

static void the_lock_excludes_and_recurses(void **state)
{
	struct counted c = {.loop = loop_new(false)};
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, count_up, &c);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.value, 80000);
	assert_false(loop_is_locked(c.loop));
	loop_destroy(c.loop);
}

static bool hog_ends;

static void *hog(void *loop)
{
	while (!__atomic_load_n(&hog_ends, __ATOMIC_ACQUIRE)) {
		loop_lock(loop);
		for (volatile unsigned i = 0; i < 3000; i++)
			;
		loop_unlock(loop);
	}
	return NULL;
}

static void hogs_do_not_starve_a_waiter(void **state)
{
	struct loop *loop = loop_new(false);
	pthread_t threads[3];
	u64 worst = 0;

	for (unsigned i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, hog, loop);
	for (unsigned i = 0; i < 50; i++) {
		u64 from = loop_now(loop), took;

		loop_lock(loop);
		took = loop_now(loop) - from;
		worst = MAX(worst, took);
		loop_unlock(loop);
		usleep(500);
	}
	__atomic_store_n(&hog_ends, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	assert_true(worst < 1000 * MS); /* without the hand-over this does not end */
	loop_destroy(loop);
}

struct piped {
	struct loop *loop;
	int fds[2];
	char got[16];
	unsigned count, deferred;
};

static void pipe_ready(void *opaque, u32 events)
{
	struct piped *p = opaque;

	assert_true(loop_is_locked(p->loop));
	if (read(p->fds[0], p->got + p->count, 1) == 1)
		p->count++;
	if (p->count == 3) {
		loop_unwatch(p->loop, p->fds[0]);
		loop_quit(p->loop);
	}
}

static void work(void *opaque)
{
	struct piped *p = opaque;

	if (++p->deferred == 3)
		loop_quit(p->loop);
	else
		loop_defer(p->loop, work, p);
}

static void files_and_deferred_work_are_called(void **state)
{
	struct piped p = {.loop = loop_new(false)};
	struct error err;

	assert_int_equal(pipe(p.fds), 0);
	assert_true(loop_watch(p.loop, p.fds[0], EPOLLIN, pipe_ready, &p, &err));
	assert_int_equal(write(p.fds[1], "abc", 3), 3);
	loop_run(p.loop);
	assert_memory_equal(p.got, "abc", 3);
	loop_defer(p.loop, work, &p);
	loop_run(p.loop);
	assert_int_equal(p.deferred, 3);
	close(p.fds[0]);
	close(p.fds[1]);
	loop_destroy(p.loop);
}

static bool is_even(void *opaque, void *arg)
{
	return ((char *)opaque - (char *)arg) % 2 == 0;
}

static void count_byte(void *opaque)
{
	(*(char *)opaque)++;
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

static void deferred_work_can_be_taken_back(void **state)
{
	struct loop *loop = loop_new(false);
	char bytes[6] = {0};

	loop_lock(loop);
	for (unsigned n = 0; n < sizeof(bytes); n++)
		loop_defer(loop, count_byte, &bytes[n]);
	loop_undefer(loop, count_byte, is_even, bytes);
	loop_undefer(loop, count_byte, NULL, &bytes[5]); /* the last: the queue's end moves */
	loop_undefer(loop, quit, NULL, &bytes[1]);       /* other work */
	loop_defer(loop, quit, loop);
	loop_unlock(loop);
	loop_run(loop);
	assert_memory_equal(bytes, "\0\1\0\1\0\0", sizeof(bytes));
	loop_destroy(loop);
}

static void regular_files_are_always_ready(void **state)
{
	struct piped p = {.loop = loop_new(true)};
	char name[] = "/tmp/cxlvm-test-XXXXXX";
	struct error err;

	p.fds[0] = mkstemp(name);
	unlink(name);
	assert_int_equal(write(p.fds[0], "xyz", 3), 3);
	lseek(p.fds[0], 0, SEEK_SET);
	assert_true(loop_watch(p.loop, p.fds[0], EPOLLIN, pipe_ready, &p, &err));
	loop_run(p.loop);
	assert_memory_equal(p.got, "xyz", 3);
	close(p.fds[0]);
	loop_destroy(p.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instruction_time_fires_in_deadline_order),
		cmocka_unit_test(a_timer_that_rearms_in_the_past_does_not_hang),
		cmocka_unit_test(the_heap_agrees_with_a_sorted_list),
		cmocka_unit_test(real_timers_fire_late_never_early),
		cmocka_unit_test(stopped_time_stands_still),
		cmocka_unit_test(time_never_steps_back_across_threads),
		cmocka_unit_test(the_lock_excludes_and_recurses),
		cmocka_unit_test(hogs_do_not_starve_a_waiter),
		cmocka_unit_test(files_and_deferred_work_are_called),
		cmocka_unit_test(deferred_work_can_be_taken_back),
		cmocka_unit_test(regular_files_are_always_ready),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
