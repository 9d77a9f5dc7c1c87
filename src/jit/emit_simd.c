/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD, lane by lane: logic, addition, comparison, minimum and maximum, multiplication, counts, shifts by an immediate.
 * A form of 8 bytes (q = 0) computes 16 and clears the upper half.
 */
#include "jit/vector.h"

/* --- logic --- */

static bool three(struct block *b, const struct insn *i, u32 op, unsigned first, unsigned second)
{
	unsigned n = vreg_read(b, first, 16), m = vreg_read(b, second, 16), x = vreg_new(b);

	v3(b, op, x, n, m);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(AND_vec)
{
	return three(b, i, PAND, i->n, i->m);
}
EMIT(BIC_vec)
{
	return three(b, i, PANDN, i->m, i->n);
}
EMIT(ORR_vec)
{
	unsigned n, x;

	if (i->n != i->m)
		return three(b, i, POR, i->n, i->m);
	if (i->q && emit_sha256_both(b, i))
		return true;
	n = vreg_read(b, i->n, i->q ? 16 : 8);
	x = vreg_new(b);
	if (i->q)
		v_move(b, x, n);
	else
		v_low(b, x, n, 8);
	vreg_done(b, i->d, x, i->q ? 16 : 8);
	return true;
}
EMIT(EOR_vec)
{
	return three(b, i, PXOR, i->n, i->m);
}
EMIT(ORN_vec)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	if (block_host(b)->avx512) {
		v_ternary(b, 0xdd, x, n, m);
	} else {
		v3_c(b, PXOR, x, m, C_ONES);
		v3(b, POR, x, x, n);
	}
	vreg_done_q(b, i, x);
	return true;
}
/* ((a ^ b) & c) ^ b, or with ~c */
static bool choose(struct block *b, const struct insn *i, unsigned first, unsigned second, unsigned mask, bool inverse)
{
	unsigned p = vreg_read(b, first, 16), s = vreg_read(b, second, 16), c = vreg_read(b, mask, 16), x = vreg_new(b);

	if (block_host(b)->avx512) {
		v_move(b, x, c);
		v_ternary(b, inverse ? 0xac : 0xca, x, p, s);
		vreg_done_q(b, i, x);
		return true;
	}
	v3(b, PXOR, x, p, s);
	if (inverse) {
		v3(b, PANDN, 0, c, x);
		v3(b, PXOR, x, 0, s);
	} else {
		v3(b, PAND, x, x, c);
		v3(b, PXOR, x, x, s);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(BSL_vec)
{
	return choose(b, i, i->n, i->m, i->d, false);
}
EMIT(BIT_vec)
{
	return choose(b, i, i->n, i->d, i->m, false);
}
EMIT(BIF_vec)
{
	return choose(b, i, i->n, i->d, i->m, true);
}
EMIT(NOT_vec)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v3_c(b, PXOR, x, n, C_ONES);
	vreg_done_q(b, i, x);
	return true;
}

/* --- add, subtract, minimum, maximum: one host operation for each size, or none --- */

static bool sized(struct block *b, const struct insn *i, const struct by_size *op)
{
	return op->op[i->z] && three(b, i, op->op[i->z], i->n, i->m);
}
#define SIZED(name, op)                                                                                                \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return sized(b, i, &op);                                                                               \
	}
SIZED(ADD, host_add)
SIZED(SUB, host_sub)
SIZED(SMAX, host_smax)
SIZED(SMIN, host_smin)
SIZED(UMAX, host_umax)
SIZED(UMIN, host_umin)
static const struct by_size host_average = {{P66 | OP_0F(0xe0), P66 | OP_0F(0xe3), 0, 0}};
/* Halved sums. Of unsigned bytes and halfwords by the host's average, which rounds up; signed bytes are unsigned ones a sign apart. Of the
 * rest: what both have and half of what one has, or what either has less that half. */
