/* SPDX-License-Identifier: BSD-2-Clause */
/* What vectors cannot say of FP and SIMD: traps when it is off, alignment, faults that leave registers as they were. */
#include "bench.h"

#include "cpu/decode.h"

static struct bench *b;
static struct code_page *page;

/* Runs one word; the vCPU's state is the caller's. */
static void run(u32 word)
{
	b->cpu->code = page;
	b->cpu->code_va = RAM_BASE;
	b->cpu->ip = &page->insn[1];
	decode(word, &page->insn[0]);
	page->insn[0].exec(b->cpu, &page->insn[0]);
}

static u64 esr_of(u32 word, u64 cpacr, u8 el)
{
	b->cpu->sys.cpacr = cpacr;
	b->cpu->el = el;
	b->cpu->sys.esr = 0;
	b->cpu->x[0] = RAM_BASE;
	cpu_rederive(b->cpu);
	run(word);
	return b->cpu->sys.esr;
}

static int setup(void **state)
{
	b = bench_make(1, "max", true);
	page = calloc(1, sizeof(*page));
	return !page;
}

static int teardown(void **state)
{
	free(page);
	bench_free(b);
	return 0;
}

/* FADD d0, d1, d2; ADD v0.16b; LDR q0, [x0]; AESE; FMOV x0, d0; LD1; SHA1C: EC 0x07, IL, CV = 1, COND = 0xe. */
static void every_class_traps_when_fp_is_off(void **state)
{
	static const u32 words[] = {0x1e622820, 0x4e228420, 0x3dc00000, 0x4e284820, 0x9e660000, 0x0c407000, 0x5e000020};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(esr_of(words[i], 0, 1), 0x1fe00000);
		assert_int_equal(esr_of(words[i], 1ull << 20, 0), 0x1fe00000); /* FPEN 01: EL0 traps, */
		assert_int_equal(esr_of(words[i], 1ull << 20, 1), 0);          /* EL1 does not */
		assert_int_equal(esr_of(words[i], 3ull << 20, 0), 0);
	}
}

/* A reserved word is UNDEFINED whether or not FP is on: FADD with type 2, SQDMULH with bytes, BFCVT, SM3, SVE. */
static void reserved_is_undefined_before_it_traps(void **state)
{
	static const u32 words[] = {0x1ea22820, 0x4e22b420, 0x1e634020, 0xce63c020, 0x04200000, 0x0ee08420};

	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		assert_int_equal(esr_of(words[i], 0, 1) >> 26, EC_UNKNOWN);
		assert_int_equal(esr_of(words[i], 3ull << 20, 1), 1u << 25);
	}
}

static void stack_pointer_must_be_aligned(void **state)
{
	b->cpu->sys.sctlr |= 1 << 3;
	b->cpu->x[SLOT_SP] = RAM_BASE + 8;
	assert_int_equal(esr_of(0x3dc003e0, 3ull << 20, 1) >> 26, EC_SP_ALIGN); /* LDR q0, [sp] */
	b->cpu->x[SLOT_SP] = RAM_BASE + 8;
	assert_int_equal(esr_of(0x4c4073e0, 3ull << 20, 1) >> 26, EC_SP_ALIGN); /* LD1 {v0.16b}, [sp] */
}

/* A load that faults changes neither its registers nor its base. */
static void a_faulting_load_changes_nothing(void **state)
{
	b->cpu->x[1] = 0x20000800; /* nothing is there */
	b->cpu->v[0] = b->cpu->v[1] = 7;
	assert_int_equal(esr_of(0x4cdf8020, 3ull << 20, 1) >> 26, EC_DATA_SAME); /* LD2 {v0.16b, v1.16b}, [x1], #32 */
	assert_int_equal(esr_of(0xacc10420, 3ull << 20, 1) >> 26, EC_DATA_SAME); /* LDP q0, q1, [x1], #32 */
	assert_int_equal(esr_of(0x3cc10c20, 3ull << 20, 1) >> 26, EC_DATA_SAME); /* LDR q0, [x1, #16]! */
	assert_true(b->cpu->x[1] == 0x20000800 && b->cpu->v[0] == 7 && b->cpu->v[1] == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_class_traps_when_fp_is_off, setup, teardown),
		cmocka_unit_test_setup_teardown(reserved_is_undefined_before_it_traps, setup, teardown),
		cmocka_unit_test_setup_teardown(stack_pointer_must_be_aligned, setup, teardown),
		cmocka_unit_test_setup_teardown(a_faulting_load_changes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
