/* SPDX-License-Identifier: BSD-2-Clause */
/* The register engine: lanes, straddles, exact width, masks, resets, arrays, hooks. */
#include "mem/reg.h"

#include "base/conformance.h"
#include "check.h"

struct dev_state {
	unsigned writes, reads, index;
	u64 old, now, written, lanes;
	bool locked;
};

static u64 count_read(struct regs *b, unsigned i, u64 stored)
{
	struct dev_state *d = b->owner;

	d->reads++;
	d->index = i;
	return stored ^ 0xff;
}

static void note_write(struct regs *b, unsigned i, u64 old, u64 now)
{
	struct dev_state *d = b->owner;

	d->writes++;
	d->index = i;
	d->old = old;
	d->now = now;
	d->written = b->written;
	d->lanes = b->lanes;
}

static bool is_locked(struct regs *b, unsigned i)
{
	struct dev_state *d = b->owner;

	return d->locked && i == 1;
}

static const struct reg plain_rows[] = {
	R32(0x00, ID, 0x12345678, 0),
	R16(0x04, CMD, 0, 0x0547),
	R16(0x06, STATUS, 0xf010, 0, .w1c = 0xf900),
	R8(0x08, REV, 1, 0),
	R8(0x09, PROG, 2, 0xff),
	R16(0x0a, CLASS, 0x0502, 0),
	R64(0x10, WIDE, 0x1122334455667788, 0xffffffff00000000),
	R32(0x18, ONCE, 0x5, 0xff00, .rwo = 0xff),
	R32(0x1c, KEEP, 0x1, 0xff, .sticky = STICKY),
	R16(0x22, ODD, 0xabcd, 0xffff),
	R32(0x24, HOOKED, 0x10, 0xffff, .read = count_read, .write = note_write),
};

/* Interleaved arrays, as HDM decoders. */
#define EACH .count = 4, .stride = 0x20, .locked = is_locked
static const struct reg decoder_rows[] = {
	R32(0x00, CAP, 0x33, 0),
	R32(0x10, BASE_LO, 0, 0xf0000000, EACH),
	R32(0x14, BASE_HI, 0, 0xffffffff, EACH),
	R32(0x18, SIZE_LO, 0, 0xf0000000, EACH),
	R32(0x20, CTRL, 0x1000, 0x13ff, EACH, .write = note_write),
};

static const struct reg exact_rows[] = {
	R32(0x00, A, 0x11111111, 0xffffffff),       R32(0x04, B, 0x22222222, 0xffffffff),
	R64(0x08, LINK, 0x3333333344444444, ~0ull), R32(0x10, C, 0x55555555, 0xffffffff),
	R16(0x18, SHORT, 0x7777, 0xffff),
};

static void block(struct regs *b, struct dev_state *d, enum regs_access access, const struct reg *rows, u32 count)
{
	memset(d, 0, sizeof(*d));
	regs_init(b, "block", d, access, 0x100);
	regs_add(b, 0, rows, count);
}
#define BLOCK(b, d, access, rows) block(b, d, access, rows, ARRAY_SIZE(rows))

static void narrow_accesses_touch_their_lanes_only(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	assert_int_equal(regs_read(&b, 0, 4), 0x12345678);
	assert_int_equal(regs_read(&b, 1, 1), 0x56);
	assert_int_equal(regs_read(&b, 2, 2), 0x1234);
	assert_int_equal(regs_read(&b, 1, 2), 0x3456);
	regs_write(&b, 0x14, 1, 0xee);
	assert_int_equal(regs_read(&b, 0x10, 8), 0x112233ee55667788);
	regs_write(&b, 0x16, 2, 0xaabb);
	assert_int_equal(regs_read(&b, 0x10, 8), 0xaabb33ee55667788);
	regs_write(&b, 0x10, 4, 0);
	assert_int_equal(regs_read(&b, 0x10, 8), 0xaabb33ee55667788);
	regs_write(&b, 0x10, 8, 0);
	assert_int_equal(regs_read(&b, 0x10, 8), 0x55667788);
	regs_free(&b);
}

