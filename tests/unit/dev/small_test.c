/* SPDX-License-Identifier: BSD-2-Clause */
/* PL031, PL061, the Generic Event Device and the error status blocks. */
#include "bench.h"

#define SECOND 1000000000ull

static struct bench bench;
static unsigned offs, resets;

static int setup(void **state)
{
	bench_open(&bench);
	offs = resets = 0;
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	bench_close(&bench);
	return 0;
}

static void clock_counts_and_alarms(void **state)
{
	struct bench *b = *state;
	struct pl031 *rtc = pl031_create(b->loop, b->space, BASE, bench_line(b), 1700000000);
	static const u8 ids[8] = {0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1}; /* revision 1 */

	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(get(b, 0xfe0 + 4 * n, 4), ids[n]);
	assert_int_equal(get(b, 0, 4), 1700000000);
	loop_time_advance(b->loop, 2 * SECOND + SECOND / 2);
	assert_int_equal(get(b, 0, 4), 1700000002);
	put(b, 4, 4, 1700000005);
	put(b, 0x10, 4, 1);
	loop_time_advance(b->loop, 2 * SECOND);
	assert_false(b->level);
	loop_time_advance(b->loop, SECOND);
	assert_true(b->level);
	assert_int_equal(get(b, 0x14, 4), 1);
	assert_int_equal(get(b, 0x18, 4), 1);
	put(b, 0x1c, 4, 1);
	assert_false(b->level);
	put(b, 8, 4, 100); /* LR */
	assert_int_equal(get(b, 0, 4), 100);
	assert_int_equal(pl031_now_s(rtc), 100);
	put(b, 4, 4, 100);
	assert_true(b->level); /* equal now */
	put(b, 0x10, 4, 0);
	assert_false(b->level);
	pl031_reset(rtc);
	assert_int_equal(get(b, 0x14, 4), 0);
	assert_int_equal(get(b, 0, 4), 100); /* the time stays */
	walk(b, 0x0c, 0);
	walk(b, 0x10, 1);
	pl031_destroy(rtc);
}

