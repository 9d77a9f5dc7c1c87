/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

static void context_goes_before_the_first_error(void **state)
{
	struct error err;

	assert_false(fail(&err, "size=%d: too odd", 3));
	assert_false(fail_context(&err, "device '%s'", "mem0"));
	assert_string_equal(err.text, "device 'mem0': size=3: too odd");
}

static void long_errors_are_cut_not_overrun(void **state)
{
	struct error err;
	char text[2 * ERROR_BYTES];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	fail(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERROR_BYTES - 1);
	fail_context(&err, "ahead");
	assert_int_equal(strlen(err.text), ERROR_BYTES - 1);
	assert_memory_equal(err.text, "ahead: xxx", 10);
	fail_context(&err, "%s", text);
	assert_int_equal(strlen(err.text), ERROR_BYTES - 1);
}

static void long_errors_keep_key_and_fix(void **state)
{
	struct error err;
	char text[3 * ERROR_BYTES];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	fail(&err, "size=%s: not a size; write 1G", text);
	fail_context(&err, "-object %s", text);
	assert_int_equal(strlen(err.text), ERROR_BYTES - 1);
	assert_memory_equal(err.text, "-object xxx", 11);
	assert_string_equal(err.text + ERROR_BYTES - 1 - strlen(": not a size; write 1G"), ": not a size; write 1G");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_goes_before_the_first_error),
		cmocka_unit_test(long_errors_are_cut_not_overrun),
		cmocka_unit_test(long_errors_keep_key_and_fix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
