/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "host/qcow2.h"

static char name[] = "/tmp/cxlvm-test-XXXXXX";

/* In the place of the C library's. */
static int sync_error;

int fdatasync(int fd)
{
	if (!sync_error)
		return (int)syscall(SYS_fdatasync, fd);
	errno = sync_error;
	sync_error = 0;
	return -1;
}

static void image(const void *bytes, size_t size, off_t length)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(ftruncate(fd, length), 0);
	assert_int_equal(pwrite(fd, bytes, size, 0), (ssize_t)size);
	close(fd);
}

static struct block *open_it(struct block_config config, struct error *err)
{
	config.id = "d0";
	config.file = name;
	return block_open(&config, err);
}

static void reads_writes_and_bounds(void **state)
{
	struct error err;
	struct block *b;
	u8 bytes[1024];

	image("x", 1, 1000); /* not whole sectors */
	b = open_it((struct block_config){.format = "raw", .discard = true}, &err);
	assert_non_null(b);
	assert_int_equal(block_size(b), 1024);
	assert_false(block_is_readonly(b));
	memset(bytes, 0xff, sizeof(bytes));
	assert_true(block_read(b, 0, bytes, 1024));
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(bytes[1023], 0);
	memset(bytes, 0xaa, sizeof(bytes));
	assert_true(block_write(b, 512, bytes, 512));
	assert_true(block_flush(b));
	assert_true(block_read(b, 512, bytes, 512));
	assert_int_equal(bytes[511], 0xaa);
	assert_false(block_read(b, 1024, bytes, 1));
	assert_false(block_read(b, 513, bytes, 512));
	assert_false(block_read(b, ~0ull, bytes, 512));
	assert_false(block_write(b, 1024, bytes, 512));
	assert_false(block_write(b, ~0ull - 511, bytes, 512));
	assert_false(block_discard(b, 512, 1024));
	assert_false(block_write_zeroes(b, 1, ~0ull, false));
	assert_true(block_read(b, 1024, bytes, 0));
	assert_true(block_write_zeroes(b, 512, 256, true));
	assert_true(block_read(b, 512, bytes, 512));
	assert_int_equal(bytes[255], 0);
	assert_int_equal(bytes[256], 0xaa);
	assert_true(block_discard(b, 0, 1024));
	block_close(b);
	block_close(NULL);
}

/* The host tells of lost writes once. Who asks after that is not told that they are safe. */
static void a_flush_that_failed_fails_for_ever(void **state)
{
	static const char *const formats[] = {"raw", "qcow2"};
	static const int errors[] = {EIO, ENOSPC};
	struct error err;

	for (unsigned n = 0; n < 4; n++) {
		struct block *b;
		int fd;

		image("", 0, n & 1 ? 0 : 4096);
		fd = open(name, O_RDWR);
		assert_true(!(n & 1) || qcow2_create(fd, &(struct qcow2_shape){.size = 4096}, &err));
		close(fd);
		b = open_it((struct block_config){.format = formats[n & 1]}, &err);
		assert_non_null(b);
		assert_true(block_write(b, 0, "x", 1));
		sync_error = EINTR;
		assert_true(block_flush(b));
		assert_true(block_write(b, 0, "y", 1));
		sync_error = errors[n >> 1];
		assert_false(block_flush(b));
		assert_int_equal(sync_error, 0);
		assert_false(block_out_of_space()); /* with room there is still nothing to try again */
		assert_false(block_flush(b));
		assert_true(block_write(b, 0, "z", 1));
		assert_false(block_flush(b));
		block_close(b);
		b = open_it((struct block_config){.format = formats[n & 1], .no_flush = true}, &err);
		sync_error = EIO;
		assert_true(block_flush(b));
		sync_error = 0;
		block_close(b);
	}
}

static void readonly_refuses_writes(void **state)
{
	struct error err;
	struct block *b;
	u8 bytes[512] = {0};

	image("x", 1, 512);
	b = open_it((struct block_config){.format = "raw", .readonly = true}, &err);
	assert_true(block_is_readonly(b));
	assert_true(block_read(b, 0, bytes, 512));
	assert_false(block_write(b, 0, bytes, 512));
	assert_false(block_discard(b, 0, 512));
	assert_false(block_write_zeroes(b, 0, 512, true));
	assert_true(block_flush(b));
	block_close(b);
}

static void formats_are_never_guessed(void **state)
{
	struct block_config config = {.file = "/tmp/cxlvm-block-test.img"};
	struct error err;
	struct block *b;

	image("QFI\xfb", 4, 65536);
	assert_null(open_it((struct block_config){0}, &err));
	check_says(&err, "format= is not given");
	check_says(&err, "it looks like qcow2");
	check_says(&err, "drive 'd0'");
	b = open_it((struct block_config){.format = "raw"}, &err); /* the user insists */
	assert_non_null(b);
	block_close(b);
	assert_null(open_it((struct block_config){.format = "vmdk"}, &err));
	check_says(&err, "format=vmdk: raw and qcow2 are built");
	image("plain", 5, 512);
	assert_null(open_it((struct block_config){0}, &err));
	check_says(&err, "write format=raw or format=qcow2");
	/* A name may say it, unless the file looks like something else. */
	assert_int_equal(rename(name, config.file), 0);
	b = block_open(&config, &err);
	assert_non_null(b);
	assert_string_equal(block_format_name(b), "raw");
	block_close(b);
	assert_int_equal(rename(config.file, name), 0);
	image("QFI\xfb", 4, 65536);
	assert_int_equal(rename(name, config.file), 0);
	assert_null(block_open(&config, &err));
	check_says(&err, "it looks like a qcow2 image and format= is not given");
	assert_int_equal(rename(config.file, name), 0);
}

