/* SPDX-License-Identifier: BSD-2-Clause */
/* Dynamic capacity: offered, accepted in parts, released both ways, and what the host's loads see of it.
 * [CXL3.1 9.13.3] */
#include "fixture.h"
#include "driver.h"

#define Q (256 * MiB)
#define BLOCK (2 * MiB)
#define STATIC Q /* DPA of region 0 */

static struct machine m;
static struct cxl_type3 *dev;

static void open_with(const char *more, unsigned ways)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	for (unsigned n = 0; n < ways; n++) {
		fixture_add(&m, &cxl_rp_class, "id=rp%u,bus=hb0", n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &memory_backend_ram_class, "id=d%u,size=512M", n);
		fixture_add(&m, &cxl_type3_class,
			    "id=mem%u,bus=rp%u,volatile-memdev=v%u,volatile-dc-memdev=d%u,num-dc-regions=2%s", n, n, n,
			    n, more);
	}
	assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
}

static int open_one(void **state)
{
	open_with("", 1);
	return 0;
}

static int open_two(void **state)
{
	open_with("", 2);
	return 0;
}

static int open_shareable(void **state)
{
	open_with(",dc-shareable=on", 1);
	return 0;
}

static int close_all(void **state)
{
	fixture_close(&m);
	return 0;
}

struct part {
	u64 dpa, size;
};

static u16 update(u16 opcode, bool more, unsigned count, const struct part *parts)
{
	u8 request[MAILBOX_PAYLOAD_BYTES] = {0};

	store_le(request, 4, count);
	request[4] = more;
	for (unsigned n = 0; n < count; n++) {
		store_le(request + 8 + 24 * n, 8, parts[n].dpa);
		store_le(request + 16 + 24 * n, 8, parts[n].size);
	}
	return send(opcode, request, 8 + 24 * count);
}

static u16 accept(u64 dpa, u64 size)
{
	return update(0x4802, false, 1, &(struct part){dpa, size});
}

static u16 give_back(u64 dpa, u64 size)
{
	return update(0x4803, false, 1, &(struct part){dpa, size});
}

static bool offer(unsigned region, u64 offset, u64 size)
{
	struct cxl_dc_span span = {offset, size};
	struct cxl_dc_request request = {
		.region = region, .spans = &span, .count = 1, .selection = CXL_DC_PRESCRIPTIVE};

	m.err.text[0] = 0;
	return cxl_dc_add(&dev->pci.dev, &request, &m.err);
}

static bool ask_back(unsigned region, u64 offset, u64 size, bool forced, bool sanitize)
{
	struct cxl_dc_span span = {offset, size};
	struct cxl_dc_request request = {
		.region = region, .spans = &span, .count = 1, .forced = forced, .sanitize = sanitize};

	m.err.text[0] = 0;
	return cxl_dc_release(&dev->pci.dev, &request, &m.err);
}

/* The extent list as the host reads it: total, and `out` holds extents from 16. */
static u32 extents(u32 *generation)
{
	u8 request[8] = {0xff};

	assert_int_equal(send(0x4801, request, 8), CXL_SUCCESS);
	if (generation)
		*generation = load_le(out + 8, 4);
	assert_int_equal(out_length, 16 + 40 * load_le(out, 4));
	return load_le(out + 4, 4);
}

static void is_extent(unsigned n, u64 dpa, u64 size)
{
	assert_int_equal(load_le(out + 16 + 40 * n, 8), dpa);
	assert_int_equal(load_le(out + 24 + 40 * n, 8), size);
}

static unsigned events(void)
{
	assert_int_equal(send(0x0100, (u8[]){EVENT_DYNAMIC}, 1), CXL_SUCCESS);
	return load_le(out + 20, 2);
}

static const u8 *event(unsigned n)
{
	return out + 32 + 128 * n;
}

static void regions_are_told(void **state)
{
	assert_int_equal(send(0x4800, (u8[]){8, 0}, 2), CXL_SUCCESS);
	assert_int_equal(out_length, 8 + 2 * 40 + 16);
	assert_int_equal(out[0], 2);
	assert_int_equal(out[1], 2);
	for (unsigned n = 0; n < 2; n++) {
		const u8 *region = out + 8 + 40 * n;

		assert_int_equal(load_le(region, 8), STATIC + n * Q);
		assert_int_equal(load_le(region + 8, 8), 1); /* times 256 MiB */
		assert_int_equal(load_le(region + 16, 8), Q);
		assert_int_equal(load_le(region + 24, 8), BLOCK);
		assert_int_equal(load_le(region + 32, 4), 1 + n);
	}
	for (unsigned n = 0; n < 4; n++)
		assert_int_equal(load_le(out + 88 + 4 * n, 4), DC_EXTENTS_MAX);
	assert_int_equal(send(0x4800, (u8[]){1, 1}, 2), CXL_SUCCESS);
	assert_int_equal(out[1], 1);
	assert_int_equal(load_le(out + 8, 8), STATIC + Q);
	assert_int_equal(send(0x4800, (u8[]){1, 2}, 2), CXL_INVALID_INPUT);
	/* The static capacity alone in Identify, and the size of the event log. */
	assert_int_equal(send(0x4000, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 16, 8), 1);
	assert_int_equal(load_le(out + out_length - 2, 2), EVENT_DYNAMIC_RECORDS);
}

