/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"
#include "obj/prop.h"

static void sizes(void **state)
{
	static const struct {
		const char *text;
		u64 value;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"1k", 1024},
		{"1K", 1024},
		{"512M", 512 * MiB},
		{"4g", 4 * GiB},
		{"1.5G", 3 * GiB / 2},
		{"2T", 2 * TiB},
		{"0x1000", 4096},
		{"0x10M", 16 * MiB},
		{"100b", 100},
		{"15E", 15ull << 60},
		{"18446744073709551615", UINT64_MAX},
		{"0.5k", 512},
	};
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "not a size"},
		{"G", "not a size"},
		{"-1", "not a size"},
		{"1X", "'X' is not a size suffix"},
		{"1GB", "'GB' is not a size suffix"},
		{"16E", "too large"},
		{"18446744073709551616", "too large"},
		{"99999999999999999999999999999G", "too large"},
		{"1.5", "fraction of a byte"},
		{"1.G", "not a fraction"},
		{"1.1234567891G", "not a fraction"},
		{"0x", "not a size"},
		{" 1", "not a size"},
		{"1 M", "' M' is not"},
	};
	struct error err;
	u64 value;

	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		if (!parse_size("size", good[i].text, &value, &err))
			fail_msg("%s", err.text);
		assert_int_equal(value, good[i].value);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_false(parse_size("size", bad[i].text, &value, &err));
		check_says(&err, bad[i].says);
		check_says(&err, "size=");
	}
}

static void numbers(void **state)
{
	struct error err;
	u64 value;

	assert_true(parse_u64("n", "0xff", 0, 255, &value, &err));
	assert_int_equal(value, 255);
	assert_true(parse_u64("n", "18446744073709551615", 0, UINT64_MAX, &value, &err));
	assert_false(parse_u64("n", "256", 0, 255, &value, &err));
	check_says(&err, "n=256: out of range; write a number from 0 to 255");
	assert_false(parse_u64("n", "0", 1, 16, &value, &err));
	assert_false(parse_u64("n", "4G", 0, 255, &value, &err));
	check_says(&err, "takes no suffix");
	assert_false(parse_u64("n", "18446744073709551616", 0, UINT64_MAX, &value, &err));
	assert_false(parse_u64("n", "", 0, 1, &value, &err));
	assert_false(parse_u64("n", "-1", 0, 1, &value, &err));
	assert_false(parse_u64("n", "abc", 0, 1, &value, &err));
	check_says(&err, "n=abc: not a number");
}

static void switches(void **state)
{
	static const char *const yes[] = {"on", "yes", "true"}, *const no[] = {"off", "no", "false"};
	struct error err;
	bool value;

	for (unsigned i = 0; i < 3; i++) {
		assert_true(parse_bool("s", yes[i], &value, &err));
		assert_true(value);
		assert_true(parse_bool("s", no[i], &value, &err));
		assert_false(value);
	}
	assert_false(parse_bool("share", "maybe", &value, &err));
	check_says(&err, "share=maybe: not a switch; write share=on or share=off");
	assert_false(parse_bool("s", "", &value, &err));
}

static void addresses_and_ids(void **state)
{
	struct error err;
	u8 mac[6];

	assert_true(parse_mac("mac", "52:54:00:12:34:56", mac, &err));
	assert_int_equal(mac[5], 0x56);
	assert_false(parse_mac("mac", "52:54:00:12:34", mac, &err));
	assert_false(parse_mac("mac", "52:54:00:12:34:56:78", mac, &err));
	assert_false(parse_mac("mac", "", mac, &err));
	assert_false(parse_mac("mac", "5", mac, &err));
	assert_false(parse_mac("mac", "53:54:00:12:34:56", mac, &err));
	assert_true(parse_id("id", "cxl-mem0.a_b", &err));
	assert_false(parse_id("id", "", &err));
	assert_false(parse_id("id", "0a", &err));
	assert_false(parse_id("id", "a b", &err));
}

static void near_words(void **state)
{
	static const char *const words[] = {"size", "share", "mem-path", NULL};

	assert_string_equal(nearest_word("shared", words), "share");
	assert_string_equal(nearest_word("mempath", words), "mem-path");
	assert_string_equal(nearest_word("sizes", words), "size");
	assert_null(nearest_word("quite-another-word", words));
	assert_null(nearest_word("", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),      cmocka_unit_test(numbers),
		cmocka_unit_test(switches),   cmocka_unit_test(addresses_and_ids),
		cmocka_unit_test(near_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