static bool halved(struct block *b, const struct insn *i, bool sign, bool up)
{
	unsigned n, m, x;
	bool bias = sign && i->z == 0;

	if (i->z == 3)
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16);
	if (bias) {
		v3_c(b, PXOR, 0, n, C_SIGN8);
		v3_c(b, PXOR, 1, m, C_SIGN8);
		n = 0;
		m = 1;
	}
	x = vreg_new(b);
	if (i->z == 0 || (i->z == 1 && !sign)) {
		v3(b, host_average.op[i->z], x, n, m);
		if (!up) {
			v3(b, PXOR, 2, n, m);
			v3_c(b, PAND, 2, 2, i->z ? C_ONE16 : C_ONE8);
			v3(b, host_sub.op[i->z], x, x, 2);
		}
	} else {
		v3(b, PXOR, 2, n, m);
		v_shift(b, i->z == 1 ? 0x71 : 0x72, sign ? 4 : 2, 2, 2, 1);
		v3(b, up ? POR : PAND, x, n, m);
		v3(b, up ? host_sub.op[i->z] : host_add.op[i->z], x, x, 2);
	}
	if (bias)
		v3_c(b, PXOR, x, x, C_SIGN8);
	vreg_done_q(b, i, x);
	return true;
}
#define HALVED(name, sign, up)                                                                                         \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return halved(b, i, sign, up);                                                                         \
	}
HALVED(SHADD, true, false)
HALVED(UHADD, false, false)
HALVED(SRHADD, true, true)
HALVED(URHADD, false, true)

/* Arithmetic, of doublewords, with AVX-512. */
static void v_right_quad(struct block *b, unsigned d, unsigned n, unsigned count)
{
	v3_512(b, true, P66 | OP_0F(0x72), 4, d, n); /* vpsraq: /4 */
	x64_u8(&b->x, count);
}
/* Shifts by the signed low byte of each lane of m: of words (and unsigned ones of doublewords) with AVX2, of all but bytes with AVX-512. Counts that
 * are too large give zero, or all signs: so of the two directions the one that is not meant does nothing, but for the signed one to the right. */
