/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vector floating point, singles and doubles, and its scalar forms that live among SIMD. The rules are those of emit_fp.c: a NaN
 * or the smallest normal in any lane of the result has the instruction done by exec_NAME. Lanes that a form of 8 bytes does not have
 * are zero in the operands (one in divisors), so that they set no flag.
 */
#include "jit/vector.h"

#define PACKED(d, byte) (((d) ? P66 : 0u) | OP_0F(byte))

/* An operand with its active lanes; XMM `scratch` for one of 8 bytes that has more above. */
static unsigned operand(struct block *b, unsigned v, bool q, unsigned scratch)
{
	unsigned x = vreg_read(b, v, q ? 16 : 8);

	if (q || vreg_is_zero_above(b, x, 8))
		return x;
	v_low(b, scratch, x, 8);
	return scratch;
}

/* Out of line if any lane of x is a NaN, or (tiny) the smallest normal. XMM2, XMM3, RAX. */
static void check(struct block *b, bool d, unsigned x, bool tiny)
{
	v3_imm(b, PACKED(d, 0xc2), 3, x, x, 3); /* unordered */
	if (tiny) {
		v3_c(b, PAND, 2, x, d ? C_ABS64 : C_ABS32);
		v3_c(b, host_eq.op[d ? 3 : 2], 2, 2, d ? C_TINY64 : C_TINY32);
		v3(b, POR, 3, 3, 2);
	}
	x64_rr(&b->x, false, P66 | OP_38(0x17), 3, 3); /* ptest */
	slow_path(b, x64_jcc(&b->x, CC_NE));
}

static bool done(struct block *b, const struct insn *i, unsigned x)
{
	vreg_done(b, i->d, x, i->q ? 16 : 8);
	return true;
}

static bool arithmetic(struct block *b, const struct insn *i, unsigned op, bool tiny)
{
	unsigned n = operand(b, i->n, i->q, 0), m = operand(b, i->m, i->q, 1), x;

	if (op == 0x5e && !i->q) {
		v2_c(b, P66 | OP_0F(0x6f), 2, C_FP_ONE32);
		v3(b, PUNPCKLQDQ, 1, m, 2);
		m = 1;
	}
	x = vreg_new(b);
	v3(b, PACKED(i->z, op), x, n, m);
	check(b, i->z, x, tiny);
	if (op == 0x5e && !i->q)
		v_low(b, x, x, 8);
	return done(b, i, x);
}
EMIT(FADD_vec)
{
	return arithmetic(b, i, 0x58, false);
}
EMIT(FSUB_vec)
{
	return arithmetic(b, i, 0x5c, false);
}
EMIT(FMUL_vec)
{
	return arithmetic(b, i, 0x59, true);
}
EMIT(FDIV_vec)
{
	return arithmetic(b, i, 0x5e, true);
}
EMIT(FABD_vec)
{
	unsigned n = operand(b, i->n, i->q, 0), m = operand(b, i->m, i->q, 1), x = vreg_new(b);

	v3(b, PACKED(i->z, 0x5c), x, n, m);
	check(b, i->z, x, false);
	v3_c(b, PAND, x, x, i->z ? C_ABS64 : C_ABS32);
	return done(b, i, x);
}
EMIT(FABD_scalar)
{
	unsigned bytes = i->z ? 8 : 4, n = vreg_read(b, i->n, bytes), m = vreg_read(b, i->m, bytes), x = vreg_new(b);

	v_low(b, x, n, bytes);
	v3(b, (i->z ? PF2 : PF3) | OP_0F(0x5c), x, x, m);
	x64_rr(&b->x, false, PACKED(i->z, 0x2e), x, x);
	slow_path(b, x64_jcc(&b->x, CC_P));
	v3_c(b, PAND, x, x, i->z ? C_ABS64 : C_ABS32);
	vreg_done(b, i->d, x, bytes);
	return true;
}
EMIT(FSQRT_vec)
{
	unsigned n = operand(b, i->n, i->q, 0), x = vreg_new(b);

	v2(b, PACKED(i->z, 0x51), x, n);
	check(b, i->z, x, false);
	return done(b, i, x);
}
static bool sign(struct block *b, const struct insn *i, u32 op, enum constant c)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v3_c(b, op, x, n, c);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(FABS_vec)
{
	return sign(b, i, PAND, i->z ? C_ABS64 : C_ABS32);
}
EMIT(FNEG_vec)
{
	return sign(b, i, PXOR, i->z ? C_SIGN64 : C_SIGN32);
}

