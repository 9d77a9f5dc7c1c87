/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPIs of one PE: pending bits, cached configuration, and the best one. [IHI0069 LPIs]
 *
 * The configuration table (PROPBASER: a byte per LPI from INTID 8192) and the pending table (PENDBASER: a bit per
 * INTID, the first 1 KiB ours to use and unused) are guest memory, read and written by dma_read and dma_write: an
 * address that is no memory reads as zero, a disabled LPI. Their length follows IDbits, capped at ours, so no table
 * access is longer than 8 KiB. The pending bits are kept here while EnableLPIs is 1 and written back when it is
 * cleared.
 *
 * lpi_best is cheap because ready LPIs are counted per priority level: the search stops at the first LPI of the best
 * level. Machine lock held.
 */
#include <string.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "irq/gic_state.h"

static bool lpi_is_pending(const struct pe_state *s, u32 i)
{
	return bit(s->lpi_pending[i / 64], i % 64);
}

static bool lpi_is_held(const struct gic_pe *pe, u32 intid)
{
	return pe->s.lpis_enabled && intid >= INTID_LPI && intid - INTID_LPI < pe->s.lpi_limit;
}

static void ready_add(struct pe_state *s, u32 i)
{
	unsigned level = s->lpi_config[i] >> PRIORITY_SHIFT;

	if (!(s->lpi_config[i] & LPI_CONFIG_ENABLE))
		return;
	s->lpi_ready[i / 64] |= BIT(i % 64);
	s->lpi_summary[i / 64 / 64] |= BIT(i / 64 % 64);
	s->lpi_at_level[level]++;
	s->lpi_levels |= 1u << level;
}

static void ready_remove(struct pe_state *s, u32 i)
{
	unsigned level = s->lpi_config[i] >> PRIORITY_SHIFT;

	if (!bit(s->lpi_ready[i / 64], i % 64))
		return;
	s->lpi_ready[i / 64] &= ~BIT(i % 64);
	if (!s->lpi_ready[i / 64])
		s->lpi_summary[i / 64 / 64] &= ~BIT(i / 64 % 64);
	if (!--s->lpi_at_level[level])
		s->lpi_levels &= ~(1u << level);
}

static u8 config_read(const struct gic_pe *pe, u32 i)
{
	u8 config = 0;

	if (!dma_read(pe->gic->config.space, pe->s.config_table + i, &config, 1))
		guest_error(LPI_TABLE, "%s: LPI %u: configuration table is not in memory", pe->name, i + INTID_LPI);
	return config;
}

/* Reads the configuration of every pending LPI again, 64 at a time. */
static void config_load(struct gic_pe *pe)
{
	struct pe_state *s = &pe->s;

	memset(s->lpi_ready, 0, sizeof(s->lpi_ready));
	memset(s->lpi_summary, 0, sizeof(s->lpi_summary));
	memset(s->lpi_at_level, 0, sizeof(s->lpi_at_level));
	s->lpi_levels = 0;
	for (u32 w = 0; w < s->lpi_limit / 64; w++) {
		u64 pending = s->lpi_pending[w];

		if (!pending)
			continue;
		memset(&s->lpi_config[64 * w], 0, 64);
		if (!dma_read(pe->gic->config.space, s->config_table + 64ull * w, &s->lpi_config[64 * w], 64))
			guest_error(LPI_TABLE, "%s: LPI configuration table is not in memory", pe->name);
		for (; pending; pending &= pending - 1)
			ready_add(s, 64 * w + (u32)__builtin_ctzll(pending));
	}
}

void lpi_enable(struct gic_pe *pe)
{
	struct pe_state *s = &pe->s;
	u64 prop = regs_get(&pe->regs, GICR_PROPBASER, 8), pend = regs_get(&pe->regs, GICR_PENDBASER, 8);
	unsigned id_bits = MIN((unsigned)bits(prop, 4, 0) + 1, (unsigned)GIC_ID_BITS);

	s->lpis_enabled = true;
	s->lpi_limit = id_bits >= 14 ? (1u << id_bits) - INTID_LPI : 0;
	s->config_table = prop & GICR_PROPBASER_PA;
	s->pending_table = pend & GICR_PENDBASER_PA;
	memset(s->lpi_pending, 0, sizeof(s->lpi_pending));
	if (!(pend & GICR_PENDBASER_PTZ) && s->lpi_limit &&
	    !dma_read(pe->gic->config.space, s->pending_table + INTID_LPI / 8, s->lpi_pending, s->lpi_limit / 8)) {
		guest_error(LPI_TABLE, "%s: LPI pending table at %#llx is not in memory", pe->name,
			    (unsigned long long)s->pending_table);
		memset(s->lpi_pending, 0, sizeof(s->lpi_pending));
	}
	config_load(pe);
	pe_dirty(pe);
}

