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
		unsigned done = 0;

		assert_non_null(workers);
		for (unsigned n = 0; n < 5000; n++)
			workers_run(workers, count, &done);
		if (!sizes[i])
			assert_int_equal(done, 5000); /* at once, in the caller */
		workers_destroy(workers);
		assert_int_equal(done, 5000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_work_is_done_before_the_pool_goes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
