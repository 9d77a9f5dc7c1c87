/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Generic Event Device, and the sleep and reset registers of hardware-reduced ACPI. [ACPI6.5 5.6.9, 4.8.3.6-7]
 *
 * The selector holds pending events; reading it clears them and drops the line, which is high while any is pending.
 * So the interrupt works declared as edge or as level: an event after the read is a new edge. Machine lock held;
 * system_off and system_reset are called under it, from the vCPU's thread.
 */
#include <stdlib.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "dev/platform.h"
#include "mem/reg.h"

#define SLEEP_EN BIT(5)

struct ged {
	/* parts */
	struct space *space;
	struct line line;
	struct regs regs;
	struct region region;
	void (*system_off)(void *opaque);
	void (*system_reset)(void *opaque);
	void *opaque;
	/* state */
	u32 events;
};

static u64 selector_read(struct regs *b, unsigned i, u64 stored)
{
	struct ged *ged = b->owner;
	u32 events = ged->events;

	ged->events = 0;
	line_set(&ged->line, false);
	return events;
}

static void sleep_control_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct ged *ged = b->owner;
	unsigned type = (unsigned)bits(now, 4, 2);

	regs_set(b, GED_SLEEP_CONTROL, 1, now & ~SLEEP_EN); /* SLP_EN is write-only */
	if (!(now & SLEEP_EN))
		return;
	if (type == GED_SLEEP_TYPE_S5)
		ged->system_off(ged->opaque);
	else
		trace(UNIMP, "ged: sleep type %u: only S5 (%d) exists", type, GED_SLEEP_TYPE_S5);
}

static void reset_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct ged *ged = b->owner;

	regs_set(b, GED_RESET, 1, 0);
	if (now == GED_RESET_VALUE)
		ged->system_reset(ged->opaque);
	else
		guest_error(GED_RESET, "ged: 0x%02x written to the reset register; 0x%02x resets", (unsigned)now,
			    GED_RESET_VALUE);
}

static const struct reg ged_rows[] = {
	/*  offset              name           reset software writes */
	R32(GED_SELECTOR, SELECTOR, 0, 0, .read = selector_read),
	R8(GED_SLEEP_CONTROL, SLEEP_CONTROL, 0, 0x3c, .write = sleep_control_write),
	R8(GED_SLEEP_STATUS, SLEEP_STATUS, 0, 0, .w1c = 0x80),
	R8(GED_RESET, RESET, 0, 0xff, .write = reset_write),
};

struct ged *ged_create(struct loop *loop, struct space *space, u64 base, struct line line,
		       void (*system_off)(void *opaque), void (*system_reset)(void *opaque), void *opaque)
{
	struct ged *ged = calloc(1, sizeof(*ged));

	assert(ged);
	ged->space = space;
	ged->line = line;
	ged->system_off = system_off;
	ged->system_reset = system_reset;
	ged->opaque = opaque;
	regs_init(&ged->regs, "ged", ged, REGS_BYTES, GED_BYTES);
	REGS_ADD(&ged->regs, 0, ged_rows);
	ged->region =
		(struct region){.name = "ged", .base = base, .size = GED_BYTES, .ops = &regs_io, .opaque = &ged->regs};
	space_add(space, &ged->region);
	return ged;
}

void ged_reset(struct ged *ged)
{
	regs_reset(&ged->regs, RESET_COLD);
	ged->events = 0;
	line_set(&ged->line, false);
}

void ged_raise(struct ged *ged, u32 events)
{
	ged->events |= events;
	line_set(&ged->line, ged->events);
}

void ged_destroy(struct ged *ged)
{
	if (!ged)
		return;
	space_remove(ged->space, &ged->region);
	regs_free(&ged->regs);
	free(ged);
}
