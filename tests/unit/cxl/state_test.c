/* SPDX-License-Identifier: BSD-2-Clause */
/* What a memory device is told about itself: partitions, health, payload size, spares; and what it remembers.
 * [CXL3.1 8.2.9.9] */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "driver.h"
#include "host/host.h"

/* In the place of the C library's: what the host says of writing back. */
static int msync_error;

int msync(void *address, size_t size, int flags)
{
	errno = msync_error;
	return msync_error ? -1 : (int)syscall(SYS_msync, address, size, flags);
}

static struct machine m;
static struct cxl_type3 *dev;
static char folder[64];

static void open_device(const char *more)
{
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_file_class, "id=p,size=768M,share=on,mem-path=%s/p", folder);
	fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s/l", folder);
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l%s", more);
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
}

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/cxlvm-state-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"p", "l", "l.state", "l.state.new", "l.pending", "l.pending.new"};
	char path[128];

	for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[n]);
		unlink(path);
	}
	return rmdir(folder);
}

static u16 set_partition(u64 units, bool now)
{
	u8 request[9];

	store_le(request, 8, units);
	request[8] = now;
	return send(0x4101, request, 9);
}

static void check_partition(u64 active, u64 persistent, u64 next, u64 next_persistent)
{
	assert_int_equal(send(0x4100, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out, 8), active);
	assert_int_equal(load_le(out + 8, 8), persistent);
	assert_int_equal(load_le(out + 16, 8), next);
	assert_int_equal(load_le(out + 24, 8), next_persistent);
}