/* DSMAS of static capacity, then one per region. */
/* A small mailbox gives as many as it holds, and the rest when it is asked again. */
/* What the host takes and gives back is a matter of configuration. [CXL3.1 8.2.9.9.9.3, 8.2.9.9.9.4] */
static void effects_are_those_of_configuration(void **state)
{
	unsigned found = 0;

	for (unsigned n = 0; n < mbox_command_count; n++) {
		if (mbox_commands[n].opcode != 0x4802 && mbox_commands[n].opcode != 0x4803)
			continue;
		assert_int_equal(mbox_commands[n].effects, EFFECT_IMMEDIATE_CONFIG);
		found++;
	}
	assert_int_equal(found, 2);
}

static void regions_come_as_they_fit(void **state)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=2G");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-dc-memdev=d,num-dc-regions=8,mailbox-payload=256");
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
	assert_int_equal(send(0x4800, (u8[]){8, 0}, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out, 2), 8 | 5 << 8);
	assert_int_equal(out_length, 8 + 5 * 40 + 16);
	assert_int_equal(send(0x4800, (u8[]){8, 5}, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out, 2), 8 | 3 << 8);
	assert_int_equal(load_le(out + 8, 8), 5 * Q);
	assert_int_equal(load_le(out + 8 + 3 * 40, 4), DC_EXTENTS_MAX);
	fixture_close(&m);
}

static void cdat_names_the_regions(void **state)
{
	unsigned seen = 0;

	for (u32 at = 16; at < dev->cdat.size; at += load_le(dev->cdat.bytes + at + 2, 2)) {
		const u8 *e = dev->cdat.bytes + at;

		if (e[0] != CDAT_DSMAS)
			continue;
		assert_int_equal(e[4], seen);
		assert_int_equal(e[5], seen ? CDAT_DSMAS_DYNAMIC : 0);
		assert_int_equal(load_le(e + 8, 8), seen * Q);
		assert_int_equal(load_le(e + 16, 8), Q);
		seen++;
	}
	assert_int_equal(seen, 3);
}

