/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every row of a64.def by translated code: against vectors that another implementation of A64 has made
 * (tests/vectors/a64.bin.gz), and random instructions against the interpreter; for each level of host features.
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
#include <unistd.h>

#include <zlib.h>

#include "base/trace.h"
#include "cpu/decode.h"
#include "jit/jit.h"
#include "tools/insn_vectors/replay.h"

#include <cmocka.h> /* last: its macros hide names of ours */

/* What the host has, and which switches are not as by default: each optimisation that shows in a block is off in one.
 * `part` of the random instructions. */
static const struct {
	const char *name;
	enum jit_limit limit;
	u32 switches;
	unsigned part;
} levels[] = {
	[JIT_SSE42] = {"sse4.2", JIT_SSE42, 0, 1},
	[JIT_AVX2] = {"avx2", JIT_AVX2, 0, 1},
	[JIT_AVX512] = {"avx512", JIT_AVX512, 0, 1},
	[JIT_ALL] = {"all", JIT_ALL, 0, 1},
	{"all, registers lent", JIT_ALL, 1u << JIT_STRESS_REGISTERS, 1},
	{"links=off", JIT_ALL, 1u << JIT_LINKS, 10},
	{"forward=off", JIT_ALL, 1u << JIT_FORWARD, 10},
	{"lazy-flags=off", JIT_ALL, 1u << JIT_LAZY_FLAGS, 10},
	{"loops=off", JIT_ALL, 1u << JIT_LOOPS, 10},
	{"groups=off", JIT_ALL, 1u << JIT_GROUPS, 10},
	{"registers=off", JIT_ALL, 1u << JIT_REGISTERS, 10},
	{"refill=off", JIT_ALL, 1u << JIT_REFILL, 10},
	{"pairs=off", JIT_ALL, 1u << JIT_PAIRS, 10},
	{"vectors=off", JIT_ALL, 1u << JIT_VECTORS, 10},
	{"light=off", JIT_ALL, 1u << JIT_LIGHT, 10},
	{"stress-slow=on", JIT_ALL, 1u << JIT_STRESS_SLOW, 10},
	{"stress-blocks=on", JIT_ALL, 1u << JIT_STRESS_BLOCKS, 10},
	{"stress-cache=on", JIT_ALL, 1u << JIT_STRESS_CACHE, 10},
};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

struct options {
	unsigned long random;
	const char *row;
};

static struct replay *translator(unsigned level)
{
	struct error err = {0};
	const struct cpu_engine *engine = jit_engine_limited(levels[level].limit, &err);
	struct replay *replay = engine ? replay_create_engine(engine, levels[level].switches, &err) : NULL;

	if (!replay)
		printf("%s\n", err.text);
	assert_non_null(replay);
	return replay;
}

/* To standard error: the translator's blocks for what differs, with instructions, IR and host code. */
static void show_blocks(unsigned level, const struct vector_request *request, const uint32_t *words, unsigned count,
			unsigned times)
{
	struct replay *replay = translator(level);
	uint8_t got[VECTORS_RESULT_MAX];
	struct error err = {0};

	fflush(stdout);
	assert_true(trace_enable("op,ir,out", &err));
	replay_run_loop(replay, request, words, count, times, got);
	trace_mask = 0;
	replay_destroy(replay);
}

static void vectors_at(unsigned limit)
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
		if (total++ % levels[limit].part)
			continue;
		size = replay_run(replay, &header.request, got);
		if ((size != sizeof(header) + tail || memcmp(expected, got, size)) && bad++ < 10) {
			replay_explain(&header.request, expected, got);
			show_blocks(limit, &header.request, &header.request.word, 1, 1);
		}
	}
	gzclose(file);
	replay_destroy(replay);
	printf("%s: %u vectors, %u differ\n", levels[limit].name, total, bad);
	assert_true(total > 8000);
	assert_int_equal(bad, 0);
}

static void every_instruction_does_what_the_vectors_say(void **state)
{
	for (unsigned limit = 0; limit < LEVELS; limit++)
		vectors_at(limit);
}