static void capacity_is_partitioned_where_it_may_be(void **state)
{
	u8 sum = 0;

	open_device("");
	assert_int_equal(set_partition(2, true), CXL_UNSUPPORTED);
	fixture_close(&m);
	open_device(",partition-align=256M");
	assert_int_equal(send(0x4000, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 16, 8), 4);
	assert_int_equal(load_le(out + 24, 8), 0);
	assert_int_equal(load_le(out + 32, 8), 0);
	assert_int_equal(load_le(out + 40, 8), 1);
	check_partition(1, 3, 0, 0);
	assert_int_equal(set_partition(5, true), CXL_INVALID_INPUT);
	assert_int_equal(set_partition(UINT64_MAX, true), CXL_INVALID_INPUT);
	assert_int_equal(set_partition(1ull << 36, true), CXL_INVALID_INPUT); /* times 256 MiB wraps */
	assert_int_equal(set_partition(2, true), CXL_SUCCESS);
	check_partition(2, 2, 0, 0);
	/* Linux's command has a tenth byte. */
	assert_int_equal(send(0x4101, (const u8[10]){[0] = 2}, 10), CXL_SUCCESS);
	check_partition(2, 2, 0, 0);
	assert_int_equal(send(0x4101, (const u8[11]){[0] = 2}, 11), CXL_INVALID_PAYLOAD_LENGTH);
	assert_false(type3_is_persistent(dev, 300 * MiB));
	assert_int_equal(load_le(dev->cdat.bytes + CDAT_SEQUENCE, 4), 1);
	for (u32 i = 0; i < dev->cdat.size; i++)
		sum += dev->cdat.bytes[i];
	assert_int_equal(sum, 0);
	/* Not under a committed decoder, but later. */
	assert_int_equal(program(&dev->comp, 0, WINDOWS_BASE, 256 * MiB, 0, 0, 0, 0) &
				 (HDM_CTRL_COMMITTED | HDM_CTRL_ERROR),
			 HDM_CTRL_COMMITTED);
	assert_int_equal(set_partition(0, true), CXL_INVALID_INPUT);
	assert_int_equal(set_partition(0, false), CXL_SUCCESS);
	check_partition(2, 2, 0, 4);
	fixture_reset(&m, RESET_WARM);
	check_partition(2, 2, 0, 4);
	fixture_close(&m);
	/* The next start is the cold reset; the bytes stayed where they were. */
	open_device(",partition-align=256M");
	check_partition(0, 4, 0, 0);
	fixture_close(&m);
	/* Without the option, or with another one, the file is in the way and says so. */
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
	fixture_add(&m, &memory_backend_file_class, "id=p,size=768M,share=on,mem-path=%s/p", folder);
	fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s/l", folder);
	assert_false(fixture_try(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l"));
	assert_non_null(strstr(m.err.text, "partition-align="));
	fixture_close(&m);
}

static u32 dirty_shutdowns(void)
{
	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	return load_le(out + 6, 4);
}

static void dirty_shutdowns_are_counted_over_the_end(void **state)
{
	static const struct {
		unsigned kind;
		u32 before, after;
	} resets[] = {{RESET_WARM, 0, 0}, {RESET_CXL, 0, 0}, {RESET_HOT, 0, 1}, {RESET_COLD, 1, 2}};
	struct error err = {""};
	char path[128];

	snprintf(path, sizeof(path), "%s/l.state", folder);
	open_device("");
	assert_int_equal(dirty_shutdowns(), 0);
	assert_int_equal(send(0x4204, (u8[1]){1}, 1), CXL_SUCCESS);
	fixture_close(&m); /* as if killed: nothing was synced */
	for (u32 n = 1; n <= 3; n++) {
		open_device("");
		assert_int_equal(dirty_shutdowns(), n);
		assert_int_equal(send(0x4203, NULL, 0), CXL_SUCCESS);
		assert_int_equal(out[0], 0);
		fixture_reset(&m, RESET_WARM);
		assert_int_equal(send(0x4204, (u8[1]){1}, 1), CXL_SUCCESS);
		fixture_close(&m);
	}
	/* Resets make it clean; a machine reset stands for one with GPF. The file says so, too. [CXL3.1 8.2.9.9.3.5] */
	for (u32 n = 0; n < ARRAY_SIZE(resets); n++) {
		open_device("");
		assert_int_equal(dirty_shutdowns(), 4 + resets[n].before);
		assert_int_equal(send(0x4204, (u8[1]){1}, 1), CXL_SUCCESS);
		if (resets[n].kind == RESET_CXL)
			type3_cxl_reset(dev, false);
		else
			fixture_reset(&m, resets[n].kind);
		assert_int_equal(dirty_shutdowns(), 4 + resets[n].after);
		assert_int_equal(send(0x4203, NULL, 0), CXL_SUCCESS);
		assert_int_equal(out[0], resets[n].kind == RESET_CXL);
		cxl_host_sync(m.cxl);
		fixture_close(&m);
	}
	/* An end in order saves everything. */
	open_device("");
	assert_int_equal(dirty_shutdowns(), 6);
	assert_int_equal(send(0x4204, (u8[1]){1}, 1), CXL_SUCCESS);
	cxl_host_sync(m.cxl);
	fixture_close(&m);
	open_device("");
	assert_int_equal(dirty_shutdowns(), 6);
	fixture_close(&m);
	/* A file that is none is told, and not overwritten. */
	static const char *const broken[] = {
		"",
		"x",
		"cxlvm device state 1\n",
		"cxlvm device state 1\nshutdown odd\ndirty-shutdowns 1\nvolatile 268435456\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 268435456\nmore\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 1\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 268435456\nuser plain\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 268435456\nuser $6$a b\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 268435456\nmaster $6$a$b\nuser $6$a$b\n",
		"cxlvm device state 1\nshutdown clean\ndirty-shutdowns 1\nvolatile 268435456\nuser $6$a$b"};
	for (unsigned n = 0; n < ARRAY_SIZE(broken); n++) {
		assert_true(file_write_all(path, broken[n], strlen(broken[n]), &err));
		fixture_open(&m);
		fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
		fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
		fixture_add(&m, &memory_backend_ram_class, "id=v,size=256M");
		fixture_add(&m, &memory_backend_file_class, "id=p,size=768M,share=on,mem-path=%s/p", folder);
		fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s/l", folder);
		assert_false(fixture_try(&m, &cxl_type3_class,
					 "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l"));
		assert_non_null(strstr(m.err.text, "l.state"));
		fixture_close(&m);
	}
}

static u16 passphrase(u16 opcode, u8 type, char first, char second)
{
	u8 request[96] = {type};
	u32 length = opcode == 0x4503 ? 32 : opcode == 0x4501 ? 96 : 64;

	memset(request + (length == 32 ? 0 : 32), first, 32);
	if (length == 96)
		memset(request + 64, second, 32);
	return send(opcode, request, length);
}

static u32 security(void)
{
	assert_int_equal(send(0x4500, NULL, 0), CXL_SUCCESS);
	return (u32)load_le(out, 4);
}

static void passphrases_outlast_the_process(void **state)
{
	char path[128];
	struct error err = {""};
	u8 *text;
	u64 size;

	snprintf(path, sizeof(path), "%s/l.state", folder);
	open_device("");
	assert_int_equal(passphrase(0x4501, 0, 0, 'm'), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4501, 1, 0, 'u'), CXL_SUCCESS);
	fixture_close(&m); /* as if killed */
	assert_true(file_read_all(path, 4096, &text, &size, &err));
	assert_non_null(strstr((char *)text, "\nuser $6$"));
	assert_non_null(strstr((char *)text, "\nmaster $6$"));
	assert_null(strstr((char *)text, "uuuu"));
	assert_null(strstr((char *)text, "75757575"));
	free(text);
	open_device("");
	assert_int_equal(security(), SECURITY_USER_SET | SECURITY_MASTER_SET | SECURITY_LOCKED);
	assert_int_equal(passphrase(0x4503, 0, 'm', 0), CXL_INCORRECT_PASSPHRASE);
	assert_int_equal(passphrase(0x4503, 0, 'u', 0), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4502, 1, 'u', 0), CXL_SUCCESS);
	fixture_close(&m);
	open_device("");
	assert_int_equal(security(), SECURITY_MASTER_SET);
	assert_int_equal(passphrase(0x4501, 1, 0, 'v'), CXL_SUCCESS);
	assert_int_equal(passphrase(0x4505, 0, 'm', 0), CXL_SUCCESS); /* takes the user's away */
	assert_int_equal(passphrase(0x4502, 0, 'm', 0), CXL_SUCCESS);
	fixture_close(&m);
	open_device("");
	assert_int_equal(security(), 0);
	fixture_close(&m);
}

