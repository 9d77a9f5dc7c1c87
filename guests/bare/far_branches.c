/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct branches from one page to the next: they go where the next page is now. It is mapped elsewhere, differently beside another mapping of the
 * same code, by ASID, patched, and moved by another vCPU. [DDI0487 D8.16, B2.4.4]
 */
/* run: smp=1,2,4 timeout=60 */
#include "bare.h"

#define MOVZ(n) (0xd2800000u | (n) << 5) /* mov x0, #n */
#define RET 0xd65f03c0u
#define B(words) (0x14000000u | ((words) & 0x3ffffff))
#define BL(words) (0x94000000u | ((words) & 0x3ffffff))
#define CBZ_X2(words) (0xb4000002u | ((words) & 0x7ffff) << 5)
#define VA 0x4000400000ul
#define OTHER 0x4000800000ul
#define FAR 40 /* branches of the page, each to a record of its own: more than a page's blocks have links */
#define WAYS 3
static unsigned cpus;
static u32 *from, *to[2], *both;
static struct tables second;

/* Branch n of the page at `va`: by B, by BL, by a conditional branch. */
static u64 call(u64 va, unsigned n, unsigned way)
{
	register u64 x0 asm("x0"), x2 asm("x2") = 0;

	asm volatile("blr %1" : "=r"(x0) : "r"(va + (n * WAYS + way) * 16), "r"(x2) : "x9", "x30", "memory");
	return x0;
}

static void write_code(void)
{
	for (unsigned n = 0; n < FAR; n++) {
		s64 target = 1024 + (s64)n * 4; /* of the page behind */

		for (unsigned way = 0; way < WAYS; way++) {
			u32 *at = from + (n * WAYS + way) * 4;
			s64 here = at - from;

			if (way == 0) {
				at[0] = B(target - here);
			} else if (way == 1) {
				at[0] = 0xaa1e03e9; /* mov x9, x30 */
				at[1] = BL(target - here - 1);
				at[2] = 0xaa0903fe; /* mov x30, x9 */
				at[3] = RET;
			} else {
				at[0] = CBZ_X2(target - here);
				at[1] = MOVZ(0xbad);
				at[2] = RET;
			}
		}
		for (unsigned k = 0; k < 2; k++) {
			to[k][n * 4] = MOVZ(n * 2 + k);
			to[k][n * 4 + 1] = RET;
		}
	}
	code_changed(from, 4096);
	code_changed(to[0], 4096);
	code_changed(to[1], 4096);
}

#define D_CODE ((D_RAM & ~D_UXN) | D_NG)
static void place(struct tables *t, u64 va, const u32 *frame)
{
	u64 *slot = table_slot(t, va, 3);

	*(volatile u64 *)slot = 0;
	tlbi_va(va);
	*(volatile u64 *)slot = (u64)frame | D_CODE | 3;
	asm volatile("dsb ishst; isb" ::: "memory");
}

static void every(const char *what, u64 va, unsigned k)
{
	for (unsigned n = 0; n < FAR; n++)
		for (unsigned way = 0; way < WAYS; way++)
			check(what, call(va, n, way), n * 2 + k);
}

static void alone(void)
{
	place(&flat, VA, from);
	place(&flat, VA + 4096, to[0]);
	for (unsigned turn = 0; turn < RUNS(60, 2000); turn++) {
		place(&flat, VA + 4096, to[turn & 1]);
		every("the page behind has moved", VA, turn & 1);
		every("once more", VA, turn & 1);
	}
	done("mapped elsewhere");

	place(&flat, OTHER, from);
	place(&flat, OTHER + 4096, to[1]);
	place(&flat, VA + 4096, to[0]);
	for (unsigned turn = 0; turn < RUNS(60, 2000); turn++) {
		every("one mapping", VA, 0);
		every("the other mapping", OTHER, 1);
	}
	done("the same code at two addresses");

	for (unsigned turn = 0; turn < RUNS(60, 2000); turn++) {
		unsigned n = turn % FAR;

		check("before", call(VA, n, turn % WAYS), n * 2);
		to[0][n * 4] = MOVZ(1000 + turn % 1000);
		code_changed(&to[0][n * 4], 4);
		check("patched", call(VA, n, turn % WAYS), 1000 + turn % 1000);
		to[0][n * 4] = MOVZ(n * 2);
		code_changed(&to[0][n * 4], 4);
	}
	every("as it was", VA, 0);
	done("the page behind is patched");

	/* Each ASID has its own page behind; nothing is invalidated in between. */
	tables_init(&second, 12, flat.va_bits);
	map_machine(&second);
	map(&second, VA, (u64)from, D_CODE, 3);
	map(&second, VA + 4096, (u64)to[1], D_CODE, 3);
	for (unsigned turn = 0; turn < RUNS(60, 2000); turn++) {
		u64 root = turn & 1 ? second.root : flat.root;

		write_sysreg(root | (5ul + (turn & 1)) << 48, ttbr0_el1);
		isb();
		every("of its ASID", VA, turn & 1);
	}
	write_sysreg(flat.root, ttbr0_el1);
	tlbi_all();
	done("by ASID");

	/* Absent: the fetch faults there, whatever was there before. */
	for (unsigned turn = 0; turn < 20; turn++) {
		place(&flat, VA + 4096, to[turn & 1]);
		every("present", VA, turn & 1);
		*(volatile u64 *)table_slot(&flat, VA + 4096, 3) = 0;
		tlbi_va(VA + 4096);
		exc_begin();
		guarded_call((void *)(VA + turn * WAYS * 16), 0, 0);
		exc_check_far("absent", EC(0x21, 7), VA + 4096 + turn * 16);
	}
	done("absent");
}

