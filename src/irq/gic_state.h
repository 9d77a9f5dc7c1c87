/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Private to irq/: what the GIC remembers, and what its files call of each other. Everything runs under the machine
 * lock.
 *
 * An INTID below 1020 lives in a `struct irq_bank` of 32: one per PE for SGIs and PPIs, one per 32 SPIs. Its latch
 * holds what an edge, a software write or an SGI made pending; the level is the wire, and beside it what messages
 * (SETSPI, CLRSPI) assert of level-sensitive SPIs. Pending is latch | ((level | message) & ~edge).
 *
 * LPIs live in bitmaps per PE. While an LPI is pending its configuration byte is cached (INV and INVALL refresh it);
 * otherwise nothing of it is kept and it is read when it next becomes pending. So a stale byte cannot outlive an
 * interrupt, on whichever PE it was.
 *
 * Whoever changes what could alter a PE's highest-priority pending interrupt marks that PE dirty; every entry into
 * the room ends with gic_settle, which recomputes the dirty ones and moves the output wires.
 */
#ifndef IRQ_GIC_STATE_H
#define IRQ_GIC_STATE_H

#include "irq/gic.h"
#include "irq/gic_spec.h"
#include "mem/reg.h"

#define GIC_CPUS_MAX 16
#define SPI_WORDS_MAX 30 /* INTIDs 32..991 */
#define GIC_ID_BITS 16
#define LPI_COUNT ((1u << GIC_ID_BITS) - INTID_LPI)
#define LPI_WORDS (LPI_COUNT / 64)
#define LPI_SUMMARY (LPI_WORDS / 64)

/* Five priority bits: 32 levels, one active-priorities register per group. */
#define PRIORITY_MASK 0xf8u
#define PRIORITY_SHIFT 3
#define PRIORITY_LEVELS 32
#define BPR0_MIN 2 /* group priority is bits 7..BPR0+1 */
#define BPR1_MIN 3 /* group priority is bits 7..BPR1 */

_Static_assert(LPI_WORDS % 64 == 0, "LPI summary words must be whole");

struct irq_bank {
	u32 group, enable, latch, edge, active;
	u32 message; /* levels that SETSPI_NSR asserted */
	u32 level;   /* wires: survives reset */
	u8 priority[32];
};

/* --- guest-visible state of one PE: redistributor and CPU interface --- */
struct pe_state {
	struct irq_bank bank;
	bool asleep;
	bool lpis_enabled;
	bool no_spi[2]; /* GICR_CTLR.DPG: takes no 1-of-N SPIs of the group */
	/* CPU interface */
	u8 pmr, bpr[2];
	bool cbpr, eoi_mode;
	bool group_enable[2];
	u32 apr[2];
	/* LPIs */
	u32 lpi_limit; /* LPIs that the tables hold, as PROPBASER.IDbits said when they were enabled */
	u64 config_table, pending_table;
	u64 lpi_pending[LPI_WORDS];
	/* caches */
	u8 lpi_config[LPI_COUNT];                           /* valid where lpi_pending is set */
	u64 lpi_ready[LPI_WORDS], lpi_summary[LPI_SUMMARY]; /* pending and enabled */
	u32 lpi_at_level[PRIORITY_LEVELS], lpi_levels;      /* ready LPIs per priority, bit per non-empty level */
	u32 spi_route[SPI_WORDS_MAX];                       /* SPIs whose IROUTER names this PE */
	u32 hppi;                                           /* INTID, or INTID_NONE */
	u8 hppi_priority, hppi_group;
	bool irq, fiq, wake;
};

struct gic_pe {
	struct gic *gic;
	unsigned index;
	u64 affinity; /* Aff3..Aff0 as in MPIDR */
	char name[16];
	struct regs regs; /* both frames */
	struct region region;
	struct pe_state s;
};

struct its_state {
	bool enabled, stalled;
	u32 creadr; /* offset of the next command */
	u32 invall; /* PEs whose LPI configuration is to be read again when the queue has been worked off */
};

