/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Empty virtio-mmio transports: the board has 32 slots and no device in any; virtio devices are PCI functions here. A
 * slot answers its magic, version 2, device ID 0 (the driver looks no further) and a vendor; the rest is RAZ/WI.
 * [VIRTIO1.2 4.2.2] Machine lock held.
 */
#include <stdlib.h>

#include "dev/platform.h"
#include "mem/reg.h"

#define SLOT_BYTES  16 /* of registers that are not zero */
#define SLOT_VENDOR 0x564c5843 /* "CXLV" */

struct virtio_mmio_slots {
	struct space *space;
	struct regs regs;
	struct region region;
	u64 stride;
};

static const struct reg slot_rows[] = {
	R32(0x0, MagicValue, 0x74726976, 0),
	R32(0x4, Version,    2,          0),
	R32(0x8, DeviceID,   0,          0),
	R32(0xc, VendorID,   SLOT_VENDOR, 0),
};

static enum mem_result slots_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct virtio_mmio_slots *slots = opaque;

	*value = regs_read(&slots->regs, offset % slots->stride, size);
	return MEM_OK;
}

static enum mem_result slots_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct virtio_mmio_slots *slots = opaque;

	regs_write(&slots->regs, offset % slots->stride, size, value);
	return MEM_OK;
}

static const struct io_ops slots_io = {.read = slots_read, .write = slots_write};

struct virtio_mmio_slots *virtio_mmio_slots_map(struct space *space, u64 base, unsigned count, u64 stride)
{
	struct virtio_mmio_slots *slots = calloc(1, sizeof(*slots));

	assert(slots && stride >= SLOT_BYTES);
	slots->space = space;
	slots->stride = stride;
	regs_init(&slots->regs, "virtio-mmio", slots, REGS_BYTES, SLOT_BYTES);
	REGS_ADD(&slots->regs, 0, slot_rows);
	slots->region = (struct region){
		.name = "virtio-mmio", .base = base, .size = count * stride, .ops = &slots_io, .opaque = slots};
	space_add(space, &slots->region);
	return slots;
}

void virtio_mmio_slots_destroy(struct virtio_mmio_slots *slots)
{
	if (!slots)
		return;
	space_remove(slots->space, &slots->region);
	regs_free(&slots->regs);
	free(slots);
}
