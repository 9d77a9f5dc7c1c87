/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction table: every row is reached by its own words, overlaps are the listed ones, templates are whole. */
#include "check.h"
#include "cpu/decode.h"

static u64 next_random(u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void rows_that_overlap_are_nested_and_marked(void **state)
{
	for (unsigned a = 0; a < A64_ROW_COUNT; a++) {
		u32 mask_a, value_a, mask_b, value_b;

		a64_row_fixed(a, &mask_a, &value_a);
		for (unsigned b = 0; b < a; b++) {
			unsigned inner;

			a64_row_fixed(b, &mask_b, &value_b);
			if ((value_a ^ value_b) & mask_a & mask_b)
				continue;
			inner = __builtin_popcount(mask_a) > __builtin_popcount(mask_b) ? a : b;
			if ((mask_a & mask_b) != (inner == a ? mask_b : mask_a) || mask_a == mask_b ||
			    !(a64_rows[inner].flags & A64_OVER))
				fail_msg("rows %s and %s overlap", a64_rows[a].name, a64_rows[b].name);
		}
	}
}

/* Random words of a row reach it, or a row nested in it, or are reserved; and at least one reaches it. */
static void words_of_a_row_reach_it(void **state)
{
	u64 random = 88172645463325252ull;

	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		u32 mask, value;
		bool reached = false;

		a64_row_fixed(row, &mask, &value);
		for (unsigned k = 0; k < 4000; k++) {
			u32 word = (u32)(next_random(&random) >> 20 & ~mask) | value;
			struct insn insn;

			if (decode(word, &insn)) {
				assert_int_equal(insn.word, word);
				assert_non_null(insn.exec);
				if (insn.row == row)
					reached = true;
				else
					assert_true(a64_rows[insn.row].flags & A64_OVER);
			} else {
				assert_int_equal(insn.row, ROW_NONE);
				assert_ptr_equal(insn.exec, exec_UNDEFINED);
			}
		}
		if (!reached)
			fail_msg("no word reaches row %s", a64_rows[row].name);
	}
}

static void templates_print_without_holes(void **state)
{
	u64 random = 1181783497276652981ull;
	char text[160];

	for (unsigned row = 0; row < A64_ROW_COUNT; row++) {
		u32 mask, value;

		a64_row_fixed(row, &mask, &value);
		for (unsigned k = 0; k < 64; k++) {
			disasm((u32)(next_random(&random) >> 20 & ~mask) | value, 0x1000, text, sizeof(text));
			if (strchr(text, '%') || strchr(text, '<'))
				fail_msg("row %s prints '%s'", a64_rows[row].name, text);
		}
	}
}

static void registers_become_slots(void **state)
{
	struct insn insn;

	assert_true(decode(0x8b1f03ff, &insn)); /* add xzr, xzr, xzr */
	assert_int_equal(insn.d, SLOT_DUMP);
	assert_int_equal(insn.n, SLOT_ZR);
	assert_int_equal(insn.m, SLOT_ZR);
	assert_true(decode(0x910043ff, &insn)); /* add sp, sp, #16 */
	assert_int_equal(insn.d, SLOT_SP);
	assert_int_equal(insn.n, SLOT_SP);
	assert_int_equal(insn.i, 16);
	assert_true(decode(0xf94003ff, &insn)); /* ldr xzr, [sp] */
	assert_int_equal(insn.t, SLOT_DUMP);
	assert_int_equal(insn.n, SLOT_SP);
	assert_true(decode(0xf900001f, &insn)); /* str xzr, [x0] */
	assert_int_equal(insn.t, SLOT_ZR);
}

static void reserved_fields_are_undefined(void **state)
{
	static const u32 words[] = {
		0x52f00000,              /* movz w0, #0x8000, lsl #48 */
		0x12400000,              /* and w0, w0, N = 1 */
		0x92000000 | 0x3f << 10, /* and x0, x0, all ones */
		0x53008000,              /* ubfm w0, w0, #0, #32 */
		0x93c00000 ^ 1 << 22,    /* extr x with N = 0 */
		0x8b207400,              /* add x0, x0, x0, shift of 5 */
		0x0bc00000,              /* add with ror */
		0xf8200800,              /* str x0, [x0, x0] with option 0 */
		0x08217c00,              /* casp of an odd register */
		0xd65f0bff,              /* retaa: no pointer authentication */
		0xd5030000,              /* wfet is not there */
	};
	struct insn insn;

	for (unsigned k = 0; k < ARRAY_SIZE(words); k++)
		if (decode(words[k], &insn))
			fail_msg("0x%08x is row %s", words[k], a64_rows[insn.row].name);
}

static void disassembly_reads_as_expected(void **state)
{
	static const struct {
		u32 word;
		const char *text;
	} cases[] = {
		{0x910043ff, "add sp, sp, #16"},
		{0x52800020, "movz w0, #1"},
		{0xb27f7be0, "orr x0, xzr, #0xfffffffe"},
		{0x54000041, "b.ne 0x1008"},
		{0xa9bf7bfd, "stp x29, x30, [sp, #-16]!"},
		{0xf8627820, "ldr x0, [x1, x2, lsl #3]"},
		{0xb8624820, "ldr w0, [x1, w2, uxtw]"},
		{0x88dffc41, "ldar w1, [x2]"},
		{0xf8e10002, "ldaddal x1, x2, [x0]"},
		{0xd5381002, "mrs x2, s3_0_c1_c0_0"},
		{0x14000001, "b 0x1004"},
		{0x9ac20820, "udiv x0, x1, x2"},
	};
	char text[160];

	for (unsigned k = 0; k < ARRAY_SIZE(cases); k++) {
		disasm(cases[k].word, 0x1000, text, sizeof(text));
		assert_string_equal(text, cases[k].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_overlap_are_nested_and_marked),
		cmocka_unit_test(words_of_a_row_reach_it),
		cmocka_unit_test(templates_print_without_holes),
		cmocka_unit_test(registers_become_slots),
		cmocka_unit_test(reserved_fields_are_undefined),
		cmocka_unit_test(disassembly_reads_as_expected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
