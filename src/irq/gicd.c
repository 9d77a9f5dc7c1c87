/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The distributor: SPIs' groups, enables, priorities, configuration and routes. [IHI0069 GICD_*]
 *
 * One security state (CTLR.DS reads 1, writes ignored) and affinity routing always on (ARE reads 1): so INTIDs 0..31
 * belong to the redistributors and their fields here are RES0, as are IGRPMODR, NSACR, ITARGETSR and SGIR. Left out:
 * extended SPIs, E1NWF, NMIs. Message-based SPIs (SETSPI_NSR, CLRSPI_NSR) are built; the _SR forms are RES0 with DS =
 * 1.
 *
 * Set- and clear-registers keep nothing in the block's store: their hooks act on the banks and read from them. The
 * others keep their value in the store and the hook copies it to where delivery looks. INTIDs that the machine does
 * not have are locked: they read zero. Machine lock held.
 */
#include "base/conformance.h"
#include "base/trace.h"
#include "irq/gic_state.h"

static struct gic *gic_of(struct regs *b)
{
	return b->owner;
}

static bool spi_word_is_absent(struct regs *b, unsigned i)
{
	return i >= gic_of(b)->spi_words;
}

static bool spi_half_is_absent(struct regs *b, unsigned i)
{
	return i / 2 >= gic_of(b)->spi_words;
}

static bool spi_is_absent(struct regs *b, unsigned i)
{
	return i / 32 >= gic_of(b)->spi_words;
}

static void spi_settle(struct gic *gic, unsigned w, u32 bits)
{
	spi_changed(gic, w, bits);
	gic_settle(gic);
}

static void gicd_ctlr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct gic *gic = gic_of(b);

	gic->group_enable[0] = now & GICD_CTLR_ENABLE_GRP0;
	gic->group_enable[1] = now & GICD_CTLR_ENABLE_GRP1;
	gic_dirty_all(gic);
	gic_settle(gic);
}

static u64 gicd_typer_read(struct regs *b, unsigned i, u64 stored)
{
	struct gic *gic = gic_of(b);

	return gic->spi_words | (u64)(GIC_ID_BITS - 1) << 19 | GICD_TYPER_A3V | GICD_TYPER_MBIS |
	       (gic->config.its ? GICD_TYPER_LPIS : 0);
}

/* Message-based SPIs: an edge, or for a level-sensitive SPI a level, which stays until CLRSPI takes it away. */
static void gicd_message(struct regs *b, u32 offset, u32 intid, bool set)
{
	struct gic *gic = gic_of(b);
	unsigned w = intid / 32 - 1;
	u32 mask = 1u << intid % 32;
	struct irq_bank *bank;

	regs_set(b, offset, 4, 0);
	if (intid < INTID_SPI || w >= gic->spi_words) {
		guest_error(GIC_MESSAGE, "gicd: message for INTID %u, which is no SPI", intid);
		return;
	}
	bank = &gic->spi[w];
	if (!set) {
		bank->latch &= ~mask;
		bank->message &= ~mask;
	} else if (bank->edge & mask) {
		bank->latch |= mask;
	} else {
		bank->message |= mask;
	}
	spi_settle(gic, w, mask);
}

static void gicd_setspi_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	gicd_message(b, GICD_SETSPI_NSR, (u32)now, true);
}

static void gicd_clrspi_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	gicd_message(b, GICD_CLRSPI_NSR, (u32)now, false);
}

static void gicd_igroupr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	gic_of(b)->spi[i].group = (u32)now;
	spi_settle(gic_of(b), i, (u32)(old ^ now));
}

static u64 gicd_enable_read(struct regs *b, unsigned i, u64 stored)
{
	return gic_of(b)->spi[MIN(i, SPI_WORDS_MAX - 1u)].enable;
}

static void gicd_isenabler_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ISENABLER + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].enable |= (u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static void gicd_icenabler_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ICENABLER + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].enable &= ~(u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static u64 gicd_pending_read(struct regs *b, unsigned i, u64 stored)
{
	struct gic *gic = gic_of(b);

	return i < gic->spi_words ? bank_pending(&gic->spi[i]) : 0;
}

static void gicd_ispendr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ISPENDR + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].latch |= (u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static void gicd_icpendr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ICPENDR + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].latch &= ~(u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static u64 gicd_active_read(struct regs *b, unsigned i, u64 stored)
{
	return gic_of(b)->spi[MIN(i, SPI_WORDS_MAX - 1u)].active;
}

static void gicd_isactiver_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ISACTIVER + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].active |= (u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static void gicd_icactiver_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	regs_set(b, GICD_ICACTIVER + 4 + 4 * i, 4, 0);
	gic_of(b)->spi[i].active &= ~(u32)now;
	spi_settle(gic_of(b), i, (u32)now);
}

static void gicd_ipriorityr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	gic_of(b)->spi[i / 32].priority[i % 32] = (u8)now;
	spi_settle(gic_of(b), i / 32, 1u << i % 32);
}

