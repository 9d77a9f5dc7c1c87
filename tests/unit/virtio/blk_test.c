/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-blk on a temporary file: data both ways, odd requests, read-only disks, threads, properties. [VIRTIO1.2 5.2]
 */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host/host.h"
#include "mem/disk.h"
#include "virtio/driver.h"

#define DISK_BYTES (1 * MiB)

/* The machine of this test: one disk, and workers if the test wants them. */
struct machine {
	struct block *block;
	struct drive drive; /* of that block */
	unsigned failures;
	enum on_error failed_action;
	bool failed_write;
	struct workers *workers;
	char path[64];
};

struct drive *machine_take_drive(struct machine *machine, const char *id, struct dev *user, struct error *err)
{
	if (strcmp(id, "d0") || machine->drive.user) {
		snprintf(err->text, sizeof(err->text),
			 machine->drive.user ? "drive=%s is in use" : "drive=%s: no drive of this id", id);
		return NULL;
	}
	machine->drive.user = user;
	return &machine->drive;
}
enum on_error machine_disk_failed(struct machine *machine, struct drive *drive, bool write, bool no_space)
{
	enum on_error action = drive->write_error == ON_ERROR_ENOSPC ? ON_ERROR_STOP : drive->write_error;

	assert_true(no_space);
	machine->failures++;
	machine->failed_action = action;
	machine->failed_write = write;
	return action;
}
struct workers *machine_workers(struct machine *machine)
{
	return machine->workers;
}

static struct machine machine_new(bool readonly)
{
	struct machine m = {.path = "/tmp/cxlvm-blk-XXXXXX"};
	struct block_config config = {.id = "d0", .format = "raw", .readonly = readonly, .discard = true};
	struct error err = {{0}};
	u8 sector[512];
	int fd = mkstemp(m.path);

	assert_true(fd >= 0);
	for (unsigned n = 0; n < DISK_BYTES / 512; n++) {
		memset(sector, n & 0xff, sizeof(sector));
		assert_int_equal(write(fd, sector, sizeof(sector)), sizeof(sector));
	}
	close(fd);
	config.file = m.path;
	m.block = block_open(&config, &err);
	m.drive = (struct drive){.id = (char *)"d0", .block = m.block};
	assert_string_equal(err.text, "");
	return m;
}

static void machine_free(struct machine *m)
{
	block_close(m->block);
	unlink(m->path);
}

static struct driver start(struct machine *m, const char *text)
{
	struct driver d = driver_new();
	struct error err = {{0}};

	driver_ram(&d);
	d.f->machine = m;
	d.dev = fixture_add(d.f, &virtio_blk_pci_class, NULL, text, &err);
	assert_string_equal(err.text, "");
	driver_map(&d);
	driver_start(&d, driver_offered(&d) & ~BIT(VIRTIO_F_EVENT_IDX), 0);
	return d;
}

#define HEADER (DATA_AT)
#define STATUS (DATA_AT + 0x100)
#define BUFFER (DATA_AT + 0x10000)

static u8 *at(struct driver *d, u64 pa)
{
	return d->ram + (pa - RAM_BASE);
}

static void submit(struct driver *d, u32 type, u64 sector, u32 bytes, bool device_writes)
{
	store_le(at(d, HEADER), 8, type);
	store_le(at(d, HEADER) + 8, 8, sector);
	*at(d, STATUS) = 0xee;
	desc_put(d, DESC_AT, 0, HEADER, 16, DESC_NEXT, bytes ? 1 : 3);
	if (bytes) { /* in two pieces that are no multiple of a sector */
		u32 first = bytes > 100 ? 100 : bytes, flags = device_writes ? DESC_WRITE : 0;

		desc_put(d, DESC_AT, 1, BUFFER, first, DESC_NEXT | flags, bytes > first ? 2 : 3);
		desc_put(d, DESC_AT, 2, BUFFER + first, bytes - first, DESC_NEXT | flags, 3);
	}
	desc_put(d, DESC_AT, 3, STATUS, 1, DESC_WRITE, 0);
	avail_put(d, 0);
	notify(d, 0);
}

