/* SPDX-License-Identifier: BSD-2-Clause */
/* Every mailbox command with good, short, long and hostile input, through the device registers. [CXL3.1 8.2.9] */
#include "fixture.h"
#include "driver.h"

static struct machine m;
static struct cxl_type3 *dev;

static int open_device(void **state)
{
	fixture_open(&m);
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	dev = mailbox_of(
		fixture_one_device(&m, "", 512, ",volatile-dc-memdev=d,num-dc-regions=2,partition-align=256M"));
	return 0;
}

static int close_device(void **state)
{
	fixture_close(&m);
	return 0;
}

static void lengths_are_checked_before_anything(void **state)
{
	static const u8 zeros[MAILBOX_PAYLOAD_BYTES];

	for (unsigned n = 0; n < mbox_command_count; n++) {
		const struct mbox_command *c = &mbox_commands[n];

		if (c->in_min)
			assert_int_equal(send(c->opcode, zeros, c->in_min - 1), CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(send(c->opcode, zeros, MIN(c->in_max, MAILBOX_PAYLOAD_BYTES) + 1),
				 CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(send(c->opcode, zeros, 0x1fffff), CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(out_length, 0);
		/* Input of ones, of every length that is let in. */
		for (u32 length = c->in_min; length <= MIN(c->in_max, MAILBOX_PAYLOAD_BYTES);
		     length += 1 + length / 7) {
			u8 ones_of[MAILBOX_PAYLOAD_BYTES];

			memset(ones_of, 0xff, sizeof(ones_of));
			send(c->opcode, ones_of, length);
		}
	}
}

static void other_opcodes_are_unsupported(void **state)
{
	for (u32 opcode = 0; opcode < 0x10000; opcode += 1) {
		bool known = false;

		for (unsigned n = 0; n < mbox_command_count; n++)
			known |= mbox_commands[n].opcode == opcode;
		if (known)
			continue;
		set(MAILBOX_COMMAND, 8, opcode | 0xffffull << 16);
		set(MAILBOX_CTRL, 4, 1);
		assert_int_equal(get(MAILBOX_STATUS, 8) >> 32, CXL_UNSUPPORTED);
	}
}

static void table_is_sorted_and_cel_derives_from_it(void **state)
{
	u8 request[24] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78,
			  0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17};
	u32 size;

	assert_int_equal(send(0x0400, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 48);
	assert_int_equal(load_le(out, 2), 2);
	assert_memory_equal(out + 8, request, 16);
	size = load_le(out + 24, 4);
	assert_int_equal(size, 4 * mbox_command_count);
	store_le(request + 20, 4, size);
	assert_int_equal(send(0x0401, request, 24), CXL_SUCCESS);
	assert_int_equal(out_length, size);
	for (unsigned n = 0; n < mbox_command_count; n++) {
		assert_int_equal(load_le(out + 4 * n, 2), mbox_commands[n].opcode);
		assert_int_equal(load_le(out + 4 * n + 2, 2), mbox_commands[n].effects);
		assert_true(!n || mbox_commands[n].opcode > mbox_commands[n - 1].opcode);
		assert_true(mbox_commands[n].in_max <= MAILBOX_PAYLOAD_BYTES ||
			    mbox_commands[n].in_max == WHOLE_PAYLOAD);
	}
	store_le(request + 16, 4, 4);
	store_le(request + 20, 4, 4);
	assert_int_equal(send(0x0401, request, 24), CXL_SUCCESS);
	assert_int_equal(out_length, 4);
	assert_int_equal(load_le(out, 2), mbox_commands[1].opcode);
	store_le(request + 16, 4, size - 3);
	assert_int_equal(send(0x0401, request, 24), CXL_INVALID_INPUT);
	store_le(request + 16, 4, 0xffffffff);
	store_le(request + 20, 4, 0xffffffff);
	assert_int_equal(send(0x0401, request, 24), CXL_INVALID_INPUT);
	request[0] ^= 1;
	assert_int_equal(send(0x0401, request, 24), CXL_INVALID_LOG);
}

static void identify_and_partitions_count_in_256_mib(void **state)
{
	assert_int_equal(send(0x4000, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 69);
	assert_string_equal((char *)out, "cxlvm FW 1"); /* that of the active slot */
	assert_int_equal(load_le(out + 16, 8), 3);
	assert_int_equal(load_le(out + 24, 8), 0);
	assert_int_equal(load_le(out + 32, 8), 0);
	assert_int_equal(load_le(out + 40, 8), 1);
	assert_int_equal(load_le(out + 48, 2), EVENT_LOG_RECORDS);
	assert_int_equal(load_le(out + 56, 4), 128 * KiB);
	assert_int_equal(out[65], POISON_SCANS | POISON_PERSISTS);
	assert_int_equal(out[66], 3); /* QoS telemetry: both features */
	assert_int_equal(send(0x4100, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 32);
	assert_int_equal(load_le(out, 8), 1);
	assert_int_equal(load_le(out + 8, 8), 2);
}

static void lsa_keeps_to_its_bounds(void **state)
{
	u8 data[MAILBOX_PAYLOAD_BYTES], request[8] = {0};

	memset(data, 0x5a, sizeof(data));
	store_le(data, 8, 128 * KiB - 100); /* offset, reserved */
	assert_int_equal(send(0x4103, data, 8 + 100), CXL_SUCCESS);
	assert_int_equal(send(0x4103, data, 8 + 101), CXL_INVALID_INPUT);
	store_le(data, 8, 0xffffffff);
	assert_int_equal(send(0x4103, data, 8 + 100), CXL_INVALID_INPUT);
	assert_int_equal(send(0x4103, data, 8), CXL_INVALID_INPUT);
	store_le(data, 8, 0);
	assert_int_equal(send(0x4103, data, MAILBOX_PAYLOAD_BYTES), CXL_SUCCESS);
	store_le(request, 4, 128 * KiB - 100);
	store_le(request + 4, 4, 100);
	assert_int_equal(send(0x4102, request, 8), CXL_SUCCESS);
	assert_int_equal(out_length, 100);
	assert_memory_equal(out, data + 8, 100);
	store_le(request + 4, 4, 101);
	assert_int_equal(send(0x4102, request, 8), CXL_INVALID_INPUT);
	store_le(request, 4, 0x10);
	store_le(request + 4, 4, 0xfffffff0);
	assert_int_equal(send(0x4102, request, 8), CXL_INVALID_INPUT);
	store_le(request, 4, 0);
	store_le(request + 4, 4, MAILBOX_PAYLOAD_BYTES + 1);
	assert_int_equal(send(0x4102, request, 8), CXL_INVALID_PAYLOAD_LENGTH);
	store_le(request + 4, 4, MAILBOX_PAYLOAD_BYTES);
	assert_int_equal(send(0x4102, request, 8), CXL_SUCCESS);
	assert_int_equal(out_length, MAILBOX_PAYLOAD_BYTES);
}

static void timestamp_runs_from_what_was_set(void **state)
{
	u8 time[8];

	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 0);
	store_le(time, 8, 1000000);
	assert_int_equal(send(0x0301, time, 8), CXL_SUCCESS);
	loop_time_advance(m.loop, 500);
	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 1000500);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 1000500);
}

static void clear(u8 log, u8 flags, const u16 *handles, unsigned count, u16 code)
{
	u8 request[6 + 2 * 255] = {log, flags, count};

	for (unsigned n = 0; n < count; n++)
		store_le(request + 6 + 2 * n, 2, handles[n]);
	assert_int_equal(send(0x0101, request, 6 + 2 * count), code);
}

static void event_logs_keep_order_and_overflow(void **state)
{
	u8 record[EVENT_RECORD_BYTES] = {1, 2, 3}, log = EVENT_FAILURE, bad = EVENT_LOGS;
	u16 handles[EVENT_LOG_RECORDS + 1] = {0};

	assert_int_equal(get(DEVREGS_STATUS, 4), 0);
	assert_int_equal(send(0x0100, &bad, 1), CXL_INVALID_INPUT);
	for (unsigned n = 0; n < EVENT_LOG_RECORDS; n++) {
		record[48] = n;
		event_add(dev, log, record);
	}
	assert_int_equal(get(DEVREGS_STATUS, 4), 1 << EVENT_FAILURE);
	assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
	assert_int_equal(out_length, 32 + EVENT_LOG_RECORDS * EVENT_RECORD_BYTES);
	assert_int_equal(out[0], 0); /* neither overflow nor more */
	assert_int_equal(load_le(out + 20, 2), EVENT_LOG_RECORDS);
	for (unsigned n = 0; n < EVENT_LOG_RECORDS; n++) {
		handles[n] = load_le(out + 32 + n * 128 + 20, 2);
		assert_int_not_equal(handles[n], 0);
		assert_int_equal(out[32 + n * 128 + 48], n);
		assert_int_equal(out[32 + n * 128 + 16], 128);
	}
	clear(log, EVENT_CLEAR_ALL, NULL, 0, CXL_INVALID_INPUT); /* needs an overflow */
	event_add(dev, log, record);
	assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
	assert_int_equal(out[0], EVENT_FLAG_OVERFLOW);
	assert_int_equal(load_le(out + 2, 2), 1);
	clear(log, 0, handles + 1, 1, CXL_INVALID_HANDLE); /* not the oldest */
	clear(log, 0, handles, EVENT_LOG_RECORDS + 1, CXL_INVALID_HANDLE);
	clear(log, 0, NULL, 0, CXL_INVALID_INPUT);
	assert_int_equal(send(0x0101, (u8[6]){log, 0, 5}, 6), CXL_INVALID_PAYLOAD_LENGTH);
	clear(log, 0, handles, 3, CXL_SUCCESS);
	assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
	assert_int_equal(out[0], 0);
	assert_int_equal(load_le(out + 20, 2), EVENT_LOG_RECORDS - 3);
	fixture_reset(&m, RESET_WARM); /* records stay, and so does what says that they are there */
	assert_int_equal(get(DEVREGS_STATUS, 4), 1 << EVENT_FAILURE);
	for (unsigned n = 0; n < 5; n++)
		event_add(dev, log, record);
	clear(log, EVENT_CLEAR_ALL, NULL, 0, CXL_SUCCESS);
	assert_int_equal(get(DEVREGS_STATUS, 4), 0);
}

static void event_policy_names_the_vectors(void **state)
{
	u8 policy[5] = {1, 1, 1, 1, 0}, firmware[4] = {0x32, 0xf0, 0xf1, 0}, reserved[4] = {3, 0, 0, 0};

	assert_int_equal(send(0x0103, policy, 5), CXL_SUCCESS);
	assert_int_equal(send(0x0102, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 5);
	assert_int_equal(load_le(out, 4), 0x51413121);
	assert_int_equal(send(0x0103, firmware, 4), CXL_SUCCESS);
	assert_int_equal(send(0x0102, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x00410032); /* firmware's message has the number that software gave it */
	assert_int_equal(send(0x0103, reserved, 4), CXL_INVALID_INPUT);
	policy[4] = 2; /* reserved for dynamic capacity */
	assert_int_equal(send(0x0103, policy, 5), CXL_INVALID_INPUT);
	policy[4] = 1;
	assert_int_equal(send(0x0103, policy, 5), CXL_SUCCESS);
	for (unsigned n = 0; n < mbox_command_count; n++)
		if (mbox_commands[n].opcode == 0x0103)
			assert_int_equal(mbox_commands[n].effects, EFFECT_IMMEDIATE_POLICY);
}

/* A message that waits for its mask goes with what it tells of: two logs have the one vector. [PCIe5 6.1.4.5] */
static void cleared_records_send_no_message(void **state)
{
	static const u8 record[EVENT_RECORD_BYTES];
	const u16 first = 1;
	u8 bit = 1 << VECTOR_EVENT_INFO;

	assert_int_equal(send(0x0103, (u8[]){1, 1, 1, 1, 1}, 5), CXL_SUCCESS);
	pci_config_write(&dev->pci, dev->pci.msix.cap + 2, 2, 0x8000); /* all vectors are masked */
	event_add(dev, EVENT_INFO, record);
	event_add(dev, EVENT_DYNAMIC, record);
	event_add(dev, EVENT_FATAL, record);
	assert_int_equal(dev->pci.msix.pba[0], bit | 1 << VECTOR_EVENT_FATAL);
	clear(EVENT_INFO, 0, &first, 1, CXL_SUCCESS);
	clear(EVENT_FATAL, 0, &first, 1, CXL_SUCCESS);
	assert_int_equal(dev->pci.msix.pba[0], bit);
	clear(EVENT_DYNAMIC, 0, &first, 1, CXL_SUCCESS);
	assert_int_equal(dev->pci.msix.pba[0], 0);
	event_add(dev, EVENT_INFO, record);
	assert_int_equal(dev->pci.msix.pba[0], bit);
}

static void health_and_alerts(void **state)
{
	u8 request[12] = {1, 1, 50};

	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 18);
	assert_int_equal(send(0x4201, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 16);
	assert_int_equal(out[2], 75);
	assert_int_equal(out[3], 40);
	assert_int_equal(send(0x4202, request, 12), CXL_SUCCESS);
	assert_int_equal(send(0x4201, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 1);
	assert_int_equal(out[3], 50);
	request[2] = 75; /* not below the critical one */
	assert_int_equal(send(0x4202, request, 12), CXL_INVALID_INPUT);
	assert_int_equal(send(0x4204, (u8[1]){1}, 1), CXL_SUCCESS);
	assert_int_equal(send(0x4203, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 1);
	assert_int_equal(send(0x4204, (u8[1]){2}, 1), CXL_SUCCESS); /* a reserved bit */
	assert_int_equal(send(0x4203, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 0);
}

static void qos_control_keeps_to_its_limits(void **state)
{
	static const u8 defaults[] = {0, 10, 25, 8},
			bad[][4] = {{0, 0, 25, 8}, {0, 101, 25, 8}, {0, 10, 0, 8}, {0, 10, 101, 8}, {0, 10, 25, 16}};

	assert_int_equal(send(0x4700, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 4);
	assert_memory_equal(out, defaults, 4);
	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++)
		assert_int_equal(send(0x4701, bad[n], 4), CXL_INVALID_INPUT);
	assert_int_equal(send(0x4701, (u8[]){0xff, 100, 1, 0}, 4), CXL_SUCCESS);
	assert_int_equal(out_length, 0);
	assert_int_equal(send(0x4700, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x00016403); /* no reserved bits */
	assert_int_equal(send(0x4702, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 1);
	assert_int_equal(out[0], 0);
	pci_function_reset(&dev->pci, RESET_FUNCTION); /* CXL.io only */
	assert_int_equal(send(0x4700, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 3);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x4700, NULL, 0), CXL_SUCCESS);
	assert_memory_equal(out, defaults, 4);
}

static void logs_say_what_can_be_done_to_them(void **state)
{
	u8 debug[24] = {0x5e, 0x18, 0x19, 0xd9, 0x11, 0xa9, 0x40, 0x0c, 0x81, 0x1f, 0xd6, 0x07, 0x19, 0x40, 0x3d, 0x86};
	u8 cel[16] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78, 0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17},
	   nothing[16] = {1};

	assert_int_equal(send(0x0402, cel, 16), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0);
	assert_int_equal(send(0x0403, cel, 16), CXL_INVALID_INPUT);
	assert_int_equal(send(0x0404, cel, 16), CXL_INVALID_INPUT);
	assert_int_equal(send(0x0404, nothing, 16), CXL_INVALID_LOG);
	assert_int_equal(send(0x0402, debug, 16), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 3);
	assert_int_equal(send(0x0404, debug, 16), CXL_SUCCESS);
	assert_int_equal(send(0x0405, (u8[2]){5, 1}, 2), CXL_SUCCESS);
	assert_int_equal(out_length, 28);
	assert_int_equal(out[0], 1);
	assert_int_equal(load_le(out + 2, 2), 2);
	assert_memory_equal(out + 8, debug, 16);
	memcpy(debug + 20, out + 24, 4);
	assert_int_equal(send(0x0401, debug, 24), CXL_SUCCESS);
	assert_memory_equal(out, "cxlvm mem0\n", 11);
	debug[16] = 1;
	assert_int_equal(send(0x0401, debug, 24), CXL_INVALID_INPUT);
	assert_int_equal(send(0x0403, debug, 16), CXL_SUCCESS);
	assert_int_equal(send(0x0405, (u8[2]){5, 1}, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out + 24, 4), 0);
	assert_int_equal(send(0x0405, (u8[2]){5, 2}, 2), CXL_INVALID_INPUT);
}

static u16 transfer(u8 action, u8 slot, u32 units, u32 bytes)
{
	u8 request[MAILBOX_PAYLOAD_BYTES] = {action, slot};
	u16 code;

	store_le(request + 4, 4, units);
	code = send(0x0201, request, 128 + bytes);
	loop_time_advance(m.loop, 1000000000);
	return code;
}

static void firmware_moves_in_order_and_is_activated(void **state)
{
	static const struct {
		u32 units, bytes;
	} wrong[] = {{1, 128}, {0xffffffff, 128}, {2, 256}, {0, 256}, {4, 128}};

	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 80);
	assert_int_equal(load_le(out, 3), 0x010102);
	assert_string_equal((char *)out + 16, "cxlvm FW 1");
	assert_int_equal(out[32], 0);
	assert_int_equal(send(0x0202, (u8[2]){0, 2}, 2), CXL_FW_INVALID_SLOT);
	assert_int_equal(transfer(2, 2, 0, 128), CXL_FW_TRANSFER_OUT_OF_ORDER);
	assert_int_equal(transfer(0, 1, 0, 128), CXL_FW_INVALID_SLOT); /* the active one */
	assert_int_equal(transfer(0, 3, 0, 128), CXL_FW_INVALID_SLOT);
	assert_int_equal(transfer(9, 2, 0, 128), CXL_INVALID_INPUT);
	assert_int_equal(transfer(1, 2, 0, 0), CXL_INVALID_INPUT);
	/* A part out of order aborts the transfer: it is to be started from the beginning. [CXL3.1 table 8-34] */
	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		assert_int_equal(transfer(1, 2, 0, 256), CXL_BACKGROUND_STARTED);
		assert_int_equal(transfer(1, 2, 0, 256), CXL_FW_TRANSFER_IN_PROGRESS);
		assert_int_equal(transfer(2, 2, 2, 128), CXL_BACKGROUND_STARTED);
		assert_int_equal(transfer(2, 2, wrong[n].units, wrong[n].bytes), CXL_FW_TRANSFER_OUT_OF_ORDER);
		assert_int_equal(transfer(3, 2, 3, 128), CXL_FW_TRANSFER_OUT_OF_ORDER);
	}
	assert_int_equal(transfer(1, 2, 0, 256), CXL_BACKGROUND_STARTED);
	assert_int_equal(transfer(2, 2, 2, 100), CXL_INVALID_INPUT);
	assert_int_equal(transfer(2, 2, 2, 128), CXL_BACKGROUND_STARTED);
	assert_int_equal(transfer(2, 2, 2, 128), CXL_BACKGROUND_STARTED); /* the same part once more */
	assert_int_equal(transfer(3, 2, 3, 100), CXL_BACKGROUND_STARTED);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_string_equal((char *)out + 32, "cxlvm FW 2");
	assert_int_equal(send(0x0202, (u8[2]){1, 2}, 2), CXL_SUCCESS);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 1 | 2 << 3);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 2);
	assert_int_equal(send(0x0202, (u8[2]){0, 1}, 2), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 1000000000);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 1);
	assert_int_equal(transfer(0, 2, 0, 1000), CXL_BACKGROUND_STARTED);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_string_equal((char *)out + 32, "cxlvm FW 3");
	/* Slots outlast power, and what was staged is active after it. */
	assert_int_equal(send(0x0202, (u8[2]){1, 2}, 2), CXL_SUCCESS);
	fixture_reset(&m, RESET_COLD);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 2);
	assert_string_equal((char *)out + 32, "cxlvm FW 3");
	assert_int_equal(send(0x4000, NULL, 0), CXL_SUCCESS);
	assert_string_equal((char *)out, "cxlvm FW 3");
	/* A transfer whose next part does not come in 30 s is over. */
	assert_int_equal(transfer(1, 1, 0, 256), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 30000000000);
	assert_int_equal(transfer(2, 1, 2, 128), CXL_FW_TRANSFER_OUT_OF_ORDER);
	assert_int_equal(transfer(1, 1, 0, 256), CXL_BACKGROUND_STARTED);
}

/* The active slot cannot be made active; a whole package has no offset; any conventional reset will do, and the Command
 * Effects Log says so. [CXL3.1 8.2.9.3.2, 8.2.9.3.3] */
static void firmware_slots_take_turns(void **state)
{
	u8 cel[24] = {0x0d, 0xa9, 0xc0, 0xb5, 0xbf, 0x41, 0x4b, 0x78, 0x8f, 0x79, 0x96, 0xb1, 0x62, 0x3b, 0x3f, 0x17};

	assert_int_equal(send(0x0202, (u8[2]){0, 1}, 2), CXL_FW_INVALID_SLOT);
	assert_int_equal(send(0x0202, (u8[2]){1, 1}, 2), CXL_FW_INVALID_SLOT);
	assert_int_equal(transfer(0, 2, 77, 128), CXL_BACKGROUND_STARTED);
	assert_int_equal(send(0x0202, (u8[2]){1, 2}, 2), CXL_SUCCESS);
	type3_cxl_reset(dev, false);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 1 | 2 << 3);
	fixture_reset(&m, RESET_HOT);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 2);
	/* What is staged and comes online before is not staged any more. */
	assert_int_equal(send(0x0202, (u8[2]){1, 1}, 2), CXL_SUCCESS);
	assert_int_equal(send(0x0202, (u8[2]){0, 1}, 2), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 1000000000);
	assert_int_equal(send(0x0200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[1], 1);
	store_le(cel + 20, 4, 4 * mbox_command_count);
	assert_int_equal(send(0x0401, cel, 24), CXL_SUCCESS);
	for (unsigned n = 0; n < mbox_command_count; n++)
		if (load_le(out + 4 * n, 2) == 0x0202 || load_le(out + 4 * n, 2) == 0x0201)
			assert_int_equal(load_le(out + 4 * n + 2, 2),
					 1 << 10 | 1 << 9 | 1 << 8 | 1 << 6 | (out[4 * n] & 2) | 1 << 0);
}

