/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalar floating point, single and double. Half precision and rare conversions are the interpreter's.
 *
 * The host computes; what Arm and x86 do differently is looked for in the result and left to exec_NAME, which starts again:
 *   NaN        Arm chooses another one (sign of the default, order of operands, FPCR.DN)
 *   tininess   the host looks after rounding, Arm before: a result that is the smallest normal may be an underflow. Only
 *              products, quotients and narrowing can be inexact there: a sum so small is exact.
 * Cumulative flags gather in MXCSR (thunks.c). Other rounding modes and flush-to-zero never come here (MODE_FPCR).
 * So an operation of the host may set no flag that Arm does not set: conversions are range-checked before they are done.
 *
 * A scalar result zeroes the rest of its register: arithmetic whose first operand is already of that kind gives that by itself.
 */
#include "jit/vector.h"

/* --- moves with general registers --- */

static bool to_general(struct block *b, const struct insn *i, bool w, unsigned byte)
{
	unsigned r = reg_dest(b, slot_written(i->d), RAX);

	x64_load(&b->x, w, r, vreg_mem_at(i->n, byte));
	reg_done(b, slot_written(i->d), r);
	return true;
}
EMIT(FMOV_s_to_w)
{
	return to_general(b, i, false, 0);
}
EMIT(FMOV_d_to_x)
{
	return to_general(b, i, true, 0);
}
EMIT(FMOV_top_to_x)
{
	return to_general(b, i, true, 8);
}
static bool from_general(struct block *b, const struct insn *i, bool w)
{
	unsigned r = reg_read(b, i->n, RAX), x = vreg_new(b);

	x64_movq_to_xmm(&b->x, w, x, r);
	vreg_done(b, i->d, x, w ? 8 : 4);
	return true;
}
EMIT(FMOV_h_to_w)
{
	unsigned r = reg_dest(b, slot_written(i->d), RAX);

	x64_load_extend(&b->x, false, false, 2, r, vreg_mem_at(i->n, 0));
	reg_done(b, slot_written(i->d), r);
	return true;
}
EMIT(FMOV_w_to_h)
{
	unsigned x = vreg_new(b);

	x64_extend(&b->x, false, false, 2, RAX, reg_read(b, i->n, RAX));
	x64_movq_to_xmm(&b->x, false, x, RAX);
	vreg_done(b, i->d, x, 4);
	return true;
}
EMIT(FMOV_w_to_s)
{
	return from_general(b, i, false);
}
EMIT(FMOV_x_to_d)
{
	return from_general(b, i, true);
}
EMIT(FMOV_x_to_top)
{
	unsigned r = reg_read(b, i->n, RAX), d = vreg_read(b, i->d, 8), x = vreg_new(b);

	x64_movq_to_xmm(&b->x, true, 0, r);
	v3(b, PUNPCKLQDQ, x, d, 0);
	vreg_done(b, i->d, x, 16);
	return true;
}

/* --- moves, signs, constants --- */

#define D(i) ((i)->o == FP64)
#define BYTES(i) (D(i) ? 8u : 4u)
#define IS_HALF(i) ((i)->o == FP16)
/* Scalar operations: F2 doubles, F3 singles; 66 and none for packed ones and compares. */
#define SCALAR(i, byte) ((D(i) ? PF2 : PF3) | OP_0F(byte))
#define PACKED(i, byte) ((D(i) ? P66 : 0u) | OP_0F(byte))

