/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-hosted debug: software step, hardware breakpoints and watchpoints. [DDI0487 D2, AArch64 Self-hosted Debug]
 *
 * A vCPU with software step or with a breakpoint that could match at the current EL runs one instruction at a time
 * (cpu->stepping): debug_before is asked before each, debug_step_done is told after. Pages with watchpoints are kept
 * out of the level 1 TLB, so the slow path asks debug_watch. Own thread only.
 */
#include "cpu/code.h"
#include "cpu/features.h"
#include "cpu/hooks.h"
#include "cpu/vcpu.h"

enum { MDSCR_SS = 0, MDSCR_TDCC = 12, MDSCR_KDE = 13, MDSCR_MDE = 15 };
#define MDSCR_RW (BIT(MDSCR_SS) | BIT(MDSCR_TDCC) | BIT(MDSCR_KDE) | BIT(MDSCR_MDE))
#define BCR_RW 0x00ffe007ull /* E PMC HMC SSC LBN BT */
#define BCR_RES1 0x1e0ull   /* BAS: there is no AArch32 */
#define WCR_RW 0x1f1fffffull /* E PAC LSC BAS HMC SSC LBN WT MASK */
#define STEP_ISV BIT(24)
#define STEP_EX  BIT(6)

static bool exceptions_enabled(const struct cpu *cpu, unsigned el, bool d)
{
	if ((cpu->sys.oslsr & 2) || cpu->sys.osdlr) /* OS Lock, OS Double Lock */
		return false;
	return el == 0 || (bit(cpu->sys.mdscr, MDSCR_KDE) && !d);
}

bool debug_software_step_enabled(const struct cpu *cpu, unsigned el, bool d)
{
	return bit(cpu->sys.mdscr, MDSCR_SS) && exceptions_enabled(cpu, el, d);
}

/* PMC or PAC: bit 0 EL1, bit 1 EL0; Secure-only types never match. */
static bool el_matches(u64 control, unsigned el)
{
	unsigned ssc = (unsigned)bits(control, 15, 14);

	return ssc < 2 && bit(control, el ? 1 : 2);
}

static bool context_matches(const struct cpu *cpu, unsigned n)
{
	if (n < BREAKPOINTS - CONTEXT_BREAKPOINTS || n >= BREAKPOINTS)
		return false;
	return (u32)cpu->sys.dbgbvr[n] == (u32)cpu->sys.contextidr;
}

/* The breakpoint that a linked one names: enabled, of the linked context type, matching. */
static bool link_matches(const struct cpu *cpu, u64 control)
{
	unsigned n = (unsigned)bits(control, 19, 16);

	return n < BREAKPOINTS && bit(cpu->sys.dbgbcr[n], 0) && bits(cpu->sys.dbgbcr[n], 23, 20) == 3 &&
	       context_matches(cpu, n);
}

void debug_rederive(struct cpu *cpu)
{
	bool stepping = false;

	if (cpu->sys.mdscr & (BIT(MDSCR_SS) | BIT(MDSCR_MDE))) {
		bool enabled = exceptions_enabled(cpu, cpu->el, cpu->daif & 8);

		stepping = enabled && bit(cpu->sys.mdscr, MDSCR_SS);
		for (unsigned n = 0; enabled && bit(cpu->sys.mdscr, MDSCR_MDE) && n < BREAKPOINTS; n++)
			stepping |= bit(cpu->sys.dbgbcr[n], 0) && el_matches(cpu->sys.dbgbcr[n], cpu->el);
	}
	stepping |= cpu->cpus->debugger.compared || __atomic_load_n(&cpu->thread->step, __ATOMIC_SEQ_CST);
	if (stepping && !cpu->stepping)
		cpu_leave_chunk(cpu);
	cpu->stepping = stepping;
}

static bool breakpoint_matches(const struct cpu *cpu, unsigned n, u64 pc)
{
	u64 control = cpu->sys.dbgbcr[n];
	unsigned type = (unsigned)bits(control, 23, 20);

	if (!bit(control, 0) || !el_matches(control, cpu->el))
		return false;
	switch (type) {
	case 0: /* address */
	case 1: /* address, linked */
		return !((pc ^ cpu->sys.dbgbvr[n]) & MASK(48, 2)) &&
		       (type == 0 || link_matches(cpu, control));
	case 2: /* context */
		return context_matches(cpu, n);
	default: return false;
	}
}

