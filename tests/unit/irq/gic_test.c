/* SPDX-License-Identifier: BSD-2-Clause */
/* Distributor, redistributors and CPU interface: access rules, level and edge, priorities, groups, SGIs, routing. */
#include "board.h"

/* Every bit of every row without effects: reads what was written under the row's mask. */
static void walk_row(struct regs *r, const struct reg *row, u32 base, unsigned i, void *arg)
{
	u32 offset = base + row->offset + i * row->stride;

	if (row->read || row->write || row->locked)
		return;
	for (unsigned n = 0; n < row->size * 8u; n++) {
		regs_write(r, offset, row->size, BIT(n));
		assert_int_equal(regs_read(r, offset, row->size), (row->reset & ~row->rw) | (BIT(n) & row->rw));
	}
}

static void every_register_keeps_its_bits(void **state)
{
	struct board *b = *state;

	regs_each(&b->gic->dist, walk_row, NULL);
	regs_each(&b->gic->pe[0].regs, walk_row, NULL);
	regs_each(&b->gic->its, walk_row, NULL);
	/* The arrays, bit by bit: INTID 32..127 exist. */
	for (unsigned n = 32; n < 128; n++) {
		u64 word = DIST_BASE + n / 32 * 4, mask = 1u << n % 32;

		put(b, word + GICD_ISENABLER, 4, mask);
		assert_int_equal(get(b, word + GICD_ICENABLER, 4), mask);
		put(b, word + GICD_ICENABLER, 4, mask);
		assert_int_equal(get(b, word + GICD_ISENABLER, 4), 0);
		put(b, word + GICD_ISPENDR, 4, mask);
		assert_int_equal(get(b, word + GICD_ICPENDR, 4), mask);
		put(b, word + GICD_ICPENDR, 4, mask);
		assert_int_equal(get(b, word + GICD_ISPENDR, 4), 0);
		put(b, word + GICD_ISACTIVER, 4, mask);
		assert_int_equal(get(b, word + GICD_ICACTIVER, 4), mask);
		put(b, word + GICD_ICACTIVER, 4, mask);
		assert_int_equal(get(b, word + GICD_ISACTIVER, 4), 0);
		put(b, DIST_BASE + GICD_IPRIORITYR + n, 1, 0xff);
		assert_int_equal(get(b, DIST_BASE + GICD_IPRIORITYR + n, 1), 0xf8);
		put(b, DIST_BASE + GICD_IROUTER + 8 * n, 8, ~0ull);
		assert_int_equal(get(b, DIST_BASE + GICD_IROUTER + 8 * n, 8), 0xff80ffffffull);
	}
}

static void what_does_not_exist_reads_zero(void **state)
{
	struct board *b = *state;
	static const u32 words[] = {GICD_IGROUPR, GICD_ISENABLER,  GICD_ISPENDR, GICD_ISACTIVER,
				    GICD_ICFGR,   GICD_IPRIORITYR, GICD_IROUTER};

	/* INTIDs 0..31 belong to the redistributors; 128 and up were not asked for. */
	for (unsigned n = 0; n < ARRAY_SIZE(words); n++) {
		put(b, DIST_BASE + words[n], 4, ~0u);
		assert_int_equal(get(b, DIST_BASE + words[n], 4), 0);
	}
	put(b, DIST_BASE + GICD_ISENABLER + 16, 4, ~0u);
	assert_int_equal(get(b, DIST_BASE + GICD_ISENABLER + 16, 4), 0);
	put(b, DIST_BASE + GICD_IPRIORITYR + 128, 4, ~0u);
	assert_int_equal(get(b, DIST_BASE + GICD_IPRIORITYR + 128, 4), 0);
	put(b, DIST_BASE + GICD_IROUTER + 8 * 128, 8, ~0ull);
	assert_int_equal(get(b, DIST_BASE + GICD_IROUTER + 8 * 128, 8), 0);
}