static void offers_become_events_and_extents(void **state)
{
	struct cxl_dc_span spans[2] = {{0, 4 * BLOCK}, {8 * BLOCK, BLOCK}};
	struct cxl_dc_request request = {
		.tag = {1, 2, 3}, .spans = spans, .count = 2, .selection = CXL_DC_PRESCRIPTIVE};
	u32 generation;

	assert_int_equal(send(0x0103, (u8[]){0, 0, 0, 0, 1}, 5), CXL_SUCCESS);
	assert_int_equal(send(0x0102, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[4], 1 | VECTOR_EVENT_INFO << 4);
	/* What is not sent of a command is 0. [CXL3.1 8.2.9] */
	assert_int_equal(send(0x0103, (u8[]){0, 0, 0, 0}, 4), CXL_SUCCESS);
	assert_int_equal(send(0x0102, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[4], 0);
	assert_true(cxl_dc_add(&dev->pci.dev, &request, &m.err));
	assert_int_equal(get(DEVREGS_STATUS, 4) & BIT(EVENT_DYNAMIC), BIT(EVENT_DYNAMIC));
	assert_int_equal(events(), 2);
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(event(n)[48], 0); /* add */
		assert_int_equal(event(n)[52], 0);
		assert_int_equal(event(n)[53], n == 0); /* More */
		assert_int_equal(load_le(event(n) + 56, 8), STATIC + spans[n].offset);
		assert_int_equal(load_le(event(n) + 64, 8), spans[n].size);
		assert_memory_equal(event(n) + 72, request.tag, 16);
		assert_int_equal(load_le(event(n) + 120, 4), DC_EXTENTS_MAX - 2);
		assert_int_equal(load_le(event(n) + 124, 4), DC_EXTENTS_MAX - 1);
	}
	assert_int_equal(extents(&generation), 0);
	assert_int_equal(generation, 0);
	/* Half of the first, all of the second; the rest is not there any more. */
	assert_int_equal(
		update(0x4802, false, 2, (struct part[]){{STATIC + 8 * BLOCK, BLOCK}, {STATIC + BLOCK, 2 * BLOCK}}),
		CXL_SUCCESS);
	assert_int_equal(extents(&generation), 2);
	assert_int_equal(generation, 1);
	is_extent(0, STATIC + BLOCK, 2 * BLOCK);
	is_extent(1, STATIC + 8 * BLOCK, BLOCK);
	assert_memory_equal(out + 16 + 16, request.tag, 16);
	assert_int_equal(accept(STATIC, BLOCK), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_true(offer(0, 0, BLOCK));
	assert_false(offer(0, 2 * BLOCK, BLOCK)); /* accepted */
	assert_false(offer(0, 0, BLOCK));         /* offered */
	/* Groups are answered in the order of their events. [CXL3.1 8.2.9.9.9.3] */
	assert_true(offer(0, 20 * BLOCK, BLOCK));
	assert_int_equal(accept(STATIC + 20 * BLOCK, BLOCK), CXL_INVALID_INPUT);
	assert_int_equal(accept(STATIC + 21 * BLOCK, BLOCK), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(extents(NULL), 2);
	dev->dc->offered_count--;
	/* Refused: an empty list answers the oldest group. */
	assert_int_equal(update(0x4802, false, 0, NULL), CXL_SUCCESS);
	assert_int_equal(extents(&generation), 2);
	assert_int_equal(generation, 1);
	assert_true(offer(0, 0, BLOCK));
}

static void malformed_lists_are_refused(void **state)
{
	u8 huge[32] = {0xff, 0xff, 0xff, 0xff};
	static const struct {
		struct part part;
		u16 code;
	} bad[] = {
		{{0, BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC - BLOCK, 2 * BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC + Q - BLOCK, 2 * BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC + 2 * Q, BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC, UINT64_MAX}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{UINT64_MAX - BLOCK + 1, BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC, 0}, CXL_INVALID_EXTENT_LIST},
		{{STATIC + 1, BLOCK}, CXL_INVALID_EXTENT_LIST},
		{{STATIC, BLOCK + 64}, CXL_INVALID_EXTENT_LIST},
		{{STATIC + 8 * BLOCK, BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
		{{STATIC + 3 * BLOCK, 2 * BLOCK}, CXL_INVALID_PHYSICAL_ADDRESS},
	};

	assert_true(offer(0, 0, 4 * BLOCK));
	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++)
		assert_int_equal(update(0x4802, false, 1, &bad[n].part), bad[n].code);
	assert_int_equal(update(0x4802, false, 2, (struct part[]){{STATIC, 2 * BLOCK}, {STATIC + BLOCK, BLOCK}}),
			 CXL_INVALID_EXTENT_LIST);
	/* A list in parts: the overlap is with an earlier one; then it begins anew. */
	assert_int_equal(update(0x4802, true, 1, &(struct part){STATIC, BLOCK}), CXL_SUCCESS);
	assert_int_equal(update(0x4802, false, 1, &(struct part){STATIC, BLOCK}), CXL_INVALID_EXTENT_LIST);
	assert_int_equal(update(0x4802, true, 1, &(struct part){STATIC, BLOCK}), CXL_SUCCESS);
	assert_int_equal(extents(NULL), 0);
	assert_int_equal(update(0x4802, false, 1, &(struct part){STATIC + 2 * BLOCK, BLOCK}), CXL_SUCCESS);
	assert_int_equal(extents(NULL), 2);
	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++)
		assert_int_equal(update(0x4803, false, 1, &bad[n].part), bad[n].code);
	assert_int_equal(update(0x4803, false, 0, NULL), CXL_INVALID_INPUT);
	assert_int_equal(give_back(STATIC + BLOCK, BLOCK), CXL_INVALID_PHYSICAL_ADDRESS);
	for (u16 opcode = 0x4802; opcode <= 0x4803; opcode++) {
		assert_int_equal(send(opcode, huge, 8), CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(send(opcode, huge, 32), CXL_INVALID_PAYLOAD_LENGTH);
	}
	assert_int_equal(send(0x4801, (u8[8]){1, 0, 0, 0, 3}, 8), CXL_INVALID_INPUT);
}

static void releases_split_extents(void **state)
{
	u32 generation;

	assert_true(offer(1, 0, 8 * BLOCK));
	assert_int_equal(accept(STATIC + Q, 8 * BLOCK), CXL_SUCCESS);
	assert_int_equal(give_back(STATIC + Q + 2 * BLOCK, 2 * BLOCK), CXL_SUCCESS);
	assert_int_equal(extents(&generation), 2);
	assert_int_equal(generation, 2);
	is_extent(0, STATIC + Q, 2 * BLOCK);
	is_extent(1, STATIC + Q + 4 * BLOCK, 4 * BLOCK);
	/* Both ways from the device's side: asked for, the host gives it; taken. */
	assert_true(ask_back(1, 0, 2 * BLOCK, false, false));
	assert_int_equal(extents(NULL), 2);
	assert_int_equal(events(), 2);
	assert_int_equal(event(1)[48], 1);
	assert_int_equal(event(1)[52], 1);
	assert_int_equal(give_back(STATIC + Q, 2 * BLOCK), CXL_SUCCESS);
	assert_true(ask_back(1, 4 * BLOCK, 4 * BLOCK, true, false));
	assert_int_equal(extents(NULL), 0);
	assert_int_equal(events(), 3);
	assert_int_equal(event(2)[48], 2);
	/* A full log holds up what is asked for, not what is taken: the list of extents tells the host. [CXL3.1 9.13.3]
	 */
	assert_true(offer(1, 0, 2 * BLOCK));
	assert_int_equal(accept(STATIC + Q, 2 * BLOCK), CXL_SUCCESS);
	while (event_log_room(dev, EVENT_DYNAMIC))
		event_add(dev, EVENT_DYNAMIC, (u8[EVENT_RECORD_BYTES]){0});
	assert_false(ask_back(1, 0, BLOCK, false, false));
	assert_int_equal(dev->events[EVENT_DYNAMIC].overflow_count, 0);
	assert_true(ask_back(1, 0, BLOCK, true, false));
	assert_int_equal(dev->events[EVENT_DYNAMIC].overflow_count, 1);
	assert_int_equal(extents(NULL), 1);
	assert_false(ask_back(1, 4 * BLOCK, BLOCK, true, false));
	assert_false(ask_back(1, 0, UINT64_MAX - BLOCK + 1, true, false));
	assert_false(ask_back(2, 0, BLOCK, false, false));
}

/* What is sanitized on its way back is not poisoned for whom it comes to next. */
static void a_sanitizing_release_takes_poison(void **state)
{
	u8 dpa[8];

	assert_true(offer(1, 0, 2 * BLOCK));
	assert_int_equal(accept(STATIC + Q, 2 * BLOCK), CXL_SUCCESS);
	for (unsigned n = 0; n < 2; n++) {
		store_le(dpa, 8, STATIC + Q + n * BLOCK);
		assert_int_equal(send(0x4301, dpa, 8), CXL_SUCCESS);
	}
	assert_true(ask_back(1, 0, 2 * BLOCK, false, true));
	assert_int_equal(give_back(STATIC + Q, BLOCK), CXL_SUCCESS);
	assert_int_equal(dev->poison.count, 1);
	assert_true(dev->poison.ranges[0].dpa == STATIC + Q + BLOCK);
}

/* Nor can the host poison, repair or write what is not its own. */
static void poison_commands_are_about_accepted_capacity(void **state)
{
	u8 request[72], repair[14] = {1, 0};

	memset(request, 0x5a, sizeof(request));
	store_le(request, 8, STATIC + BLOCK);
	store_le(repair + 3, 8, STATIC + BLOCK);
	assert_true(offer(0, BLOCK, BLOCK));
	for (unsigned n = 0; n < 3; n++) {
		u16 code = n == 1 ? CXL_SUCCESS : CXL_INVALID_PHYSICAL_ADDRESS;

		assert_int_equal(send(0x4301, request, 8), code);
		assert_int_equal(send(0x4302, request, 72), code);
		assert_int_equal(send(0x0600, repair, 14), n == 1 ? CXL_BACKGROUND_STARTED : code);
		loop_time_advance(m.loop, 1);
		assert_int_equal(dev->dcmem->host[BLOCK], n ? 0x5a : 0);
		assert_int_equal(n ? give_back(STATIC + BLOCK, BLOCK) : accept(STATIC + BLOCK, BLOCK),
				 n < 2 ? CXL_SUCCESS : CXL_INVALID_PHYSICAL_ADDRESS);
		memset(request + 8, n ? 0xa5 : 0x5a, 64);
	}
	assert_int_equal(dev->poison.count, 0);
}

static void extents_run_out(void **state)
{
	struct part part = {STATIC + BLOCK, BLOCK};

	for (unsigned group = 0; group < 4; group++) {
		struct cxl_dc_span spans[32];
		struct cxl_dc_request request = {
			.spans = spans, .count = 32, .selection = CXL_DC_FREE, .region = group / 2};

		for (unsigned n = 0; n < 32; n++)
			spans[n] = (struct cxl_dc_span){0, 2 * BLOCK};
		assert_int_equal(cxl_dc_add(&dev->pci.dev, &request, &m.err), group < 2);
	}
	assert_non_null(strstr(m.err.text, "room for 0 more"));
	assert_int_equal(events(), 15); /* as many as fit, and More */
	assert_int_equal(out[0], EVENT_FLAG_MORE);
	/* The first group was placed from the lowest address on. */
	assert_int_equal(load_le(event(14) + 56, 8), STATIC + 14 * 2 * BLOCK);
	assert_int_equal(update(0x4802, false, 1, &part), CXL_SUCCESS);
	assert_int_equal(extents(NULL), 1);
	is_extent(0, STATIC + BLOCK, BLOCK);
	/* More than one answer can carry, of one block each, by moves with More; then one too many. */
	dev->dc->offered_count = 1;
	dev->dc->accepted_count = 0;
	dev->dc->offered[0] = (struct dc_extent){.dpa = STATIC, .size = Q};
	for (unsigned n = 0; n < 128; n++)
		assert_int_equal(update(0x4802, n < 127, 1, &(struct part){STATIC + n * BLOCK, BLOCK}), CXL_SUCCESS);
	assert_int_equal(extents(NULL), 128);
	assert_int_equal(load_le(out, 4), (MAILBOX_PAYLOAD_BYTES - 16) / 40);
	dev->dc->accepted_count = DC_EXTENTS_MAX;
	for (unsigned n = 0; n < DC_EXTENTS_MAX; n++)
		dev->dc->accepted[n] = (struct dc_extent){.dpa = STATIC + n * 4 * BLOCK, .size = 3 * BLOCK};
	assert_int_equal(give_back(STATIC + BLOCK, BLOCK), CXL_RESOURCES_EXHAUSTED);
	assert_int_equal(extents(NULL), DC_EXTENTS_MAX);
	is_extent(0, STATIC, 3 * BLOCK);
	assert_int_equal(give_back(STATIC, BLOCK), CXL_SUCCESS);
}

static void shareable_capacity_is_whole(void **state)
{
	struct cxl_dc_span spans[2] = {{0, 2 * BLOCK}, {4 * BLOCK, BLOCK}};
	struct cxl_dc_request request = {.tag = {9}, .spans = spans, .count = 2, .selection = CXL_DC_PRESCRIPTIVE};

	assert_false(offer(0, 0, BLOCK));
	assert_non_null(strstr(m.err.text, "needs a tag"));
	assert_true(cxl_dc_add(&dev->pci.dev, &request, &m.err));
	assert_int_equal(events(), 2);
	assert_int_equal(load_le(event(0) + 88, 2), 0); /* 0 to n-1 [CXL3.1 table 8-51] */
	assert_int_equal(load_le(event(1) + 88, 2), 1);
	assert_int_equal(accept(STATIC, 2 * BLOCK), CXL_INVALID_EXTENT_LIST); /* not all of the tag */
	assert_int_equal(update(0x4802, false, 2, (struct part[]){{STATIC, 2 * BLOCK}, {STATIC + 4 * BLOCK, BLOCK}}),
			 CXL_SUCCESS);
	assert_int_equal(extents(NULL), 2);
	assert_int_equal(load_le(out + 16 + 32, 2), 0);
	assert_int_equal(load_le(out + 16 + 40 + 32, 2), 1);
	assert_int_equal(give_back(STATIC, BLOCK), CXL_INVALID_EXTENT_LIST);
	spans[0].offset = 8 * BLOCK, spans[1].offset = 16 * BLOCK;
	assert_false(cxl_dc_add(&dev->pci.dev, &request, &m.err)); /* the tag is in use */
	request.by_tag = true;
	assert_true(cxl_dc_release(&dev->pci.dev, &request, &m.err));
	assert_int_equal(events(), 4);
	request.forced = true;
	assert_true(cxl_dc_release(&dev->pci.dev, &request, &m.err));
	assert_int_equal(extents(NULL), 0);
	assert_int_equal(dev->cdat.bytes[16 + 24 * 6 + 5], CDAT_DSMAS_DYNAMIC | CDAT_DSMAS_SHAREABLE);
}

static u64 load(u64 hpa)
{
	u64 value = 0;

	assert_int_equal(space_read(m.space, hpa, 8, &value), MEM_OK);
	return value;
}

static void keep_hop(void *arg, const struct cxl_hop *hop)
{
	*(struct cxl_hop *)arg = *hop;
}

/* Whether the explanation ends at a device's memory; its last step has these words. */
static bool explains(u64 hpa, const char *words)
{
	struct cxl_hop last = {0};
	u64 dpa = 0;
	bool answered = cxl_explain(m.cxl, hpa, keep_hop, &last, &dpa);

	assert_non_null(strstr(last.text, words));
	assert_int_equal(last.took, answered);
	if (answered)
		assert_int_equal(dpa, hpa - WINDOWS_BASE);
	return answered;
}

static void only_accepted_extents_are_memory(void **state)
{
	const u64 base = WINDOWS_BASE + STATIC;

	assert_true(program(&dev->comp, 0, WINDOWS_BASE, 3 * Q, 0, 0, 0, 0) & HDM_CTRL_COMMITTED);
	enable_mem(dev, true);
	space_write(m.space, base + BLOCK, 8, 0x1234);
	assert_int_equal(load(base + BLOCK), UINT64_MAX);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_DIRECT);
	assert_int_equal(cxl_map_kind(m.cxl, base + BLOCK), MAP_NOTHING);
	assert_true(explains(base - 1, "memory v0"));
	assert_false(explains(base, "not accepted"));
	assert_true(offer(0, BLOCK, 2 * BLOCK));
	assert_int_equal(load(base + BLOCK), UINT64_MAX);
	assert_false(explains(base + BLOCK, "not accepted"));
	assert_int_equal(accept(STATIC + BLOCK, 2 * BLOCK), CXL_SUCCESS);
	assert_false(explains(base + BLOCK - 1, "not accepted"));
	assert_true(explains(base + BLOCK, "memory d0"));
	assert_true(explains(base + 3 * BLOCK - 1, "memory d0"));
	assert_false(explains(base + 3 * BLOCK, "not accepted"));
	assert_int_equal(cxl_map_kind(m.cxl, base + BLOCK), MAP_DIRECT);
	assert_int_equal(load(base + BLOCK), 0); /* what was written before was lost */
	space_write(m.space, base + BLOCK, 8, 0x1234);
	space_write(m.space, base + 3 * BLOCK - 8, 8, 0x5678);
	assert_int_equal(load(base + BLOCK), 0x1234);
	assert_int_equal(load(base + 3 * BLOCK - 8), 0x5678);
	assert_int_equal(load(base + 3 * BLOCK), UINT64_MAX);
	assert_int_equal(load(base + BLOCK - 8), UINT64_MAX);
	/* Poison in an extent hurts, elsewhere nobody sees it. */
	assert_true(cxl_poison_add(&dev->pci.dev, STATIC + 2 * BLOCK, 64, &m.err));
	assert_true(cxl_poison_add(&dev->pci.dev, STATIC + 8 * BLOCK, 64, &m.err));
	assert_int_equal(space_read(m.space, base + 2 * BLOCK, 8, &(u64){0}), MEM_ABORT);
	assert_int_equal(load(base + 8 * BLOCK), UINT64_MAX);
	assert_true(explains(base + 2 * BLOCK + 63, "poisoned: reads abort"));
	assert_true(explains(base + 2 * BLOCK + 64, "memory d0"));
	assert_false(explains(base + 8 * BLOCK, "not accepted"));
	/* Kept over a release that does not sanitize, and over a warm reset; not over a cold one. */
	assert_true(ask_back(0, BLOCK, 2 * BLOCK, true, false));
	assert_int_equal(load(base + BLOCK), UINT64_MAX);
	assert_true(offer(0, BLOCK, 2 * BLOCK));
	assert_int_equal(accept(STATIC + BLOCK, 2 * BLOCK), CXL_SUCCESS);
	assert_int_equal(load(base + BLOCK), 0x1234);
	assert_false(ask_back(0, BLOCK, BLOCK, true, true)); /* sanitizing takes whole extents */
	assert_true(ask_back(0, BLOCK, 2 * BLOCK, false, true));
	assert_int_equal(load(base + BLOCK), 0x1234);
	assert_int_equal(give_back(STATIC + BLOCK, 2 * BLOCK), CXL_SUCCESS);
	assert_true(offer(0, BLOCK, 2 * BLOCK));
	assert_int_equal(accept(STATIC + BLOCK, 2 * BLOCK), CXL_SUCCESS);
	assert_int_equal(load(base + BLOCK), 0);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(extents(NULL), 1);
	fixture_reset(&m, RESET_COLD);
	assert_int_equal(extents(NULL), 0);
}

/* Two ways over region 0 of both: by granules while one has less than the other, in host order when both have all. */
static void interleaved_capacity_is_exact(void **state)
{
	struct cxl_type3 *second = fixture_type3(&m, "mem1"), *first = dev;
	struct cxl_component *bridge = &m.cxl->bridges[0]->fork.comp;
	const u64 base = WINDOWS_BASE;
	u64 targets = first->above->number | second->above->number << 8;

	assert_true(program(bridge, 0, base, 2 * Q, 1, 0, targets, 0) & HDM_CTRL_COMMITTED);
	assert_true(program(&first->comp, 0, base, 2 * Q, 1, 0, Q, 0) & HDM_CTRL_COMMITTED);
	assert_true(program(&second->comp, 0, base, 2 * Q, 1, 0, Q, 0) & HDM_CTRL_COMMITTED);
	enable_mem(first, true);
	enable_mem(second, true);
	assert_true(offer(0, 0, Q));
	assert_int_equal(accept(STATIC, Q), CXL_SUCCESS);
	assert_int_equal(cxl_map_kind(m.cxl, base), MAP_GRANULE);
	space_write(m.space, base, 8, 1);
	space_write(m.space, base + 256, 8, 2);
	assert_int_equal(load(base), 1);
	assert_int_equal(load(base + 256), UINT64_MAX);
	dev = mailbox_of(second);
	assert_true(offer(0, 0, Q));
	assert_int_equal(accept(STATIC, Q), CXL_SUCCESS);
	assert_int_equal(cxl_map_kind(m.cxl, base), MAP_BUFFER);
	assert_int_equal(load(base), 1);
	assert_int_equal(load(base + 256), 0);
	space_write(m.space, base + 256, 8, 3);
	assert_true(ask_back(0, BLOCK, BLOCK, true, false));
	assert_int_equal(cxl_map_kind(m.cxl, base), MAP_GRANULE);
	assert_int_equal(load(base + 256), 3);
	assert_int_equal(load(base + 2 * BLOCK + 256), UINT64_MAX);
	assert_int_equal(load(base + 2 * BLOCK), 0);
}

static void sanitize_takes_dynamic_capacity_too(void **state)
{
	assert_true(program(&dev->comp, 0, WINDOWS_BASE, 3 * Q, 0, 0, 0, 0) & HDM_CTRL_COMMITTED);
	enable_mem(dev, true);
	assert_true(offer(1, 0, BLOCK));
	assert_int_equal(accept(STATIC + Q, BLOCK), CXL_SUCCESS);
	space_write(m.space, WINDOWS_BASE + STATIC + Q, 8, 77);
	assert_int_equal(send(0x4401, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load(WINDOWS_BASE + STATIC + Q), 0);
	assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE + STATIC + Q), MAP_GRANULE);
	assert_true(explains(WINDOWS_BASE, "disabled: reads are random"));
	assert_int_equal(accept(STATIC, BLOCK), CXL_MEDIA_DISABLED);
}

/* Dynamic capacity is volatile memory: a CXL Reset that clears memory clears it, and leaves the extents. [CXL3.1 9.7]
 */
static void a_reset_that_clears_takes_it_too(void **state)
{
	u32 control = dev->dvsec_device + DVSEC_DEVICE_CTRL2;
	u64 size = 8;

	assert_true(offer(1, 0, BLOCK));
	assert_int_equal(accept(STATIC + Q, BLOCK), CXL_SUCCESS);
	store_le(cxl_media_at(m.cxl, dev, STATIC + Q, &size), 8, 0x1122334455667788);
	pci_config_write(&dev->pci, control, 2, DVSEC_DEVICE_CTRL2_RESET);
	assert_true(load_le(cxl_media_at(m.cxl, dev, STATIC + Q, &size), 8) == 0x1122334455667788);
	pci_config_write(&dev->pci, control, 2, DVSEC_DEVICE_CTRL2_RESET_CLEARS);
	pci_config_write(&dev->pci, control, 2, DVSEC_DEVICE_CTRL2_RESET_CLEARS | DVSEC_DEVICE_CTRL2_RESET);
	assert_true(load_le(cxl_media_at(m.cxl, dev, STATIC + Q, &size), 8) == 0);
	assert_int_equal(extents(NULL), 1);
}

/* A passphrase locks persistent memory, which dynamic capacity is not. [CXL3.1 8.2.9.9.6, 8.2.9.9.9.3] */
static void capacity_moves_while_persistent_memory_is_locked(void **state)
{
	u8 request[96] = {1};

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=p,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	fixture_add(&m, &cxl_type3_class,
		    "id=mem0,bus=rp0,persistent-memdev=p,lsa=l,volatile-dc-memdev=d,num-dc-regions=2");
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
	memset(request + 64, 7, 32);
	assert_int_equal(send(0x4501, request, 96), CXL_SUCCESS);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x4500, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], SECURITY_USER_SET | SECURITY_LOCKED);
	assert_true(offer(1, 0, 2 * BLOCK));
	assert_int_equal(accept(STATIC + Q, 2 * BLOCK), CXL_SUCCESS);
	assert_int_equal(give_back(STATIC + Q, BLOCK), CXL_SUCCESS);
	assert_int_equal(extents(NULL), 1);
}

