/* SPDX-License-Identifier: BSD-2-Clause */
/* Advanced SIMD whose lanes change width: long, wide and narrow forms, pairwise long additions, dot products. */
#include "jit/vector.h"

/* XMM d = the lower, or upper, half of n with lanes of 8 << z bits widened. */
static void widen(struct block *b, const struct insn *i, bool sign, unsigned d, unsigned n)
{
	static const u8 op[] = {0x20, 0x23, 0x25};

	if (i->q) {
		v2_imm(b, PSHUFD, d, n, 0xee);
		n = d;
	}
	v2(b, P66 | OP_38((sign ? op[i->z] : op[i->z] + 0x10)), d, n);
}
/* x = lanes of 2 << z bytes of n, cut to their lower half; upper half of x anything. */
static void cut(struct block *b, unsigned z, unsigned x, unsigned n)
{
	if (z == 2)
		v2_imm(b, PSHUFD, x, n, 0x08);
	else
		v3_c(b, PSHUFB, x, n, z ? C_UNZIP16 : C_UNZIP8);
}
/* Vd, or with q its upper half, = the low half of x. */
static bool narrow_done(struct block *b, const struct insn *i, unsigned x)
{
	if (i->q) {
		unsigned d = vreg_read(b, i->d, 8);

		v3(b, PUNPCKLQDQ, 0, d, x);
		v_move(b, x, 0);
		vreg_done(b, i->d, x, 16);
	} else {
		v_low(b, x, x, 8);
		vreg_done(b, i->d, x, 8);
	}
	return true;
}

/* --- shifts --- */

static bool shift_long(struct block *b, const struct insn *i, bool sign, unsigned count)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	widen(b, i, sign, x, n);
	if (count)
		v_shift(b, 0x71 + i->z, 6, x, x, count);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(SSHLL_vec)
{
	return shift_long(b, i, true, i->i);
}
EMIT(USHLL_vec)
{
	return shift_long(b, i, false, i->i);
}
EMIT(SHLL_vec)
{
	return shift_long(b, i, false, 8u << i->z);
}
static bool narrow_shift(struct block *b, const struct insn *i, unsigned count, bool round)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	if (round) {
		v_fill(b, 0, i->z + 1u, 1ull << (count - 1));
		v3(b, host_add.op[i->z + 1], 0, 0, n);
		n = 0;
	}
	if (count) {
		v_shift(b, 0x71 + i->z, 2, x, n, count);
		n = x;
	}
	cut(b, i->z, x, n);
	return narrow_done(b, i, x);
}
EMIT(SHRN_vec)
{
	return narrow_shift(b, i, i->i, false);
}
EMIT(RSHRN_vec)
{
	return narrow_shift(b, i, i->i, true);
}
EMIT(XTN_vec)
{
	return narrow_shift(b, i, 0, false);
}

/* --- additions, subtractions --- */

static bool add_long(struct block *b, const struct insn *i, bool sign, const struct by_size *op, bool wide)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	if (!wide) {
		widen(b, i, sign, 0, n);
		n = 0;
	}
	widen(b, i, sign, 1, m);
	v3(b, op->op[i->z + 1], x, n, 1);
	vreg_done(b, i->d, x, 16);
	return true;
}
#define ADD_LONG(name, sign, op, wide)                                                                                 \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return add_long(b, i, sign, &op, wide);                                                                \
	}
