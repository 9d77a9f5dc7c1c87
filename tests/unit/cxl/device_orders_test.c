/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random orders of what a host, a fabric manager and a monitor ask of one memory device: commands that mostly make
 * sense, time that passes with and without its timers, resets of all kinds. After each step what the device shows is
 * what it holds: event status, messages that wait, mailbox and memory status, the map; and its lists are in order.
 * CXLVM_ORDERS says how many, CXLVM_ORDERS_FROM at which seed to begin, CXLVM_ORDERS_CODES that return codes be
 * counted.
 */
#include "fixture.h"
#include "driver.h"
#include "cxl/map.h"
#include "pci/parts.h"

#define Q (256 * MiB)
#define BLOCK (2 * MiB)
#define STEPS 2000

static struct machine m;
static struct cxl_type3 *dev;
static u64 seed, random_state;
static unsigned step_number, codes[256][0x24];

static unsigned pick(unsigned count)
{
	return (check_random(&random_state) >> 16) % count;
}

static void build(void)
{
	fixture_open(&m);
	assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "devices=mem0,type=ram", cxl_host_add_region));
	assert_true(fixture_option(&m, "devices=mem0,type=pmem,size=256M", cxl_host_add_region));
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	dev = mailbox_of(
		fixture_one_device(&m, "", 512, ",volatile-dc-memdev=d,num-dc-regions=2,partition-align=256M"));
}

/* --- what must hold --- */

static void wrong(const char *what)
{
	fail_msg("CXLVM_ORDERS_FROM=%llu: step %u: %s", (unsigned long long)seed, step_number, what);
}

static void check_map(void)
{
	struct decode_state *state = decode_state_make(m.cxl);
	const struct map_piece *piece = m.cxl->pieces;
	struct want_list wants = {0};

	map_compile(state, &wants);
	for (size_t n = 0; n < wants.count; n++, piece = piece->next)
		if (!piece || memcmp(&piece->want, &wants.list[n], sizeof(piece->want)))
			wrong("the map is not what the decoders say");
	if (piece)
		wrong("the map has more than the decoders say");
	free(wants.list);
	decode_state_free(state);
}

static void check_events(void)
{
	u64 status = get(DEVREGS_STATUS, 8);
	u8 pending = dev->pci.msix.pba[0];

	for (unsigned n = 0; n < EVENT_LOGS; n++) {
		const struct event_log *log = &dev->events[n];

		if ((status >> n & 1) != (log->count > 0))
			wrong("event status is not what the logs hold");
		if (log->overflow_count && event_log_room(dev, n))
			wrong("an overflow of a log with room");
	}
	if ((pending >> VECTOR_EVENT_INFO & 1) && !dev->events[EVENT_INFO].count && !dev->events[EVENT_DYNAMIC].count)
		wrong("a message waits, and there is no record");
	if ((pending >> VECTOR_EVENT_FATAL & 1) && !dev->events[EVENT_FATAL].count)
		wrong("a message waits, and there is no fatal record");
}

static void check_lists(void)
{
	const struct poison *p = &dev->poison;
	const struct dynamic *dc = dev->dc;
	unsigned listed = 0;
	u64 end = 0;

	for (unsigned n = 0; n < p->count; n++) {
		if (p->ranges[n].dpa < end || !p->ranges[n].size)
			wrong("the poison list is out of order");
		end = p->ranges[n].dpa + p->ranges[n].size;
		listed += !p->ranges[n].unlisted;
	}
	if (end > type3_capacity(dev) || listed > POISON_LIST_RECORDS)
		wrong("the poison list is too long");
	end = 0;
	for (unsigned n = 0; n < dc->accepted_count; n++) {
		const struct dc_extent *e = &dc->accepted[n];

		if (e->dpa < end || !e->size || e->dpa < dynamic_region_base(dc, e->region) ||
		    e->dpa + e->size > dynamic_region_base(dc, e->region) + dc->region_size)
			wrong("the extents are out of order");
		end = e->dpa + e->size;
		for (unsigned o = 0; o < dc->offered_count; o++)
			if (dc->offered[o].dpa < end && e->dpa < dc->offered[o].dpa + dc->offered[o].size)
				wrong("what is accepted is offered");
	}
}

static void check(void)
{
	const struct security *s = &dev->security;

	if (!(get(MAILBOX_STATUS, 8) & 1) == dev->background.is_running)
		wrong("Mailbox Status");
	if (get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8) !=
	    (dev->sanitizing ? MEMORY_STATUS_DISABLED : MEMORY_STATUS_READY))
		wrong("Memory Device Status");
	if ((s->state & SECURITY_LOCKED) && !(s->state & SECURITY_USER_SET))
		wrong("locked without a passphrase");
	if (dev->volatile_bytes + dev->persistent_bytes != 3 * Q || dev->volatile_bytes % Q)
		wrong("partitions do not add up");
	check_events();
	check_lists();
	check_map();
}

