/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD that saturates, of 8, 16 and 32 bits, as codecs of sound and pictures use it. The host saturates as well, but does not say so: a result is
 * compared with what it was made of, and where they differ QC is set.
 */
#include "jit/vector.h"

/* QC, if a bit of x is set. */
static void set_qc(struct block *b, unsigned x)
{
	u8 *none;

	v2(b, P66 | OP_38(0x17), x, x); /* ptest */
	none = x64_jcc_short(&b->x, CC_E);
	x64_alu_mem_imm(&b->x, false, ALU_OR, CPU_MEM(fpsr), FPSR_QC);
	x64_bind_short(&b->x, none);
}
/* Of a form of 8 bytes only its own lanes count. XMM0 has what differs. */
static bool saturated(struct block *b, const struct insn *i, unsigned x)
{
	if (!i->q)
		v_low(b, 0, 0, 8);
	set_qc(b, 0);
	vreg_done_q(b, i, x);
	return true;
}

/* --- sums, of 8 and 16 bits --- */

static bool sum(struct block *b, const struct insn *i, u32 op8, const struct by_size *plain)
{
	unsigned n, m, x;

	if (i->z > 1)
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);
	v3(b, op8 + i->z, x, n, m);
	v3(b, plain->op[i->z], 0, n, m);
	v3(b, PXOR, 0, 0, x);
	return saturated(b, i, x);
}
#define SUM(name, op8, plain)                                                                                          \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return sum(b, i, P66 | OP_0F(op8), &plain);                                                            \
	}
SUM(SQADD, 0xec, host_add)
SUM(UQADD, 0xdc, host_add)
SUM(SQSUB, 0xe8, host_sub)
SUM(UQSUB, 0xd8, host_sub)

/* --- narrowing, by a right shift or none, from 16 and 32 bits --- */

enum kind { SIGNED, UNSIGNED, SIGNED_TO_UNSIGNED };
static bool narrow(struct block *b, const struct insn *i, enum kind kind, unsigned shift, bool round)
{
	static const u32 packs[] = {P66 | OP_0F(0x63), P66 | OP_0F(0x6b)}, packus[] = {P66 | OP_0F(0x67), P66 | OP_38(0x2b)};
	static const u32 extend_signed[] = {P66 | OP_38(0x20), P66 | OP_38(0x23)}, extend[] = {P66 | OP_38(0x30), P66 | OP_38(0x33)};
	unsigned right = kind == UNSIGNED ? 2 : 4, op = 0x71 + i->z, n, x, from;

	if (i->z > 1)
		return false;
	n = from = vreg_read(b, i->n, 16), x = vreg_new(b);
	if (round) { /* half of it, plus the bit that goes out last: no sum overflows */
		if (shift > 1) {
			v_shift(b, op, right, 1, n, shift - 1);
			from = 1;
		}
		v3_c(b, PAND, 0, from, i->z ? C_ONE32 : C_ONE16);
		v_shift(b, op, right, 1, from, 1);
		v3(b, host_add.op[i->z + 1], 1, 1, 0);
		from = 1;
	} else if (shift) {
		v_shift(b, op, right, 1, n, shift);
		from = 1;
	}
	if (kind == UNSIGNED) {
		v_fill(b, 2, i->z + 1u, ones(8u << i->z));
		v3(b, host_umin.op[i->z + 1], 2, 2, from);
		v3(b, packus[i->z], x, 2, 2);
	} else {
		v3(b, kind == SIGNED ? packs[i->z] : packus[i->z], x, from, from);
	}
	v2(b, kind == SIGNED ? extend_signed[i->z] : extend[i->z], 0, x);
	v3(b, PXOR, 0, 0, from);
	set_qc(b, 0);
	if (i->q) {
		v3(b, PUNPCKLQDQ, 0, vreg_read(b, i->d, 8), x);
		v_move(b, x, 0);
		vreg_done(b, i->d, x, 16);
	} else {
		v_low(b, x, x, 8);
		vreg_done(b, i->d, x, 8);
	}
	return true;
}
#define NARROW(name, kind, shift, round)                                                                               \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return narrow(b, i, kind, shift, round);                                                               \
	}