EMIT(FMOV_reg)
{
	unsigned n, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	x = vreg_new(b);
	if (vreg_is_zero_above(b, n, BYTES(i)))
		v_move(b, x, n);
	else
		v_low(b, x, n, BYTES(i));
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
static bool sign(struct block *b, const struct insn *i, u32 op, enum constant c32, enum constant c64)
{
	unsigned n, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	x = vreg_new(b);
	v3_c(b, op, x, n, D(i) ? c64 : c32);
	v_low(b, x, x, BYTES(i));
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
EMIT(FABS)
{
	return sign(b, i, PAND, C_ABS32, C_ABS64);
}
EMIT(FNEG)
{
	return sign(b, i, PXOR, C_SIGN32, C_SIGN64);
}
static u64 expand(const struct insn *i)
{
	u64 s = i->i >> 7 & 1, e = i->i >> 6 & 1, low = i->i & 0x3f;

	return D(i) ? s << 63 | (e ^ 1) << 62 | (e ? 0xffull : 0) << 54 | low << 48
		    : s << 31 | (e ^ 1) << 30 | (e ? 0x1full : 0) << 25 | low << 19;
}
EMIT(FMOV_imm)
{
	unsigned x;

	if (IS_HALF(i))
		return false;
	x = vreg_new(b);
	x64_mov_imm(&b->x, RAX, expand(i));
	x64_movq_to_xmm(&b->x, D(i), x, RAX);
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}

/* --- arithmetic --- */

/* The first operand as one with zeroes above it: itself, or a copy in XMM0. */
static unsigned clean(struct block *b, unsigned n, unsigned bytes)
{
	if (vreg_is_zero_above(b, n, bytes))
		return n;
	v_low(b, 0, n, bytes);
	return 0;
}
/* NaN: out of line. */
static void check_nan(struct block *b, const struct insn *i, unsigned x)
{
	x64_rr(&b->x, false, PACKED(i, 0x2e), x, x); /* ucomis */
	slow_path(b, x64_jcc(&b->x, CC_P));
}
/* The smallest normal: out of line. RAX. */
static void check_tiny(struct block *b, bool d, unsigned x)
{
	x64_movq_from_xmm(&b->x, d, RAX, x);
	x64_alu(&b->x, d, ALU_ADD, RAX, RAX);
	if (d) {
		x64_shift_imm(&b->x, true, SHIFT_ROL, RAX, 11);
		x64_alu_imm(&b->x, true, ALU_CMP, RAX, 1);
	} else {
		x64_alu_imm(&b->x, false, ALU_CMP, RAX, 0x01000000);
	}
	slow_path(b, x64_jcc(&b->x, CC_E));
}

static bool two(struct block *b, const struct insn *i, unsigned op, bool may_be_tiny, bool negate)
{
	unsigned n, m, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	m = vreg_read(b, i->m, BYTES(i));
	if ((op == 0x58 || op == 0x59) && !vreg_is_zero_above(b, n, BYTES(i)) && vreg_is_zero_above(b, m, BYTES(i))) {
		unsigned other = n;

		n = m;
		m = other;
	}
	n = clean(b, n, BYTES(i));
	x = vreg_new(b);
	v3(b, SCALAR(i, op), x, n, m);
	check_nan(b, i, x);
	if (may_be_tiny)
		check_tiny(b, D(i), x);
	if (negate) {
		x64_mov_imm(&b->x, RAX, D(i) ? 1ull << 63 : 1ull << 31);
		x64_movq_to_xmm(&b->x, D(i), 0, RAX);
		v3(b, PXOR, x, x, 0);
	}
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
EMIT(FADD)
{
	return two(b, i, 0x58, false, false);
}
EMIT(FSUB)
{
	return two(b, i, 0x5c, false, false);
}
EMIT(FMUL)
{
	return two(b, i, 0x59, true, false);
}
EMIT(FNMUL)
{
	return two(b, i, 0x59, true, true);
}
EMIT(FDIV)
{
	return two(b, i, 0x5e, true, false);
}

/* Without NaNs, each operand order gives the larger one, but of two zeroes the second: both together, ANDed, +0 if either is. */
static bool extreme(struct block *b, const struct insn *i, unsigned op, u32 both)
{
	unsigned n, m, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	m = vreg_read(b, i->m, BYTES(i));
	x64_rr(&b->x, false, PACKED(i, 0x2e), n, m);
	slow_path(b, x64_jcc(&b->x, CC_P));
	x = vreg_new(b);
	v3(b, SCALAR(i, op), 1, m, n);
	v3(b, SCALAR(i, op), x, n, m);
	v3(b, both, x, x, 1);
	v_low(b, x, x, BYTES(i));
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
EMIT(FMAX)
{
	return extreme(b, i, 0x5f, PAND);
}
EMIT(FMIN)
{
	return extreme(b, i, 0x5d, POR);
}

/* Ra is the register that is added to: opcodes of the 231 form. */
static bool fused(struct block *b, const struct insn *i, unsigned op)
{
	unsigned n, m, a, x;

	if (IS_HALF(i) || !block_host(b)->fma)
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	m = vreg_read(b, i->m, BYTES(i));
	a = vreg_read(b, i->a, BYTES(i));
	x = vreg_new(b);
	if (vreg_is_zero_above(b, a, BYTES(i)))
		v_move(b, x, a);
	else
		v_low(b, x, a, BYTES(i));
	x64_vex_rr(&b->x, D(i), 1, 2, op, x, n, m);
	check_nan(b, i, x);
	check_tiny(b, D(i), x);
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
EMIT(FMADD)
{
	return fused(b, i, 0xb9);
}
EMIT(FMSUB)
{
	return fused(b, i, 0xbd);
}
EMIT(FNMADD)
{
	return fused(b, i, 0xbf);
}
EMIT(FNMSUB)
{
	return fused(b, i, 0xbb);
}
/* One source, into a register that is zero first: the host leaves the rest of it. */
static bool one(struct block *b, const struct insn *i, u32 op, int imm)
{
	unsigned n, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	x = vreg_new(b);
	v_zero(b, x);
	v3(b, op, x, x, n);
	if (imm >= 0)
		x64_u8(&b->x, (unsigned)imm);
	check_nan(b, i, x);
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}
EMIT(FSQRT)
{
	return one(b, i, SCALAR(i, 0x51), -1);
}
/* Mode, 4 MXCSR's; 8: Inexact is not recorded. */
#define ROUND(name, mode)                                                                                              \
	EMIT(name)                                                                                                     \
	{                                                                                                              \
		return one(b, i, P66 | OP_3A(D(i) ? 0x0b : 0x0a), mode);                                               \
	}
ROUND(FRINTN, 8 | 0)
ROUND(FRINTM, 8 | 1)
ROUND(FRINTP, 8 | 2)
ROUND(FRINTZ, 8 | 3)
ROUND(FRINTX, 4)
ROUND(FRINTI, 8 | 4)

/* h: format from, o: format to. */
EMIT(FCVT)
{
	bool widen = i->h == FP32 && i->o == FP64;
	unsigned n, x;

	if (!widen && !(i->h == FP64 && i->o == FP32))
		return false;
	n = vreg_read(b, i->n, widen ? 4 : 8);
	x = vreg_new(b);
	v_zero(b, x);
	v3(b, (widen ? PF3 : PF2) | OP_0F(0x5a), x, x, n);
	check_nan(b, i, x);
	if (!widen)
		check_tiny(b, false, x);
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}

/* --- compare and select --- */

/* EAX = jit_flags of ucomis: ZF PF CF. RCX is lost. */
static void compare(struct block *b, const struct insn *i, unsigned n, unsigned m, bool signal_nans)
{
	struct x64 *x = &b->x;

	x64_rr(x, false, PACKED(i, signal_nans ? 0x2f : 0x2e), n, m);
	x64_mov_imm(x, RAX, flags_constant(2));
	x64_mov_imm(x, RCX, flags_constant(8));
	x64_cmov(x, false, CC_B, RAX, RCX);
	x64_mov_imm(x, RCX, flags_constant(6));
	x64_cmov(x, false, CC_E, RAX, RCX);
	x64_mov_imm(x, RCX, flags_constant(3));
	x64_cmov(x, false, CC_P, RAX, RCX);
}
/* EAX is what jit_flags should be. */
static void flags_from_rax(struct block *b)
{
	if (b->save_flags)
		x64_store_sized(&b->x, 2, CPU_MEM(jit_flags), RAX);
	x64_u8(&b->x, 0x04); /* add al, 0x7f: OF from bit 0 */
	x64_u8(&b->x, 0x7f);
	x64_u8(&b->x, 0x9e); /* sahf */
	b->flags = FLAGS_BORROW;
}
static bool fcmp(struct block *b, const struct insn *i, bool zero, bool signal_nans)
{
	unsigned n, m = 0;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	if (zero)
		v_zero(b, 0);
	else
		m = vreg_read(b, i->m, BYTES(i));
	compare(b, i, n, m, signal_nans);
	flags_from_rax(b);
	return true;
}
EMIT(FCMP_reg)
{
	return fcmp(b, i, false, false);
}
EMIT(FCMP_zero)
{
	return fcmp(b, i, true, false);
}
EMIT(FCMPE_reg)
{
	return fcmp(b, i, false, true);
}
EMIT(FCMPE_zero)
{
	return fcmp(b, i, true, true);
}
EMIT(FCCMP)
{
	struct x64 *x = &b->x;
	unsigned n, m;
	u8 *otherwise, *end;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	m = vreg_read(b, i->m, BYTES(i));
	if (i->c >= 14) {
		compare(b, i, n, m, i->s);
	} else {
		otherwise = x64_jcc_short(x, flags_cc(b, i->c) ^ 1);
		compare(b, i, n, m, i->s);
		end = x64_jmp_short(x);
		x64_bind_short(x, otherwise);
		x64_mov_imm(x, RAX, flags_constant(i->i));
		x64_bind_short(x, end);
	}
	flags_from_rax(b);
	return true;
}
EMIT(FCSEL)
{
	unsigned n, m, x;
	u8 *end;

	if (IS_HALF(i) || i->c >= 14)
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	m = vreg_read(b, i->m, BYTES(i));
	x = vreg_new(b);
	v_low(b, x, n, BYTES(i));
	end = x64_jcc_short(&b->x, flags_cc(b, i->c));
	v_low(b, x, m, BYTES(i));
	x64_bind_short(&b->x, end);
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}

/* --- rounding to the nearest, ties away from zero: the host has no such mode --- */

/* XMM0 = x rounded; no flag. |x| below 2^52 (2^23), else out of line. To the nearest even, and one more where that was a tie toward zero. */
static void round_away(struct block *b, bool d, unsigned x)
{
	u32 scalar = (d ? PF2 : PF3) | OP_0F(0);

	v3_c(b, PAND, 1, x, d ? C_ABS64 : C_ABS32);
	v2_c(b, P66 | OP_0F(0x6f), 2, d ? C_2_52_D : C_2_23_S);
	x64_rr(&b->x, false, (d ? P66 : 0u) | OP_0F(0x2e), 2, 1); /* ucomis */
	slow_path(b, x64_jcc(&b->x, CC_BE)); /* or a NaN */
	v3_imm(b, P66 | OP_3A(d ? 0x0b : 0x0a), 0, x, x, 8);
	v3(b, scalar | 0x5c, 1, x, 0);
	v3_c(b, PAND, 2, x, d ? C_SIGN64 : C_SIGN32);
	v3(b, PXOR, 1, 1, 2);
	v3_c(b, host_eq.op[d ? 3 : 2], 1, 1, d ? C_HALF_D : C_HALF_S);
	v3_c(b, PAND, 1, 1, d ? C_FP_ONE64 : C_FP_ONE32);
	v3(b, POR, 1, 1, 2);
	v3(b, scalar | 0x58, 0, 0, 1);
}
EMIT(FRINTA)
{
	unsigned n, x;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	round_away(b, D(i), n);
	x = vreg_new(b);
	v_low(b, x, 0, BYTES(i));
	vreg_done(b, i->d, x, BYTES(i));
	return true;
}

/* --- conversions to integers. The rounded value is converted exactly; Inexact is recorded only when it is known to fit. --- */

enum rounding { TO_EVEN, TO_MINUS, TO_PLUS, TO_ZERO, TO_AWAY }; /* MXCSR's, and one that it lacks */

/* XMM0 = n rounded, no flag. */
static void round_to(struct block *b, bool d, unsigned n, enum rounding mode)
{
	if (mode == TO_AWAY)
		round_away(b, d, n);
	else
		v3_imm(b, P66 | OP_3A(d ? 0x0b : 0x0a), 0, n, n, 8 | (unsigned)mode);
}
static void record_inexact(struct block *b, bool d, unsigned n)
{
	v3_imm(b, P66 | OP_3A(d ? 0x0b : 0x0a), 1, n, n, 0);
}

/* RAX = the integer that XMM0 or another holds; cvtt: out of range, and for the smallest integer itself, it is the smallest integer. */
static void truncate(struct block *b, bool d, bool w, unsigned from)
{
	x64_rr(&b->x, w, (d ? PF2 : PF3) | OP_0F(0x2c), RAX, from);
	if (w) {
		x64_mov_imm(&b->x, RCX, 1ull << 63);
		x64_alu(&b->x, true, ALU_CMP, RAX, RCX);
	} else {
		x64_alu_imm(&b->x, false, ALU_CMP, RAX, (s32)0x80000000);
	}
	slow_path(b, x64_jcc(&b->x, CC_E));
}
static void to_signed(struct block *b, bool d, bool w, unsigned n, enum rounding mode)
{
	if (mode == TO_ZERO) {
		truncate(b, d, w, n);
		return;
	}
	round_to(b, d, n, mode);
	truncate(b, d, w, 0);
	record_inexact(b, d, n);
}
/* From 0 to below 2^32 or 2^63. */
static void to_unsigned(struct block *b, bool d, bool w, unsigned n, enum rounding mode)
{
	u32 ucomis = (d ? P66 : 0u) | OP_0F(0x2e);
	unsigned r = mode == TO_ZERO ? n : 0;

	if (mode != TO_ZERO)
		round_to(b, d, n, mode);
	v_zero(b, 1);
	x64_rr(&b->x, false, ucomis, r, 1);
	slow_path(b, x64_jcc(&b->x, CC_B)); /* or a NaN */
	v2_c(b, P66 | OP_0F(0x6f), 1, d ? (w ? C_2_63_D : C_2_32_D) : (w ? C_2_63_S : C_2_32_S));
	x64_rr(&b->x, false, ucomis, r, 1);
	slow_path(b, x64_jcc(&b->x, CC_AE));
	x64_rr(&b->x, true, (d ? PF2 : PF3) | OP_0F(0x2c), RAX, r);
	if (mode != TO_ZERO)
		record_inexact(b, d, n);
}
static void to_integer(struct block *b, bool d, bool w, unsigned v, enum rounding mode, bool is_unsigned)
{
	unsigned n = vreg_read(b, v, d ? 8 : 4);

	if (is_unsigned)
		to_unsigned(b, d, w, n, mode);
	else
		to_signed(b, d, w, n, mode);
}
static bool to_register(struct block *b, const struct insn *i, bool w, enum rounding mode, bool is_unsigned)
{
	if (IS_HALF(i))
		return false;
	to_integer(b, D(i), w, i->n, mode, is_unsigned);
	reg_done(b, slot_written(i->d), RAX);
	return true;
}
/* The scalar forms among SIMD: an integer of the same width, in a V register. */
static bool to_scalar(struct block *b, const struct insn *i, enum rounding mode, bool is_unsigned)
{
	unsigned x;

	to_integer(b, i->z, i->z, i->n, mode, is_unsigned);
	x = vreg_new(b);
	x64_movq_to_xmm(&b->x, i->z, x, RAX);
	vreg_done(b, i->d, x, i->z ? 8 : 4);
	return true;
}
#define TO_INTEGER(name, mode, is_unsigned)                                                                            \
	EMIT(name##_w)                                                                                                 \
	{                                                                                                              \
		return to_register(b, i, false, mode, is_unsigned);                                                    \
	}                                                                                                              \
	EMIT(name##_x)                                                                                                 \
	{                                                                                                              \
		return to_register(b, i, true, mode, is_unsigned);                                                     \
	}                                                                                                              \
	EMIT(name##_scalar)                                                                                            \
	{                                                                                                              \
		return to_scalar(b, i, mode, is_unsigned);                                                             \
	}
TO_INTEGER(FCVTZS, TO_ZERO, false)
TO_INTEGER(FCVTNS, TO_EVEN, false)
TO_INTEGER(FCVTMS, TO_MINUS, false)
TO_INTEGER(FCVTPS, TO_PLUS, false)
TO_INTEGER(FCVTAS, TO_AWAY, false)
TO_INTEGER(FCVTZU, TO_ZERO, true)
TO_INTEGER(FCVTNU, TO_EVEN, true)
TO_INTEGER(FCVTMU, TO_MINUS, true)
TO_INTEGER(FCVTPU, TO_PLUS, true)
TO_INTEGER(FCVTAU, TO_AWAY, true)

/* XMM `to` = 2^exponent; RAX. */
static void power(struct block *b, bool d, unsigned to, int exponent)
{
	x64_mov_imm(&b->x, RAX, d ? (u64)(1023 + exponent) << 52 : (u64)(127 + exponent) << 23);
	x64_movq_to_xmm(&b->x, d, to, RAX);
}
/* With fraction bits (64 - i): the product is exact when it is known to fit, which is looked at first, as it might overflow. */
static bool to_fixed(struct block *b, const struct insn *i, bool w, bool is_unsigned)
{
	int fraction = 64 - (int)i->i;
	bool d = D(i);
	unsigned n;

	if (IS_HALF(i))
		return false;
	n = vreg_read(b, i->n, BYTES(i));
	v3_c(b, PAND, 1, n, d ? C_ABS64 : C_ABS32);
	power(b, d, 2, (w ? 63 : is_unsigned ? 32 : 31) - fraction);
	x64_rr(&b->x, false, (d ? P66 : 0u) | OP_0F(0x2e), 2, is_unsigned ? n : 1);
	slow_path(b, x64_jcc(&b->x, CC_BE)); /* or a NaN */
	if (is_unsigned) {
		v_zero(b, 1);
		x64_rr(&b->x, false, (d ? P66 : 0u) | OP_0F(0x2e), n, 1);
		slow_path(b, x64_jcc(&b->x, CC_B));
	}
	power(b, d, 2, fraction);
	v3(b, SCALAR(i, 0x59), 0, n, 2);
	x64_rr(&b->x, w || is_unsigned, SCALAR(i, 0x2c), RAX, 0);
	reg_done(b, slot_written(i->d), RAX);
	return true;
}
#define TO_FIXED(name, is_unsigned)                                                                                    \
	EMIT(name##_fixed_w)                                                                                           \
	{                                                                                                              \
		return to_fixed(b, i, false, is_unsigned);                                                             \
	}                                                                                                              \
	EMIT(name##_fixed_x)                                                                                           \
	{                                                                                                              \
		return to_fixed(b, i, true, is_unsigned);                                                              \
	}
TO_FIXED(FCVTZS, false)
TO_FIXED(FCVTZU, true)

/* --- conversions from integers --- */

/* From a 64-bit register if `w`, with `fraction` bits behind the point. */
/* Unsigned words are signed doublewords; unsigned doublewords only AVX-512 has. */
static void from_integer(struct block *b, const struct insn *i, bool w, bool is_unsigned, unsigned r, int fraction)
{
	unsigned x = vreg_new(b);

	v_zero(b, x);
	if (is_unsigned && block_host(b)->avx512)
		v3_512(b, w, SCALAR(i, 0x7b), x, x, r); /* vcvtusi2sd, ss */
	else if (block_host(b)->avx)
		x64_vex_rr(&b->x, w || is_unsigned, D(i) ? 3 : 2, 1, 0x2a, x, x, r);
	else
		x64_rr(&b->x, w || is_unsigned, SCALAR(i, 0x2a), x, r);
	if (fraction) {
		power(b, D(i), 0, -fraction);
		v3(b, SCALAR(i, 0x59), x, x, 0);
	}
	vreg_done(b, i->d, x, BYTES(i));
}
static bool from_signed(struct block *b, const struct insn *i, bool w, int fraction)
{
	if (IS_HALF(i))
		return false;
	from_integer(b, i, w, false, reg_read(b, i->n, RAX), fraction);
	return true;
}
static bool from_unsigned(struct block *b, const struct insn *i, bool w, int fraction)
{
	unsigned r = RAX;

	if (IS_HALF(i))
		return false;
	if (block_host(b)->avx512) {
		r = reg_read(b, i->n, RAX);
	} else if (w) {
		r = reg_read(b, i->n, RAX);
		x64_test(&b->x, true, r, r);
		slow_path(b, x64_jcc(&b->x, CC_S));
	} else {
		reg_copy(b, false, RAX, i->n);
	}
	from_integer(b, i, w, true, r, fraction);
	return true;
}
#define FROM_INTEGER(name, function)                                                                                   \
	EMIT(name##_w)                                                                                                 \
	{                                                                                                              \
		return function(b, i, false, 0);                                                                       \
	}                                                                                                              \
	EMIT(name##_x)                                                                                                 \
	{                                                                                                              \
		return function(b, i, true, 0);                                                                        \
	}                                                                                                              \
	EMIT(name##_fixed_w)                                                                                           \
	{                                                                                                              \
		return function(b, i, false, 64 - (int)i->i);                                                          \
	}                                                                                                              \
	EMIT(name##_fixed_x)                                                                                           \
	{                                                                                                              \
		return function(b, i, true, 64 - (int)i->i);                                                           \
	}
FROM_INTEGER(SCVTF, from_signed)
FROM_INTEGER(UCVTF, from_unsigned)

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
#define TO_ROWS(name) ROW(name##_w, 0) ROW(name##_x, 0) ROW(name##_scalar, 0)
#define KEEP EMIT_PURE | EMIT_KEEPS
const struct emitter_row emit_fp_rows[] = {
	ROW(FMOV_s_to_w, KEEP) ROW(FMOV_d_to_x, KEEP) ROW(FMOV_top_to_x, KEEP)
	ROW(FMOV_h_to_w, KEEP) {ROW_FMOV_h_to_x, KEEP, emit_FMOV_h_to_w}, ROW(FMOV_w_to_h, KEEP) {ROW_FMOV_x_to_h, KEEP, emit_FMOV_w_to_h},
	ROW(FMOV_w_to_s, KEEP) ROW(FMOV_x_to_d, KEEP) ROW(FMOV_x_to_top, KEEP)
	ROW(FMOV_reg, EMIT_KEEPS) ROW(FABS, EMIT_KEEPS) ROW(FNEG, EMIT_KEEPS) ROW(FMOV_imm, EMIT_KEEPS)
	ROW(FADD, 0) ROW(FSUB, 0) ROW(FMUL, 0) ROW(FNMUL, 0) ROW(FDIV, 0) ROW(FMAX, 0) ROW(FMIN, 0)
	{ROW_FMAXNM, 0, emit_FMAX}, {ROW_FMINNM, 0, emit_FMIN},
	ROW(FMADD, 0) ROW(FMSUB, 0) ROW(FNMADD, 0) ROW(FNMSUB, 0) ROW(FSQRT, 0)
	ROW(FRINTN, 0) ROW(FRINTM, 0) ROW(FRINTP, 0) ROW(FRINTZ, 0) ROW(FRINTX, 0) ROW(FRINTI, 0) ROW(FCVT, 0)
	ROW(FCMP_reg, 0) ROW(FCMP_zero, 0) ROW(FCMPE_reg, 0) ROW(FCMPE_zero, 0) ROW(FCCMP, 0) ROW(FCSEL, EMIT_KEEPS)
	ROW(FRINTA, 0)
	TO_ROWS(FCVTZS) TO_ROWS(FCVTNS) TO_ROWS(FCVTMS) TO_ROWS(FCVTPS) TO_ROWS(FCVTAS)
	TO_ROWS(FCVTZU) TO_ROWS(FCVTNU) TO_ROWS(FCVTMU) TO_ROWS(FCVTPU) TO_ROWS(FCVTAU)
	ROW(FCVTZS_fixed_w, 0) ROW(FCVTZS_fixed_x, 0) ROW(FCVTZU_fixed_w, 0) ROW(FCVTZU_fixed_x, 0)
	ROW(SCVTF_w, EMIT_KEEPS) ROW(SCVTF_x, EMIT_KEEPS) ROW(UCVTF_w, EMIT_KEEPS) ROW(UCVTF_x, 0)
	ROW(SCVTF_fixed_w, EMIT_KEEPS) ROW(SCVTF_fixed_x, EMIT_KEEPS) ROW(UCVTF_fixed_w, EMIT_KEEPS) ROW(UCVTF_fixed_x, 0)
	{ROW_NONE, 0, NULL},
};
