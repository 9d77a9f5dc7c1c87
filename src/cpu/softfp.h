/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm floating point, exactly: the FP functions of DDI0487's shared pseudocode for FP16, FP32 and FP64, with FPCR in
 * and FPSR's cumulative flags out. Pure: no file state, no use of the host's rounding mode.
 *
 * Values are raw bits in the low end of a u64. FPCR.AH, FIZ and NEP do not exist here (FEAT_AFP absent), and trap
 * enables are RAZ: no operation traps. Tininess is detected before rounding.
 *
 * fp32_* and fp64_* below are the fast doors: the host's own arithmetic (IEEE, round to nearest) where nothing but the
 * value can be at stake: rounding to nearest, Inexact already recorded, operands normal or zero, result normal.
 */
#ifndef CPU_SOFTFP_H
#define CPU_SOFTFP_H

#include <math.h>

#include "base/bits.h"
#include "base/types.h"

enum fp_format { FP16, FP32, FP64 };

/* FPCR. [DDI0487 D24, FPCR] */
#define FPCR_FZ16  (1u << 19)
#define FPCR_RMODE (3u << 22)
#define FPCR_FZ    (1u << 24)
#define FPCR_DN    (1u << 25)
#define FPCR_AHP   (1u << 26)

/* FPSR. */
#define FPSR_IOC  (1u << 0)
#define FPSR_DZC  (1u << 1)
#define FPSR_OFC  (1u << 2)
#define FPSR_UFC  (1u << 3)
#define FPSR_IXC  (1u << 4)
#define FPSR_IDC  (1u << 7)
#define FPSR_QC   (1u << 27)
#define FPSR_MASK (0x9fu | FPSR_QC)

/* Rounding modes: the first four are FPCR.RMode. */
enum fp_round { ROUND_TIEEVEN, ROUND_POSINF, ROUND_NEGINF, ROUND_ZERO, ROUND_TIEAWAY, ROUND_ODD };

static inline enum fp_round fpcr_round(u32 fpcr)
{
	return (enum fp_round)((fpcr & FPCR_RMODE) >> 22);
}

static inline unsigned fp_width(enum fp_format f)
{
	return 16u << f;
}

