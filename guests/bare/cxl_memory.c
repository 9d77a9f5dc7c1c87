/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interleaved CXL memory (2 ways, 256 bytes) is memory: unaligned and 128-bit accesses over granules, exclusives and atomics, code, page tables
 * and stacks in it. [CXL2.0 8.2.5.12]
 */
/* run: topology=cxl2 smp=1,4 timeout=60 */
#include "bare.h"

#define SIZE (512ul << 20)
static unsigned cpus;
static struct barrier bar;

static void plain(void)
{
	u64 lo, hi, d0, d1;

	for (u64 at = WINDOW; at < WINDOW + SIZE; at += 0x1234000)
		write64(at, at * 3);
	for (u64 at = WINDOW; at < WINDOW + SIZE; at += 0x1234000)
		check("far and wide", read64(at), at * 3);
	for (unsigned i = 0; i < 2048; i++)
		write8(WINDOW + i, (u8)(i * 7 + (i >> 8)));
#define BYTE(i) ((u64)(u8)((i) * 7 + ((i) >> 8)))
	/* Over the edge of a granule, of a chunk, and everything near. */
	for (unsigned off = 256 - 20; off < 256 + 20; off++) {
		u64 want = 0, want2 = 0;

		for (unsigned i = 0; i < 8; i++) {
			want |= BYTE(off + i) << (8 * i);
			want2 |= BYTE(off + 8 + i) << (8 * i);
		}
		check("unaligned", read64(WINDOW + off), want);
		check("unaligned word", read32(WINDOW + off), (u32)want);
		asm volatile("ldr q0, [%2]; fmov %0, d0; fmov %1, v0.d[1]" : "=r"(lo), "=r"(hi) : "r"(WINDOW + off));
		check("128 bits", lo, want);
		check("128 bits, high", hi, want2);
		asm volatile("ldp %0, %1, [%2]" : "=&r"(d0), "=&r"(d1) : "r"(WINDOW + off));
		check("pair", d0 ^ d1, want ^ want2);
		asm volatile("ld1 {v0.16b, v1.16b}, [%1]; fmov %0, v0.d[1]" : "=r"(hi) : "r"(WINDOW + off));
		check("ld1", hi, want2);
		asm volatile("str q0, [%0]" :: "r"(WINDOW + 4096 + off) : "memory");
		check("str q", read64(WINDOW + 4096 + off + 8), want2);
	}
	u64 edge = WINDOW + (2ul << 20) - 8;

	asm volatile("stp %1, %2, [%0]" :: "r"(edge), "r"(0x1111ul), "r"(0x2222ul) : "memory");
	check("over 2 MiB", read64(edge), 0x1111);
	check("over 2 MiB, second", read64(edge + 8), 0x2222);
	write64(edge + 5, 0xa1a2a3a4a5a6a7a8);
	check("unaligned over 2 MiB", read64(edge + 5), 0xa1a2a3a4a5a6a7a8);
	asm volatile("dc zva, %0" :: "r"(WINDOW + 300) : "memory");
	check("dc zva", read64(WINDOW + 256 + 8) | read64(WINDOW + 312), 0);
	check("dc zva, neighbour", read8(WINDOW + 255), BYTE(255));
	check("dc zva, other neighbour", read8(WINDOW + 320), BYTE(320));
	/* Beyond the region: all ones, dropped. */
	write64(WINDOW + SIZE + 64, 5);
	check("nothing decodes", read64(WINDOW + SIZE + 64), ~0ul);
	done("plain");
}

static void code(void)
{
	/* A function over a granule's edge, and one over 2 MiB. */
	static const u64 where[] = {WINDOW + 0x100000, WINDOW + 0x100000 + 252, WINDOW + (4ul << 20) - 8, WINDOW + 4096 - 4};

	for (unsigned w = 0; w < 4; w++) {
		volatile u32 *at = (volatile u32 *)where[w];

		for (unsigned i = 0; i < 100; i++) {
			at[0] = 0x91000400;          /* add x0, x0, #1 */
			at[1] = 0xd2800001 | i << 5; /* mov x1, #i */
			at[2] = 0x8b010000;          /* add x0, x0, x1 */
			at[3] = 0xd65f03c0;
			code_changed((void *)at, 16);
			check("code", guarded_call((void *)at, 1000, 0), 1001 + i);
		}
	}
	done("code");
}

