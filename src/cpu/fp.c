/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalar floating point: data processing, compares, selects, moves and conversions with general registers.
 *                                                                                      [DDI0487 C4.1.96, C7.2]
 * The type field z (0 single, 1 double, 3 half) is refused when 2 and otherwise turned into insn->o, the format.
 */
#include "cpu/simd.h"
#include "cpu/vcpu.h"

/* Sets insn->o from the type field. */
INLINE bool has_format(struct insn *insn)
{
	static const u8 formats[] = {FP32, FP64, 0xff, FP16};

	insn->o = formats[insn->z];
	return insn->o != 0xff;
}

/* Runs `statement` with f a constant in each branch. */
#define BY_FORMAT(statement)                                                                                           \
	switch (insn->o) {                                                                                             \
	case FP32: {                                                                                                   \
		const enum fp_format f = FP32;                                                                         \
		statement;                                                                                             \
		break;                                                                                                 \
	}                                                                                                              \
	case FP64: {                                                                                                   \
		const enum fp_format f = FP64;                                                                         \
		statement;                                                                                             \
		break;                                                                                                 \
	}                                                                                                              \
	default: {                                                                                                     \
		const enum fp_format f = FP16;                                                                         \
		statement;                                                                                             \
		break;                                                                                                 \
	}                                                                                                              \
	}

INLINE u64 reg_fp(const struct cpu *cpu, enum fp_format f, unsigned n)
{
	return f == FP16 ? (u16)cpu->v[n] : f == FP32 ? (u32)cpu->v[n] : (u64)cpu->v[n];
}

/* --- data processing: r from a = Rn, b = Rm, c = Ra --- */
#define FP1(name, ...)                                                                                                 \
	FP_INSN_IF(name, has_format(insn))                                                                             \
	{                                                                                                              \
		BY_FORMAT(u64 a = reg_fp(cpu, f, insn->n); cpu->v[insn->d] = (__VA_ARGS__))                            \
	}
#define FP2(name, ...)                                                                                                 \
	FP_INSN_IF(name, has_format(insn))                                                                             \
	{                                                                                                              \
		BY_FORMAT(u64 a = reg_fp(cpu, f, insn->n); u64 b = reg_fp(cpu, f, insn->m);                            \
			  cpu->v[insn->d] = (__VA_ARGS__))                                                             \
	}
#define FP3(name, ...)                                                                                                 \
	FP_INSN_IF(name, has_format(insn))                                                                             \
	{                                                                                                              \
		BY_FORMAT(u64 a = reg_fp(cpu, f, insn->n); u64 b = reg_fp(cpu, f, insn->m);                            \
			  u64 c = reg_fp(cpu, f, insn->a); cpu->v[insn->d] = (__VA_ARGS__))                            \
	}
FP1(FMOV_reg, a)
FP1(FABS, fp_abs(f, a))
FP1(FNEG, fp_neg(f, a))
FP1(FSQRT, fpx_sqrt(cpu, f, a))
FP1(FRINTN, fp_round_int(f, a, ROUND_TIEEVEN, false, FP_ENV))
FP1(FRINTP, fp_round_int(f, a, ROUND_POSINF, false, FP_ENV))
FP1(FRINTM, fp_round_int(f, a, ROUND_NEGINF, false, FP_ENV))
FP1(FRINTZ, fp_round_int(f, a, ROUND_ZERO, false, FP_ENV))
FP1(FRINTA, fp_round_int(f, a, ROUND_TIEAWAY, false, FP_ENV))
FP1(FRINTX, fp_round_int(f, a, fpcr_round(cpu->fpcr), true, FP_ENV))
FP1(FRINTI, fp_round_int(f, a, fpcr_round(cpu->fpcr), false, FP_ENV))
#define FRINT_N(name, mode, int_bits)                                                                                  \
	FP_INSN_IF(name, insn->z <= 1 && has_format(insn))                                                             \
	{                                                                                                              \
		enum fp_format f = insn->o;                                                                            \
		cpu->v[insn->d] = fp_round_int_n(f, reg_fp(cpu, f, insn->n), mode, int_bits, FP_ENV);                  \
	}
