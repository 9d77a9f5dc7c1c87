/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory-mapped transport: the board's slots, each 512 bytes with an interrupt of its own, empty or with a device
 * in it. [VIRTIO1.2 4.2] A slot speaks version 2, or by default, as QEMU's, the legacy interface (version 1)
 * [VIRTIO1.2 4.2.4]: there a queue is one stretch of memory named by its page number, and features are 32 bits. An
 * empty slot has device ID 0, at which a driver stops. Control registers are read and written by words; the device's
 * configuration, from 0x100 on, by any width. Under the machine lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/conformance.h"
#include "base/trace.h"
#include "virtio/device.h"

#define SLOT_VENDOR 0x564c5843 /* "CXLV" */

struct virtio_slot {
	struct bus bus;
	char bus_name[32];
	struct virtio *virtio; /* NULL: empty */
	struct line line;
	struct regs regs;
	bool legacy;
};

struct virtio_mmio {
	struct space *space;
	struct region region;
	struct virtio_slot slots[VIRTIO_SLOTS_MAX];
	unsigned count;
};

/* --- Registers --- */

static struct virtio_slot *slot_of(struct regs *b)
{
	return b->owner;
}

static struct virtq *selected(struct virtio_slot *slot)
{
	u32 n = regs_get(&slot->regs, MMIO_QUEUE_SEL, 4);

	return slot->virtio && n < slot->virtio->queue_count ? &slot->virtio->queues[n] : NULL;
}

static u64 version_read(struct regs *b, unsigned i, u64 stored)
{
	return slot_of(b)->legacy ? 1 : 2;
}

static u64 device_id_read(struct regs *b, unsigned i, u64 stored)
{
	return slot_of(b)->virtio ? slot_of(b)->virtio->type->id : 0;
}

static u64 features_read(struct regs *b, unsigned i, u64 stored)
{
	u32 select = regs_get(b, MMIO_DEVICE_FEATURES_SEL, 4);

	return slot_of(b)->virtio && select < 2 ? (u32)(slot_of(b)->virtio->offered >> (32 * select)) : 0;
}

static void features_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (slot_of(b)->virtio)
		virtio_features_write(slot_of(b)->virtio, regs_get(b, MMIO_DRIVER_FEATURES_SEL, 4), now);
}

static u64 queue_max_read(struct regs *b, unsigned i, u64 stored)
{
	const struct virtq *queue = selected(slot_of(b));

	return queue ? queue->size_max : 0;
}

/* The registers of a queue become those of the selected one; without one they read 0. */
static void queue_load(struct virtio_slot *slot)
{
	static const struct virtq none;
	const struct virtq *queue = selected(slot);

	if (!queue)
		queue = &none;
	regs_set(&slot->regs, MMIO_QUEUE_NUM, 4, queue->size);
	regs_set(&slot->regs, MMIO_QUEUE_DESC, 8, queue->desc);
	regs_set(&slot->regs, MMIO_QUEUE_DRIVER, 8, queue->avail);
	regs_set(&slot->regs, MMIO_QUEUE_DEVICE, 8, queue->used);
}

static void queue_select_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	queue_load(slot_of(b));
}

/* Size and addresses: only while the queue is off; checked when it is switched on. */
static void queue_layout_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtq *queue = selected(slot_of(b));

	if (queue && !queue->enabled) {
		queue->size = (u16)MIN(regs_get(b, MMIO_QUEUE_NUM, 4), 0xffff);
		queue->desc = regs_get(b, MMIO_QUEUE_DESC, 8);
		queue->avail = regs_get(b, MMIO_QUEUE_DRIVER, 8);
		queue->used = regs_get(b, MMIO_QUEUE_DEVICE, 8);
	}
	queue_load(slot_of(b));
}

static void queue_enable(struct virtq *queue)
{
	if (virtq_layout_ok(queue))
		queue->enabled = true;
	else
		virtio_broken(queue->virtio, "a queue was enabled with a wrong size or address");
}

static u64 queue_ready_read(struct regs *b, unsigned i, u64 stored)
{
	const struct virtq *queue = selected(slot_of(b));

	return queue && !slot_of(b)->legacy && queue->enabled;
}