static void wide_accesses_are_split_by_row(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	assert_int_equal(regs_read(&b, 4, 4), 0xf0100000);
	assert_int_equal(regs_read(&b, 0, 8), 0xf010000012345678);
	assert_int_equal(regs_read(&b, 8, 4), 0x05020201);
	assert_int_equal(regs_read(&b, 3, 2), 0x0012);
	regs_write(&b, 4, 4, 0xffffffff);
	assert_int_equal(regs_read(&b, 4, 4), 0x00100547); /* STATUS: 15..12 cleared, bit 4 read-only */
	/* Holes read 0 and ignore writes; a row at offset 2 of its cell is found. */
	assert_int_equal(regs_read(&b, 0x20, 4), 0xabcd0000);
	regs_write(&b, 0x20, 4, 0x1234ffff);
	assert_int_equal(regs_read(&b, 0x20, 4), 0x12340000);
	assert_int_equal(regs_read(&b, 0x21, 2), 0x3400);
	regs_free(&b);
}

static void past_the_end_reads_nothing(void **state)
{
	static const struct reg last[] = {R32(0xfc, LAST, 0xa5a5a5a5, 0xffffffff)};
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, last);
	assert_int_equal(regs_read(&b, 0xfc, 8), 0xa5a5a5a5);
	assert_int_equal(regs_read(&b, 0x100, 4), 0);
	assert_int_equal(regs_read(&b, 0xffffffffull, 4), 0);
	assert_int_equal(regs_read(&b, ~0ull, 8), 0);
	assert_int_equal(regs_read(&b, 1ull << 40, 8), 0);
	regs_write(&b, 0xfe, 8, ~0ull);
	regs_write(&b, 0x100, 8, ~0ull);
	regs_write(&b, ~0ull - 3, 8, ~0ull);
	assert_int_equal(regs_read(&b, 0xfc, 4), 0xffffa5a5);
	regs_free(&b);
	BLOCK(&b, &d, REGS_EXACT, last);
	assert_int_equal(regs_read(&b, 0x100, 4), 0);
	assert_int_equal(regs_read(&b, 0xfc, 8), ~0ull);
	assert_int_equal(regs_read(&b, ~0ull, 2), 0);
	regs_write(&b, 0xfc, 8, 0);
	assert_int_equal(regs_read(&b, 0xfc, 4), 0xa5a5a5a5);
	regs_free(&b);
}

static void hooks_see_lanes_and_values(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	assert_int_equal(regs_read(&b, 0x24, 1), 0xef);
	assert_int_equal(d.reads, 1);
	regs_write(&b, 0x25, 1, 0xab);
	assert_int_equal(d.writes, 1);
	assert_int_equal(d.old, 0x10);
	assert_int_equal(d.now, 0xab10);
	assert_int_equal(d.written, 0xab00);
	assert_int_equal(d.lanes, 0xff00);
	regs_write(&b, 0x22, 4, 0x7777eeee); /* ODD and the low half of HOOKED */
	assert_int_equal(d.writes, 2);
	assert_int_equal(d.now, 0x7777);
	assert_int_equal(d.lanes, 0xffff);
	regs_free(&b);
}

static void once_bits_stay_when_they_are_set(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	regs_write(&b, 0x19, 1, 0x77); /* does not touch the once bits */
	regs_write(&b, 0x18, 1, 0);    /* 0 locks nothing */
	assert_int_equal(regs_read(&b, 0x18, 4), 0x7700);
	regs_write(&b, 0x18, 1, 0xa0);
	assert_int_equal(regs_read(&b, 0x18, 4), 0x77a0);
	regs_write(&b, 0x18, 4, 0x1214);
	assert_int_equal(regs_read(&b, 0x18, 4), 0x12b4);
	regs_reset(&b, RESET_WARM);
	assert_int_equal(regs_read(&b, 0x18, 4), 5);
	regs_write(&b, 0x18, 4, 0xff34);
	assert_int_equal(regs_read(&b, 0x18, 4), 0xff34);
	regs_free(&b);
}

static void sticky_rows_survive_all_but_cold_reset(void **state)
{
	static const enum reset_kind kinds[] = {RESET_WARM, RESET_HOT, RESET_FUNCTION, RESET_CXL};
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		regs_write(&b, 0x1c, 4, 0x5a);
		regs_write(&b, 0x09, 1, 0x99);
		regs_reset(&b, kinds[i]);
		assert_int_equal(regs_read(&b, 0x1c, 4), 0x5a);
		assert_int_equal(regs_read(&b, 0x09, 1), 2);
	}
	regs_reset(&b, RESET_COLD);
	assert_int_equal(regs_read(&b, 0x1c, 4), 1);
	regs_free(&b);
}

