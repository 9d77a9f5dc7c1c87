/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A redistributor: 64 KiB of RD_base (LPI tables, wake) and 64 KiB of SGI_base (SGIs and PPIs). [IHI0069 GICR_*]
 *
 * TYPER.DirectLPI is 0, as LPIs come from the ITS: SETLPIR and CLRLPIR are RES0. CTLR.IR is 1: INVLPIR, INVALLR and
 * SYNCR work. CTLR.CES is 1: EnableLPIs can be cleared, which writes the pending LPIs back to their table. Without an
 * ITS there are no LPIs and the LPI registers are RAZ/WI. While LPIs are enabled, PROPBASER and PENDBASER do not
 * change. VLPI frames and NMIs are left out. Machine lock held.
 */
#include "base/trace.h"
#include "irq/gic_state.h"

static struct gic_pe *pe_of(struct regs *b)
{
	return b->owner;
}

static bool lpis_are_absent(struct regs *b, unsigned i)
{
	return !pe_of(b)->gic->config.its;
}

static bool lpi_tables_are_locked(struct regs *b, unsigned i)
{
	return lpis_are_absent(b, i) || pe_of(b)->s.lpis_enabled;
}

static void pe_settle(struct gic_pe *pe)
{
	pe_dirty(pe);
	gic_settle(pe->gic);
}

/* --- RD_base --- */

static u64 gicr_ctlr_read(struct regs *b, unsigned i, u64 stored)
{
	return pe_of(b)->gic->config.its ? stored | GICR_CTLR_CES | GICR_CTLR_IR : stored & ~GICR_CTLR_ENABLE_LPIS;
}

static void gicr_ctlr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct gic_pe *pe = pe_of(b);
	bool lpis = pe->gic->config.its && (now & GICR_CTLR_ENABLE_LPIS);

	if (!lpis)
		regs_set(b, GICR_CTLR, 4, now & ~GICR_CTLR_ENABLE_LPIS);
	if (lpis && !pe->s.lpis_enabled)
		lpi_enable(pe);
	else if (!lpis && pe->s.lpis_enabled)
		lpi_disable(pe);
	pe->s.no_spi[0] = now & GICR_CTLR_DPG0;
	pe->s.no_spi[1] = now & GICR_CTLR_DPG1NS;
	gic_choose_any_target(pe->gic);
	gic_settle(pe->gic);
}

static u64 gicr_typer_read(struct regs *b, unsigned i, u64 stored)
{
	struct gic_pe *pe = pe_of(b);
	u64 aff = pe->affinity;
	u64 typer = (aff >> 32 & 0xff) << 56 | (aff & 0xffffff) << 32 | (u64)pe->index << 8 | GICR_TYPER_DPGS;

	if (pe->gic->config.its)
		typer |= GICR_TYPER_PLPIS;
	if (pe->index + 1 == pe->gic->cpu_count)
		typer |= GICR_TYPER_LAST;
	return typer;
}

/* ChildrenAsleep follows ProcessorSleep at once. */
static u64 gicr_waker_read(struct regs *b, unsigned i, u64 stored)
{
	return pe_of(b)->s.asleep ? GICR_WAKER_PROCESSOR_SLEEP | GICR_WAKER_CHILDREN_ASLEEP : 0;
}

static void gicr_waker_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct gic_pe *pe = pe_of(b);

	pe->s.asleep = now & GICR_WAKER_PROCESSOR_SLEEP;
	gic_choose_any_target(pe->gic);
	gic_settle(pe->gic);
}

static u64 gicr_pendbaser_read(struct regs *b, unsigned i, u64 stored)
{
	return stored & ~GICR_PENDBASER_PTZ; /* write-only: kept for lpi_enable */
}

static void gicr_invlpir_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_INVLPIR, 8, 0);
	lpi_refresh(pe_of(b), (u32)now);
	gic_settle(pe_of(b)->gic);
}

static void gicr_invallr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	lpi_refresh_all(pe_of(b));
	gic_settle(pe_of(b)->gic);
}

/* --- SGI_base --- */

static void gicr_igroupr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	pe_of(b)->s.bank.group = (u32)now;
	pe_settle(pe_of(b));
}

static u64 gicr_enable_read(struct regs *b, unsigned i, u64 stored)
{
	return pe_of(b)->s.bank.enable;
}

static void gicr_isenabler_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ISENABLER, 4, 0);
	pe_of(b)->s.bank.enable |= (u32)now;
	pe_settle(pe_of(b));
}

static void gicr_icenabler_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ICENABLER, 4, 0);
	pe_of(b)->s.bank.enable &= ~(u32)now;
	pe_settle(pe_of(b));
}

static u64 gicr_pending_read(struct regs *b, unsigned i, u64 stored)
{
	return bank_pending(&pe_of(b)->s.bank);
}

static void gicr_ispendr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ISPENDR, 4, 0);
	pe_of(b)->s.bank.latch |= (u32)now;
	pe_settle(pe_of(b));
}

static void gicr_icpendr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ICPENDR, 4, 0);
	pe_of(b)->s.bank.latch &= ~(u32)now;
	pe_settle(pe_of(b));
}