/* What is not partitioned has the memory that it is given. */
static void another_volatile_size_is_no_other_device(void **state)
{
	open_device("");
	assert_int_equal(send(0x4204, (const u8[]){1}, 1), CXL_SUCCESS);
	fixture_close(&m); /* as if killed */
	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=v,size=512M");
	fixture_add(&m, &memory_backend_file_class, "id=p,size=768M,share=on,mem-path=%s/p", folder);
	fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s/l", folder);
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,volatile-memdev=v,persistent-memdev=p,lsa=l");
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
	assert_int_equal(dirty_shutdowns(), 1);
	check_partition(2, 3, 0, 0);
	fixture_close(&m);
}

/* mem-path= may be a directory, in which the labels have an unnamed file: nothing of theirs is left beside it. */
static void labels_without_a_name_leave_nothing(void **state)
{
	char path[128];

	fixture_open(&m);
	fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
	fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
	fixture_add(&m, &memory_backend_ram_class, "id=p,size=256M");
	fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s", folder);
	fixture_add(&m, &cxl_type3_class, "id=mem0,bus=rp0,persistent-memdev=p,lsa=l");
	fixture_power_on(&m);
	dev = mailbox_of(fixture_type3(&m, "mem0"));
	assert_int_equal(send(0x4204, (const u8[]){1}, 1), CXL_SUCCESS);
	assert_int_equal(send(0x4103, (const u8[16]){[8] = 1}, 16), CXL_SUCCESS);
	snprintf(path, sizeof(path), "%s.state", folder);
	assert_int_equal(unlink(path), -1);
	fixture_close(&m);
}

