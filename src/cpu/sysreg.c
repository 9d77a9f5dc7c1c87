/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MRS and MSR: from an encoding to a row, and the rows' hooks for everything but timers, PMU and debug.
 * [DDI0487 D19, and the trap rules of D1 "Traps to EL1 of EL0 accesses"]
 *
 * Rows of the CPU itself run on the vCPU's thread without locks. Rows added from outside (the GIC's) run under the
 * machine lock with the vCPU OUT; a refusal they report is raised afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

#define SCTLR_RW                                                                                                       \
	(MASK(4, 0) | BIT(9) | BIT(12) | BIT(14) | BIT(15) | BIT(16) | BIT(18) | BIT(19) | BIT(20) | BIT(23) |         \
	 BIT(26) | BIT(33) | BIT(44) | BIT(57))
#define SCTLR_RES1 (BIT(7) | BIT(8) | BIT(11) | BIT(22) | BIT(28) | BIT(29))
enum { SCTLR_M = 0, SCTLR_A = 1, SCTLR_UMA = 9, SCTLR_UCT = 15, SCTLR_WXN = 19, SCTLR_TSCXT = 20, SCTLR_SPAN = 23,
       SCTLR_MSCEN = 33, SCTLR_DSSBS = 44, SCTLR_EPAN = 57 };
#define TCR_RW                                                                                                         \
	(MASK(5, 0) | MASK(15, 7) | MASK(34, 16) | MASK(42, 36) | BIT(55) | BIT(56))
#define FP_TRAP_ISS 0x1e00000u
#define RVBAR 0 /* where firmware lies */

bool sysreg_trap(struct cpu *cpu, u32 key, bool read)
{
	unsigned rt = cpu->code ? cpu->ip[-1].word & 31 : 31;
	u32 iss = (key >> 14 & 3) << 20 | (key & 7) << 17 | (key >> 11 & 7) << 14 | (key >> 7 & 15) << 10 | rt << 5 |
		  (key >> 3 & 15) << 1 | read;

	cpu_raise(cpu, EC_SYSREG, iss);
	return false;
}

static bool refuse(struct cpu *cpu)
{
	cpu_undefined(cpu);
	return false;
}

/* --- identification --- */

static READ_HOOK(midr_read)
{
	*value = cpu->cpus->ids.midr;
	return true;
}

static READ_HOOK(mpidr_read)
{
	*value = BIT(31) | cpus_mpidr(cpu->index);
	return true;
}

static READ_HOOK(clidr_read)
{
	*value = cpu->cpus->ids.clidr;
	return true;
}

/* {line bytes, ways, sets} of L1 data, L1 instruction and L2: 64 KiB, 64 KiB, 1 MiB. */
static READ_HOOK(ccsidr_read)
{
	static const struct { u16 line, ways, sets; } caches[3] = {
		{DCACHE_LINE_BYTES, 4, 16}, {ICACHE_LINE_BYTES, 4, 8}, {DCACHE_LINE_BYTES, 8, 128},
	};
	unsigned which = cpu->sys.csselr == 0 ? 0 : cpu->sys.csselr == 1 ? 1 : cpu->sys.csselr == 2 ? 2 : 3;

	*value = 0;
	if (which < 3)
		*value = (u64)(caches[which].sets - 1) << 13 | (u64)(caches[which].ways - 1) << 3 |
			 (u64)(__builtin_ctz(caches[which].line) - 4);
	return true;
}

static READ_HOOK(ctr_read)
{
	if (cpu->el == 0 && !bit(cpu->sys.sctlr, SCTLR_UCT))
		return trap_read(cpu, reg);
	*value = cpu->cpus->ids.ctr;
	return true;
}

static READ_HOOK(dczid_read)
{
	/* DZP: DC ZVA is refused at EL0 without SCTLR.DZE. */
	*value = cpu->cpus->ids.dczid | (cpu->el == 0 && !bit(cpu->sys.sctlr, 14) ? BIT(4) : 0);
	return true;
}