static void random_instructions_do_what_the_interpreter_does(void **state)
{
	const struct options *options = *state;
	struct error err = {0};
	struct replay *interpreter = replay_create(&err);
	unsigned bad = 0, rows = replay_row_count();

	assert_non_null(interpreter);
	for (unsigned limit = 0; limit < LEVELS; limit++) {
		struct replay *replay = translator(limit);
		uint64_t random = 1 + limit;

		for (unsigned long n = 0; n < options->random / levels[limit].part; n++) {
			uint8_t expected[VECTORS_RESULT_MAX], got[VECTORS_RESULT_MAX];
			struct vector_request request;
			unsigned size;

			if (!replay_request((unsigned)(n % rows), &random, &request))
				continue;
			if (options->row && strcmp(options->row, replay_row_name(request.word)))
				continue;
			size = replay_run(interpreter, &request, expected);
			if ((replay_run(replay, &request, got) != size || memcmp(expected, got, size)) && bad++ < 10) {
				printf("%s: ", levels[limit].name);
				replay_explain(&request, expected, got);
				show_blocks(limit, &request, &request.word, 1, 1);
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

/* Blocks of several instructions, half of them SIMD: registers kept in host registers, flags from one to the next. Each
 * third one is run as a loop of three rounds: registers kept from one round to the next. */
static unsigned compare(struct replay *interpreter, struct replay *replay, const struct vector_request *request,
			const uint32_t *words, unsigned count, unsigned times, bool explain)
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
	for (unsigned limit = 0; limit < LEVELS; limit++) {
		struct replay *replay = translator(limit);
		uint64_t random = 77 + limit;

		for (unsigned long n = 0; n < options->random / 10 / levels[limit].part; n++) {
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

				while (least < count &&
				       !compare(interpreter, replay, &first, words, least, times, false))
					least++;
				printf("%s: %u of %u instructions, %u times\n", levels[limit].name, least, count,
				       times);
				disassemble(words, least);
				compare(interpreter, replay, &first, words, least, times, true);
				show_blocks(limit, &first, words, least, times);
			}
		}
		replay_destroy(replay);
	}
	replay_destroy(interpreter);
	printf("%u blocks differ\n", bad);
	assert_int_equal(bad, 0);
}

/* The three instructions of a copy or a set, with the main one several times, as pages may end inside; and system
 * registers of EL0. */
static unsigned copy_words(uint64_t *random, uint32_t *words)
{
	static const uint32_t first[] = {0x1d000400, 0x19000400, 0x19c00400},
			      main_one[] = {0x1d400400, 0x19400400, 0x19c04400},
			      last[] = {0x1d800400, 0x19800400, 0x19c08400};
	uint64_t r = vectors_random(random);
	unsigned kind = (unsigned)(r % 3), d = 1 + (unsigned)(r >> 8) % 3, s = 4 + (unsigned)(r >> 16) % 3,
		 n = 7 + (unsigned)(r >> 24) % 2, count = 0;
	uint32_t registers = s << 16 | n << 5 | d;

	words[count++] = 0x91000000 | (uint32_t)(r >> 32 & 255) << 10 | d; /* add xd, x0, # */
	words[count++] = 0x91000000 | (uint32_t)(r >> 40 & 255) << 10 | s;
	words[count++] = 0xd2800000 | (uint32_t)((r >> 48) % 200) << 5 | n; /* movz xn, # */
	words[count++] = first[kind] | registers;
	for (unsigned k = 0; k < 3; k++)
		words[count++] = main_one[kind] | registers;
	words[count++] = last[kind] | registers;
	return count;
}
static unsigned register_words(uint64_t *random, uint32_t *words)
{
	static const uint32_t some[] = {
		0xd51b4201, 0xba040062,
		0xd53b4205, 0xd53b4401, /* msr nzcv, x1; adcs x2, x3, x4; mrs x5, nzcv; mrs x1, fpcr */
		0xd51bd047, 0xd53bd048,
		0xd53bd063, 0xd50b7420, /* msr tpidr_el0, x7; mrs x8, tpidr_el0; mrs x3, tpidrro_el0; dc zva, x0 */
		0xd5033f9f, 0xeb02003f,
		0x9a9f17e9, 0x1a1f03e2, /* dsb sy; cmp x1, x2; cset x9, eq; adc w2, wzr, wzr */
	};
	unsigned count = 2 + (unsigned)(vectors_random(random) % 8);

	for (unsigned k = 0; k < count; k++) {
		uint64_t r = vectors_random(random);

		words[k] = r & 3 ? some[(r >> 2) % (sizeof(some) / sizeof(some[0]))] :
				   0xd53b4201 + (uint32_t)(r >> 2) % 11; /* mrs xn, nzcv; not x0 */
	}
	return count;
}

/* Accesses off few bases, so that several share a look into the TLB; the middle of the data is a page's end. With what
 * changes the base, what ends such a group, and what has a slow path inside it. */
static unsigned memory_words(uint64_t *random, uint32_t *words)
{
	static const uint32_t scaled[] = {0xf9400000, 0xf9000000, 0xb9400000, 0xb9000000, 0x39400000,
					  0x39000000, 0x79400000, 0x79000000, 0xb9800000, 0x3dc00000,
					  0x3d800000, 0xfd400000, 0xfd000000, 0xbd400000, 0x3d400000},
			      unscaled[] = {0xf8400000, 0xf8000000, 0xf8400400, 0xf8000400, 0xf8400c00,
					    0xf8000c00, 0xb8404400, 0x3cc10400, 0x3c9f0c00},
			      pairs[] = {0xa9400000, 0xa9000000, 0xa9c00000, 0xa9800000, 0xa8c00000, 0xa8800000,
					 0xad400000, 0xad000000, 0x69400000, 0x29400000, 0xa8400000, 0x6c810000},
			      others[] = {0x91004000, 0xd1008000, 0xf8210041, 0xd53bd046, 0x1e632841,
					  0x8b080026, 0xeb02003f, 0xc8dffc07, 0xd50b7420, 0xf8606807,
					  0xaa0003e5, 0xd53b4206, 0x9ac20823, 0x4c407001};
	/* add, sub x0; ldadd; mrs tpidr_el0; fadd; add; cmp; ldar; dc zva; ldr [x0, x0]; mov x5, x0; mrs nzcv; udiv;
	 * ld1 */
	static const uint32_t bases[] = {0, 0, 5, 31};
	unsigned count = 1, want = 5 + (unsigned)(vectors_random(random) % 14);

	words[0] = 0xaa0003e5; /* mov x5, x0 */
	while (count < want) {
		uint64_t r = vectors_random(random);
		uint32_t n = bases[r >> 8 & 3] << 5, t = 6 + (uint32_t)(r >> 16) % 20, u = 1 + (uint32_t)(r >> 24) % 4,
			 w;

		switch (r & 7) {
		case 0:
		case 1:
		case 2: w = scaled[(r >> 32) % (sizeof(scaled) / 4)] | (uint32_t)(r >> 40 & 7) << 10 | n | t; break;
		case 3:
		case 4:
			w = unscaled[(r >> 32) % (sizeof(unscaled) / 4)] | ((uint32_t)(r >> 40 & 3) << 15) | n | t;
			break;
		case 5:
		case 6:
			w = pairs[(r >> 32) % (sizeof(pairs) / 4)] | (uint32_t)(r >> 40 & 3) << 15 | u << 10 | n | t;
			break;
		default: w = others[(r >> 32) % (sizeof(others) / 4)]; break;
		}
		words[count++] = w;
	}
	return count;
}

/* What emitters do several instructions at once of, among few registers, so that these often overlap: steps of SHA-256
 * and rounds of AES, with loads between. */
static unsigned fused_words(uint64_t *random, uint32_t *words)
{
	unsigned count = 0, want = 4 + (unsigned)(vectors_random(random) % 20);

	while (count < want) {
		uint64_t r = vectors_random(random);
		uint32_t d = r & 3, n = r >> 2 & 3, t = r >> 4 & 3, m = r >> 6 & 3;

		if (r >> 26 & 1) /* the next step of a chain */
			d = 0, n = 1, t = 2, m = 3, r |= 3 << 8, r &= ~(15ull << 10);
		words[count++] = 0x4ea01c00 | d << 16 | d << 5 | t; /* mov vt, vd */
		if (r >> 13 & 1) {                                  /* the original is kept, the copy goes on */
			uint32_t original = d;

			d = t;
			t = original;
		}
		if (r >> 8 & 1)
			words[count++] = 0x5e004000 | m << 16 | n << 5 | d; /* sha256h */
		if (r >> 9 & 1)
			words[count++] = 0x5e005000 | m << 16 | t << 5 | n; /* sha256h2 */
		if (r >> 10 & 1)
			words[count++] = (r >> 11 & 1 ? 0x4e284800u : 0x4e285800u) | n << 5 | d; /* aese, aesd */
		if (r >> 12 & 1)
			words[count++] = (r >> 11 & 1 ? 0x4e286800u : 0x4e287800u) | d << 5 | d; /* aesmc, aesimc */
		if (!(r >> 14 & 3)) /* ldur qm, [x0, #]; across a page's end its slow path comes back into the middle */
			words[count++] = 0x3cc00000 | (uint32_t)(r >> 17 & 511) << 12 | m;
	}
	return count;
}

/* Comparisons of few registers, what looks at their flags, and between them what loses the flags, leaves the block or
 * takes a slow path (the middle of the data is a page's end). */
static unsigned flag_words(uint64_t *random, uint32_t *words)
{
	static const uint32_t setters[] = {0xf100043f, 0xeb02003f, 0x6b01005f, 0xf240043f, 0x6a02003f,
					   0x7100083f, 0xeb420c3f, 0xb100043f, 0xab020041, 0xf1000421,
					   0xba020041, 0xfa420024, 0x7a411043, 0xea220041, 0xf100047f},
			      readers[] = {0x9a9f07e3, 0x9a820023, 0x1a030023, 0xfa030023, 0xd53b4204, 0x5a820443},
			      others[] = {0x91000421, 0xca020021, 0xaa0203e1, 0xd2800022,
					  0x9b027c21, 0x8b020022, 0xd37ff841, 0xd503201f},
			      accesses[] = {0xf8400001, 0xf8400002, 0xf8000001, 0xf8606806, 0xa9400801, 0xb8400407,
					    0x3dc00001, 0xf8000c02, 0xf8a10007, 0xc8dffc02, 0x48227c04},
			      branches[] = {0x54000000, 0x54000000, 0xb4000001, 0x35000002,
					    0x36000001, 0xb7000002, 0x14000000};
	/* cmp, tst, cmn, adds, subs, adcs, ccmp, bics, cmp; cset, csel, adc, sbcs, mrs nzcv, csneg; add, eor, mov, mul,
	 * add, lsl, nop; ldur, stur, ldr [x0, x0], ldp, ldr post, ldr q, str pre, ldadd, ldar, casp; b.cond, cbz, cbnz,
	 * tbz, tbnz,
	 * b */
	unsigned count = 1, want = 6 + (unsigned)(vectors_random(random) % 18);

	words[0] = 0xf100043f; /* cmp x1, #1 */
	while (count < want) {
		uint64_t r = vectors_random(random);
		unsigned n = (unsigned)(r >> 8 & 255);
		uint32_t w;

		switch (r & 7) {
		case 0:
		case 1: w = setters[n % (sizeof(setters) / 4)]; break;
		case 2: w = readers[n % (sizeof(readers) / 4)]; break;
		case 3:
		case 4: w = others[n % (sizeof(others) / 4)]; break;
		case 5:
			w = accesses[n % (sizeof(accesses) / 4)];
			if ((w & 0xffa00c00) == 0xf8000000) /* some across the end of the page */
				w |= (uint32_t)(r >> 16 & 31) << 12;
			break;
		default:
			w = branches[n % (sizeof(branches) / 4)];
			w |= w == 0x14000000 ? 2 + (uint32_t)(r >> 16 & 1) : (2 + (uint32_t)(r >> 16 & 3)) << 5;
			if (w >> 24 == 0x54)
				w |= (uint32_t)(r >> 20) % 14;
			break;
		}
		if ((w & 0xff200c00) == 0x9a000400 || (w & 0x7fe00c00) == 0x1a800000) /* conditions of selects */
			w = (w & ~0xf000u) | (uint32_t)(r >> 24) % 14 << 12;
		words[count++] = w;
	}
	for (unsigned n = 0; n < 4; n++) /* where the last branches lead */
		words[count++] = 0xd503201f;
	return count;
}

static void memory_and_registers_do_what_the_interpreter_does(void **state)
{
	const struct options *options = *state;
	struct error err = {0};
	unsigned bad = 0;

	for (unsigned limit = 0; limit < LEVELS; limit++) {
		struct replay *interpreter = replay_create(&err),
			      *replay = translator(limit); /* both start with the same TPIDR_EL0 */
		uint64_t random = 5 + limit;

		assert_non_null(interpreter);

		for (unsigned long n = 0; n < options->random / 5 / levels[limit].part; n++) {
			struct vector_request request = {
				.seed = (uint32_t)n, .base = 0, .index = VECTORS_NONE, .flags = VECTORS_STORE};
			uint32_t words[REPLAY_SEQUENCE_MAX];
			unsigned kind = (unsigned)(n % 6), times = n % 5 || kind < 2 ? 1 : 3;
			unsigned count = kind == 0 ? copy_words(&random, words) :
					 kind == 1 ? register_words(&random, words) :
					 kind == 4 ? fused_words(&random, words) :
					 kind == 5 ? flag_words(&random, words) :
						     memory_words(&random, words);

			if (kind == 3 || (kind == 5 && n & 1)) {
				request.flags |= VECTORS_ALIGN;
				request.align_log2 = 4;
			}
			request.word = words[0];
			if (!compare(interpreter, replay, &request, words, count, times, false) || bad++ >= 3)
				continue;
			printf("%s, %u times:\n", levels[limit].name, times);
			disassemble(words, count);
			compare(interpreter, replay, &request, words, count, times, true);
			show_blocks(limit, &request, words, count, times);
		}
		replay_destroy(replay);
		replay_destroy(interpreter);
	}
	printf("%u sequences differ\n", bad);
	assert_int_equal(bad, 0);
}

/* What a difference is told with. */
static void blocks_are_shown_with_ir_and_host_code(void **state)
{
	static const uint32_t words[] = {0x91000421, 0x4ea28420}; /* add x1, x1, #1; add v0.4s, v1.4s, v2.4s */
	struct vector_request request = {.word = words[0], .seed = 1, .base = VECTORS_NONE, .index = VECTORS_NONE};
	static const char *const parts[] = {"op: block ", "add x1, x1, #1", "ir: block ", "ADD_imm ",
					    "ADD_vec ",   "out: at ",       "out:     "};
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	char text[16384] = {0};

	(void)state;
	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	show_blocks(JIT_AVX2, &request, words, 2, 1);
	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	for (unsigned n = 0; n < sizeof(parts) / sizeof(parts[0]); n++)
		if (!strstr(text, parts[n]))
			fail_msg("no '%s' in:\n%s", parts[n], text);
}

int main(int argc, char **argv)
{
	struct options options = {argc > 1 ? strtoul(argv[1], NULL, 0) : 100000, argc > 2 ? argv[2] : NULL};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_shown_with_ir_and_host_code),
		cmocka_unit_test(every_instruction_does_what_the_vectors_say),
		cmocka_unit_test_prestate(random_instructions_do_what_the_interpreter_does, &options),
		cmocka_unit_test_prestate(random_blocks_do_what_the_interpreter_does, &options),
		cmocka_unit_test_prestate(memory_and_registers_do_what_the_interpreter_does, &options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
