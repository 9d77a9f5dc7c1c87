/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-9p: requests from guest memory to the server and back, and requests that are not there. [VIRTIO1.2 5.9] */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "host/folder.h"
#include "virtio/driver.h"
#include "virtio/p9.h"

#define RLERROR 7
#define TVERSION 100
#define NOWHERE 0x7000000000ull /* no memory is there */

struct machine {
	struct folder folder;
};

struct folder *machine_folder(struct machine *machine, const char *id)
{
	return &machine->folder;
}

static struct driver start(struct machine *m)
{
	char path[] = "/tmp/cxlvm-ninep-XXXXXX";
	struct driver d = driver_new();
	struct error err = {{0}};

	check_openat2();
	m->folder = (struct folder){.fd = -1, .readonly = true};
	assert_non_null(mkdtemp(path));
	assert_true(folder_open(&m->folder, path, &err));
	rmdir(path);
	driver_ram(&d);
	d.f->machine = m;
	d.dev = fixture_add(d.f, &virtio_9p_pci_class, NULL, "addr=1,fsdev=f,mount_tag=t", &err);
	assert_string_equal(err.text, "");
	driver_map(&d);
	driver_start(&d, 0, 0);
	return d;
}

static void end(struct driver *d, struct machine *m)
{
	driver_free(d);
	folder_close(&m->folder);
}

static void quit(void *opaque)
{
	loop_quit(opaque);
}

/* Answers come through the loop. */
static void turn(struct driver *d)
{
	loop_defer(d->f->loop, quit, d->f->loop);
	loop_unlock(d->f->loop);
	loop_run(d->f->loop);
	loop_lock(d->f->loop);
}

/* Tversion and room for its answer; the byte behind the header and msize stands at `pa`. Returns its size. */
static u32 version_put(struct driver *d, u64 pa)
{
	static const char words[] = "9P2000.L";
	u8 *at = d->ram + (DATA_AT - RAM_BASE);
	u32 size = P9_HEADER + 4 + 2 + sizeof(words) - 1;

	store_le(at, 4, size);
	at[4] = TVERSION;
	store_le(at + 5, 2, 0xffff);
	store_le(at + 7, 4, 8192);
	store_le(at + 11, 2, sizeof(words) - 1);
	memcpy(at + 13, words, sizeof(words) - 1);
	desc_put(d, DESC_AT, 0, DATA_AT, 11, DESC_NEXT, 1);
	desc_put(d, DESC_AT, 1, pa, 1, DESC_NEXT, 2);
	desc_put(d, DESC_AT, 2, DATA_AT + 12, size - 12, DESC_NEXT, 3);
	desc_put(d, DESC_AT, 3, DATA_AT + 0x1000, 4096, DESC_WRITE, 0);
	avail_put(d, 0);
	notify(d, 0);
	turn(d);
	return size;
}

static void a_request_is_answered(void **state)
{
	struct machine m;
	struct driver d = start(&m);
	u32 size = version_put(&d, DATA_AT + 11);

	assert_int_equal(used_take(&d, 0), size);
	assert_int_equal(d.ram[DATA_AT + 0x1000 - RAM_BASE + 4], TVERSION + 1);
	assert_int_equal(load_le(d.ram + (DATA_AT + 0x1000 - RAM_BASE) + 7, 4), 8192);
	end(&d, &m);
}

/* What comes behind the hole is not what was there before, or what lay in our memory. */
static void a_request_with_a_hole_is_none(void **state)
{
	struct machine m;
	struct driver d = start(&m);

	version_put(&d, DATA_AT + 11);
	used_take(&d, 0);
	version_put(&d, NOWHERE);
	assert_int_equal(used_take(&d, 0), P9_HEADER + 4);
	assert_int_equal(d.ram[DATA_AT + 0x1000 - RAM_BASE + 4], RLERROR);
	assert_int_equal(load_le(d.ram + (DATA_AT + 0x1000 - RAM_BASE) + 5, 2), 0xffff);
	assert_int_equal(load_le(d.ram + (DATA_AT + 0x1000 - RAM_BASE) + P9_HEADER, 4), EIO);
	assert_false(status(&d) & VIRTIO_NEEDS_RESET);
	end(&d, &m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(a_request_with_a_hole_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
