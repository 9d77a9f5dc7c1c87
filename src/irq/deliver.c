/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From pending interrupts to the IRQ and FIQ wires: which interrupt is the highest-priority pending one of a PE,
 * whether it may preempt what runs, and who takes 1-of-N SPIs. [IHI0069 Interrupt prioritization, Affinity routing]
 *
 * Cost: a change marks PEs dirty; recomputing one looks at its 32 private INTIDs, at the SPI words that hold a
 * candidate (a summary word names them) and at the LPI summary; never at all INTIDs. Ties of priority go to the lower
 * INTID.
 *
 * 1-of-N: the first PE that is awake, has the group enabled and is not excluded by GICR_CTLR.DPG. Machine lock held.
 */
#include "base/trace.h"
#include "irq/gic_state.h"

void pe_dirty(struct gic_pe *pe)
{
	pe->gic->dirty |= 1u << pe->index;
}

void gic_dirty_all(struct gic *gic)
{
	gic->dirty |= (u32)ones(gic->cpu_count);
}

bool bank_set_level(struct irq_bank *bank, unsigned b, bool level)
{
	u32 mask = 1u << b;

	if (!!(bank->level & mask) == level)
		return false;
	bank->level ^= mask;
	if (bank->edge & mask) {
		if (!level || (bank->latch & mask))
			return false;
		bank->latch |= mask;
	}
	return true;
}

void spi_changed(struct gic *gic, unsigned w, u32 bits)
{
	const struct irq_bank *bank = &gic->spi[w];

	gic->spi_candidate[w] = bank_pending(bank) & bank->enable & ~bank->active;
	if (gic->spi_candidate[w])
		gic->spi_summary |= 1u << w;
	else
		gic->spi_summary &= ~(1u << w);
	if (gic->spi_any[w] & bits) {
		gic_dirty_all(gic);
		return;
	}
	for (unsigned i = 0; i < gic->cpu_count; i++)
		if (gic->pe[i].s.spi_route[w] & bits)
			pe_dirty(&gic->pe[i]);
}

void gic_choose_any_target(struct gic *gic)
{
	for (unsigned group = 0; group < 2; group++) {
		gic->any_target[group] = GIC_CPUS_MAX;
		for (unsigned i = 0; i < gic->cpu_count; i++) {
			const struct pe_state *s = &gic->pe[i].s;

			if (!s->asleep && s->group_enable[group] && !s->no_spi[group]) {
				gic->any_target[group] = i;
				break;
			}
		}
	}
	gic_dirty_all(gic);
}

u32 pe_running_priority(const struct gic_pe *pe)
{
	u32 active = pe->s.apr[0] | pe->s.apr[1];

	return active ? (u32)__builtin_ctz(active) << PRIORITY_SHIFT : 0x100;
}

u32 pe_group_priority_mask(const struct gic_pe *pe, unsigned group)
{
	unsigned low = group == 1 && !pe->s.cbpr ? pe->s.bpr[1] : pe->s.bpr[0] + 1u;

	return low > 7 ? 0 : 0xffu << low & 0xff;
}

bool pe_can_signal(const struct gic_pe *pe)
{
	const struct pe_state *s = &pe->s;
	u32 running = pe_running_priority(pe), mask = pe_group_priority_mask(pe, s->hppi_group);

	if (s->hppi == INTID_NONE || s->hppi_priority >= s->pmr)
		return false;
	if (!mask) /* no preemption, whatever runs */
		return running > 0xff;
	return (s->hppi_priority & mask) < running;
}

struct best {
	u32 intid, priority;
	unsigned group;
};

static void best_of_bank(struct best *best, const struct irq_bank *bank, u32 ready, u32 first)
{
	for (; ready; ready &= ready - 1) {
		unsigned b = (unsigned)__builtin_ctz(ready);

		if (bank->priority[b] < best->priority) {
			best->priority = bank->priority[b];
			best->intid = first + b;
			best->group = bank->group >> b & 1;
		}
	}
}

