/* SPDX-License-Identifier: BSD-2-Clause */
/* Broken rules are counted by rule and PC, in a table that has an end. */
#include <pthread.h>

#include "base/conformance.h"
#include "check.h"

static u64 pc;
static struct conformance_report report;

static u64 pc_of(const void *cpu)
{
	return *(const u64 *)cpu;
}

static int clear(void **state)
{
	conformance_clear();
	guest_place = (struct guest_place){.pc = pc_of, .cpu = &pc, .index = 3};
	return 0;
}

static void the_same_place_is_one_entry(void **state)
{
	const struct conformance_entry *entry = report.entries;

	for (pc = 0x1000; pc < 0x1010; pc += 4)
		for (unsigned n = 0; n < pc / 4 % 4 + 1; n++)
			guest_error(REGISTER_WIDTH, "from %llx, %u", (unsigned long long)pc, n);
	pc = 0x1000;
	guest_error(DOE_GO, "another rule");
	assert_int_equal(conformance_total(), 11);
	assert_int_equal(conformance_count(RULE_REGISTER_WIDTH), 10);
	assert_int_equal(conformance_count(RULE_DOE_GO), 1);
	assert_int_equal(conformance_count(RULE_DOE_BUSY), 0);
	conformance_take(&report, false);
	assert_int_equal(report.count, 5);
	for (unsigned n = 0; n < 4; n++, entry++) {
		assert_int_equal(entry->rule, RULE_REGISTER_WIDTH);
		assert_int_equal(entry->pc, 0x1000 + 4 * n);
		assert_int_equal(entry->count, n + 1);
		assert_int_equal(entry->cpu, 3);
		assert_non_null(strstr(entry->first, ", 0"));
	}
	assert_int_equal(entry->rule, RULE_DOE_GO);
	assert_string_equal(rule_name(RULE_DOE_GO), "doe-go");
}

static void without_a_vcpu_there_is_no_pc(void **state)
{
	guest_place.cpu = NULL;
	pc = 0x1000;
	guest_error(DMA_NOWHERE, "a device");
	conformance_take(&report, false);
	assert_int_equal(report.count, 1);
	assert_int_equal(report.entries[0].pc, 0);
	assert_int_equal(report.entries[0].cpu, -1);
}

static void the_table_has_an_end(void **state)
{
	for (pc = 0; pc < 100000 * 4; pc += 4)
		guest_error(REGISTER_NONE, "somewhere");
	assert_int_equal(conformance_total(), 100000);
	assert_int_equal(conformance_count(RULE_REGISTER_NONE), 100000);
	conformance_take(&report, false);
	assert_int_equal(report.count, CONFORMANCE_ENTRIES);
	assert_int_equal(report.lost, 100000 - CONFORMANCE_ENTRIES);
	pc = 40;
	guest_error(REGISTER_NONE, "known");
	conformance_take(&report, false);
	assert_int_equal(report.lost, 100000 - CONFORMANCE_ENTRIES);
}

static unsigned printed;

static void count_line(void *opaque, const char *text)
{
	const char *const expected[] = {"register-width: 2 times against: ",
					"  2 from pc 0x4000, cpu 3, first: \xc3 long"};

	assert_in_range(printed, 0, 1);
	assert_memory_equal(text, expected[printed], strlen(expected[printed]));
	printed++;
}

static void it_prints_rules_and_places(void **state)
{
	char text[4096];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	pc = 0x4000;
	guest_error(REGISTER_WIDTH, "\xc3 long %s", text);
	guest_error(REGISTER_WIDTH, "and short");
	conformance_print(count_line, NULL);
	assert_int_equal(printed, 2);
}

static void *break_rules(void *arg)
{
	for (unsigned n = 0; n < 100000; n++) {
		pc = 0x1000 + n % 1000 * 4;
		guest_place = (struct guest_place){.pc = pc_of, .cpu = &pc};
		guest_error(REGISTER_WIDTH, "n %u", n);
	}
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Who reads and clears again and again misses none. */
static void what_is_taken_is_whole(void **state)
{
	bool over = false, last;
	u64 total = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, break_rules, &over), 0);
	do {
		u64 entries = 0;

		last = __atomic_load_n(&over, __ATOMIC_ACQUIRE);
		conformance_take(&report, true);
		for (unsigned n = 0; n < report.count; n++)
			entries += report.entries[n].count;
		assert_int_equal(entries + report.lost, report.total);
		assert_int_equal(report.by_rule[RULE_REGISTER_WIDTH], report.total);
		total += report.total;
	} while (!last);
	pthread_join(thread, NULL);
	assert_int_equal(total, 100000);
	assert_int_equal(conformance_total(), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, clear)
	const struct CMUnitTest tests[] = {
		T(the_same_place_is_one_entry), T(without_a_vcpu_there_is_no_pc), T(the_table_has_an_end),
		T(it_prints_rules_and_places),  T(what_is_taken_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
