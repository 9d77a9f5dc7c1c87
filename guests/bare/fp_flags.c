/* SPDX-License-Identifier: BSD-2-Clause */
/* FPSR and FPCR beside the operations they are about: flags gather until they are cleared, QC among them, and a rounding mode holds at once. [DDI0487 C5.2] */
/* run: smp=1 */
#include "bare.h"

asm(".arch armv8-a+fp+simd");

enum { IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16, QC = 1 << 27 };
#define FPSR(...) ({ u64 v_; asm volatile(__VA_ARGS__ "\n mrs %0, fpsr" : "=r"(v_) :: "memory"); v_; })
#define ONE "fmov d1, #1.0\n"
#define ZERO "fmov d0, xzr\n"
#define THREE "fmov d3, #3.0\n"

void test(void)
{
	u64 third[4], back;

	write_sysreg(3ul << 20, cpacr_el1);
	isb();
	for (unsigned turn = 0; turn < 3; turn++) {
		write_sysreg(0, fpsr);
		check("nothing", FPSR(ONE "fadd d2, d1, d1"), 0);
		check("inexact", FPSR(ONE THREE "fdiv d2, d1, d3"), IXC);
		check("by zero as well", FPSR(ONE ZERO "fdiv d2, d1, d0"), IXC | DZC);
		check("invalid as well", FPSR(ZERO "fdiv d2, d0, d0"), IXC | DZC | IOC);
		check("cleared between", FPSR(ONE ZERO "fdiv d2, d1, d0\n msr fpsr, xzr\n" THREE "fdiv d2, d1, d3"), IXC);
		write_sysreg(0, fpsr);
		check("saturated", FPSR("movi v0.16b, #100\n sqadd v1.16b, v0.16b, v0.16b"), QC);
		check("and inexact", FPSR(ONE THREE "fdiv d2, d1, d3"), QC | IXC);
		write_sysreg(0, fpsr);
		check("narrowed", FPSR("movi v0.8h, #1, lsl #8\n sqxtun v1.8b, v0.8h"), QC);
		write_sysreg(0, fpsr);
		check("narrowed, the upper half of 8 bytes does not count", FPSR("movi v0.16b, #100\n ins v0.d[0], xzr\n sqadd v1.8b, v0.8b, v0.8b"), 0);
		write_sysreg(~0ul, fpsr);
		check("all that there are", FPSR(""), 0x0800009f);
		write_sysreg(0, fpsr);
		/* Within one block: to nearest, up, down, to zero, and the same value again. */
		for (u64 mode = 0; mode < 4; mode++) {
			asm volatile(ONE THREE "msr fpcr, %1\n fdiv d2, d1, d3\n msr fpcr, %1\n mrs %0, fpcr\n" : "=r"(back) : "r"(mode << 22));
			asm volatile("fmov %0, d2\n msr fpcr, xzr" : "=r"(third[mode]));
			check("fpcr", back, mode << 22);
		}
		check("nearest", third[0], 0x3fd5555555555555);
		check("up", third[1], 0x3fd5555555555556);
		check("down", third[2], 0x3fd5555555555555);
		check("inexact in all", FPSR(""), IXC);
		asm volatile("msr fpcr, %1\n msr fpcr, xzr\n mrs %0, fpcr" : "=r"(back) : "r"(3ul << 22));
		check("there and back", back, 0);
	}
	done("flags and modes");
}