static void pins_are_seen_and_tell_of_edges(void **state)
{
	static const u8 ids[8] = {0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
	struct bench *b = *state;
	struct pl061 *gpio = pl061_create(b->loop, b->space, BASE, bench_line(b));
	const u32 all = 0x3fc, button = BIT(PL061_POWER_BUTTON);

	for (unsigned n = 0; n < 8; n++)
		assert_int_equal(get(b, 0xfe0 + 4 * n, 4), ids[n]);
	/* Address bits 9:2 say which pins; what is written shows where the direction is out. */
	put(b, 0x0f << 2, 4, 0xff);
	assert_int_equal(get(b, all, 4), 0);
	put(b, 0x400, 4, 0xf7);
	assert_int_equal(get(b, all, 4), 0x07);
	put(b, 0x01 << 2, 4, 0);
	assert_int_equal(get(b, all, 4), 0x06);
	assert_int_equal(get(b, 0x02 << 2, 4), 0x02);
	put(b, 0x400, 4, 0);
	put(b, 0x41c, 4, 0xff);

	/* Both edges of the button, a tenth of a second apart. */
	put(b, 0x408, 4, button);
	put(b, 0x410, 4, button);
	pl061_press(gpio);
	assert_true(b->level);
	assert_int_equal(get(b, all, 4), button);
	assert_int_equal(get(b, 0x414, 4), button);
	assert_int_equal(get(b, 0x418, 4), button);
	put(b, 0x41c, 4, button);
	assert_false(b->level);
	loop_time_advance(b->loop, SECOND / 10);
	assert_true(b->level);
	assert_int_equal(get(b, all, 4), 0);
	put(b, 0x41c, 4, button);

	/* One edge: the falling one; masked it is raw only. */
	put(b, 0x408, 4, 0);
	put(b, 0x410, 4, 0);
	pl061_press(gpio);
	assert_int_equal(get(b, 0x414, 4), 0);
	loop_time_advance(b->loop, SECOND / 10);
	assert_int_equal(get(b, 0x414, 4), button);
	assert_int_equal(get(b, 0x418, 4), 0);
	assert_false(b->level);
	put(b, 0x41c, 4, button);

	/* A level lasts as long as it is there, cleared or not. */
	put(b, 0x404, 4, button);
	put(b, 0x40c, 4, button);
	put(b, 0x410, 4, button);
	assert_false(b->level);
	pl061_press(gpio);
	put(b, 0x41c, 4, button);
	assert_true(b->level);
	loop_time_advance(b->loop, SECOND / 10);
	assert_false(b->level);
	pl061_press(gpio);
	pl061_reset(gpio);
	assert_false(b->level);
	assert_int_equal(get(b, all, 4), 0);
	walk(b, 0x400, 0xff);
	walk(b, 0x414, 0);
	walk(b, 0x420, 0xff);
	pl061_destroy(gpio);
}

static void count_off(void *opaque)
{
	offs++;
}

static void count_reset(void *opaque)
{
	resets++;
}

static void ged_reports_once(void **state)
{
	struct bench *b = *state;
	struct ged *ged = ged_create(b->loop, b->space, BASE, bench_line(b), count_off, count_reset, NULL);

	assert_int_equal(get(b, GED_SELECTOR, 4), 0);
	ged_raise(ged, GED_POWER_BUTTON);
	ged_raise(ged, 8);
	assert_true(b->level);
	assert_int_equal(get(b, GED_SELECTOR, 4), GED_POWER_BUTTON | 8);
	assert_false(b->level);
	assert_int_equal(get(b, GED_SELECTOR, 4), 0);
	put(b, GED_SLEEP_CONTROL, 1, GED_SLEEP_TYPE_S5 << 2);
	put(b, GED_SLEEP_CONTROL, 1, 3 << 2 | 0x20);
	assert_int_equal(offs, 0);
	put(b, GED_SLEEP_CONTROL, 1, GED_SLEEP_TYPE_S5 << 2 | 0x20);
	assert_int_equal(offs, 1);
	assert_int_equal(get(b, GED_SLEEP_CONTROL, 1), GED_SLEEP_TYPE_S5 << 2);
	put(b, GED_RESET, 1, 1);
	assert_int_equal(resets, 0);
	put(b, GED_RESET, 1, GED_RESET_VALUE);
	assert_int_equal(resets, 1);
	assert_int_equal(get(b, GED_SLEEP_STATUS, 1), 0);
	ged_raise(ged, 1);
	ged_reset(ged);
	assert_false(b->level);
	assert_int_equal(get(b, GED_SELECTOR, 4), 0);
	ged_destroy(ged);
}

static unsigned told[GHES_SOURCES];

static void count_told(void *opaque, enum ghes_source source)
{
	told[source]++;
}

/* The block as [ACPI6.5 18.3.2.7.1] has it; one record is out until it is acknowledged, the others wait, and too many
 * are refused. */
static void error_records_wait_for_their_acknowledgement(void **state)
{
	static const u8 type[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct bench *b = *state;
	struct ghes *ghes = ghes_create(b->space, BASE, count_told, NULL);
	const u32 page = GHES_EVENT * GHES_SOURCE_BYTES, block = page + GHES_BLOCK;
	u64 section = 0x1122334455667788;
	unsigned taken = 0;

	memset(told, 0, sizeof(told));
	for (unsigned n = 0; n < GHES_SOURCES; n++)
		assert_int_equal(get(b, n * GHES_SOURCE_BYTES + GHES_ADDRESS, 8),
				 BASE + n * GHES_SOURCE_BYTES + GHES_BLOCK);
	put(b, page + GHES_ADDRESS, 8, 0);
	assert_int_equal(get(b, page + GHES_ADDRESS, 8), BASE + block);
	assert_int_equal(get(b, page + GHES_READ_ACK, 8), 1);
	assert_int_equal(get(b, block, 4), 0);

	assert_true(ghes_report(ghes, GHES_EVENT, GHES_CORRECTED, type, &section, 8));
	assert_int_equal(told[GHES_EVENT], 1);
	assert_int_equal(told[GHES_SEA], 0);
	assert_int_equal(get(b, page + GHES_READ_ACK, 8), 0);
	assert_int_equal(get(b, block, 4), 0x12); /* correctable, one entry */
	assert_int_equal(get(b, block + 12, 4), 72 + 8);
	assert_int_equal(get(b, block + 16, 4), 2);
	assert_int_equal(get(b, block + 20, 4), 0x04030201);
	assert_int_equal(get(b, block + 36, 4), 2);
	assert_int_equal(get(b, block + 40, 2), 0x300);
	assert_int_equal(get(b, block + 44, 4), 8);
	assert_int_equal(get(b, block + 92, 4), 0x55667788);
	assert_int_equal(get(b, GHES_BLOCK, 4), 0); /* the other source's */

	/* A whole block goes out as it is, in its turn. */
	put(b, page + GHES_READ_ACK, 8, 1);
	assert_true(ghes_report_block(ghes, GHES_EVENT, "0123456789abcdefghijklmn", 24));
	assert_int_equal(get(b, block, 4), 0x33323130);
	assert_int_equal(get(b, block + 20, 4), 0x6e6d6c6b);
	assert_int_equal(get(b, block + 24, 8), 0);
	assert_int_equal(told[GHES_EVENT], 2);
	told[GHES_EVENT] = 1;

	/* Without the acknowledgement no other: not by clearing the status, nor by writing something else. */
	section = 2;
	assert_true(ghes_report(ghes, GHES_EVENT, GHES_RECOVERABLE, type, &section, 8));
	put(b, block, 4, 0);
	put(b, page + GHES_READ_ACK, 8, 2);
	assert_int_equal(told[GHES_EVENT], 1);
	assert_int_equal(get(b, block, 4), 0);
	put(b, page + GHES_READ_ACK, 8, 1);
	assert_int_equal(told[GHES_EVENT], 2);
	assert_int_equal(get(b, block, 4), 0x11);
	assert_int_equal(get(b, block + 92, 4), 2);
	assert_int_equal(get(b, page + GHES_READ_ACK, 8), 0);
	put(b, page + GHES_READ_ACK, 8, 1);
	put(b, page + GHES_READ_ACK, 8, 1);
	assert_int_equal(told[GHES_EVENT], 2);
	assert_int_equal(get(b, page + GHES_READ_ACK, 8), 1);

	while (ghes_report(ghes, GHES_EVENT, GHES_RECOVERABLE, type, &section, 8) && taken < 1000)
		section = 100 + taken++;
	assert_in_range(taken, 8, 100);
	assert_true(ghes_report(ghes, GHES_SEA, GHES_RECOVERABLE, type, &section, 8)); /* has a queue of its own */
	for (unsigned n = 1; n < taken; n++) {
		put(b, page + GHES_READ_ACK, 8, 1);
		assert_int_equal(get(b, block + 92, 4), 99 + n);
	}
	assert_int_equal(told[GHES_EVENT], 2 + taken);
	ghes_reset(ghes);
	assert_int_equal(get(b, GHES_BLOCK, 4), 0);
	assert_int_equal(get(b, page + GHES_READ_ACK, 8), 1);
	assert_true(ghes_report(ghes, GHES_SEA, GHES_FATAL, type, &section, 8));
	assert_int_equal(get(b, GHES_BLOCK + 16, 4), 1);
	ghes_destroy(ghes);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(clock_counts_and_alarms),
		T(pins_are_seen_and_tell_of_edges),
		T(ged_reports_once),
		T(error_records_wait_for_their_acknowledgement),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