static void identification_says_gicv3(void **state)
{
	struct board *b = *state;

	assert_int_equal(get(b, DIST_BASE + GICD_CTLR, 4), 0x50);
	put(b, DIST_BASE + GICD_CTLR, 4, 0);
	assert_int_equal(get(b, DIST_BASE + GICD_CTLR, 4), 0x50); /* ARE and DS stay */
	assert_int_equal(get(b, DIST_BASE + GICD_TYPER, 4), 3 | BIT(16) | BIT(17) | 15 << 19 | BIT(24));
	assert_int_equal(get(b, DIST_BASE + 0xffe8, 4) >> 4 & 15, 3);
	assert_int_equal(get(b, gicr(0, 0xffe8), 4) >> 4 & 15, 3);
	assert_int_equal(get(b, ITS_BASE + 0xffe8, 4) >> 4 & 15, 3);
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		u64 typer = get(b, gicr(cpu, GICR_TYPER), 8);

		assert_int_equal(typer >> 32, cpu);
		assert_int_equal(bits(typer, 23, 8), cpu);
		assert_int_equal(bit(typer, 4), cpu == CPUS - 1);
		assert_int_equal(typer & 1, 1);
	}
	assert_int_equal(icc_read(b, 0, ICC_SRE), 7);
	assert_int_equal(bits(icc_read(b, 0, ICC_CTLR), 10, 8), 4);
	assert_int_equal(get(b, ITS_BASE + GITS_TYPER, 8), 1 | 7 << 4 | 15 << 8 | 15 << 13);
}

static void byte_writes_touch_their_lane_only(void **state)
{
	struct board *b = *state;

	put(b, DIST_BASE + GICD_IPRIORITYR + 32, 4, 0x40302010);
	put(b, DIST_BASE + GICD_IPRIORITYR + 33, 1, 0xf8);
	assert_int_equal(get(b, DIST_BASE + GICD_IPRIORITYR + 32, 4), 0x4030f810);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 0x01010101);
	put(b, DIST_BASE + GICD_ICENABLER + 5, 1, 0xff);
	assert_int_equal(get(b, DIST_BASE + GICD_ISENABLER + 4, 4), 0x01010001);
	put(b, DIST_BASE + GICD_ICENABLER + 6, 1, 0xff); /* nothing of the write before comes again */
	put(b, DIST_BASE + GICD_ISENABLER + 5, 1, 0x01);
	assert_int_equal(get(b, DIST_BASE + GICD_ISENABLER + 4, 4), 0x01000101);
}

static void level_pends_while_the_wire_is_high(void **state)
{
	struct board *b = *state;
	struct line line = gic_spi(b->gic, 5);

	board_start(b);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1 << 5);
	line_set(&line, true);
	assert_true(b->cpus.irq[0]);
	line_set(&line, false);
	assert_false(b->cpus.irq[0]); /* a level that goes away leaves nothing */
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	line_set(&line, true);
	put(b, DIST_BASE + GICD_ICPENDR + 4, 4, 1 << 5);
	assert_true(b->cpus.irq[0]); /* the wire cannot be cleared by software */
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 37);
	assert_false(b->cpus.irq[0]);
	assert_int_equal(get(b, DIST_BASE + GICD_ISPENDR + 4, 4), 1 << 5); /* active and pending */
	assert_int_equal(get(b, DIST_BASE + GICD_ISACTIVER + 4, 4), 1 << 5);
	icc_write(b, 0, ICC_EOIR1, 37);
	assert_true(b->cpus.irq[0]); /* again */
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 37);
	line_set(&line, false);
	icc_write(b, 0, ICC_EOIR1, 37);
	assert_false(b->cpus.irq[0]);
	/* Pended by software, a level-sensitive interrupt comes once. */
	put(b, DIST_BASE + GICD_ISPENDR + 4, 4, 1 << 5);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 37);
	icc_write(b, 0, ICC_EOIR1, 37);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
}

