/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The CPU interface: system registers ICC_*, added to the CPU's own by sysreg_add. [IHI0069 ICC_*_EL1]
 *
 * No EL2 or EL3 and one security state: priorities are seen unshifted, group 0 comes as FIQ and group 1 as IRQ, every
 * register is accessible from EL1. Five priority bits, so one active-priorities register per group (AP0R1.. and AP1R1..
 * have no rows and are UNDEFINED). BPR1 counts as Non-secure software sees it: its least value is one above BPR0's.
 *
 * The running priority is the lowest set bit of AP0R0 | AP1R0. EOIR of a group whose highest active priority belongs to
 * the other group, EOIR with nothing active, and DIR with EOImode 0 are UNPREDICTABLE: ignored and reported.
 *
 * The rows are called under the machine lock.
 */
#include "base/conformance.h"
#include "base/trace.h"
#include "cpu/sysreg.h"
#include "irq/gic_state.h"

void cpuif_reset(struct gic_pe *pe)
{
	struct pe_state *s = &pe->s;

	s->pmr = 0;
	s->bpr[0] = BPR0_MIN;
	s->bpr[1] = BPR1_MIN;
	s->cbpr = s->eoi_mode = false;
	s->group_enable[0] = s->group_enable[1] = false;
	s->apr[0] = s->apr[1] = 0;
}

static void pe_settle(struct gic_pe *pe)
{
	pe_dirty(pe);
	gic_settle(pe->gic);
}

/* --- acknowledge, end, deactivate --- */

static u32 acknowledge(struct gic_pe *pe, unsigned group)
{
	struct gic *gic = pe->gic;
	struct pe_state *s = &pe->s;
	u32 intid = s->hppi, mask;

	if (!pe_can_signal(pe) || s->hppi_group != group)
		return INTID_NONE;
	mask = pe_group_priority_mask(pe, group) & PRIORITY_MASK;
	s->apr[group] |= 1u << ((s->hppi_priority & mask) >> PRIORITY_SHIFT);
	if (intid >= INTID_LPI) {
		lpi_clear_pending(pe, intid);
	} else if (intid < INTID_SPI) {
		s->bank.active |= 1u << intid;
		s->bank.latch &= ~(1u << intid);
	} else {
		unsigned w = intid / 32 - 1;

		gic->spi[w].active |= 1u << intid % 32;
		gic->spi[w].latch &= ~(1u << intid % 32);
		spi_changed(gic, w, 1u << intid % 32);
	}
	pe_settle(pe);
	return intid;
}

static void deactivate(struct gic_pe *pe, u32 intid)
{
	struct gic *gic = pe->gic;

	if (intid < INTID_SPI) {
		pe->s.bank.active &= ~(1u << intid);
		pe_dirty(pe);
	} else if (intid / 32 - 1 < gic->spi_words) {
		gic->spi[intid / 32 - 1].active &= ~(1u << intid % 32);
		spi_changed(gic, intid / 32 - 1, 1u << intid % 32);
	} /* LPIs have no active state. */
}

static void end_of_interrupt(struct gic_pe *pe, unsigned group, u32 intid)
{
	u32 *apr = pe->s.apr;

	if (intid >= INTID_SPECIAL && intid < INTID_LPI)
		return;
	/* The lowest set bit of this group must be below any of the other's. */
	if (!apr[group] || (apr[!group] && __builtin_ctz(apr[!group]) < __builtin_ctz(apr[group]))) {
		guest_error(GIC_END, "gic: cpu %u: EOIR%u of INTID %u, but no such group runs", pe->index, group,
			    intid);
		return;
	}
	apr[group] &= apr[group] - 1;
	if (!pe->s.eoi_mode)
		deactivate(pe, intid);
	pe_settle(pe);
}

#define READ(name) static bool name(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 *value)
#define WRITE(name) static bool name(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 value)

READ(icc_iar0_read)
{
	*value = acknowledge(opaque, 0);
	return true;
}

READ(icc_iar1_read)
{
	*value = acknowledge(opaque, 1);
	return true;
}

WRITE(icc_eoir0_write)
{
	end_of_interrupt(opaque, 0, (u32)value & 0xffffff);
	return true;
}

WRITE(icc_eoir1_write)
{
	end_of_interrupt(opaque, 1, (u32)value & 0xffffff);
	return true;
}

WRITE(icc_dir_write)
{
	struct gic_pe *pe = opaque;

	if (!pe->s.eoi_mode) {
		guest_error(GIC_END, "gic: cpu %u: ICC_DIR_EL1 with EOImode 0", pe->index);
		return true;
	}
	deactivate(pe, (u32)value & 0xffffff);
	gic_settle(pe->gic);
	return true;
}

