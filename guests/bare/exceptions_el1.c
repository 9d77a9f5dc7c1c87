/* SPDX-License-Identifier: BSD-2-Clause */
/* Synchronous exceptions that EL1 takes from itself: class, syndrome, address and return state. [DDI0487 ESR_EL1] */
#include "bare.h"

asm(".arch armv8.5-a+memtag\n");

extern char at_udf[], at_brk[];

static noinline void illegal_eret(u64 spsr)
{
	asm volatile("msr spsr_el1, %0; adr x1, 1f; msr elr_el1, x1; isb; eret; 1: nop" :: "r"(spsr) : "x1", "memory", "cc");
}

static noinline void good_eret(u64 spsr)
{
	asm volatile("mov x2, sp; msr sp_el0, x2; msr spsr_el1, %0; adr x1, 1f; msr elr_el1, x1; isb; eret; 1: msr spsel, #1" :: "r"(spsr) : "x1", "x2", "memory", "cc");
}

void test(void)
{
	struct percpu *cpu = self();
	u64 stack, v;
	u8 *ram = page_alloc(4096);

	/* Undefined encodings. */
	FAULTS("udf", EC(0, 0), "at_udf: udf #1234");
	check("udf elr", cpu->elr, (u64)at_udf);
	check("udf spsr", cpu->spsr & 0x3ff, 0x3c5);
	check("udf vector", cpu->vector, VECTOR_SPX);
	FAULTS("unallocated", EC(0, 0), ".inst 0x00000001");
	FAULTS("unallocated sve", EC(0, 0), ".inst 0x04200000");
	FAULTS("unallocated data processing", EC(0, 0), ".inst 0x1ac03000");
	FAULTS("reserved shift of add", EC(0, 0), ".inst 0x0bc00000");
	FAULTS("sf=0 with bit 5 of the immediate", EC(0, 0), ".inst 0x0a008000");
	FAULTS("ldp opc 3", EC(0, 0), ".inst 0xe9400000");
	FAULTS("hlt without halting debug", EC(0, 0), "hlt #1");
	FAULTS("dcps1 outside debug state", EC(0, 0), "dcps1");
	FAULTS("drps outside debug state", EC(0, 0), ".inst 0xd6bf03e0");
	FAULTS("el2 register", EC(0, 0), "mrs %0, vbar_el2" : "=r"(v));
	FAULTS("write to a read-only register", EC(0, 0), ".inst 0xd5180000"); /* msr midr_el1, x0 */
	FAULTS("read of a write-only register", EC(0, 0), ".inst 0xd5301080");  /* mrs x0, oslar_el1 */
	FAULTS("unallocated register", EC(0, 0), "mrs %0, s3_0_c11_c15_7" : "=r"(v));
	FAULTS("at s12e1r", EC(0, 0), ".inst 0xd50c7880");
	done("undefined");

	/* Calls. */
	FAULTS("svc", EC(0x15, 0xabcd), "svc #0xabcd");
	check("svc elr", *(u32 *)(cpu->elr - 4), 0xd4000001 | 0xabcd << 5);
	FAULTS("svc 0", EC(0x15, 0), "svc #0");
	FAULTS("brk", EC(0x3c, 0x1234), "at_brk: brk #0x1234");
	check("brk elr", cpu->elr, (u64)at_brk);
	FAULTS("brk 0xffff", EC(0x3c, 0xffff), "brk #0xffff");
	done("calls");

	/* What SPSR keeps. */
	exc_begin();
	asm volatile("msr nzcv, %0; svc #1" :: "r"(0xa0000000ul) : "cc");
	check("spsr flags", cpu->spsr, 0xa00003c5);
	asm volatile("msr daifclr, #0xd; msr nzcv, xzr; svc #1; msr daifset, #0xf" ::: "cc");
	check("spsr masks", cpu->spsr, 0x85);
	asm volatile("mov x1, sp; msr sp_el0, x1; msr spsel, #0; svc #2; msr spsel, #1" ::: "x1");
	check("spsr sp0", cpu->spsr & 0xf, 4);
	check("vector sp0", cpu->vector, VECTOR_SP0);
	if (read_sysreg(id_aa64mmfr1_el1) >> 20 & 15) {
		asm volatile("msr pan, #1; svc #3; msr pan, #0");
		check("spsr pan", cpu->spsr >> 22 & 1, 1);
		/* SPAN = 0: taken with PAN set. SPSR has what was. */
		write_sysreg(read_sysreg(sctlr_el1) & ~BIT(23), sctlr_el1);
		isb();
		asm volatile("svc #3");
		check("spsr without pan", cpu->spsr >> 22 & 1, 0);
		write_sysreg(read_sysreg(sctlr_el1) | BIT(23), sctlr_el1);
		isb();
	}
	if (read_sysreg(id_aa64mmfr2_el1) >> 4 & 15) {
		asm volatile(".arch armv8.2-a\n msr uao, #1; svc #3; msr uao, #0");
		check("spsr uao", cpu->spsr >> 23 & 1, 1);
	}
	done("saved state");

	/* SP and PC alignment. */
	asm volatile("mov %0, sp" : "=r"(stack));
	for (unsigned off = 8; off < 16; off += 7) {
		exc_begin();
		asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; ldr x11, [sp]; mov sp, x9" :: "r"((u64)off) : "x9", "x10", "x11", "memory");
		exc_check("sp alignment of ldr", EC(0x26, 0));
		exc_begin();
		asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; stp x11, x12, [sp, #-16]!; mov sp, x9" :: "r"((u64)off) : "x9", "x10", "x11", "memory");
		exc_check("sp alignment of stp", EC(0x26, 0));
		exc_begin();
		asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; ld1 {v0.16b}, [sp]; mov sp, x9" :: "r"((u64)off) : "x9", "x10", "x11", "memory");
		exc_check("sp alignment of ld1", EC(0x26, 0));
		exc_begin();
		asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; ldxr x11, [sp]; mov sp, x9" :: "r"((u64)off) : "x9", "x10", "x11", "memory");
		exc_check("sp alignment of ldxr", EC(0x26, 0));
		exc_begin();
		asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; add x10, sp, #1; mov sp, x9" :: "r"((u64)off) : "x9", "x10", "memory");
		exc_none("sp arithmetic");
	}
	write_sysreg(read_sysreg(sctlr_el1) & ~8ul, sctlr_el1);
	isb();
	exc_begin();
	asm volatile("mov x9, sp; sub x10, x9, #8; mov sp, x10; ldr x11, [sp]; mov sp, x9" ::: "x9", "x10", "x11", "memory");
	exc_none("sp alignment unchecked");
	write_sysreg(read_sysreg(sctlr_el1) | 8, sctlr_el1);
	isb();
	for (u64 off = 1; off < 4; off++) {
		exc_begin();
		guarded_call((void *)(RAM + 0x1000 + off), 0, 0);
		exc_check_far("pc alignment", EC(0x22, 0), RAM + 0x1000 + off);
		check("pc alignment elr", cpu->elr, RAM + 0x1000 + off);
	}
	done("alignment of sp and pc");

	/* Illegal returns: the state is kept, IL and the flags are SPSR's. */
	static const u64 bad[] = {0x3c1, 0x3c2, 0x3c3, 0x3c6, 0x3c7, 0x3c8, 0x3c9, 0x3cc, 0x3cd, 0x3d3, 0x3d0, 0x3df};
	for (unsigned i = 0; i < sizeof(bad) / 8; i++) {
		exc_begin();
		guarded_call(illegal_eret, bad[i] | 0x60000000, 0);
		exc_check("illegal return", EC(0x0e, 0));
		check("illegal return spsr", cpu->spsr & 0xf01003ff, 0x601003c5);
	}
	if (read_sysreg(id_aa64mmfr1_el1) >> 20 & 15) {
		exc_begin();
		guarded_call(illegal_eret, 0x3c1 | BIT(22), 0);
		exc_check("illegal return", EC(0x0e, 0));
		check("illegal return takes PAN", cpu->spsr >> 22 & 1, 1);
		asm volatile("msr pan, #0");
	}
	exc_begin();
	guarded_call(illegal_eret, 0x3c5 | BIT(20), 0);
	exc_check("return to IL", EC(0x0e, 0));
	check("return to IL, spsr", cpu->spsr & 0xf01003ff, 0x1003c5);
	exc_begin();
	good_eret(0x3c4);
	good_eret(0x3c5);
	exc_none("legal returns");
	done("illegal return");

	/* Data: unaligned in Device memory (MMU off: everything), and where nothing is. */
	FAULTS_FAR("unaligned ldr", EC(0x25, 0x21), (u64)ram + 1, "ldr w9, [%0]" :: "r"(ram + 1) : "x9", "memory");
	FAULTS_FAR("unaligned str", EC(0x25, 0x61), (u64)ram + 4, "str x9, [%0]" :: "r"(ram + 4) : "x9", "memory");
	FAULTS_FAR("unaligned ldrh", EC(0x25, 0x21), (u64)ram + 3, "ldrh w9, [%0]" :: "r"(ram + 3) : "x9", "memory");
	FAULTS_FAR("unaligned stp", EC(0x25, 0x61), (u64)ram + 4, "stp x9, x10, [%0]" :: "r"(ram + 4) : "x9", "memory");
	FAULTS_FAR("unaligned ldr q", EC(0x25, 0x21), (u64)ram + 8, "ldr q0, [%0]" :: "r"(ram + 8) : "memory");
	FAULTS_FAR("unaligned ldar", EC(0x25, 0x21), (u64)ram + 2, "ldar w9, [%0]" :: "r"(ram + 2) : "x9", "memory");
	WORKS("stp of 8 aligned to 8", "stp x9, x10, [%0]" :: "r"(ram + 8) : "memory");
	WORKS("ldp of 4 aligned to 4", "ldp w9, w10, [%0]" :: "r"(ram + 4) : "x9", "x10", "memory");
	WORKS("ld1 of bytes", "ld1 {v0.16b}, [%0]" :: "r"(ram + 3) : "memory");
	FAULTS_FAR("dc zva on Device", EC(0x25, 0x61), (u64)ram, "dc zva, %0" :: "r"(ram) : "memory");
	FAULTS_FAR("too wide an address", EC(0x25, 0), BIT(52), "ldr x9, [%0]" :: "r"(BIT(52)) : "x9", "memory");
	exc_begin();
	guarded_call((void *)(BIT(50)), 0, 0);
	exc_check_far("fetch from too wide an address", EC(0x21, 0), BIT(50));
	exc_begin();
	guarded_call((void *)UART, 0, 0);
	exc_check_far("fetch from a device", EC(0x21, 0x10), UART);
	done("device memory");

	/* With the MMU on, Normal memory takes unaligned accesses unless SCTLR.A; Device never does. */
	mmu_flat();
	WORKS("unaligned ldr", "ldr x9, [%0]" :: "r"(ram + 1) : "x9", "memory");
	FAULTS_FAR("unaligned ldxr", EC(0x25, 0x21), (u64)ram + 1, "ldxr x9, [%0]" :: "r"(ram + 1) : "x9", "memory");
	FAULTS_FAR("unaligned stxr", EC(0x25, 0x61), (u64)ram + 1, "stxr w10, x9, [%0]" :: "r"(ram + 1) : "x9", "x10", "memory");
	FAULTS_FAR("unaligned ldxp", EC(0x25, 0x21), (u64)ram + 8, "ldxp x9, x10, [%0]" :: "r"(ram + 8) : "x9", "x10", "memory");
	FAULTS_FAR("unaligned ldadd", EC(0x25, 0x21), (u64)ram + 2, ".arch armv8.1-a\n ldadd w9, w10, [%0]" :: "r"(ram + 2) : "x9", "x10", "memory");
	FAULTS_FAR("unaligned casp", EC(0x25, 0x21), (u64)ram + 8, ".arch armv8.1-a\n casp x8, x9, x10, x11, [%0]" :: "r"(ram + 8) : "x8", "x9", "x10", "x11", "memory");
	FAULTS_FAR("unaligned stlr", EC(0x25, 0x61), (u64)ram + 4, "stlr x9, [%0]" :: "r"(ram + 4) : "x9", "memory");
	FAULTS_FAR("unaligned device", EC(0x25, 0x21), UART + 0x1a, "ldr w9, [%0]" :: "r"(UART + 0x1a) : "x9", "memory");
	FAULTS_FAR("unaligned over the end of a page", EC(0x25, 0x05), RAM_END - 2 + 0x40000000ul, "ldr w9, [%0]" :: "r"(RAM_END - 2 + 0x40000000ul) : "x9", "memory");
	write_sysreg(read_sysreg(sctlr_el1) | 2, sctlr_el1);
	isb();
	FAULTS_FAR("unaligned with A", EC(0x25, 0x21), (u64)ram + 1, "ldr x9, [%0]" :: "r"(ram + 1) : "x9", "memory");
	WORKS("ld1 of bytes with A", "ld1 {v0.16b}, [%0]" :: "r"(ram + 3) : "memory");
	write_sysreg(read_sysreg(sctlr_el1) & ~2ul, sctlr_el1);
	isb();
	WORKS("dc zva on Normal", "dc zva, %0" :: "r"(ram) : "memory");
	mmu_off();
	done("normal memory");
}