static u8 request(struct driver *d, u32 type, u64 sector, u32 bytes, bool device_writes)
{
	submit(d, type, sector, bytes, device_writes);
	assert_int_equal(used_take(d, 0), (device_writes ? bytes : 0) + 1);
	return *at(d, STATUS);
}

static void data_goes_both_ways(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0,serial=abc");
	u8 back[1024];

	assert_int_equal(request(&d, BLK_T_IN, 5, 4096, true), BLK_S_OK);
	for (unsigned n = 0; n < 4096; n++)
		assert_int_equal(at(&d, BUFFER)[n], 5 + n / 512);
	assert_int_equal(d.f->message_count, 1);
	for (unsigned n = 0; n < 1024; n++)
		at(&d, BUFFER)[n] = n * 7;
	assert_int_equal(request(&d, BLK_T_OUT, DISK_BYTES / 512 - 2, 1024, false), BLK_S_OK);
	assert_true(block_read(m.block, DISK_BYTES - 1024, back, 1024));
	assert_memory_equal(back, at(&d, BUFFER), 1024);
	assert_int_equal(request(&d, BLK_T_FLUSH, 0, 0, false), BLK_S_OK);
	assert_int_equal(request(&d, BLK_T_GET_ID, 0, 20, true), BLK_S_OK);
	assert_string_equal((char *)at(&d, BUFFER), "abc");
	driver_free(&d);
	machine_free(&m);
}

static void ranges_are_discarded_and_zeroed(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");
	u8 back[512];

	store_le(at(&d, BUFFER), 8, 8);
	store_le(at(&d, BUFFER) + 8, 8, 16);
	assert_int_equal(request(&d, BLK_T_WRITE_ZEROES, 0, 16, false), BLK_S_OK);
	assert_true(block_read(m.block, 8 * 512, back, 512));
	assert_int_equal(back[0] | back[511], 0);
	assert_true(block_read(m.block, 24 * 512, back, 512));
	assert_int_equal(back[0], 24);
	assert_int_equal(request(&d, BLK_T_DISCARD, 0, 16, false), BLK_S_OK);
	store_le(at(&d, BUFFER) + 12, 4, 2); /* unknown flag */
	assert_int_equal(request(&d, BLK_T_WRITE_ZEROES, 0, 16, false), BLK_S_UNSUPP);
	store_le(at(&d, BUFFER) + 12, 4, 0);
	store_le(at(&d, BUFFER), 8, DISK_BYTES / 512);
	assert_int_equal(request(&d, BLK_T_DISCARD, 0, 16, false), BLK_S_IOERR);
	store_le(at(&d, BUFFER), 8, ~0ull);
	assert_int_equal(request(&d, BLK_T_WRITE_ZEROES, 0, 16, false), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_DISCARD, 0, 15, false), BLK_S_UNSUPP);
	driver_free(&d);
	machine_free(&m);
}

static void wrong_requests_are_io_errors(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");

	assert_int_equal(request(&d, BLK_T_IN, DISK_BYTES / 512, 512, true), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_IN, DISK_BYTES / 512 - 1, 1024, true), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_IN, ~0ull, 512, true), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_OUT, 1ull << 55, 512, false), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_IN, 0, 511, true), BLK_S_IOERR);
	assert_int_equal(request(&d, 99, 0, 512, true), BLK_S_UNSUPP);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	/* data that is not in memory */
	submit(&d, BLK_T_FLUSH, 0, 0, false);
	used_take(&d, 0);
	store_le(at(&d, HEADER), 8, BLK_T_IN);
	desc_put(&d, DESC_AT, 0, HEADER, 16, DESC_NEXT, 1);
	desc_put(&d, DESC_AT, 1, 0x2000, 512, DESC_WRITE | DESC_NEXT, 3);
	avail_put(&d, 0);
	notify(&d, 0);
	used_take(&d, 0);
	assert_int_equal(*at(&d, STATUS), BLK_S_IOERR);
	/* no header, no status */
	desc_put(&d, DESC_AT, 0, HEADER, 8, DESC_NEXT, 3);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	driver_start(&d, 0, 0);
	desc_put(&d, DESC_AT, 0, HEADER, 16, 0, 0);
	avail_put(&d, 0);
	notify(&d, 0);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	driver_free(&d);
	machine_free(&m);
}

