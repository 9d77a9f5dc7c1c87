/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzz target: the SMMU, its tables and queues in guest memory, and devices whose addresses it translates. */
#define main smmu_test_main
#include "../tests/unit/smmu/smmu_test.c"
#undef main
#include "fuzz.h"

static const struct place places[] = {{BASE, 0x20000},
				      {STRTAB, 0x4000},
				      {LEVEL2, 0x1000},
				      {CD, 0x80},
				      {CMDQ, 0x100},
				      {EVENTQ, 0x100},
				      {TABLES, 0x1000},
				      {TABLES + 0x10000, 0x1000},
				      {TABLES + 0x20000, 0x1000},
				      {TABLES + 0x30000, 0x1000}};

/* A table's entry, mostly sensible: the next table, a page, a block, nothing. */
static void descriptor(struct world *w, struct input *in)
{
	static const u64 kinds[] = {3, 1, 0x743, 0x741, 0x7c3, 0, 0x343, 3ull << 61 | 3};
	u8 what = (u8)draw(in, 1);
	u64 at = TABLES + (what & 3) * 0x10000 + draw(in, 1) * 8;

	put(w, at, (TABLES + (what >> 2 & 3) * 0x10000) | kinds[what >> 4 & 7]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct world w;
	struct input in = {data, size};
	u64 record[4], pa, length;
	u8 mode = (u8)draw(&in, 1);

	if (!w.loop)
		open_world(&w);
	smmu_reset(w.smmu);
	for (unsigned n = 1; n < ARRAY_SIZE(places); n++)
		memset(w.memory + (places[n].base - RAM), 0, places[n].size);
	if (mode & 1) { /* what a driver would have set up; SID's entry leads to a context */
		start(&w, mode & 2 ? STRTAB_2LEVEL << 16 | 8 << 6 | 9 : 9);
		put(&w, STRTAB + 8, LEVEL2 | 9);
		for (unsigned n = 0; n < 2; n++) {
			u64 ste = n ? ste_of(SID) : LEVEL2 + 64 * (SID & 255);

			put(&w, ste, CD | 5 << 1 | 1);
			put(&w, ste + 8, (u64)(mode >> 2 & 3) << 48);
		}
		context(&w, 16 + (mode >> 4) * 2, mode >> 2 & 3, TABLES);
	}
	for (unsigned n = 0; n < OPERATIONS_MAX && in.left; n++) {
		switch (draw(&in, 1) & 7) {
		case 0 ... 2: access_place(w.space, places, ARRAY_SIZE(places), &in); break;
		case 3: descriptor(&w, &in); break;
		case 4: put(&w, CMDQ + (draw(&in, 1) & 0xf8), draw(&in, 3)); break;
		default:
			pa = draw(&in, 6);
			length = draw(&in, 2);
			dma_translate(w.space, draw(&in, 1) & 1 ? SID : (u32)draw(&in, 2), pa & 1, &pa, &length);
		}
	}
	events(&w, record);
	return 0;
}