/* Two bits per INTID, the upper one: 1 is edge-triggered. */
static void gicd_icfgr_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct irq_bank *bank = &gic_of(b)->spi[i / 2];
	unsigned first = i % 2 * 16;

	for (unsigned n = 0; n < 16; n++) {
		if (bit(now, 2 * n + 1))
			bank->edge |= 1u << (first + n);
		else
			bank->edge &= ~(1u << (first + n));
	}
	bank->message &= ~bank->edge;
	spi_settle(gic_of(b), i / 2, 0xffffu << first);
}

static void spi_route(struct gic *gic, unsigned spi, u64 router)
{
	unsigned w = spi / 32;
	u32 mask = 1u << spi % 32;

	if (router & GICD_IROUTER_IRM)
		gic->spi_any[w] |= mask;
	else
		gic->spi_any[w] &= ~mask;
	for (unsigned i = 0; i < gic->cpu_count; i++) {
		struct gic_pe *pe = &gic->pe[i];

		if (!(router & GICD_IROUTER_IRM) && (router & GICD_IROUTER_AFF) == pe->affinity)
			pe->s.spi_route[w] |= mask;
		else
			pe->s.spi_route[w] &= ~mask;
	}
}

static void gicd_irouter_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct gic *gic = gic_of(b);

	spi_route(gic, i, now);
	gic_dirty_all(gic);
	gic_settle(gic);
}

#define WORDS .count = SPI_WORDS_MAX, .stride = 4, .locked = spi_word_is_absent
#define HALVES .count = 2 * SPI_WORDS_MAX, .stride = 4, .locked = spi_half_is_absent
#define EACH .count = 32 * SPI_WORDS_MAX, .locked = spi_is_absent

static const struct reg gicd_rows[] = {
	/*  offset               name              reset     software writes */
	R32(GICD_CTLR, GICD_CTLR, 0x50, 0x00000003, .write = gicd_ctlr_write),
	R32(GICD_TYPER, GICD_TYPER, 0, 0, .read = gicd_typer_read),
	R32(GICD_IIDR, GICD_IIDR, GIC_IIDR, 0),
	R32(GICD_TYPER2, GICD_TYPER2, 0, 0),
	R32(GICD_SETSPI_NSR, GICD_SETSPI_NSR, 0, 0x00001fff, .write = gicd_setspi_write),
	R32(GICD_CLRSPI_NSR, GICD_CLRSPI_NSR, 0, 0x00001fff, .write = gicd_clrspi_write),
	R32(GICD_IGROUPR + 4, GICD_IGROUPR, 0, 0xffffffff, WORDS, .write = gicd_igroupr_write),
	R32(GICD_ISENABLER + 4, GICD_ISENABLER, 0, 0xffffffff, WORDS, .read = gicd_enable_read,
	    .write = gicd_isenabler_write),
	R32(GICD_ICENABLER + 4, GICD_ICENABLER, 0, 0xffffffff, WORDS, .read = gicd_enable_read,
	    .write = gicd_icenabler_write),
	R32(GICD_ISPENDR + 4, GICD_ISPENDR, 0, 0xffffffff, WORDS, .read = gicd_pending_read,
	    .write = gicd_ispendr_write),
	R32(GICD_ICPENDR + 4, GICD_ICPENDR, 0, 0xffffffff, WORDS, .read = gicd_pending_read,
	    .write = gicd_icpendr_write),
	R32(GICD_ISACTIVER + 4, GICD_ISACTIVER, 0, 0xffffffff, WORDS, .read = gicd_active_read,
	    .write = gicd_isactiver_write),
	R32(GICD_ICACTIVER + 4, GICD_ICACTIVER, 0, 0xffffffff, WORDS, .read = gicd_active_read,
	    .write = gicd_icactiver_write),
	R8(GICD_IPRIORITYR + 32, GICD_IPRIORITYR, 0, PRIORITY_MASK, EACH, .stride = 1, .write = gicd_ipriorityr_write),
	R32(GICD_ICFGR + 8, GICD_ICFGR, 0, 0xaaaaaaaa, HALVES, .write = gicd_icfgr_write),
	R64(GICD_IROUTER + 256, GICD_IROUTER, 0, GICD_IROUTER_AFF | GICD_IROUTER_IRM, EACH, .stride = 8,
	    .write = gicd_irouter_write),
	GIC_ID_ROWS(0x492),
};

void gicd_init(struct gic *gic)
{
	regs_init(&gic->dist, "gicd", gic, REGS_BYTES, GIC_FRAME_BYTES);
	REGS_ADD(&gic->dist, 0, gicd_rows);
}

void gicd_reset(struct gic *gic)
{
	regs_reset(&gic->dist, RESET_COLD);
	gic->group_enable[0] = gic->group_enable[1] = false;
	gic->spi_summary = 0;
	for (unsigned w = 0; w < SPI_WORDS_MAX; w++) {
		u32 level = gic->spi[w].level;

		gic->spi[w] = (struct irq_bank){.level = level};
		gic->spi_candidate[w] = 0;
	}
	for (unsigned spi = 0; spi < 32 * gic->spi_words; spi++)
		spi_route(gic, spi, 0);
}