/* A write that the host has no room for: told, ignored, or kept until the machine goes on. */
static void failures_follow_the_policy(void **state)
{
	static const struct {
		enum on_error policy, action;
		int status; /* -1: none yet */
	} rows[] = {
		{ON_ERROR_REPORT, ON_ERROR_REPORT, BLK_S_IOERR},
		{ON_ERROR_IGNORE, ON_ERROR_IGNORE, BLK_S_OK},
		{ON_ERROR_ENOSPC, ON_ERROR_STOP, -1},
		{ON_ERROR_STOP, ON_ERROR_STOP, -1},
	};
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned n = 0; n < ARRAY_SIZE(rows); n++) {
		struct machine m = machine_new(false);
		struct driver d = start(&m, "addr=1,drive=d0");
		struct dev *dev = d.f->devs[d.f->dev_count - 1];
		u8 back[512];

		m.drive.write_error = rows[n].policy;
		memset(at(&d, BUFFER), 0x5a, 512);
		setrlimit(RLIMIT_FSIZE, &none);
		submit(&d, BLK_T_OUT, 7, 512, false);
		setrlimit(RLIMIT_FSIZE, &all);
		assert_int_equal(m.failures, 1);
		assert_true(m.failed_write);
		assert_int_equal(m.failed_action, rows[n].action);
		if (rows[n].status < 0) {
			/* The guest waits; when there is room, the write is done. */
			dev->cls->resume(dev);
			assert_true(block_read(m.block, 7 * 512, back, 512));
			assert_int_equal(back[100], 0x5a);
		}
		used_take(&d, 0);
		assert_int_equal(*at(&d, STATUS), MAX(rows[n].status, 0));
		driver_free(&d);
		machine_free(&m);
	}
}

/* A write that waits for room belongs to a queue that is reset: it is not done later, and the new queue hears nothing
 * of it. [VIRTIO1.2 2.6.1] */
static void a_queue_that_is_reset_forgets(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");
	struct dev *dev = d.f->devs[d.f->dev_count - 1];
	u8 back[512];

	signal(SIGXFSZ, SIG_IGN);
	assert_true(driver_offered(&d) & BIT(VIRTIO_F_RING_RESET));
	m.drive.write_error = ON_ERROR_STOP;
	memset(at(&d, BUFFER), 0x5a, 512);
	setrlimit(RLIMIT_FSIZE, &none);
	submit(&d, BLK_T_OUT, 7, 512, false);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_int_equal(m.failures, 1);
	common_wr(&d, COMMON_Q_SELECT, 2, 0);
	common_wr(&d, COMMON_Q_RESET, 2, 1);
	assert_int_equal(common_rd(&d, COMMON_Q_RESET, 2), 0);
	assert_int_equal(common_rd(&d, COMMON_Q_ENABLE, 2), 0);
	memset(d.ram, 0, 0x10000);
	queue_start(&d, 0);
	dev->cls->resume(dev);
	assert_true(block_read(m.block, 7 * 512, back, 512));
	assert_int_equal(back[100], 7);
	assert_int_equal(used_idx(&d), 0);
	driver_free(&d);
	machine_free(&m);
}

/* A driver that makes chains available for ever, while none comes back: it has as many as its queue has entries. */
static void what_is_held_has_a_bound(void **state)
{
	struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");

	signal(SIGXFSZ, SIG_IGN);
	m.drive.write_error = ON_ERROR_STOP;
	setrlimit(RLIMIT_FSIZE, &none);
	for (unsigned n = 0; n < Q_SIZE; n++) {
		submit(&d, BLK_T_OUT, 7, 512, false);
		assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	}
	submit(&d, BLK_T_OUT, 7, 512, false);
	setrlimit(RLIMIT_FSIZE, &all);
	assert_true(status(&d) & VIRTIO_NEEDS_RESET);
	assert_int_equal(m.failures, Q_SIZE);
	driver_free(&d);
	machine_free(&m);
}