static void queue_ready_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtq *queue = selected(slot_of(b));

	if (!queue || slot_of(b)->legacy || queue->enabled == (now & 1))
		return;
	if (now & 1)
		queue_enable(queue);
	else
		virtio_queue_reset(queue);
	queue_load(slot_of(b));
}

/* [VIRTIO1.2 2.6.1] It is over at once. */
static void queue_reset_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtq *queue = selected(slot_of(b));

	regs_set(b, MMIO_QUEUE_RESET, 4, 0);
	if (queue && now == 1 && virtio_has(queue->virtio, VIRTIO_F_RING_RESET))
		virtio_queue_reset(queue);
	queue_load(slot_of(b));
}

/* Legacy: descriptors, available ring, and the used ring at the next multiple of the alignment. [VIRTIO1.2 2.7.2] */
static u64 queue_pfn_read(struct regs *b, unsigned i, u64 stored)
{
	const struct virtq *queue = selected(slot_of(b));
	u32 page = regs_get(b, MMIO_GUEST_PAGE_SIZE, 4);

	return queue && slot_of(b)->legacy && queue->enabled && page ? queue->desc / page : 0;
}

static void queue_pfn_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtq *queue = selected(slot_of(b));
	u64 align = regs_get(b, MMIO_QUEUE_ALIGN, 4), base = now * regs_get(b, MMIO_GUEST_PAGE_SIZE, 4);
	u16 size;

	if (!queue || !slot_of(b)->legacy)
		return;
	size = queue->size;
	virtio_queue_reset(queue);
	if (now) {
		queue->size = size;
		queue->desc = base;
		queue->avail = base + DESC_BYTES * (u64)size;
		queue->used =
			is_power_of_2(align) ? (queue->avail + 2 * (3 + (u64)size) + align - 1) & ~(align - 1) : 1;
		queue_enable(queue);
	}
	queue_load(slot_of(b));
}

static void notify_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (slot_of(b)->virtio)
		virtio_notified(slot_of(b)->virtio, now);
}

static u64 interrupt_read(struct regs *b, unsigned i, u64 stored)
{
	return slot_of(b)->virtio ? slot_of(b)->virtio->isr : 0;
}

static void acknowledge_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct virtio_slot *slot = slot_of(b);

	if (!slot->virtio)
		return;
	slot->virtio->isr &= ~now;
	line_set(&slot->line, slot->virtio->isr);
}

static u64 generation_read(struct regs *b, unsigned i, u64 stored)
{
	return slot_of(b)->virtio ? slot_of(b)->virtio->generation : 0;
}

static u64 status_read(struct regs *b, unsigned i, u64 stored)
{
	return slot_of(b)->virtio ? slot_of(b)->virtio->status : 0;
}

static void status_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (slot_of(b)->virtio)
		virtio_status_write(slot_of(b)->virtio, now);
}

