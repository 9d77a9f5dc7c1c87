/* SPDX-License-Identifier: BSD-2-Clause */
/* pci-testdev: the loop that test programs run over it, in both BARs. [QEMU docs/specs/pci-testdev] */
#include <stdio.h>

#include "pci/fixture.h"

#define MEM_AT (MMIO32_BASE + 0x400000)
#define IO_AT (PIO_BASE + 0x1000)

static struct fixture *start(const char *text)
{
	struct fixture *f = fixture_new();

	fixture_must_add(f, &pci_testdev_class, NULL, text);
	assert_int_equal(rd(f, ecam(0, 1, 0, 0), 4), 0x00051b36);
	wr(f, ecam(0, 1, 0, 0x10), 4, MEM_AT);
	wr(f, ecam(0, 1, 0, 0x14), 4, IO_AT - PIO_BASE);
	wr(f, ecam(0, 1, 0, 4), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	return f;
}

/* Runs the tests of a BAR until one is not there; how many were. */
static unsigned run(struct fixture *f, u64 bar, const char *prefix)
{
	for (unsigned test = 0;; test++) {
		u64 at, data;

		wr(f, bar, 1, test);
		assert_int_equal(rd(f, bar + 12, 4), 0);
		if (rd(f, bar + 1, 1) != 1)
			return test;
		at = bar + rd(f, bar + 4, 4);
		data = rd(f, bar + 8, 4);
		for (unsigned n = 0; n < 16; n++)
			wr(f, at, 1, data);
		assert_int_equal(rd(f, bar + 12, 4), 16);
		/* Neither another place nor another width counts, another value where any does. */
		wr(f, at + 8, 1, data);
		if (at % 4 == 0) /* else it would be split into bytes */
			wr(f, at, 4, data);
		assert_int_equal(rd(f, bar + 12, 4), 16);
		wr(f, at, 1, 0x11);
		assert_int_equal(rd(f, bar + 12, 4), test == 1 ? 17 : 16);
		for (unsigned n = 0; prefix[n]; n++)
			assert_int_equal(rd(f, bar + 16 + n, 1), prefix[n]);
	}
}

static void writes_are_counted(void **state)
{
	struct fixture *f = start("addr=1");

	assert_int_equal(rd(f, MEM_AT, 4), 0); /* no test is chosen yet */
	assert_int_equal(run(f, MEM_AT, "mmio-"), 3);
	assert_int_equal(run(f, IO_AT, "portio-"), 3);
	wr(f, MEM_AT, 1, 255);
	assert_int_equal(rd(f, MEM_AT + 1, 1), 0);
	/* Past the header, and over its end. */
	assert_int_equal(rd(f, MEM_AT + 0x7f8, 8), 0);
	assert_int_equal(rd(f, MEM_AT + 60, 8), 0);
	fixture_free(f);
}

static void a_bar_of_any_size(void **state)
{
	struct fixture *f = start("addr=1,membar=64G");
	struct error err = {{0}};

	wr(f, ecam(0, 1, 0, 0x18), 4, 0xffffffff);
	wr(f, ecam(0, 1, 0, 0x1c), 4, 0xffffffff);
	assert_int_equal(rd(f, ecam(0, 1, 0, 0x18), 4), 0xc);
	assert_int_equal(rd(f, ecam(0, 1, 0, 0x1c), 4), 0xfffffff0);
	assert_null(fixture_add(f, &pci_testdev_class, NULL, "addr=2,membar=3M", &err));
	assert_non_null(strstr(err.text, "membar=3145728"));
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_are_counted),
		cmocka_unit_test(a_bar_of_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