/* What no passphrase could ever open is told at the start. */
static void hashes_that_were_cut_short_are_refused(void **state)
{
	char path[128], cut[512];
	struct error err = {""};
	u8 *text;
	u64 size;

	snprintf(path, sizeof(path), "%s/l.state", folder);
	open_device("");
	assert_int_equal(passphrase(0x4501, 1, 0, 'u'), CXL_SUCCESS);
	fixture_close(&m);
	assert_true(file_read_all(path, 4096, &text, &size, &err));
	for (unsigned less = 1; text[size - less - 1] != ' '; less++) {
		snprintf(cut, sizeof(cut), "%.*s\n", (int)(size - less - 1), (char *)text);
		assert_true(file_write_all(path, cut, strlen(cut), &err));
		fixture_open(&m);
		fixture_add(&m, &pxb_cxl_class, "id=hb0,bus_nr=12");
		fixture_add(&m, &cxl_rp_class, "id=rp0,bus=hb0");
		fixture_add(&m, &memory_backend_file_class, "id=p,size=768M,share=on,mem-path=%s/p", folder);
		fixture_add(&m, &memory_backend_file_class, "id=l,size=128K,share=on,mem-path=%s/l", folder);
		assert_false(fixture_try(&m, &cxl_type3_class, "id=mem0,bus=rp0,persistent-memdev=p,lsa=l"));
		assert_non_null(strstr(m.err.text, "is no device state; remove it"));
		fixture_close(&m);
	}
	free(text);
	unlink(path);
}

/* Labels that the host could not write back are owed, and no shutdown is clean after that. */
static void what_is_not_written_back_is_owed(void **state)
{
	u8 data[8 + 64] = {0}, request[8] = {0};
	char path[128];
	u32 count;

	snprintf(path, sizeof(path), "%s/l.pending", folder);
	store_le(request + 4, 4, 64);
	memset(data + 8, 0x5a, 64);
	open_device("");
	count = dirty_shutdowns();
	assert_int_equal(send(0x4204, (const u8[]){1}, 1), CXL_SUCCESS);
	msync_error = EIO;
	assert_int_equal(send(0x4103, data, sizeof(data)), CXL_SUCCESS);
	assert_int_equal(access(path, F_OK), 0);
	msync_error = 0;
	memset(dev->lsa->host, 0, 64); /* as the file has it */
	cxl_host_sync(m.cxl);
	fixture_close(&m);
	open_device("");
	assert_int_equal(dirty_shutdowns(), count + 1);
	assert_int_equal(send(0x4102, request, 8), CXL_SUCCESS);
	assert_memory_equal(out, data + 8, 64);
	assert_int_equal(access(path, F_OK), -1);
	fixture_close(&m);
}

static void a_sanitize_that_was_killed_is_owed(void **state)
{
	open_device("");
	assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
	fixture_close(&m); /* as if killed */
	for (unsigned n = 0; n < 2; n++) {
		open_device("");
		assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_DISABLED);
		if (n)
			break;
		fixture_close(&m);
	}
	assert_int_equal(send(0x4400, NULL, 0), CXL_BACKGROUND_STARTED);
	loop_time_advance(m.loop, 100 * 1000000000ull);
	fixture_close(&m);
	open_device("");
	assert_int_equal(get(DEVREGS_PAYLOAD + MAILBOX_PAYLOAD_BYTES, 8), MEMORY_STATUS_READY);
	fixture_close(&m);
}

/* A child writes labels until it is killed; whatever it was at, the labels are those of one write. */
static void label_writes_are_whole_when_killed(void **state)
{
	u8 data[8 + 1024] = {0}, request[8] = {0};
	unsigned last = 0, moved = 0;
	u64 random = 12345;

	store_le(request + 4, 4, 1024);
	for (unsigned round = 0; round < 12; round++) {
		int status, begun[2];
		pid_t child;
		u8 byte;

		assert_int_equal(pipe(begun), 0);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			open_device("");
			for (unsigned n = last + 1;; n++) {
				memset(data + 8, (int)n, 1024);
				send(0x4103, data, sizeof(data));
				if (n == last + 1 && write(begun[1], data, 1) != 1)
					_exit(1);
			}
		}
		close(begun[1]);
		assert_int_equal(read(begun[0], &byte, 1), 1);
		close(begun[0]);
		usleep(check_random(&random) % 30000);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		open_device("");
		assert_int_equal(send(0x4102, request, 8), CXL_SUCCESS);
		for (unsigned i = 1; i < 1024; i++)
			assert_int_equal(out[i], out[0]);
		moved += out[0] != (u8)last;
		last = out[0];
		fixture_close(&m);
	}
	assert_true(moved);
	/* What was promised is kept: a write that stands in the side file, and was not copied. */
	static const char line[] = "cxlvm label write 1\n";
	u8 pending[sizeof(line) - 1 + 16 + 4] = {0};
	char path[128];

	memcpy(pending, line, sizeof(line) - 1);
	store_le(pending + sizeof(line) - 1, 8, 100);
	store_le(pending + sizeof(line) + 7, 8, 4);
	memcpy(pending + sizeof(line) + 15, "kept", 4);
	snprintf(path, sizeof(path), "%s/l.pending", folder);
	assert_true(file_write_all(path, pending, sizeof(pending), &m.err));
	open_device("");
	assert_int_equal(send(0x4102, request, 8), CXL_SUCCESS);
	assert_memory_equal(out + 100, "kept", 4);
	assert_int_equal(access(path, F_OK), -1);
	fixture_close(&m);
}

