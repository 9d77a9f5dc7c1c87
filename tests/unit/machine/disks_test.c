/* SPDX-License-Identifier: BSD-2-Clause */
/* The disks of a machine that stands still: what was written is in the files of their images. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "board.h"
#include "host/host.h"
#include "host/qcow2.h"
#include "machine/private.h"

#define DISK_BYTES (4 * MiB)

static char folder[] = "/tmp/cxlvm-disks-XXXXXX";

static struct block *open_copy(void)
{
	struct block_config config = {.file = "copy.qcow2", .format = "qcow2", .readonly = true};
	struct error err = {""};
	struct block *block;

	assert_int_equal(system("cp disk.qcow2 copy.qcow2"), 0);
	block = block_open(&config, &err);
	assert_string_equal(err.text, "");
	return block;
}

static bool is_written(u64 offset)
{
	struct block *copy = open_copy();
	u8 byte = 0;

	assert_true(block_read(copy, offset, &byte, 1));
	block_close(copy);
	return byte == 'x';
}

static struct drive *add_drive(struct machine *m, const char *text)
{
	struct error err = {""};
	struct opts opts;

	assert_true(opts_parse(&opts, text, NULL, &err));
	assert_true(machine_add_drive(m, &opts, &err));
	opts_free(&opts);
	return m->drives[m->drive_count - 1];
}

/* Without a guest's flush: an image in whose tables a cluster is new. */
static void a_copy_has_what_was_written(void **state)
{
	struct machine_config config = board_config();
	struct error err = {""};
	struct machine *m = board_create(&config);
	struct block *block;
	int fd = open("disk.qcow2", O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(qcow2_create(fd, &(struct qcow2_shape){.size = DISK_BYTES}, &err));
	close(fd);
	block = add_drive(m, "file=disk.qcow2,format=qcow2,if=none,id=d")->block;
	assert_true(block_write(block, MiB, "x", 1));
	assert_false(is_written(MiB));
	loop_lock(machine_loop(m));
	machine_flush_disks(m);
	loop_unlock(machine_loop(m));
	assert_true(is_written(MiB));
	machine_destroy(m);
}

/* What query-block tells, of each disk. */
static void a_disk_says_why_the_machine_stopped(void **state)
{
	struct machine_config config = board_config();
	struct error err = {""};
	struct machine *m = board_create(&config);
	struct drive *a = add_drive(m, "file=disk.qcow2,format=qcow2,if=none,id=a"),
		     *b = add_drive(m, "file=copy.qcow2,format=qcow2,if=none,id=b,rerror=stop");

	loop_lock(machine_loop(m));
	assert_int_equal(machine_disk_failed(m, a, true, false), ON_ERROR_REPORT);
	assert_int_equal(a->status, DISK_OK);
	assert_int_equal(machine_disk_failed(m, a, true, true), ON_ERROR_STOP);
	assert_int_equal(machine_disk_failed(m, b, false, true), ON_ERROR_STOP);
	assert_int_equal(a->status, DISK_FULL);
	assert_int_equal(b->status, DISK_FAILED);
	assert_true(machine_cont(m, &err));
	assert_int_equal(a->status, DISK_OK);
	assert_int_equal(b->status, DISK_OK);
	loop_unlock(machine_loop(m));
	machine_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_has_what_was_written),
		cmocka_unit_test(a_disk_says_why_the_machine_stopped),
	};
	int failed;

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (unlink("disk.qcow2") || unlink("copy.qcow2") || rmdir(folder))
		return 1;
	return failed;
}
