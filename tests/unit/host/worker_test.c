/* SPDX-License-Identifier: BSD-2-Clause */
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
		work_group_init(&group, workers);
		for (unsigned n = 0; n < 5000; n++)
			work_group_run(&group, count, &done);
		if (!sizes[i])
			assert_int_equal(done, 5000); /* at once, in the caller */
		workers_destroy(workers);
		assert_int_equal(done, 5000);
	}
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
	work_group_init(&group, workers);
	work_group_init(&other, NULL);
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

static void the_pool_is_waited_for(void **state)
{
	static const unsigned sizes[] = {0, 2};

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct error err;
		struct workers *workers = workers_create(sizes[i], &err);
		struct work_group groups[2];
		unsigned done = 0;

		assert_non_null(workers);
		workers_wait(workers); /* nothing yet */
		for (unsigned n = 0; n < 2; n++)
			work_group_init(&groups[n], workers);
		for (unsigned round = 0; round < 20; round++) {
			for (unsigned n = 0; n < 6; n++)
				work_group_run(&groups[n % 2], let_others_run, &done);
			workers_wait(workers);
			assert_int_equal(done, 6 * (round + 1));
		}
		for (unsigned n = 0; n < 2; n++)
			work_group_fini(&groups[n]);
		workers_destroy(workers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_work_is_done_before_the_pool_goes),
		cmocka_unit_test(a_group_waits_for_its_own_work),
		cmocka_unit_test(the_pool_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