/* Only a word: in the registers of the other interface nothing happens. */
#define WORD 0xffffffff
static const struct reg slot_rows[] = {
	R32(MMIO_MAGIC, MagicValue, 0x74726976, 0),
	R32(MMIO_VERSION, Version, 0, 0, .read = version_read),
	R32(MMIO_DEVICE_ID, DeviceID, 0, 0, .read = device_id_read),
	R32(MMIO_VENDOR_ID, VendorID, SLOT_VENDOR, 0),
	R32(MMIO_DEVICE_FEATURES, DeviceFeatures, 0, 0, .read = features_read),
	R32(MMIO_DEVICE_FEATURES_SEL, DeviceFeaturesSel, 0, WORD),
	R32(MMIO_DRIVER_FEATURES, DriverFeatures, 0, WORD, .write = features_write),
	R32(MMIO_DRIVER_FEATURES_SEL, DriverFeaturesSel, 0, WORD),
	R32(MMIO_GUEST_PAGE_SIZE, GuestPageSize, 0, WORD),
	R32(MMIO_QUEUE_SEL, QueueSel, 0, WORD, .write = queue_select_write),
	R32(MMIO_QUEUE_NUM_MAX, QueueNumMax, 0, 0, .read = queue_max_read),
	R32(MMIO_QUEUE_NUM, QueueNum, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_ALIGN, QueueAlign, 0, WORD),
	R32(MMIO_QUEUE_PFN, QueuePFN, 0, WORD, .read = queue_pfn_read, .write = queue_pfn_write),
	R32(MMIO_QUEUE_READY, QueueReady, 0, WORD, .read = queue_ready_read, .write = queue_ready_write),
	R32(MMIO_QUEUE_NOTIFY, QueueNotify, 0, WORD, .write = notify_write),
	R32(MMIO_INTERRUPT_STATUS, InterruptStatus, 0, 0, .read = interrupt_read),
	R32(MMIO_INTERRUPT_ACK, InterruptACK, 0, WORD, .write = acknowledge_write),
	R32(MMIO_STATUS, Status, 0, 0xff, .read = status_read, .write = status_write),
	R32(MMIO_QUEUE_DESC, QueueDescLow, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_DESC + 4, QueueDescHigh, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_DRIVER, QueueDriverLow, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_DRIVER + 4, QueueDriverHigh, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_DEVICE, QueueDeviceLow, 0, WORD, .write = queue_layout_write),
	R32(MMIO_QUEUE_DEVICE + 4, QueueDeviceHigh, 0, WORD, .write = queue_layout_write),
	R32(MMIO_SHM_SEL, SHMSel, 0, WORD),
	R32(MMIO_SHM_LEN, SHMLenLow, WORD, 0), /* all ones: there is no such region */
	R32(MMIO_SHM_LEN + 4, SHMLenHigh, WORD, 0),
	R32(MMIO_SHM_LEN + 8, SHMBaseLow, WORD, 0),
	R32(MMIO_SHM_LEN + 12, SHMBaseHigh, WORD, 0),
	R32(MMIO_QUEUE_RESET, QueueReset, 0, WORD, .write = queue_reset_write),
	R32(MMIO_CONFIG_GENERATION, ConfigGeneration, 0, 0, .read = generation_read),
};

static struct virtio_slot *slot_at(struct virtio_mmio *mmio, u64 *offset)
{
	struct virtio_slot *slot = &mmio->slots[*offset / VIRTIO_SLOT_BYTES];

	*offset %= VIRTIO_SLOT_BYTES;
	return slot;
}

static enum mem_result mmio_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct virtio_slot *slot = slot_at(opaque, &offset);

	*value = 0;
	if (offset >= MMIO_CONFIG)
		*value = slot->virtio ? virtio_config_read(slot->virtio, offset - MMIO_CONFIG, size) : 0;
	else if (size == 4 && is_aligned(offset, 4))
		*value = regs_read(&slot->regs, offset, 4);
	else
		guest_error(VIRTIO_WIDTH, "%s: a read of %u bytes at 0x%llx: registers have words", slot->regs.name,
			    size, (unsigned long long)offset);
	return MEM_OK;
}

static enum mem_result mmio_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct virtio_slot *slot = slot_at(opaque, &offset);

	if (offset >= MMIO_CONFIG && slot->virtio)
		virtio_config_write(slot->virtio, offset - MMIO_CONFIG, size, value);
	else if (size == 4 && is_aligned(offset, 4))
		regs_write(&slot->regs, offset, 4, value);
	else
		guest_error(VIRTIO_WIDTH, "%s: a write of %u bytes at 0x%llx: registers have words", slot->regs.name,
			    size, (unsigned long long)offset);
	return MEM_OK;
}

static const struct io_ops mmio_io = {.read = mmio_read, .write = mmio_write};

/* --- The slots of the board --- */