static void a_temporary_overlay_takes_the_writes(void **state)
{
	struct error err;
	struct block *b;
	u8 bytes[512] = {7};

	image("x", 1, 2048);
	b = open_it((struct block_config){.format = "raw", .snapshot = true}, &err);
	assert_non_null(b);
	assert_true(block_write(b, 512, bytes, 512));
	memset(bytes, 0, sizeof(bytes));
	assert_true(block_read(b, 512, bytes, 512));
	assert_int_equal(bytes[0], 7);
	assert_true(block_read(b, 0, bytes, 512));
	assert_int_equal(bytes[0], 'x');
	block_close(b);
	b = open_it((struct block_config){.format = "raw"}, &err);
	assert_true(block_read(b, 512, bytes, 512));
	assert_int_equal(bytes[0], 0);
	block_close(b);
}

static void one_writer_or_many_readers(void **state)
{
	struct block_config write = {.format = "raw"}, read = {.format = "raw", .readonly = true};
	struct block *a, *b;
	struct error err;

	image("x", 1, 512);
	a = open_it(write, &err);
	assert_null(open_it(write, &err));
	check_says(&err, "in use by another -drive or program");
	assert_null(open_it(read, &err));
	block_close(a);
	a = open_it(read, &err);
	b = open_it(read, &err);
	assert_non_null(b);
	assert_null(open_it(write, &err));
	block_close(a);
	block_close(b);
}

/* What QEMU and its tools lock in a file of theirs: 100 + n for what they do, 200 + n for what nobody else may. */
static void locks_are_those_of_qemu(void **state)
{
	struct block_config write = {.format = "raw"}, read = {.format = "raw", .readonly = true};
	static const struct {
		off_t bytes[6];
		bool reader, writer; /* whether ours may come, too */
	} others[] = {{{100, 201, 203}, true, false},
		      {{100, 101, 201}, false, false},
		      {{100}, true, true},
		      {{100, 101}, false, false}};
	struct error err;
	struct block *b;
	int a;

	image("x", 1, 512);
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		int fd = open(name, O_RDWR);

		for (const off_t *at = others[i].bytes; *at; at++)
			assert_int_equal(
				fcntl(fd, F_OFD_SETLK, &(struct flock){.l_type = F_RDLCK, .l_start = *at, .l_len = 1}),
				0);
		b = open_it(read, &err);
		assert_int_equal(!!b, others[i].reader);
		block_close(b);
		b = open_it(write, &err);
		assert_int_equal(!!b, others[i].writer);
		block_close(b);
		close(fd);
	}
	/* Whoever locks the whole file for reading is a reader, too. */
	a = open(name, O_RDWR);
	assert_int_equal(fcntl(a, F_OFD_SETLK, &(struct flock){.l_type = F_RDLCK}), 0);
	assert_null(open_it(write, &err));
	b = open_it(read, &err);
	assert_non_null(b);
	block_close(b);
	close(a);
	/* And they look for what ours says: who reads bears readers, and no writers. */
	b = open_it(read, &err);
	for (off_t at = 200; at < 204; at++) {
		struct flock lock = {.l_type = F_WRLCK, .l_start = at, .l_len = 1};
		int fd = open(name, O_RDWR);

		assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
		assert_int_equal(lock.l_type, at == 201 || at == 203 ? F_RDLCK : F_UNLCK);
		close(fd);
	}
	block_close(b);
}

static void bad_files_are_named(void **state)
{
	struct block_config config = {.format = "raw"};
	struct error err;

	assert_null(block_open(&config, &err));
	check_says(&err, "file: not given");
	config.file = "/nonexistent";
	assert_null(block_open(&config, &err));
	check_says(&err, "file /nonexistent: cannot open it: there is no such file");
	config.file = "/tmp";
	config.readonly = true;
	assert_null(block_open(&config, &err));
	check_says(&err, "directory");
	config.file = "/dev/null";
	assert_null(block_open(&config, &err));
	check_says(&err, "neither a regular file nor a block device");
}

static int setup(void **state)
{
	int fd = mkstemp(name);

	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	return unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_writes_and_bounds),
		cmocka_unit_test(a_flush_that_failed_fails_for_ever),
		cmocka_unit_test(readonly_refuses_writes),
		cmocka_unit_test(formats_are_never_guessed),
		cmocka_unit_test(a_temporary_overlay_takes_the_writes),
		cmocka_unit_test(one_writer_or_many_readers),
		cmocka_unit_test(locks_are_those_of_qemu),
		cmocka_unit_test(bad_files_are_named),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
