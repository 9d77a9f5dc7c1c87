/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GIC as a whole: creation, address map, reset and input wires. [IHI0069]
 *
 * The machine creates one, maps it, connects lines and the message target, and resets it with the machine. Wires keep
 * their level over a reset, as they belong to the devices that drive them. Machine lock held throughout, but at
 * creation.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "irq/gic_state.h"

#define REDIST_BYTES (2 * GIC_FRAME_BYTES)
#define AFFINITY (MASK(39, 32) | MASK(23, 0))

struct gic *gic_create(const struct gic_config *config, struct error *err)
{
	struct gic *gic;

	if (config->cpu_count < 1 || config->cpu_count > GIC_CPUS_MAX) {
		fail(err, "GICv3: %u CPUs; it serves 1 to %d", config->cpu_count, GIC_CPUS_MAX);
		return NULL;
	}
	if (config->spi_count % 32 || config->spi_count > 32 * SPI_WORDS_MAX) {
		fail(err, "GICv3: %u shared interrupts; the number must be a multiple of 32, at most %d",
		     config->spi_count, 32 * SPI_WORDS_MAX);
		return NULL;
	}
	if (config->redist_size < (u64)config->cpu_count * REDIST_BYTES) {
		fail(err, "GICv3: %u redistributors of 128 KiB do not fit %llu KiB", config->cpu_count,
		     (unsigned long long)(config->redist_size / KiB));
		return NULL;
	}
	gic = calloc(1, sizeof(*gic));
	if (gic)
		gic->pe = calloc(config->cpu_count, sizeof(*gic->pe));
	if (!gic || !gic->pe) {
		free(gic);
		fail(err, "GICv3: out of memory");
		return NULL;
	}
	gic->config = *config;
	gic->cpu_count = config->cpu_count;
	gic->spi_words = config->spi_count / 32;
	gicd_init(gic);
	for (unsigned i = 0; i < gic->cpu_count; i++) {
		struct gic_pe *pe = &gic->pe[i];

		pe->gic = gic;
		pe->index = i;
		pe->affinity = config->mpidr(i) & AFFINITY;
		snprintf(pe->name, sizeof(pe->name), "gicr%u", i);
		gicr_init(pe);
	}
	if (config->its)
		its_init(gic);
	cpuif_add(gic);
	gic_reset(gic);
	return gic;
}

void gic_destroy(struct gic *gic)
{
	if (!gic)
		return;
	if (gic->dist_region.added) {
		space_remove(gic->config.space, &gic->dist_region);
		for (unsigned i = 0; i < gic->cpu_count; i++)
			space_remove(gic->config.space, &gic->pe[i].region);
		if (gic->config.its)
			space_remove(gic->config.space, &gic->its_region);
	}
	regs_free(&gic->dist);
	for (unsigned i = 0; i < gic->cpu_count; i++)
		regs_free(&gic->pe[i].regs);
	if (gic->config.its)
		regs_free(&gic->its);
	free(gic->pe);
	free(gic);
}

void gic_reset(struct gic *gic)
{
	for (unsigned i = 0; i < gic->cpu_count; i++) {
		gicr_reset(&gic->pe[i]);
		cpuif_reset(&gic->pe[i]);
	}
	gicd_reset(gic);
	if (gic->config.its)
		its_reset(gic);
	for (unsigned w = 0; w < gic->spi_words; w++)
		spi_changed(gic, w, ~0u);
	gic_choose_any_target(gic);
	gic_settle(gic);
}

void gic_core_reset(struct gic *gic, unsigned cpu)
{
	cpuif_reset(&gic->pe[cpu]);
	gic_choose_any_target(gic);
	gic_settle(gic);
}

static void map_block(struct gic *gic, struct region *region, struct regs *regs, u64 base)
{
	*region =
		(struct region){.name = regs->name, .base = base, .size = regs->size, .ops = &regs_io, .opaque = regs};
	space_add(gic->config.space, region);
}

void gic_map(struct gic *gic)
{
	space_begin(gic->config.space);
	map_block(gic, &gic->dist_region, &gic->dist, gic->config.dist_base);
	for (unsigned i = 0; i < gic->cpu_count; i++)
		map_block(gic, &gic->pe[i].region, &gic->pe[i].regs, gic->config.redist_base + (u64)i * REDIST_BYTES);
	if (gic->config.its)
		map_block(gic, &gic->its_region, &gic->its, gic->config.its_base);
	space_end(gic->config.space);
}

static void spi_line_set(void *opaque, unsigned n, bool level)
{
	struct gic *gic = opaque;

	if (bank_set_level(&gic->spi[n / 32], n % 32, level)) {
		spi_changed(gic, n / 32, 1u << n % 32);
		gic_settle(gic);
	}
}

static void ppi_line_set(void *opaque, unsigned n, bool level)
{
	struct gic_pe *pe = opaque;

	if (bank_set_level(&pe->s.bank, n, level)) {
		pe_dirty(pe);
		gic_settle(pe->gic);
	}
}

struct line gic_spi(struct gic *gic, unsigned n)
{
	assert(n < 32 * gic->spi_words);
	return (struct line){.set = spi_line_set, .opaque = gic, .n = n};
}

struct line gic_ppi(struct gic *gic, unsigned cpu, unsigned intid)
{
	assert(cpu < gic->cpu_count && intid >= INTID_PPI && intid < INTID_SPI);
	return (struct line){.set = ppi_line_set, .opaque = &gic->pe[cpu], .n = intid};
}

static void msi_send(void *opaque, u32 requester_id, u64 pa, u32 data)
{
	struct gic *gic = opaque;

	loop_lock(gic->config.loop);
	if (gic->config.its && pa == gic->config.its_base + GITS_TRANSLATER)
		its_translate(gic, requester_id, data);
	else
		guest_error(GIC_MESSAGE, "gic: message to %#llx, which is no doorbell", (unsigned long long)pa);
	loop_unlock(gic->config.loop);
}

struct msi_target gic_msi_target(struct gic *gic)
{
	return (struct msi_target){
		.send = msi_send,
		.opaque = gic,
		.base = gic->config.its ? gic->config.its_base + GITS_TRANSLATER : 0,
		.size = gic->config.its ? 4 : 0,
	};
}