/*
 * The same code is mapped twice. From one mapping ERET, SVC and a load that faults lead to the very next instruction, in the other: what that
 * makes of its own address, and where it branches to, must be the other's.
 */
static u64 crossed(u64 va, u64 first, u64 second, u64 *link)
{
	register u64 x0 asm("x0") = 0, x1 asm("x1") = 0, x2 asm("x2") = first, x3 asm("x3") = second, x4 asm("x4") = BIT(46);

	asm volatile("blr %2" : "+r"(x0), "+r"(x1) : "r"(va), "r"(x2), "r"(x3), "r"(x4) : "x5", "x9", "x30", "memory");
	*link = x1;
	return x0;
}
static void write_both(u32 raises)
{
	static const u32 returns[] = {0xd5184022 /* msr elr_el1, x2 */, 0xd5184003 /* msr spsr_el1, x3 */, 0xd69f03e0 /* eret */};
	static const u32 vector[] = {0xd518c002 /* msr vbar_el1, x2 */, 0xd5033fdf /* isb */, 0xd503201f /* nop */};
	static const u32 then[] = {0x10000000 /* adr x0, . */, 0xaa1e03e9 /* mov x9, x30 */, 0x94000000 /* bl to the page behind */, RET};

	memcpy(both, returns, sizeof(returns));
	memcpy(both + 3, then, sizeof(then));
	both[5] |= 1024 - 5;
	both[6] = 0xd61f0120; /* br x9 */
	memcpy(both + 124, vector, sizeof(vector));
	both[127] = raises;
	memcpy(both + 128, then, sizeof(then));
	both[130] |= 1024 - 130;
	both[131] = 0xd518c003; /* msr vbar_el1, x3 */
	both[132] = 0xd5033fdf;
	both[133] = 0xd61f0120;
	code_changed(both, 4096);
}
static void aliases(void)
{
	static const u32 raises[] = {0xd4000001 /* svc #0 */, 0xf9400085 /* ldr x5, [x4] */};
	u64 vbar = read_sysreg(vbar_el1), pstate = 0x5 | read_sysreg(daif), link;
	u32 *behind[2] = {page_alloc(4096), page_alloc(4096)};

	both = page_alloc(4096);
	for (unsigned k = 0; k < 2; k++) {
		behind[k][0] = MOVZ(0) + 1 + (k + 1) * 32; /* mov x1, #k + 1 */
		behind[k][1] = RET;
		code_changed(behind[k], 8);
		place(&flat, k ? OTHER : VA, both);
		place(&flat, (k ? OTHER : VA) + 4096, behind[k]);
	}
	for (unsigned n = 0; n < sizeof(raises) / sizeof(*raises); n++) {
		write_both(raises[n]);
		for (unsigned turn = 0; turn < 20; turn++) {
			u64 here = turn & 1 ? OTHER : VA, there = turn & 1 ? VA : OTHER;

			check("ERET to the other mapping", crossed(here, there + 12, pstate, &link), there + 12);
			check("and on from there", link, turn & 1 ? 1 : 2);
			check("vector in the other mapping", crossed(here + 0x1f0, there, vbar, &link), there + 0x200);
			check("and on from the vector", link, turn & 1 ? 1 : 2);
		}
	}
	place(&flat, VA, from);
	done("from one mapping to the other");
}

/* vCPU 0 moves the page behind and spoils the frame that it was in; the others must never get there. */
static volatile u32 over;
static volatile u64 waited[CPUS_MAX], calls[CPUS_MAX];
static bool retry(struct frame *f, unsigned vector)
{
	if (f->esr >> 26 != 0x21 || f->far - VA >= 0x2000)
		return false;
	waited[self()->index]++;
	return true;
}
static void together(unsigned cpu, void *arg)
{
	if (!cpu) {
		u64 until = now() + ms(RUNS(500, 20000));

		for (unsigned turn = 0; now() < until || turn < 20; turn++) {
			u32 *old = to[turn & 1], *new = to[~turn & 1];

			for (unsigned n = 0; n < FAR; n++)
				new[n * 4] = MOVZ(n * 2 + (~turn & 1));
			code_changed(new, FAR * 16);
			place(&flat, VA + 4096, new);
			for (unsigned n = 0; n < FAR; n++)
				old[n * 4] = MOVZ(0xbad);
			code_changed(old, FAR * 16);
		}
		__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
		return;
	}
	self()->hook = retry;
	for (unsigned i = 0; !__atomic_load_n(&over, __ATOMIC_ACQUIRE); i++) {
		unsigned n = i % FAR;

		check("a frame that is mapped", call(VA, n, i % WAYS) & ~1ul, n * 2);
		calls[cpu]++;
	}
	self()->hook = NULL;
}

void test(void)
{
	cpus = cpus_present();
	mmu_flat();
	from = page_alloc(4096);
	to[0] = page_alloc(4096);
	to[1] = page_alloc(4096);
	write_code();
	alone();
	aliases();
	if (cpus == 1)
		return;
	place(&flat, VA + 4096, to[0]);
	smp_run(cpus, together, NULL);
	for (unsigned cpu = 1; cpu < cpus; cpu++)
		check_true("others ran", calls[cpu] > 0);
	done("moved by another vCPU");
}