static u16 set_feature(const u8 *uuid, u32 action, u16 offset, const u8 *data, u32 bytes)
{
	u8 request[MAILBOX_PAYLOAD_BYTES] = {0};

	memcpy(request, uuid, 16);
	store_le(request + 16, 4, action);
	store_le(request + 20, 2, offset);
	request[22] = 1;
	memcpy(request + 32, data, bytes);
	return send(0x0502, request, 32 + bytes);
}

static void features_keep_to_their_rows(void **state)
{
	u8 list[8] = {0}, get_request[21] = {0}, uuid[FEATURES][16], data[64] = {24, 0};

	store_le(list, 4, 2048);
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 2), FEATURES);
	for (unsigned n = 0; n < FEATURES; n++)
		memcpy(uuid[n], out + 8 + 48 * n, 16);
	store_le(list, 4, 8 + 47);
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), FEATURES << 16);
	store_le(list, 4, 7);
	assert_int_equal(send(0x0500, list, 8), CXL_INVALID_INPUT);
	store_le(list, 4, 8 + 47);
	list[4] = FEATURES;
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), FEATURES << 16);
	list[4] = FEATURES + 1;
	assert_int_equal(send(0x0500, list, 8), CXL_INVALID_INPUT);
	/* Scrub: 24 hours, off; then too short; then in parts. */
	memcpy(get_request, uuid[0], 16);
	get_request[18] = 4;
	assert_int_equal(set_feature(uuid[0], 0, 0, data, 2), CXL_SUCCESS);
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x00011801);
	data[0] = 0;
	assert_int_equal(set_feature(uuid[0], 0, 0, data, 2), CXL_INVALID_INPUT);
	data[0] = 6;
	data[1] = 1;
	assert_int_equal(set_feature(uuid[0], 0, 0, data, 1), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(set_feature(uuid[0], 0, 0, data, 60), CXL_INVALID_INPUT);
	assert_int_equal(set_feature(uuid[0], 0, 0xffff, data, 2), CXL_SUCCESS); /* the offset is ignored */
	assert_int_equal(set_feature(uuid[0], 1, 0, data, 1), CXL_SUCCESS);
	assert_int_equal(set_feature(uuid[1], 2, 1, data, 1), CXL_FEATURE_TRANSFER_OUT_OF_ORDER);
	assert_int_equal(set_feature(uuid[0], 0, 0, data, 2), CXL_FEATURE_TRANSFER_IN_PROGRESS);
	/* A part out of order aborts the transfer, if it is one of it. [CXL3.1 table 8-34] */
	assert_int_equal(set_feature(uuid[0], 3, 0xfff0, data, 1), CXL_FEATURE_TRANSFER_OUT_OF_ORDER);
	assert_int_equal(set_feature(uuid[0], 3, 1, data + 1, 1), CXL_FEATURE_TRANSFER_OUT_OF_ORDER);
	assert_int_equal(set_feature(uuid[0], 1, 0, data, 1), CXL_SUCCESS);
	assert_int_equal(set_feature(uuid[0], 3, 1, data + 1, 1), CXL_SUCCESS);
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x01010601);
	get_request[20] = 1; /* the default */
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x01010c01);
	get_request[20] = 2;
	assert_int_equal(send(0x0501, get_request, 21), CXL_UNSUPPORTED_FEATURE_SELECTION);
	get_request[20] = 0;
	get_request[16] = 1; /* past the end: what there is */
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(out_length, 3);
	assert_int_equal(load_le(out, 3), 0x010106);
	get_request[16] = 4;
	assert_int_equal(send(0x0501, get_request, 21), CXL_INVALID_INPUT);
	get_request[0] ^= 1;
	assert_int_equal(send(0x0501, get_request, 21), CXL_UNSUPPORTED);
	/* Error check scrub is not capable of real-time reports, and a reset of its counter clears itself. [table
	 * 8-211] */
	memcpy(get_request, uuid[1], 16);
	store_le(get_request + 16, 4, 5 << 16);
	store_le(data, 3, 0x001c00);
	assert_int_equal(set_feature(uuid[1], 0, 0, data, 3), CXL_SUCCESS);
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out, 5), 0x000c0000);
}

