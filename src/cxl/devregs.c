/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory device register block, BAR 2: capability array, Device Status, Primary Mailbox, Memory Device Status.
 * [CXL3.1 8.2.8] Byte-enabled, so that 1- to 8-byte accesses all do what they say (design D7). The mailbox payload is
 * memory of its own (mailbox.c), reached from here. Machine lock.
 */
#include "base/trace.h"
#include "cxl/type3.h"

/* Linux rings with a bare 1 and still waits for the interrupt that it enabled before: ringing leaves the enables alone. */
static void mailbox_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (!(now & MAILBOX_CTRL_DOORBELL))
		return;
	regs_set(b, MAILBOX_CTRL, 4, now | (old & (MAILBOX_CTRL_DOORBELL_IRQ | MAILBOX_CTRL_BACKGROUND_IRQ)));
	mailbox_ring(b->owner);
}

static u64 background_status_read(struct regs *b, unsigned i, u64 stored)
{
	return background_status(b->owner);
}

static u64 memory_status_read(struct regs *b, unsigned i, u64 stored)
{
	const struct cxl_type3 *dev = b->owner;

	return dev->sanitizing ? MEMORY_STATUS_DISABLED : stored;
}

/* Memory Device Status stands behind the payload. */
static u32 memory_status_at(const struct cxl_type3 *dev)
{
	return DEVREGS_PAYLOAD + dev->payload_bytes;
}

u32 devregs_bytes(const struct cxl_type3 *dev)
{
	u32 bytes = 4 * KiB;

	while (bytes < memory_status_at(dev) + 8)
		bytes *= 2;
	return bytes;
}

static u64 memory_status_offset_read(struct regs *b, unsigned i, u64 stored)
{
	return memory_status_at(b->owner);
}

static u64 mailbox_length_read(struct regs *b, unsigned i, u64 stored)
{
	return 0x20 + ((const struct cxl_type3 *)b->owner)->payload_bytes;
}

static u64 mailbox_cap_read(struct regs *b, unsigned i, u64 stored)
{
	return stored | __builtin_ctz(((const struct cxl_type3 *)b->owner)->payload_bytes);
}

#define CAP_HEADER(id, version) ((u32)(id) | ((u32)(version) << 16))

static const struct reg devregs_table[] = {
	R32(0x00, DEVICE_CAP_ARRAY, 0x01010000, 0), /* id 0, version 1, type 1: memory device */
	R32(0x04, DEVICE_CAP_COUNT, 3, 0),
	R32(0x10, STATUS_HEADER, CAP_HEADER(DEVREGS_CAP_STATUS, 2), 0),
	R32(0x14, STATUS_OFFSET, DEVREGS_STATUS, 0),
	R32(0x18, STATUS_LENGTH, 8, 0),
	R32(0x20, MAILBOX_HEADER, CAP_HEADER(DEVREGS_CAP_MAILBOX, 1), 0),
	R32(0x24, MAILBOX_OFFSET, DEVREGS_MAILBOX, 0),
	R32(0x28, MAILBOX_LENGTH, 0, 0, .read = mailbox_length_read),
	R32(0x30, MEMORY_STATUS_HEADER, CAP_HEADER(DEVREGS_CAP_MEMORY_STATUS, 1), 0),
	R32(0x34, MEMORY_STATUS_OFFSET, 0, 0, .read = memory_status_offset_read),
	R32(0x38, MEMORY_STATUS_LENGTH, 8, 0),
	R64(DEVREGS_STATUS, EVENT_STATUS, 0, 0),
	R32(MAILBOX_CAP, MAILBOX_CAP,
	    MAILBOX_CAP_DOORBELL_IRQ | MAILBOX_CAP_BACKGROUND_IRQ | MAILBOX_CAP_MESSAGE(VECTOR_MAILBOX) | MAILBOX_CAP_TYPE_MEMORY, 0,
	    .read = mailbox_cap_read),
	R32(MAILBOX_CTRL, MAILBOX_CTRL, 0, 0x7, .write = mailbox_ctrl_write),
	R64(MAILBOX_COMMAND, MAILBOX_COMMAND, 0, 0x1fffffffff),
	R64(MAILBOX_STATUS, MAILBOX_STATUS, 0, 0),
	R64(MAILBOX_BACKGROUND, MAILBOX_BACKGROUND_STATUS, 0, 0, .read = background_status_read),
};

static const struct reg memory_status_table[] = {
	R64(0, MEMORY_DEVICE_STATUS, MEMORY_STATUS_READY, 0, .read = memory_status_read),
};

bool devregs_init(struct cxl_type3 *dev, struct error *err)
{
	regs_init(&dev->registers, dev->name, dev, REGS_BYTES, devregs_bytes(dev));
	REGS_ADD(&dev->registers, 0, devregs_table);
	REGS_ADD(&dev->registers, memory_status_at(dev), memory_status_table);
	regs_reset(&dev->registers, RESET_COLD);
	return guarded_alloc(&dev->payload, dev->payload_bytes, err) && guarded_alloc(&dev->input, dev->payload_bytes, err);
}

void devregs_fini(struct cxl_type3 *dev)
{
	if (dev->registers.store)
		regs_free(&dev->registers);
	dev->registers.store = NULL;
	guarded_free(&dev->payload);
	guarded_free(&dev->input);
}

void devregs_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	if (!dev->registers.store || !dev->payload.bytes || !dev->input.bytes)
		return;
	regs_reset(&dev->registers, reset_kind);
	memset(dev->payload.bytes, 0, dev->payload_bytes);
	memset(dev->input.bytes, 0, dev->payload_bytes);
}

void devregs_set_event_status(struct cxl_type3 *dev, enum cxl_event_log log, bool pending)
{
	u64 status = regs_get(&dev->registers, DEVREGS_STATUS, 8);

	regs_set(&dev->registers, DEVREGS_STATUS, 8, pending ? status | BIT(log) : status & ~BIT(log));
}

static bool in_payload(const struct cxl_type3 *dev, u64 offset, unsigned size)
{
	return offset >= DEVREGS_PAYLOAD && range_ok(offset - DEVREGS_PAYLOAD, size, dev->payload_bytes);
}

static enum mem_result devregs_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct cxl_type3 *dev = opaque;

	if (in_payload(dev, offset, size))
		*value = load_le(dev->payload.bytes + (offset - DEVREGS_PAYLOAD), size);
	else
		*value = regs_read(&dev->registers, offset, size);
	return MEM_OK;
}

static enum mem_result devregs_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct cxl_type3 *dev = opaque;

	if (in_payload(dev, offset, size))
		store_le(dev->payload.bytes + (offset - DEVREGS_PAYLOAD), size, value);
	else
		regs_write(&dev->registers, offset, size, value);
	return MEM_OK;
}

const struct io_ops devregs_io = {devregs_read, devregs_write};
