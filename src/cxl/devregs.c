/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device register block of a memory device (BAR 2) and of a switch's mailbox (BAR 0): capability array, Device
 * Status, Primary Mailbox and Memory Device Status or Switch Mailbox CCI Status. [CXL3.1 8.2.8] Byte-enabled, so that
 * 1- to 8-byte accesses all do what they say (design D7). The mailbox payload is memory of its own (mailbox.c), reached
 * from here. Machine lock.
 */
#include "base/trace.h"
#include "cxl/type3.h"

/* Linux rings with a bare 1 and still waits for the interrupt that it enabled before: ringing leaves the enables alone.
 */
static void mailbox_ctrl_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	if (!(now & MAILBOX_CTRL_DOORBELL))
		return;
	regs_set(b, MAILBOX_CTRL, 4, now | (old & (MAILBOX_CTRL_DOORBELL_IRQ | MAILBOX_CTRL_BACKGROUND_IRQ)));
	mailbox_ring(b->owner);
}

/* Whether something goes on now, whoever began it. */
static u64 mailbox_status_read(struct regs *b, unsigned i, u64 stored)
{
	const struct mailbox *mbox = b->owner;

	if (!mbox->cci.background)
		return stored;
	background_look(mbox->cci.background);
	return stored | (mbox->cci.background->is_running ? MAILBOX_STATUS_BACKGROUND : 0);
}

static u64 background_status_read(struct regs *b, unsigned i, u64 stored)
{
	const struct mailbox *mbox = b->owner;

	if (!mbox->cci.background)
		return 0;
	background_look(mbox->cci.background);
	return background_status(mbox->cci.background);
}

static u64 memory_status_read(struct regs *b, unsigned i, u64 stored)
{
	const struct mailbox *mbox = b->owner;

	background_look(mbox->cci.background);
	return mbox->cci.dev->sanitizing ? MEMORY_STATUS_DISABLED : stored;
}

/* The status of a memory device or of a switch's mailbox stands behind the payload. */
static u32 own_status_at(const struct mailbox *mbox)
{
	return DEVREGS_PAYLOAD + mbox->payload_bytes;
}

u32 devregs_bytes(const struct mailbox *mbox)
{
	u32 bytes = 4 * KiB;

	while (bytes < own_status_at(mbox) + 8)
		bytes *= 2;
	return bytes;
}

static u64 own_status_offset_read(struct regs *b, unsigned i, u64 stored)
{
	return own_status_at(b->owner);
}

static u64 mailbox_length_read(struct regs *b, unsigned i, u64 stored)
{
	return 0x20 + ((const struct mailbox *)b->owner)->payload_bytes;
}

static u64 mailbox_cap_read(struct regs *b, unsigned i, u64 stored)
{
	const struct mailbox *mbox = b->owner;

	return stored | __builtin_ctz(mbox->payload_bytes) | MAILBOX_CAP_MESSAGE(mbox->vector) |
	       (mbox->cci.dev ? MAILBOX_CAP_TYPE_MEMORY : MAILBOX_CAP_TYPE_SWITCH);
}

#define CAP_HEADER(id, version) ((u32)(id) | ((u32)(version) << 16))

static const struct reg devregs_table[] = {
	R32(0x04, DEVICE_CAP_COUNT, 3, 0),
	R32(0x10, STATUS_HEADER, CAP_HEADER(DEVREGS_CAP_STATUS, 2), 0),
	R32(0x14, STATUS_OFFSET, DEVREGS_STATUS, 0),
	R32(0x18, STATUS_LENGTH, 8, 0),
	R32(0x20, MAILBOX_HEADER, CAP_HEADER(DEVREGS_CAP_MAILBOX, 1), 0),
	R32(0x24, MAILBOX_OFFSET, DEVREGS_MAILBOX, 0),
	R32(0x28, MAILBOX_LENGTH, 0, 0, .read = mailbox_length_read),
	R32(0x30, OWN_STATUS_HEADER, CAP_HEADER(DEVREGS_CAP_OWN_STATUS, 1), 0),
	R32(0x34, OWN_STATUS_OFFSET, 0, 0, .read = own_status_offset_read),
	R32(0x38, OWN_STATUS_LENGTH, 8, 0),
	R64(DEVREGS_STATUS, EVENT_STATUS, 0, 0),
	R32(MAILBOX_CAP, MAILBOX_CAP, MAILBOX_CAP_DOORBELL_IRQ | MAILBOX_CAP_BACKGROUND_IRQ, 0,
	    .read = mailbox_cap_read),
	R32(MAILBOX_CTRL, MAILBOX_CTRL, 0, 0x7, .write = mailbox_ctrl_write),
	R64(MAILBOX_COMMAND, MAILBOX_COMMAND, 0, 0x1fffffffff),
	R64(MAILBOX_STATUS, MAILBOX_STATUS, 0, 0, .read = mailbox_status_read),
	R64(MAILBOX_BACKGROUND, MAILBOX_BACKGROUND_STATUS, 0, 0, .read = background_status_read),
};