/* Retransmission, abort, the UUID of ones; what ends a transfer and what does not. [CXL3.1 8.2.9.6.3, table 8-96] */
static void features_are_set_in_parts(void **state)
{
	static const u8 scrub[16] = {0x96, 0xda, 0xd7, 0xd6, 0xfd, 0xe8, 0x48, 0x2b,
				     0xa7, 0x33, 0x75, 0x77, 0x4e, 0x06, 0xdb, 0x8a};
	static const unsigned resets[] = {RESET_HOT, RESET_CXL, RESET_WARM, RESET_COLD};
	u8 current[16], get_request[21] = {0}, list[8] = {56}, data[2] = {30, 0};

	memset(current, 0xff, sizeof(current));
	memcpy(get_request, scrub, 16);
	get_request[18] = 4;
	assert_int_equal(set_feature(scrub, 4, 0, data, 0), CXL_INVALID_INPUT); /* nothing to abort */
	assert_int_equal(set_feature(current, 4, 0, data, 0), CXL_UNSUPPORTED);
	assert_int_equal(set_feature(scrub, 1, 0, data, 1), CXL_SUCCESS);
	assert_int_equal(send(0x0300, NULL, 0), CXL_SUCCESS); /* others have no part in it */
	assert_int_equal(set_feature(current, 2, 0, data, 1), CXL_SUCCESS);
	assert_int_equal(set_feature(scrub, 3, 1, data, 2), CXL_INVALID_INPUT);
	assert_int_equal(set_feature(current, 3, 1, data + 1, 1), CXL_SUCCESS);
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 0x00011e01);
	assert_int_equal(set_feature(scrub, 4, 0, data, 0), CXL_INVALID_INPUT);
	assert_int_equal(set_feature(scrub, 1, 0, data, 1), CXL_SUCCESS);
	assert_int_equal(set_feature(current, 4, 0, data, 0), CXL_SUCCESS);
	assert_int_equal(set_feature(scrub, 3, 1, data, 1), CXL_FEATURE_TRANSFER_OUT_OF_ORDER);
	/* The attributes say that nothing outlasts a reset, and so it is. */
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out + 8 + 22, 4), 0x21);
	assert_int_equal(load_le(out + 8 + 28, 2), 1 << 9 | 1 << 1);
	for (unsigned n = 0; n < ARRAY_SIZE(resets); n++) {
		assert_int_equal(set_feature(scrub, 0, 0, data, 2), CXL_SUCCESS);
		assert_int_equal(set_feature(scrub, 1, 0, data, 1), CXL_SUCCESS);
		if (resets[n] == RESET_CXL)
			type3_cxl_reset(dev, false);
		else
			fixture_reset(&m, resets[n]);
		assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
		assert_int_equal(load_le(out, 4), 0x01010c01);
	}
}