/* op0 = 3, op1 = 0, CRn = 0, CRm = 1..7: what is not named reads as zero. */
static u64 id_value(const struct cpu_ids *ids, u32 key)
{
	switch (key & 0x7f) {
	case 4 << 3 | 0: return ids->pfr0;
	case 4 << 3 | 1: return ids->pfr1;
	case 5 << 3 | 0: return ids->dfr0;
	case 6 << 3 | 0: return ids->isar0;
	case 6 << 3 | 1: return ids->isar1;
	case 6 << 3 | 2: return ids->isar2;
	case 7 << 3 | 0: return ids->mmfr0;
	case 7 << 3 | 1: return ids->mmfr1;
	case 7 << 3 | 2: return ids->mmfr2;
	default: return 0;
	}
}

/* --- control --- */

static READ_HOOK(zero_read)
{
	*value = 0;
	return true;
}

static WRITE_HOOK(ignore_write)
{
	return true;
}

static WRITE_HOOK(sctlr_write)
{
	const struct cpu_ids *ids = &cpu->cpus->ids;
	u64 rw = SCTLR_RW, old = cpu->sys.sctlr, changed;

	rw &= ~((ids->epan ? 0 : BIT(SCTLR_EPAN)) | (ids->pan ? 0 : BIT(SCTLR_SPAN)) |
		(ids->ssbs ? 0 : BIT(SCTLR_DSSBS)) | (ids->mops ? 0 : BIT(SCTLR_MSCEN)) |
		(ids->csv2_2 ? 0 : BIT(SCTLR_TSCXT)));
	cpu->sys.sctlr =
		(value & rw) | SCTLR_RES1 | (ids->pan ? 0 : BIT(SCTLR_SPAN)) | (ids->csv2_2 ? 0 : BIT(SCTLR_TSCXT));
	changed = old ^ cpu->sys.sctlr;
	if (changed & (BIT(SCTLR_M) | BIT(SCTLR_WXN)))
		tlb_flush_all(cpu);
	else if (changed & (BIT(SCTLR_A) | BIT(SCTLR_EPAN)))
		tlb_flush_direct(cpu);
	cpu_rederive(cpu);
	return true;
}

static WRITE_HOOK(cpacr_write)
{
	cpu->sys.cpacr = value & MASK(21, 20);
	cpu_rederive(cpu);
	return true;
}

static WRITE_HOOK(ttbr0_write)
{
	cpu->sys.ttbr0 = value;
	tlb_asid_changed(cpu);
	pmu_event(cpu, 0x1c);
	return true;
}

static WRITE_HOOK(ttbr1_write)
{
	cpu->sys.ttbr1 = value;
	tlb_asid_changed(cpu);
	pmu_event(cpu, 0x1c);
	return true;
}

static WRITE_HOOK(tcr_write)
{
	u64 old = cpu->sys.tcr;

	value &= TCR_RW;
	if (!cpu->cpus->ids.hafdbs)
		value &= ~(BIT(39) | BIT(40));
	if (!cpu->cpus->ids.hpds)
		value &= ~(BIT(41) | BIT(42));
	if (!cpu->cpus->ids.e0pd)
		value &= ~(BIT(55) | BIT(56));
	cpu->sys.tcr = value;
	if (old != value) {
		tlb_flush_all(cpu);
		tlb_asid_changed(cpu);
	}
	return true;
}

static WRITE_HOOK(mair_write)
{
	if (cpu->sys.mair == value)
		return true;
	cpu->sys.mair = value;
	tlb_flush_all(cpu);
	return true;
}

/* No regions: LORID_EL1 and all else read 0. */
static READ_HOOK(lor_read)
{
	if (!cpu->cpus->ids.lor)
		return refuse(cpu);
	*value = 0;
	return true;
}

