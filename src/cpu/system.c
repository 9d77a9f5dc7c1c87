/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exception-generating, hint, barrier, PSTATE and system-register instructions. [DDI0487 C6.2, C5]
 *
 * Barriers on an x86-64 host, whose memory model is TSO: only a store followed by a load needs a fence, so DMB of loads or of
 * stores alone orders the compiler only. Other hosts always fence.
 */
#include "cpu/access.h"
#include "cpu/code.h"
#include "cpu/exec.h"
#include "cpu/sysreg.h"
#include "cpu/vcpu.h"

#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define VARIANT(name) static void exec_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name) bool prep_##name(struct insn *insn)
#define T cpu->x[insn->t]

void exec_UNDEFINED(struct cpu *cpu, const struct insn *insn)
{
	cpu_undefined(cpu);
}
EXEC(UDF)
{
	cpu_undefined(cpu);
}
EXEC(HLT)
{
	if (insn->i != SEMIHOST_HLT || !cpu_semihost(cpu))
		cpu_undefined(cpu);
}
EXEC(DCPS1)
{
	cpu_undefined(cpu);
}
EXEC(DCPS2)
{
	cpu_undefined(cpu);
}
EXEC(DCPS3)
{
	cpu_undefined(cpu);
}
EXEC(SVC)
{
	cpu_raise_next(cpu, EC_SVC, insn->i);
}
EXEC(HVC)
{
	if (cpu->el == 0)
		cpu_undefined(cpu);
	else
		cpu_smccc(cpu, false, (u16)insn->i);
}
EXEC(SMC)
{
	if (cpu->el == 0)
		cpu_undefined(cpu);
	else
		cpu_smccc(cpu, true, (u16)insn->i);
}
EXEC(BRK)
{
	if (!debugger_brk(cpu, insn->i))
		cpu_raise(cpu, EC_BRK, insn->i);
}

/* --- hints --- */

EXEC(HINT)
{
}
VARIANT(WFE)
{
	cpu_wfe(cpu);
}
VARIANT(WFI)
{
	cpu_wfi(cpu);
}
VARIANT(SEV)
{
	cpu_sev(cpu, false);
}
VARIANT(SEVL)
{
	cpu_sev(cpu, true);
}
PREP(HINT)
{
	switch (insn->i) {
	case 2: insn->exec = exec_WFE; break;
	case 3: insn->exec = exec_WFI; break;
	case 4: insn->exec = exec_SEV; break;
	case 5: insn->exec = exec_SEVL; break;
	default: break;
	}
	return true;
}

/* --- barriers --- */

EXEC(CLREX)
{
	cpu->exclusive.armed = ARMED_NOT;
}
EXEC(DMB)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
VARIANT(DMB_light)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	host_order();
}
PREP(DMB)
{
	if ((insn->i & 3) == 1 || (insn->i & 3) == 2)
		insn->exec = exec_DMB_light;
	return true;
}
EXEC(DSB)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	cpu_dsb(cpu);
}
/* An interrupt that was pending before it is taken behind it. [DDI0487 Taking asynchronous exceptions] */
EXEC(ISB)
{
	code_catch_up(cpu);
	cpu_look_for_interrupts(cpu);
}
EXEC(SB)
{
}

/* --- PSTATE --- */

/* Syndrome of a trapped MSR, MRS or SYS from its word. [DDI0487 ESR_ELx, EC 0x18] */
static u32 syndrome(u32 word)
{
	return (u32)(bits(word, 20, 19) << 20 | bits(word, 7, 5) << 17 | bits(word, 18, 16) << 14 |
		     bits(word, 15, 12) << 10 | bits(word, 4, 0) << 5 | bits(word, 11, 8) << 1 | bits(word, 21, 21));
}

