/* SPDX-License-Identifier: BSD-2-Clause */
/* Synchronous exceptions from EL0, and what SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0 and CPACR_EL1 trap. [DDI0487 ESR_EL1] */
#include "bare.h"

#define EL0_FN(name, ...) static noinline u64 name(u64 a, u64 b) { u64 v = 0; (void)a; (void)b; asm volatile(__VA_ARGS__); return v; }

/* ISS of a trapped MSR, MRS or system instruction. */
#define ISS_SYS(op0, op1, crn, crm, op2, rt, read) ((op0) << 20 | (op2) << 17 | (op1) << 14 | (crn) << 10 | (rt) << 5 | (crm) << 1 | (read))

EL0_FN(do_udf, "udf #1")
EL0_FN(do_svc, "svc #0x1234")
EL0_FN(do_hvc, "hvc #0")
EL0_FN(do_smc, "smc #0")
EL0_FN(do_brk, "brk #7")
EL0_FN(do_eret, "eret")
EL0_FN(do_el1_reg, "mrs %0, ttbr0_el1" : "=r"(v))
EL0_FN(do_midr, "mrs %0, midr_el1" : "=r"(v))
EL0_FN(do_daif, "mrs x3, daif" ::: "x3")
EL0_FN(do_daifset, "msr daifset, #1")
EL0_FN(do_daif_write, "msr daif, x3")
EL0_FN(do_pan, ".inst 0xd500419f") /* msr pan, #1 */
EL0_FN(do_ctr, "mrs x3, ctr_el0" ::: "x3")
EL0_FN(do_dczid, "mrs x3, dczid_el0" ::: "x3")
EL0_FN(do_zva, "dc zva, %0" :: "r"(a) : "memory")
EL0_FN(do_cvau, "dc cvau, %0" :: "r"(a) : "memory")
EL0_FN(do_civac, "dc civac, %0" :: "r"(a) : "memory")
EL0_FN(do_ivau, "ic ivau, %0" :: "r"(a) : "memory")
EL0_FN(do_ivac, "dc ivac, %0" :: "r"(a) : "memory")
EL0_FN(do_iallu, "ic iallu")
EL0_FN(do_tlbi, "tlbi vmalle1")
EL0_FN(do_at, "at s1e1r, %0" :: "r"(a))
EL0_FN(do_cntvct, "mrs x3, cntvct_el0" ::: "x3")
EL0_FN(do_cntpct, "mrs x3, cntpct_el0" ::: "x3")
EL0_FN(do_cntfrq, "mrs x3, cntfrq_el0" ::: "x3")
EL0_FN(do_cntv_ctl, "mrs x3, cntv_ctl_el0" ::: "x3")
EL0_FN(do_cntv_cval, "msr cntv_cval_el0, x3" ::: "x3")
EL0_FN(do_cntp_tval, "mrs x3, cntp_tval_el0" ::: "x3")
EL0_FN(do_pmccntr, "mrs x3, pmccntr_el0" ::: "x3")
EL0_FN(do_pmcr, "msr pmcr_el0, x3" ::: "x3")
EL0_FN(do_pmswinc, "msr pmswinc_el0, x3" ::: "x3")
EL0_FN(do_pmselr, "mrs x3, pmselr_el0" ::: "x3")
EL0_FN(do_fadd, "fadd d0, d0, d0")
EL0_FN(do_ldrq, "ldr q0, [%0]" :: "r"(a))
EL0_FN(do_fpcr, "mrs x3, fpcr" ::: "x3")
EL0_FN(do_wfi, "wfi")
EL0_FN(do_wfe, "sevl; wfe; wfe")
EL0_FN(do_load, "ldr x3, [%0]" :: "r"(a) : "x3")
EL0_FN(do_store, "str x3, [%0]" :: "r"(a) : "memory")
EL0_FN(do_mdccsr, "mrs x3, mdccsr_el0" ::: "x3")
EL0_FN(do_tpidrro, "msr tpidrro_el0, x3")
EL0_FN(do_jump, "br %0" :: "r"(a))
EL0_FN(do_sp, "mov x9, sp; sub x10, x9, #8; mov sp, x10; ldr x11, [sp]; mov sp, x9" ::: "x9", "x10", "x11")
EL0_FN(do_nothing, "nop")

