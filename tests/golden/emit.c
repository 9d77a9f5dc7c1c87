/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has instructions translated, for tests/golden/test_emit.
 *
 *   golden_emit rows              a line "TABLE ROW WORD" for each row that has an emitter
 *   golden_emit sse4.2|avx2|avx512   for each line "NAME WORD..." of stdin: "name NAME", then -d op,out of the block
 *                                    that they make; 77: this
 *                                 host's CPU lacks something of that level
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "cpu/decode.h"
#include "jit/jit.h"
#include "jit/translate.h"
#include "tools/insn_vectors/replay.h"

static const struct {
	const char *name;
	const struct emitter_row *rows;
} tables[] = {
	{"integer", emit_integer_rows},
	{"branch", emit_branch_rows},
	{"memory", emit_memory_rows},
	{"system", emit_system_rows},
	{"simd", emit_simd_rows},
	{"simd_lanes", emit_simd_lanes_rows},
	{"simd_long", emit_simd_long_rows},
	{"simd_saturate", emit_simd_saturate_rows},
	{"fp", emit_fp_rows},
	{"fp_vector", emit_fp_vector_rows},
	{"crypto", emit_crypto_rows},
	{"atomic", emit_atomic_rows},
	{"structures", emit_structures_rows},
	{"mops", emit_mops_rows},
	{"multiply", emit_multiply_rows},
};

/* Registers by letter: x0 to x3 are pinned, x9 is not. All else is 0, 1 or, if the decoder wants it, drawn. */
static bool word_of(unsigned number, uint32_t *word)
{
	static const char letters[] = "dnmatusi";
	static const uint8_t values[] = {0, 1, 2, 3, 9, 10, 11, 1};
	const char *pattern = a64_rows[number].pattern;
	uint32_t mask, fixed, random = 1;
	struct insn insn;

	a64_row_fixed(number, &mask, &fixed);
	for (unsigned attempt = 0; attempt < 5000; attempt++) {
		uint32_t put = fixed;
		unsigned place[128] = {0};

		for (int i = 31; i >= 0; i--) {
			const char *letter = strchr(letters, pattern[i]);
			uint32_t value = attempt < 1 || !letter ? 0 : random >> 16;

			if (mask >> (31 - i) & 1)
				continue;
			if (letter && (attempt == 0 || *letter != 'i'))
				value = values[letter - letters] >> place[(unsigned)pattern[i] & 127];
			else if (attempt > 1)
				random = random * 1664525 + 1013904223, value = random >> 16;
			place[(unsigned)pattern[i] & 127]++;
			put |= (value & 1) << (31 - i);
		}
		if (decode(put, &insn) && insn.row == number) {
			*word = put;
			return true;
		}
	}
	return false;
}

static int rows(void)
{
	for (unsigned t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (const struct emitter_row *row = tables[t].rows; row->row != ROW_NONE; row++) {
			uint32_t word = 0;

			if (!word_of(row->row, &word))
				fprintf(stderr, "no word for %s\n", a64_rows[row->row].name);
			else
				printf("%s %s %08x\n", tables[t].name, a64_rows[row->row].name, word);
		}
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const levels[] = {[JIT_SSE42] = "sse4.2", [JIT_AVX2] = "avx2", [JIT_AVX512] = "avx512"};
	const bool has[] = {[JIT_SSE42] = true,
			    [JIT_AVX2] = __builtin_cpu_supports("avx2"),
			    [JIT_AVX512] = __builtin_cpu_supports("avx512vl")};
	const struct cpu_engine *engine = NULL;
	struct error err = {0};
	struct replay *replay;
	char line[4096];

	if (argc == 2 && !strcmp(argv[1], "rows"))
		return rows();
	for (unsigned n = 0; argc == 2 && n < JIT_ALL; n++)
		if (!strcmp(argv[1], levels[n]) && !(has[n] && (engine = jit_engine_limited((enum jit_limit)n, &err))))
			return 77;
	if (!engine) {
		fprintf(stderr, "usage: golden_emit rows|sse4.2|avx2|avx512\n");
		return 2;
	}
	replay = replay_create_engine(engine, 0, &err);
	if (!replay || !trace_enable("op,out", &err)) {
		fprintf(stderr, "golden_emit: %s\n", err.text);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		struct vector_request request = {.seed = 1, .base = VECTORS_NONE, .index = VECTORS_NONE};
		uint32_t words[REPLAY_SEQUENCE_MAX];
		uint8_t result[VECTORS_RESULT_MAX];
		struct vector_state in;
		unsigned count = 0;

		for (char *p = strchr(line, ' '); p && count < REPLAY_SEQUENCE_MAX; p = strchr(p + 1, ' '))
			words[count++] = (uint32_t)strtoul(p + 1, NULL, 16);
		if (!count)
			continue;
		request.word = words[0];
		for (vectors_inputs(&request, &in); in.fpcr; vectors_inputs(&request, &in)) /* FPCR as it mostly is */
			request.seed++;
		fprintf(stderr, "name %.*s\n", (int)strcspn(line, " "), line);
		replay_restart(replay);
		replay_run_sequence(replay, &request, words, count, result);
	}
	replay_destroy(replay);
	return 0;
}
