/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions to EL1, return from them, and PSTATE as SPSR_EL1 holds it. [DDI0487 D1, AArch64 exception model]
 *
 * There is one target, EL1: an exception is entered at once, and whoever raised it returns. All of this runs on the
 * vCPU's own thread and takes no lock.
 */
#include "base/trace.h"
#include "cpu/vcpu.h"

enum { SPSR_SP = 1 << 0, SPSR_EL1 = 1 << 2, SPSR_NRW = 1 << 4, SPSR_SSBS = 1 << 12, SPSR_IL = 1 << 20,
       SPSR_SS = 1 << 21, SPSR_PAN = 1 << 22, SPSR_UAO = 1 << 23 };
#define ESR_IL (1u << 25)
#define SCTLR_SPAN BIT(23)
#define SCTLR_DSSBS BIT(44)

u64 cpu_pstate(const struct cpu *cpu)
{
	u64 v = cpu->nzcv & 0xf0000000u;

	v |= (u64)cpu->daif << 6;
	v |= cpu->el ? SPSR_EL1 | (cpu->spsel ? SPSR_SP : 0) : 0;
	v |= cpu->ssbs ? SPSR_SSBS : 0;
	v |= cpu->il ? SPSR_IL : 0;
	v |= cpu->ss ? SPSR_SS : 0;
	v |= cpu->pan ? SPSR_PAN : 0;
	v |= cpu->uao ? SPSR_UAO : 0;
	return v;
}

/* x[SLOT_SP] is the current SP; the other one waits in sys. */
static void sp_store(struct cpu *cpu)
{
	if (cpu->el && cpu->spsel)
		cpu->sys.sp_el1 = cpu->x[SLOT_SP];
	else
		cpu->sys.sp_el0 = cpu->x[SLOT_SP];
}

static void sp_load(struct cpu *cpu)
{
	cpu->x[SLOT_SP] = cpu->el && cpu->spsel ? cpu->sys.sp_el1 : cpu->sys.sp_el0;
}

static void set_mode(struct cpu *cpu, unsigned el, unsigned spsel)
{
	sp_store(cpu);
	if (cpu->el != el)
		pmu_before_el(cpu);
	cpu->el = (u8)el;
	cpu->spsel = (u8)spsel;
	sp_load(cpu);
}

void cpu_set_pstate(struct cpu *cpu, u64 spsr)
{
	bool pan = cpu->pan;

	set_mode(cpu, spsr & SPSR_EL1 ? 1 : 0, spsr & SPSR_EL1 ? spsr & SPSR_SP : 1);
	cpu->nzcv = (u32)spsr & 0xf0000000u;
	cpu->daif = (u8)bits(spsr, 9, 6);
	cpu->ssbs = !!(spsr & SPSR_SSBS) && cpu->cpus->ids.ssbs;
	cpu->il = !!(spsr & SPSR_IL);
	cpu->ss = !!(spsr & SPSR_SS);
	cpu->pan = !!(spsr & SPSR_PAN) && cpu->cpus->ids.pan;
	cpu->uao = !!(spsr & SPSR_UAO) && cpu->cpus->ids.uao;
	if (cpu->pan && !pan)
		tlb_pan_set(cpu);
	cpu_rederive(cpu);
	cpu_daif_changed(cpu);
}

void cpu_rederive(struct cpu *cpu)
{
	unsigned fpen = (unsigned)bits(cpu->sys.cpacr, 21, 20);

	cpu->access_el = cpu->el;
	cpu->bank = tlb_bank_of(cpu, cpu->el);
	cpu->bank_el0 = tlb_bank_of(cpu, cpu->el && cpu->uao ? 1 : 0);
	cpu->fp_enabled = fpen == 3 || (fpen == 1 && cpu->el == 1);
	cpu->align_check = bit(cpu->sys.sctlr, 1);
	debug_rederive(cpu);
}

void cpu_look_for_interrupts(struct cpu *cpu)
{
	u32 levels = __atomic_load_n(&cpu->irq_levels, __ATOMIC_RELAXED);

	if (unlikely(((levels & 1) && !(cpu->daif & 2)) || ((levels & 2) && !(cpu->daif & 1)) ||
		     (cpu->serror_pending && !(cpu->daif & 4))))
		cpu_leave_chunk(cpu);
}

void cpu_daif_changed(struct cpu *cpu)
{
	cpu_look_for_interrupts(cpu);
	if (unlikely(cpu->sys.mdscr & 0x8001))
		debug_rederive(cpu);
}

/* To the vector at `offset`, without ESR and FAR. */
static void enter_el1(struct cpu *cpu, unsigned offset, u64 elr)
{
	u64 spsr = cpu_pstate(cpu);
	unsigned base = cpu->el == 0 ? 0x400 : cpu->spsel ? 0x200 : 0;
	bool pan = cpu->pan;

	/* What it wanted to store, the handler may not: it was not in view of that LDXR. */
	if (cpu->exclusive.armed == ARMED_TO_STORE)
		cpu->exclusive.armed = ARMED_BY_VALUE;
	set_mode(cpu, 1, 1);
	cpu->sys.spsr = spsr;
	cpu->sys.elr = elr;
	cpu->daif = 0xf;
	cpu->il = 0;
	cpu->ss = 0;
	cpu->step_iss = 0; /* a step that was pending is over: whatever pends at the return, nothing was stepped for it */
	cpu->uao = 0;
	if (cpu->cpus->ids.ssbs)
		cpu->ssbs = !!(cpu->sys.sctlr & SCTLR_DSSBS);
	if (cpu->cpus->ids.pan && !(cpu->sys.sctlr & SCTLR_SPAN))
		cpu->pan = 1;
	if (cpu->pan && !pan)
		tlb_pan_set(cpu);
	cpu_rederive(cpu);
	pmu_event(cpu, 0x09);
	cpu_jump(cpu, (cpu->sys.vbar & ~0x7ffull) + base + offset);
}

