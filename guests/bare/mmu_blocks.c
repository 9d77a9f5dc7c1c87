/* SPDX-License-Identifier: BSD-2-Clause */
/* Blocks of 2 MiB whose pages come into the TLB one after the other: rights, ASIDs, tags, code and exclusives hold for each. [DDI0487 D8.2] */
/* run: smp=1,2 */
#include "bare.h"

#define VA 0x4000200000ul
#define BLOCK BIT(21)
#define PAGES 512

static u64 a, b, *slot;

/* Word 8 of page n says n and whose it is. */
static void label(u64 block, u64 whose)
{
	for (u64 n = 0; n < PAGES; n++)
		*(volatile u64 *)(block + n * 4096 + 64) = whose << 32 | n;
}
static void point(u64 block, u64 attributes)
{
	*(volatile u64 *)slot = block | attributes | 1;
}
/* In an order that leaves a page between. */
static void expect(const char *what, u64 va, u64 whose)
{
	for (u64 i = 0, n = 0; i < PAGES; i++, n = (n + 205) % PAGES)
		check(what, read64(va + n * 4096 + 64), whose << 32 | n);
}

static void replaced(void)
{
	for (u64 i = 0; i < 20; i++) {
		u64 other = i & 1 ? a : b;

		expect("block", VA, i & 1 ? 0xb : 0xa);
		*(volatile u64 *)slot = 0;
		tlbi_va(VA + (i * 77 % PAGES) * 4096);
		point(other, D_RAM);
		dsb();
	}
	*(volatile u64 *)slot = 0;
	tlbi_va(VA);
	point(a, D_RAM);
	dsb();
	expect("block", VA, 0xa);
	done("a block replaced");
}

static void written(void)
{
	for (u64 n = 0; n < PAGES; n++)
		write64(VA + (n * 205 % PAGES) * 4096 + 128, n);
	for (u64 n = 0; n < PAGES; n++)
		check("written", *(volatile u64 *)(a + (n * 205 % PAGES) * 4096 + 128), n);
	/* Over the end of each page but the last. */
	tlbi_all();
	write64(VA, read64(VA));
	for (u64 n = 0; n < PAGES - 1; n++)
		asm volatile("str %0, [%1]" :: "r"(0x1122334455667788 + n), "r"(VA + n * 4096 + 4092) : "memory");
	for (u64 n = 0; n < PAGES - 1; n++)
		check("over the end", (u64)*(volatile u32 *)(a + n * 4096 + 4096) << 32 | *(volatile u32 *)(a + n * 4096 + 4092), 0x1122334455667788 + n);
	done("writes");
}

static void rights(void)
{
	*(volatile u64 *)slot = 0;
	tlbi_all();
	point(a, D_RAM | D_RO);
	dsb();
	expect("read-only", VA, 0xa);
	for (u64 n = 0; n < PAGES; n += 37)
		FAULTS_FAR("read-only", EC(0x25, 0x4e), VA + n * 4096, "str xzr, [%0]" :: "r"(VA + n * 4096) : "memory");
	*(volatile u64 *)slot = 0;
	tlbi_all();
	point(a, D_RAM | D_EL0);
	dsb();
	expect("with PAN clear", VA, 0xa);
	asm volatile(".inst 0xd500419f" ::: "memory"); /* msr pan, #1 */
	for (u64 n = 0; n < PAGES; n += 37)
		FAULTS_FAR("PAN", EC(0x25, 0x0e), VA + n * 4096 + 64, "ldr x9, [%0]" :: "r"(VA + n * 4096 + 64) : "x9", "memory");
	asm volatile(".inst 0xd500409f" ::: "memory");
	expect("PAN clear again", VA, 0xa);
	*(volatile u64 *)slot = 0;
	tlbi_all();
	point(a, D_RAM);
	dsb();
	done("rights");
}