static u32 highest_pending(const struct gic_pe *pe, unsigned group)
{
	return pe->s.hppi != INTID_NONE && pe->s.hppi_group == group ? pe->s.hppi : INTID_NONE;
}

READ(icc_hppir0_read)
{
	*value = highest_pending(opaque, 0);
	return true;
}

READ(icc_hppir1_read)
{
	*value = highest_pending(opaque, 1);
	return true;
}

/* --- priorities --- */

READ(icc_pmr_read)
{
	*value = ((struct gic_pe *)opaque)->s.pmr;
	return true;
}

WRITE(icc_pmr_write)
{
	struct gic_pe *pe = opaque;

	pe->s.pmr = value & PRIORITY_MASK;
	pe_settle(pe);
	return true;
}

READ(icc_rpr_read)
{
	u32 running = pe_running_priority(opaque);

	*value = running > ICC_RPR_IDLE ? ICC_RPR_IDLE : running;
	return true;
}

READ(icc_bpr0_read)
{
	*value = ((struct gic_pe *)opaque)->s.bpr[0];
	return true;
}

WRITE(icc_bpr0_write)
{
	struct gic_pe *pe = opaque;

	pe->s.bpr[0] = MAX(value & 7, BPR0_MIN);
	pe_settle(pe);
	return true;
}

/* With CTLR.CBPR, BPR0 serves both groups: BPR1 reads one more than it, at most 7, and ignores writes. */
READ(icc_bpr1_read)
{
	const struct pe_state *s = &((struct gic_pe *)opaque)->s;

	*value = s->cbpr ? MIN(s->bpr[0] + 1, 7) : s->bpr[1];
	return true;
}

WRITE(icc_bpr1_write)
{
	struct gic_pe *pe = opaque;

	if (!pe->s.cbpr)
		pe->s.bpr[1] = MAX(value & 7, BPR1_MIN);
	pe_settle(pe);
	return true;
}

READ(icc_ap0r0_read)
{
	*value = ((struct gic_pe *)opaque)->s.apr[0];
	return true;
}

WRITE(icc_ap0r0_write)
{
	struct gic_pe *pe = opaque;

	pe->s.apr[0] = (u32)value;
	pe_settle(pe);
	return true;
}

READ(icc_ap1r0_read)
{
	*value = ((struct gic_pe *)opaque)->s.apr[1];
	return true;
}

WRITE(icc_ap1r0_write)
{
	struct gic_pe *pe = opaque;

	pe->s.apr[1] = (u32)value;
	pe_settle(pe);
	return true;
}

/* --- control --- */

READ(icc_ctlr_read)
{
	const struct pe_state *s = &((struct gic_pe *)opaque)->s;

	/* PRIbits is the number of bits less one; IDbits 0 is 16 bits; no PMHE, SEIS, RSS, ExtRange. */
	*value = (s->cbpr ? ICC_CTLR_CBPR : 0) | (s->eoi_mode ? ICC_CTLR_EOIMODE : 0) |
		 (u64)(8 - PRIORITY_SHIFT - 1) << 8 | ICC_CTLR_A3V;
	return true;
}

WRITE(icc_ctlr_write)
{
	struct gic_pe *pe = opaque;

	pe->s.cbpr = value & ICC_CTLR_CBPR;
	pe->s.eoi_mode = value & ICC_CTLR_EOIMODE;
	pe_settle(pe);
	return true;
}

READ(icc_sre_read)
{
	*value = ICC_SRE_ALL;
	return true;
}

WRITE(icc_sre_write)
{
	return true;
}

READ(icc_igrpen0_read)
{
	*value = ((struct gic_pe *)opaque)->s.group_enable[0];
	return true;
}

READ(icc_igrpen1_read)
{
	*value = ((struct gic_pe *)opaque)->s.group_enable[1];
	return true;
}

static bool group_enable(struct gic_pe *pe, unsigned group, bool on)
{
	pe->s.group_enable[group] = on;
	gic_choose_any_target(pe->gic);
	gic_settle(pe->gic);
	return true;
}

WRITE(icc_igrpen0_write)
{
	return group_enable(opaque, 0, value & 1);
}

WRITE(icc_igrpen1_write)
{
	return group_enable(opaque, 1, value & 1);
}

/* --- software-generated interrupts --- */

/* An SGI reaches a PE only where it belongs to the register's group. ASGI1R serves "the other security state", which
 * with one state is the same group 1. */