static void edge_is_latched_once(void **state)
{
	struct board *b = *state;
	struct line line = gic_spi(b->gic, 33);

	board_start(b);
	put(b, DIST_BASE + GICD_ICFGR + 4 * (65 / 16), 4, 2u << 2 * (65 % 16));
	put(b, DIST_BASE + GICD_ISENABLER + 8, 4, 1 << 1);
	line_set(&line, true);
	line_set(&line, false);
	assert_true(b->cpus.irq[0]);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 65);
	line_set(&line, true); /* a second edge while active: pends again after the end */
	line_set(&line, false);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	icc_write(b, 0, ICC_EOIR1, 65);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 65);
	icc_write(b, 0, ICC_EOIR1, 65);
	line_set(&line, true);
	put(b, DIST_BASE + GICD_ICPENDR + 8, 4, 1 << 1);
	assert_false(b->cpus.irq[0]); /* the latch can, and a high wire does not set it again */
}

static void messages_make_spis_pending(void **state)
{
	struct board *b = *state;

	board_start(b);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1 << 8);
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 40);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 40);
	put(b, DIST_BASE + GICD_CLRSPI_NSR, 4, 40);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 1023);
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 3); /* no SPIs: nothing */
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 1019);
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 1024 + 40); /* the INTID has 13 bits */
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 1023);
}

/* [IHI0069 GICD_SETSPI_NSR] */
static void messages_of_a_level_stay_until_they_are_cleared(void **state)
{
	struct board *b = *state;
	struct line line = gic_spi(b->gic, 8);

	board_start(b);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1 << 8);
	put(b, DIST_BASE + GICD_SETSPI_NSR, 2, 40);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 40);
	assert_int_equal(get(b, DIST_BASE + GICD_ISPENDR + 4, 4), 1 << 8); /* active and pending */
	icc_write(b, 0, ICC_EOIR1, 40);
	assert_true(b->cpus.irq[0]);
	put(b, DIST_BASE + GICD_ICPENDR + 4, 4, 1 << 8); /* no more than of a wire */
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 40);
	put(b, DIST_BASE + GICD_CLRSPI_NSR, 2, 40);
	icc_write(b, 0, ICC_EOIR1, 40);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	/* The wire is another reason. */
	line_set(&line, true);
	put(b, DIST_BASE + GICD_CLRSPI_NSR, 4, 40);
	assert_true(b->cpus.irq[0]);
	line_set(&line, false);
	/* Of an edge: once. */
	put(b, DIST_BASE + GICD_ICFGR + 4 * (40 / 16), 4, 2u << 2 * (40 % 16));
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 40);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 40);
	icc_write(b, 0, ICC_EOIR1, 40);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	/* A level that became an edge is none any more. */
	put(b, DIST_BASE + GICD_ICFGR + 4 * (40 / 16), 4, 0);
	put(b, DIST_BASE + GICD_SETSPI_NSR, 4, 40);
	put(b, DIST_BASE + GICD_ICFGR + 4 * (40 / 16), 4, 2u << 2 * (40 % 16));
	put(b, DIST_BASE + GICD_ICFGR + 4 * (40 / 16), 4, 0);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 1023);
}

static void pend(struct board *b, unsigned spi, u8 priority)
{
	put(b, DIST_BASE + GICD_IPRIORITYR + 32 + spi, 1, priority);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1u << spi);
	put(b, DIST_BASE + GICD_ISPENDR + 4, 4, 1u << spi);
}

static void higher_priority_preempts(void **state)
{
	struct board *b = *state;

	board_start(b);
	pend(b, 1, 0x80);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0xff);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 33);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0x80);
	assert_int_equal(icc_read(b, 0, ICC_AP1R0), 1 << (0x80 >> 3));
	pend(b, 2, 0x80);
	assert_false(b->cpus.irq[0]); /* equal does not */
	pend(b, 3, 0x78);
	assert_true(b->cpus.irq[0]);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 35);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0x78);
	icc_write(b, 0, ICC_EOIR1, 35);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0x80);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	icc_write(b, 0, ICC_EOIR1, 33);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 34);
	icc_write(b, 0, ICC_EOIR1, 34);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0xff);
}