/* --- what happens --- */

static u64 any_line(void)
{
	static const u64 at[] = {0, Q - 64, Q, 3 * Q - 64, 3 * Q, 3 * Q + BLOCK, 5 * Q - 64};

	return at[pick(ARRAY_SIZE(at))] + (pick(3) ? 0 : 64 * (u64)pick(8));
}

static u16 tell(u16 opcode, const void *bytes, u32 length)
{
	u16 code = send(opcode, bytes, length);

	if (code == CXL_INVALID_PAYLOAD_LENGTH || code >= ARRAY_SIZE(codes[0]))
		fail_msg("CXLVM_ORDERS_FROM=%llu: step %u: command %04xh of %u bytes: %u", (unsigned long long)seed,
			 step_number, opcode, length, code);
	for (unsigned n = 0; n < mbox_command_count; n++)
		if (mbox_commands[n].opcode == opcode)
			codes[n][code]++;
	return code;
}

static void clear_events(void)
{
	u8 log = pick(EVENT_LOGS), request[6 + 2 * 64] = {log, !pick(4)};
	unsigned count;

	tell(0x0100, &log, 1);
	count = MIN((unsigned)load_le(out + 20, 2), 1 + pick(8));
	request[2] = request[1] ? 0 : count;
	for (unsigned n = 0; n < count; n++)
		memcpy(request + 6 + 2 * n, out + 32 + 128 * n + 20, 2);
	tell(0x0101, request, 6 + 2 * request[2]);
}

static void extents(void)
{
	struct cxl_dc_span spans[2] = {{pick(8) * BLOCK, (1 + pick(4)) * BLOCK}, {(8 + pick(4)) * BLOCK, BLOCK}};
	struct cxl_dc_request request = {.region = pick(2),
					 .tag = {pick(2)},
					 .spans = spans,
					 .count = 1 + pick(2),
					 .selection = pick(3),
					 .by_tag = !pick(4),
					 .forced = !pick(3),
					 .sanitize = !pick(3)};
	const struct dynamic *dc = dev->dc;
	const struct dc_extent *e = dc->offered_count && pick(2) ? &dc->offered[0] : dc->accepted;
	u8 list[8 + 24] = {!!pick(6)};

	switch (pick(3)) {
	case 0: cxl_dc_add(&dev->pci.dev, &request, &m.err); break;
	case 1: cxl_dc_release(&dev->pci.dev, &request, &m.err); break;
	case 2:
		list[4] = !pick(5);
		store_le(list + 8, 8, e->dpa + (pick(4) ? 0 : BLOCK));
		store_le(list + 16, 8, pick(3) ? e->size : BLOCK);
		tell(e == dc->accepted ? 0x4803 : 0x4802, list, list[0] ? 32 : 8);
	}
}

static void passphrase(void)
{
	u8 request[96] = {pick(2)};

	request[32] = request[64] = pick(8) ? 0 : 1;
	switch (pick(6)) {
	case 0: tell(0x4501, request, 96); break;
	case 1: tell(0x4502, request, 64); break;
	case 2: tell(0x4503, request + 32, 32); break;
	case 3:
		if (!pick(4))
			tell(0x4504, NULL, 0);
		break;
	case 4: tell(0x4505, request, 64); break;
	case 5: tell(0x4500, NULL, 0);
	}
}

static void media(void)
{
	u8 request[17] = {[16] = pick(2)};
	u64 line = any_line();

	store_le(request, 8, line);
	switch (pick(9)) {
	case 0: tell(0x4301, request, 8); break;
	case 1: {
		u8 repair[72] = {0};

		store_le(repair, 8, line);
		tell(0x4302, repair, 72);
		break;
	}
	case 2:
	case 3:
		store_le(request + 8, 8, pick(3) ? 1 + pick(64) : (5 * Q - line) / 64);
		if (pick(2))
			tell(0x4304, request, 17);
		else
			tell(0x4300, request, 16);
		break;
	case 4: tell(0x4305, NULL, 0); break;
	case 5: {
		u8 operation[24] = {1, pick(2), 0, 0, 1};

		store_le(operation + 8, 8, line);
		store_le(operation + 16, 8, 64 * (1 + pick(64)));
		tell(0x4402, operation, 24);
		break;
	}
	case 6:
		if (!pick(3))
			tell(pick(2) ? 0x4400 : 0x4401, NULL, 0);
		break;
	case 7: {
		u8 repair[14] = {1, pick(2)};

		store_le(repair + 3, 8, line);
		tell(0x0600, repair, 14);
		break;
	}
	case 8: {
		u8 partition[9] = {pick(4), [8] = pick(2)};

		tell(0x4101, partition, 9);
	}
	}
}