bool debug_before(struct cpu *cpu)
{
	bool d = cpu->daif & 8;
	u64 pc = cpu_pc(cpu);

	if (cpu->cpus->debugger.compared && debugger_before(cpu))
		return true;
	if (debug_software_step_enabled(cpu, cpu->el, d) && !cpu->ss) {
		/* Active and pending: the step is reported before anything runs. */
		cpu_enter(cpu, cpu->el ? EC_STEP_SAME : EC_STEP_LOWER, cpu->step_iss | FSC_DEBUG, pc, false, 0);
		cpu->step_iss = 0;
		return true;
	}
	cpu->step_iss = 0;
	cpu->step_armed = cpu->ss;
	cpu->step_icount = cpu->icount;
	if (!bit(cpu->sys.mdscr, MDSCR_MDE) || !exceptions_enabled(cpu, cpu->el, d))
		return false;
	for (unsigned n = 0; n < BREAKPOINTS; n++) {
		if (breakpoint_matches(cpu, n, pc)) {
			const u8 *page;
			u64 pa;

			/* What cannot be fetched aborts first. [DDI0487 Synchronous exception prioritization] */
			if (!access_fetch(cpu, pc, &pa, &page))
				return true;
			cpu_enter(cpu, cpu->el ? EC_BREAK_SAME : EC_BREAK_LOWER, FSC_DEBUG, pc, false, 0);
			return true;
		}
	}
	return false;
}

/* An instruction ran. If it was one to be stepped and took no exception, the step is pending now. */
void debug_step_done(struct cpu *cpu)
{
	bool armed = cpu->step_armed;

	debugger_after(cpu);

	cpu->step_armed = false;
	/* A record that is no instruction (a page looked up) gave back its count: nothing was stepped. */
	if (!armed || !cpu->ss || !debug_software_step_enabled(cpu, cpu->el, cpu->daif & 8))
		return;
	if (cpu->icount == cpu->step_icount)
		return;
	cpu->ss = 0;
	/* The exception return that began the step cleared the monitor. */
	cpu->step_iss = STEP_ISV | (cpu->exclusive.armed ? STEP_EX : 0);
}

/* --- watchpoints --- */

/* First byte and size that watchpoint n covers. */
static void watch_range(const struct cpu *cpu, unsigned n, u64 *first, u64 *size, unsigned *bas)
{
	u64 control = cpu->sys.dbgwcr[n], address = cpu->sys.dbgwvr[n];
	unsigned mask = (unsigned)bits(control, 28, 24);

	if (mask >= 3) {
		*first = address & ~ones(mask);
		*size = 1ull << mask;
		*bas = 0;
		return;
	}
	*first = address & ~7ull;
	*size = 8;
	*bas = (unsigned)bits(control, 12, 5);
	if (address & 4)
		*bas = (*bas & 0xf) << 4;
}

static bool direction_matches(u64 control, bool write)
{
	return bit(control, write ? 4 : 3);
}

static bool overlaps(const struct cpu *cpu, unsigned n, u64 va, u64 size)
{
	u64 first, length, offset;
	unsigned bas;

	va = mmu_canonical(va);
	watch_range(cpu, n, &first, &length, &bas);
	if (va + (size - 1) < first || va > first + (length - 1))
		return false;
	if (!bas)
		return length > 8 || bits(cpu->sys.dbgwcr[n], 28, 24) >= 3;
	for (offset = 0; offset < 8; offset++)
		if (bit(bas, (unsigned)offset) && first + offset - va < size)
			return true;
	return false;
}

bool debug_covers_page(struct cpu *cpu, u64 va, bool write)
{
	if (debugger_covers(cpu, va, 4096, write))
		return true;
	if (!bit(cpu->sys.mdscr, MDSCR_MDE))
		return false;
	for (unsigned n = 0; n < WATCHPOINTS; n++)
		/* Atomic operations go where writes go, and read. */
		if (bit(cpu->sys.dbgwcr[n], 0) && (write || direction_matches(cpu->sys.dbgwcr[n], false)) &&
		    overlaps(cpu, n, va, 4096))
			return true;
	return false;
}