/* A reset need not wait for the end of what nobody wants any more. */
static void moves_end_early_when_nobody_wants_them(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");
	struct disk_move move;
	bool end = false;

	disk_move_begin(&move, d.f->space, DISK_PHYSICAL, m.block, true, 0);
	move.end = &end;
	assert_true(disk_move_add(&move, BUFFER, 4096));
	end = true;
	assert_false(disk_move_add(&move, BUFFER, 4096));
	assert_true(disk_move_end(&move));
	assert_false(move.failed);
	assert_int_equal(move.offset, 4096);
	driver_free(&d);
	machine_free(&m);
}

/* With write-through chosen by the driver each write is flushed, which a broken flush shows. [VIRTIO1.2 5.2.5] */
static void the_driver_chooses_the_cache(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");

	assert_true(driver_offered(&d) & BIT(BLK_F_CONFIG_WCE));
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 1);
	wr(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1, 0xfe);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 0);
	assert_int_equal(request(&d, BLK_T_OUT, 0, 512, false), BLK_S_OK);
	wr(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1, 1);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 1);
	/* Who cannot flush begins with write-through, which shows before DRIVER_OK. */
	common_wr(&d, COMMON_STATUS, 1, 0);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 1);
	common_wr(&d, COMMON_GFSELECT, 4, 0);
	common_wr(&d, COMMON_GF, 4, BIT(BLK_F_CONFIG_WCE));
	common_wr(&d, COMMON_GFSELECT, 4, 1);
	common_wr(&d, COMMON_GF, 4, BIT(VIRTIO_F_VERSION_1) >> 32);
	common_wr(&d, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 0);
	common_wr(&d, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 0);
	driver_start(&d, BIT(BLK_F_CONFIG_WCE) | BIT(BLK_F_FLUSH), 0);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_WRITEBACK, 1), 1);
	driver_free(&d);
	machine_free(&m);
}

static void read_only_disks_refuse_writes(void **state)
{
	struct machine m = machine_new(true);
	struct driver d = start(&m, "addr=1,drive=d0");

	assert_true(driver_offered(&d) & BIT(BLK_F_RO));
	assert_false(driver_offered(&d) & BIT(BLK_F_DISCARD));
	assert_int_equal(request(&d, BLK_T_OUT, 0, 512, false), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_DISCARD, 0, 16, false), BLK_S_IOERR);
	assert_int_equal(request(&d, BLK_T_IN, 3, 512, true), BLK_S_OK);
	assert_int_equal(at(&d, BUFFER)[0], 3);
	driver_free(&d);
	machine_free(&m);
}

static void configuration_describes_the_disk(void **state)
{
	struct machine m = machine_new(false);
	struct driver d =
		start(&m, "addr=1,drive=d0,num-queues=3,queue-size=64,logical_block_size=4096,min_io_size=8192");

	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000, 8), DISK_BYTES / 512);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_BLK_SIZE, 4), 4096);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_SEG_MAX, 4), 62);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_NUM_QUEUES, 2), 3);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + BLK_MIN_IO, 2), 2);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000 + 60, 4), 0);
	assert_int_equal(common_rd(&d, COMMON_NUMQ, 2), 3);
	assert_true(driver_offered(&d) & BIT(BLK_F_MQ));
	wr(d.f, CONFIG_AT + 0x2000, 8, 0);
	assert_int_equal(rd(d.f, CONFIG_AT + 0x2000, 8), DISK_BYTES / 512);
	driver_free(&d);
	machine_free(&m);
}