void lpi_disable(struct gic_pe *pe)
{
	struct pe_state *s = &pe->s;

	if (s->lpi_limit &&
	    !dma_write(pe->gic->config.space, s->pending_table + INTID_LPI / 8, s->lpi_pending, s->lpi_limit / 8))
		guest_error(LPI_TABLE, "%s: LPI pending table at %#llx is not in memory", pe->name,
			    (unsigned long long)s->pending_table);
	lpi_reset(pe);
	/* What is pending now stands in the table only: PTZ said something about the table of before. */
	regs_set(&pe->regs, GICR_PENDBASER, 8, regs_get(&pe->regs, GICR_PENDBASER, 8) & ~GICR_PENDBASER_PTZ);
	pe_dirty(pe);
}

void lpi_reset(struct gic_pe *pe)
{
	struct pe_state *s = &pe->s;

	s->lpis_enabled = false;
	s->lpi_limit = 0;
	s->config_table = s->pending_table = 0;
	memset(s->lpi_pending, 0, sizeof(s->lpi_pending));
	memset(s->lpi_ready, 0, sizeof(s->lpi_ready));
	memset(s->lpi_summary, 0, sizeof(s->lpi_summary));
	memset(s->lpi_at_level, 0, sizeof(s->lpi_at_level));
	s->lpi_levels = 0;
}

void lpi_set_pending(struct gic_pe *pe, u32 intid)
{
	struct pe_state *s = &pe->s;
	u32 i = intid - INTID_LPI;

	if (!lpi_is_held(pe, intid)) {
		guest_error(LPI_DISABLED, "%s: LPI %u dropped: LPIs %s", pe->name, intid,
			    s->lpis_enabled ? "end below it" : "are disabled");
		return;
	}
	if (lpi_is_pending(s, i))
		return;
	s->lpi_pending[i / 64] |= BIT(i % 64);
	s->lpi_config[i] = config_read(pe, i);
	ready_add(s, i);
	pe_dirty(pe);
}

bool lpi_clear_pending(struct gic_pe *pe, u32 intid)
{
	struct pe_state *s = &pe->s;
	u32 i = intid - INTID_LPI;

	if (!lpi_is_held(pe, intid) || !lpi_is_pending(s, i))
		return false;
	ready_remove(s, i);
	s->lpi_pending[i / 64] &= ~BIT(i % 64);
	pe_dirty(pe);
	return true;
}

bool lpi_move(struct gic_pe *from, struct gic_pe *to, u32 intid)
{
	if (from == to || !lpi_clear_pending(from, intid))
		return false;
	lpi_set_pending(to, intid);
	return true;
}

/* Word by word: a guest may ask for it once per command of a queue of 32768. */
bool lpi_move_all(struct gic_pe *from, struct gic_pe *to)
{
	u32 words = to->s.lpis_enabled ? to->s.lpi_limit / 64 : 0;
	bool moved = false;

	if (from == to)
		return false;
	for (u32 w = 0; w < from->s.lpi_limit / 64; w++) {
		u64 pending = from->s.lpi_pending[w];

		if (!pending)
			continue;
		if (w < words)
			to->s.lpi_pending[w] |= pending;
		else
			guest_error(LPI_DISABLED, "%s: LPIs from %u on dropped: LPIs %s", to->name, INTID_LPI + 64 * w,
				    to->s.lpis_enabled ? "end below them" : "are disabled");
		from->s.lpi_pending[w] = 0;
		moved = true;
	}
	return moved;
}

void lpi_refresh(struct gic_pe *pe, u32 intid)
{
	struct pe_state *s = &pe->s;
	u32 i = intid - INTID_LPI;

	if (!lpi_is_held(pe, intid) || !lpi_is_pending(s, i))
		return;
	ready_remove(s, i);
	s->lpi_config[i] = config_read(pe, i);
	ready_add(s, i);
	pe_dirty(pe);
}

void lpi_refresh_all(struct gic_pe *pe)
{
	if (!pe->s.lpis_enabled)
		return;
	config_load(pe);
	pe_dirty(pe);
}

u32 lpi_best(const struct gic_pe *pe, u32 *priority)
{
	const struct pe_state *s = &pe->s;
	unsigned level;

	if (!s->lpi_levels)
		return 0;
	level = (unsigned)__builtin_ctz(s->lpi_levels);
	*priority = level << PRIORITY_SHIFT;
	for (unsigned n = 0; n < LPI_SUMMARY; n++) {
		for (u64 words = s->lpi_summary[n]; words; words &= words - 1) {
			u32 w = 64 * n + (u32)__builtin_ctzll(words);

			for (u64 ready = s->lpi_ready[w]; ready; ready &= ready - 1) {
				u32 i = 64 * w + (u32)__builtin_ctzll(ready);

				if (s->lpi_config[i] >> PRIORITY_SHIFT == level)
					return INTID_LPI + i;
			}
		}
	}
	unreachable();
	return 0;
}