/* FAR of an access at va: in the block of a DC ZVA that holds a byte which is watched. [DDI0487 Fault address information] */
static u64 watched_address(const struct cpu *cpu, unsigned n, u64 va)
{
	u64 first, length, canonical = mmu_canonical(va);
	unsigned bas;

	watch_range(cpu, n, &first, &length, &bas);
	return first > canonical ? va + (first - canonical) : va;
}

bool debug_watch(struct cpu *cpu, u64 va, unsigned size, bool write, unsigned el, bool cm)
{
	if (!exceptions_enabled(cpu, cpu->el, cpu->daif & 8))
		return false;
	for (unsigned n = 0; n < WATCHPOINTS; n++) {
		u64 control = cpu->sys.dbgwcr[n];

		if (!bit(control, 0) || !direction_matches(control, write) || !el_matches(control, el) ||
		    !overlaps(cpu, n, va, size) || (bit(control, 20) && !link_matches(cpu, control)))
			continue;
		cpu_raise_far(cpu, cpu->el ? EC_WATCH_SAME : EC_WATCH_LOWER,
			      FSC_DEBUG | (write ? ISS_WNR : 0) | (cm ? ISS_CM : 0), watched_address(cpu, n, va));
		return true;
	}
	return false;
}

void debug_reset(struct cpu *cpu)
{
	cpu->stepping = false;
	cpu->step_armed = false;
	cpu->step_iss = 0;
}

/* --- registers --- */

READ_HOOK(mdscr_read)
{
	*value = cpu->sys.mdscr;
	return true;
}

WRITE_HOOK(mdscr_write)
{
	u64 old = cpu->sys.mdscr;

	cpu->sys.mdscr = value & MDSCR_RW;
	if ((old ^ cpu->sys.mdscr) & BIT(MDSCR_MDE))
		tlb_flush_direct(cpu);
	debug_rederive(cpu);
	return true;
}

READ_HOOK(osdlr_read)
{
	*value = cpu->sys.osdlr;
	return true;
}

WRITE_HOOK(osdlr_write)
{
	cpu->sys.osdlr = value & 1;
	debug_rederive(cpu);
	return true;
}

READ_HOOK(oslsr_read)
{
	*value = 8 | (cpu->sys.oslsr & 2); /* OSLM: the OS Lock is there */
	return true;
}

WRITE_HOOK(oslar_write)
{
	cpu->sys.oslsr = value & 1 ? 2 : 0;
	debug_rederive(cpu);
	return true;
}

READ_HOOK(claimset_read)
{
	*value = 0xff;
	return true;
}

WRITE_HOOK(claimset_write)
{
	cpu->sys.dbgclaim |= value & 0xff;
	return true;
}

READ_HOOK(claimclr_read)
{
	*value = cpu->sys.dbgclaim;
	return true;
}

WRITE_HOOK(claimclr_write)
{
	cpu->sys.dbgclaim &= ~(value & 0xff);
	return true;
}

static u64 *dbg_field(struct cpu *cpu, const struct sysreg *reg)
{
	unsigned n = key_crm(reg->key);

	switch (key_op2(reg->key)) {
	case 4: return &cpu->sys.dbgbvr[n];
	case 5: return &cpu->sys.dbgbcr[n];
	case 6: return &cpu->sys.dbgwvr[n];
	default: return &cpu->sys.dbgwcr[n];
	}
}

READ_HOOK(dbg_read)
{
	*value = *dbg_field(cpu, reg);
	return true;
}

WRITE_HOOK(dbg_write)
{
	switch (key_op2(reg->key)) {
	case 4:
		value &= key_crm(reg->key) >= BREAKPOINTS - CONTEXT_BREAKPOINTS ? ~0ull : ~3ull;
		break; /* context IDs */
	case 5: value = (value & BCR_RW) | BCR_RES1; break;
	case 6: value &= ~3ull; break;
	default: value &= WCR_RW; break;
	}
	*dbg_field(cpu, reg) = value;
	if (key_op2(reg->key) >= 6)
		tlb_flush_direct(cpu);
	debug_rederive(cpu);
	return true;
}
