/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Firmware slots: info, transfer, activation. [CXL3.1 8.2.9.3] There are two slots; nothing runs the images, so only
 * their order and size are checked: parts follow each other without gaps, up to FIRMWARE_BYTES_MAX, into the slot that
 * is not active; the last one may come again. A transfer is forgotten at a reset, with a part out of order, or if its
 * next part takes longer than PART_TIMEOUT_NS. Activation works online or at the next conventional reset, and slots
 * keep what they have. Parts and activation take guest time in background. Machine lock.
 */
#include <stdio.h>

#include "base/trace.h"
#include "cxl/host.h"
#include "cxl/type3.h"

#define UNIT 128u /* of offsets; also of the header before the data */
#define FIRMWARE_BYTES_MAX (32 * MiB)
#define PART_NS 1000000ull
#define PART_TIMEOUT_NS 30000000000ull
#define WHOLE_NS 100000000ull
#define ACTIVATE_NS 100000000ull
#define CAN_ACTIVATE_ONLINE BIT(0)
enum { TRANSFER_FULL, TRANSFER_FIRST, TRANSFER_NEXT, TRANSFER_LAST, TRANSFER_ABORT };
enum { ACTIVATE_ONLINE, ACTIVATE_AT_RESET };

void fw_revision(const struct cxl_type3 *dev, unsigned slot, char text[FW_REVISION_BYTES])
{
	memset(text, 0, FW_REVISION_BYTES);
	if (slot < FIRMWARE_SLOTS && dev->firmware.version[slot])
		snprintf(text, FW_REVISION_BYTES, "cxlvm FW %u", dev->firmware.version[slot]);
}

u16 cmd_get_fw_info(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const struct firmware *f = &dev->firmware;
	char text[FW_REVISION_BYTES];

	mbox_put(out, 1, FIRMWARE_SLOTS);
	mbox_put(out, 1, (f->active + 1) | f->staged << 3);
	mbox_put(out, 1, CAN_ACTIVATE_ONLINE);
	mbox_put_zeros(out, 13);
	for (unsigned slot = 0; slot < 4; slot++) {
		fw_revision(dev, slot, text);
		mbox_put_bytes(out, text, sizeof(text));
	}
	return CXL_SUCCESS;
}

static void transfer_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;
	struct firmware *f = &dev->firmware;

	if (code != CXL_SUCCESS)
		f->is_moving = f->is_whole = false;
	if (!f->is_whole)
		return;
	f->last_version += f->last_version < UINT16_MAX;
	f->version[f->slot] = f->last_version;
	f->is_moving = f->is_whole = false;
	trace(MBOX, "%s: firmware %u in slot %u", dev->name, f->last_version, f->slot + 1);
}

u16 cmd_transfer_fw(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	struct firmware *f = &dev->firmware;
	unsigned action = mbox_get(in, 1), slot = mbox_get(in, 1);
	u64 offset, size, now = timestamp_guest_now(&dev->pci);

	mbox_get_bytes(in, 2);
	offset = mbox_get(in, 4) * UNIT;
	mbox_get_bytes(in, UNIT - 8);
	size = mbox_left(in);
	if (in->bad)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (action > TRANSFER_ABORT)
		return CXL_INVALID_INPUT;
	if (action == TRANSFER_ABORT) {
		f->is_moving = false;
		return CXL_SUCCESS;
	}
	if (f->is_moving && now - f->part_at > PART_TIMEOUT_NS)
		f->is_moving = false;
	if ((action == TRANSFER_FULL || action == TRANSFER_FIRST) && f->is_moving)
		return CXL_FW_TRANSFER_IN_PROGRESS;
	if ((action == TRANSFER_NEXT || action == TRANSFER_LAST) &&
	    (!f->is_moving || (offset != f->next && (offset != f->part || offset + size != f->next)))) {
		f->is_moving = false; /* that aborts it [CXL3.1 table 8-34] */
		return CXL_FW_TRANSFER_OUT_OF_ORDER;
	}
	if (action == TRANSFER_FULL)
		offset = 0; /* the field is ignored */
	if (action == TRANSFER_FIRST && offset)
		return CXL_FW_TRANSFER_OUT_OF_ORDER;
	/* Offsets count whole units, so only the last part may be odd. */
	if (!size || !range_ok(offset, size, FIRMWARE_BYTES_MAX) ||
	    (size % UNIT && action != TRANSFER_FULL && action != TRANSFER_LAST))
		return CXL_INVALID_INPUT;
	/* The slot is named by the part that ends the transfer. */
	if (action == TRANSFER_FULL || action == TRANSFER_LAST) {
		if (!slot || slot > FIRMWARE_SLOTS || slot - 1 == f->active)
			return CXL_FW_INVALID_SLOT;
		f->slot = slot - 1;
	}
	f->is_moving = true;
	f->is_whole = action == TRANSFER_FULL || action == TRANSFER_LAST;
	f->part = offset;
	f->next = offset + size;
	f->part_at = now;
	return background_start(&dev->background, 0x0201, f->is_whole ? WHOLE_NS : PART_NS, true, transfer_done);
}

static void activate_done(void *owner, u16 code)
{
	struct cxl_type3 *dev = owner;

	if (code != CXL_SUCCESS)
		return;
	dev->firmware.active = dev->firmware.next_active;
	if (dev->firmware.staged == dev->firmware.active + 1)
		dev->firmware.staged = 0; /* it has come early */
}

u16 cmd_activate_fw(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned action = mbox_get(in, 1), slot = mbox_get(in, 1);
	struct firmware *f = &dev->firmware;

	if (action > ACTIVATE_AT_RESET)
		return CXL_INVALID_INPUT;
	if (!slot || slot > FIRMWARE_SLOTS || !f->version[slot - 1] || slot - 1 == f->active)
		return CXL_FW_INVALID_SLOT;
	if (action == ACTIVATE_AT_RESET) {
		f->staged = slot;
		return CXL_SUCCESS;
	}
	f->next_active = slot - 1;
	return background_start(&dev->background, 0x0202, ACTIVATE_NS, true, activate_done);
}

void fw_slots_init(struct cxl_type3 *dev)
{
	dev->firmware = (struct firmware){.version = {1}, .last_version = 1};
}

void fw_slots_reset(struct cxl_type3 *dev, unsigned reset_kind)
{
	struct firmware *f = &dev->firmware;

	f->is_moving = f->is_whole = false;
	if ((reset_kind & RESETS_CONVENTIONAL) && f->staged) {
		f->active = f->staged - 1;
		f->staged = 0;
	}
}