static void binary_point_bounds_preemption(void **state)
{
	struct board *b = *state;

	board_start(b);
	assert_int_equal(icc_read(b, 0, ICC_BPR0), 2);
	assert_int_equal(icc_read(b, 0, ICC_BPR1), 3);
	icc_write(b, 0, ICC_BPR1, 6); /* group priority: bits 7:6 */
	pend(b, 1, 0xb8);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 33);
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0x80);
	pend(b, 2, 0x80);
	assert_false(b->cpus.irq[0]); /* same group priority */
	pend(b, 3, 0x78);
	assert_true(b->cpus.irq[0]);
	/* CBPR: BPR0 for both. */
	icc_write(b, 0, ICC_CTLR, ICC_CTLR_CBPR);
	icc_write(b, 0, ICC_BPR0, 7);
	assert_false(b->cpus.irq[0]); /* no preemption at all */
	assert_int_equal(icc_read(b, 0, ICC_BPR1), 7);
	icc_write(b, 0, ICC_BPR0, 5);
	assert_true(b->cpus.irq[0]);
	assert_int_equal(icc_read(b, 0, ICC_BPR1), 6);
	icc_write(b, 0, ICC_BPR1, 3); /* ignored */
	assert_int_equal(icc_read(b, 0, ICC_BPR1), 6);
}

static void priority_mask_hides(void **state)
{
	struct board *b = *state;

	board_start(b);
	icc_write(b, 0, ICC_PMR, 0x80);
	pend(b, 1, 0x80);
	assert_false(b->cpus.irq[0]); /* must be strictly higher */
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 33); /* pending all the same */
	icc_write(b, 0, ICC_PMR, 0xff);
	assert_int_equal(icc_read(b, 0, ICC_PMR), 0xf8);
	assert_true(b->cpus.irq[0]);
}

static void eoi_mode_1_splits_drop_and_deactivation(void **state)
{
	struct board *b = *state;
	struct line line = gic_ppi(b->gic, 2, 27);

	board_start(b);
	icc_write(b, 2, ICC_CTLR, ICC_CTLR_EOIMODE);
	put(b, sgi(2, GICD_ISENABLER), 4, 1 << 27);
	line_set(&line, true);
	assert_true(b->cpus.irq[2]);
	assert_false(b->cpus.irq[0]);
	assert_int_equal(icc_read(b, 2, ICC_IAR1), 27);
	icc_write(b, 2, ICC_EOIR1, 27);
	assert_int_equal(icc_read(b, 2, ICC_RPR), 0xff);
	assert_int_equal(get(b, sgi(2, GICD_ISACTIVER), 4), 1 << 27);
	assert_false(b->cpus.irq[2]); /* still active */
	icc_write(b, 2, ICC_DIR, 27);
	assert_int_equal(get(b, sgi(2, GICD_ISACTIVER), 4), 0);
	assert_true(b->cpus.irq[2]);
	icc_write(b, 2, ICC_CTLR, 0);
	assert_int_equal(icc_read(b, 2, ICC_IAR1), 27);
	icc_write(b, 2, ICC_DIR, 27); /* EOImode 0: ignored */
	assert_int_equal(get(b, sgi(2, GICD_ISACTIVER), 4), 1 << 27);
}

static void group_0_is_fiq(void **state)
{
	struct board *b = *state;

	board_start(b);
	put(b, DIST_BASE + GICD_IGROUPR + 4, 4, ~(1u << 4));
	pend(b, 4, 0x40);
	pend(b, 6, 0x60);
	assert_true(b->cpus.fiq[0]);
	assert_false(b->cpus.irq[0]);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 1023);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR1), 1023);
	assert_int_equal(icc_read(b, 0, ICC_HPPIR0), 36);
	assert_int_equal(icc_read(b, 0, ICC_IAR0), 36);
	assert_int_equal(icc_read(b, 0, ICC_AP0R0), 1 << (0x40 >> 3));
	icc_write(b, 0, ICC_EOIR1, 36); /* wrong group: ignored */
	assert_int_equal(icc_read(b, 0, ICC_RPR), 0x40);
	icc_write(b, 0, ICC_EOIR0, 36);
	assert_true(b->cpus.irq[0]);
	icc_write(b, 0, ICC_IGRPEN1, 0);
	assert_false(b->cpus.irq[0]);
	icc_write(b, 0, ICC_IGRPEN1, 1);
	put(b, DIST_BASE + GICD_CTLR, 4, 1);
	assert_false(b->cpus.irq[0]);
}