static void health_crosses_thresholds(void **state)
{
	static const struct {
		u8 health, media, events[EVENT_FATAL + 1];
	} changes[] = {
		{0x01, 1, {0, 1, 0, 0}}, {0x05, 1, {0, 0, 1, 0}}, {0x01, 1, {1, 0, 0, 0}}, {0x0e, 1, {0, 1, 1, 0}},
		{0x0e, 2, {0, 0, 1, 0}}, {0x0e, 0, {0, 0, 1, 0}}, {0x00, 1, {1, 0, 1, 0}}, {0x00, 0, {1, 0, 0, 0}},
	};
	u8 alerts[12] = {0x1f, 0x1f, 40, 0, 30, 0, 15, 0, 5, 0, 9, 0};
	struct cxl_health h;

	open_device("");
	assert_int_equal(send(0x4202, alerts, 12), CXL_SUCCESS);
	assert_true(cxl_health_get(&dev->pci.dev, &h));
	assert_int_equal(h.additional_status, 0);
	h.temperature = 31;
	h.corrected_volatile = 5;
	assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out_length, 18);
	assert_int_equal(out[2], 1 << 2 | 1 << 4);
	assert_int_equal((s16)load_le(out + 4, 2), 31);
	assert_int_equal(load_le(out + 10, 4), 5);
	assert_int_equal(dev->events[EVENT_WARNING].count, 2);
	assert_int_equal(dev->events[EVENT_WARNING].records[0][48], 3); /* temperature */
	assert_int_equal(dev->events[EVENT_WARNING].records[0][51], out[2]);
	assert_int_equal(dev->events[EVENT_WARNING].records[0][EVENT_RECORD_FLAGS], 1); /* severity */
	h.temperature = -40;
	h.life_used = 75;
	assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
	assert_int_equal(dev->events[EVENT_FATAL].count, 2);
	assert_int_equal(dev->events[EVENT_FATAL].records[1][EVENT_RECORD_FLAGS], 3);
	h.temperature = 20;
	h.media_status = 1;
	assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
	assert_int_equal(dev->events[EVENT_INFO].count, 1);
	assert_int_equal(dev->events[EVENT_FAILURE].count, 1);
	assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
	assert_int_equal(dev->events[EVENT_FAILURE].count, 1); /* nothing changed */
	h.life_used = 101;
	assert_false(cxl_health_set(&dev->pci.dev, &h, &m.err));
	/* The log of each change: what asks for replacement is a failure, and so is any other state of the media, a
	 * normal one too. [CXL3.1 table 8-133] */
	events_forget(dev);
	h.life_used = 75;
	for (unsigned n = 0; n < ARRAY_SIZE(changes); n++) {
		unsigned count[] = {0, 0, 0, 0};

		for (unsigned log = 0; log <= EVENT_FATAL; log++)
			count[log] = dev->events[log].count + changes[n].events[log];
		h.health_status = changes[n].health;
		h.media_status = changes[n].media;
		assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
		for (unsigned log = 0; log <= EVENT_FATAL; log++)
			assert_int_equal(dev->events[log].count, count[log]);
	}
	/* Corrected errors are counted anew after a conventional reset. */
	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 10, 4), 5);
	type3_cxl_reset(dev, false);
	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 10, 4), 5);
	fixture_reset(&m, RESET_HOT);
	assert_int_equal(send(0x4200, NULL, 0), CXL_SUCCESS);
	assert_int_equal(load_le(out + 10, 4), 0);
	assert_true(cxl_health_get(&dev->pci.dev, &h));
	/* Thresholds are as before after a conventional reset; one that is crossed already is told at once. [CXL3.1
	 * 8.2.9.9.3.3] */
	h.life_used = 50;
	h.temperature = 20;
	assert_true(cxl_health_set(&dev->pci.dev, &h, &m.err));
	fixture_reset(&m, RESET_WARM);
	assert_int_equal(send(0x4201, NULL, 0), CXL_SUCCESS);
	assert_int_equal(out[0], 0);
	assert_int_equal(load_le(out + 12, 4), 0);
	events_forget(dev);
	alerts[0] = alerts[1] = 1;
	alerts[2] = 0; /* 0 is a valid percentage */
	assert_int_equal(send(0x4202, alerts, 12), CXL_SUCCESS);
	assert_int_equal(dev->events[EVENT_WARNING].count, 1);
	assert_int_equal(dev->events[EVENT_WARNING].records[0][48], 2); /* life used */
	assert_int_equal(send(0x4202, alerts, 12), CXL_SUCCESS);
	assert_int_equal(dev->events[EVENT_WARNING].count, 1);
	fixture_close(&m);
}