static const struct reg memory_array_table[] = {
	R32(0x00, DEVICE_CAP_ARRAY, 0x01010000, 0), /* id 0, version 1, type 1: memory device */
};

static const struct reg switch_array_table[] = {
	R32(0x00, DEVICE_CAP_ARRAY, 0x02010000, 0), /* type 2: switch mailbox CCI */
};

static const struct reg memory_status_table[] = {
	R64(0, MEMORY_DEVICE_STATUS, MEMORY_STATUS_READY, 0, .read = memory_status_read),
};

static const struct reg switch_status_table[] = {
	R64(0, SWITCH_CCI_STATUS, SWITCH_STATUS_READY, 0),
};

bool devregs_init(struct mailbox *mbox, struct error *err)
{
	regs_init(&mbox->registers, mbox->cci.name, mbox, REGS_BYTES, devregs_bytes(mbox));
	REGS_ADD(&mbox->registers, 0, devregs_table);
	if (mbox->cci.dev) {
		REGS_ADD(&mbox->registers, 0, memory_array_table);
		REGS_ADD(&mbox->registers, own_status_at(mbox), memory_status_table);
	} else {
		REGS_ADD(&mbox->registers, 0, switch_array_table);
		REGS_ADD(&mbox->registers, own_status_at(mbox), switch_status_table);
	}
	regs_reset(&mbox->registers, RESET_COLD);
	return guarded_alloc(&mbox->payload, mbox->payload_bytes, err) &&
	       guarded_alloc(&mbox->input, mbox->payload_bytes, err);
}

void devregs_fini(struct mailbox *mbox)
{
	if (mbox->registers.store)
		regs_free(&mbox->registers);
	mbox->registers.store = NULL;
	guarded_free(&mbox->payload);
	guarded_free(&mbox->input);
}

void devregs_reset(struct mailbox *mbox, unsigned reset_kind)
{
	if (!mbox->registers.store || !mbox->payload.bytes || !mbox->input.bytes)
		return;
	regs_reset(&mbox->registers, reset_kind);
	memset(mbox->payload.bytes, 0, mbox->payload_bytes);
	memset(mbox->input.bytes, 0, mbox->payload_bytes);
}

void devregs_set_event_status(struct mailbox *mbox, enum cxl_event_log log, bool pending)
{
	u64 status = regs_get(&mbox->registers, DEVREGS_STATUS, 8);

	regs_set(&mbox->registers, DEVREGS_STATUS, 8, pending ? status | BIT(log) : status & ~BIT(log));
}

static bool in_payload(const struct mailbox *mbox, u64 offset, unsigned size)
{
	return offset >= DEVREGS_PAYLOAD && range_ok(offset - DEVREGS_PAYLOAD, size, mbox->payload_bytes);
}

static enum mem_result devregs_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
	struct mailbox *mbox = opaque;

	if (in_payload(mbox, offset, size))
		*value = load_le(mbox->payload.bytes + (offset - DEVREGS_PAYLOAD), size);
	else
		*value = regs_read(&mbox->registers, offset, size);
	return MEM_OK;
}

static enum mem_result devregs_write(void *opaque, u64 offset, unsigned size, u64 value)
{
	struct mailbox *mbox = opaque;

	if (in_payload(mbox, offset, size))
		store_le(mbox->payload.bytes + (offset - DEVREGS_PAYLOAD), size, value);
	else
		regs_write(&mbox->registers, offset, size, value);
	return MEM_OK;
}

const struct io_ops devregs_io = {devregs_read, devregs_write};