NARROW(SQXTN, SIGNED, 0, false)
NARROW(UQXTN, UNSIGNED, 0, false)
NARROW(SQXTUN, SIGNED_TO_UNSIGNED, 0, false)
NARROW(SQSHRN, SIGNED, i->i, false)
NARROW(UQSHRN, UNSIGNED, i->i, false)
NARROW(SQSHRUN, SIGNED_TO_UNSIGNED, i->i, false)
NARROW(SQRSHRN, SIGNED, i->i, true)
NARROW(UQRSHRN, UNSIGNED, i->i, true)
NARROW(SQRSHRUN, SIGNED_TO_UNSIGNED, i->i, true)

/* --- the upper halves of doubled products: the one that is too large is that of the least number with itself, and comes out as that number --- */

/* XMM d = the upper half of twice a 64-bit product, rounded, in the lower halves of its doublewords. XMM3 has what is added to round. */
static void high_product(struct block *b, unsigned d, unsigned n, unsigned m, bool round)
{
	v3(b, P66 | OP_38(0x28), d, n, m); /* pmuldq */
	if (round)
		v3(b, host_add.op[3], d, d, 3);
	v_shift(b, 0x73, 2, d, d, 31);
}
static bool high(struct block *b, const struct insn *i, unsigned m, bool round)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	if (i->z == 1 && round) {
		v3(b, P66 | OP_38(0x0b), x, n, m); /* pmulhrsw */
	} else if (i->z == 1) {
		v3(b, P66 | OP_0F(0xd5), 0, n, m); /* pmullw: its top bit is the lowest of the doubled half */
		v_shift(b, 0x71, 2, 0, 0, 15);
		v3(b, P66 | OP_0F(0xe5), 1, n, m); /* pmulhw */
		v3(b, host_add.op[1], 1, 1, 1);
		v3(b, POR, x, 1, 0);
	} else {
		if (round)
			v_fill(b, 3, 3, 1ull << 30);
		v_shift(b, 0x73, 2, 0, n, 32);
		v_shift(b, 0x73, 2, 1, m, 32);
		high_product(b, 0, 0, 1, round);
		v_shift(b, 0x73, 6, 0, 0, 32);
		high_product(b, 1, n, m, round);
		v3_imm(b, P66 | OP_3A(0x0e), x, 1, 0, 0xcc); /* pblendw */
	}
	v_fill(b, 0, i->z, 1ull << ((8u << i->z) - 1));
	v3(b, host_eq.op[i->z], 0, 0, x);
	v3(b, PXOR, x, x, 0);
	return saturated(b, i, x);
}
#define HIGH(name, round)                                                                                              \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return high(b, i, vreg_read(b, i->m, 16), round);                                                      \
	}                                                                                                              \
	EMIT(name##_elem)                                                                                              \
	{                                                                                                              \
		return high(b, i, v_element(b, i), round);                                                               \
	}
HIGH(SQDMULH, false)
HIGH(SQRDMULH, true)

#define VEC(name) {ROW_##name##_vec, 0, emit_##name##_vec},
#define BOTH(name) VEC(name) {ROW_##name##_elem, 0, emit_##name##_elem},
const struct emitter_row emit_simd_saturate_rows[] = {
	VEC(SQADD) VEC(UQADD) VEC(SQSUB) VEC(UQSUB)
	VEC(SQXTN) VEC(UQXTN) VEC(SQXTUN) VEC(SQSHRN) VEC(UQSHRN) VEC(SQSHRUN) VEC(SQRSHRN) VEC(UQRSHRN) VEC(SQRSHRUN)
	BOTH(SQDMULH) BOTH(SQRDMULH)
	{ROW_NONE, 0, NULL},
};