static bool shift_by(struct block *b, const struct insn *i, bool sign)
{
	static const u8 left[] = {0, 0x12, 0x47, 0x47}, logical[] = {0, 0x10, 0x45, 0x45}, arithmetic[] = {0, 0x11, 0x46, 0x46};
	unsigned n, m, x;
	bool d = i->z == 3, evex = block_host(b)->avx512;

	if (!i->z || (!evex && (!block_host(b)->avx2 || i->z < 2 || (sign && d))))
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16);
	x = vreg_new(b);
	if (d && evex) {
		v_shift(b, 0x73, 6, 1, m, 56);
		v_right_quad(b, 1, 1, 56);
	} else if (d) { /* the byte's sign in the upper half too */
		v_shift(b, 0x73, 6, 1, m, 56);
		v2_imm(b, PSHUFD, 1, 1, 0xf5);
		v_shift(b, 0x72, 4, 2, 1, 24);
		v_shift(b, 0x72, 4, 1, 1, 31);
		x64_vex_rr(&b->x, false, 1, 3, 0x0e, 1, 1, 2); /* vpblendw: low halves */
		x64_u8(&b->x, 0x33);
	} else {
		v_shift(b, 0x70 + i->z, 6, 1, m, (8u << i->z) - 8);
		v_shift(b, 0x70 + i->z, 4, 1, 1, (8u << i->z) - 8);
	}
	v_zero(b, 2);
	v3(b, host_sub.op[i->z], 2, 2, 1);
	if (evex) {
		v3_512(b, i->z != 2, P66 | OP_38(left[i->z]), x, n, 1);
		v3_512(b, i->z != 2, P66 | OP_38((sign ? arithmetic : logical)[i->z]), 2, n, 2);
	} else {
		x64_vex_rr(&b->x, d, 1, 2, left[i->z], x, n, 1);
		x64_vex_rr(&b->x, d, 1, 2, (sign ? arithmetic : logical)[i->z], 2, n, 2);
	}
	if (sign) {
		x64_vex_rr(&b->x, false, 1, 3, 0x4c, x, x, 2); /* vpblendvb, by the signs of XMM1's bytes: each has its lane's */
		x64_u8(&b->x, 1 << 4);
	} else {
		v3(b, POR, x, x, 2);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(SSHL_vec)
{
	return shift_by(b, i, true);
}
EMIT(USHL_vec)
{
	return shift_by(b, i, false);
}
/* Scalars of 8 bytes: q is 0. */
EMIT(ADD_scalar)
{
	return sized(b, i, &host_add);
}
EMIT(SUB_scalar)
{
	return sized(b, i, &host_sub);
}

/* --- absolute value, difference, negation --- */

/* x = |n - m| by larger minus smaller. */
static bool difference(struct block *b, const struct insn *i, const struct by_size *max, const struct by_size *min, bool accumulate)
{
	unsigned n, m, x;

	if (!max->op[i->z])
		return false;
	n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16);
	v3(b, max->op[i->z], 0, n, m);
	v3(b, min->op[i->z], 1, n, m);
	if (accumulate) {
		unsigned d = vreg_read(b, i->d, 16);

		v3(b, host_sub.op[i->z], 0, 0, 1);
		x = vreg_new(b);
		v3(b, host_add.op[i->z], x, d, 0);
	} else {
		x = vreg_new(b);
		v3(b, host_sub.op[i->z], x, 0, 1);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(SABD_vec)
{
	return difference(b, i, &host_smax, &host_smin, false);
}
EMIT(UABD_vec)
{
	return difference(b, i, &host_umax, &host_umin, false);
}
EMIT(SABA_vec)
{
	return difference(b, i, &host_smax, &host_smin, true);
}
EMIT(UABA_vec)
{
	return difference(b, i, &host_umax, &host_umin, true);
}
EMIT(ABS_vec)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	if (i->z < 3) {
		v2(b, P66 | OP_38(0x1c + i->z), x, n);
	} else {
		v_zero(b, 0);
		v3(b, host_gt.op[3], 0, 0, n);
		v3(b, PXOR, x, n, 0);
		v3(b, host_sub.op[3], x, x, 0);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(NEG_vec)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v_zero(b, 0);
	v3(b, host_sub.op[i->z], x, 0, n);
	vreg_done_q(b, i, x);
	return true;
}

/* --- comparison --- */

/* x = all ones in the lanes that k1 names, with AVX-512. */
static void v_of_mask(struct block *b, unsigned z, unsigned x)
{
	v3_512(b, z & 1, PF3 | OP_38(z < 2 ? 0x28 : 0x38), x, 0, 1); /* vpmovm2 */
}
/* x = n > m, unsigned, by "n is not the smaller": false where max(n, m) = m. */
static bool higher(struct block *b, const struct insn *i, unsigned first, unsigned second, bool or_same)
{
	unsigned n = vreg_read(b, first, 16), m = vreg_read(b, second, 16), x = vreg_new(b);

	if (i->z == 3 && block_host(b)->avx512) {
		v3_512(b, true, P66 | OP_3A(0x1e), 1, n, m); /* vpcmpuq k1: not less, or not less nor equal */
		x64_u8(&b->x, or_same ? 5 : 6);
		v_of_mask(b, i->z, x);
	} else if (i->z == 3) {
		v3_c(b, PXOR, 0, n, C_SIGN64);
		v3_c(b, PXOR, 1, m, C_SIGN64);
		if (or_same) {
			v3(b, host_gt.op[3], 1, 1, 0);
			v3_c(b, PXOR, x, 1, C_ONES);
		} else {
			v3(b, host_gt.op[3], x, 0, 1);
		}
	} else if (or_same) {
		v3(b, host_umax.op[i->z], 0, n, m);
		v3(b, host_eq.op[i->z], x, 0, n);
	} else {
		v3(b, host_umax.op[i->z], 0, n, m);
		v3(b, host_eq.op[i->z], 0, 0, m);
		v3_c(b, PXOR, x, 0, C_ONES);
	}
	vreg_done_q(b, i, x);
	return true;
}
static bool not_greater(struct block *b, const struct insn *i, unsigned first, unsigned second)
{
	unsigned n = vreg_read(b, first, 16), m = vreg_read(b, second, 16), x = vreg_new(b);

	v3(b, host_gt.op[i->z], x, n, m);
	v3_c(b, PXOR, x, x, C_ONES);
	vreg_done_q(b, i, x);
	return true;
}
static bool test_bits(struct block *b, const struct insn *i)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	if (block_host(b)->avx512) {
		v3_512(b, i->z & 1, P66 | OP_38(i->z < 2 ? 0x26 : 0x27), 1, n, m); /* vptestm k1 */
		v_of_mask(b, i->z, x);
	} else {
		v3(b, PAND, 0, n, m);
		v_zero(b, 1);
		v3(b, host_eq.op[i->z], 0, 0, 1);
		v3_c(b, PXOR, x, 0, C_ONES);
	}
	vreg_done_q(b, i, x);
	return true;
}
#define COMPARE(name, call)                                                                                            \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return call;                                                                                           \
	}                                                                                                              \
	EMIT(name##_scalar)                                                                                            \
	{                                                                                                              \
		return call;                                                                                           \
	}
COMPARE(CMEQ, sized(b, i, &host_eq))
COMPARE(CMGT, sized(b, i, &host_gt))
COMPARE(CMGE, not_greater(b, i, i->m, i->n))
COMPARE(CMHI, higher(b, i, i->n, i->m, false))
COMPARE(CMHS, higher(b, i, i->n, i->m, true))
COMPARE(CMTST, test_bits(b, i))
static bool with_zero(struct block *b, const struct insn *i, const struct by_size *op, bool zero_first, bool invert)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v_zero(b, 0);
	v3(b, op->op[i->z], x, zero_first ? 0 : n, zero_first ? n : 0);
	if (invert)
		v3_c(b, PXOR, x, x, C_ONES);
	vreg_done_q(b, i, x);
	return true;
}
COMPARE(CMEQ0, with_zero(b, i, &host_eq, false, false))
COMPARE(CMGT0, with_zero(b, i, &host_gt, false, false))
COMPARE(CMLE0, with_zero(b, i, &host_gt, false, true))
COMPARE(CMLT0, with_zero(b, i, &host_gt, true, false))
COMPARE(CMGE0, with_zero(b, i, &host_gt, true, true))

