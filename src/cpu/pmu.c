/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The performance monitors of one vCPU: PMUv3 with the cycle counter and PMU_COUNTERS event counters of 32 bits.
 * [DDI0487 D13, The Performance Monitors Extension]
 *
 * A cycle is an instruction retired, under instruction time the nanoseconds that it takes: time that the host spends elsewhere does not count. Counters are brought up to
 * date (pmu_sync) before anything that changes what counts: a change of EL, a register access, the end of a chunk. A chunk
 * ends where a counter that may interrupt overflows (pmu_until_overflow), and where EL changes, as other filters hold from
 * there on. Own thread only; the interrupt line is changed under the machine lock.
 */
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

enum { PMCR_E = 1, PMCR_P = 2, PMCR_C = 4, PMCR_X = 16, PMCR_DP = 32, PMCR_LC = 64 };
enum { EVENT_SW_INCR = 0x00, EVENT_INST_RETIRED = 0x08, EVENT_EXC_TAKEN = 0x09, EVENT_EXC_RETURN = 0x0a,
       EVENT_CPU_CYCLES = 0x11, EVENT_TTBR_WRITE = 0x1c, EVENT_CHAIN = 0x1e };
enum { USER_EN = 1, USER_SW = 2, USER_CR = 4, USER_ER = 8 };
#define CYCLE BIT(31)
#define IMPLEMENTED (CYCLE | (BIT(PMU_COUNTERS) - 1))
#define EVENTS                                                                                                         \
	(BIT(EVENT_SW_INCR) | BIT(EVENT_INST_RETIRED) | BIT(EVENT_EXC_TAKEN) | BIT(EVENT_EXC_RETURN) |                 \
	 BIT(EVENT_CPU_CYCLES) | BIT(EVENT_TTBR_WRITE) | BIT(EVENT_CHAIN))

bool pmu_is_counting(const struct cpu *cpu)
{
	return (cpu->sys.pmcr & PMCR_E) && cpu->sys.pmcnten;
}

/* P (bit 31) excludes EL1, U (bit 30) EL0. */
static bool counts_here(const struct cpu *cpu, u64 type)
{
	return !bit(type, cpu->el ? 31 : 30);
}

static void add(struct cpu *cpu, unsigned n, u64 count)
{
	u64 sum = cpu->sys.pmevcntr[n] + count;

	cpu->sys.pmevcntr[n] = (u32)sum;
	if (sum >> 32) {
		cpu->sys.pmovs |= BIT(n);
		if (!(n & 1) && n + 1 < PMU_COUNTERS && bit(cpu->sys.pmcnten, n + 1) &&
		    (u16)cpu->sys.pmevtyper[n + 1] == EVENT_CHAIN && counts_here(cpu, cpu->sys.pmevtyper[n + 1]))
			add(cpu, n + 1, sum >> 32);
	}
}

static void pmu_sync(struct cpu *cpu)
{
	u64 now = cpu_icount(cpu), delta = now - cpu->pmu_icount, cycles = delta << cpu->cpus->config.icount_shift;

	cpu->pmu_icount = now;
	if (!delta || !pmu_is_counting(cpu))
		return;
	if ((cpu->sys.pmcnten & CYCLE) && counts_here(cpu, cpu->sys.pmccfiltr)) {
		u64 before = cpu->sys.pmccntr;

		cpu->sys.pmccntr += cycles;
		if (cpu->sys.pmccntr < before)
			cpu->sys.pmovs |= CYCLE;
	}
	for (unsigned n = 0; n < PMU_COUNTERS; n++) {
		u16 event = (u16)cpu->sys.pmevtyper[n];

		if (bit(cpu->sys.pmcnten, n) && (event == EVENT_INST_RETIRED || event == EVENT_CPU_CYCLES) &&
		    counts_here(cpu, cpu->sys.pmevtyper[n]))
			add(cpu, n, event == EVENT_CPU_CYCLES ? cycles : delta);
	}
}

u64 pmu_until_overflow(const struct cpu *cpu)
{
	u64 enabled = cpu->sys.pmcnten, interrupts = cpu->sys.pminten, least = UINT64_MAX;
	unsigned shift = cpu->cpus->config.icount_shift;

	if (!pmu_is_counting(cpu) || !interrupts)
		return least;
	if ((enabled & interrupts & CYCLE) && counts_here(cpu, cpu->sys.pmccfiltr) && cpu->sys.pmccntr)
		least = (-cpu->sys.pmccntr - 1) >> shift;
	for (unsigned n = 0; n < PMU_COUNTERS; n++) {
		u16 event = (u16)cpu->sys.pmevtyper[n];
		u64 left = BIT(32) - cpu->sys.pmevcntr[n];

		/* Its own interrupt, or that of the counter which is chained to it. */
		if (!bit(enabled, n) || !(interrupts >> n & (n & 1 ? 1 : 3)) || !counts_here(cpu, cpu->sys.pmevtyper[n]))
			continue;
		if (event == EVENT_INST_RETIRED)
			least = MIN(least, left - 1);
		else if (event == EVENT_CPU_CYCLES)
			least = MIN(least, (left - 1) >> shift);
	}
	return least == UINT64_MAX ? least : least + 1;
}

