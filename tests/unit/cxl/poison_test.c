/* SPDX-License-Identifier: BSD-2-Clause */
/* Poison, scan media, sanitize and security, seen from the host's loads and through the mailbox. [CXL3.1 8.2.9.9.4-6]
 */
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"
#include "driver.h"

#define Q (256 * MiB)
#define SECOND 1000000000ull

static struct machine m;
static struct cxl_type3 *dev;

/* `ways` devices below one bridge, each volatile and persistent, and a region of either. */
static void open_ways(unsigned ways)
{
	char text[256] = "devices=";

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	for (unsigned n = 0; n < ways; n++) {
		fixture_add(&m, &cxl_rp_class, "id=rp%u,bus=hb0", n);
		fixture_add(&m, &memory_backend_ram_class, "id=v%u,size=256M", n);
		fixture_add(&m, &memory_backend_ram_class, "id=p%u,size=256M", n);
		fixture_add(&m, &memory_backend_ram_class, "id=l%u,size=128K", n);
		fixture_add(&m, &cxl_type3_class, "id=mem%u,bus=rp%u,volatile-memdev=v%u,persistent-memdev=p%u,lsa=l%u",
			    n, n, n, n, n);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%smem%u", n ? ":" : "", n);
	}
	assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, text, cxl_host_add_region));
	strcat(text, ",type=pmem");
	assert_true(fixture_option(&m, text, cxl_host_add_region));
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, ways > 1 ? "mem1" : "mem0"));
}

static u16 range_command(u16 opcode, u64 dpa, u64 bytes, unsigned length)
{
	u8 request[17] = {0};

	store_le(request, 8, dpa);
	store_le(request + 8, 8, bytes / 64);
	return send(opcode, request, length);
}

static u16 inject(u64 dpa)
{
	u8 request[8];

	store_le(request, 8, dpa);
	return send(0x4301, request, 8);
}

static u16 clear(u64 dpa, u8 byte)
{
	u8 request[72];

	memset(request, byte, sizeof(request));
	store_le(request, 8, dpa);
	return send(0x4302, request, 72);
}

/* Where the device address is in host addresses, in the volatile region of `ways` at 256 bytes. */
static u64 hpa_of(unsigned ways, u64 dpa)
{
	unsigned way = ways > 1; /* mem1, or the only one */

	return WINDOWS_BASE + (dpa / 256 * ways + way) * 256 + dpa % 256;
}

