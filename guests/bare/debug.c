/* SPDX-License-Identifier: BSD-2-Clause */
/* Self-hosted debug: software step over everything, breakpoints, watchpoints. [DDI0487 D2] */
#include "bare.h"

static volatile u64 steps, step_pc[64], step_esr[64], step_vector[64], stop_at;
static volatile u64 breaks, break_pc, watches, watch_far, watch_esr, watch_pc;

static bool hook(struct frame *f, unsigned vector)
{
	unsigned class = f->esr >> 26;

	switch (class) {
	case 0x32: case 0x33:
		if (steps < 64) {
			step_pc[steps] = f->elr;
			step_esr[steps] = f->esr;
			step_vector[steps] = vector;
		}
		if (++steps > 200 || f->elr == stop_at) {
			write_sysreg(read_sysreg(mdscr_el1) & ~1ul, mdscr_el1);
			isb();
			f->spsr &= ~BIT(21);
		} else {
			f->spsr |= BIT(21);
		}
		return true;
	case 0x30: case 0x31:
		breaks++;
		break_pc = f->elr;
		write_sysreg(0, dbgbcr0_el1);
		isb();
		return true;
	case 0x34: case 0x35:
		watches++;
		watch_far = f->far;
		watch_esr = f->esr;
		watch_pc = f->elr;
		f->elr += 4;
		return true;
	}
	return false;
}

/* Runs fn at EL1 or EL0 stepping each instruction until stop_at. */
static noinline void step_el1(const void *fn)
{
	steps = 0;
	write_sysreg(BIT(0) | BIT(13), mdscr_el1); /* SS, KDE */
	isb();
	asm volatile("msr spsr_el1, %1; msr elr_el1, %0; adr x30, 1f; isb; eret; 1: msr daifset, #8"
		     :: "r"(fn), "r"(0x1c5ul | BIT(21)) : "x30", "x9", "x10", "x11", "x12", "x13", "cc", "memory");
	write_sysreg(0, mdscr_el1);
	isb();
}

asm(".balign 64\n"
    "seq_plain: mov x9, #1\n add x9, x9, #2\n nop\n ret\n seq_plain_end:\n"
    "seq_branch: b 1f\n nop\n 1: cbz xzr, 2f\n nop\n 2: adr x10, 3f\n br x10\n nop\n 3: ret\n"
    "seq_excl: adrp x10, target; add x10, x10, :lo12:target\n mov x12, #3\n 1: ldxr x9, [x10]\n add x9, x9, #1\n stxr w11, x9, [x10]\n"
    "sub x12, x12, #1\n cbz w11, 2f\n cbnz x12, 1b\n 2: ret\n"
    "seq_svc: svc #5\n nop\n ret\n"
    "seq_udf: udf #0\n nop\n ret\n"
    "seq_el0: mov x9, #7\n ldr x9, [x0]\n b 1f\n 1: svc #0x777\n"
    "seq_watch: ldr x9, [x0]\n nop\n ret\n");
extern char seq_plain[], seq_branch[], seq_excl[], seq_svc[], seq_udf[], seq_el0[], seq_watch[];
volatile u64 target, far_away;

