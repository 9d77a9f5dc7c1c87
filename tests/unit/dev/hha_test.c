/* SPDX-License-Identifier: BSD-2-Clause */
/* Cache maintenance by address: what is cleaned of which memory. */
#include "bench.h"

#define CTRL 0x5004
#define START 0x5008
#define LENGTH 0x5010
#define GO(type) (3 | (type) << 2)
#define PMEM_BASE 0x80000000ull

static struct bench bench;
static struct region pmem;
static u64 from, bytes;
static unsigned cleaned, drained;

static void clean(struct region *region, u64 offset, u64 size)
{
	assert_ptr_equal(region, &pmem);
	from = offset;
	bytes = size;
	cleaned++;
}

static void drain(struct region *region)
{
	assert_ptr_equal(region, &pmem);
	drained++;
}

static int setup(void **state)
{
	bench_open(&bench);
	pmem = (struct region){.name = "pmem",
			       .base = PMEM_BASE,
			       .size = MiB,
			       .host = calloc(1, MiB),
			       .persist = clean,
			       .persist_drain = drain};
	space_add(bench.space, &pmem);
	cleaned = drained = 0;
	*state = hha_create(bench.space, BASE);
	return 0;
}

static int teardown(void **state)
{
	hha_destroy(*state);
	space_remove(bench.space, &pmem);
	free(pmem.host);
	bench_close(&bench);
	return 0;
}

static void operate(u64 start, u64 length, u32 control)
{
	put(&bench, START, 4, (u32)start);
	put(&bench, START + 4, 4, start >> 32);
	put(&bench, LENGTH, 4, (u32)length);
	put(&bench, LENGTH + 4, 4, length >> 32);
	put(&bench, CTRL, 4, control);
	assert_int_equal(get(&bench, CTRL, 4), control & ~1u); /* done */
}

static void cleans_the_lines_of_a_range(void **state)
{
	operate(PMEM_BASE + 0x1000, 0x7f, GO(1));
	assert_true(cleaned == 1 && drained == 1 && from == 0x1000 && bytes == 128);
	operate(PMEM_BASE + 0x1001, 0x7f, GO(0)); /* reaches into the next line */
	assert_true(cleaned == 2 && drained == 2 && from == 0x1000 && bytes == 256);
	operate(0, PMEM_BASE - 1, GO(1)); /* everything below, and beside: nothing to do */
	operate(PMEM_BASE + MiB, 0, GO(1));
	assert_int_equal(cleaned, 2);
}

static void hostile_ranges_end_with_the_memory(void **state)
{
	operate(0, UINT64_MAX, GO(1));
	assert_true(cleaned == 1 && from == 0 && bytes == MiB);
	operate(PMEM_BASE + MiB - 1, UINT64_MAX, GO(1)); /* would wrap */
	assert_true(cleaned == 2 && from == MiB - 128 && bytes == 128);
	operate(~0ull, ~0ull, GO(1));
	assert_int_equal(cleaned, 2);
	operate(0, 0, 1 | 1 << 2); /* no range: all */
	assert_true(cleaned == 3 && from == 0 && bytes == MiB);
}

static void other_types_clean_nothing(void **state)
{
	operate(PMEM_BASE, MiB - 1, GO(2));
	operate(PMEM_BASE, MiB - 1, GO(3));
	operate(PMEM_BASE, MiB - 1, GO(1) & ~1u); /* not enabled */
	assert_int_equal(cleaned, 0);
}

static void registers_hold_what_is_written(void **state)
{
	walk(&bench, START, 0xffffffff);
	walk(&bench, START + 4, 0xffffffff);
	walk(&bench, LENGTH, 0xffffffff);
	walk(&bench, LENGTH + 4, 0xffffffff);
	walk(&bench, 0x5000, 0);
	walk(&bench, 0x5018, 0);
	operate(1, 2, 0);
	hha_reset(*state);
	assert_int_equal(get(&bench, START, 8) | get(&bench, LENGTH, 8), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cleans_the_lines_of_a_range),
		T(hostile_ranges_end_with_the_memory),
		T(other_types_clean_nothing),
		T(registers_hold_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