static void repair_takes_poison_away(void **state)
{
	u8 request[14] = {1, 0, 0, 0, 0x10};

	assert_true(poison_add(dev, 0x1000, 128, POISON_INTERNAL));
	request[0] = 9;
	assert_int_equal(send(0x0600, request, 14), CXL_INVALID_INPUT);
	request[0] = 1;
	request[2] = 1; /* only asks */
	assert_int_equal(send(0x0600, request, 14), CXL_SUCCESS);
	request[2] = 0;
	assert_int_equal(send(0x0600, request, 14), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 1000000000);
	assert_int_equal(dev->poison.count, 1);
	assert_int_equal(dev->poison.ranges[0].size, 64);
	memset(request + 3, 0xff, 8);
	assert_int_equal(send(0x0600, request, 14), CXL_INVALID_PHYSICAL_ADDRESS);
}

/* The message pends, as the vector is masked. */
static void background_ends_with_an_interrupt(void **state)
{
	u8 request[17] = {[8] = 1};

	pci_config_write(&dev->pci, dev->pci.msix.cap + 2, 2, 0x8000);
	set(MAILBOX_CTRL, 4, MAILBOX_CTRL_BACKGROUND_IRQ);
	assert_int_equal(send(0x4304, request, 17), CXL_BACKGROUND_STARTED); /* rings with a bare 1 */
	assert_int_equal(get(MAILBOX_CTRL, 4), MAILBOX_CTRL_BACKGROUND_IRQ);
	assert_int_equal(dev->pci.msix.pba[0] & 1 << VECTOR_MAILBOX, 0);
	loop_time_advance(m.loop, 1000000000);
	assert_int_equal(dev->pci.msix.pba[0] & 1 << VECTOR_MAILBOX, 1 << VECTOR_MAILBOX);
	set(MAILBOX_CTRL, 4, 0);
	assert_int_equal(get(MAILBOX_CTRL, 4), 0);
}