static void stepping(void)
{
	struct percpu *cpu = self();

	stop_at = 0;
	step_el1(seq_plain);
	/* Five: the four, and the MSR that masks debug exceptions. */
	check_true("steps", steps >= 4 && steps <= 5);
	for (unsigned i = 0; i < 3; i++) {
		check("stepped to", step_pc[i], (u64)seq_plain + 4 * (i + 1));
		check("step syndrome", step_esr[i], EC(0x33, BIT(24) | 0x22));
		check("step vector", step_vector[i], VECTOR_SPX);
	}
	step_el1(seq_branch);
	check("b", step_pc[0], (u64)seq_branch + 8);
	check("cbz", step_pc[1], (u64)seq_branch + 16);
	check("adr", step_pc[2], (u64)seq_branch + 20);
	check("br", step_pc[3], (u64)seq_branch + 28);
	/* Exclusives: ISV with EX set after LDXR; the pair never succeeds when each step takes an exception. */
	target = 0;
	step_el1(seq_excl);
	check("step after ldxr says EX", step_esr[3], EC(0x33, BIT(24) | 0x40 | 0x22));
	check("step after add does not", step_esr[4], EC(0x33, BIT(24) | 0x22));
	check("stxr fails under step", target, 0);
	/* An exception instead of the instruction: the step is over when its handler returns. */
	exc_begin();
	step_el1(seq_svc);
	check("svc under step", cpu->count, 1);
	check("svc under step, PSTATE.SS is 0 in SPSR", cpu->spsr >> 21 & 1, 0);
	check("step after svc", step_pc[0], (u64)seq_svc + 4);
	exc_begin();
	step_el1(seq_udf);
	check("udf under step", cpu->count, 1);
	check("udf under step, PSTATE.SS is 1 in SPSR", cpu->spsr >> 21 & 1, 1);
	/* The handler skipped it with SS still set: the nop is stepped. */
	check("step after udf", step_pc[0], (u64)seq_udf + 8);
	done("software step at EL1");

	steps = 0;
	write_sysreg(1, mdscr_el1);
	isb();
	el0_run(seq_el0, (u64)&target + el0_offset, 0, BIT(21));
	write_sysreg(0, mdscr_el1);
	isb();
	check("EL0 steps", steps, 3);
	check("EL0 step syndrome", step_esr[0], EC(0x32, BIT(24) | 0x22));
	check("EL0 step vector", step_vector[0], VECTOR_EL0);
	check("EL0 step to", step_pc[2], (u64)seq_el0 + el0_offset + 12);
	/* Without SS in SPSR the step is pending at once, ISV 0. */
	steps = 0;
	write_sysreg(1, mdscr_el1);
	isb();
	el0_run(seq_el0, (u64)&target + el0_offset, 0, 0);
	write_sysreg(0, mdscr_el1);
	isb();
	check("pending at once", step_pc[0], (u64)seq_el0 + el0_offset);
	check("pending at once, no ISV", step_esr[0], EC(0x32, 0x22));
	/* OS Lock: none. */
	write_sysreg(1, oslar_el1);
	write_sysreg(1, mdscr_el1);
	isb();
	steps = 0;
	el0_run(seq_el0, (u64)&target + el0_offset, 0, BIT(21));
	check("OS Lock stops steps", steps, 0);
	write_sysreg(0, mdscr_el1);
	write_sysreg(0, oslar_el1);
	isb();
	done("software step at EL0");
}

static void breakpoints(void)
{
	write_sysreg((u64)seq_plain + 4, dbgbvr0_el1);
	write_sysreg(1 | 3 << 1 | 0xf << 5, dbgbcr0_el1); /* E, EL1 and EL0 */
	write_sysreg(BIT(15) | BIT(13), mdscr_el1);      /* MDE, KDE */
	isb();
	breaks = 0;
	guarded_call(seq_plain, 0, 0);
	check("D masks", breaks, 0);
	asm volatile("msr daifclr, #8");
	guarded_call(seq_plain, 0, 0);
	check("breakpoint", breaks, 1);
	check("breakpoint at", break_pc, (u64)seq_plain + 4);
	/* EL0 only: not at EL1. */
	breaks = 0;
	write_sysreg(1 | 2 << 1 | 0xf << 5, dbgbcr0_el1);
	isb();
	guarded_call(seq_plain, 0, 0);
	check("EL0's breakpoint at EL1", breaks, 0);
	asm volatile("msr daifset, #8");
	write_sysreg((u64)seq_el0 + el0_offset + 4, dbgbvr0_el1);
	isb();
	el0_run(seq_el0, (u64)&target + el0_offset, 0, 0);
	check("EL0's breakpoint at EL0", breaks, 1);
	/* Context: linked to CONTEXTIDR. */
	unsigned n = read_sysreg(id_aa64dfr0_el1) >> 12 & 15;
	(void)n;
	write_sysreg(0, dbgbcr0_el1);
	write_sysreg(0, mdscr_el1);
	isb();
	done("breakpoints");
}

static void watch(u64 address, u64 control)
{
	watches = 0;
	write_sysreg(address, dbgwvr0_el1);
	write_sysreg(control, dbgwcr0_el1);
	isb();
}
#define WCR(bas, lsc) (1ul | 3 << 1 | (u64)(lsc) << 3 | (u64)(bas) << 5)