FRINT_N(FRINT32Z, ROUND_ZERO, 32)
FRINT_N(FRINT32X, fpcr_round(cpu->fpcr), 32)
FRINT_N(FRINT64Z, ROUND_ZERO, 64)
FRINT_N(FRINT64X, fpcr_round(cpu->fpcr), 64)

/* o: format to, z: type from. */
static bool convert_formats(struct insn *insn)
{
	static const u8 to[] = {FP32, FP64, 0xff, FP16};
	u8 from = to[insn->z];

	insn->h = from;
	insn->o = to[insn->c];
	return from != 0xff && insn->o != 0xff && from != insn->o;
}
FP_INSN_IF(FCVT, convert_formats(insn))
{
	enum fp_format from = insn->h, to = insn->o;
	u64 a = reg_fp(cpu, from, insn->n);

	if (from == FP32 && to == FP64 && fp32_is_plain((u32)a))
		cpu->v[insn->d] = fp_bits64((double)fp_host32((u32)a)); /* exact */
	else
		cpu->v[insn->d] = fp_convert(from, to, a, fpcr_round(cpu->fpcr), FP_ENV);
}

FP2(FMUL, fpx_mul(cpu, f, a, b))
FP2(FDIV, fpx_div(cpu, f, a, b))
FP2(FADD, fpx_add(cpu, f, a, b))
FP2(FSUB, fpx_sub(cpu, f, a, b))
FP2(FMAX, fp_max(f, a, b, FP_ENV))
FP2(FMIN, fp_min(f, a, b, FP_ENV))
FP2(FMAXNM, fp_maxnm(f, a, b, FP_ENV))
FP2(FMINNM, fp_minnm(f, a, b, FP_ENV))
FP2(FNMUL, fp_neg(f, fpx_mul(cpu, f, a, b)))
FP3(FMADD, fpx_muladd(cpu, f, c, a, b))
FP3(FMSUB, fpx_muladd(cpu, f, c, fp_neg(f, a), b))
FP3(FNMADD, fpx_muladd(cpu, f, fp_neg(f, c), fp_neg(f, a), b))
FP3(FNMSUB, fpx_muladd(cpu, f, fp_neg(f, c), a, b))

/* --- compare and select --- */
INLINE u32 compare(struct cpu *cpu, enum fp_format f, u64 a, u64 b, bool signal_nans)
{
	if (f == FP32 && fp32_is_plain((u32)a) && fp32_is_plain((u32)b)) {
		float x = fp_host32((u32)a), y = fp_host32((u32)b);
		return x == y ? 6u << 28 : x < y ? 8u << 28 : 2u << 28;
	}
	if (f == FP64 && fp64_is_plain(a) && fp64_is_plain(b)) {
		double x = fp_host64(a), y = fp_host64(b);
		return x == y ? 6u << 28 : x < y ? 8u << 28 : 2u << 28;
	}
	return fp_compare(f, a, b, signal_nans, FP_ENV) << 28;
}
#define FCMP(name, second, signal_nans)                                                                                \
	FP_INSN_IF(name, has_format(insn))                                                                             \
	{                                                                                                              \
		BY_FORMAT(cpu->nzcv = compare(cpu, f, reg_fp(cpu, f, insn->n), second, signal_nans))                   \
	}
FCMP(FCMP_reg, reg_fp(cpu, f, insn->m), false)
FCMP(FCMP_zero, 0, false)
FCMP(FCMPE_reg, reg_fp(cpu, f, insn->m), true)
FCMP(FCMPE_zero, 0, true)

static bool condition_holds(u32 nzcv, unsigned condition)
{
	bool n = nzcv >> 31, z = nzcv >> 30 & 1, c = nzcv >> 29 & 1, v = nzcv >> 28 & 1, r;

	switch (condition >> 1) {
	case 0: r = z; break;
	case 1: r = c; break;
	case 2: r = n; break;
	case 3: r = v; break;
	case 4: r = c && !z; break;
	case 5: r = n == v; break;
	case 6: r = n == v && !z; break;
	default: return true;
	}
	return r ^ (condition & 1);
}