/* --- multiply --- */

/* XMM0 = n * m, lane by lane; XMM1 is lost. */
static void multiply(struct block *b, unsigned z, unsigned n, unsigned m)
{
	switch (z) {
	case 0: /* even and odd bytes apart */
		v_shift(b, 0x71, 2, 0, n, 8);
		v_shift(b, 0x71, 2, 1, m, 8);
		v3(b, P66 | OP_0F(0xd5), 1, 1, 0);
		v_shift(b, 0x71, 6, 1, 1, 8);
		v3(b, P66 | OP_0F(0xd5), 0, n, m);
		v3_c(b, PAND, 0, 0, C_EVEN8);
		v3(b, POR, 0, 0, 1);
		break;
	case 1: v3(b, P66 | OP_0F(0xd5), 0, n, m); break;
	default: v3(b, P66 | OP_38(0x40), 0, n, m); break;
	}
}
static bool multiply_add(struct block *b, const struct insn *i, unsigned m, const struct by_size *op)
{
	unsigned n = vreg_read(b, i->n, 16), x;

	multiply(b, i->z, n, m);
	if (op) {
		unsigned d = vreg_read(b, i->d, 16);

		x = vreg_new(b);
		v3(b, op->op[i->z], x, d, 0);
	} else {
		x = vreg_new(b);
		v_move(b, x, 0);
	}
	vreg_done_q(b, i, x);
	return true;
}
/* XMM2 = lane i of m in every lane */
#define MULTIPLY(name, op)                                                                                             \
	EMIT(name##_vec)                                                                                               \
	{                                                                                                              \
		return multiply_add(b, i, vreg_read(b, i->m, 16), op);                                                 \
	}                                                                                                              \
	EMIT(name##_elem)                                                                                              \
	{                                                                                                              \
		return multiply_add(b, i, v_element(b, i), op);                                                          \
	}
MULTIPLY(MUL, NULL)
MULTIPLY(MLA, &host_add)
MULTIPLY(MLS, &host_sub)

/* --- bits --- */

/* x = low[n & 15] op high[n >> 4] */
static bool nibbles(struct block *b, const struct insn *i, enum constant low, enum constant high, u32 op)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v3_c(b, PAND, 0, n, C_NIBBLE);
	v_shift(b, 0x71, 2, 1, n, 4);
	v3_c(b, PAND, 1, 1, C_NIBBLE);
	v2_c(b, P66 | OP_0F(0x6f), 2, low);
	v3(b, PSHUFB, 2, 2, 0);
	v2_c(b, P66 | OP_0F(0x6f), x, high);
	v3(b, PSHUFB, x, x, 1);
	v3(b, op, x, x, 2);
	vreg_done_q(b, i, x);
	return true;
}
/* The bytes of n through a matrix over GF(2): bit k of a result is bit from[k] of its byte, or 0 if that is none. XMM1 and RAX are lost. */
static void byte_bits(struct block *b, unsigned x, unsigned n, const s8 from[8])
{
	u64 matrix = 0;

	for (unsigned k = 0; k < 8; k++)
		if (from[k] >= 0 && from[k] < 8)
			matrix |= 1ull << from[k] << 8 * (7 - k);
	v_fill(b, 1, 3, matrix);
	x64_vex_rr(&b->x, true, 1, 3, 0xce, x, n, 1); /* vgf2p8affineqb */
	x64_u8(&b->x, 0);
}
EMIT(CNT_vec)
{
	if (block_host(b)->bitalg) {
		unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

		v3_512(b, false, P66 | OP_38(0x54), x, 0, n); /* vpopcntb */
		vreg_done_q(b, i, x);
		return true;
	}
	return nibbles(b, i, C_POPCOUNT, C_POPCOUNT, host_add.op[0]);
}
EMIT(RBIT_vec)
{
	if (block_host(b)->gfni && block_host(b)->avx) {
		unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

		byte_bits(b, x, n, (const s8[]){7, 6, 5, 4, 3, 2, 1, 0});
		vreg_done_q(b, i, x);
		return true;
	}
	return nibbles(b, i, C_RBIT_HIGH, C_RBIT_LOW, POR);
}

/* Of words, with AVX-512. */
EMIT(CLZ_vec)
{
	unsigned n, x;

	if (i->z != 2 || !block_host(b)->avx512)
		return false;
	n = vreg_read(b, i->n, 16), x = vreg_new(b);
	v3_512(b, false, P66 | OP_38(0x44), x, 0, n); /* vplzcntd */
	vreg_done_q(b, i, x);
	return true;
}

/* --- shifts by an immediate: i the amount, up to the lane's width for right shifts --- */

enum shift { LEFT_, RIGHT_, ARITHMETIC };

/* d = n shifted; XMM1 and RAX may be lost. d is not n, not XMM1. */
static void shifted(struct block *b, enum shift how, unsigned z, unsigned d, unsigned n, unsigned count)
{
	static const u8 ext[] = {6, 2, 4};
	unsigned w = 8u << z;

	if (how == ARITHMETIC && z == 3 && block_host(b)->avx512) {
		v_right_quad(b, d, n, count);
		return;
	}
	if (z == 0 && block_host(b)->gfni && block_host(b)->avx) {
		s8 from[8];

		for (int k = 0; k < 8; k++) {
			int bit = how == LEFT_ ? k - (int)count : k + (int)count;

			from[k] = (s8)(how == ARITHMETIC ? MIN(bit, 7) : bit);
		}
		byte_bits(b, d, n, from);
		return;
	}
	if (how == ARITHMETIC && (z == 0 || z == 3)) {
		u64 sign;

		count = MIN(count, w - 1);
		shifted(b, RIGHT_, z, d, n, count);
		sign = 1ull << (w - 1 - count);
		v_fill(b, 1, z, sign);
		v3(b, PXOR, d, d, 1);
		v3(b, host_sub.op[z], d, d, 1);
		return;
	}
	v_shift(b, z == 0 ? 0x71 : 0x70 + z, ext[how], d, n, count);
	if (z == 0) {
		v_fill(b, 1, 0, how == LEFT_ ? 0xffu << count : 0xffu >> count);
		v3(b, PAND, d, d, 1);
	}
}
static bool shift(struct block *b, const struct insn *i, enum shift how, bool round, bool accumulate)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	shifted(b, how, i->z, x, n, i->i);
	if (round) { /* the last bit that goes out is added */
		shifted(b, RIGHT_, i->z, 0, n, i->i - 1);
		v3_c(b, PAND, 0, 0, C_ONE8 + i->z);
		v3(b, host_add.op[i->z], x, x, 0);
	}
	if (accumulate)
		v3(b, host_add.op[i->z], x, x, vreg_read(b, i->d, 16));
	vreg_done_q(b, i, x);
	return true;
}
/* SLI, SRI: bits that the shift does not fill stay. */
static bool insert(struct block *b, const struct insn *i, enum shift how)
{
	unsigned n = vreg_read(b, i->n, 16), d = vreg_read(b, i->d, 16), w = 8u << i->z, x = vreg_new(b);
	u64 keep = how == LEFT_ ? ones(i->i) : i->i >= w ? ones(w) : ones(w) & ~(ones(w) >> i->i);

	shifted(b, how, i->z, x, n, i->i);
	v_fill(b, 1, i->z, keep);
	v3(b, PAND, 1, 1, d);
	v3(b, POR, x, x, 1);
	vreg_done_q(b, i, x);
	return true;
}
#define SHIFT(name, call)                                                                                              \
	EMIT(name##_imm_vec)                                                                                           \
	{                                                                                                              \
		return call;                                                                                           \
	}                                                                                                              \
	EMIT(name##_imm_scalar)                                                                                        \
	{                                                                                                              \
		return call;                                                                                           \
	}
SHIFT(SHL, shift(b, i, LEFT_, false, false))
SHIFT(USHR, shift(b, i, RIGHT_, false, false))
SHIFT(SSHR, shift(b, i, ARITHMETIC, false, false))
SHIFT(USRA, shift(b, i, RIGHT_, false, true))
SHIFT(SSRA, shift(b, i, ARITHMETIC, false, true))
SHIFT(URSHR, shift(b, i, RIGHT_, true, false))
SHIFT(SRSHR, shift(b, i, ARITHMETIC, true, false))
SHIFT(URSRA, shift(b, i, RIGHT_, true, true))
SHIFT(SRSRA, shift(b, i, ARITHMETIC, true, true))
SHIFT(SLI, insert(b, i, LEFT_))
SHIFT(SRI, insert(b, i, RIGHT_))

#define ROW(name) {ROW_##name, EMIT_PURE | EMIT_KEEPS, emit_##name},
#define VEC(name) ROW(name##_vec)
#define BOTH(name) ROW(name##_vec) ROW(name##_scalar)
#define SHIFTS(name) ROW(name##_imm_vec) ROW(name##_imm_scalar)
const struct emitter_row emit_simd_rows[] = {
	VEC(AND) VEC(BIC) VEC(ORR) VEC(ORN) VEC(EOR) VEC(BSL) VEC(BIT) VEC(BIF) VEC(NOT)
	BOTH(ADD) BOTH(SUB) VEC(SMAX) VEC(SMIN) VEC(UMAX) VEC(UMIN) VEC(SHADD) VEC(UHADD) VEC(SRHADD) VEC(URHADD)
	{ROW_SSHL_vec, EMIT_KEEPS, emit_SSHL_vec}, {ROW_USHL_vec, EMIT_KEEPS, emit_USHL_vec},
	VEC(SABD) VEC(UABD) VEC(SABA) VEC(UABA) VEC(ABS) VEC(NEG)
	BOTH(CMEQ) BOTH(CMGT) BOTH(CMGE) BOTH(CMHI) BOTH(CMHS) BOTH(CMTST)
	BOTH(CMEQ0) BOTH(CMGT0) BOTH(CMGE0) BOTH(CMLE0) BOTH(CMLT0)
	VEC(MUL) VEC(MLA) VEC(MLS) ROW(MUL_elem) ROW(MLA_elem) ROW(MLS_elem)
	VEC(CNT) VEC(RBIT) {ROW_CLZ_vec, EMIT_KEEPS, emit_CLZ_vec},
	SHIFTS(SHL) SHIFTS(USHR) SHIFTS(SSHR) SHIFTS(USRA) SHIFTS(SSRA) SHIFTS(URSHR) SHIFTS(SRSHR) SHIFTS(URSRA) SHIFTS(SRSRA)
	SHIFTS(SLI) SHIFTS(SRI)
	{ROW_NONE, 0, NULL},
};
