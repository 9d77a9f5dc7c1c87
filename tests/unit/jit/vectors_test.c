/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every row of a64.def by translated code: against vectors that another implementation of A64 has made (tests/vectors/a64.bin.gz), and
 * random instructions against the interpreter; for each level of host features.
 *
 * usage: test_jit_vectors [RANDOM-INSTRUCTIONS [ROW]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "cpu/decode.h"
#include "jit/jit.h"
#include "tools/insn_vectors/replay.h"

#include <cmocka.h> /* last: its macros hide names of ours */

static const char *const levels[] = {[JIT_SSE42] = "sse4.2", [JIT_AVX2] = "avx2", [JIT_ALL] = "all"};

struct options {
	unsigned long random;
	const char *row;
};

static struct replay *translator(enum jit_limit limit)
{
	struct error err = {0};
	const struct cpu_engine *engine = jit_engine_limited(limit, &err);
	struct replay *replay = engine ? replay_create_engine(engine, &err) : NULL;

	if (!replay)
		printf("%s\n", err.text);
	assert_non_null(replay);
	return replay;
}

static void vectors_at(enum jit_limit limit)
{
	struct replay *replay = translator(limit);
	gzFile file = gzopen(VECTORS_FILE, "rb");
	struct vector_result header;
	unsigned total = 0, bad = 0;

	assert_non_null(file);
	while (gzread(file, &header, sizeof(header)) == sizeof(header)) {
		uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
		unsigned tail = vectors_tail(&header), size;

		memcpy(expected, &header, sizeof(header));
		assert_int_equal(gzread(file, expected + sizeof(header), tail), tail);
		size = replay_run(replay, &header.request, got);
		total++;
		if ((size != sizeof(header) + tail || memcmp(expected, got, size)) && bad++ < 10)
			replay_explain(&header.request, expected, got);
	}
	gzclose(file);
	replay_destroy(replay);
	printf("%s: %u vectors, %u differ\n", levels[limit], total, bad);
	assert_true(total > 8000);
	assert_int_equal(bad, 0);
}

static void every_instruction_does_what_the_vectors_say(void **state)
{
	for (unsigned limit = 0; limit <= JIT_ALL; limit++)
		vectors_at((enum jit_limit)limit);
}

static void random_instructions_do_what_the_interpreter_does(void **state)
{
	const struct options *options = *state;
	struct error err = {0};
	struct replay *interpreter = replay_create(&err);
	unsigned bad = 0, rows = replay_row_count();

	assert_non_null(interpreter);
	for (unsigned limit = 0; limit <= JIT_ALL; limit++) {
		struct replay *replay = translator((enum jit_limit)limit);
		uint64_t random = 1 + limit;

		for (unsigned long n = 0; n < options->random; n++) {
			uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
			struct vector_request request;
			unsigned size;

			if (!replay_request((unsigned)(n % rows), &random, &request))
				continue;
			if (options->row && strcmp(options->row, replay_row_name(request.word)))
				continue;
			size = replay_run(interpreter, &request, expected);
			if ((replay_run(replay, &request, got) != size || memcmp(expected, got, size)) && bad++ < 10) {
				printf("%s: ", levels[limit]);
				replay_explain(&request, expected, got);
			}
		}
		replay_destroy(replay);
	}
	replay_destroy(interpreter);
	printf("%u differ\n", bad);
	assert_int_equal(bad, 0);
}

static void disassemble(const uint32_t *words, unsigned count)
{
	for (unsigned k = 0; k < count; k++) {
		char text[128];

		disasm(words[k], 0, text, sizeof(text));
		printf("    %08x  %s\n", words[k], text);
	}
}

/* Blocks of several instructions, half of them SIMD: registers kept in host registers, flags from one to the next. Each third one is
 * run as a loop of three rounds: registers kept from one round to the next. */
static unsigned compare(struct replay *interpreter, struct replay *replay, const struct vector_request *request, const uint32_t *words,
			unsigned count, unsigned times, bool explain)
{
	uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
	unsigned size = replay_run_loop(interpreter, request, words, count, times, expected);

	if (replay_run_loop(replay, request, words, count, times, got) == size && !memcmp(expected, got, size))
		return 0;
	if (explain)
		replay_explain(request, expected, got);
	return 1;
}

static void random_blocks_do_what_the_interpreter_does(void **state)
{
	const struct options *options = *state;
	struct error err = {0};
	struct replay *interpreter = replay_create(&err);
	unsigned bad = 0, rows = replay_row_count();

	assert_non_null(interpreter);
	for (unsigned limit = 0; limit <= JIT_ALL; limit++) {
		struct replay *replay = translator((enum jit_limit)limit);
		uint64_t random = 77 + limit;

		for (unsigned long n = 0; n < options->random / 10; n++) {
			uint32_t words[REPLAY_SEQUENCE_MAX];
			unsigned count = 0, want = 2 + (unsigned)(n % (REPLAY_SEQUENCE_MAX - 2)), times = n % 3 ? 1 : 3;
			struct vector_request first = {0}, request;

			while (count < want) {
				if (!replay_request((unsigned)(vectors_random(&random) % rows), &random, &request) ||
				    !replay_is_plain(request.word))
					continue;
				words[count++] = request.word;
				first = request;
			}
			if (!compare(interpreter, replay, &first, words, count, times, false))
				continue;
			if (bad++ < 3) {
				unsigned least = 1; /* the shortest start that differs */

				while (least < count && !compare(interpreter, replay, &first, words, least, times, false))
					least++;
				printf("%s: %u of %u instructions, %u times\n", levels[limit], least, count, times);
				disassemble(words, least);
				compare(interpreter, replay, &first, words, least, times, true);
			}
		}
		replay_destroy(replay);
	}
	replay_destroy(interpreter);
	printf("%u blocks differ\n", bad);
	assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
	struct options options = {argc > 1 ? strtoul(argv[1], NULL, 0) : 100000, argc > 2 ? argv[2] : NULL};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_instruction_does_what_the_vectors_say),
		cmocka_unit_test_prestate(random_instructions_do_what_the_interpreter_does, &options),
		cmocka_unit_test_prestate(random_blocks_do_what_the_interpreter_does, &options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