static void properties_are_checked(void **state)
{
	static const struct {
		const char *text, *words;
	} wrong[] = {
		{"", "drive=ID"},
		{"drive=x", "drive=x"},
		{"drive=d0", "in use"},
		{"drive=d0,num-queues=65", "num-queues=65"},
		{"drive=d0,queue-size=100", "queue-size=100"},
		{"drive=d0,logical_block_size=513", "logical_block_size=513"},
		{"drive=d0,physical_block_size=256", "physical_block_size=256"},
		{"drive=d0,disable-modern=on", "disable-modern"},
		{"drive=d0,serial=123456789012345678901", "serial="},
		{"drive=d0,packed=on", "packed"},
		{"drive=d0,vectors=4000", "vectors=4000"},
		{"drive=d0,min_io_size=700", "min_io"},
	};
	struct machine m = machine_new(false);
	struct driver d = start(&m, "addr=1,drive=d0");

	for (unsigned n = 0; n < ARRAY_SIZE(wrong); n++) {
		struct error err = {{0}};

		if (n == 3)
			m.drive.user = NULL; /* what else is wrong shows with a drive that is free */
		assert_null(fixture_add(d.f, &virtio_blk_pci_class, NULL, wrong[n].text, &err));
		if (!strstr(err.text, wrong[n].words))
			assert_string_equal(err.text, wrong[n].words);
	}
	driver_free(&d);
	machine_free(&m);
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* As libvirt says it, whose drives are of -blockdev: the device's word goes before the drive's, as long as it is there.
 */
static void the_device_says_what_errors_do(void **state)
{
	struct machine m = machine_new(false);
	struct driver d;

	m.drive.write_error = ON_ERROR_ENOSPC;
	d = start(&m, "addr=1,drive=d0,werror=ignore,rerror=stop");
	assert_int_equal(m.drive.write_error, ON_ERROR_IGNORE);
	assert_int_equal(m.drive.read_error, ON_ERROR_STOP);
	driver_free(&d);
	assert_int_equal(m.drive.write_error, ON_ERROR_ENOSPC);
	assert_int_equal(m.drive.read_error, ON_ERROR_REPORT);
	d = start(&m, "addr=1,drive=d0,werror=auto");
	assert_int_equal(m.drive.write_error, ON_ERROR_ENOSPC);
	driver_free(&d);
	machine_free(&m);
}

/* Threads and real time: the answer comes through the loop; a reset with requests under way loses them cleanly. */
static void threads_complete_through_the_loop(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = driver_new();
	struct loop *instruction_time = d.f->loop, *loop;
	struct error err = {{0}};

	m.workers = workers_create(2, &err);
	loop = loop_create(false, &err);
	assert_true(m.workers && loop);
	d.f->loop = loop;
	driver_ram(&d);
	d.f->machine = &m;
	d.dev = fixture_add(d.f, &virtio_blk_pci_class, NULL, "addr=1,drive=d0", &err);
	assert_string_equal(err.text, "");
	driver_map(&d);
	loop_lock(loop);
	for (unsigned round = 0; round < 50; round++) {
		driver_start(&d, 0, 0);
		/* What the host has in memory is read without a thread; the other requests take one. */
		if (round % 4 == 0)
			submit(&d, BLK_T_IN, round, 8192, true);
		else if (round % 4 == 2)
			submit(&d, BLK_T_OUT, round, 512, false);
		else
			submit(&d, BLK_T_FLUSH, 0, 0, false);
		if (round % 2) { /* reset at once */
			common_wr(&d, COMMON_STATUS, 1, 0);
			assert_int_equal(used_idx(&d), 0);
			continue;
		}
		while (!used_idx(&d)) {
			loop_defer(loop, quit, loop);
			loop_unlock(loop);
			loop_run(loop);
			loop_lock(loop);
		}
		assert_int_equal(used_take(&d, 0), round % 4 ? 1 : 8193);
		assert_int_equal(*at(&d, STATUS), BLK_S_OK);
		if (round % 4)
			continue;
		assert_int_equal(at(&d, BUFFER)[8191], round + 15);
	}
	loop_unlock(loop);
	workers_destroy(m.workers);
	loop_defer(loop, quit, loop);
	loop_run(loop);
	d.f->loop = instruction_time;
	driver_free(&d);
	loop_destroy(loop);
	machine_free(&m);
}

/* Another disk's long request: it ends when it is told to, or by itself after some seconds, which is too late. */
static unsigned others_told, others_ended;

static void other_request(void *arg)
{
	for (unsigned n = 0; n < 3000 && !__atomic_load_n(&others_told, __ATOMIC_RELAXED); n++)
		usleep(1000);
	__atomic_add_fetch(&others_ended, 1, __ATOMIC_RELAXED);
}

/* The machine stands still during a reset: it waits neither for other disks' requests nor for those of other queues.
 */
static void a_reset_waits_for_nobody_elses_requests(void **state)
{
	struct machine m = machine_new(false);
	struct driver d = driver_new();
	struct loop *instruction_time = d.f->loop, *loop;
	struct work_group others;
	struct error err = {{0}};
	u8 back[512];

	m.workers = workers_create(2, &err);
	loop = loop_create(false, &err);
	assert_true(m.workers && loop);
	work_group_init(&others, m.workers, NULL);
	d.f->loop = loop;
	driver_ram(&d);
	d.f->machine = &m;
	d.dev = fixture_add(d.f, &virtio_blk_pci_class, NULL, "addr=1,drive=d0,num-queues=2", &err);
	assert_string_equal(err.text, "");
	driver_map(&d);
	loop_lock(loop);
	for (unsigned round = 0; round < 3; round++) {
		others_told = others_ended = 0;
		for (unsigned n = 0; n < 2; n++)
			work_group_run(&others, other_request, NULL);
		driver_start(&d, BIT(VIRTIO_F_RING_RESET), 0);
		memset(at(&d, BUFFER), 0x5a, 512);
		submit(&d, BLK_T_OUT, 7, 512, false);
		if (round == 0) {
			common_wr(&d, COMMON_STATUS, 1, 0);
		} else {
			common_wr(&d, COMMON_Q_SELECT, 2, round == 1 ? 0 : 1);
			common_wr(&d, COMMON_Q_RESET, 2, 1);
		}
		assert_int_equal(others_ended, 0);
		__atomic_store_n(&others_told, 1, __ATOMIC_RELAXED);
		work_group_wait(&others);
		for (unsigned n = 0; round == 2 && !used_idx(&d) && n < 5000; n++) {
			usleep(1000);
			loop_defer(loop, quit, loop);
			loop_unlock(loop);
			loop_run(loop);
			loop_lock(loop);
		}
		/* The queue that was not reset has its answer. */
		assert_int_equal(used_idx(&d), round == 2);
		assert_true(block_read(m.block, 7 * 512, back, 512));
		assert_int_equal(back[100], round == 2 ? 0x5a : 7);
	}
	loop_unlock(loop);
	work_group_fini(&others);
	workers_destroy(m.workers);
	loop_defer(loop, quit, loop);
	loop_run(loop);
	d.f->loop = instruction_time;
	driver_free(&d);
	loop_destroy(loop);
	machine_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_both_ways),
		cmocka_unit_test(the_device_says_what_errors_do),
		cmocka_unit_test(ranges_are_discarded_and_zeroed),
		cmocka_unit_test(wrong_requests_are_io_errors),
		cmocka_unit_test(failures_follow_the_policy),
		cmocka_unit_test(what_is_held_has_a_bound),
		cmocka_unit_test(a_queue_that_is_reset_forgets),
		cmocka_unit_test(moves_end_early_when_nobody_wants_them),
		cmocka_unit_test(the_driver_chooses_the_cache),
		cmocka_unit_test(read_only_disks_refuse_writes),
		cmocka_unit_test(configuration_describes_the_disk),
		cmocka_unit_test(properties_are_checked),
		cmocka_unit_test(threads_complete_through_the_loop),
		cmocka_unit_test(a_reset_waits_for_nobody_elses_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
