/* SPDX-License-Identifier: BSD-2-Clause */
/* Performance monitors: cycles and events, filters, chain, software increment, overflow and its interrupt. [DDI0487 D13] */
#include "bare.h"

static volatile u64 overflows;
static noinline u64 el0_count(u64 n, u64 b)
{
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r"(n) :: "cc");
	return 0;
}

static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid != 23)
		return intid == 1023;
	overflows++;
	write_sysreg(0, pmcr_el0); /* the level goes with E */
	write_sysreg(read_sysreg(pmovsclr_el0), pmovsclr_el0);
	isb();
	icc_set(intid, ICC_EOIR1);
	return true;
}

static inline void loop(u64 n) /* 2n instructions */
{
	asm volatile("1: subs %0, %0, #1; b.ne 1b" : "+r"(n) :: "cc");
}

static u64 counter(unsigned n)
{
	write_sysreg(n, pmselr_el0);
	isb();
	return read_sysreg(pmxevcntr_el0);
}

static void event(unsigned n, u64 type, u64 value)
{
	write_sysreg(n, pmselr_el0);
	isb();
	write_sysreg(type, pmxevtyper_el0);
	write_sysreg(value, pmxevcntr_el0);
	isb();
}

void test(void)
{
	u64 counters = read_sysreg(pmcr_el0) >> 11 & 31, a, b;

	check_true("counters", counters >= 2);
	check("events: instructions and cycles", read_sysreg(pmceid0_el0) >> 8 & 1, 1);
	check("events: cycles", read_sysreg(pmceid0_el0) >> 17 & 1, 1);
	write_sysreg(0, pmccfiltr_el0);
	write_sysreg(BIT(31), pmcntenset_el0);
	write_sysreg(0x47, pmcr_el0); /* E P C LC */
	isb();
	check("pmcr reads P and C as 0", read_sysreg(pmcr_el0) & 0x47, 0x41);
	a = read_sysreg(pmccntr_el0);
	loop(1000);
	b = read_sysreg(pmccntr_el0);
	check_true("cycles pass", b > a && b - a < 1000000);
	event(0, 8, 0);
	write_sysreg(1, pmcntenset_el0);
	isb();
	a = counter(0);
	loop(1000);
	b = counter(0);
	check_true("instructions retired", b - a >= 2000 && b - a < 2100);
	write_sysreg(1, pmcntenclr_el0);
	isb();
	a = counter(0);
	loop(100);
	check("disabled", counter(0), a);
	write_sysreg(1, pmcntenset_el0);
	/* P: not at EL1. U: not at EL0. */
	event(0, 8 | BIT(31), 0);
	loop(1000);
	check("EL1 filtered", counter(0), 0);
	el0_call(el0_count, 1000, 0);
	a = counter(0);
	check_true("EL0 counted", a >= 2000 && a < 2100);
	event(0, 8 | BIT(30), 0);
	el0_call(el0_count, 100000, 0);
	check_true("EL0 filtered", counter(0) < 1000);
	done("counting");

	event(0, 0, 0); /* SW_INCR */
	for (unsigned i = 0; i < 5; i++)
		write_sysreg(1, pmswinc_el0);
	isb();
	check("software increment", counter(0), 5);
	event(0, 9, 0); /* EXC_TAKEN */
	exc_begin();
	for (unsigned i = 0; i < 3; i++)
		asm volatile("svc #0");
	check("exceptions taken", counter(0), 3);
	event(0, 0, 0xfffffffe);
	event(1, 0x1e, 7); /* CHAIN */
	write_sysreg(3, pmcntenset_el0);
	write_sysreg(~0ul, pmovsclr_el0);
	isb();
	for (unsigned i = 0; i < 3; i++)
		write_sysreg(1, pmswinc_el0);
	isb();
	check("wraps", counter(0), 1);
	check("chained", counter(1), 8);
	check("overflow flag", read_sysreg(pmovsclr_el0) & 3, 1);
	check("overflow flag by the other name", read_sysreg(pmovsset_el0) & 3, 1);
	write_sysreg(1, pmovsclr_el0);
	check("cleared", read_sysreg(pmovsset_el0) & 3, 0);
	done("events");

	/* The interrupt: PPI 23. */
	gic_init();
	self()->irq = irq;
	gic_enable(23, 0x80, 1);
	event(0, 8, (u32)-20000);
	write_sysreg(1, pmintenset_el1);
	check("interrupt enabled", read_sysreg(pmintenclr_el1), 1);
	irq_on();
	loop(5000);
	check("not yet", overflows, 0);
	for (unsigned i = 0; i < 100 && !overflows; i++)
		loop(10000);
	check("overflow interrupt", overflows, 1);
	/* At its instruction: counting ends soon behind it, and the interrupt with it. */
	write_sysreg(0x40, pmcr_el0);
	event(0, 8, -16u);
	overflows = 0;
	asm volatile("msr pmcr_el0, %0; isb; mov x9, #20; 1: subs x9, x9, #1; b.gt 1b; msr pmcr_el0, xzr; isb" :: "r"(1ul) : "x9", "cc", "memory");
	check("interrupt at once", overflows, 1);
	write_sysreg(0x41, pmcr_el0);
	event(0, 0, -1u); /* SW_INCR */
	write_sysreg(1, pmswinc_el0);
	isb();
	write_sysreg(0, pmcr_el0);
	check("and of a software increment", overflows, 2);
	/* What counts at EL0 only overflows there, as soon. */
	write_sysreg(0x40, pmcr_el0);
	event(0, 8 | BIT(31), -300u);
	write_sysreg(1, pmcr_el0);
	isb();
	el0_run((const void *)el0_count, 100000, 0, 0);
	irq_on();
	check("overflow at EL0", overflows, 3);
	check_true("at its instruction", counter(0) < 16);
	overflows = 1;
	write_sysreg(0x41, pmcr_el0);
	write_sysreg(-5000ul, pmccntr_el0);
	write_sysreg(BIT(31), pmintenset_el1);
	write_sysreg(1, pmintenclr_el1);
	isb();
	for (unsigned i = 0; i < 100 && overflows < 2; i++)
		loop(10000);
	check("cycle counter's, 64 bits", overflows, 2);
	write_sysreg(1, pmcr_el0);
	isb();
	/* LC is RES1 where there is no AArch32. */
	bool is_long = read_sysreg(pmcr_el0) & BIT(6);
	write_sysreg(0xfffff000ul, pmccntr_el0);
	isb();
	for (unsigned i = 0; i < 100 && overflows < 3; i++)
		loop(10000);
	check("cycle counter's, 32 bits", overflows, is_long ? 2 : 3);
	irq_off();
	write_sysreg(0, pmcr_el0);
	done("overflow");
}