static void poison_hurts_where_it_is_and_nowhere_else(void **state)
{
	for (unsigned ways = 1; ways <= 2; ways++) {
		u64 dpa = 5 * MiB + 0x1c0, hpa, got;
		u8 line[64];

		open_ways(ways);
		hpa = hpa_of(ways, dpa);
		assert_int_equal(space_write(m.space, hpa, 8, 0x1111), MEM_OK); /* the chunk is in the buffer */
		assert_int_equal(inject(dpa), CXL_SUCCESS);
		assert_int_equal(cxl_map_kind(m.cxl, hpa), MAP_HOLE);
		assert_int_equal(dev->events[EVENT_INFO].count, 1);
		for (unsigned at = 0; at < 64; at += 8)
			assert_int_equal(space_read(m.space, hpa + at, 8, &got), MEM_ABORT);
		assert_int_equal(space_read(m.space, hpa + 63, 1, &got), MEM_ABORT);
		assert_int_equal(space_read(m.space, hpa - 4, 8, &got), MEM_ABORT); /* reaches into it */
		assert_int_equal(space_read(m.space, hpa - 8, 8, &got), MEM_OK);
		assert_false(dma_read(m.space, hpa + 16, line, 8));
		assert_true(dma_read(m.space, hpa - 64, line, 64));
		/* General media event, uncorrectable, host read, the right DPA. */
		assert_true(dev->events[EVENT_FAILURE].count > 0);
		assert_int_equal(load_le(dev->events[EVENT_FAILURE].records[0] + GENERAL_MEDIA_DPA, 8), dpa | 1);
		assert_int_equal(dev->events[EVENT_FAILURE].records[0][GENERAL_MEDIA_DESCRIPTOR], 1);
		assert_int_equal(dev->events[EVENT_FAILURE].records[0][GENERAL_MEDIA_TRANSACTION], MEDIA_HOST_READ);
		assert_int_equal(dev->events[EVENT_FAILURE].records[0][EVENT_RECORD_FLAGS], 2); /* severity */
		assert_int_equal(dev->events[EVENT_INFO].records[0][EVENT_RECORD_FLAGS], 0);
		/* A partial write lands and leaves it poisoned. */
		assert_int_equal(space_write(m.space, hpa + 8, 8, 0x2222), MEM_OK);
		assert_int_equal(space_read(m.space, hpa + 8, 8, &got), MEM_ABORT);
		/* A reset does not repair it. */
		fixture_reset(&m, RESET_WARM);
		assert_int_equal(space_read(m.space, hpa, 8, &got), MEM_ABORT);
		/* Clear writes its data. */
		assert_int_equal(clear(dpa, 0x5a), CXL_SUCCESS);
		assert_int_equal(space_read(m.space, hpa + 8, 8, &got), MEM_OK);
		assert_int_equal(got, 0x5a5a5a5a5a5a5a5a);
		assert_int_equal(cxl_map_kind(m.cxl, hpa), ways == 1 ? MAP_DIRECT : MAP_BUFFER);
		assert_int_equal(range_command(0x4300, 0, 2 * Q, 16), CXL_SUCCESS);
		assert_int_equal(load_le(out + 10, 2), 0);
		fixture_close(&m);
	}
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* What was put off until the machine lock is free. */
static void run_deferred(void)
{
	loop_defer(m.loop, quit, m.loop);
	loop_unlock(m.loop);
	loop_run(m.loop);
	loop_lock(m.loop);
}

static u64 failure_dpa(unsigned n)
{
	return load_le(dev->events[EVENT_FAILURE].records[n] + GENERAL_MEDIA_DPA, 8) & ~0x3full;
}

/* DMA reads it without the machine lock; what is written never meets it. */
static void poison_that_dma_reads_is_told(void **state)
{
	const struct event_log *log;

	for (unsigned ways = 1; ways <= 2; ways++) {
		u64 dpa = 5 * MiB + 0x1c0, hpa = hpa_of(ways, dpa), size = 4096;
		u8 bytes[4096] = {0};

		open_ways(ways);
		log = &dev->events[EVENT_FAILURE];
		assert_int_equal(inject(dpa), CXL_SUCCESS);
		assert_false(dma_write(m.space, hpa, bytes, 64));
		assert_true(dma_read(m.space, hpa + 64, bytes, 64));
		assert_null(dma_map(m.space, hpa, &size, false));
		run_deferred();
		assert_int_equal(log->count, 0);
		assert_false(dma_read(m.space, hpa - 100, bytes, 200));
		run_deferred();
		assert_int_equal(log->count, 1);
		assert_int_equal(failure_dpa(0), dpa);
		assert_int_equal(log->records[0][GENERAL_MEDIA_DESCRIPTOR], 1);
		assert_int_equal(log->records[0][GENERAL_MEDIA_TRANSACTION], MEDIA_HOST_READ);
		/* Twice before anybody has time to tell: once. Several lines: each. */
		assert_false(dma_read(m.space, hpa, bytes, 16));
		assert_false(dma_read(m.space, hpa + 32, bytes, 16));
		run_deferred();
		assert_int_equal(log->count, 2);
		assert_int_equal(failure_dpa(1), dpa);
		assert_int_equal(inject(dpa - 64), CXL_SUCCESS);
		assert_false(dma_read(m.space, hpa - 64, bytes, 128));
		run_deferred();
		assert_int_equal(log->count, 4);
		assert_int_equal(failure_dpa(2), dpa - 64);
		assert_int_equal(failure_dpa(3), dpa);
		/* Of very many, as many as a log holds; none of a device that has gone. */
		assert_true(poison_add(dev, 6 * MiB, 64 * KiB, POISON_INTERNAL));
		assert_false(dma_read(m.space, hpa_of(ways, 6 * MiB), bytes, 4096));
		run_deferred();
		assert_int_equal(log->count, EVENT_LOG_RECORDS);
		assert_int_equal(log->overflow_count, 4);
		assert_int_equal(failure_dpa(7), 6 * MiB + 3 * 64);
		assert_false(dma_read(m.space, hpa, bytes, 16));
		cxl_map_forget(m.cxl, dev);
		run_deferred();
		assert_int_equal(log->overflow_count, 4);
		fixture_close(&m);
	}
}

/* Also where a set is not complete: by granules. */
static void poison_hurts_on_the_slow_path(void **state)
{
	u64 dpa = 3 * MiB, got;

	open_ways(2);
	assert_int_equal(inject(dpa), CXL_SUCCESS);
	enable_mem(fixture_type3(&m, "mem0"), false);
	assert_int_equal(cxl_map_kind(m.cxl, hpa_of(2, dpa)), MAP_GRANULE);
	assert_int_equal(space_read(m.space, hpa_of(2, dpa), 8, &got), MEM_ABORT);
	assert_int_equal(space_read(m.space, hpa_of(2, dpa) + 64, 8, &got), MEM_OK);
	assert_false(dma_read(m.space, hpa_of(2, dpa) + 48, &got, 8));
	run_deferred();
	assert_int_equal(dev->events[EVENT_FAILURE].count, 1);
	assert_int_equal(failure_dpa(0), dpa);
	fixture_close(&m);
}

/* As an instruction fetch has it. */
static bool fetched(u64 hpa, u32 *word)
{
	const struct range *range = space_lookup(m.space, hpa);

	return range->region->fetch && range->region->fetch(range->region, range->offset + (hpa - range->base), word);
}

static void very_many_poisoned_lines_are_kept_apart(void **state)
{
	u64 got;
	u32 word;

	open_ways(2);
	/* One range of more lines than there may be holes. */
	assert_true(poison_add(dev, 0, 2 * MiB, POISON_INTERNAL));
	assert_int_equal(cxl_map_kind(m.cxl, WINDOWS_BASE), MAP_GRANULE);
	assert_int_equal(space_write(m.space, hpa_of(2, 2 * MiB), 4, 0x5555), MEM_OK);
	assert_int_equal(space_read(m.space, hpa_of(2, 2 * MiB - 8), 8, &got), MEM_ABORT);
	assert_int_equal(space_read(m.space, hpa_of(2, 2 * MiB), 8, &got), MEM_OK);
	assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK); /* the other device */
	/* Fetches get what is good, and tell nobody. */
	run_deferred();
	dev->events[EVENT_FAILURE].count = 0;
	assert_true(fetched(hpa_of(2, 2 * MiB), &word));
	assert_int_equal(word, 0x5555);
	assert_false(fetched(hpa_of(2, 2 * MiB - 4), &word));
	run_deferred();
	assert_int_equal(dev->events[EVENT_FAILURE].count, 0);
	/* Clearing in the middle splits the range. */
	assert_int_equal(clear(MiB, 0), CXL_SUCCESS);
	assert_int_equal(space_read(m.space, hpa_of(2, MiB), 8, &got), MEM_OK);
	assert_int_equal(space_read(m.space, hpa_of(2, MiB + 64), 8, &got), MEM_ABORT);
	assert_int_equal(space_read(m.space, hpa_of(2, MiB - 64), 8, &got), MEM_ABORT);
	assert_int_equal(dev->poison.count, 2);
	fixture_close(&m);
}

