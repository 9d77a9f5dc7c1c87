/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"
#include "obj/prop.h"

static void expect(const char *text, const char *implied, const char *listed)
{
	char seen[512] = "";
	struct error err;
	struct opts opts;

	if (!opts_parse(&opts, text, implied, &err))
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < opts.count; i++)
		snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "[%s|%s]", opts.list[i].key,
			 opts.list[i].value);
	assert_string_equal(seen, listed);
	opts_free(&opts);
}

static void strings_are_taken_apart(void **state)
{
	expect("", NULL, "");
	expect("cxl-type3,bus=rp0,memdev=m0", "driver", "[driver|cxl-type3][bus|rp0][memdev|m0]");
	expect("driver=cxl-type3,id=a", "driver", "[driver|cxl-type3][id|a]");
	expect("id=a,share", NULL, "[id|a][share|on]");
	expect("share,id=a", NULL, "[share|on][id|a]");
	expect("file=a,,b,,,,c,format=raw", NULL, "[file|a,b,,c][format|raw]");
	expect("a,,b,x=1", "path", "[path|a,b][x|1]");
	expect("x=,y=2", NULL, "[x|][y|2]");
	expect("x=a=b,y==", NULL, "[x|a=b][y|=]");
	expect("x=1,x=2", NULL, "[x|1][x|2]");
	expect("x=1,", NULL, "[x|1]");
	expect("virt,cxl-fmw.0.targets.0=cxl.1,cxl-fmw.0.size=4G", "type",
	       "[type|virt][cxl-fmw.0.targets.0|cxl.1][cxl-fmw.0.size|4G]");
	expect("memdev[0]=m0,window-base[1]=0x1000", NULL, "[memdev[0]|m0][window-base[1]|0x1000]");
	expect("bus=a,,,b=c", NULL, "[bus|a,][b|c]");
}

static void nonsense_is_refused(void **state)
{
	char many[1024] = "";
	struct error err;
	struct opts opts;

	assert_false(opts_parse(&opts, "=x", NULL, &err));
	assert_false(opts_parse(&opts, "a=1,=x", NULL, &err));
	check_says(&err, "without a name");
	assert_false(opts_parse(&opts, "a,,b", NULL, &err));
	for (unsigned i = 0; i <= OPTS_MAX; i++)
		strcat(many, "a=1,");
	assert_false(opts_parse(&opts, many, NULL, &err));
	check_says(&err, "more than 128 options");
	assert_int_equal(opts.count, 0);
}

static void unused_options_are_named(void **state)
{
	struct error err;
	struct opts opts;

	assert_true(opts_parse(&opts, "node,cpus=0,cpus=1,odd=3", "type", &err));
	assert_string_equal(opts_get(&opts, "type"), "node");
	assert_string_equal(opts_get(&opts, "cpus"), "1");
	assert_null(opts_get(&opts, "mem"));
	assert_false(opts_all_used(&opts, "-numa", &err));
	assert_string_equal(err.text, "-numa: odd=3: no such key; leave it out");
	opts_get(&opts, "odd");
	assert_true(opts_all_used(&opts, "-numa", &err));
	opts_free(&opts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_taken_apart),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(unused_options_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