static void sgis_reach_whom_they_name(void **state)
{
	struct board *b = *state;

	board_start(b);
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		put(b, sgi(cpu, GICD_ISENABLER), 4, 0xffff);
	icc_write(b, 0, ICC_SGI1R, 7ull << 24 | 0xa); /* CPUs 1 and 3 */
	assert_false(b->cpus.irq[0]);
	assert_true(b->cpus.irq[1]);
	assert_false(b->cpus.irq[2]);
	assert_true(b->cpus.irq[3]);
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 7);
	icc_write(b, 1, ICC_EOIR1, 7);
	assert_false(b->cpus.irq[1]);
	icc_write(b, 0, ICC_SGI1R, 7ull << 24 | 1ull << 16 | 0xf); /* Aff1 = 1: nobody */
	icc_write(b, 0, ICC_SGI1R, 7ull << 24 | 1ull << 44 | 0xf); /* range 1: nobody */
	assert_false(b->cpus.irq[0] || b->cpus.irq[1] || b->cpus.irq[2]);
	icc_write(b, 1, ICC_SGI1R, 2ull << 24 | ICC_SGIR_IRM); /* all but self */
	assert_true(b->cpus.irq[0] && b->cpus.irq[2]);
	assert_false(b->cpus.irq[1]);
	put(b, sgi(1, GICD_IGROUPR), 4, ~0x8u); /* SGI 3 of CPU 1 in group 0 */
	icc_write(b, 2, ICC_SGI1R, 3ull << 24 | 2);
	assert_false(b->cpus.irq[1] || b->cpus.fiq[1]);
	icc_write(b, 2, ICC_SGI0R, 3ull << 24 | 2);
	assert_true(b->cpus.fiq[1]);
	check_best(b);
}

static void routing_follows_irouter(void **state)
{
	struct board *b = *state;

	board_start(b);
	pend(b, 0, 0x80);
	assert_true(b->cpus.irq[0]);
	put(b, DIST_BASE + GICD_IROUTER + 8 * 32, 8, 2);
	assert_false(b->cpus.irq[0]);
	assert_true(b->cpus.irq[2]);
	put(b, DIST_BASE + GICD_IROUTER + 8 * 32, 8, 9); /* no such PE */
	assert_false(b->cpus.irq[2]);
	/* 1 of N: the first that is awake, enabled and willing. */
	put(b, DIST_BASE + GICD_IROUTER + 8 * 32, 8, GICD_IROUTER_IRM);
	assert_true(b->cpus.irq[0]);
	put(b, gicr(0, GICR_WAKER), 4, 2);
	assert_int_equal(get(b, gicr(0, GICR_WAKER), 4), 6);
	assert_true(b->cpus.irq[1] && !b->cpus.irq[0]);
	icc_write(b, 1, ICC_IGRPEN1, 0);
	assert_true(b->cpus.irq[2] && !b->cpus.irq[1]);
	put(b, gicr(2, GICR_CTLR), 4, GICR_CTLR_DPG1NS);
	assert_true(b->cpus.irq[3] && !b->cpus.irq[2]);
	assert_int_equal(icc_read(b, 3, ICC_IAR1), 32);
	icc_write(b, 3, ICC_EOIR1, 32);
	check_best(b);
}