/* The thread of the timers may be late: whoever gives a command or looks sees no more than guest time has left. */
static void what_is_over_holds_nobody_up(void **state)
{
	u8 repair[14] = {1, 0};

	for (unsigned n = 0; n < 5; n++) {
		assert_int_equal(send(0x0600, repair, 14), CXL_BACKGROUND_STARTED);
		timer_set(&dev->background.timer, TIMER_OFF);
		loop_time_advance(m.loop, 1);
	}
	assert_int_equal(get(MAILBOX_STATUS, 8) & MAILBOX_STATUS_BACKGROUND, 0);
	assert_int_equal(send(0x0600, repair, 14), CXL_BACKGROUND_STARTED);
	timer_set(&dev->background.timer, TIMER_OFF);
	loop_time_advance(m.loop, 1);
	assert_int_equal(send(0x0005, NULL, 0), CXL_SUCCESS); /* nothing is left to abort */
	assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x0600 | 100 << 16);
	assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
	timer_set(&dev->background.timer, TIMER_OFF);
	loop_time_advance(m.loop, 3600 * 1000000000ull);
	assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_READY);
}

/* Design D7: bytes, words, all lanes; V11 of the peer's list: narrow writes to the control register. */
static void device_registers_take_every_width(void **state)
{
	assert_int_equal(get(0, 8), 0x0000000301010000);
	assert_int_equal(get(4, 1), 3);
	assert_int_equal(get((DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES), 8), MEMORY_STATUS_READY);
	assert_int_equal(get(MAILBOX_CAP, 4) & 0x1f, 11);
	set(MAILBOX_COMMAND, 8, 0);
	for (unsigned n = 0; n < 8; n++)
		set(MAILBOX_COMMAND + n, 1, 0xff);
	assert_int_equal(get(MAILBOX_COMMAND, 8), 0x1fffffffff);
	set(MAILBOX_COMMAND, 8, 0x4000);
	set(MAILBOX_CTRL, 1, 1); /* a byte rings the bell */
	assert_int_equal(get(MAILBOX_STATUS + 4, 2), CXL_SUCCESS);
	set(MAILBOX_CTRL, 2, 0);
	set(MAILBOX_CTRL + 1, 1, 0xff);
	assert_int_equal(get(MAILBOX_CTRL, 4), 0);
	set(DEVREGS_PAYLOAD + 8, 8, 0x1122334455667788);
	assert_int_equal(get(DEVREGS_PAYLOAD + 10, 2), 0x5566);
	set(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES - 1, 1, 0xaa);
	assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES - 1, 1), 0xaa);
	for (u64 offset = 0; offset < devregs_bytes(&dev->mbox); offset += 8)
		for (unsigned size = 1; size <= 8; size *= 2)
			get(offset, size);
}