static void tables(void)
{
	struct tables t = {.shift = 12, .va_bits = 48};
	u64 next = WINDOW + 0x800000, t1 = next + 0x1000, t2 = next + 0x2000, t3 = next + 0x3000, ram = (u64)page_alloc(4096);

	/* By hand: the root and one path in CXL memory; what the machine needs, copied from the flat tables. */
	for (u64 a = next; a < next + 0x4000; a += 8)
		write64(a, 0);
	tables_init(&t, 12, 48);
	map_machine(&t);
	for (u64 pa = WINDOW; pa < WINDOW + SIZE; pa += BIT(21))
		map(&t, pa, pa, D_RAM & ~D_UXN, 2);
	for (unsigned i = 0; i < 512; i++)
		write64(next + 8 * i, ((u64 *)t.root)[i]);
	write64(next + 8 * 256, t1 | 3);
	write64(t1, t2 | 3);
	write64(t2, t3 | 3);
	write64(t3, ram | D_RAM | 3);
	write64(t3 + 8, (WINDOW + 0x900000) | D_RAM | 3);
	write64(t3 + 16, ((WINDOW + 0xa00000) | D_RAM | D_RO | D_DBM | 3) & ~D_AF);
	t.root = next;
	mmu_set(t.root, tcr_for(&t) | BIT(39) | BIT(40));
	*(volatile u64 *)ram = 0x77;
	write64(WINDOW + 0x900000, 0x99);
	check("walk through CXL memory", read64(BIT(47)), 0x77);
	check("to CXL memory", read64(BIT(47) + 4096), 0x99);
	for (unsigned i = 0; i < 50; i++) {
		write64(t3, (i & 1 ? ram : WINDOW + 0x900000) | D_RAM | 3);
		tlbi_va(BIT(47));
		check("changed", read64(BIT(47)), i & 1 ? 0x77 : 0x99);
	}
	write64(BIT(47) + 8192, 1);
	check("access flag and dirty state, in CXL memory", read64(t3 + 16) & (D_AF | D_RO), D_AF);
	/* A stack there. */
	u64 sum;
	asm volatile("mov x9, sp; mov sp, %1; stp x9, x30, [sp, #-16]!; str %2, [sp, #-16]!; ldr x10, [sp], #16; ldp x9, x30, [sp], #16; mov sp, x9;"
		     "mov %0, x10" : "=r"(sum) : "r"(WINDOW + 0x300), "r"(0x1234ul) : "x9", "x10", "memory");
	check("stack", sum, 0x1234);
	done("page tables");
}

#define WORD(n) (WINDOW + 0xb00000 + (n) * 256ul)
static void shared(unsigned cpu, void *arg)
{
	u64 runs = RUNS(10000, 1000000), x, y;

	barrier_wait(&bar, cpus);
	for (u64 i = 0; i < runs; i++) {
		asm volatile(".arch armv8.1-a\n ldaddal %1, %0, [%2]" : "=r"(x) : "r"(1ul), "r"(WORD(0)) : "memory");
		asm volatile("1: ldaxr %0, [%1]; add %0, %0, #1; stlxr w9, %0, [%1]; cbnz w9, 1b" : "=&r"(x) : "r"(WORD(1)) : "x9", "memory");
		asm volatile("1: ldaxp %0, %1, [%2]; add %0, %0, #1; sub %1, %1, #1; stlxp w9, %0, %1, [%2]; cbnz w9, 1b"
			     : "=&r"(x), "=&r"(y) : "r"(WORD(2) + 240) : "x9", "memory");
		asm volatile("ldp x10, x11, [%0]; 1: mov x12, x10; mov x13, x11; add x14, x10, #1; sub x15, x11, #1;"
			     "caspal x10, x11, x14, x15, [%0]; cmp x10, x12; ccmp x11, x13, #0, eq; b.ne 1b"
			     :: "r"(WORD(3)) : "x10", "x11", "x12", "x13", "x14", "x15", "cc", "memory");
	}
}

void test(void)
{
	u64 all;

	cpus = cpus_present();
	struct tables wide;

	tables_init(&wide, 12, 48);
	map_machine(&wide);
	for (u64 pa = WINDOW; pa < WINDOW + SIZE + BIT(21); pa += BIT(21))
		map(&wide, pa, pa, D_RAM & ~D_UXN, 2);
	mmu_set(wide.root, tcr_for(&wide));
	plain();
	code();
	FAULTS_FAR("unaligned exclusive", EC(0x25, 0x21), WINDOW + 252, "ldxr x9, [%0]" :: "r"(WINDOW + 252) : "x9", "memory");
	for (unsigned i = 0; i < 4; i++)
		for (unsigned j = 0; j < 256; j += 8)
			write64(WORD(i) + j, 0);
	smp_run(cpus, shared, NULL);
	all = RUNS(10000, 1000000) * cpus;
	check("ldadd", read64(WORD(0)), all);
	check("ldaxr", read64(WORD(1)), all);
	check("ldaxp", read64(WORD(2) + 240), all);
	check("ldaxp, high", read64(WORD(2) + 248), -all);
	check("casp", read64(WORD(3)), all);
	check("casp, high", read64(WORD(3) + 8), -all);
	done("atomics");
	tables();
}