static WRITE_HOOK(lor_write)
{
	return cpu->cpus->ids.lor || refuse(cpu);
}

static READ_HOOK(isr_read)
{
	u32 levels = __atomic_load_n(&cpu->irq_levels, __ATOMIC_RELAXED);

	*value = (levels & 1 ? BIT(7) : 0) | (levels & 2 ? BIT(6) : 0) | (cpu->serror_pending ? BIT(8) : 0);
	return true;
}

/* AA64 is fixed at 1. RR asks for a warm reset of this PE, which starts at RVBAR_EL1. [DDI0487 RMR_EL1] */
static READ_HOOK(rmr_read)
{
	*value = 1;
	return true;
}

static WRITE_HOOK(rmr_write)
{
	return !(value & 2) || cpu_warm_reset(cpu, RVBAR);
}

/* --- process state --- */

static READ_HOOK(sp_el0_read)
{
	if (!cpu->spsel)
		return refuse(cpu);
	*value = cpu->sys.sp_el0;
	return true;
}

static WRITE_HOOK(sp_el0_write)
{
	if (!cpu->spsel)
		return refuse(cpu);
	cpu->sys.sp_el0 = value;
	return true;
}

static READ_HOOK(spsel_read)
{
	*value = cpu->spsel;
	return true;
}

static WRITE_HOOK(spsel_write)
{
	cpu_set_pstate(cpu, (cpu_pstate(cpu) & ~1ull) | (value & 1));
	return true;
}

static READ_HOOK(currentel_read)
{
	*value = (u64)cpu->el << 2;
	return true;
}

static READ_HOOK(pan_read)
{
	if (!cpu->cpus->ids.pan)
		return refuse(cpu);
	*value = (u64)cpu->pan << 22;
	return true;
}

static WRITE_HOOK(pan_write)
{
	bool was = cpu->pan;

	if (!cpu->cpus->ids.pan)
		return refuse(cpu);
	cpu->pan = bit(value, 22);
	if (cpu->pan && !was)
		tlb_pan_set(cpu);
	cpu_rederive(cpu);
	return true;
}

static READ_HOOK(uao_read)
{
	if (!cpu->cpus->ids.uao)
		return refuse(cpu);
	*value = (u64)cpu->uao << 23;
	return true;
}

static WRITE_HOOK(uao_write)
{
	if (!cpu->cpus->ids.uao)
		return refuse(cpu);
	cpu->uao = bit(value, 23);
	cpu_rederive(cpu);
	return true;
}

static READ_HOOK(nzcv_read)
{
	*value = cpu->nzcv;
	return true;
}

static WRITE_HOOK(nzcv_write)
{
	cpu->nzcv = (u32)value & 0xf0000000u;
	return true;
}

static READ_HOOK(daif_read)
{
	if (cpu->el == 0 && !bit(cpu->sys.sctlr, SCTLR_UMA))
		return trap_read(cpu, reg);
	*value = (u64)cpu->daif << 6;
	return true;
}

static WRITE_HOOK(daif_write)
{
	if (cpu->el == 0 && !bit(cpu->sys.sctlr, SCTLR_UMA))
		return trap_write(cpu, reg);
	cpu->daif = (u8)bits(value, 9, 6);
	cpu_daif_changed(cpu);
	return true;
}

static READ_HOOK(ssbs_read)
{
	if (!cpu->cpus->ids.ssbs_named)
		return refuse(cpu);
	*value = (u64)cpu->ssbs << 12;
	return true;
}

static WRITE_HOOK(ssbs_write)
{
	if (!cpu->cpus->ids.ssbs_named)
		return refuse(cpu);
	cpu->ssbs = bit(value, 12);
	return true;
}

static bool fp_or_trap(struct cpu *cpu)
{
	if (cpu->fp_enabled)
		return true;
	cpu_raise(cpu, EC_FP_ACCESS, FP_TRAP_ISS);
	return false;
}