static void refused(const char *more, const char *words)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	assert_false(fixture_try(&m, &cxl_type3_class, more));
	if (!strstr(m.err.text, words))
		fail_msg("%s: %s", more, m.err.text);
	fixture_close(&m);
}

static void options_are_checked(void **state)
{
	refused("id=x,bus=rp0,volatile-dc-memdev=d", "add num-dc-regions=");
	refused("id=x,bus=rp0,volatile-memdev=v,num-dc-regions=1", "add volatile-dc-memdev=");
	refused("id=x,bus=rp0,volatile-dc-memdev=d,num-dc-regions=9", "1 to 8 regions");
	refused("id=x,bus=rp0,volatile-dc-memdev=d,num-dc-regions=3", "use size=768M");
	refused("id=x,bus=rp0,volatile-memdev=d,volatile-dc-memdev=d,num-dc-regions=1", "already used");
	refused("id=x,bus=rp0,volatile-memdev=v,dc-shareable=on", "about dynamic capacity");
	refused("id=x,bus=rp0", "volatile-dc-memdev=ID");
	/* Without static capacity; and none at all: no commands, no log. */
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &cxl_rp_class, "id=rp1,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_ram_class, "id=d,size=512M");
	fixture_add(&m, &cxl_type3_class, "id=x,bus=rp0,volatile-dc-memdev=d,num-dc-regions=2");
	fixture_add(&m, &cxl_type3_class, "id=y,bus=rp1,volatile-memdev=v");
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "x"));
	assert_int_equal(send(0x4800, (u8[]){8, 0}, 2), CXL_SUCCESS);
	assert_int_equal(load_le(out + 8, 8), 0);
	assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
	assert_int_equal(update(0x4802, false, 0, NULL), CXL_MEDIA_DISABLED);
	dev = mailbox_of(fixture_type3(&m, "y"));
	for (u16 opcode = 0x4800; opcode <= 0x4803; opcode++)
		assert_int_equal(send(opcode, (u8[8]){0}, 8), CXL_UNSUPPORTED);
	assert_int_equal(send(0x0100, (u8[]){EVENT_DYNAMIC}, 1), CXL_INVALID_INPUT);
	assert_int_equal(send(0x0400, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 8 + 16, 4), 4 * (mbox_command_count - 4 - 1)); /* nor Set Partition Info */
	fixture_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(regions_are_told, open_one, close_all),
		cmocka_unit_test(effects_are_those_of_configuration),
		cmocka_unit_test(regions_come_as_they_fit),
		cmocka_unit_test_setup_teardown(cdat_names_the_regions, open_one, close_all),
		cmocka_unit_test_setup_teardown(offers_become_events_and_extents, open_one, close_all),
		cmocka_unit_test_setup_teardown(malformed_lists_are_refused, open_one, close_all),
		cmocka_unit_test_setup_teardown(releases_split_extents, open_one, close_all),
		cmocka_unit_test_setup_teardown(a_sanitizing_release_takes_poison, open_one, close_all),
		cmocka_unit_test_setup_teardown(poison_commands_are_about_accepted_capacity, open_one, close_all),
		cmocka_unit_test_setup_teardown(extents_run_out, open_one, close_all),
		cmocka_unit_test_setup_teardown(shareable_capacity_is_whole, open_shareable, close_all),
		cmocka_unit_test_setup_teardown(only_accepted_extents_are_memory, open_one, close_all),
		cmocka_unit_test_setup_teardown(interleaved_capacity_is_exact, open_two, close_all),
		cmocka_unit_test_setup_teardown(sanitize_takes_dynamic_capacity_too, open_one, close_all),
		cmocka_unit_test_setup_teardown(a_reset_that_clears_takes_it_too, open_one, close_all),
		cmocka_unit_test_teardown(capacity_moves_while_persistent_memory_is_locked, close_all),
		cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests_name("cxl/dynamic", tests, NULL, NULL);
}