static void el0_faults(const char *what, u64 (*fn)(u64, u64), u64 a, u64 esr)
{
	exc_begin();
	el0_call(fn, a, 0);
	exc_check(what, esr);
	check("from EL0", self()->vector, VECTOR_EL0);
	check("spsr", self()->spsr & 0x1f, 0);
}

static void el0_works(const char *what, u64 (*fn)(u64, u64), u64 a)
{
	exc_begin();
	el0_call(fn, a, 0);
	exc_none(what);
}

static void sctlr(u64 set, u64 clear)
{
	write_sysreg((read_sysreg(sctlr_el1) | set) & ~clear, sctlr_el1);
	isb();
}

/* Traps while `bit` of SCTLR_EL1 is 0, works when it is 1. */
static void by_sctlr(const char *what, u64 (*fn)(u64, u64), u64 a, unsigned bit, u64 esr)
{
	sctlr(0, BIT(bit));
	el0_faults(what, fn, a, esr);
	sctlr(BIT(bit), 0);
	el0_works(what, fn, a);
	sctlr(0, BIT(bit));
}

void test(void)
{
	u8 *ram;
	u64 el0_ram;
	struct percpu *cpu = self();

	mmu_flat();
	ram = page_alloc(4096);
	el0_ram = (u64)ram + EL0_ALIAS;

	el0_works("nothing", do_nothing, 0);
	el0_faults("udf", do_udf, 0, EC(0, 0));
	el0_faults("svc", do_svc, 0, EC(0x15, 0x1234));
	el0_faults("hvc", do_hvc, 0, EC(0, 0));
	el0_faults("smc", do_smc, 0, EC(0, 0));
	el0_faults("brk", do_brk, 0, EC(0x3c, 7));
	el0_faults("eret", do_eret, 0, EC(0, 0));
	el0_faults("msr pan", do_pan, 0, EC(0, 0));
	el0_faults("ttbr0_el1", do_el1_reg, 0, EC(0, 0));
	el0_faults("write of tpidrro_el0", do_tpidrro, 0, EC(0, 0));
	el0_faults("dc ivac", do_ivac, el0_ram, EC(0, 0));
	el0_faults("ic iallu", do_iallu, 0, EC(0, 0));
	el0_faults("tlbi", do_tlbi, 0, EC(0, 0));
	el0_faults("at", do_at, 0, EC(0, 0));
	/* MIDR_EL1 and its like: an exception with EC 0 unless FEAT_IDST reports 0x18. */
	exc_begin();
	el0_call(do_midr, 0, 0);
	check_true("midr_el1", cpu->esr == EC(0, 0) || (cpu->esr >> 26 == 0x18 && (read_sysreg(id_aa64mmfr2_el1) >> 36 & 15)));
	done("undefined at EL0");

	by_sctlr("ctr_el0", do_ctr, 0, 15, EC(0x18, ISS_SYS(3, 3, 0, 0, 1, 3, 1)));
	el0_works("dczid_el0", do_dczid, 0);
	sctlr(0, BIT(14));
	exc_begin();
	el0_call(do_zva, el0_ram, 0);
	check("dc zva by DZE", cpu->esr >> 26, 0x18);
	check("dc zva iss", cpu->esr & 0x1ffffff & ~0x3e0ul, ISS_SYS(1, 3, 7, 4, 1, 0, 0));
	sctlr(BIT(14), 0);
	el0_works("dc zva", do_zva, el0_ram);
	sctlr(0, BIT(26));
	static const u8 crm[] = {11, 14};
	u64 (*const maintain[])(u64, u64) = {do_cvau, do_civac};
	for (unsigned i = 0; i < 2; i++) {
		exc_begin();
		el0_call(maintain[i], el0_ram, 0);
		check("dc by UCI", cpu->esr & ~0x3e0ul, EC(0x18, ISS_SYS(1, 3, 7, crm[i], 1, 0, 0)));
	}
	exc_begin();
	el0_call(do_ivau, el0_ram, 0);
	check("ic ivau by UCI", cpu->esr & ~0x3e0ul, EC(0x18, ISS_SYS(1, 3, 7, 5, 1, 0, 0)));
	sctlr(BIT(26), 0);
	for (unsigned i = 0; i < 2; i++)
		el0_works("dc", maintain[i], el0_ram);
	el0_works("ic ivau", do_ivau, el0_ram);
	by_sctlr("daif", do_daif, 0, 9, EC(0x18, ISS_SYS(3, 3, 4, 2, 1, 3, 1)));
	by_sctlr("daifset", do_daifset, 0, 9, EC(0x18, ISS_SYS(0, 3, 4, 1, 6, 31, 0)));
	sctlr(0, BIT(9));
	el0_faults("write of daif", do_daif_write, 0, EC(0x18, ISS_SYS(3, 3, 4, 2, 1, 3, 0)));
	/* TI 0 for WFI, 1 for WFE; only if it would wait. CV and COND: always. */
	sctlr(0, BIT(16) | BIT(18));
	el0_faults("wfi", do_wfi, 0, EC(0x01, 0x1e00000));
	el0_faults("wfe", do_wfe, 0, EC(0x01, 0x1e00001));
	sctlr(0, BIT(4));
	el0_works("sp alignment unchecked", do_sp, 0);
	sctlr(BIT(4), 0);
	el0_faults("sp alignment", do_sp, 0, EC(0x26, 0));
	done("SCTLR_EL1");

	write_sysreg(0, cntkctl_el1);
	isb();
	el0_faults("cntvct_el0", do_cntvct, 0, EC(0x18, ISS_SYS(3, 3, 14, 0, 2, 3, 1)));
	el0_faults("cntpct_el0", do_cntpct, 0, EC(0x18, ISS_SYS(3, 3, 14, 0, 1, 3, 1)));
	el0_faults("cntfrq_el0", do_cntfrq, 0, EC(0x18, ISS_SYS(3, 3, 14, 0, 0, 3, 1)));
	el0_faults("cntv_ctl_el0", do_cntv_ctl, 0, EC(0x18, ISS_SYS(3, 3, 14, 3, 1, 3, 1)));
	el0_faults("cntv_cval_el0", do_cntv_cval, 0, EC(0x18, ISS_SYS(3, 3, 14, 3, 2, 3, 0)));
	el0_faults("cntp_tval_el0", do_cntp_tval, 0, EC(0x18, ISS_SYS(3, 3, 14, 2, 0, 3, 1)));
	write_sysreg(2, cntkctl_el1); /* EL0VCTEN */
	isb();
	el0_works("cntvct_el0", do_cntvct, 0);
	el0_works("cntfrq_el0", do_cntfrq, 0);
	el0_faults("cntpct_el0", do_cntpct, 0, EC(0x18, ISS_SYS(3, 3, 14, 0, 1, 3, 1)));
	write_sysreg(1, cntkctl_el1); /* EL0PCTEN */
	isb();
	el0_works("cntpct_el0", do_cntpct, 0);
	el0_faults("cntvct_el0", do_cntvct, 0, EC(0x18, ISS_SYS(3, 3, 14, 0, 2, 3, 1)));
	write_sysreg(1 << 8, cntkctl_el1); /* EL0VTEN */
	isb();
	el0_works("cntv_ctl_el0", do_cntv_ctl, 0);
	el0_works("cntv_cval_el0", do_cntv_cval, 0);
	el0_faults("cntp_tval_el0", do_cntp_tval, 0, EC(0x18, ISS_SYS(3, 3, 14, 2, 0, 3, 1)));
	write_sysreg(1 << 9, cntkctl_el1); /* EL0PTEN */
	isb();
	el0_works("cntp_tval_el0", do_cntp_tval, 0);
	el0_faults("cntv_ctl_el0", do_cntv_ctl, 0, EC(0x18, ISS_SYS(3, 3, 14, 3, 1, 3, 1)));
	done("CNTKCTL_EL1");

	write_sysreg(0, pmuserenr_el0);
	isb();
	el0_faults("pmccntr_el0", do_pmccntr, 0, EC(0x18, ISS_SYS(3, 3, 9, 13, 0, 3, 1)));
	el0_faults("pmcr_el0", do_pmcr, 0, EC(0x18, ISS_SYS(3, 3, 9, 12, 0, 3, 0)));
	el0_faults("pmswinc_el0", do_pmswinc, 0, EC(0x18, ISS_SYS(3, 3, 9, 12, 4, 3, 0)));
	write_sysreg(4, pmuserenr_el0); /* CR */
	isb();
	el0_works("pmccntr_el0", do_pmccntr, 0);
	el0_faults("pmselr_el0", do_pmselr, 0, EC(0x18, ISS_SYS(3, 3, 9, 12, 5, 3, 1)));
	write_sysreg(2, pmuserenr_el0); /* SW */
	isb();
	el0_works("pmswinc_el0", do_pmswinc, 0);
	write_sysreg(8, pmuserenr_el0); /* ER */
	isb();
	el0_works("pmselr_el0", do_pmselr, 0);
	write_sysreg(0, pmuserenr_el0);
	write_sysreg(BIT(12), mdscr_el1); /* TDCC */
	isb();
	el0_faults("mdccsr_el0", do_mdccsr, 0, EC(0x18, 0)| ISS_SYS(2, 3, 0, 1, 0, 3, 1));
	write_sysreg(0, mdscr_el1);
	isb();
	el0_works("mdccsr_el0", do_mdccsr, 0);
	done("PMUSERENR_EL0 and MDSCR_EL1");

	/* FP: CPACR_EL1.FPEN 0 and 2 trap both, 1 EL0 only. CV and COND. */
	for (unsigned fpen = 0; fpen < 4; fpen++) {
		write_sysreg((u64)fpen << 20, cpacr_el1);
		isb();
		if (fpen == 3) {
			el0_works("fadd", do_fadd, 0);
			el0_works("fpcr", do_fpcr, 0);
		} else {
			el0_faults("fadd", do_fadd, 0, EC(0x07, 0x1e00000));
			el0_faults("ldr q", do_ldrq, el0_ram, EC(0x07, 0x1e00000));
			el0_faults("fpcr", do_fpcr, 0, EC(0x07, 0x1e00000));
		}
		exc_begin();
		asm volatile("fmov d1, xzr");
		if (fpen & 1)
			exc_none("EL1 fmov");
		else
			exc_check("EL1 fmov", EC(0x07, 0x1e00000));
		/* An unallocated encoding is UNDEFINED, trapped or not. */
		exc_begin();
		asm volatile(".inst 0x1e30fc00"); /* half-precision fcvt that is none */
		exc_begin();
	}
	write_sysreg(3 << 20, cpacr_el1);
	isb();
	done("CPACR_EL1");

	/* Aborts: classes of a lower EL; ELR and FAR of a fetch are the target. */
	el0_faults("load of EL1's page", do_load, (u64)ram, EC(0x24, 0x0e));
	check("far", cpu->far, (u64)ram);
	el0_faults("store to EL1's page", do_store, (u64)ram + 8, EC(0x24, 0x4e));
	check("far", cpu->far, (u64)ram + 8);
	el0_faults("load of nothing", do_load, 0x3000000000ul, EC(0x24, 0x05));
	el0_faults("fetch from EL1's page", do_jump, (u64)ram, EC(0x20, 0x0e));
	check("far", cpu->far, (u64)ram);
	check("elr", cpu->elr, (u64)ram);
	el0_faults("fetch from nothing", do_jump, 0x3000000000ul, EC(0x20, 0x05));
	el0_faults("fetch from an odd address", do_jump, el0_ram + 2, EC(0x22, 0));
	check("far", cpu->far, el0_ram + 2);
	el0_works("load", do_load, el0_ram);
	el0_works("store", do_store, el0_ram);
	exc_begin();
	el0_run(do_nothing, 0, 0, 0x3c0 | BIT(20));
	exc_check("IL", EC(0x0e, 0));
	check("IL spsr", cpu->spsr & 0x1003df, 0x1003c0);
	mmu_off();
	done("aborts from EL0");
}
