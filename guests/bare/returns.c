/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Returns: to the call, or elsewhere; deep ones, calls that never return, returns without a call, to 0, coroutines; and to a page that was
 * mapped elsewhere, patched, or seen by another ASID since the call. [DDI0487 C6.2 RET, D8.16, B2.4.4]
 */
/* run: smp=1,2 timeout=60 stack=128 */
#include "bare.h"

#define MOVZ(n) (0xd2800000u | (n) << 5) /* mov x0, #n */
#define RET 0xd65f03c0u
#define RET_X9 0xd65f0120u
#define VA 0x4000400000ul
#define D_CODE ((D_RAM & ~D_UXN) | D_NG)
static u32 *pages[2];
static struct tables second;

/* f(n) = f(n - 1) + n, by a stack of its own making: 16 bytes a level. */
asm("deep: cbz x0, 2f; str x30, [x1, #-16]!; str x0, [x1, #8]; sub x0, x0, #1; bl deep; ldr x2, [x1, #8]; add x0, x0, x2; ldr x30, [x1], #16; 2: ret");
/* n calls that do not return, each of which comes back to the loop by a branch. */
asm("never: mov x9, x30; mov x2, #0; 1: bl 3f; 3: add x2, x2, #1; subs x0, x0, #1; b.ne 1b; mov x0, x2; ret x9");
/* n returns without a call: to the next instruction. */
asm("uncalled: mov x9, x30; mov x2, #0; adr x30, 4f; 5: ret; 4: add x2, x2, #1; subs x0, x0, #1; b.ne 5b; mov x0, x2; ret x9");
/* Called twice deep, returns over its caller. */
asm("over: mov x9, x30; bl 6f; mov x0, #0xbad; ret x9; 6: mov x10, x30; bl 7f; mov x0, #0xbad; ret x10; 7: mov x0, #77; ret x9");
/* Two coroutines, each of which calls the other's last return address. */
asm("turns: mov x9, x30; mov x2, #0; adr x3, 9f; 8: subs x0, x0, #1; b.eq 10f; add x2, x2, #1; blr x3; mov x3, x30; b 8b;"
    "9: mov x4, x30; add x2, x2, #2; blr x4; b 9b; 10: mov x0, x2; ret x9");
/* To where nothing was called from, and then, with nothing left to return to, to 0. */
asm("nowhere: adr x30, 11f; ret; 11: mov x30, #0; ret");
/* Nothing but calls. */
asm("only: mov x9, x30; 12: .rept 6000; bl . + 4; .endr; subs x0, x0, #1; b.ne 12b; ret x9");
extern char deep[], never[], uncalled[], over[], turns[], nowhere[], only[];

static u64 run(const void *fn, u64 a, u64 b)
{
	register u64 x0 asm("x0") = a, x1 asm("x1") = b;

	asm volatile("blr %2" : "+r"(x0), "+r"(x1) : "r"(fn) : "x2", "x3", "x4", "x5", "x9", "x10", "x30", "cc", "memory");
	return x0;
}

static void shapes(unsigned cpu, void *arg)
{
	u64 *stack = arg;
	u64 top = (u64)(stack + (cpu + 1) * 2 * 40000);

	for (unsigned turn = 0; turn < RUNS(8, 200); turn++) {
		check("a few levels", run(deep, 10, top), 55);
		check("many levels", run(deep, 30000, top), 30000ul * 30001 / 2);
		check("calls that never return", run(never, 50000, 0), 50000);
		check("returns without a call", run(uncalled, 50000, 0), 50000);
		check("return over the caller", run(over, 0, 0), 77);
		check("nothing but calls", run(only, 10, 0), 0);
	}
}

static void changed(void (*change)(unsigned turn), const char *what, unsigned turns_of)
{
	for (unsigned turn = 0; turn < turns_of; turn++) {
		register u64 x0 asm("x0") = turn, x1 asm("x1") = (u64)change;

		/* The page saves x30, calls `change`, and returns a number of its own. */
		asm volatile("blr %2" : "+r"(x0), "+r"(x1) : "r"(VA) : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
			     "x16", "x17", "x18", "x30", "cc", "memory");
		check(what, x0, 500 + (turn + 1) % 2);
	}
	done(what);
}
static void write_page(u32 *page, unsigned n)
{
	page[0] = 0xf81f0ffe; /* str x30, [sp, #-16]! */
	page[1] = 0xd63f0020; /* blr x1 */
	page[2] = MOVZ(n);
	page[3] = 0xf84107fe; /* ldr x30, [sp], #16 */
	page[4] = RET;
	code_changed(page, 20);
}
static void move(unsigned turn)
{
	u64 *slot = table_slot(&flat, VA, 3);

	*(volatile u64 *)slot = 0;
	tlbi_va(VA);
	*(volatile u64 *)slot = (u64)pages[(turn + 1) % 2] | D_CODE | 3;
	asm volatile("dsb ishst; isb" ::: "memory");
}
static void patch(unsigned turn)
{
	pages[0][2] = MOVZ(500 + (turn + 1) % 2);
	code_changed(&pages[0][2], 4);
}
static void switch_asid(unsigned turn)
{
	write_sysreg(turn % 2 ? flat.root | 5ul << 48 : second.root | 6ul << 48, ttbr0_el1);
	isb();
}

void test(void)
{
	unsigned cpus = cpus_present();
	u64 *stack = page_alloc(cpus * 2 * 40000 * 8 + 4096);

	mmu_flat();
	smp_run(cpus, shapes, stack);
	done("shapes");
	check("coroutines", run(turns, 20000, 0), 3 * 19999);
	done("coroutines");
	for (unsigned turn = 0; turn < 20; turn++) {
		exc_begin();
		guarded_call(nowhere, 0, 0);
		check("from there", self()->elr, 0);
		exc_check_far("nothing at 0", EC(0x21, 6), 0);
	}
	done("return to 0");

	pages[0] = page_alloc(4096);
	pages[1] = page_alloc(4096);
	write_page(pages[0], 500);
	write_page(pages[1], 501);
	move(1);
	changed(move, "its page is mapped elsewhere", RUNS(300, 20000));
	move(1);
	changed(patch, "its page is patched", RUNS(300, 20000));
	write_page(pages[0], 500);
	tables_init(&second, 12, flat.va_bits);
	map_machine(&second);
	map(&second, VA, (u64)pages[1], D_CODE, 3);
	switch_asid(1);
	changed(switch_asid, "another ASID", RUNS(300, 20000));
	write_sysreg(flat.root, ttbr0_el1);
	tlbi_all();
}