static void scan(u64 dpa, u64 size)
{
	assert_int_equal(range_command(0x4304, dpa, size, 17), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 2 * SECOND);
	assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x4304 | 100 << 16);
}

static void the_list_says_what_is_poisoned(void **state)
{
	unsigned records = 0, calls = 0;
	u64 at = 0;

	open_ways(1);
	assert_int_equal(inject(32), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(inject(2 * Q), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(inject(~63ull), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(clear(2 * Q, 0), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(clear(8, 0), CXL_INVALID_INPUT);
	assert_int_equal(range_command(0x4300, 0, 0, 16), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(range_command(0x4300, Q, Q + 64, 16), CXL_INVALID_PHYSICAL_ADDRESS);
	assert_int_equal(range_command(0x4300, 64, ~63ull, 16), CXL_INVALID_PHYSICAL_ADDRESS);
	for (unsigned n = 0; n < POISON_LIST_RECORDS; n++)
		assert_int_equal(inject(n * 4096), CXL_SUCCESS);
	assert_int_equal(inject(0), CXL_SUCCESS); /* is poisoned already */
	assert_int_equal(inject(64), CXL_INJECT_POISON_LIMIT);
	/* More records than a payload holds: ask from the last one on. */
	do {
		unsigned count;

		assert_int_equal(range_command(0x4300, at, 2 * Q - at, 16), CXL_SUCCESS);
		count = load_le(out + 10, 2);
		for (unsigned n = 0; n < count; n++, records++) {
			assert_int_equal(load_le(out + 32 + 16 * n, 8), records * 4096 | POISON_INJECTED);
			assert_int_equal(load_le(out + 40 + 16 * n, 4), 1);
		}
		at = records * 4096;
		calls++;
	} while (out[0] & POISON_FLAG_MORE);
	assert_int_equal(records, POISON_LIST_RECORDS);
	assert_int_equal(calls, 3);
	/* Or ask for the same once more, as Linux does; a request to restart begins anew. [CXL3.2 8.2.10.9.4.1] */
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(range_command(0x4300, n, 2 * Q, 16), CXL_SUCCESS);
		assert_int_equal(out[0], POISON_FLAG_MORE | (n ? POISON_FLAG_RESTARTED : 0));
		assert_int_equal(load_le(out + 32, 8), POISON_INJECTED);
	}
	for (records = 0, calls = 1;; calls++) {
		assert_int_equal(load_le(out + 32, 8), records * 4096 | POISON_INJECTED);
		records += load_le(out + 10, 2);
		if (!(out[0] & POISON_FLAG_MORE))
			break;
		assert_int_equal(range_command(0x4300, 0, 2 * Q, 16), CXL_SUCCESS);
	}
	assert_int_equal(records, POISON_LIST_RECORDS);
	assert_int_equal(calls, 3);
	/* One too many, from outside: the list overflows, a scan finds all. */
	assert_true(cxl_poison_add(&dev->pci.dev, Q, 128, &m.err));
	assert_false(cxl_poison_add(&dev->pci.dev, 2 * Q, 64, &m.err));
	assert_false(cxl_poison_add(&dev->pci.dev, 1, 64, &m.err));
	assert_int_equal(range_command(0x4300, 0, 2 * Q, 16), CXL_SUCCESS);
	assert_true(out[0] & POISON_FLAG_OVERFLOW);
	assert_int_equal(load_le(out + 2, 8), 0); /* the clock was never set */
	assert_int_equal(range_command(0x4300, Q, 4096, 16), CXL_SUCCESS);
	assert_int_equal(load_le(out + 10, 2), 0);
	assert_int_equal(send(0x4305, NULL, 0), CXL_UNSUPPORTED);
	assert_int_equal(range_command(0x4303, Q, Q, 16), CXL_SUCCESS);
	assert_int_equal(load_le(out, 4), 512);
	assert_int_equal(range_command(0x4304, Q, Q, 17), CXL_BACKGROUND_STARTED);
	assert_int_equal(get(MAILBOX_STATUS, 1) & 1, 1);
	assert_int_equal(send(0x4305, NULL, 0), CXL_BUSY);
	assert_int_equal(range_command(0x4304, Q, Q, 17), CXL_BUSY);
	assert_int_equal(range_command(0x4300, Q, 4096, 16), CXL_SUCCESS);
	assert_true(out[0] & POISON_FLAG_SCANNING);
	loop_time_advance(m.loop, 256 * 1000000);
	assert_in_range(get(MAILBOX_BACKGROUND, 8) >> 16 & 0x7f, 48, 51);
	loop_time_advance(m.loop, SECOND);
	assert_int_equal(get(MAILBOX_STATUS, 1) & 1, 0);
	assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x4304 | 100 << 16);
	assert_int_equal(send(0x4305, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 18, 2), 1);
	assert_int_equal(load_le(out + 32, 8), Q | POISON_INJECTED);
	assert_int_equal(load_le(out + 40, 4), 2);
	assert_int_equal(send(0x4305, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 18, 2), 0);
	/* Aborted: no results, all of it is to be scanned again. [CXL3.1 8.2.9.9.4.6] */
	assert_int_equal(range_command(0x4304, 0, Q, 17), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 100 * 1000000);
	assert_int_equal(send(0x0005, NULL, 0), CXL_SUCCESS);
	assert_int_equal(get(MAILBOX_BACKGROUND, 8) >> 32, CXL_ABORTED);
	assert_in_range(get(MAILBOX_BACKGROUND, 8) >> 16 & 0x7f, 18, 20);
	assert_int_equal(send(0x4305, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 0);
	assert_int_equal(load_le(out + 8, 8), Q / 64);
	assert_int_equal(load_le(out + 16, 4), SCAN_FLAG_STOPPED);
	/* A conventional reset forgets the scan. */
	assert_int_equal(range_command(0x4304, 0, Q, 17), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, SECOND);
	assert_int_equal(send(0x4305, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 16, 1), POISON_FLAG_MORE);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x4305, NULL, 0), CXL_UNSUPPORTED);
	/* The list is frozen until a scan of everything, and no part of it, builds it anew. [CXL3.1 8.2.9.9.4.1] */
	assert_int_equal(send(0x0301, (u8[8]){1}, 8), CXL_SUCCESS);
	poison_clear(dev, Q, 128);
	assert_int_equal(clear(0, 0), CXL_SUCCESS);
	assert_true(cxl_poison_add(&dev->pci.dev, 64, 64, &m.err));
	assert_true(cxl_poison_add(&dev->pci.dev, 4096, 64, &m.err)); /* is listed */
	scan(0, 2 * Q - 64);
	assert_int_equal(range_command(0x4300, 0, 8192, 16), CXL_SUCCESS);
	assert_int_equal(out[0], POISON_FLAG_OVERFLOW);
	assert_int_equal(load_le(out + 2, 8), 0);
	assert_int_equal(load_le(out + 10, 2), 1);
	assert_int_equal(load_le(out + 32, 8), 4096 | POISON_INJECTED);
	scan(0, 2 * Q);
	assert_int_equal(range_command(0x4300, 0, 8192, 16), CXL_SUCCESS);
	assert_int_equal(out[0], 0);
	assert_int_equal(load_le(out + 10, 2), 2);
	assert_int_equal(load_le(out + 32, 8), 64 | POISON_INJECTED);
	/* The time of an overflow is that of the first one; records say whose place is not on the list. */
	poison_clear(dev, 8192, 64);
	assert_true(cxl_poison_add(&dev->pci.dev, Q, 64, &m.err));
	assert_int_equal(range_command(0x4300, 0, 64, 16), CXL_SUCCESS);
	assert_int_equal(out[0], 0);
	loop_time_advance(m.loop, SECOND);
	at = type3_timestamp(dev);
	assert_true(cxl_poison_add(&dev->pci.dev, 8192, 64, &m.err));
	loop_time_advance(m.loop, SECOND);
	assert_true(cxl_poison_add(&dev->pci.dev, Q + 4096, 64, &m.err));
	assert_int_equal(range_command(0x4300, 0, 64, 16), CXL_SUCCESS);
	assert_int_equal(out[0], POISON_FLAG_OVERFLOW);
	assert_int_equal(load_le(out + 2, 8), at);
	poison_met(dev, Q, MEDIA_HOST_SCAN);
	assert_int_equal(dev->events[EVENT_FAILURE].records[0][GENERAL_MEDIA_DESCRIPTOR], GENERAL_MEDIA_UNCORRECTABLE);
	poison_met(dev, 8192, MEDIA_HOST_SCAN);
	assert_int_equal(dev->events[EVENT_FAILURE].records[1][GENERAL_MEDIA_DESCRIPTOR],
			 GENERAL_MEDIA_UNCORRECTABLE | GENERAL_MEDIA_LIST_OVERFLOW);
	fixture_close(&m);
}

static void sanitize_disables_media_and_leaves_nothing(void **state)
{
	u64 got, again, hpa;
	u8 lsa[8] = {0}, label[16] = {[8] = 1};

	for (unsigned ways = 1; ways <= 2; ways++) {
		open_ways(ways);
		hpa = hpa_of(ways, 64 * KiB);
		assert_int_equal(space_write(m.space, hpa, 8, 0x7777), MEM_OK);
		assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 0x8888), MEM_OK);
		assert_int_equal(send(0x4103, label, 16), CXL_SUCCESS);
		assert_int_equal(inject(4096), CXL_SUCCESS);
		assert_true(label_spoil(dev, 100));
		for (unsigned n = 0; n <= EVENT_LOG_RECORDS; n++)
			event_add(dev, EVENT_WARNING, (u8[EVENT_RECORD_BYTES]){0});
		assert_int_equal(get(DEVREGS_STATUS, 4), 1 << EVENT_INFO | 1 << EVENT_WARNING);
		assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
		assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_DISABLED);
		/* Random data, lost writes, no abort. */
		assert_int_equal(space_write(m.space, hpa, 8, 0x9999), MEM_OK);
		assert_int_equal(space_read(m.space, hpa, 8, &got), MEM_OK);
		assert_int_equal(space_read(m.space, hpa, 8, &again), MEM_OK);
		assert_true(got != 0x7777 && got != 0x9999 && got != again);
		assert_int_equal(space_read(m.space, hpa_of(ways, 4096), 8, &got), MEM_OK);
		store_le(lsa + 4, 4, 128);
		assert_int_equal(send(0x4102, lsa, 8), CXL_MEDIA_DISABLED);
		assert_int_equal(inject(0), CXL_MEDIA_DISABLED);
		assert_int_equal(send(0x4400, NULL, 0), CXL_BUSY);
		assert_int_equal(send(0x0005, NULL, 0), CXL_ABORT_NOT_SUPPORTED);
		assert_int_equal(get(MAILBOX_STATUS, 1) & 1, 1);
		loop_time_advance(m.loop, 4 * SECOND);
		assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_READY);
		assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x4400 | 100 << 16);
		assert_int_equal(space_read(m.space, hpa, 8, &got), MEM_OK);
		assert_int_equal(got, 0);
		assert_int_equal(space_read(m.space, hpa_of(ways, 4096), 8, &got), MEM_OK);
		if (ways == 2) { /* the other device's memory is as it was */
			assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
			assert_int_equal(got, 0x8888);
		}
		assert_int_equal(send(0x4102, lsa, 8), CXL_SUCCESS);
		assert_int_equal(load_le(out, 8), 0);
		/* "Sanitize also deletes all event logs on the device": overflow and all. */
		assert_int_equal(get(DEVREGS_STATUS, 4), 0);
		assert_int_equal(send(0x0100, (u8[1]){EVENT_WARNING}, 1), CXL_SUCCESS);
		assert_int_equal(load_le(out, 4), 0);
		assert_int_equal(load_le(out + 20, 2), 0);
		assert_int_equal(cxl_map_kind(m.cxl, hpa), ways == 1 ? MAP_DIRECT : MAP_BUFFER);
		fixture_close(&m);
	}
}