/* d +- n * m; 0xb8 adds, 0xbc subtracts the product. `m` may be XMM1. */
static bool fused(struct block *b, const struct insn *i, bool d64, bool q, unsigned m, unsigned op, unsigned bytes)
{
	unsigned n, d, x;

	n = operand(b, i->n, q, 0);
	d = vreg_read(b, i->d, q ? 16 : 8);
	x = vreg_new(b);
	if (q || vreg_is_zero_above(b, d, 8))
		v_move(b, x, d);
	else
		v_low(b, x, d, 8);
	x64_vex_rr(&b->x, d64, 1, 2, op, x, n, m);
	check(b, d64, x, true);
	vreg_done(b, i->d, x, bytes);
	return true;
}
static bool fused_vector(struct block *b, const struct insn *i, unsigned op)
{
	return block_host(b)->fma && fused(b, i, i->z, i->q, operand(b, i->m, i->q, 1), op, i->q ? 16 : 8);
}
EMIT(FMLA_vec)
{
	return fused_vector(b, i, 0xb8);
}
EMIT(FMLS_vec)
{
	return fused_vector(b, i, 0xbc);
}

/* --- by element: o the format, i the index --- */

/* XMM1 = the element in each active lane. */
static unsigned element(struct block *b, const struct insn *i)
{
	v_broadcast(b, 1, vreg_read(b, i->m, 16), i->o == FP64 ? 3 : 2, i->i);
	if (!i->q)
		v_low(b, 1, 1, 8);
	return 1;
}
static bool fused_element(struct block *b, const struct insn *i, unsigned op)
{
	if (i->o == FP16 || !block_host(b)->fma)
		return false;
	return fused(b, i, i->o == FP64, i->q, element(b, i), op, i->q ? 16 : 8);
}
EMIT(FMLA_elem)
{
	return fused_element(b, i, 0xb8);
}
EMIT(FMLS_elem)
{
	return fused_element(b, i, 0xbc);
}
EMIT(FMUL_elem)
{
	bool d = i->o == FP64;
	unsigned n, m, x;

	if (i->o == FP16)
		return false;
	m = element(b, i);
	n = operand(b, i->n, i->q, 0);
	x = vreg_new(b);
	v3(b, PACKED(d, 0x59), x, n, m);
	check(b, d, x, true);
	return done(b, i, x);
}
/* Scalar by element: one lane. */
static bool scalar_element(struct block *b, const struct insn *i, unsigned op)
{
	bool d = i->o == FP64;
	unsigned n, x, bytes = d ? 8 : 4;

	if (i->o == FP16 || (op && !block_host(b)->fma))
		return false;
	v_broadcast(b, 1, vreg_read(b, i->m, 16), d ? 3 : 2, i->i);
	n = vreg_read(b, i->n, bytes);
	if (op) {
		unsigned a = vreg_read(b, i->d, bytes);

		x = vreg_new(b);
		v_low(b, x, a, bytes);
		x64_vex_rr(&b->x, d, 1, 2, op, x, n, 1);
	} else {
		x = vreg_new(b);
		v_low(b, x, n, bytes);
		v3(b, (d ? PF2 : PF3) | OP_0F(0x59), x, x, 1);
	}
	check(b, d, x, true);
	vreg_done(b, i->d, x, bytes);
	return true;
}
EMIT(FMLA_selem)
{
	return scalar_element(b, i, 0xb9);
}
EMIT(FMLS_selem)
{
	return scalar_element(b, i, 0xbd);
}
EMIT(FMUL_selem)
{
	return scalar_element(b, i, 0);
}

