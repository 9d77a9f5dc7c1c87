/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>

#include "check.h"
#include "host/host.h"

static void count(void *arg)
{
	__atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_RELAXED);
}

static void all_work_is_done_before_the_pool_goes(void **state)
{
	static const unsigned sizes[] = {0, 1, 4};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct error err;
		struct workers *workers = workers_create(sizes[i], &err);
		struct work_group group;
		unsigned done = 0;

		assert_non_null(workers);
		work_group_init(&group, workers, count);
		for (unsigned n = 0; n < 5000; n++)
			work_group_run(&group, count, &done);
		if (!sizes[i])
			assert_int_equal(done, 5000); /* at once, in the caller */
		workers_destroy(workers);
		assert_int_equal(done, 5000);
	}
}

/* After the seconds that are granted. */
static void *tell_late(void *arg)
{
	usleep(5500000);
	count(arg);
	return NULL;
}

static void let_others_run(void *arg)
{
	usleep(1000);
	count(arg);
}

static void a_group_waits_for_its_own_work(void **state)
{
	struct error err;
	struct workers *workers = workers_create(2, &err);
	struct work_group group, none = {0}, other;
	unsigned done = 0, others = 0;

	assert_non_null(workers);
	work_group_init(&group, workers, count);
	work_group_init(&other, NULL, count);
	work_group_run(&other, count, &others);
	assert_int_equal(others, 1); /* at once, without a pool */
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned n = 0; n < 5; n++)
			work_group_run(&group, let_others_run, &done);
		work_group_wait(&group);
		assert_int_equal(done, 5 * (round + 1));
	}
	work_group_wait(&none); /* never made */
	work_group_fini(&none);
	work_group_fini(&other);
	work_group_fini(&group);
	workers_destroy(workers);
}

/* A thread's long work: it ends when it is told to, or by itself after some seconds, which is too late. */
struct long_work {
	unsigned told, ended;
};

static void work_long(void *arg)
{
	struct long_work *work = arg;

	for (unsigned n = 0; n < 3000 && !__atomic_load_n(&work->told, __ATOMIC_RELAXED); n++)
		usleep(1000);
	count(&work->ended);
}

/* Whoever no longer wants what he gave does not wait for what others gave before. */
static void what_no_thread_has_begun_is_taken_back(void **state)
{
	struct error err;
	struct workers *workers = workers_create(1, &err);
	struct work_group group, before, none = {0};
	struct long_work first = {0}, last = {0};
	unsigned dropped[3] = {0};

	assert_non_null(workers);
	work_group_init(&group, workers, count);
	work_group_init(&before, workers, count);
	work_group_run(&before, work_long, &first);
	for (unsigned n = 0; n < ARRAY_SIZE(dropped); n++)
		work_group_run(&group, work_long, &dropped[n]);
	work_group_run(&before, work_long, &last);
	work_group_cancel(&group);
	assert_int_equal(first.ended, 0);
	for (unsigned n = 0; n < ARRAY_SIZE(dropped); n++)
		assert_int_equal(dropped[n], 1);
	first.told = last.told = 1;
	work_group_wait(&before);
	assert_int_equal(first.ended + last.ended, 2);
	/* The queue is whole: what comes now is done. */
	work_group_run(&group, count, &dropped[0]);
	work_group_wait(&group);
	assert_int_equal(dropped[0], 2);
	work_group_cancel(&none);
	work_group_fini(&before);
	work_group_fini(&group);
	workers_destroy(workers);
}

static void the_pool_is_waited_for(void **state)
{
	static const unsigned sizes[] = {0, 2};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct error err;
		struct workers *workers = workers_create(sizes[i], &err);
		struct work_group groups[2];
		unsigned done = 0;

		assert_non_null(workers);
		workers_hold(workers); /* nothing yet */
		workers_go(workers);
		for (unsigned n = 0; n < 2; n++)
			work_group_init(&groups[n], workers, count);
		for (unsigned round = 0; round < 20; round++) {
			for (unsigned n = 0; n < 6; n++)
				work_group_run(&groups[n % 2], let_others_run, &done);
			workers_hold(workers);
			assert_int_equal(done, 6 * (round + 1));
			workers_go(workers);
		}
		for (unsigned n = 0; n < 2; n++)
			work_group_fini(&groups[n]);
		workers_destroy(workers);
	}
}

struct patience {
	struct work_group *group;
	unsigned ended;
};

static void until_nobody_wants_it(void *arg)
{
	struct patience *p = arg;

	while (!__atomic_load_n(&p->group->ending, __ATOMIC_RELAXED))
		usleep(1000);
	count(&p->ended);
}

static void until_told(void *arg)
{
	while (!__atomic_load_n((unsigned *)arg, __ATOMIC_RELAXED))
		usleep(1000);
}

/* A guest may have asked for more than anybody can wait for. */
static void neither_stop_nor_end_is_kept_waiting(void **state)
{
	struct error err;
	struct workers *workers = workers_create(1, &err);
	struct work_group group, other;
	struct patience p = {.group = &group};
	unsigned told = 0, done = 0, dropped = 0;
	pthread_t teller;

	assert_non_null(workers);
	work_group_init(&group, workers, count);
	work_group_init(&other, workers, count);
	/* What has begun ends, the rest begins when the machine goes on. */
	work_group_run(&group, until_told, &told);
	work_group_run(&other, count, &done);
	pthread_create(&teller, NULL, tell_late, &told);
	workers_hold(workers);
	pthread_join(teller, NULL);
	assert_int_equal(told, 1);
	assert_int_equal(done, 0);
	work_group_run(&other, count, &dropped);
	work_group_cancel(&other); /* which does not wait for that */
	assert_int_equal(done + dropped, 2);
	workers_go(workers);
	work_group_run(&other, count, &done);
	work_group_wait(&other);
	assert_int_equal(done, 2);
	/* At the end what has begun is told, and the rest is dropped. */
	work_group_run(&group, until_nobody_wants_it, &p);
	for (unsigned n = 0; n < 3; n++)
		work_group_run(&other, until_told, &dropped);
	workers_destroy(workers);
	assert_int_equal(p.ended, 1);
	assert_int_equal(dropped, 4);
	work_group_fini(&other);
	work_group_fini(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_work_is_done_before_the_pool_goes),
		cmocka_unit_test(a_group_waits_for_its_own_work),
		cmocka_unit_test(what_no_thread_has_begun_is_taken_back),
		cmocka_unit_test(the_pool_is_waited_for),
		cmocka_unit_test(neither_stop_nor_end_is_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
