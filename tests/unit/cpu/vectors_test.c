/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every row of a64.def against vectors that another implementation of A64 has made: tests/vectors/a64.bin.gz, remade by
 * `tools/insn_vectors/run.sh PROGRAM store`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <zlib.h>

#include "tools/insn_vectors/replay.h"

#include <cmocka.h> /* last: its macros hide names of ours */

static void every_instruction_does_what_the_vectors_say(void **state)
{
	struct error err = {0};
	struct replay *replay = replay_create(&err);
	gzFile file = gzopen(VECTORS_FILE, "rb");
	struct vector_result header;
	unsigned total = 0, bad = 0;

	assert_non_null(replay);
	assert_non_null(file);
	while (gzread(file, &header, sizeof(header)) == sizeof(header)) {
		uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
		unsigned tail = vectors_tail(&header);

		memcpy(expected, &header, sizeof(header));
		assert_int_equal(gzread(file, expected + sizeof(header), tail), tail);
		unsigned size = replay_run(replay, &header.request, got);
		total++;
		if (size != sizeof(header) + tail || memcmp(expected, got, size)) {
			if (bad++ < 10)
				replay_explain(&header.request, expected, got);
		}
	}
	gzclose(file);
	replay_destroy(replay);
	assert_true(total > 8000);
	assert_int_equal(bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_instruction_does_what_the_vectors_say)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