ADD_LONG(SADDL, true, host_add, false)
ADD_LONG(UADDL, false, host_add, false)
ADD_LONG(SADDW, true, host_add, true)
ADD_LONG(UADDW, false, host_add, true)
ADD_LONG(SSUBL, true, host_sub, false)
ADD_LONG(USUBL, false, host_sub, false)
ADD_LONG(SSUBW, true, host_sub, true)
ADD_LONG(USUBW, false, host_sub, true)
static bool difference_long(struct block *b, const struct insn *i, bool sign, bool accumulate)
{
	unsigned n, m, d, x;

	if (i->z > 1) /* no absolute value of 64 bits */
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), d = accumulate ? vreg_read(b, i->d, 16) : 0, x = vreg_new(b);
	widen(b, i, sign, 0, n);
	widen(b, i, sign, 1, m);
	v3(b, host_sub.op[i->z + 1], 0, 0, 1);
	v2(b, P66 | OP_38(0x1d + i->z), x, 0); /* pabsw, pabsd */
	if (accumulate)
		v3(b, host_add.op[i->z + 1], x, x, d);
	vreg_done(b, i->d, x, 16);
	return true;
}
#define DIFFERENCE_LONG(name, sign, accumulate)                                                                        \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return difference_long(b, i, sign, accumulate);                                                        \
	}
DIFFERENCE_LONG(SABDL, true, false)
DIFFERENCE_LONG(UABDL, false, false)
DIFFERENCE_LONG(SABAL, true, true)
DIFFERENCE_LONG(UABAL, false, true)
static bool add_narrow(struct block *b, const struct insn *i, const struct by_size *op, bool round)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b), half = 8u << i->z;

	v3(b, op->op[i->z + 1], x, n, m);
	if (round) {
		v_fill(b, 0, i->z + 1u, 1ull << (half - 1));
		v3(b, host_add.op[i->z + 1], x, x, 0);
	}
	v_shift(b, 0x71 + i->z, 2, x, x, half);
	cut(b, i->z, x, x);
	return narrow_done(b, i, x);
}
EMIT(ADDHN_vec)
{
	return add_narrow(b, i, &host_add, false);
}
EMIT(RADDHN_vec)
{
	return add_narrow(b, i, &host_add, true);
}
EMIT(SUBHN_vec)
{
	return add_narrow(b, i, &host_sub, false);
}
EMIT(RSUBHN_vec)
{
	return add_narrow(b, i, &host_sub, true);
}

/* --- multiplications --- */