void cpu_enter(struct cpu *cpu, enum esr_class class, u32 iss, u64 elr, bool has_far, u64 far)
{
	trace(INT, "cpu %u: exception class 0x%02x iss 0x%07x from el%u elr 0x%llx far 0x%llx", cpu->index, class, iss,
	      cpu->el, (unsigned long long)elr, (unsigned long long)(has_far ? far : 0));
	cpu->sys.esr = (u64)class << 26 | ESR_IL | (iss & 0x1ffffff);
	if (has_far)
		cpu->sys.far = far;
	enter_el1(cpu, 0, elr);
}

static u64 this_pc(const struct cpu *cpu)
{
	return cpu->code ? cpu_pc_of(cpu, cpu->ip - 1) : cpu->pc;
}

void cpu_raise(struct cpu *cpu, enum esr_class class, u32 iss)
{
	if (!cpu->looked_at)
		cpu_enter(cpu, class, iss, this_pc(cpu), false, 0);
}

void cpu_raise_far(struct cpu *cpu, enum esr_class class, u32 iss, u64 far)
{
	cpu_enter(cpu, class, iss, this_pc(cpu), true, far);
}

void cpu_raise_next(struct cpu *cpu, enum esr_class class, u32 iss)
{
	/* The instruction is complete: under software step it counts as stepped. */
	if (cpu->ss)
		cpu->ss = 0;
	cpu_enter(cpu, class, iss, this_pc(cpu) + 4, false, 0);
}

void cpu_undefined(struct cpu *cpu)
{
	cpu_raise(cpu, EC_UNKNOWN, 0);
}

/* Whether SPSR_EL1 names a state that an ERET from EL1 may enter. */
static bool is_legal_return(u64 spsr)
{
	if (spsr & SPSR_NRW)
		return false;
	switch (bits(spsr, 3, 0)) {
	case 0x0: case 0x4: case 0x5: return true;
	default: return false;
	}
}

void cpu_eret(struct cpu *cpu)
{
	u64 spsr = cpu->sys.spsr, target = cpu->sys.elr;
	bool ss = false;

	cpu->exclusive.armed = ARMED_NOT;
	cpu->wfe_event = true;
	pmu_event(cpu, 0x0a); /* executed here, whatever the filters of the EL that it returns to */
	if (!is_legal_return(spsr)) {
		/* EL, SP and the like stay; flags, masks and PAN are SPSR's, IL is set. [DDI0487 Illegal return events] */
		u64 now = cpu_pstate(cpu) & (SPSR_EL1 | SPSR_SP | SPSR_UAO | SPSR_SSBS);
		trace(INT, "cpu %u: illegal return, spsr 0x%llx", cpu->index, (unsigned long long)spsr);
		spsr = (spsr & (0xf00003c0u | SPSR_PAN | SPSR_SS)) | now | SPSR_IL;
	}
	/* PSTATE.SS is taken from SPSR only where stepping begins with this return. */
	unsigned to = spsr & SPSR_EL1 ? 1 : 0;
	if ((cpu->sys.mdscr & 1) && !debug_software_step_enabled(cpu, cpu->el, cpu->daif & 8))
		ss = (spsr & SPSR_SS) && debug_software_step_enabled(cpu, to, bit(spsr, 9));
	cpu_set_pstate(cpu, (spsr & ~(u64)SPSR_SS) | (ss ? SPSR_SS : 0));
	trace(INT, "cpu %u: return to el%u pc 0x%llx spsr 0x%llx", cpu->index, cpu->el, (unsigned long long)target,
	      (unsigned long long)spsr);
	cpu_jump(cpu, target);
	/* Nothing runs with IL set. A step that is pending (PSTATE.SS 0) comes first: debug_before reports it; then a wrong PC. */
	if (!cpu->il || (cpu->stepping && !cpu->ss && debug_software_step_enabled(cpu, cpu->el, cpu->daif & 8)))
		return;
	target = cpu_pc(cpu); /* without a tag that is ignored */
	if (target & 3)
		cpu_enter(cpu, EC_PC_ALIGN, 0, target, true, target);
	else
		cpu_enter(cpu, EC_ILLEGAL, 0, target, false, 0);
}

bool cpu_take_interrupt(struct cpu *cpu)
{
	u32 levels = __atomic_load_n(&cpu->irq_levels, __ATOMIC_ACQUIRE);
	unsigned offset;
	u64 pc;

	if (__atomic_load_n(&cpu->serror_pending, __ATOMIC_ACQUIRE) && !(cpu->daif & 4)) {
		__atomic_store_n(&cpu->serror_pending, false, __ATOMIC_RELEASE);
		cpu->sys.esr = (u64)EC_SERROR << 26 | ESR_IL;
		offset = 0x180;
	} else if ((levels & 2) && !(cpu->daif & 1)) {
		offset = 0x100;
	} else if ((levels & 1) && !(cpu->daif & 2)) {
		offset = 0x80;
	} else {
		return false;
	}
	pc = cpu_pc(cpu);
	trace(INT, "cpu %u: %s from el%u pc 0x%llx", cpu->index,
	      offset == 0x180 ? "SError" : offset == 0x100 ? "FIQ" : "IRQ", cpu->el, (unsigned long long)pc);
	enter_el1(cpu, offset, pc);
	return true;
}