static u16 passphrase(u16 opcode, u8 type, u8 first, u8 second)
{
	u8 request[96] = {0};
	u32 length = opcode == 0x4503 ? 32 : opcode == 0x4501 ? 96 : 64;

	request[0] = type;
	memset(request + (length == 32 ? 0 : 32), first, 32);
	if (length == 96)
		memset(request + 64, second, 32);
	return send(opcode, request, length);
}

/* Memory that is shared, as QEMU's documents have it: with nobody, or behind a descriptor. [CXL3.1 8.2.9.9.5.1] */
static void shared_memory_is_sanitized_too(void **state)
{
	u8 get_label[8] = {0}, label[16] = {[8] = 1};
	u64 got;

	for (unsigned erase = 0; erase < 2; erase++) {
		fixture_open(&m);
		fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
		fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
		fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M,share=on");
		fixture_add(&m, &memory_backend_memfd_class, "id=p,size=256M");
		fixture_add(&m, &memory_backend_ram_class, "id=l,size=128K,share=on");
		fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l");
		assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
		assert_true(fixture_option(&m, "devices=mem0", cxl_host_add_region));
		assert_true(fixture_option(&m, "devices=mem0,type=pmem", cxl_host_add_region));
		fixture_power_on(&m);
		dev = mailbox_of(fixture_type3(&m, "mem0"));
		assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 0x7777), MEM_OK);
		assert_int_equal(space_write(m.space, WINDOWS_BASE + Q, 8, 0x8888), MEM_OK);
		assert_int_equal(send(0x4103, label, 16), CXL_SUCCESS);
		assert_int_equal(send(erase ? 0x4401 : 0x4400, NULL, 0), erase ? CXL_SUCCESS : CXL_BACKGROUND_STARTED);
		loop_time_advance(m.loop, 4 * SECOND);
		for (unsigned n = 0; n < 2; n++) {
			assert_int_equal(space_read(m.space, WINDOWS_BASE + n * Q, 8, &got), MEM_OK);
			assert_int_equal(got, 0);
		}
		store_le(get_label + 4, 4, 8);
		assert_int_equal(send(0x4102, get_label, 8), CXL_SUCCESS);
		assert_int_equal(load_le(out, 8), erase ? 1 : 0);
		fixture_close(&m);
	}
}