/* CPU_OFF, or RMR_EL1.RR: the core's registers are at their reset values, its redistributor's are as they were. */
static void a_core_takes_its_interface_with_it(void **state)
{
	struct board *b = *state;

	board_start(b);
	put(b, sgi(0, GICD_ISENABLER), 4, 1 << 5);
	icc_write(b, 1, ICC_SGI1R, 5 << 24 | 1);
	assert_int_equal(icc_read(b, 0, ICC_IAR1), 5);
	icc_write(b, 1, ICC_SGI1R, 5 << 24 | 1);
	put(b, DIST_BASE + GICD_IROUTER + 8 * 32, 8, GICD_IROUTER_IRM);
	pend(b, 0, 0x80);
	assert_true(b->cpus.irq[0] && !b->cpus.irq[1]);
	gic_core_reset(b->gic, 0);
	assert_true(b->cpus.irq[1] && !b->cpus.irq[0]); /* 1 of N */
	assert_int_equal(icc_read(b, 0, ICC_IGRPEN0) | icc_read(b, 0, ICC_IGRPEN1), 0);
	assert_int_equal(icc_read(b, 0, ICC_AP1R0), 0);
	assert_int_equal(icc_read(b, 0, ICC_PMR), 0);
	assert_int_equal(icc_read(b, 1, ICC_IGRPEN1), 1);
	assert_int_equal(get(b, sgi(0, GICD_ISACTIVER), 4), 1 << 5);
	assert_int_equal(get(b, sgi(0, GICD_ISPENDR), 4), 1 << 5);
	assert_int_equal(icc_read(b, 1, ICC_IAR1), 32);
	icc_write(b, 1, ICC_EOIR1, 32);
	check_best(b);
}

/* [IHI0069 GICR_WAKER]: the sequence that software follows before a PE is powered down. */
static void one_that_sleeps_is_asked_to_wake(void **state)
{
	struct board *b = *state;
	struct line timer = gic_ppi(b->gic, 1, 27);

	board_start(b);
	put(b, sgi(1, GICD_ISENABLER), 4, 1 << 27);
	put(b, DIST_BASE + GICD_IROUTER + 8 * 32, 8, 1);
	icc_write(b, 1, ICC_IGRPEN1, 0);
	icc_write(b, 1, ICC_IGRPEN0, 0);
	put(b, gicr(1, GICR_WAKER), 4, 2);
	assert_int_equal(get(b, gicr(1, GICR_WAKER), 4), 6);
	assert_false(b->cpus.wake[1]);
	line_set(&timer, true);
	assert_true(b->cpus.wake[1] && !b->cpus.irq[1]);
	line_set(&timer, false);
	assert_false(b->cpus.wake[1]);
	pend(b, 0, 0x80);
	assert_true(b->cpus.wake[1]);
	put(b, DIST_BASE + GICD_CTLR, 4, 1); /* its group is off */
	assert_false(b->cpus.wake[1]);
	put(b, DIST_BASE + GICD_CTLR, 4, 3);
	assert_true(b->cpus.wake[1]);
	put(b, gicr(1, GICR_WAKER), 4, 0);
	assert_false(b->cpus.wake[1]);
	icc_write(b, 1, ICC_IGRPEN1, 1);
	assert_true(b->cpus.irq[1]);
	put(b, gicr(1, GICR_WAKER), 4, 2);
	assert_true(b->cpus.wake[1] && !b->cpus.irq[1]);
	gic_reset(b->gic);
	assert_false(b->cpus.wake[1]);
}

static void reset_forgets_all_but_the_wires(void **state)
{
	struct board *b = *state;
	struct line line = gic_spi(b->gic, 9);

	board_start(b);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1 << 9);
	line_set(&line, true);
	assert_true(b->cpus.irq[0]);
	put(b, gicr(0, GICR_WAKER), 4, 2);
	gic_reset(b->gic);
	assert_false(b->cpus.irq[0]);
	assert_int_equal(get(b, gicr(0, GICR_WAKER), 4), 0); /* nobody below EL3 has to wake it */
	assert_int_equal(get(b, DIST_BASE + GICD_ISENABLER + 4, 4), 0);
	assert_int_equal(get(b, DIST_BASE + GICD_ISPENDR + 4, 4), 1 << 9);
	board_start(b);
	put(b, DIST_BASE + GICD_ISENABLER + 4, 4, 1 << 9);
	assert_true(b->cpus.irq[0]);
}