static void watchpoints(void)
{
	static u64 area[64] __attribute__((aligned(512)));
	u64 a = (u64)area;

	write_sysreg(BIT(15) | BIT(13), mdscr_el1);
	asm volatile("msr daifclr, #8; isb");
	watch(a + 64, WCR(0xff, 3));
	read64(a + 56);
	read64(a + 72);
	check("neighbours", watches, 0);
	read64(a + 64);
	check("load", watches, 1);
	check("load far", watch_far, a + 64);
	check("load esr", watch_esr, EC(0x35, 0x22));
	write64(a + 64, 1);
	check("store", watches, 2);
	check("store esr", watch_esr, EC(0x35, 0x62));
	check("the store did not happen", read64(a + 64 + el0_offset), 0);
	read8(a + 67);
	check("a byte of it", watches, 3);
	check("a byte of it, far", watch_far, a + 67);
	asm volatile("ldp x9, x10, [%0]" :: "r"(a + 56) : "x9", "x10");
	check("second half of a pair", watches, 4);
	asm volatile("ldr q0, [%0]" :: "r"(a + 56));
	check("vector over it", watches, 5);
	asm volatile("ldxr x9, [%0]; clrex" :: "r"(a + 64) : "x9");
	check("exclusive", watches, 6);
	watches = 0;
	asm volatile(".arch armv8.7-a+mops\n ldadd x9, x9, [%0]" :: "r"(a + 64) : "x9", "memory");
	check("atomic", watches, 1);
	check("atomic: as the read that it is", watch_esr >> 6 & 1, 0);
	watch(a + 64, WCR(0xff, 1));
	asm volatile("ldadd x9, x9, [%0]" :: "r"(a + 64) : "x9", "memory");
	check("atomic, load only", watches, 1);
	watch(a + 64, WCR(0xff, 2));
	asm volatile("ldadd x9, x9, [%0]" :: "r"(a + 64) : "x9", "memory");
	check("atomic, store only", watch_esr >> 6 & 1, 1);
	watch(a + 64, WCR(0xff, 1));
	write64(a + 64, 0);
	check("load only: store", watches, 0);
	read64(a + 64);
	check("load only: load", watches, 1);
	watch(a + 64, WCR(0x0c, 2));
	write16(a + 64, 0);
	write32(a + 68, 0);
	check("BAS: others", watches, 0);
	write8(a + 67, 0);
	check("BAS: byte 3", watches, 1);
	/* MASK: 128 bytes. */
	watch(a + 128, WCR(0xff, 2) | 7ul << 24);
	write64(a + 120, 0);
	write64(a + 256, 0);
	check("mask: outside", watches, 0);
	write64(a + 128, 0);
	write8(a + 255, 0);
	check("mask: inside", watches, 2);
	asm volatile("dc zva, %0" :: "r"(a + 192) : "memory");
	check("dc zva", watches, 3);
	asm volatile("dc cvac, %0; dc civac, %0; dc cvau, %0; ic ivau, %0" :: "r"(a + 192) : "memory");
	check("cleaning", watches, 3);
	if ((read_sysreg(s3_0_c0_c6_2) >> 16 & 15) == 1) { /* FEAT_MOPS: what is watched lies inside the piece */
		u64 to = a, from = a + el0_offset + 256, left = 256;

		watch(a + 128, WCR(0xff, 2));
		asm volatile("setp [%0]!, %1!, xzr; setm [%0]!, %1!, xzr" : "+r"(to), "+r"(left) :: "cc", "memory");
		check("setm", watches, 1);
		check("setm far", watch_far, a + 128);
		check("setm: what is left", left, -128ul);
		watch(a + 128, WCR(0xff, 1));
		to = a, left = 256;
		asm volatile("setp [%0]!, %1!, xzr; setm [%0]!, %1!, xzr" : "+r"(to), "+r"(left) :: "cc", "memory");
		check("setm: no load", watches, 0);
		to = a + el0_offset, from = a, left = 256;
		asm volatile("cpyfp [%0]!, [%1]!, %2!; cpyfm [%0]!, [%1]!, %2!" : "+r"(to), "+r"(from), "+r"(left) :: "cc", "memory");
		check("cpyfm", watches, 1);
		check("cpyfm far", watch_far, a + 128);
		check("cpyfm: what is left", left, -128ul);
	}
	/* PAC: EL0 only; LDTR and STTR count as EL0's. */
	watch(a + 64, (WCR(0xff, 3) & ~6ul) | 2 << 1);
	read64(a + 64);
	check("EL0's watchpoint: EL1's load", watches, 0);
	asm volatile("ldtr x9, [%0]" :: "r"(a + 64 + el0_offset) : "x9");
	check("another address", watches, 0);
	watch(a + 64 + el0_offset, (WCR(0xff, 3) & ~6ul) | 2 << 1);
	asm volatile("ldtr x9, [%0]" :: "r"(a + 64 + el0_offset) : "x9");
	check("EL0's watchpoint: ldtr", watches, 1);
	check("ldtr's class", watch_esr, EC(0x35, 0x22));
	watch(a + 64 + el0_offset, (WCR(0xff, 3) & ~6ul) | 1 << 1);
	asm volatile("ldtr x9, [%0]" :: "r"(a + 64 + el0_offset) : "x9");
	check("EL1's watchpoint: ldtr", watches, 0);
	write_sysreg(0, dbgwcr0_el1);
	asm volatile("msr daifset, #8");
	write_sysreg(0, mdscr_el1);
	isb();
	watches = 0;
	read64(a + 64);
	check("off", watches, 0);
	done("watchpoints");
}

void test(void)
{
	mmu_flat();
	self()->hook = hook;
	stepping();
	breakpoints();
	watchpoints();
}