u64 fp_add(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_sub(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_mul(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_mulx(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_div(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_sqrt(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr);
/* c + a * b, one rounding: FPMulAdd(c, a, b). */
u64 fp_muladd(enum fp_format f, u64 c, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_max(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_min(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_maxnm(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_minnm(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
/* FPCompare: NZCV in bits 3..0. */
u32 fp_compare(enum fp_format f, u64 a, u64 b, bool signal_nans, u32 fpcr, u32 *fpsr);
bool fp_eq(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
bool fp_ge(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
bool fp_gt(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
/* FPRoundInt: to an integral value in the same format. */
u64 fp_round_int(enum fp_format f, u64 a, enum fp_round mode, bool exact, u32 fpcr, u32 *fpsr);
/* FPRoundIntN: FRINT32*, FRINT64*. */
u64 fp_round_int_n(enum fp_format f, u64 a, enum fp_round mode, unsigned int_bits, u32 fpcr, u32 *fpsr);
/* FPConvert. `mode` is FPCR's, or ROUND_ODD for FCVTXN. */
u64 fp_convert(enum fp_format from, enum fp_format to, u64 a, enum fp_round mode, u32 fpcr, u32 *fpsr);
/* FPToFixed, saturating to `int_bits`; the result is zero-extended from int_bits. */
u64 fp_to_fixed(enum fp_format f, u64 a, unsigned fbits, bool is_unsigned, unsigned int_bits, enum fp_round mode,
		u32 fpcr, u32 *fpsr);
/* FixedToFP of the s64 or u64 `v` (already extended). */
u64 fp_from_fixed(enum fp_format f, u64 v, unsigned fbits, bool is_unsigned, u32 fpcr, u32 *fpsr);
/* FPToFixedJS: the W result; *z is PSTATE.Z. */
u32 fp_to_fixed_js(u64 a, bool *z, u32 fpcr, u32 *fpsr);
u64 fp_recip_estimate(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr);
u64 fp_rsqrt_estimate(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr);
u64 fp_recpx(enum fp_format f, u64 a, u32 fpcr, u32 *fpsr);
u64 fp_recip_step(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
u64 fp_rsqrt_step(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);
/* UnsignedRecipEstimate, UnsignedRSqrtEstimate: URECPE, URSQRTE. */
u32 fp_unsigned_recip_estimate(u32 a);
u32 fp_unsigned_rsqrt_estimate(u32 a);

static inline u64 fp_sign_bit(enum fp_format f)
{
	return 1ull << (fp_width(f) - 1);
}
static inline u64 fp_neg(enum fp_format f, u64 a)
{
	return a ^ fp_sign_bit(f);
}
static inline u64 fp_abs(enum fp_format f, u64 a)
{
	return a & (fp_sign_bit(f) - 1);
}

/* --- fast doors --- */

static inline float fp_host32(u32 a)
{
	float f;
	memcpy(&f, &a, 4);
	return f;
}
static inline double fp_host64(u64 a)
{
	double d;
	memcpy(&d, &a, 8);
	return d;
}
static inline u32 fp_bits32(float f)
{
	u32 a;
	memcpy(&a, &f, 4);
	return a;
}
static inline u64 fp_bits64(double d)
{
	u64 a;
	memcpy(&a, &d, 8);
	return a;
}

/* Rounding to nearest and Inexact recorded: then a normal result has no side effect left. */
static inline bool fp_is_fast(u32 fpcr, const u32 *fpsr)
{
	return likely(!(fpcr & FPCR_RMODE) && (*fpsr & FPSR_IXC));
}
/* Normal (not zero, denormal, infinite, NaN). */
static inline bool fp32_is_normal(u32 a)
{
	return (((a >> 23) + 1) & 0xff) > 1;
}
static inline bool fp64_is_normal(u64 a)
{
	return (((a >> 52) + 1) & 0x7ff) > 1;
}
static inline bool fp32_is_plain(u32 a)
{
	return fp32_is_normal(a) || !(a << 1);
}
static inline bool fp64_is_plain(u64 a)
{
	return fp64_is_normal(a) || !(a << 1);
}
/* As a result: normal, and above the smallest normal, which a tiny value may have been rounded up to. */
static inline bool fp32_is_safe(u32 a)
{
	return fp32_is_normal(a) && (a << 1) != 0x00800000u << 1;
}
static inline bool fp64_is_safe(u64 a)
{
	return fp64_is_normal(a) && (a << 1) != 0x0010000000000000ull << 1;
}

#define FP_HOST2(bits, type, name, expression)                                                                         \
	static inline u##bits fp##bits##_##name(u##bits a, u##bits b, u32 fpcr, u32 *fpsr)                             \
	{                                                                                                              \
		if (fp_is_fast(fpcr, fpsr) && fp##bits##_is_plain(a) && fp##bits##_is_plain(b)) {                      \
			type x = fp_host##bits(a), y = fp_host##bits(b);                                               \
			u##bits r = fp_bits##bits(expression);                                                         \
			if (likely(fp##bits##_is_safe(r)))                                                             \
				return r;                                                                              \
		}                                                                                                      \
		return (u##bits)fp_##name(FP##bits, a, b, fpcr, fpsr);                                                 \
	}
FP_HOST2(32, float, add, x + y)
FP_HOST2(64, double, add, x + y)
FP_HOST2(32, float, sub, x - y)
FP_HOST2(64, double, sub, x - y)
FP_HOST2(32, float, mul, x *y)
FP_HOST2(64, double, mul, x *y)
FP_HOST2(32, float, div, x / y)
FP_HOST2(64, double, div, x / y)
#undef FP_HOST2

#define FP_HOST_FMA(bits, type, fma)                                                                                   \
	static inline u##bits fp##bits##_muladd(u##bits c, u##bits a, u##bits b, u32 fpcr, u32 *fpsr)                  \
	{                                                                                                              \
		if (fp_is_fast(fpcr, fpsr) && fp##bits##_is_plain(a) && fp##bits##_is_plain(b) &&                      \
		    fp##bits##_is_plain(c)) {                                                                          \
			u##bits r = fp_bits##bits(fma(fp_host##bits(a), fp_host##bits(b), fp_host##bits(c)));          \
			if (likely(fp##bits##_is_safe(r)))                                                             \
				return r;                                                                              \
		}                                                                                                      \
		return (u##bits)fp_muladd(FP##bits, c, a, b, fpcr, fpsr);                                              \
	}
FP_HOST_FMA(32, float, fmaf)
FP_HOST_FMA(64, double, fma)
#undef FP_HOST_FMA

/* The root of a normal number is normal. */
static inline u32 fp32_sqrt(u32 a, u32 fpcr, u32 *fpsr)
{
	if (fp_is_fast(fpcr, fpsr) && fp32_is_normal(a) && !(a >> 31))
		return fp_bits32(sqrtf(fp_host32(a)));
	return (u32)fp_sqrt(FP32, a, fpcr, fpsr);
}
static inline u64 fp64_sqrt(u64 a, u32 fpcr, u32 *fpsr)
{
	if (fp_is_fast(fpcr, fpsr) && fp64_is_normal(a) && !(a >> 63))
		return fp_bits64(sqrt(fp_host64(a)));
	return fp_sqrt(FP64, a, fpcr, fpsr);
}

#endif