static READ_HOOK(fpcr_read)
{
	if (!fp_or_trap(cpu))
		return false;
	*value = cpu->fpcr;
	return true;
}

/* AHP, DN, FZ, RMode, FZ16 where FP16 is; trap enables are RAZ/WI: no trapped exceptions. */
static WRITE_HOOK(fpcr_write)
{
	u32 mask = 0x07c00000u | (bits(cpu->cpus->ids.pfr0, 19, 16) == 1 ? 1u << 19 : 0);

	if (!fp_or_trap(cpu))
		return false;
	cpu->fpcr = (u32)value & mask;
	fp_mode_changed(cpu);
	return true;
}

static READ_HOOK(fpsr_read)
{
	if (!fp_or_trap(cpu))
		return false;
	*value = cpu->fpsr;
	return true;
}

static WRITE_HOOK(fpsr_write)
{
	if (!fp_or_trap(cpu))
		return false;
	cpu->fpsr = (u32)value & 0x0800009fu;
	return true;
}

static bool scxtnum_ok(struct cpu *cpu, const struct sysreg *reg, bool read)
{
	if (!cpu->cpus->ids.csv2_2)
		return refuse(cpu);
	if (cpu->el == 0 && bit(cpu->sys.sctlr, SCTLR_TSCXT))
		return sysreg_trap(cpu, reg->key, read);
	return true;
}

static READ_HOOK(scxtnum_el0_read)
{
	if (!scxtnum_ok(cpu, reg, true))
		return false;
	*value = cpu->sys.scxtnum_el0;
	return true;
}

static WRITE_HOOK(scxtnum_el0_write)
{
	if (!scxtnum_ok(cpu, reg, false))
		return false;
	cpu->sys.scxtnum_el0 = value;
	return true;
}

static READ_HOOK(scxtnum_el1_read)
{
	if (!scxtnum_ok(cpu, reg, true))
		return false;
	*value = cpu->sys.scxtnum_el1;
	return true;
}

static WRITE_HOOK(scxtnum_el1_write)
{
	if (!scxtnum_ok(cpu, reg, false))
		return false;
	cpu->sys.scxtnum_el1 = value;
	return true;
}

static READ_HOOK(tdcc_zero_read)
{
	if (cpu->el == 0 && bit(cpu->sys.mdscr, 12))
		return trap_read(cpu, reg);
	*value = 0;
	return true;
}

static WRITE_HOOK(tdcc_ignore_write)
{
	if (cpu->el == 0 && bit(cpu->sys.mdscr, 12))
		return trap_write(cpu, reg);
	return true;
}

/* --- the table --- */

#define X SYSREG_NEVER
#define FIELD(name, op0, op1, crn, crm, op2, rel, wel, field_, reset_, rw_)                                            \
	{SYSREG(op0, op1, crn, crm, op2), #name, rel, wel, offsetof(struct cpu, sys.field_), reset_, rw_,              \
	 .lockless = 1},
