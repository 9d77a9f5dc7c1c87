/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A GIC on a bench: RAM, register access by physical address, and CPUs that only remember their wires and the system
 * register rows they were given. Included by one test program each, so its functions are static.
 */
#ifndef TESTS_IRQ_BOARD_H
#define TESTS_IRQ_BOARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "cpu/sysreg.h"
#include "irq/gic_state.h"

#include <cmocka.h> /* last: its macro `fail` would spoil base/error.h */

#define CPUS 4
#define SPIS 96
#define RAM_BASE 0x40000000ull
#define RAM_BYTES (4 * MiB)
#define DIST_BASE 0x08000000ull
#define ITS_BASE 0x08080000ull
#define REDIST_BASE 0x080a0000ull

#define ICC_PMR SYSREG(3, 0, 4, 6, 0)
#define ICC_IAR0 SYSREG(3, 0, 12, 8, 0)
#define ICC_EOIR0 SYSREG(3, 0, 12, 8, 1)
#define ICC_HPPIR0 SYSREG(3, 0, 12, 8, 2)
#define ICC_BPR0 SYSREG(3, 0, 12, 8, 3)
#define ICC_AP0R0 SYSREG(3, 0, 12, 8, 4)
#define ICC_AP1R0 SYSREG(3, 0, 12, 9, 0)
#define ICC_DIR SYSREG(3, 0, 12, 11, 1)
#define ICC_RPR SYSREG(3, 0, 12, 11, 3)
#define ICC_SGI1R SYSREG(3, 0, 12, 11, 5)
#define ICC_SGI0R SYSREG(3, 0, 12, 11, 7)
#define ICC_IAR1 SYSREG(3, 0, 12, 12, 0)
#define ICC_EOIR1 SYSREG(3, 0, 12, 12, 1)
#define ICC_HPPIR1 SYSREG(3, 0, 12, 12, 2)
#define ICC_BPR1 SYSREG(3, 0, 12, 12, 3)
#define ICC_CTLR SYSREG(3, 0, 12, 12, 4)
#define ICC_SRE SYSREG(3, 0, 12, 12, 5)
#define ICC_IGRPEN0 SYSREG(3, 0, 12, 12, 6)
#define ICC_IGRPEN1 SYSREG(3, 0, 12, 12, 7)

struct cpus {
	const struct sysreg *rows;
	unsigned count;
	void *opaque[CPUS];
	bool irq[CPUS], fiq[CPUS], wake[CPUS];
};

struct board {
	struct loop *loop;
	struct space *space;
	struct region ram;
	struct cpus cpus;
	struct gic *gic;
};

void sysreg_add(struct cpus *cpus, const struct sysreg *rows, unsigned count,
		void *(*opaque_of)(void *owner, unsigned cpu_index), void *owner)
{
	cpus->rows = rows;
	cpus->count = count;
	for (unsigned i = 0; i < CPUS; i++)
		cpus->opaque[i] = opaque_of(owner, i);
}

static const struct sysreg *icc_row(struct board *b, u32 key)
{
	for (unsigned n = 0; n < b->cpus.count; n++)
		if (b->cpus.rows[n].key == key)
			return &b->cpus.rows[n];
	assert_true(!"no such system register");
	return NULL;
}

static inline u64 icc_read(struct board *b, unsigned cpu, u32 key)
{
	const struct sysreg *row = icc_row(b, key);
	u64 value = 0;

	assert_true(row->read(NULL, row, b->cpus.opaque[cpu], &value));
	return value;
}

static inline void icc_write(struct board *b, unsigned cpu, u32 key, u64 value)
{
	const struct sysreg *row = icc_row(b, key);

	assert_true(row->write(NULL, row, b->cpus.opaque[cpu], value));
}

static inline u64 get(struct board *b, u64 pa, unsigned size)
{
	u64 value = 0;

	assert_int_equal(space_read(b->space, pa, size, &value), MEM_OK);
	return value;
}

static inline void put(struct board *b, u64 pa, unsigned size, u64 value)
{
	assert_int_equal(space_write(b->space, pa, size, value), MEM_OK);
}

static inline u64 gicr(unsigned cpu, u64 offset)
{
	return REDIST_BASE + cpu * 2ull * GIC_FRAME_BYTES + offset;
}

static inline u64 sgi(unsigned cpu, u64 offset)
{
	return gicr(cpu, GICR_SGI_BASE + offset);
}

static u64 board_mpidr(unsigned index)
{
	return BIT(31) | index;
}

static void board_set_irq(struct cpus *cpus, unsigned index, bool level)
{
	assert_true(cpus->irq[index] != level); /* outputs move on change only */
	cpus->irq[index] = level;
}

static void board_set_fiq(struct cpus *cpus, unsigned index, bool level)
{
	assert_true(cpus->fiq[index] != level);
	cpus->fiq[index] = level;
}

static void board_set_wake(struct cpus *cpus, unsigned index, bool level)
{
	assert_true(cpus->wake[index] != level);
	cpus->wake[index] = level;
}