static void asids(void)
{
	struct tables other = {.shift = 12, .va_bits = 39};

	tables_init(&other, 12, 39);
	map_machine(&other);
	map(&other, VA, b, D_RAM | D_NG, 2);
	*(volatile u64 *)slot = 0;
	tlbi_all();
	point(a, D_RAM | D_NG);
	dsb();
	for (unsigned i = 0; i < 6; i++) {
		write_sysreg(flat.root | 5ul << 48, ttbr0_el1);
		isb();
		expect("asid 5", VA, 0xa);
		write_sysreg(other.root | 6ul << 48, ttbr0_el1);
		isb();
		expect("asid 6", VA, 0xb);
	}
	write_sysreg(flat.root, ttbr0_el1);
	isb();
	*(volatile u64 *)slot = 0;
	tlbi_all();
	point(a, D_RAM);
	dsb();
	done("ASIDs");
}

static void tags(void)
{
	write_sysreg(read_sysreg(tcr_el1) | BIT(37), tcr_el1);
	isb();
	for (u64 tag = 0; tag < 256; tag += 51)
		expect("tag", VA | tag << 56, 0xa);
	*(volatile u64 *)slot = 0;
	tlbi_va(VA);
	for (u64 tag = 0; tag < 256; tag += 51)
		FAULTS("no block", EC(0x25, 6), "ldr x9, [%0]" :: "r"(VA | tag << 56 | 0x5000) : "x9", "memory");
	point(a, D_RAM);
	dsb();
	write_sysreg(read_sysreg(tcr_el1) & ~BIT(37), tcr_el1);
	isb();
	tlbi_all();
	done("tags");
}

/* Functions in pages that nothing has been written to yet, changed through the block. */
static void code(void)
{
	static const u32 with[2] = {0xd2800020, 0xd65f03c0}; /* mov x0, #1; ret */
	u64 pa = (u64)page_alloc(BLOCK);

	*(volatile u64 *)slot = 0;
	tlbi_va(VA);
	point(pa, D_RAM);
	dsb();
	write64(VA, 0);
	for (u64 n = 1; n < PAGES; n += 7) {
		u64 at = pa + n * 4096;

		*(volatile u64 *)at = (u64)with[1] << 32 | with[0];
		code_changed((void *)at, 8);
		check("first", ((u64 (*)(void))at)(), 1);
		write32(VA + n * 4096, with[0] + (1 << 5));
		code_changed((void *)at, 8);
		check("changed", ((u64 (*)(void))at)(), 2);
		/* The page is code now. More than the architecture promises: nobody is told of this one. */
		write32(VA + n * 4096, with[0] + (2 << 5));
		dsb();
		isb();
		check("changed without a word", ((u64 (*)(void))at)(), 3);
	}
	*(volatile u64 *)slot = 0;
	tlbi_va(VA);
	point(a, D_RAM);
	dsb();
	done("code");
}

/* vCPU 0 loads exclusively from a page that vCPU 1 writes to for the first time, by an entry of the block's. Between them no exclusives. */
static volatile u64 stage;
static u64 passed, done_right;

static void wait_for(u64 want)
{
	while (stage != want)
		;
	dmb();
}
static void reach(u64 now)
{
	dmb();
	stage = now;
}

static void exclusives(unsigned cpu, void *arg)
{
	u64 turn = 0;

	if (cpu)
		write64(VA, 1);
	for (u64 n = 1; n < PAGES; n += 3, turn += 2) {
		u64 at = VA + n * 4096 + 256, value, failed;

		if (cpu) {
			wait_for(turn + 1);
			if (n & 1) {
				write64(at, 0xb);
				dmb();
				write64(at, 0xa);
			}
			reach(turn + 2);
			continue;
		}
		write64(at, 0xa);
		asm volatile("ldxr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
		reach(turn + 1);
		wait_for(turn + 2);
		asm volatile("stxr %w0, %1, [%2]" : "=&r"(failed) : "r"(0xcul), "r"(at) : "memory");
		if (n & 1)
			passed += !failed;
		else
			done_right += !failed;
	}
}

void test(void)
{
	mmu_flat();
	a = (u64)page_alloc(BLOCK);
	b = (u64)page_alloc(BLOCK);
	label(a, 0xa);
	label(b, 0xb);
	slot = map(&flat, VA, a, D_RAM, 2);
	dsb();
	replaced();
	written();
	label(a, 0xa);
	rights();
	asids();
	tags();
	code();
	if (cpus_present() > 1) {
		smp_run(2, exclusives, NULL);
		check("ABA", passed, 0);
		check_true("without a store in between", done_right > 0);
		done("exclusives");
	}
}
