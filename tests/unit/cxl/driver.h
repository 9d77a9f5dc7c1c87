/* SPDX-License-Identifier: BSD-2-Clause */
/* A mailbox as a driver uses it: the device's, or the switch's. [CXL3.1 8.2.8.4] */
#ifndef TESTS_UNIT_CXL_DRIVER_H
#define TESTS_UNIT_CXL_DRIVER_H

static struct mailbox *mailbox; /* the test chooses */
static const bool *background;  /* whether an operation goes on, or NULL: the mailbox knows none */
static u8 out[MAILBOX_PAYLOAD_BYTES];
static u32 out_length;

static inline struct cxl_type3 *mailbox_of(struct cxl_type3 *dev)
{
	mailbox = &dev->mbox;
	background = &dev->background.is_running;
	return dev;
}

static inline void set(u64 offset, unsigned size, u64 value)
{
	assert_int_equal(devregs_io.write(mailbox, offset, size, value), MEM_OK);
}

static u64 get(u64 offset, unsigned size)
{
	u64 value = 0;

	assert_int_equal(devregs_io.read(mailbox, offset, size, &value), MEM_OK);
	return value;
}

/* Sends a command (NULL: whatever the payload registers hold); what it answers is in `out` then. Returns its code. */
static u16 send(u16 opcode, const void *input, u32 length)
{
	const u8 *bytes = input;

	for (u32 i = 0; bytes && i < MIN(length, MAILBOX_PAYLOAD_BYTES); i++)
		set(DEVREGS_PAYLOAD + i, 1, bytes[i]);
	set(MAILBOX_COMMAND, 8, opcode | (u64)length << 16);
	set(MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
	assert_int_equal(get(MAILBOX_CTRL, 4) & MAILBOX_CTRL_DOORBELL, 0);
	assert_int_equal(get(MAILBOX_STATUS, 8) & 1, background && *background);
	assert_int_equal(get(MAILBOX_COMMAND, 2), opcode);
	out_length = get(MAILBOX_COMMAND, 8) >> 16;
	assert_true(out_length <= MAILBOX_PAYLOAD_BYTES);
	for (u32 i = 0; i < MAILBOX_PAYLOAD_BYTES; i += 4)
		store_le(out + i, 4, get(DEVREGS_PAYLOAD + i, 4));
	return get(MAILBOX_STATUS, 8) >> 32;
}

#endif