struct gic {
	struct gic_config config;
	unsigned cpu_count, spi_words;
	struct regs dist, its;
	struct region dist_region, its_region;
	/* state */
	bool group_enable[2];
	struct irq_bank spi[SPI_WORDS_MAX];
	struct its_state its_s;
	/* caches */
	u32 spi_any[SPI_WORDS_MAX];       /* SPIs with IROUTER.Interrupt_Routing_Mode = 1 */
	u32 spi_candidate[SPI_WORDS_MAX]; /* pending, enabled, not active */
	u32 spi_summary;                  /* bit per non-zero word of spi_candidate */
	u32 any_target[2];                /* the PE that takes 1-of-N SPIs of the group; GIC_CPUS_MAX: none */
	u32 dirty;
	struct gic_pe *pe; /* cpu_count of them */
};

/* gicd.c */
void gicd_init(struct gic *gic);
void gicd_reset(struct gic *gic);

/* gicr.c */
void gicr_init(struct gic_pe *pe);
void gicr_reset(struct gic_pe *pe);

/* gic_cpuif.c */
void cpuif_reset(struct gic_pe *pe);
void cpuif_add(struct gic *gic);

/* deliver.c */
static inline u32 bank_pending(const struct irq_bank *b)
{
	return b->latch | ((b->level | b->message) & ~b->edge);
}
void pe_dirty(struct gic_pe *pe);
void gic_dirty_all(struct gic *gic);
/* SPIs `bits` of word `w` changed in any way. */
void spi_changed(struct gic *gic, unsigned w, u32 bits);
/* WAKER, group enables or DPG changed: chooses who takes 1-of-N SPIs. */
void gic_choose_any_target(struct gic *gic);
void gic_settle(struct gic *gic);
/* The highest active priority, or 0x100 when idle. */
u32 pe_running_priority(const struct gic_pe *pe);
/* Bits of a priority that decide preemption in the group. */
u32 pe_group_priority_mask(const struct gic_pe *pe, unsigned group);
/* Whether the highest-priority pending interrupt would be signalled now. */
bool pe_can_signal(const struct gic_pe *pe);
/* A wire or message: bit `b` of a bank. True if pending may have changed. */
bool bank_set_level(struct irq_bank *bank, unsigned b, bool level);

/* lpi.c */
void lpi_enable(struct gic_pe *pe);
void lpi_disable(struct gic_pe *pe);
void lpi_reset(struct gic_pe *pe);
void lpi_set_pending(struct gic_pe *pe, u32 intid);
/* Both return whether it was pending. */
bool lpi_clear_pending(struct gic_pe *pe, u32 intid);
bool lpi_move(struct gic_pe *from, struct gic_pe *to, u32 intid);
/* True: some moved, and nothing may be delivered before lpi_refresh_all of both. */
bool lpi_move_all(struct gic_pe *from, struct gic_pe *to);
void lpi_refresh(struct gic_pe *pe, u32 intid);
void lpi_refresh_all(struct gic_pe *pe);
/* INTID of the best ready LPI, its priority in *priority; 0 if there is none. */
u32 lpi_best(const struct gic_pe *pe, u32 *priority);

/* its.c */
void its_init(struct gic *gic);
void its_reset(struct gic *gic);
/* A message: EventID `event` of DeviceID `device`. */
void its_translate(struct gic *gic, u32 device, u32 event);

/* its_table.c: entries in guest memory. Each returns false when the tables do not hold it. */
struct its_device {
	u64 itt; /* PA, 256-byte aligned */
	u32 event_bits;
};
struct its_event {
	u32 intid, collection;
};
bool its_device_get(struct gic *gic, u32 device, struct its_device *entry);
bool its_device_put(struct gic *gic, u32 device, const struct its_device *entry); /* NULL: unmap */
bool its_collection_get(struct gic *gic, u32 collection, u32 *pe);
bool its_collection_put(struct gic *gic, u32 collection, u32 pe, bool valid);
bool its_event_get(struct gic *gic, const struct its_device *device, u32 event, struct its_event *entry);
bool its_event_put(struct gic *gic, const struct its_device *device, u32 event, const struct its_event *entry);
/* Page sizes, entry sizes and types: for its.c's rows. */
#define ITS_ENTRY_BYTES 8
enum { ITS_TABLE_DEVICE, ITS_TABLE_COLLECTION, ITS_TABLES };

#endif