/* What is erased or repaired in vain is not said to be. */
static void readonly_media_are_not_erased(void **state)
{
	char path[] = "/tmp/cxlvm-media-XXXXXX";
	u8 operation[24] = {1, 1, [4] = 1};
	int fd = mkstemp(path);
	u64 got;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, Q), 0);
	assert_int_equal(pwrite(fd, "original", 8, 4096), 8);
	close(fd);
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_file_class, "id=p,size=256M,share=on,readonly=on,mem-path=%s", path);
	fixture_add(&m, &memory_backend_ram_class, "id=l,size=128K");
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l");
	assert_true(fixture_option(&m, "targets.0=hb0,size=4G", cxl_host_add_window_opts));
	assert_true(fixture_option(&m, "devices=mem0,type=pmem", cxl_host_add_region));
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
	assert_int_equal(inject(Q + 4096), CXL_SUCCESS);
	assert_int_equal(clear(Q + 4096, 0), CXL_INTERNAL_ERROR);
	assert_int_equal(dev->poison.count, 1);
	poison_clear_all(dev);
	assert_int_equal(send(0x4400, NULL, 0), CXL_INTERNAL_ERROR);
	assert_int_equal(send(0x4401, NULL, 0), CXL_INTERNAL_ERROR);
	assert_int_equal(passphrase(0x4505, 1, 5, 0), CXL_INTERNAL_ERROR);
	store_le(operation + 8, 8, Q - 64);
	store_le(operation + 16, 8, 128);
	assert_int_equal(send(0x4402, operation, 24), CXL_INTERNAL_ERROR);
	store_le(operation + 16, 8, 64); /* beside it */
	assert_int_equal(send(0x4402, operation, 24), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, SECOND);
	assert_int_equal(space_read(m.space, WINDOWS_BASE + 4096, 8, &got), MEM_OK);
	assert_memory_equal(&got, "original", 8);
	fixture_close(&m);
	unlink(path);
}