/* --- pairwise addition --- */

EMIT(FADDP_vec)
{
	unsigned n = vreg_read(b, i->n, i->q ? 16 : 8), m = vreg_read(b, i->m, i->q ? 16 : 8), x;

	if (!i->q) { /* n0 n1 m0 m1, twice: the sums are of both halves */
		v3(b, PUNPCKLQDQ, 0, n, m);
		n = m = 0;
	}
	x = vreg_new(b);
	v3(b, (i->z ? P66 : PF2) | OP_0F(0x7c), x, n, m); /* haddps, haddpd */
	check(b, i->z, x, false);
	if (!i->q)
		v_low(b, x, x, 8);
	return done(b, i, x);
}
EMIT(FADDP_scalar)
{
	unsigned n = vreg_read(b, i->n, i->z ? 16 : 8), x = vreg_new(b), bytes = i->z ? 8 : 4;

	v2_imm(b, PSHUFD, 0, n, i->z ? 0xee : 0x55);
	v_low(b, x, n, bytes);
	v3(b, (i->z ? PF2 : PF3) | OP_0F(0x58), x, x, 0);
	check(b, i->z, x, false);
	vreg_done(b, i->d, x, bytes);
	return true;
}

/* --- minimum, maximum: as in emit_fp.c --- */

static bool extreme(struct block *b, const struct insn *i, unsigned op, u32 both)
{
	unsigned n = operand(b, i->n, i->q, 0), m = operand(b, i->m, i->q, 1), x = vreg_new(b);

	v3_imm(b, PACKED(i->z, 0xc2), 2, n, m, 3);
	x64_rr(&b->x, false, P66 | OP_38(0x17), 2, 2);
	slow_path(b, x64_jcc(&b->x, CC_NE));
	v3(b, PACKED(i->z, op), 2, m, n);
	v3(b, PACKED(i->z, op), x, n, m);
	v3(b, both, x, x, 2);
	return done(b, i, x);
}
EMIT(FMAX_vec)
{
	return extreme(b, i, 0x5f, PAND);
}
EMIT(FMIN_vec)
{
	return extreme(b, i, 0x5d, POR);
}

/* --- comparison: the host's predicates are the same; 0 equal, 1 less, 2 less or equal (these two signal quiet NaNs) --- */

static bool compare(struct block *b, const struct insn *i, bool scalar, unsigned predicate, bool swap, bool zero, bool absolute)
{
	unsigned bytes = scalar ? i->z ? 8 : 4 : i->q ? 16 : 8, n, m, x;
	enum constant magnitude = i->z ? C_ABS64 : C_ABS32;

	n = vreg_read(b, i->n, bytes);
	if (!vreg_is_zero_above(b, n, bytes)) {
		v_low(b, 0, n, bytes);
		n = 0;
	}
	if (zero) {
		v_zero(b, 1);
		m = 1;
	} else {
		m = vreg_read(b, i->m, bytes);
		if (!vreg_is_zero_above(b, m, bytes)) {
			v_low(b, 1, m, bytes);
			m = 1;
		}
	}
	if (absolute) {
		v3_c(b, PAND, 0, n, magnitude);
		v3_c(b, PAND, 1, m, magnitude);
		n = 0;
		m = 1;
	}
	x = vreg_new(b);
	v3_imm(b, PACKED(i->z, 0xc2), x, swap ? m : n, swap ? n : m, predicate);
	if (bytes < 16)
		v_low(b, x, x, bytes);
	vreg_done(b, i->d, x, bytes);
	return true;
}
#define COMPARE(name, predicate, swap, zero, absolute)                                                                 \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return compare(b, i, false, predicate, swap, zero, absolute);                                          \
	}                                                                                                              \
	EMIT(name##_scalar)                                                                                            \
	{                                                                                                              \
		return compare(b, i, true, predicate, swap, zero, absolute);                                           \
	}
COMPARE(FCMEQ, 0, false, false, false)
COMPARE(FCMGE, 2, true, false, false)
COMPARE(FCMGT, 1, true, false, false)
COMPARE(FACGE, 2, true, false, true)
COMPARE(FACGT, 1, true, false, true)
COMPARE(FCMEQ0, 0, false, true, false)
COMPARE(FCMGE0, 2, true, true, false)
COMPARE(FCMGT0, 1, true, true, false)
COMPARE(FCMLE0, 2, false, true, false)
COMPARE(FCMLT0, 1, false, true, false)

/* --- rounding, conversion --- */

static bool rounded(struct block *b, const struct insn *i, unsigned mode)
{
	unsigned n = operand(b, i->n, i->q, 0), x = vreg_new(b);

	v2_imm(b, P66 | OP_3A(i->z ? 0x09 : 0x08), x, n, mode);
	check(b, i->z, x, false);
	return done(b, i, x);
}
#define ROUND(name, mode)                                                                                              \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return rounded(b, i, mode);                                                                            \
	}