static void firmware(void)
{
	u8 request[128 + 256] = {pick(5), 1 + pick(2)};

	store_le(request + 4, 4, pick(3) * 2);
	if (pick(3))
		tell(0x0201, request, sizeof(request));
	else
		tell(0x0202, (u8[]){pick(2), 1 + pick(2)}, 2);
}

static void from_outside(void)
{
	struct cxl_health h;

	switch (pick(4)) {
	case 0: cxl_poison_add(&dev->pci.dev, any_line(), 64 * (1 + pick(20)), &m.err); break;
	case 1:
		cxl_health_get(&dev->pci.dev, &h);
		h.life_used = pick(101);
		h.temperature = pick(50);
		cxl_health_set(&dev->pci.dev, &h, &m.err);
		break;
	case 2: event_add(dev, pick(EVENT_DYNAMIC), (u8[EVENT_RECORD_BYTES]){0}); break;
	case 3: pci_config_write(&dev->pci, dev->pci.msix.cap + MSIX_CTRL, 2, pick(2) ? 0xc000 : 0x4000);
	}
}

static void reset(void)
{
	static const unsigned kinds[] = {RESET_HOT, RESET_FUNCTION, RESET_CXL, RESET_COLD, RESET_WARM};
	unsigned kind = kinds[pick(ARRAY_SIZE(kinds))];

	if (kind == RESET_WARM)
		fixture_reset(&m, kind);
	else if (kind == RESET_CXL)
		pci_config_write(&dev->pci, dev->dvsec_device + DVSEC_DEVICE_CTRL2, 2, pick(2) ? 4 : 12);
	else
		pci_function_reset(&dev->pci, kind);
}

static void step(void)
{
	u8 policy[5] = {pick(3), pick(3), pick(3), pick(3), pick(2)};
	const struct mbox_command *command;

	switch (pick(16)) {
	case 0: clear_events(); break;
	case 1:
	case 2: extents(); break;
	case 3: passphrase(); break;
	case 4:
	case 5:
	case 6: media(); break;
	case 7: firmware(); break;
	case 8: from_outside(); break;
	case 9: tell(0x0103, policy, 4 + pick(2)); break;
	case 10: tell(0x0005, NULL, 0); break;
	case 11:
		if (!pick(4))
			reset();
		break;
	case 12:
		if (dev->sanitizing && pick(3)) { /* most of the others wait for it */
			tell(0x4502, (u8[64]){PASSPHRASE_USER}, 64);
			tell(0x4400, NULL, 0);
			loop_time_advance(m.loop, 3600 * 1000000000ull);
			break;
		}
		do
			command = &mbox_commands[pick(mbox_command_count)];
		while (command->in_min);
		if (command->opcode < 0x4400 || command->opcode > 0x4504)
			tell(command->opcode, NULL, 0);
		break;
	case 13:
		if (pick(2))
			timer_set(&dev->background.timer, TIMER_OFF);
	/* fall through */
	default: loop_time_advance(m.loop, 1ull << pick(36));
	}
}

static void whatever_is_asked_the_device_shows_what_it_holds(void **state)
{
	const char *wanted = getenv("CXLVM_ORDERS"), *from = getenv("CXLVM_ORDERS_FROM");
	u64 first = from ? strtoull(from, NULL, 0) : 1, count = wanted ? strtoull(wanted, NULL, 0) : 10;

	for (seed = first; seed < first + count; seed++) {
		random_state = seed;
		random_state = check_random(&random_state); /* apart from the other seeds' */
		build();
		for (step_number = 0; step_number < STEPS; step_number++) {
			step();
			check();
		}
		fixture_close(&m);
	}
	if (getenv("CXLVM_ORDERS_CODES"))
		for (unsigned n = 0; n < mbox_command_count; n++) {
			printf("%04x", mbox_commands[n].opcode);
			for (unsigned c = 0; c < 0x24; c++)
				if (codes[n][c])
					printf(" %02x:%u", c, codes[n][c]);
			printf("\n");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_is_asked_the_device_shows_what_it_holds),
	};

	return cmocka_run_group_tests_name("cxl/device_orders", tests, NULL, NULL);
}