/* A reset ends the operation; what it had to erase must not be seen. [CXL3.1 8.2.8.4, 8.2.9.9.5.1] */
static void an_interrupted_sanitize_leaves_media_disabled(void **state)
{
	static const unsigned resets[] = {RESET_COLD, RESET_WARM, RESET_HOT, RESET_CXL};
	u64 got, status;

	for (unsigned n = 0; n < ARRAY_SIZE(resets); n++) {
		open_ways(1);
		assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 0x7777), MEM_OK);
		assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
		loop_time_advance(m.loop, SECOND);
		if (resets[n] == RESET_CXL)
			type3_cxl_reset(dev, false);
		else
			fixture_reset(&m, resets[n]);
		assert_int_equal(get(MAILBOX_STATUS, 1) & 1, 0);
		status = get(MAILBOX_BACKGROUND, 8); /* is forgotten at a conventional reset */
		assert_int_equal(status & ~0x7f0000ull, resets[n] == RESET_CXL ? 0x4400 | (u64)CXL_ABORTED << 32 : 0);
		assert_int_equal(bits(status, 22, 16) != 0, resets[n] == RESET_CXL);
		loop_time_advance(m.loop, 100 * SECOND);
		assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_DISABLED);
		assert_int_equal(inject(0), CXL_MEDIA_DISABLED);
		assert_int_equal(send(0x4401, NULL, 0), CXL_MEDIA_DISABLED);
		if (resets[n] == RESET_COLD) { /* the region is committed again */
			assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
			assert_int_not_equal(got, 0x7777);
		}
		assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
		loop_time_advance(m.loop, 4 * SECOND);
		assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_READY);
		if (resets[n] == RESET_COLD) {
			assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
			assert_int_equal(got, 0);
		}
		fixture_close(&m);
	}
}

static u32 security(void)
{
	assert_int_equal(send(0x4500, NULL, 0), CXL_SUCCESS);
	return load_le(out, 4);
}

static u16 media_operation(unsigned subclass, unsigned count, u64 dpa, u64 size)
{
	u8 request[8 + 16 * 3] = {1, subclass, 0, 0, count};

	for (unsigned n = 0; n < 3; n++) {
		store_le(request + 8 + 16 * n, 8, dpa + n * 1024);
		store_le(request + 16 + 16 * n, 8, size);
	}
	return send(0x4402, request, 8 + 16 * MIN(count, 3u));
}