#define WORD(name, op0, op1, crn, crm, op2, rel, wel, field_, write_)                                                  \
	{SYSREG(op0, op1, crn, crm, op2), #name, rel, wel, offsetof(struct cpu, sys.field_), 0, 0, NULL, write_, 1},
#define HOOKS(name, op0, op1, crn, crm, op2, rel, wel, read_, write_)                                                  \
	{SYSREG(op0, op1, crn, crm, op2), #name, rel, wel, SYSREG_NO_FIELD, 0, 0, read_, write_, 1},
#define CONST(name, op0, op1, crn, crm, op2, value)                                                                    \
	{SYSREG(op0, op1, crn, crm, op2), #name, 1, X, SYSREG_NO_FIELD, value, 0, NULL, NULL, 1},
static const struct sysreg own_rows[] = {
#include "cpu/sysreg.def"
};

#define BREAK_ROWS(n)                                                                                                  \
	{SYSREG(2, 0, 0, n, 4), "DBGBVR" #n "_EL1", 1, 1, SYSREG_NO_FIELD, 0, 0, dbg_read, dbg_write, 1},              \
	{SYSREG(2, 0, 0, n, 5), "DBGBCR" #n "_EL1", 1, 1, SYSREG_NO_FIELD, 0, 0, dbg_read, dbg_write, 1},
#define WATCH_ROWS(n)                                                                                                  \
	{SYSREG(2, 0, 0, n, 6), "DBGWVR" #n "_EL1", 1, 1, SYSREG_NO_FIELD, 0, 0, dbg_read, dbg_write, 1},              \
	{SYSREG(2, 0, 0, n, 7), "DBGWCR" #n "_EL1", 1, 1, SYSREG_NO_FIELD, 0, 0, dbg_read, dbg_write, 1},
#define EVENT_ROWS(n)                                                                                                  \
	{SYSREG(3, 3, 14, 8 + n / 8, n % 8), "PMEVCNTR" #n "_EL0", 0, 0, SYSREG_NO_FIELD, 0, 0, pmevcntr_read,        \
	 pmevcntr_write, 1},                                                                                           \
	{SYSREG(3, 3, 14, 12 + n / 8, n % 8), "PMEVTYPER" #n "_EL0", 0, 0, SYSREG_NO_FIELD, 0, 0, pmevtyper_read,      \
	 pmevtyper_write, 1},
static const struct sysreg counted_rows[] = {
	BREAK_ROWS(0) BREAK_ROWS(1) BREAK_ROWS(2) BREAK_ROWS(3) BREAK_ROWS(4) BREAK_ROWS(5)
	WATCH_ROWS(0) WATCH_ROWS(1) WATCH_ROWS(2) WATCH_ROWS(3)
	EVENT_ROWS(0) EVENT_ROWS(1) EVENT_ROWS(2) EVENT_ROWS(3) EVENT_ROWS(4) EVENT_ROWS(5)
};
_Static_assert(ARRAY_SIZE(counted_rows) == 2 * (BREAKPOINTS + WATCHPOINTS + PMU_COUNTERS), "one pair of rows each");

void sysreg_add(struct cpus *cpus, const struct sysreg *rows, unsigned count,
		void *(*opaque_of)(void *owner, unsigned cpu_index), void *owner)
{
	void **opaque = opaque_of ? calloc(CPUS_MAX, sizeof(*opaque)) : NULL;

	assert(!opaque_of || opaque);
	assert(cpus->slot_count + count <= SYSREG_SLOTS_MAX);
	for (unsigned i = 0; opaque && i < cpus->count; i++)
		opaque[i] = opaque_of(owner, i);
	for (unsigned i = 0; i < count; i++) {
		assert(!cpus->sysreg_map[rows[i].key & 0xffff]);
		cpus->slots[cpus->slot_count] = (struct sysreg_slot){&rows[i], opaque};
		cpus->sysreg_map[rows[i].key & 0xffff] = (u16)++cpus->slot_count;
	}
	if (opaque) {
		cpus->opaques[cpus->opaque_count++] = opaque;
		assert(cpus->opaque_count <= ARRAY_SIZE(cpus->opaques));
	}
}

bool sysreg_table_init(struct cpus *cpus, struct error *err)
{
	sysreg_add(cpus, own_rows, ARRAY_SIZE(own_rows), NULL, NULL);
	sysreg_add(cpus, counted_rows, ARRAY_SIZE(counted_rows), NULL, NULL);
	return true;
}

void sysreg_table_free(struct cpus *cpus)
{
	for (unsigned i = 0; i < cpus->opaque_count; i++)
		free(cpus->opaques[i]);
}

void sysreg_reset(struct cpu *cpu)
{
	memset(&cpu->sys, 0, sizeof(cpu->sys));
	for (unsigned i = 0; i < cpu->cpus->slot_count; i++) {
		const struct sysreg *reg = cpu->cpus->slots[i].reg;

		if (reg->field != SYSREG_NO_FIELD)
			*(u64 *)((u8 *)cpu + reg->field) = reg->reset;
	}
	cpu->sys.sctlr = SCTLR_RES1 | BIT(SCTLR_SPAN) | BIT(SCTLR_TSCXT);
	cpu->sys.oslsr = 2; /* OSLK */
	cpu->sys.cntfrq = 1000000000;
}

static bool unknown(struct cpu *cpu, u32 key, const char *what)
{
	trace(UNIMP, "cpu %u: %s S%u_%u_C%u_C%u_%u at el%u", cpu->index, what, key >> 14, key >> 11 & 7, key >> 7 & 15,
	      key >> 3 & 15, key & 7, cpu->el);
	return refuse(cpu);
}

/* A row of another room: machine lock, OUT. */
static bool foreign(struct cpu *cpu, const struct sysreg_slot *slot, bool read, u64 *value)
{
	const struct sysreg *reg = slot->reg;
	void *opaque = slot->opaque ? slot->opaque[cpu->index] : NULL;
	u64 *field = reg->field == SYSREG_NO_FIELD ? NULL : (u64 *)((u8 *)cpu + reg->field), result = 0;
	bool ok = true;

	cpu_lock_machine(cpu);
	if (read && reg->read)
		ok = reg->read(cpu, reg, opaque, &result);
	else if (read)
		result = field ? *field : reg->reset;
	else if (reg->write)
		ok = reg->write(cpu, reg, opaque, *value);
	else if (field)
		*field = (*field & ~reg->rw) | (*value & reg->rw);
	if (!cpu_unlock_machine(cpu))
		return false;
	if (!ok)
		return refuse(cpu);
	if (read)
		*value = result;
	return true;
}

bool sysreg_read(struct cpu *cpu, u32 key, u64 *value)
{
	const struct sysreg_slot *slot;
	const struct sysreg *reg;
	unsigned n = cpu->cpus->sysreg_map[key & 0xffff];

	if (!n) {
		if ((key >> 7) == (SYSREG(3, 0, 0, 0, 0) >> 7) && key_crm(key) >= 1 && key_crm(key) <= 7) {
			if (cpu->el == 0)
				return refuse(cpu);
			*value = id_value(&cpu->cpus->ids, key);
			return true;
		}
		return unknown(cpu, key, "MRS");
	}
	slot = &cpu->cpus->slots[n - 1];
	reg = slot->reg;
	if (cpu->el < reg->read_el)
		return refuse(cpu);
	if (!reg->lockless)
		return foreign(cpu, slot, true, value);
	if (reg->read)
		return reg->read(cpu, reg, slot->opaque ? slot->opaque[cpu->index] : NULL, value);
	*value = reg->field == SYSREG_NO_FIELD ? reg->reset : *(u64 *)((u8 *)cpu + reg->field);
	return true;
}

bool sysreg_write(struct cpu *cpu, u32 key, u64 value)
{
	const struct sysreg_slot *slot;
	const struct sysreg *reg;
	unsigned n = cpu->cpus->sysreg_map[key & 0xffff];
	u64 *field;

	if (!n)
		return unknown(cpu, key, "MSR");
	slot = &cpu->cpus->slots[n - 1];
	reg = slot->reg;
	if (cpu->el < reg->write_el)
		return refuse(cpu);
	if (!reg->lockless)
		return foreign(cpu, slot, false, &value);
	if (reg->write)
		return reg->write(cpu, reg, slot->opaque ? slot->opaque[cpu->index] : NULL, value);
	if (reg->field == SYSREG_NO_FIELD)
		return true;
	field = (u64 *)((u8 *)cpu + reg->field);
	*field = (*field & ~reg->rw) | (value & reg->rw);
	return true;
}
