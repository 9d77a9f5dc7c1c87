/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes numbered lines to persistent CXL memory until it is killed: line n, made persistent, then n itself, made persistent. So whoever
 * reads the files afterwards knows what must be in them (tests/persist/cases.py). Lines are spread over granules and chunks, and the
 * four instructions that make a line persistent take turns.
 */
#include "bare.h"

#define LINES 512
#define SPREAD 0x11040ul /* a line further, in another granule and now and then another chunk */

static void flush(u64 at, u64 n)
{
	switch (n % 4) {
	case 0: asm volatile("dc cvac, %0; dsb sy" :: "r"(at) : "memory"); break;
	case 1: asm volatile(".arch armv8.5-a\n dc cvap, %0; dsb sy" :: "r"(at) : "memory"); break;
	case 2: asm volatile(".arch armv8.5-a\n dc cvadp, %0; dsb sy" :: "r"(at) : "memory"); break;
	case 3: asm volatile("dc civac, %0; dsb sy" :: "r"(at) : "memory"); break;
	}
}

void test(void)
{
	struct tables wide;

	tables_init(&wide, 12, 48);
	map_machine(&wide);
	for (u64 pa = WINDOW; pa < WINDOW + (64ul << 20); pa += BIT(21))
		map(&wide, pa, pa, D_RAM, 2);
	mmu_set(wide.root, tcr_for(&wide));
	done("writing");
	for (u64 n = read64(WINDOW) + 1;; n++) {
		u64 line = WINDOW + 4096 + n % LINES * SPREAD;

		for (unsigned i = 0; i < 64; i += 8)
			write64(line + i, n);
		flush(line, n);
		write64(WINDOW, n);
		flush(WINDOW, n / 4);
	}
}
