/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction time at shift 8: an instruction takes 256 cycles, and as many nanoseconds of the counter.
 * run: topology=icount8 */
#include "bare.h"

/* From the write that starts the counters to the one that stops them: 2 * n + 2 instructions. */
static noinline u64 cycles_of(u64 n)
{
	u64 start = 0x45; /* E, C, LC */

	asm volatile("msr pmcr_el0, %1\n isb\n 1: subs %0, %0, #1\n b.gt 1b\n msr pmcr_el0, xzr\n isb" : "+r"(n) : "r"(start) : "cc");
	return read_sysreg(pmccntr_el0);
}

void test(void)
{
	u64 before, cycles, ticks;

	write_sysreg(0, pmccfiltr_el0);
	write_sysreg(BIT(31), pmcntenset_el0);
	for (u64 n = 1; n < 300; n += 37)
		check("cycles of an instruction", cycles_of(n), (2 * n + 2) << 8);
	done("cycles");
	write_sysreg(0x45, pmcr_el0);
	isb();
	cycles = read_sysreg(pmccntr_el0);
	before = read_sysreg(cntvct_el0);
	for (volatile unsigned i = 0; i < 100000; i++)
		;
	cycles = read_sysreg(pmccntr_el0) - cycles;
	ticks = read_sysreg(cntvct_el0) - before;
	check("the counter goes with the cycles", ticks, cycles);
	done("time");
}