static void interleaved_arrays_are_found(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, decoder_rows);
	for (unsigned i = 0; i < 4; i++) {
		regs_write(&b, 0x10 + i * 0x20, 4, 0xf0000000u - (i << 28));
		regs_write(&b, 0x14 + i * 0x20, 4, i + 1);
		regs_write(&b, 0x20 + i * 0x20, 4, 0x3);
		assert_int_equal(d.index, i);
		assert_int_equal(d.now, 0x3);
	}
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(regs_read(&b, 0x10 + i * 0x20, 8), (u64)(i + 1) << 32 | (0xf0000000u - (i << 28)));
		assert_int_equal(regs_read(&b, 0x20 + i * 0x20, 4), 3);
	}
	assert_int_equal(regs_read(&b, 0x90, 8), 0); /* behind the last */
	assert_int_equal(regs_read(&b, 0x24, 4), 0); /* between */
	regs_free(&b);
}

static void locked_elements_ignore_writes(void **state)
{
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, decoder_rows);
	d.locked = true;
	regs_write(&b, 0x14, 4, 7);
	regs_write(&b, 0x34, 4, 7);
	regs_write(&b, 0x40, 4, 7);
	assert_int_equal(regs_read(&b, 0x14, 4), 7);
	assert_int_equal(regs_read(&b, 0x34, 4), 0);
	assert_int_equal(d.writes, 0);
	/* They outlast a CXL Reset, and nothing else. */
	regs_set(&b, 0x34, 4, 9);
	regs_reset(&b, RESET_CXL);
	assert_int_equal(regs_read(&b, 0x14, 4), 0);
	assert_int_equal(regs_read(&b, 0x34, 4), 9);
	regs_reset(&b, RESET_HOT);
	assert_int_equal(regs_read(&b, 0x34, 4), 0);
	regs_free(&b);
}

static void exact_blocks_take_their_width_only(void **state)
{
	struct dev_state d;
	struct regs b;
	u64 errors;

	BLOCK(&b, &d, REGS_EXACT, exact_rows);
	errors = conformance_total();
	assert_int_equal(regs_read(&b, 0, 4), 0x11111111);
	assert_int_equal(regs_read(&b, 8, 8), 0x3333333344444444);
	assert_int_equal(regs_read(&b, 0x18, 2), 0x7777);
	assert_int_equal(conformance_total(), errors);
	assert_int_equal(regs_read(&b, 0, 1), 0xff);
	assert_int_equal(regs_read(&b, 2, 2), 0xffff);
	assert_int_equal(regs_read(&b, 2, 4), 0xffffffff);
	assert_int_equal(regs_read(&b, 8, 4), 0xffffffff);
	assert_int_equal(regs_read(&b, 0xc, 4), 0xffffffff);
	assert_int_equal(regs_read(&b, 0x10, 8), ~0ull);
	assert_int_equal(regs_read(&b, 0x14, 4), 0); /* reserved */
	assert_int_equal(conformance_total(), errors + 7);
	regs_write(&b, 0, 2, 0);
	regs_write(&b, 8, 4, 0);
	regs_write(&b, 0x10, 8, 0);
	regs_write(&b, 2, 4, 0);
	assert_int_equal(regs_read(&b, 0, 4), 0x11111111);
	assert_int_equal(regs_read(&b, 8, 8), 0x3333333344444444);
	assert_int_equal(regs_read(&b, 0x10, 4), 0x55555555);
	regs_free(&b);
}

static void exact_8_over_two_4_is_a_quirk(void **state)
{
	struct dev_state d;
	struct regs b;
	u64 errors;

	BLOCK(&b, &d, REGS_EXACT, exact_rows);
	errors = conformance_total();
	assert_int_equal(regs_read(&b, 0, 8), 0x2222222211111111);
	regs_write(&b, 0, 8, 0xaaaaaaaabbbbbbbb);
	assert_int_equal(regs_read(&b, 0, 4), 0xbbbbbbbb);
	assert_int_equal(regs_read(&b, 4, 4), 0xaaaaaaaa);
	assert_int_equal(conformance_total(), errors + 2);
	regs_free(&b);
}