static void payloads_have_the_size_that_is_asked_for(void **state)
{
	static const struct {
		const char *text;
		u32 bytes, bar;
	} sizes[] = {{"256", 256, 4 * KiB}, {"2K", 2 * KiB, 4 * KiB}, {"4K", 4 * KiB, 8 * KiB}, {"1M", MiB, 2 * MiB}};
	char more[64], path[128];
	u64 value;

	snprintf(path, sizeof(path), "%s/l.state", folder);
	for (unsigned n = 0; n < ARRAY_SIZE(sizes); n++) {
		u8 random = 7;

		unlink(path); /* the round before left a Sanitize behind */
		snprintf(more, sizeof(more), ",mailbox-payload=%s", sizes[n].text);
		open_device(more);
		assert_int_equal(dev->pci.bars[2].size, sizes[n].bar);
		devregs_io.read(&dev->mbox, MAILBOX_CAP, 4, &value);
		assert_int_equal(1u << (value & 0x1f), sizes[n].bytes);
		devregs_io.read(&dev->mbox, 0x28, 4, &value);
		assert_int_equal(value, 0x20 + sizes[n].bytes);
		devregs_io.read(&dev->mbox, 0x34, 4, &value);
		assert_int_equal(value, DEVREGS_PAYLOAD + sizes[n].bytes);
		devregs_io.read(&dev->mbox, value, 8, &value);
		assert_int_equal(value, MEMORY_STATUS_READY);
		devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD + sizes[n].bytes - 8, 8, ~0ull);
		devregs_io.read(&dev->mbox, DEVREGS_PAYLOAD + sizes[n].bytes - 8, 8, &value);
		assert_true(value == ~0ull);
		/* Every command at its bounds and past them. */
		for (unsigned c = 0; c < mbox_command_count; c++) {
			u32 lengths[] = {0,
					 mbox_commands[c].in_min,
					 MIN(mbox_commands[c].in_max, sizes[n].bytes),
					 sizes[n].bytes,
					 sizes[n].bytes + 1,
					 0x1fffff};

			for (unsigned l = 0; l < ARRAY_SIZE(lengths); l++) {
				devregs_io.write(&dev->mbox, DEVREGS_PAYLOAD, 8, random = random * 5 + 1);
				devregs_io.write(&dev->mbox, MAILBOX_COMMAND, 8,
						 mbox_commands[c].opcode | (u64)(lengths[l] & 0x1fffff) << 16);
				devregs_io.write(&dev->mbox, MAILBOX_CTRL, 4, MAILBOX_CTRL_DOORBELL);
				devregs_io.read(&dev->mbox, MAILBOX_COMMAND, 8, &value);
				assert_true(value >> 16 <= sizes[n].bytes);
			}
		}
		fixture_close(&m);
	}
}

