/* SPDX-License-Identifier: BSD-2-Clause */
/* Timestamp and Logs command sets. [CXL3.1 8.2.9.4, 8.2.9.5] The Command Effects Log is made from the command table. */
#include <stdio.h>

#include "base/loop.h"
#include "cxl/host.h"
#include "cxl/type3.h"

/* 0da9c0b5-bf41-4b78-8f79-96b1623b3f17, as a UUID lies in a payload. */
const u8 cel_uuid[16] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78,
			 0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17};
#define CEL_ENTRY_BYTES 4

u64 timestamp_guest_now(const struct pci_dev *pci)
{
	return pci->loop ? loop_now(pci->loop) : 0;
}

u64 timestamp_now(const struct pci_dev *pci, u64 set, u64 at)
{
	return set ? set + (timestamp_guest_now(pci) - at) : 0;
}

u64 type3_timestamp(const struct cxl_type3 *dev)
{
	return timestamp_now(&dev->pci, dev->timestamp, dev->timestamp_set_at);
}

u16 cmd_get_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 8, type3_timestamp(dev));
	return CXL_SUCCESS;
}

u16 cmd_set_timestamp(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	dev->timestamp = mbox_get(in, 8);
	dev->timestamp_set_at = timestamp_guest_now(&dev->pci);
	return CXL_SUCCESS;
}

/* 5e1819d9-11a9-400c-811f-d60719403d86: the vendor debug log, a text that Populate Log writes. */
static const u8 debug_uuid[16] = {0x5e, 0x18, 0x19, 0xd9, 0x11, 0xa9, 0x40, 0x0c,
				  0x81, 0x1f, 0xd6, 0x07, 0x19, 0x40, 0x3d, 0x86};

/* Bits of log capabilities. */
#define LOG_CLEAR BIT(0)
#define LOG_POPULATE BIT(1)

static const struct {
	const u8 *uuid;
	u32 capabilities;
} logs[] = {{cel_uuid, 0}, {debug_uuid, LOG_CLEAR | LOG_POPULATE}};

static const struct mbox_command *nth_command(const struct cci *cci, u64 n)
{
	for (unsigned i = 0; i < cci->command_count; i++)
		if (cci_has(cci, &cci->commands[i]) && !n--)
			return &cci->commands[i];
	return NULL;
}

static u32 cel_bytes(const struct cci *cci)
{
	u32 bytes = 0;

	for (unsigned i = 0; i < cci->command_count; i++)
		bytes += cci_has(cci, &cci->commands[i]) ? CEL_ENTRY_BYTES : 0;
	return bytes;
}

static void cel_put(const struct cci *cci, struct mbox_out *out, u64 offset, u64 length)
{
	for (u64 at = offset; at < offset + length && !out->bad; at++) {
		const struct mbox_command *command = nth_command(cci, at / CEL_ENTRY_BYTES);
		u32 entry = command ? command->opcode | (u32)command->effects << 16 : 0;

		mbox_put(out, 1, entry >> (8 * (at % CEL_ENTRY_BYTES)));
	}
}

u16 cel_only_supported(const struct cci *cci, struct mbox_out *out)
{
	mbox_put(out, 2, 1);
	mbox_put_zeros(out, 6);
	mbox_put_bytes(out, cel_uuid, 16);
	mbox_put(out, 4, cel_bytes(cci));
	return CXL_SUCCESS;
}

u16 cel_only_get(const struct cci *cci, struct mbox_in *in, struct mbox_out *out)
{
	const u8 *uuid = mbox_get_bytes(in, 16);
	u64 offset = mbox_get(in, 4), length = mbox_get(in, 4);

	if (in->bad)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (memcmp(uuid, cel_uuid, 16))
		return CXL_INVALID_LOG;
	if (!range_ok(offset, length, cel_bytes(cci)))
		return CXL_INVALID_INPUT;
	cel_put(cci, out, offset, length);
	return CXL_SUCCESS;
}

static u32 log_bytes(const struct cxl_type3 *dev, unsigned n)
{
	return n == 0 ? cel_bytes(&dev->mbox.cci) : dev->debug_log_bytes;
}