/* Ranges across a buffer of two ways: zero and not poisoned there, untouched beside. */
static void media_operations_zero_their_ranges(void **state)
{
	u64 got;

	open_ways(2);
	for (u64 at = 0; at < 8192; at += 8)
		space_write(m.space, WINDOWS_BASE + at, 8, at + 1);
	assert_int_equal(inject(1024), CXL_SUCCESS);
	assert_int_equal(media_operation(0, 3, 0, 128), CXL_BACKGROUND_STARTED);
	assert_int_equal(media_operation(1, 1, 0, 64), CXL_BUSY);
	loop_time_advance(m.loop, SECOND);
	for (u64 at = 0; at < 8192; at += 8) {
		u64 dpa = at / 512 * 256 + at % 256;
		bool zeroed = at / 256 % 2 && dpa < 3072 && dpa % 1024 < 128;

		assert_int_equal(space_read(m.space, WINDOWS_BASE + at, 8, &got), MEM_OK);
		assert_int_equal(got, zeroed ? 0 : at + 1);
	}
	/* Discovery leaves itself out, and gives what there is of what is asked for. */
	assert_int_equal(send(0x4402, (u8[]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0}, 12), CXL_SUCCESS);
	assert_int_equal(out_length, 12 + 2 * 2);
	assert_int_equal(load_le(out, 8), 64);
	assert_int_equal(load_le(out + 8, 4), 2 | 2 << 16);
	assert_int_equal(load_le(out + 12, 4), 0x01010001);
	assert_int_equal(send(0x4402, (u8[]){0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 3, 0}, 12), CXL_SUCCESS);
	assert_int_equal(load_le(out + 8, 4), 2 | 1 << 16);
	assert_int_equal(load_le(out + 12, 2), 0x0101);
	assert_int_equal(send(0x4402, (u8[]){0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3, 0}, 12), CXL_INVALID_INPUT);
	assert_int_equal(send(0x4402, (u8[]){0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 3, 0}, 12), CXL_INVALID_INPUT);
	assert_int_equal(send(0x4402, (u8[]){0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, 10), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(media_operation(2, 1, 0, 64), CXL_INVALID_INPUT);
	assert_int_equal(media_operation(0, 0, 0, 0), CXL_SUCCESS);
	assert_int_equal(media_operation(0, 200, 0, 64), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(media_operation(0, 1, 1, 64), CXL_INVALID_INPUT);
	assert_int_equal(media_operation(0, 1, 0, 0), CXL_INVALID_INPUT);
	assert_int_equal(media_operation(0, 1, 2 * Q, 64), CXL_INVALID_INPUT);
	assert_int_equal(media_operation(0, 1, 64, -64ull), CXL_INVALID_INPUT);
	fixture_close(&m);
}

static void passphrases_lock_persistent_memory(void **state)
{
	u64 pmem = WINDOWS_BASE + Q, got;
	u8 lsa[8] = {[4] = 8}, label[16] = {[8] = 1};

	open_ways(1);
	assert_int_equal(send(0x4103, label, 16), CXL_SUCCESS);
	assert_int_equal(space_write(m.space, pmem, 8, 0xaaaa), MEM_OK);
	assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 0xbbbb), MEM_OK);
	assert_int_equal(security(), 0);
	assert_int_equal(passphrase(0x4503, 0, 1, 0), CXL_INVALID_SECURITY_STATE); /* not locked */
	assert_int_equal(passphrase(0x4502, 1, 1, 0), CXL_INVALID_SECURITY_STATE); /* none is set */
	assert_int_equal(passphrase(0x4501, 2, 0, 1), CXL_INVALID_INPUT);
	assert_int_equal(passphrase(0x4505, 0, 9, 0), CXL_INVALID_INPUT); /* no master passphrase */
	assert_int_equal(passphrase(0x4501, 0, 0, 9), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4501, 1, 0, 7), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4501, 0, 9, 8),
			 CXL_INVALID_SECURITY_STATE); /* the master's only while there is no user's */
	assert_int_equal(passphrase(0x4501, 1, 6, 8), CXL_INCORRECT_PASSPHRASE);
	assert_int_equal(security(), SECURITY_USER_SET | SECURITY_MASTER_SET);
	assert_int_equal(send(0x4400, NULL, 0), CXL_INVALID_SECURITY_STATE);
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(security(), SECURITY_USER_SET | SECURITY_MASTER_SET | SECURITY_LOCKED);
	assert_int_equal(space_read(m.space, pmem, 8, &got), MEM_OK);
	assert_int_not_equal(got, 0xaaaa);
	assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
	assert_int_equal(got, 0xbbbb);
	/* Locked is not disabled: the state is what is wrong. */
	assert_int_equal(inject(Q), CXL_INVALID_SECURITY_STATE);
	assert_int_equal(range_command(0x4304, Q, 64, 17), CXL_INVALID_SECURITY_STATE);
	assert_int_equal(send(0x4400, NULL, 0), CXL_INVALID_SECURITY_STATE);
	assert_int_equal(send(0x4401, NULL, 0), CXL_INVALID_SECURITY_STATE);
	/* What is not locked has its poison as ever. */
	assert_int_equal(clear(Q, 0), CXL_INVALID_SECURITY_STATE);
	assert_int_equal(range_command(0x4304, Q - 64, 128, 17), CXL_INVALID_SECURITY_STATE);
	assert_int_equal(inject(Q - 64), CXL_SUCCESS);
	assert_int_equal(clear(Q - 64, 0), CXL_SUCCESS);
	assert_int_equal(range_command(0x4304, 0, Q, 17), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, SECOND);
	/* Labels are no persistent memory: they can be read. [CXL3.1 8.2.9.9.2.3] */
	assert_int_equal(send(0x4102, lsa, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 1);
	assert_int_equal(send(0x4103, label, 16), CXL_INVALID_SECURITY_STATE);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(passphrase(0x4503, 0, n, 0), CXL_INCORRECT_PASSPHRASE);
	assert_int_equal(passphrase(0x4503, 0, 7, 0), CXL_SUCCESS);
	assert_int_equal(space_read(m.space, pmem, 8, &got), MEM_OK);
	assert_int_equal(got, 0xaaaa);
	assert_int_equal(send(0x4504, NULL, 0), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4502, 1, 7, 0), CXL_INVALID_SECURITY_STATE); /* frozen */
	fixture_reset(&m, RESET_WARM);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(passphrase(0x4503, 0, 1, 0), CXL_INCORRECT_PASSPHRASE);
	assert_int_equal(passphrase(0x4503, 0, 7, 0), CXL_INVALID_SECURITY_STATE); /* too often */
	assert_int_equal(passphrase(0x4505, 0, 8, 0), CXL_INCORRECT_PASSPHRASE);
	assert_int_equal(passphrase(0x4505, 0, 9, 0), CXL_SUCCESS); /* the master's erases and opens */
	assert_int_equal(security(), SECURITY_MASTER_SET);
	assert_int_equal(space_read(m.space, pmem, 8, &got), MEM_OK);
	assert_int_equal(got, 0);
	assert_int_equal(send(0x4401, NULL, 0), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4502, 0, 9, 0), CXL_SUCCESS);
	assert_int_equal(security(), 0);
	/* No user passphrase: what is given as one is ignored. */
	assert_int_equal(space_write(m.space, pmem, 8, 0xcccc), MEM_OK);
	assert_int_equal(passphrase(0x4505, 1, 5, 0), CXL_SUCCESS);
	assert_int_equal(space_read(m.space, pmem, 8, &got), MEM_OK);
	assert_int_equal(got, 0);
	fixture_close(&m);
}