/* As many ranges as the payload holds; those that overlap are one. [CXL3.1 8.2.9.9.5.3] */
static void ranges_of_media_fill_the_payload(void **state)
{
	const unsigned count = (4 * KiB - 8) / 16;
	u8 *payload;

	open_device(",mailbox-payload=4K");
	payload = dev->mbox.payload.bytes;
	store_le(payload, 8, 1 | (u64)count << 32);
	for (unsigned n = 0; n < count; n++) {
		store_le(payload + 8 + 16 * n, 8, n % 2 ? 0 : 128 * MiB);
		store_le(payload + 16 + 16 * n, 8, 128 * MiB);
	}
	assert_int_equal(send(0x4402, NULL, 8 + 16 * count), CXL_BACKGROUND_STARTED);
	assert_int_equal(dev->media_operation.count, 1);
	assert_int_equal(dev->media_operation.ranges[0].dpa, 0);
	assert_int_equal(dev->media_operation.ranges[0].size, 256 * MiB);
	loop_time_advance(m.loop, 256 * 2000000);
	assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x4402 | 100 << 16);
	fixture_close(&m);
}

/* The one record of the information log, which is cleared. */
static void take_sparing_record(u8 record[128])
{
	static const u8 uuid[16] = {0xe7, 0x1f, 0x3a, 0x40, 0x2d, 0x29, 0x40, 0x92,
				    0x8a, 0x39, 0x4d, 0x1c, 0x96, 0x6c, 0x7c, 0x65};
	u8 log = 0, clear[8] = {[2] = 1};

	assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
	assert_int_equal(load_le(out + 20, 2), 1);
	memcpy(record, out + 32, 128);
	assert_memory_equal(record, uuid, 16);
	assert_int_equal(record[17] & 3, 0); /* information */
	memcpy(clear + 6, record + 20, 2);
	assert_int_equal(send(0x0101, clear, 8), CXL_SUCCESS);
}