/* Random software and random wires: the cached highest pending interrupt is always the one a full scan finds. */
static void cached_best_is_the_best(void **state)
{
	static const u32 dist[] = {GICD_CTLR,    GICD_IGROUPR,   GICD_ISENABLER, GICD_ICENABLER, GICD_ISPENDR,
				   GICD_ICPENDR, GICD_ISACTIVER, GICD_ICACTIVER, GICD_ICFGR};
	static const u32 icc[] = {ICC_PMR,   ICC_BPR0,  ICC_BPR1,  ICC_CTLR, ICC_IGRPEN0, ICC_IGRPEN1, ICC_SGI1R,
				  ICC_SGI0R, ICC_EOIR0, ICC_EOIR1, ICC_DIR,  ICC_AP0R0,   ICC_AP1R0};
	struct board *b = *state;

	srandom(1);
	board_start(b);
	for (unsigned turn = 0; turn < 40000; turn++) {
		u64 r = (u64)random(), value = (u64)random() * (u64)random();
		unsigned cpu = r % CPUS, n = (unsigned)(r >> 4);
		struct line line = gic_spi(b->gic, n % SPIS);

		switch ((r >> 2) % 16) {
		case 0 ... 3: put(b, DIST_BASE + dist[n % ARRAY_SIZE(dist)] + (n >> 8) % 4 * 4, 4, value); break;
		case 4 ... 5: put(b, sgi(cpu, dist[1 + n % (ARRAY_SIZE(dist) - 1)]), 4, value); break;
		case 6: put(b, DIST_BASE + GICD_IPRIORITYR + n % (32 + SPIS), 1, value); break;
		case 7: put(b, DIST_BASE + GICD_IROUTER + 8 * (n % (32 + SPIS)), 8, value & (BIT(31) | 3)); break;
		case 8 ... 10: line_set(&line, value & 1); break;
		case 11: put(b, gicr(cpu, GICR_WAKER), 4, value & value >> 1 & 2); break;
		case 12 ... 13: icc_read(b, cpu, n & 1 ? ICC_IAR0 : ICC_IAR1); break;
		default: icc_write(b, cpu, icc[n % ARRAY_SIZE(icc)], (r & 1) ? value : value % 130); break;
		}
		if (turn % 64 == 0)
			put(b, DIST_BASE + GICD_CTLR, 4, 3);
		check_best(b);
	}
}

static void refuses_what_it_cannot_be(void **state)
{
	struct board *b = *state;
	struct gic_config config = b->gic->config;
	struct error err = {{0}};

	config.cpu_count = 17;
	assert_null(gic_create(&config, &err));
	config.cpu_count = 4;
	config.spi_count = 33;
	assert_null(gic_create(&config, &err));
	config.spi_count = 32;
	config.redist_size = 0x40000;
	assert_null(gic_create(&config, &err));
}

#define T(name) cmocka_unit_test_setup_teardown(name, board_setup, board_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_register_keeps_its_bits),
		T(what_does_not_exist_reads_zero),
		T(identification_says_gicv3),
		T(byte_writes_touch_their_lane_only),
		T(level_pends_while_the_wire_is_high),
		T(edge_is_latched_once),
		T(messages_make_spis_pending),
		T(messages_of_a_level_stay_until_they_are_cleared),
		T(higher_priority_preempts),
		T(binary_point_bounds_preemption),
		T(priority_mask_hides),
		T(eoi_mode_1_splits_drop_and_deactivation),
		T(group_0_is_fiq),
		T(sgis_reach_whom_they_name),
		T(routing_follows_irouter),
		T(a_core_takes_its_interface_with_it),
		T(one_that_sleeps_is_asked_to_wake),
		T(reset_forgets_all_but_the_wires),
		T(cached_best_is_the_best),
		T(refuses_what_it_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