/* Which memory each command erases, and when; what a reset locks. [CXL3.1 8.2.9.9.5.2, 8.2.9.9.6, 8.2.9.9.6.6] */
static void erasing_keeps_to_user_data(void **state)
{
	u64 pmem = WINDOWS_BASE + Q, got;
	u8 lsa[8] = {[4] = 8}, label[16] = {[8] = 1};

	open_ways(1);
	assert_int_equal(send(0x4103, label, 16), CXL_SUCCESS);
	assert_int_equal(space_write(m.space, pmem, 8, 0xaaaa), MEM_OK);
	assert_int_equal(space_write(m.space, WINDOWS_BASE, 8, 0xbbbb), MEM_OK);
	assert_int_equal(inject(64), CXL_SUCCESS);
	assert_int_equal(inject(Q + 64), CXL_SUCCESS);
	/* With a passphrase: persistent memory, the rest stays. */
	assert_int_equal(passphrase(0x4505, 1, 5, 0), CXL_SUCCESS);
	assert_int_equal(space_read(m.space, pmem, 8, &got), MEM_OK);
	assert_int_equal(got, 0);
	assert_int_equal(space_read(m.space, pmem + 64, 8, &got), MEM_OK);
	assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
	assert_int_equal(got, 0xbbbb);
	assert_int_equal(space_read(m.space, WINDOWS_BASE + 64, 8, &got), MEM_ABORT);
	assert_int_equal(send(0x4102, lsa, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 1);
	/* Without: everything but labels, where security is disabled or unlocked. */
	assert_int_equal(passphrase(0x4501, 1, 0, 7), CXL_SUCCESS);
	assert_int_equal(send(0x4401, NULL, 0), CXL_SUCCESS);
	assert_int_equal(space_read(m.space, WINDOWS_BASE, 8, &got), MEM_OK);
	assert_int_equal(got, 0);
	assert_int_equal(dev->poison.count, 0);
	assert_int_equal(send(0x4102, lsa, 8), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), 1);
	assert_int_equal(security(), SECURITY_USER_SET);
	/* A CXL Reset does not lock, a hot reset does. */
	type3_cxl_reset(dev, false);
	assert_int_equal(security(), SECURITY_USER_SET);
	assert_int_equal(send(0x4504, NULL, 0), CXL_SUCCESS);
	fixture_reset(&m, RESET_HOT);
	assert_int_equal(security(), SECURITY_USER_SET | SECURITY_LOCKED | SECURITY_FROZEN);
	assert_int_equal(send(0x4401, NULL, 0), CXL_INVALID_SECURITY_STATE);
	fixture_close(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(poison_hurts_where_it_is_and_nowhere_else),
		cmocka_unit_test(poison_that_dma_reads_is_told),
		cmocka_unit_test(poison_hurts_on_the_slow_path),
		cmocka_unit_test(very_many_poisoned_lines_are_kept_apart),
		cmocka_unit_test(the_list_says_what_is_poisoned),
		cmocka_unit_test(sanitize_disables_media_and_leaves_nothing),
		cmocka_unit_test(shared_memory_is_sanitized_too),
		cmocka_unit_test(readonly_media_are_not_erased),
		cmocka_unit_test(an_interrupted_sanitize_leaves_media_disabled),
		cmocka_unit_test(media_operations_zero_their_ranges),
		cmocka_unit_test(passphrases_lock_persistent_memory),
		cmocka_unit_test(erasing_keeps_to_user_data),
	};

	return cmocka_run_group_tests_name("cxl/poison", tests, NULL, NULL);
}