static void pe_find_best(const struct gic_pe *pe, struct best *best)
{
	const struct gic *gic = pe->gic;
	const struct pe_state *s = &pe->s;
	u32 group0 = gic->group_enable[0] && s->group_enable[0] ? ~0u : 0;
	u32 group1 = gic->group_enable[1] && s->group_enable[1] ? ~0u : 0;
	u32 any0 = gic->any_target[0] == pe->index ? ~0u : 0;
	u32 any1 = gic->any_target[1] == pe->index ? ~0u : 0;
	u32 ready;

	best->intid = INTID_NONE;
	best->priority = 0x100;
	best->group = 0;
	if (s->asleep || !(group0 | group1))
		return;

	ready = bank_pending(&s->bank) & s->bank.enable & ~s->bank.active;
	ready &= (s->bank.group & group1) | (~s->bank.group & group0);
	best_of_bank(best, &s->bank, ready, 0);

	for (u32 words = gic->spi_summary; words; words &= words - 1) {
		unsigned w = (unsigned)__builtin_ctz(words);
		const struct irq_bank *bank = &gic->spi[w];
		u32 any = (bank->group & any1) | (~bank->group & any0);

		ready = gic->spi_candidate[w] & (s->spi_route[w] | (gic->spi_any[w] & any));
		ready &= (bank->group & group1) | (~bank->group & group0);
		best_of_bank(best, bank, ready, INTID_SPI + 32 * w);
	}

	if (group1) {
		u32 priority, intid = lpi_best(pe, &priority);

		if (intid && priority < best->priority) {
			best->intid = intid;
			best->priority = priority;
			best->group = 1;
		}
	}
}

/* The WakeRequest of one that sleeps: what it would be given, whatever its CPU interface enables, as that may be off.
 * 1-of-N SPIs go to those that are awake. [IHI0069 GICR_WAKER] */
static bool pe_is_to_wake(const struct gic_pe *pe)
{
	const struct gic *gic = pe->gic;
	const struct pe_state *s = &pe->s;
	u32 group0 = gic->group_enable[0] ? ~0u : 0, group1 = gic->group_enable[1] ? ~0u : 0;

	if (!s->asleep)
		return false;
	if (bank_pending(&s->bank) & s->bank.enable & ~s->bank.active &
	    ((s->bank.group & group1) | (~s->bank.group & group0)))
		return true;
	for (u32 words = gic->spi_summary; words; words &= words - 1) {
		unsigned w = (unsigned)__builtin_ctz(words);
		u32 group = gic->spi[w].group;

		if (gic->spi_candidate[w] & s->spi_route[w] & ((group & group1) | (~group & group0)))
			return true;
	}
	return group1 && s->lpi_levels;
}

static void pe_update(struct gic_pe *pe)
{
	const struct gic_config *config = &pe->gic->config;
	struct pe_state *s = &pe->s;
	struct best best;
	bool signal, irq, fiq, wake;

	pe_find_best(pe, &best);
	s->hppi = best.intid;
	s->hppi_priority = (u8)MIN(best.priority, 0xffu);
	s->hppi_group = (u8)best.group;
	signal = pe_can_signal(pe);
	irq = signal && best.group == 1;
	fiq = signal && best.group == 0;
	if (s->irq != irq) {
		s->irq = irq;
		trace(INT, "gic: cpu %u irq %d intid %u", pe->index, irq, s->hppi);
		config->set_irq(config->cpus, pe->index, irq);
	}
	if (s->fiq != fiq) {
		s->fiq = fiq;
		trace(INT, "gic: cpu %u fiq %d intid %u", pe->index, fiq, s->hppi);
		config->set_fiq(config->cpus, pe->index, fiq);
	}
	wake = pe_is_to_wake(pe);
	if (s->wake != wake) {
		s->wake = wake;
		trace(INT, "gic: cpu %u wake request %d", pe->index, wake);
		config->set_wake(config->cpus, pe->index, wake);
	}
}

void gic_settle(struct gic *gic)
{
	while (gic->dirty) {
		unsigned i = (unsigned)__builtin_ctz(gic->dirty);

		gic->dirty &= gic->dirty - 1;
		pe_update(&gic->pe[i]);
	}
}