static bool is_bell(const struct reg *row)
{
	return (row->write != NULL) || (row->read && !row->rw);
}

static void device_registers_walk_bit_by_bit(void **state)
{
	struct check_walk walk = {.leave_out = is_bell, .with_hooks = true};

	assert_true(check_walking_ones(&dev->mbox.registers, &walk) > 500);
}

static void hostile_input_is_survived(void **state)
{
	u64 random = 7;

	for (unsigned n = 0; n < 20000; n++) {
		u8 input[64];
		u32 length = check_random(&random) % 65;
		u16 opcode = mbox_commands[check_random(&random) % mbox_command_count].opcode;

		for (unsigned i = 0; i < sizeof(input); i++)
			input[i] =
				check_random(&random) % 4 ? check_random(&random) : (check_random(&random) & 1) * 0xff;
		for (u32 i = 0; i + 8 <= sizeof(input); i += 8)
			set(DEVREGS_PAYLOAD + i, 8, load_le(input + i, 8));
		set(MAILBOX_COMMAND, 8, opcode | (u64)length << 16);
		set(MAILBOX_CTRL, 4, check_random(&random) & 7);
		loop_time_advance(m.loop, check_random(&random) % 2000000000);
		if (n % 64 == 0)
			event_add(dev, n / 64 % EVENT_LOGS, (u8[EVENT_RECORD_BYTES]){0});
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_device, close_device)
	const struct CMUnitTest tests[] = {
		T(lengths_are_checked_before_anything),
		T(other_opcodes_are_unsupported),
		T(table_is_sorted_and_cel_derives_from_it),
		T(identify_and_partitions_count_in_256_mib),
		T(lsa_keeps_to_its_bounds),
		T(timestamp_runs_from_what_was_set),
		T(event_logs_keep_order_and_overflow),
		T(event_policy_names_the_vectors),
		T(cleared_records_send_no_message),
		T(health_and_alerts),
		T(qos_control_keeps_to_its_limits),
		T(logs_say_what_can_be_done_to_them),
		T(firmware_moves_in_order_and_is_activated),
		T(firmware_slots_take_turns),
		T(features_keep_to_their_rows),
		T(features_are_set_in_parts),
		T(repair_takes_poison_away),
		T(background_ends_with_an_interrupt),
		T(what_is_over_holds_nobody_up),
		T(device_registers_take_every_width),
		T(device_registers_walk_bit_by_bit),
		T(hostile_input_is_survived),
	};

	return cmocka_run_group_tests_name("cxl/mailbox", tests, NULL, NULL);
}