/* c condition, i the flags otherwise, s whether quiet NaNs signal. */
FP_INSN_IF(FCCMP, has_format(insn))
{
	if (condition_holds(cpu->nzcv, insn->c))
		BY_FORMAT(cpu->nzcv = compare(cpu, f, reg_fp(cpu, f, insn->n), reg_fp(cpu, f, insn->m), insn->s))
	else
		cpu->nzcv = insn->i << 28;
}

FP_INSN_IF(FCSEL, has_format(insn))
{
	unsigned from = condition_holds(cpu->nzcv, insn->c) ? insn->n : insn->m;
	BY_FORMAT(cpu->v[insn->d] = reg_fp(cpu, f, from))
}

FP_INSN_IF(FMOV_imm, has_format(insn))
{
	cpu->v[insn->d] = fp_expand_imm(insn->o, insn->i);
}

/* --- moves with general registers --- */
FP_INSN(FMOV_h_to_w)
{
	cpu->x[insn->d] = (u16)cpu->v[insn->n];
}
FP_INSN(FMOV_h_to_x)
{
	cpu->x[insn->d] = (u16)cpu->v[insn->n];
}
FP_INSN(FMOV_s_to_w)
{
	cpu->x[insn->d] = (u32)cpu->v[insn->n];
}
FP_INSN(FMOV_d_to_x)
{
	cpu->x[insn->d] = (u64)cpu->v[insn->n];
}
FP_INSN(FMOV_top_to_x)
{
	cpu->x[insn->d] = (u64)(cpu->v[insn->n] >> 64);
}
FP_INSN(FMOV_w_to_h)
{
	cpu->v[insn->d] = (u16)cpu->x[insn->n];
}
FP_INSN(FMOV_x_to_h)
{
	cpu->v[insn->d] = (u16)cpu->x[insn->n];
}
FP_INSN(FMOV_w_to_s)
{
	cpu->v[insn->d] = (u32)cpu->x[insn->n];
}
FP_INSN(FMOV_x_to_d)
{
	cpu->v[insn->d] = cpu->x[insn->n];
}
FP_INSN(FMOV_x_to_top)
{
	cpu->v[insn->d] = (u128)cpu->x[insn->n] << 64 | (u64)cpu->v[insn->d];
}

/* --- conversions with general registers --- */

/* Toward zero, well inside the range, Inexact recorded: the host's truncation is the answer. */
INLINE bool truncates_fast(struct cpu *cpu, enum fp_format f, u64 a, unsigned int_bits, s64 *value)
{
	if (!(cpu->fpsr & FPSR_IXC) || f == FP16)
		return false;
	if (f == FP32 ? !fp32_is_plain((u32)a) : !fp64_is_plain(a))
		return false;
	double d = f == FP32 ? fp_host32((u32)a) : fp_host64(a), limit = int_bits == 64 ? 0x1p62 : 0x1p31;
	if (!(d > -limit && d < limit))
		return false;
	*value = (s64)d;
	return true;
}

#define TO_INT_W(name, is_unsigned, int_bits, mode)                                                                    \
	FP_INSN_IF(name, has_format(insn))                                                                             \
	{                                                                                                              \
		s64 v;                                                                                                 \
		BY_FORMAT(u64 a = reg_fp(cpu, f, insn->n);                                                             \
			  if ((mode) == ROUND_ZERO && !(is_unsigned) && truncates_fast(cpu, f, a, int_bits, &v))       \
				  cpu->x[insn->d] = int_bits == 32 ? (u32)v : (u64)v;                                  \
			  else cpu->x[insn->d] = fp_to_fixed(f, a, 0, is_unsigned, int_bits, mode, FP_ENV))            \
	}