static bool sgi_send(struct gic_pe *source, u64 value, unsigned group)
{
	struct gic *gic = source->gic;
	u32 intid = (u32)bits(value, 27, 24);
	u64 cluster = bits(value, 55, 48) << 32 | bits(value, 39, 32) << 16 | bits(value, 23, 16) << 8;

	for (unsigned i = 0; i < gic->cpu_count; i++) {
		struct gic_pe *pe = &gic->pe[i];
		unsigned aff0 = pe->affinity & 0xff;

		if (value & ICC_SGIR_IRM) {
			if (pe == source)
				continue;
		} else if ((pe->affinity & ~0xffull) != cluster || aff0 / 16 != bits(value, 47, 44) ||
			   !bit(value, aff0 % 16)) {
			continue;
		}
		if ((pe->s.bank.group >> intid & 1) != group)
			continue;
		pe->s.bank.latch |= 1u << intid;
		pe_dirty(pe);
	}
	gic_settle(gic);
	return true;
}

WRITE(icc_sgi0r_write)
{
	return sgi_send(opaque, value, 0);
}

WRITE(icc_sgi1r_write)
{
	return sgi_send(opaque, value, 1);
}

/* clang-format off */
#define ICC_RW(crm, op2, reg, hook)                                                                                    \
	{.key = SYSREG(3, 0, 12, crm, op2), .name = reg, .read_el = SYSREG_EL1, .write_el = SYSREG_EL1,                \
	 .field = SYSREG_NO_FIELD, .read = hook##_read, .write = hook##_write}
#define ICC_RO(crm, op2, reg, hook)                                                                                    \
	{.key = SYSREG(3, 0, 12, crm, op2), .name = reg, .read_el = SYSREG_EL1, .write_el = SYSREG_NEVER,              \
	 .field = SYSREG_NO_FIELD, .read = hook##_read}
#define ICC_WO(crm, op2, reg, hook)                                                                                    \
	{.key = SYSREG(3, 0, 12, crm, op2), .name = reg, .read_el = SYSREG_NEVER, .write_el = SYSREG_EL1,              \
	 .field = SYSREG_NO_FIELD, .write = hook##_write}
/* clang-format on */

static const struct sysreg icc_rows[] = {
	{.key = SYSREG(3, 0, 4, 6, 0),
	 .name = "ICC_PMR_EL1",
	 .read_el = SYSREG_EL1,
	 .write_el = SYSREG_EL1,
	 .field = SYSREG_NO_FIELD,
	 .read = icc_pmr_read,
	 .write = icc_pmr_write},
	ICC_RO(8, 0, "ICC_IAR0_EL1", icc_iar0),
	ICC_WO(8, 1, "ICC_EOIR0_EL1", icc_eoir0),
	ICC_RO(8, 2, "ICC_HPPIR0_EL1", icc_hppir0),
	ICC_RW(8, 3, "ICC_BPR0_EL1", icc_bpr0),
	ICC_RW(8, 4, "ICC_AP0R0_EL1", icc_ap0r0),
	ICC_RW(9, 0, "ICC_AP1R0_EL1", icc_ap1r0),
	ICC_WO(11, 1, "ICC_DIR_EL1", icc_dir),
	ICC_RO(11, 3, "ICC_RPR_EL1", icc_rpr),
	ICC_WO(11, 5, "ICC_SGI1R_EL1", icc_sgi1r),
	ICC_WO(11, 6, "ICC_ASGI1R_EL1", icc_sgi1r),
	ICC_WO(11, 7, "ICC_SGI0R_EL1", icc_sgi0r),
	ICC_RO(12, 0, "ICC_IAR1_EL1", icc_iar1),
	ICC_WO(12, 1, "ICC_EOIR1_EL1", icc_eoir1),
	ICC_RO(12, 2, "ICC_HPPIR1_EL1", icc_hppir1),
	ICC_RW(12, 3, "ICC_BPR1_EL1", icc_bpr1),
	ICC_RW(12, 4, "ICC_CTLR_EL1", icc_ctlr),
	ICC_RW(12, 5, "ICC_SRE_EL1", icc_sre),
	ICC_RW(12, 6, "ICC_IGRPEN0_EL1", icc_igrpen0),
	ICC_RW(12, 7, "ICC_IGRPEN1_EL1", icc_igrpen1),
};

static void *pe_opaque(void *owner, unsigned index)
{
	struct gic *gic = owner;

	assert(index < gic->cpu_count);
	return &gic->pe[index];
}

void cpuif_add(struct gic *gic)
{
	sysreg_add(gic->config.cpus, icc_rows, ARRAY_SIZE(icc_rows), pe_opaque, gic);
}