/* What counts, or from where, has changed: the chunk that runs was measured without it. */
static void changed(struct cpu *cpu)
{
	if (pmu_is_counting(cpu) && cpu->sys.pminten)
		cpu_leave_chunk(cpu);
}

void pmu_before_el(struct cpu *cpu)
{
	pmu_sync(cpu);
	changed(cpu);
}

void pmu_event(struct cpu *cpu, u16 event)
{
	if (!pmu_is_counting(cpu))
		return;
	for (unsigned n = 0; n < PMU_COUNTERS; n++)
		if (bit(cpu->sys.pmcnten, n) && (u16)cpu->sys.pmevtyper[n] == event &&
		    counts_here(cpu, cpu->sys.pmevtyper[n]))
			add(cpu, n, 1);
	if ((cpu->sys.pmovs & cpu->sys.pminten) && !cpu->pmu_level)
		cpu_leave_chunk(cpu); /* to settle */
}

/* The line is what overflow and enables say. False: reset is due. */
static bool settle(struct cpu *cpu)
{
	bool level = (cpu->sys.pmcr & PMCR_E) && (cpu->sys.pmovs & cpu->sys.pminten);

	if (level == cpu->pmu_level)
		return true;
	cpu->pmu_level = level;
	cpu_leave_chunk(cpu); /* it is taken before the next instruction */
	cpu_lock_machine(cpu);
	cpu_set_ppi(cpu, PPI_PMU, level);
	return cpu_unlock_machine(cpu);
}

void pmu_poll(struct cpu *cpu)
{
	pmu_sync(cpu);
	settle(cpu);
}

/* vCPU stopped. */
void pmu_reset(struct cpu *cpu)
{
	cpu->sys.pmcr = cpu->sys.pmcnten = cpu->sys.pminten = cpu->sys.pmovs = 0;
	cpu->pmu_icount = cpu_icount(cpu);
	if (cpu->pmu_level) {
		cpu->pmu_level = false;
		loop_lock(cpu->loop);
		cpu_set_ppi(cpu, PPI_PMU, false);
		loop_unlock(cpu->loop);
	}
}

/* --- registers --- */

static bool may(struct cpu *cpu, const struct sysreg *reg, unsigned with, bool read)
{
	if (cpu->el || (cpu->sys.pmuserenr & (USER_EN | with)))
		return true;
	return sysreg_trap(cpu, reg->key, read);
}

READ_HOOK(pmcr_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	/* Without AArch32 the cycle counter is always the long one: LC is RES1. */
	*value = cpu->sys.pmcr | PMCR_LC | PMU_COUNTERS << 11;
	return true;
}

WRITE_HOOK(pmcr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	pmu_sync(cpu);
	cpu->sys.pmcr = value & (PMCR_E | PMCR_X | PMCR_DP);
	if (value & PMCR_C)
		cpu->sys.pmccntr = 0;
	for (unsigned n = 0; (value & PMCR_P) && n < PMU_COUNTERS; n++)
		cpu->sys.pmevcntr[n] = 0;
	changed(cpu);
	return settle(cpu);
}

READ_HOOK(pmcnten_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	*value = cpu->sys.pmcnten;
	return true;
}

WRITE_HOOK(pmcntenset_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	pmu_sync(cpu);
	cpu->sys.pmcnten |= value & IMPLEMENTED;
	changed(cpu);
	return true;
}

WRITE_HOOK(pmcntenclr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	pmu_sync(cpu);
	cpu->sys.pmcnten &= ~value;
	return settle(cpu); /* it may have overflowed by this instruction, and nothing may count any more */
}

READ_HOOK(pmovs_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	pmu_sync(cpu);
	*value = cpu->sys.pmovs;
	return true;
}

WRITE_HOOK(pmovsclr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	pmu_sync(cpu);
	cpu->sys.pmovs &= ~value;
	return settle(cpu);
}

WRITE_HOOK(pmovsset_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	cpu->sys.pmovs |= value & IMPLEMENTED;
	return settle(cpu);
}

WRITE_HOOK(pmswinc_write)
{
	if (!may(cpu, reg, USER_SW, false))
		return false;
	for (unsigned n = 0; n < PMU_COUNTERS; n++)
		if (bit(value, n) && pmu_is_counting(cpu) && bit(cpu->sys.pmcnten, n) &&
		    (u16)cpu->sys.pmevtyper[n] == EVENT_SW_INCR && counts_here(cpu, cpu->sys.pmevtyper[n]))
			add(cpu, n, 1);
	return settle(cpu);
}