#define TO_INT(name, is_unsigned, mode)                                                                                \
	TO_INT_W(name##_w, is_unsigned, 32, mode)                                                                      \
	TO_INT_W(name##_x, is_unsigned, 64, mode)
TO_INT(FCVTNS, false, ROUND_TIEEVEN)
TO_INT(FCVTNU, true, ROUND_TIEEVEN)
TO_INT(FCVTAS, false, ROUND_TIEAWAY)
TO_INT(FCVTAU, true, ROUND_TIEAWAY)
TO_INT(FCVTPS, false, ROUND_POSINF)
TO_INT(FCVTPU, true, ROUND_POSINF)
TO_INT(FCVTMS, false, ROUND_NEGINF)
TO_INT(FCVTMU, true, ROUND_NEGINF)
TO_INT(FCVTZS, false, ROUND_ZERO)
TO_INT(FCVTZU, true, ROUND_ZERO)

INLINE u64 from_int(struct cpu *cpu, enum fp_format f, u64 v, unsigned fbits, bool is_unsigned)
{
	/* 53 bits and fewer are exact in a double. */
	if (f == FP64 && !fbits && (s64)v < (1ll << 53) && (s64)v > (is_unsigned ? -1 : -(1ll << 53)))
		return fp_bits64((double)(s64)v);
	return fp_from_fixed(f, v, fbits, is_unsigned, FP_ENV);
}
#define FROM_INT(name, is_unsigned, w_extended)                                                                        \
	FP_INSN_IF(name##_w, has_format(insn))                                                                         \
	{                                                                                                              \
		u64 v = cpu->x[insn->n];                                                                               \
		BY_FORMAT(cpu->v[insn->d] = from_int(cpu, f, (u64)(w_extended), 0, is_unsigned))                       \
	}                                                                                                              \
	FP_INSN_IF(name##_x, has_format(insn))                                                                         \
	{                                                                                                              \
		BY_FORMAT(cpu->v[insn->d] = from_int(cpu, f, cpu->x[insn->n], 0, is_unsigned))                         \
	}                                                                                                              \
	FP_INSN_IF(name##_fixed_w, insn->i >= 32 && has_format(insn))                                                  \
	{                                                                                                              \
		u64 v = cpu->x[insn->n];                                                                               \
		cpu->v[insn->d] = fp_from_fixed(insn->o, (u64)(w_extended), 64 - insn->i, is_unsigned, FP_ENV);        \
	}                                                                                                              \
	FP_INSN_IF(name##_fixed_x, has_format(insn))                                                                   \
	{                                                                                                              \
		cpu->v[insn->d] = fp_from_fixed(insn->o, cpu->x[insn->n], 64 - insn->i, is_unsigned, FP_ENV);          \
	}
FROM_INT(SCVTF, false, (s64)(s32)v)
FROM_INT(UCVTF, true, (u32)v)

#define TO_FIXED(name, is_unsigned)                                                                                    \
	FP_INSN_IF(name##_fixed_w, insn->i >= 32 && has_format(insn))                                                  \
	{                                                                                                              \
		enum fp_format f = insn->o;                                                                            \
		cpu->x[insn->d] = fp_to_fixed(f, reg_fp(cpu, f, insn->n), 64 - insn->i, is_unsigned, 32, ROUND_ZERO,   \
					      FP_ENV);                                                                 \
	}                                                                                                              \
	FP_INSN_IF(name##_fixed_x, has_format(insn))                                                                   \
	{                                                                                                              \
		enum fp_format f = insn->o;                                                                            \
		cpu->x[insn->d] = fp_to_fixed(f, reg_fp(cpu, f, insn->n), 64 - insn->i, is_unsigned, 64, ROUND_ZERO,   \
					      FP_ENV);                                                                 \
	}
TO_FIXED(FCVTZS, false)
TO_FIXED(FCVTZU, true)

FP_INSN(FJCVTZS)
{
	bool z;

	cpu->x[insn->d] = fp_to_fixed_js((u64)cpu->v[insn->n], &z, FP_ENV);
	cpu->nzcv = (u32)z << 30;
}

/* FPCR was written. Nothing is derived from it: every operation reads FPCR, and the host's modes never change. */
void fp_mode_changed(struct cpu *cpu)
{
}