static int board_setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	struct error err;
	struct gic_config config = {
		.cpu_count = CPUS,
		.spi_count = SPIS,
		.cpus = &b->cpus,
		.mpidr = board_mpidr,
		.set_irq = board_set_irq,
		.set_fiq = board_set_fiq,
		.set_wake = board_set_wake,
		.its = true,
		.dist_base = DIST_BASE,
		.redist_base = REDIST_BASE,
		.redist_size = 0xf60000,
		.its_base = ITS_BASE,
	};

	b->loop = loop_create(true, &err);
	assert_non_null(b->loop);
	loop_lock(b->loop);
	b->space = space_create(b->loop);
	b->ram = (struct region){.name = "ram", .base = RAM_BASE, .size = RAM_BYTES, .host = calloc(1, RAM_BYTES)};
	space_add(b->space, &b->ram);
	config.loop = b->loop;
	config.space = b->space;
	b->gic = gic_create(&config, &err);
	assert_non_null(b->gic);
	gic_map(b->gic);
	*state = b;
	return 0;
}

static int board_teardown(void **state)
{
	struct board *b = *state;

	gic_destroy(b->gic);
	space_remove(b->space, &b->ram);
	space_destroy(b->space);
	loop_unlock(b->loop);
	loop_destroy(b->loop);
	free(b->ram.host);
	free(b);
	return 0;
}

/* What an operating system does first: both groups on, all PEs awake, everything at priority 0xa0 in group 1. */
static inline void board_start(struct board *b)
{
	put(b, DIST_BASE + GICD_CTLR, 4, 3);
	for (unsigned w = 1; w <= SPIS / 32; w++)
		put(b, DIST_BASE + GICD_IGROUPR + 4 * w, 4, ~0u);
	for (unsigned n = 32; n < 32 + SPIS; n += 4)
		put(b, DIST_BASE + GICD_IPRIORITYR + n, 4, 0xa0a0a0a0);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		put(b, sgi(cpu, GICD_IGROUPR), 4, ~0u);
		for (unsigned n = 0; n < 32; n += 4)
			put(b, sgi(cpu, GICD_IPRIORITYR + n), 4, 0xa0a0a0a0);
		icc_write(b, cpu, ICC_PMR, 0xf0);
		icc_write(b, cpu, ICC_BPR1, 0);
		icc_write(b, cpu, ICC_BPR0, 0);
		icc_write(b, cpu, ICC_IGRPEN0, 1);
		icc_write(b, cpu, ICC_IGRPEN1, 1);
	}
}

/* The answer by looking at everything: priority of the best pending interrupt of `cpu` by the architecture's
 * definition, 0x100 if none. Ties aside, the cached one must be it. */
static inline u32 slow_best(struct board *b, unsigned cpu)
{
	struct gic *gic = b->gic;
	struct gic_pe *pe = &gic->pe[cpu];
	u32 best = 0x100;

	if (pe->s.asleep)
		return best;
	for (u32 intid = 0; intid < 32 + SPIS; intid++) {
		const struct irq_bank *bank = intid < 32 ? &pe->s.bank : &gic->spi[intid / 32 - 1];
		unsigned n = intid % 32, group = bank->group >> n & 1;
		bool pending =
			(bank->latch >> n & 1) || (((bank->level | bank->message) >> n & 1) && !(bank->edge >> n & 1));

		if (!pending || !(bank->enable >> n & 1) || (bank->active >> n & 1))
			continue;
		if (!gic->group_enable[group] || !pe->s.group_enable[group])
			continue;
		if (intid >= 32) {
			u64 router = regs_get(&gic->dist, GICD_IROUTER + 8 * intid, 8);
			unsigned first = 0;

			while (first < CPUS && (gic->pe[first].s.asleep || !gic->pe[first].s.group_enable[group] ||
						gic->pe[first].s.no_spi[group]))
				first++;
			if (router & GICD_IROUTER_IRM ? first != cpu : (router & GICD_IROUTER_AFF) != cpu)
				continue;
		}
		best = MIN(best, bank->priority[n]);
	}
	if (gic->group_enable[1] && pe->s.group_enable[1])
		for (u32 i = 0; i < pe->s.lpi_limit; i++)
			if (bit(pe->s.lpi_pending[i / 64], i % 64) && (pe->s.lpi_config[i] & 1))
				best = MIN(best, pe->s.lpi_config[i] & 0xf8u);
	return best;
}

static inline void check_best(struct board *b)
{
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		const struct pe_state *s = &b->gic->pe[cpu].s;
		u32 best = slow_best(b, cpu);

		assert_int_equal(s->hppi == INTID_NONE ? 0x100u : s->hppi_priority, best);
		assert_int_equal(b->cpus.irq[cpu], s->irq);
		assert_int_equal(b->cpus.fiq[cpu], s->fiq);
		assert_false(s->irq && s->fiq);
	}
}

#endif
