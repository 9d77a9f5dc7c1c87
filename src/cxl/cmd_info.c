/* SPDX-License-Identifier: BSD-2-Clause */
/* Timestamp and Logs command sets. [CXL3.1 8.2.9.4, 8.2.9.5] The Command Effects Log is made from the command table. */
#include "base/loop.h"
#include "cxl/host.h"
#include "cxl/type3.h"

/* 0da9c0b5-bf41-4b78-8f79-96b1623b3f17, as a UUID lies in a payload. */
static const u8 cel_uuid[16] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78,
				0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17};
#define CEL_ENTRY_BYTES 4

static u64 guest_now(const struct cxl_type3 *dev)
{
	return dev->pci.loop ? loop_now(dev->pci.loop) : 0;
}

u64 type3_timestamp(const struct cxl_type3 *dev)
{
	return dev->timestamp ? dev->timestamp + (guest_now(dev) - dev->timestamp_set_at) : 0;
}

u16 cmd_get_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 8, type3_timestamp(dev));
	return CXL_SUCCESS;
}

u16 cmd_set_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	dev->timestamp = mbox_get(in, 8);
	dev->timestamp_set_at = guest_now(dev);
	return CXL_SUCCESS;
}

u16 cmd_get_supported_logs(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 2, 1);
	mbox_put_zeros(out, 6);
	mbox_put_bytes(out, cel_uuid, sizeof(cel_uuid));
	mbox_put(out, 4, mbox_command_count * CEL_ENTRY_BYTES);
	return CXL_SUCCESS;
}

u16 cmd_get_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	const u8 *uuid = mbox_get_bytes(in, 16);
	u64 offset = mbox_get(in, 4), length = mbox_get(in, 4);

	if (!uuid || in->bad)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (memcmp(uuid, cel_uuid, sizeof(cel_uuid)))
		return CXL_INVALID_LOG;
	if (!range_ok(offset, length, mbox_command_count * CEL_ENTRY_BYTES))
		return CXL_INVALID_INPUT;
	for (u64 at = offset; at < offset + length && !out->bad; at++) {
		const struct mbox_command *command = &mbox_commands[at / CEL_ENTRY_BYTES];
		u32 entry = command->opcode | (u32)command->effects << 16;

		mbox_put(out, 1, entry >> (8 * (at % CEL_ENTRY_BYTES)));
	}
	return CXL_SUCCESS;
}