/* Each answer is told by an event, too: flags, result, what is left, and the address as it was given. */
static void spares_are_used_up(void **state)
{
	u8 request[16] = {2, 1, 0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, record[128], log = 0;

	open_device("");
	assert_int_equal(send(0x0600, request, 14), CXL_INVALID_PAYLOAD_LENGTH);
	assert_int_equal(send(0x0600, request, 15), CXL_INVALID_PAYLOAD_LENGTH);
	for (unsigned n = 0; n < SPARES; n++) {
		request[2] = 1; /* asks */
		assert_int_equal(send(0x0600, request, 16), CXL_SUCCESS);
		take_sparing_record(record);
		assert_int_equal(load_le(record + 48, 4), 0x00010102);
		assert_int_equal(load_le(record + 60, 2), MIN(SPARES - n, 3u));
		request[2] = n < 2 ? 2 : 0; /* two hard ones */
		assert_int_equal(send(0x0600, request, 16), CXL_BACKGROUND_STARTED);
		assert_int_equal(send(0x0600, request, 16), CXL_BUSY);
		assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
		assert_int_equal(load_le(out + 20, 2), 0); /* not yet */
		loop_time_advance(m.loop, 1000000000);
		take_sparing_record(record);
		assert_int_equal(load_le(record + 48, 4), 0x00000102 | (n < 2 ? 2 << 16 : 0));
		assert_int_equal(load_le(record + 52, 2), 0x3b); /* neither column nor nibbles */
		assert_int_equal(load_le(record + 60, 2), MIN(SPARES - 1 - n, 3u));
		assert_memory_equal(record + 62, request + 3, 12);
	}
	assert_int_equal(send(0x0600, request, 16), CXL_RESOURCES_EXHAUSTED);
	take_sparing_record(record);
	assert_int_equal(load_le(record + 48, 4), 0x01000102);
	request[1] = 0; /* a line, with all that can be said of it */
	request[2] = 8 | 4 | 1;
	assert_int_equal(send(0x0600, request, 16), CXL_SUCCESS);
	take_sparing_record(record);
	assert_int_equal(load_le(record + 52, 2), 0x27f);
	assert_int_equal(record[90], 15);
	request[1] = 3; /* ranks have their own */
	request[2] = 0;
	assert_int_equal(send(0x0600, request, 16), CXL_BACKGROUND_STARTED);
	assert_int_equal(send(0x0005, NULL, 0), CXL_SUCCESS);
	assert_int_equal(dev->features.soft_spares[3], 0); /* aborted */
	take_sparing_record(record);
	assert_int_equal(record[51], 0xff);
	assert_int_equal(load_le(record + 52, 2), 3);
	request[1] = 4;
	assert_int_equal(send(0x0600, request, 16), CXL_INVALID_INPUT);
	fixture_reset(&m, RESET_HOT);
	assert_int_equal(dev->features.hard_spares[1], 2);
	assert_int_equal(dev->features.soft_spares[1], 0);
	fixture_close(&m);
}

/* Feature data of PPR, version 2: whether an event tells of its end; version 1 had no such byte. [CXL3.1 8.2.9.7.2.1]
 */
static void repair_is_told_where_it_is_asked_for(void **state)
{
	static const u8 hard[16] = {0x80, 0xea, 0x45, 0x21, 0x78, 0x6f, 0x41, 0x27,
				    0xaf, 0xb1, 0xec, 0x74, 0x59, 0xfb, 0x0e, 0x24};
	u8 list[8] = {8 + 2 * 48, 0, 0, 0, 2}, get_request[21] = {0}, set[35] = {0}, request[14] = {1, 1}, record[128],
	   log = 0;

	open_device("");
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(load_le(out + 8 + 48 * n + 18, 4), 20 | 3 << 16);
		assert_int_equal(load_le(out + 8 + 48 * n + 26, 2), 0x0202);
	}
	memcpy(get_request, hard, 16);
	memcpy(set, hard, 16);
	get_request[18] = 20;
	for (unsigned version = 2; version; version--) {
		set[22] = version;
		set[34] = 1;
		assert_int_equal(send(0x0502, set, 33), CXL_INVALID_PAYLOAD_LENGTH);
		assert_int_equal(send(0x0502, set, version == 2 ? 35 : 34), CXL_SUCCESS);
		assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
		assert_int_equal(out[0], 0x10); /* 1 us */
		assert_int_equal(out[16], 5);
		assert_int_equal(out[19], version == 2);
		assert_int_equal(send(0x0600, request, 14), CXL_BACKGROUND_STARTED);
		loop_time_advance(m.loop, 1);
		assert_int_equal(get(MAILBOX_BACKGROUND, 8), 0x0600 | 100 << 16);
		if (version == 2) {
			take_sparing_record(record);
			assert_int_equal(load_le(record + 48, 4), 0x00020101); /* hard */
			assert_int_equal(load_le(record + 52, 2), 0);
			assert_int_equal(load_le(record + 60, 2), 3);
		}
		assert_int_equal(send(0x0100, &log, 1), CXL_SUCCESS);
		assert_int_equal(load_le(out + 20, 2), 0);
	}
	set[22] = 3;
	assert_int_equal(send(0x0502, set, 35), CXL_UNSUPPORTED_FEATURE_VERSION);
	/* Sparing leaves memory as it is, and keeps its contents. */
	list[4] = 4;
	assert_int_equal(send(0x0500, list, 8), CXL_SUCCESS);
	memcpy(get_request, out + 8, 16);
	assert_int_equal(send(0x0501, get_request, 21), CXL_SUCCESS);
	assert_int_equal(load_le(out + 17, 2), 6);
	fixture_close(&m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		T(capacity_is_partitioned_where_it_may_be),  T(dirty_shutdowns_are_counted_over_the_end),
		T(passphrases_outlast_the_process),          T(a_sanitize_that_was_killed_is_owed),
		T(hashes_that_were_cut_short_are_refused),   T(what_is_not_written_back_is_owed),
		T(label_writes_are_whole_when_killed),       T(health_crosses_thresholds),
		T(payloads_have_the_size_that_is_asked_for), T(spares_are_used_up),
		T(ranges_of_media_fill_the_payload),         T(repair_is_told_where_it_is_asked_for),
		T(labels_without_a_name_leave_nothing),      T(another_volatile_size_is_no_other_device),
	};

	return cmocka_run_group_tests_name("cxl/state", tests, NULL, NULL);
}