static int find_log(const u8 *uuid)
{
	for (unsigned n = 0; uuid && n < ARRAY_SIZE(logs); n++)
		if (!memcmp(uuid, logs[n].uuid, 16))
			return (int)n;
	return -1;
}

static void put_log(const struct cxl_type3 *dev, struct mbox_out *out, unsigned n)
{
	mbox_put_bytes(out, logs[n].uuid, 16);
	mbox_put(out, 4, log_bytes(dev, n));
}

u16 cmd_get_supported_logs(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	mbox_put(out, 2, ARRAY_SIZE(logs));
	mbox_put_zeros(out, 6);
	for (unsigned n = 0; n < ARRAY_SIZE(logs); n++)
		put_log(dev, out, n);
	return CXL_SUCCESS;
}

u16 cmd_get_supported_logs_sublist(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	unsigned most = mbox_get(in, 1), first = mbox_get(in, 1), count;

	if (first >= ARRAY_SIZE(logs))
		return CXL_INVALID_INPUT;
	count = MIN(most, (unsigned)ARRAY_SIZE(logs) - first);
	mbox_put(out, 1, count);
	mbox_put(out, 1, 0);
	mbox_put(out, 2, ARRAY_SIZE(logs));
	mbox_put(out, 1, first);
	mbox_put_zeros(out, 3);
	for (unsigned n = 0; n < count; n++)
		put_log(dev, out, first + n);
	return CXL_SUCCESS;
}

u16 cmd_get_log_capabilities(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	int n = find_log(mbox_get_bytes(in, 16));

	if (n < 0)
		return CXL_INVALID_LOG;
	mbox_put(out, 4, logs[n].capabilities);
	return CXL_SUCCESS;
}

u16 cmd_clear_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	int n = find_log(mbox_get_bytes(in, 16));

	if (n < 0)
		return CXL_INVALID_LOG;
	if (!(logs[n].capabilities & LOG_CLEAR))
		return CXL_INVALID_INPUT;
	dev->debug_log_bytes = 0;
	return CXL_SUCCESS;
}

u16 cmd_populate_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	int n = find_log(mbox_get_bytes(in, 16));
	unsigned committed = 0;

	if (n < 0)
		return CXL_INVALID_LOG;
	if (!(logs[n].capabilities & LOG_POPULATE))
		return CXL_INVALID_INPUT;
	for (unsigned i = 0; i < dev->comp.decoder_count; i++)
		committed += dev->comp.decoders[i].committed;
	memset(dev->debug_log, 0, sizeof(dev->debug_log));
	dev->debug_log_bytes = MIN(
		(size_t)snprintf(
			dev->debug_log, sizeof(dev->debug_log),
			"cxlvm %s\ntimestamp %llu ns\ndecoders committed %u, memory %s\npoisoned ranges %u\nsecurity state %02xh\n"
			"event records %u %u %u %u\n",
			dev->name, (unsigned long long)type3_timestamp(dev), committed,
			type3_is_mem_enabled(dev) ? "enabled" : "disabled", dev->poison.count, dev->security.state,
			dev->events[0].count, dev->events[1].count, dev->events[2].count, dev->events[3].count),
		sizeof(dev->debug_log));
	return CXL_SUCCESS;
}

u16 cmd_get_log(struct cxl_type3 *dev, struct mbox_in *in, struct mbox_out *out)
{
	int n = find_log(mbox_get_bytes(in, 16));
	u64 offset = mbox_get(in, 4), length = mbox_get(in, 4);

	if (in->bad)
		return CXL_INVALID_PAYLOAD_LENGTH;
	if (n < 0)
		return CXL_INVALID_LOG;
	if (!range_ok(offset, length, log_bytes(dev, n)))
		return CXL_INVALID_INPUT;
	if (n)
		mbox_put_bytes(out, dev->debug_log + offset, length);
	else
		cel_put(&dev->mbox.cci, out, offset, length);
	return CXL_SUCCESS;
}