static u64 gicr_active_read(struct regs *b, unsigned i, u64 stored)
{
	return pe_of(b)->s.bank.active;
}

static void gicr_isactiver_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ISACTIVER, 4, 0);
	pe_of(b)->s.bank.active |= (u32)now;
	pe_settle(pe_of(b));
}

static void gicr_icactiver_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICR_SGI_BASE + GICD_ICACTIVER, 4, 0);
	pe_of(b)->s.bank.active &= ~(u32)now;
	pe_settle(pe_of(b));
}

static void gicr_ipriorityr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	pe_of(b)->s.bank.priority[i] = (u8)now;
	pe_settle(pe_of(b));
}

static void gicr_icfgr1_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct irq_bank *bank = &pe_of(b)->s.bank;

	bank->edge = 0xffff; /* SGIs */
	for (unsigned n = 0; n < 16; n++)
		if (bit(now, 2 * n + 1))
			bank->edge |= 1u << (16 + n);
	pe_settle(pe_of(b));
}

static const struct reg gicr_rd_rows[] = {
	/*  offset          name            reset     software writes */
	R32(GICR_CTLR, GICR_CTLR, 0, GICR_CTLR_ENABLE_LPIS | GICR_CTLR_DPG0 | GICR_CTLR_DPG1NS, .read = gicr_ctlr_read,
	    .write = gicr_ctlr_write),
	R32(GICR_IIDR, GICR_IIDR, GIC_IIDR, 0),
	R64(GICR_TYPER, GICR_TYPER, 0, 0, .read = gicr_typer_read),
	R32(GICR_WAKER, GICR_WAKER, 0, GICR_WAKER_PROCESSOR_SLEEP, .read = gicr_waker_read, .write = gicr_waker_write),
	R64(GICR_PROPBASER, GICR_PROPBASER, 0, GICR_PROPBASER_PA | GICR_PROPBASER_ATTR | MASK(4, 0),
	    .locked = lpi_tables_are_locked),
	R64(GICR_PENDBASER, GICR_PENDBASER, 0, GICR_PENDBASER_PA | GICR_PENDBASER_ATTR | GICR_PENDBASER_PTZ,
	    .locked = lpi_tables_are_locked, .read = gicr_pendbaser_read),
	R64(GICR_INVLPIR, GICR_INVLPIR, 0, MASK(31, 0), .locked = lpis_are_absent, .write = gicr_invlpir_write),
	R64(GICR_INVALLR, GICR_INVALLR, 0, 0, .locked = lpis_are_absent, .write = gicr_invallr_write),
	R32(GICR_SYNCR, GICR_SYNCR, 0, 0),
	GIC_ID_ROWS(0x493),
};

static const struct reg gicr_sgi_rows[] = {
	/*  offset           name             reset       software writes */
	R32(GICD_IGROUPR, GICR_IGROUPR0, 0, 0xffffffff, .write = gicr_igroupr_write),
	R32(GICD_ISENABLER, GICR_ISENABLER0, 0, 0xffffffff, .read = gicr_enable_read, .write = gicr_isenabler_write),
	R32(GICD_ICENABLER, GICR_ICENABLER0, 0, 0xffffffff, .read = gicr_enable_read, .write = gicr_icenabler_write),
	R32(GICD_ISPENDR, GICR_ISPENDR0, 0, 0xffffffff, .read = gicr_pending_read, .write = gicr_ispendr_write),
	R32(GICD_ICPENDR, GICR_ICPENDR0, 0, 0xffffffff, .read = gicr_pending_read, .write = gicr_icpendr_write),
	R32(GICD_ISACTIVER, GICR_ISACTIVER0, 0, 0xffffffff, .read = gicr_active_read, .write = gicr_isactiver_write),
	R32(GICD_ICACTIVER, GICR_ICACTIVER0, 0, 0xffffffff, .read = gicr_active_read, .write = gicr_icactiver_write),
	R8(GICD_IPRIORITYR, GICR_IPRIORITYR, 0, PRIORITY_MASK, .count = 32, .stride = 1,
	   .write = gicr_ipriorityr_write),
	R32(GICD_ICFGR, GICR_ICFGR0, 0xaaaaaaaa, 0),
	R32(GICD_ICFGR + 4, GICR_ICFGR1, 0, 0xaaaaaaaa, .write = gicr_icfgr1_write),
};

void gicr_init(struct gic_pe *pe)
{
	regs_init(&pe->regs, pe->name, pe, REGS_BYTES, 2 * GIC_FRAME_BYTES);
	REGS_ADD(&pe->regs, 0, gicr_rd_rows);
	REGS_ADD(&pe->regs, GICR_SGI_BASE, gicr_sgi_rows);
}

void gicr_reset(struct gic_pe *pe)
{
	u32 level = pe->s.bank.level;

	regs_reset(&pe->regs, RESET_COLD);
	pe->s.bank = (struct irq_bank){.level = level, .edge = 0xffff};
	pe->s.asleep = false; /* there is no EL3, whose firmware would have woken it */
	pe->s.no_spi[0] = pe->s.no_spi[1] = false;
	lpi_reset(pe);
}
