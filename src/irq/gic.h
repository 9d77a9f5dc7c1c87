/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of irq/: a GICv3 with one security state (GICD_CTLR.DS = 1, both groups), distributor, redistributors, CPU
 * interface by system registers, LPIs and one ITS. [IHI0069]
 */
#ifndef IRQ_GIC_H
#define IRQ_GIC_H

#include "base/error.h"
#include "base/line.h"
#include "base/types.h"
#include "mem/mem.h"

struct gic;
struct cpus;

struct gic_config {
	unsigned cpu_count;
	unsigned spi_count; /* multiple of 32, INTIDs 32.. */
	struct loop *loop;
	struct space *space; /* for LPI and ITS tables in guest memory */
	struct cpus *cpus;   /* sysreg_add */
	u64 (*mpidr)(unsigned index);
	/* Outputs: IRQ and FIQ of vCPU `index`. */
	void (*set_irq)(struct cpus *cpus, unsigned index, bool level);
	void (*set_fiq)(struct cpus *cpus, unsigned index, bool level);
	/* WakeRequest: it sleeps (GICR_WAKER), and an interrupt waits for it. */
	void (*set_wake)(struct cpus *cpus, unsigned index, bool level);
	bool its;
	u64 dist_base, redist_base, redist_size, its_base; /* where the machine puts the frames */
};

struct gic *gic_create(const struct gic_config *config, struct error *err);
void gic_destroy(struct gic *gic);
void gic_reset(struct gic *gic);
/* A core has gone off or starts anew: its CPU interface is reset, its redistributor is not. Machine lock held. */
void gic_core_reset(struct gic *gic, unsigned cpu);
/* Adds the MMIO regions to the space. */
void gic_map(struct gic *gic);
/* Inputs, under the machine lock: SPI n is INTID 32 + n. */
struct line gic_spi(struct gic *gic, unsigned n);
struct line gic_ppi(struct gic *gic, unsigned cpu, unsigned intid);
/* The ITS doorbell: space_set_msi_target's. */
struct msi_target gic_msi_target(struct gic *gic);

#endif
