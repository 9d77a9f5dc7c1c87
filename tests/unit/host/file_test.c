/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "host/host.h"

static void whole_files(void **state)
{
	char name[] = "/tmp/cxlvm-test-XXXXXX";
	int fd = mkstemp(name);
	struct error err;
	u64 size;
	u8 *data;

	assert_int_equal(write(fd, "hello", 5), 5);
	assert_true(file_size(fd, &size));
	assert_int_equal(size, 5);
	assert_true(file_read_all(name, 5, &data, &size, &err));
	assert_int_equal(size, 5);
	assert_string_equal((char *)data, "hello");
	free(data);
	assert_false(file_read_all(name, 4, &data, &size, &err));
	check_says(&err, "its 5 bytes are more than the 4 allowed");
	assert_null(data);
	close(fd);
	unlink(name);
	assert_false(file_read_all(name, 4, &data, &size, &err));
	check_says(&err, "there is no such file");
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_false(file_read_all(name, 4, &data, &size, &err)); /* and does not wait for a writer */
	check_says(&err, "not a regular file");
	unlink(name);
	assert_false(file_read_all("/tmp", 4, &data, &size, &err));
	check_says(&err, "it is a directory");
	assert_false(file_read_all("", 4, &data, &size, &err));
}

static void opening_names_the_option(void **state)
{
	struct error err;

	assert_int_equal(file_open("-kernel", "/nonexistent", false, false, &err), -1);
	assert_string_equal(err.text, "-kernel /nonexistent: cannot open it: there is no such file");
	assert_int_equal(file_open("-kernel", "/tmp", true, false, &err), -1);
	check_says(&err, "directory");
}

static void random_bytes_differ(void **state)
{
	u8 a[64] = {0}, b[64] = {0};

	host_random(a, sizeof(a));
	host_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	assert_true(host_realtime_s() > 1600000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_files),
		cmocka_unit_test(opening_names_the_option),
		cmocka_unit_test(random_bytes_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