READ_HOOK(pmselr_read)
{
	if (!may(cpu, reg, USER_ER, true))
		return false;
	*value = cpu->sys.pmselr;
	return true;
}

WRITE_HOOK(pmselr_write)
{
	if (!may(cpu, reg, USER_ER, false))
		return false;
	cpu->sys.pmselr = value & 0x1f;
	return true;
}

READ_HOOK(pmceid_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	*value = key_op2(reg->key) == 6 ? EVENTS : 0;
	return true;
}

READ_HOOK(pmccntr_read)
{
	if (!may(cpu, reg, USER_CR, true))
		return false;
	pmu_sync(cpu);
	*value = cpu->sys.pmccntr;
	return true;
}

WRITE_HOOK(pmccntr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	pmu_sync(cpu);
	cpu->sys.pmccntr = value;
	changed(cpu);
	return true;
}

/* P, U and the event, which has 10 bits before FEAT_PMUv3p1; the cycle counter has no event. */
#define TYPER_RW (BIT(31) | BIT(30) | 0x3ff)
#define CCFILTR_RW (BIT(31) | BIT(30))

static unsigned index_of(const struct sysreg *reg)
{
	return (key_crm(reg->key) & 3) * 8 + key_op2(reg->key);
}

/* Counter n, or 31 for the cycle counter's filter; others read as zero. */
static u64 typer_get(const struct cpu *cpu, unsigned n)
{
	return n == 31 ? cpu->sys.pmccfiltr : n < PMU_COUNTERS ? cpu->sys.pmevtyper[n] : 0;
}

static void typer_set(struct cpu *cpu, unsigned n, u64 value)
{
	pmu_sync(cpu);
	if (n == 31)
		cpu->sys.pmccfiltr = value & CCFILTR_RW;
	else if (n < PMU_COUNTERS)
		cpu->sys.pmevtyper[n] = value & TYPER_RW;
	changed(cpu);
}

READ_HOOK(pmccfiltr_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	*value = typer_get(cpu, 31);
	return true;
}

WRITE_HOOK(pmccfiltr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	typer_set(cpu, 31, value);
	return true;
}

READ_HOOK(pmxevtyper_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	*value = typer_get(cpu, (unsigned)cpu->sys.pmselr);
	return true;
}

WRITE_HOOK(pmxevtyper_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	typer_set(cpu, (unsigned)cpu->sys.pmselr, value);
	return true;
}

READ_HOOK(pmevtyper_read)
{
	if (!may(cpu, reg, 0, true))
		return false;
	*value = typer_get(cpu, index_of(reg));
	return true;
}

WRITE_HOOK(pmevtyper_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	typer_set(cpu, index_of(reg), value);
	return true;
}

static u64 counter_get(struct cpu *cpu, unsigned n)
{
	pmu_sync(cpu);
	return n < PMU_COUNTERS ? cpu->sys.pmevcntr[n] : 0;
}

static void counter_set(struct cpu *cpu, unsigned n, u64 value)
{
	pmu_sync(cpu);
	if (n < PMU_COUNTERS)
		cpu->sys.pmevcntr[n] = (u32)value;
	changed(cpu);
}

READ_HOOK(pmxevcntr_read)
{
	if (!may(cpu, reg, USER_ER, true))
		return false;
	*value = counter_get(cpu, (unsigned)cpu->sys.pmselr);
	return true;
}

WRITE_HOOK(pmxevcntr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	counter_set(cpu, (unsigned)cpu->sys.pmselr, value);
	return true;
}

READ_HOOK(pmevcntr_read)
{
	if (!may(cpu, reg, USER_ER, true))
		return false;
	*value = counter_get(cpu, index_of(reg));
	return true;
}

WRITE_HOOK(pmevcntr_write)
{
	if (!may(cpu, reg, 0, false))
		return false;
	counter_set(cpu, index_of(reg), value);
	return true;
}

READ_HOOK(pmuserenr_read)
{
	*value = cpu->sys.pmuserenr;
	return true;
}

WRITE_HOOK(pmuserenr_write)
{
	cpu->sys.pmuserenr = value & 0xf;
	return true;
}

READ_HOOK(pminten_read)
{
	*value = cpu->sys.pminten;
	return true;
}

WRITE_HOOK(pmintenset_write)
{
	pmu_sync(cpu);
	cpu->sys.pminten |= value & IMPLEMENTED;
	changed(cpu);
	return settle(cpu);
}

WRITE_HOOK(pmintenclr_write)
{
	cpu->sys.pminten &= ~value;
	return settle(cpu);
}