static void change_pstate(struct cpu *cpu, unsigned bit_number, u32 value)
{
	if (cpu->el == 0)
		cpu_undefined(cpu);
	else
		cpu_set_pstate(cpu, deposit(cpu_pstate(cpu), bit_number, bit_number, value & 1));
}
EXEC(MSR_UAO)
{
	change_pstate(cpu, 23, insn->i);
}
EXEC(MSR_PAN)
{
	change_pstate(cpu, 22, insn->i);
}
EXEC(MSR_SPSel)
{
	change_pstate(cpu, 0, insn->i);
}
EXEC(MSR_SSBS)
{
	cpu->ssbs = insn->i & 1;
}

static bool daif_allowed(struct cpu *cpu, const struct insn *insn)
{
	if (cpu->el || bit(cpu->sys.sctlr, 9)) /* UMA */
		return true;
	cpu_raise(cpu, EC_SYSREG, syndrome(insn->word));
	return false;
}
EXEC(MSR_DAIFSet)
{
	if (!daif_allowed(cpu, insn))
		return;
	cpu->daif |= insn->i;
	if (insn->i & 8)
		cpu_daif_changed(cpu);
}
EXEC(MSR_DAIFClr)
{
	if (!daif_allowed(cpu, insn))
		return;
	cpu->daif &= ~insn->i;
	cpu_daif_changed(cpu);
}

/* --- system registers; i is the key --- */

#define KEY_OF(insn) ((insn)->word >> 5 & 0xffff)

EXEC(MRS)
{
	u64 value;

	if (sysreg_read(cpu, insn->i, &value))
		T = value;
}
EXEC(MSR)
{
	sysreg_write(cpu, insn->i, T);
}
/* The ones that a kernel and a C library read all the time. */
VARIANT(MRS_SP_EL0)
{
	if (likely(cpu->el && cpu->spsel))
		T = cpu->sys.sp_el0;
	else
		exec_MRS(cpu, insn);
}
VARIANT(MRS_TPIDR_EL0)
{
	T = cpu->sys.tpidr_el0;
}
VARIANT(MRS_TPIDR_EL1)
{
	if (likely(cpu->el))
		T = cpu->sys.tpidr_el1;
	else
		exec_MRS(cpu, insn);
}
PREP(MRS)
{
	insn->i = KEY_OF(insn);
	switch (insn->i) {
	case SYSREG(3, 0, 4, 1, 0): insn->exec = exec_MRS_SP_EL0; break;
	case SYSREG(3, 3, 13, 0, 2): insn->exec = exec_MRS_TPIDR_EL0; break;
	case SYSREG(3, 0, 13, 0, 4): insn->exec = exec_MRS_TPIDR_EL1; break;
	default: break;
	}
	return true;
}
PREP(MSR)
{
	insn->i = KEY_OF(insn);
	return true;
}

/* Zeroes the block of 64 bytes that holds Xt (DCZID_EL0.BS = 4). */
VARIANT(DC_ZVA)
{
	u64 given = T, va = given & ~63ull;
	void *host = tlb_hit(cpu->bank->write, va, 64);
	bool taken = false;

	if (cpu->el == 0 && !bit(cpu->sys.sctlr, 14)) { /* DZE */
		cpu_raise(cpu, EC_SYSREG, syndrome(insn->word));
		return;
	}
	if (!host)
		host = access_host(cpu, va, 64, ACCESS_WRITE, &taken);
	if (taken) {
		/* Aborts name the address as it was given; a watchpoint, the block that it watches. */
		unsigned class = (unsigned)bits(cpu->sys.esr, 31, 26);

		if ((class == EC_DATA_LOWER || class == EC_DATA_SAME) && cpu->sys.far == va)
			cpu->sys.far = given;
		return;
	}
	if (host) {
		memset(host, 0, 64);
		return;
	}
	for (unsigned k = 0; k < 64; k += 8)
		if (!access_write_slow(cpu, va + k, 8, ACCESS_WRITE, 0))
			return;
}
EXEC(SYS)
{
	sysinsn(cpu, insn->i, T);
}
PREP(SYS)
{
	insn->i = KEY_OF(insn);
	if (insn->i == SYSREG(1, 3, 7, 4, 1))
		insn->exec = exec_DC_ZVA;
	return true;
}
/* No SYSL is allocated. */
EXEC(SYSL)
{
	cpu_undefined(cpu);
}