ROUND(FRINTN, 8 | 0)
ROUND(FRINTM, 8 | 1)
ROUND(FRINTP, 8 | 2)
ROUND(FRINTZ, 8 | 3)
ROUND(FRINTX, 4)
ROUND(FRINTI, 8 | 4)

/* By AVX-512, which has unsigned ones and doublewords too. */
static bool from_integer_512(struct block *b, const struct insn *i, u32 op)
{
	unsigned n = operand(b, i->n, i->q, 0), x = vreg_new(b);

	v3_512(b, i->z, op, x, 0, n);
	return done(b, i, x);
}
EMIT(UCVTF_vec)
{
	return block_host(b)->avx512 && from_integer_512(b, i, (i->z ? PF3 : PF2) | OP_0F(0x7a)); /* vcvtuqq2pd, vcvtudq2ps */
}
EMIT(SCVTF_vec)
{
	unsigned n, x;

	if (i->z && block_host(b)->avx512)
		return from_integer_512(b, i, PF3 | OP_0F(0xe6)); /* vcvtqq2pd */
	if (i->z) { /* two doublewords */
		x64_load(&b->x, true, RAX, vreg_mem_at(i->n, 0));
		x64_load(&b->x, true, RCX, vreg_mem_at(i->n, 8));
		x = vreg_new(b);
		v_zero(b, x);
		v_zero(b, 0);
		if (block_host(b)->avx) {
			x64_vex_rr(&b->x, true, 3, 1, 0x2a, x, x, RAX);
			x64_vex_rr(&b->x, true, 3, 1, 0x2a, 0, 0, RCX);
		} else {
			x64_rr(&b->x, true, PF2 | OP_0F(0x2a), x, RAX);
			x64_rr(&b->x, true, PF2 | OP_0F(0x2a), 0, RCX);
		}
		v3(b, PUNPCKLQDQ, x, x, 0);
		return done(b, i, x);
	}
	n = operand(b, i->n, i->q, 0);
	x = vreg_new(b);
	v2(b, OP_0F(0x5b), x, n);
	return done(b, i, x);
}
static bool scalar_from_integer(struct block *b, const struct insn *i, bool is_unsigned)
{
	unsigned x, bytes = i->z ? 8 : 4;

	x64_load(&b->x, i->z, RAX, vreg_mem(i->n));
	if (is_unsigned && block_host(b)->avx512) {
		x = vreg_new(b);
		v_zero(b, x);
		v3_512(b, i->z, (i->z ? PF2 : PF3) | OP_0F(0x7b), x, x, RAX); /* vcvtusi2sd, ss */
		vreg_done(b, i->d, x, bytes);
		return true;
	}
	if (is_unsigned && i->z) {
		x64_test(&b->x, true, RAX, RAX);
		slow_path(b, x64_jcc(&b->x, CC_S));
	}
	x = vreg_new(b);
	v_zero(b, x);
	if (block_host(b)->avx)
		x64_vex_rr(&b->x, i->z || is_unsigned, i->z ? 3 : 2, 1, 0x2a, x, x, RAX);
	else
		x64_rr(&b->x, i->z || is_unsigned, (i->z ? PF2 : PF3) | OP_0F(0x2a), x, RAX);
	vreg_done(b, i->d, x, bytes);
	return true;
}
EMIT(SCVTF_scalar)
{
	return scalar_from_integer(b, i, false);
}
EMIT(UCVTF_scalar)
{
	return scalar_from_integer(b, i, true);
}
/* Singles to words: a lane that does not fit is the smallest integer. */
EMIT(FCVTZS_vec)
{
	unsigned n, x;

	if (i->z)
		return false;
	n = operand(b, i->n, i->q, 0);
	x = vreg_new(b);
	v2(b, PF3 | OP_0F(0x5b), x, n);
	v3_c(b, host_eq.op[2], 2, x, C_SIGN32);
	x64_rr(&b->x, false, P66 | OP_38(0x17), 2, 2);
	slow_path(b, x64_jcc(&b->x, CC_NE));
	return done(b, i, x);
}
EMIT(FCVTL_vec)
{
	unsigned n, x;

	if (!i->z)
		return false;
	n = vreg_read(b, i->n, 16);
	if (i->q) {
		v2_imm(b, PSHUFD, 0, n, 0xee);
		n = 0;
	}
	x = vreg_new(b);
	v2(b, OP_0F(0x5a), x, n);
	check(b, true, x, false);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(FCVTN_vec)
{
	unsigned n, x;

	if (!i->z)
		return false;
	n = vreg_read(b, i->n, 16);
	v2(b, P66 | OP_0F(0x5a), 0, n); /* the upper half becomes zero */
	check(b, false, 0, true);
	if (i->q) {
		unsigned d = vreg_read(b, i->d, 8);

		x = vreg_new(b);
		v3(b, PUNPCKLQDQ, x, d, 0);
	} else {
		x = vreg_new(b);
		v_move(b, x, 0);
	}
	return done(b, i, x);
}

#define ROW(name) {ROW_##name, 0, emit_##name},
#define BOTH(name) {ROW_##name##_vec, EMIT_PURE | EMIT_KEEPS, emit_##name##_vec}, {ROW_##name##_scalar, EMIT_PURE | EMIT_KEEPS, emit_##name##_scalar},
const struct emitter_row emit_fp_vector_rows[] = {
	ROW(FADD_vec) ROW(FSUB_vec) ROW(FMUL_vec) ROW(FDIV_vec) ROW(FABD_vec) ROW(FABD_scalar) ROW(FSQRT_vec)
	{ROW_FABS_vec, EMIT_PURE | EMIT_KEEPS, emit_FABS_vec}, {ROW_FNEG_vec, EMIT_PURE | EMIT_KEEPS, emit_FNEG_vec},
	ROW(FMLA_vec) ROW(FMLS_vec) ROW(FMLA_elem) ROW(FMLS_elem) ROW(FMUL_elem) ROW(FMLA_selem) ROW(FMLS_selem) ROW(FMUL_selem)
	ROW(FADDP_vec) ROW(FADDP_scalar) ROW(FMAX_vec) ROW(FMIN_vec)
	{ROW_FMAXNM_vec, 0, emit_FMAX_vec}, {ROW_FMINNM_vec, 0, emit_FMIN_vec},
	BOTH(FCMEQ) BOTH(FCMGE) BOTH(FCMGT) BOTH(FACGE) BOTH(FACGT)
	BOTH(FCMEQ0) BOTH(FCMGE0) BOTH(FCMGT0) BOTH(FCMLE0) BOTH(FCMLT0)
	ROW(FRINTN_vec) ROW(FRINTM_vec) ROW(FRINTP_vec) ROW(FRINTZ_vec) ROW(FRINTX_vec) ROW(FRINTI_vec)
	ROW(SCVTF_vec) ROW(UCVTF_vec) ROW(SCVTF_scalar) ROW(UCVTF_scalar) ROW(FCVTZS_vec) ROW(FCVTL_vec) ROW(FCVTN_vec)
	{ROW_NONE, 0, NULL},
};