struct virtio_mmio *virtio_mmio_create(struct space *space, u64 base, unsigned count, const struct line *lines,
				       bool legacy)
{
	struct virtio_mmio *mmio = calloc(1, sizeof(*mmio));

	assert(mmio && count <= VIRTIO_SLOTS_MAX);
	mmio->space = space;
	mmio->count = count;
	for (unsigned n = 0; n < count; n++) {
		struct virtio_slot *slot = &mmio->slots[n];

		slot->legacy = legacy;
		slot->line = lines[n];
		snprintf(slot->bus_name, sizeof(slot->bus_name), "virtio-mmio-bus.%u", n);
		slot->bus = (struct bus){.name = slot->bus_name, .kind = BUS_VIRTIO, .opaque = slot};
		regs_init(&slot->regs, slot->bus_name, slot, REGS_BYTES, MMIO_CONFIG);
		REGS_ADD(&slot->regs, 0, slot_rows);
		regs_reset(&slot->regs, RESET_COLD);
	}
	mmio->region = (struct region){.name = "virtio-mmio",
				       .base = base,
				       .size = count * VIRTIO_SLOT_BYTES,
				       .ops = &mmio_io,
				       .opaque = mmio};
	space_add(space, &mmio->region);
	return mmio;
}

void virtio_mmio_destroy(struct virtio_mmio *mmio)
{
	if (!mmio)
		return;
	space_remove(mmio->space, &mmio->region);
	for (unsigned n = 0; n < mmio->count; n++)
		regs_free(&mmio->slots[n].regs);
	free(mmio);
}

struct bus *virtio_mmio_bus(struct virtio_mmio *mmio, const char *name)
{
	for (unsigned n = mmio->count; n--;)
		if (name ? !strcmp(name, mmio->slots[n].bus_name) : !mmio->slots[n].virtio)
			return &mmio->slots[n].bus;
	return NULL;
}

u64 virtio_mmio_address(const struct virtio_mmio *mmio, const struct bus *bus)
{
	const struct virtio_slot *slot = bus->opaque;

	return mmio->region.base + (u64)(slot - mmio->slots) * VIRTIO_SLOT_BYTES;
}

/* --- A device in a slot --- */

static bool slot_attach(struct virtio *virtio, const struct virtio_type *type, const struct dev_env *env,
			struct error *err)
{
	const char *name = dev_name(&virtio->dev);
	struct virtio_slot *slot = env->bus && env->bus->kind == BUS_VIRTIO ? env->bus->opaque : NULL;

	if (!slot)
		return fail(err, "%s: %s; write bus=virtio-mmio-bus.N, N in 0..%d, or leave bus= out", name,
			    env->bus ? "this bus has no virtio-mmio slot" : "every virtio-mmio slot has a device",
			    VIRTIO_SLOTS_MAX - 1);
	if (slot->virtio)
		return fail(err, "%s: bus=%s: '%s' is in this slot; name another", name, slot->bus_name,
			    dev_name(&slot->virtio->dev));
	if (virtio->iommu_platform)
		return fail(err, "%s: iommu_platform=on: virtio-mmio slots are not behind the SMMU; leave it out",
			    name);
	virtio->slot = slot;
	virtio->legacy = slot->legacy;
	slot->virtio = virtio;
	return true;
}

static void slot_detach(struct virtio *virtio)
{
	if (!virtio->slot)
		return;
	line_set(&virtio->slot->line, false);
	virtio->slot->virtio = NULL;
}

static void slot_cleared(struct virtio *virtio)
{
	u64 page = regs_get(&virtio->slot->regs, MMIO_GUEST_PAGE_SIZE, 4);

	regs_reset(&virtio->slot->regs, RESET_COLD);
	regs_set(&virtio->slot->regs, MMIO_GUEST_PAGE_SIZE, 4,
		 page); /* a legacy driver writes it once, before it resets */
	queue_load(virtio->slot);
	line_set(&virtio->slot->line, false);
}

static void slot_interrupt(struct virtio *virtio, struct virtq *queue)
{
	virtio->isr |= queue ? ISR_QUEUE : ISR_CONFIG;
	line_set(&virtio->slot->line, true);
}

static bool slot_may_send(struct virtio *virtio)
{
	return true;
}

const struct virtio_transport virtio_mmio_transport = {
	.attach = slot_attach,
	.detach = slot_detach,
	.cleared = slot_cleared,
	.interrupt = slot_interrupt,
	.may_send = slot_may_send,
};