/* `m` is read already: a copy, or XMM2. */
static bool multiply_long(struct block *b, const struct insn *i, bool sign, const struct by_size *op, unsigned m)
{
	static const u32 low[] = {P66 | OP_0F(0xd5), P66 | OP_38(0x40)};
	unsigned n = vreg_read(b, i->n, 16), x;

	widen(b, i, sign, 0, n);
	widen(b, i, sign, 1, m);
	if (i->z == 2)
		v3(b, sign ? P66 | OP_38(0x28) : P66 | OP_0F(0xf4), 0, 0, 1); /* pmuldq, pmuludq */
	else
		v3(b, low[i->z], 0, 0, 1);
	if (op) {
		unsigned d = vreg_read(b, i->d, 16);

		x = vreg_new(b);
		v3(b, op->op[i->z + 1], x, d, 0);
	} else {
		x = vreg_new(b);
		v_move(b, x, 0);
	}
	vreg_done(b, i->d, x, 16);
	return true;
}
#define MULTIPLY_LONG(name, sign, op)                                                                                  \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return multiply_long(b, i, sign, op, vreg_read(b, i->m, 16));                                          \
	}                                                                                                              \
	EMIT(name##_elem)                                                                                              \
	{                                                                                                              \
		return multiply_long(b, i, sign, op, v_element(b, i));                                                   \
	}
MULTIPLY_LONG(SMULL, true, NULL)
MULTIPLY_LONG(UMULL, false, NULL)
MULTIPLY_LONG(SMLAL, true, &host_add)
MULTIPLY_LONG(UMLAL, false, &host_add)
MULTIPLY_LONG(SMLSL, true, &host_sub)
MULTIPLY_LONG(UMLSL, false, &host_sub)

/* --- pairs --- */

static bool pairs(struct block *b, const struct insn *i, bool sign, bool accumulate)
{
	unsigned n, x;

	if (sign && i->z == 2)
		return false;
	n = vreg_read(b, i->n, 16);
	if (sign && i->z == 0) {
		v2_c(b, P66 | OP_0F(0x6f), 0, C_ONE8);
		v3(b, P66 | OP_38(0x04), 0, 0, n); /* pmaddubsw: unsigned ones by signed bytes */
	} else if (sign) {
		v3_c(b, P66 | OP_0F(0xf5), 0, n, C_ONE16); /* pmaddwd */
	} else {
		v3_c(b, PAND, 0, n, C_EVEN8 + i->z);
		v_shift(b, 0x71 + i->z, 2, 1, n, 8u << i->z);
		v3(b, host_add.op[i->z + 1], 0, 0, 1);
	}
	if (accumulate)
		v3(b, host_add.op[i->z + 1], 0, 0, vreg_read(b, i->d, 16));
	x = vreg_new(b);
	v_move(b, x, 0);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(SADDLP_vec)
{
	return pairs(b, i, true, false);
}
EMIT(UADDLP_vec)
{
	return pairs(b, i, false, false);
}
EMIT(SADALP_vec)
{
	return pairs(b, i, true, true);
}
EMIT(UADALP_vec)
{
	return pairs(b, i, false, true);
}

/* --- dot products: bytes widened, pairs of products added, pairs of those --- */

static bool dot(struct block *b, const struct insn *i, bool sign, unsigned m)
{
	u32 op = P66 | OP_38((sign ? 0x20u : 0x30u));
	unsigned n = vreg_read(b, i->n, 16), d = vreg_read(b, i->d, 16), x = vreg_new(b);

	v2(b, op, 0, n);
	v2(b, op, 1, m);
	v3(b, P66 | OP_0F(0xf5), x, 0, 1);
	v2_imm(b, PSHUFD, 0, n, 0xee);
	v2(b, op, 0, 0);
	v2_imm(b, PSHUFD, 1, m, 0xee);
	v2(b, op, 1, 1);
	v3(b, P66 | OP_0F(0xf5), 0, 0, 1);
	v3(b, P66 | OP_38(0x02), x, x, 0); /* phaddd */
	v3(b, host_add.op[2], x, x, d);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(SDOT_vec)
{
	return dot(b, i, true, vreg_read(b, i->m, 16));
}
EMIT(UDOT_vec)
{
	return dot(b, i, false, vreg_read(b, i->m, 16));
}
EMIT(SDOT_elem)
{
	return dot(b, i, true, v_element(b, i));
}
EMIT(UDOT_elem)
{
	return dot(b, i, false, v_element(b, i));
}

#define ROW(name) {ROW_##name, EMIT_PURE | EMIT_KEEPS, emit_##name},
#define VEC(name) ROW(name##_vec)
#define BOTH(name) ROW(name##_vec) ROW(name##_elem)
#define MAYBE(name) {ROW_##name##_vec, EMIT_KEEPS, emit_##name##_vec},
const struct emitter_row emit_simd_long_rows[] = {
	VEC(SSHLL) VEC(USHLL) VEC(SHLL) VEC(SHRN) VEC(RSHRN) VEC(XTN)
	VEC(SADDL) VEC(UADDL) VEC(SADDW) VEC(UADDW) VEC(SSUBL) VEC(USUBL) VEC(SSUBW) VEC(USUBW)
	MAYBE(SABDL) MAYBE(UABDL) MAYBE(SABAL) MAYBE(UABAL)
	VEC(ADDHN) VEC(RADDHN) VEC(SUBHN) VEC(RSUBHN)
	BOTH(SMULL) BOTH(UMULL) BOTH(SMLAL) BOTH(UMLAL) BOTH(SMLSL) BOTH(UMLSL)
	{ROW_SADDLP_vec, EMIT_KEEPS, emit_SADDLP_vec}, VEC(UADDLP) {ROW_SADALP_vec, EMIT_KEEPS, emit_SADALP_vec}, VEC(UADALP)
	BOTH(SDOT) BOTH(UDOT)
	{ROW_NONE, 0, NULL},
};