static void several_tables_share_a_block(void **state)
{
	static const struct reg high[] = {R16(0x02, CTRL, 0, 0xf), R32(0x04, X, 7, 0)};
	struct dev_state d;
	struct regs b;

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	regs_write(&b, 0x09, 1, 0x42);
	regs_add(&b, 0x80, high, ARRAY_SIZE(high));
	regs_add(&b, 0x40, decoder_rows, 1);
	assert_int_equal(regs_read(&b, 0x09, 1), 0x42); /* adding does not reset what is there */
	assert_int_equal(regs_read(&b, 0x84, 4), 7);
	assert_int_equal(regs_read(&b, 0x40, 4), 0x33);
	regs_write(&b, 0x80, 4, 0xffffffff);
	assert_int_equal(regs_read(&b, 0x80, 8), 0x7000f0000);
	regs_set(&b, 0x84, 4, 9);
	assert_int_equal(regs_get(&b, 0x84, 4), 9);
	regs_free(&b);
}

static void walking_ones(void **state)
{
	struct dev_state d;
	struct regs b;
	struct check_walk all = {.with_hooks = false};

	BLOCK(&b, &d, REGS_BYTES, plain_rows);
	assert_int_equal(check_walking_ones(&b, &all), (32 + 16 + 16 + 8 + 8 + 16 + 64 + 32 + 32 + 16) * 2);
	regs_free(&b);
	BLOCK(&b, &d, REGS_EXACT, exact_rows);
	assert_true(check_walking_ones(&b, NULL) > 0);
	regs_free(&b);
	BLOCK(&b, &d, REGS_BYTES, decoder_rows);
	all.with_hooks = true;
	all.checked = 0;
	assert_int_equal(check_walking_ones(&b, &all), 64 + 4 * 4 * 64);
	regs_free(&b);
}

/* Random accesses against the definition, bit by bit, on a block without hooks. */
static void random_accesses_agree_with_the_definition(void **state)
{
	static const struct reg rows[] = {
		R8(0, A, 0x5a, 0x0f, .w1c = 0xf0),
		R8(1, B, 0, 0xff),
		R16(2, C, 0xffff, 0, .w1c = 0xffff),
		R32(4, D, 0x01020304, 0x00ffff00),
		R64(8, E, 0, ~0ull),
		R16(0x12, F, 9, 0xf0f0),
		R32(0x14, G, 0, 0xffffffff, .count = 2, .stride = 8),
		R16(0x18, H, 3, 0xff, .count = 2, .stride = 8),
	};
	u8 model[0x100] = {0}, rw[0x100] = {0}, w1c[0x100] = {0};
	struct dev_state d;
	struct regs b;
	u64 seed = 7;

	BLOCK(&b, &d, REGS_BYTES, rows);
	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		for (unsigned i = 0; i < MAX(rows[r].count, 1); i++) {
			u32 at = rows[r].offset + i * rows[r].stride;

			store_le(model + at, rows[r].size, rows[r].reset);
			store_le(rw + at, rows[r].size, rows[r].rw);
			store_le(w1c + at, rows[r].size, rows[r].w1c);
		}
	}
	for (unsigned n = 0; n < 20000; n++) {
		u64 offset = check_random(&seed) % 0x28, value = check_random(&seed);
		unsigned size = 1u << (check_random(&seed) % 4);

		if (check_random(&seed) & 1) {
			regs_write(&b, offset, size, value);
			for (unsigned k = 0; k < size; k++) {
				u8 byte = (u8)(value >> (k * 8)), *m = &model[offset + k];

				*m = (*m & ~rw[offset + k] & ~(w1c[offset + k] & byte)) | (byte & rw[offset + k]);
			}
		}
		assert_int_equal(regs_read(&b, offset, size), load_le(model + offset, size));
	}
	regs_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(narrow_accesses_touch_their_lanes_only),
		cmocka_unit_test(wide_accesses_are_split_by_row),
		cmocka_unit_test(past_the_end_reads_nothing),
		cmocka_unit_test(hooks_see_lanes_and_values),
		cmocka_unit_test(once_bits_stay_when_they_are_set),
		cmocka_unit_test(sticky_rows_survive_all_but_cold_reset),
		cmocka_unit_test(interleaved_arrays_are_found),
		cmocka_unit_test(locked_elements_ignore_writes),
		cmocka_unit_test(exact_blocks_take_their_width_only),
		cmocka_unit_test(exact_8_over_two_4_is_a_quirk),
		cmocka_unit_test(several_tables_share_a_block),
		cmocka_unit_test(walking_ones),
		cmocka_unit_test(random_accesses_agree_with_the_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
