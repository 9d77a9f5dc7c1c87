/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD floating point: three-same, two-register miscellaneous and by-element forms, vector and scalar, in all
 * three formats; complex arithmetic (FCMA).                        [DDI0487 C4.1: Advanced SIMD ... FP16, extra]
 * Each operation has up to four rows: _vec and _scalar (z: 0 single, 1 double), _vech and _scalarh (half precision).
 */
#include "cpu/simd.h"

/* Runs body(cpu, insn, f, bytes) with constants for each form. */
#define FORMS_VEC(name, lanes)                                                                                         \
	FP_INSN_IF(name##_vec, insn->z == 0 || insn->q)                                                                \
	{                                                                                                              \
		if (insn->z)                                                                                           \
			lanes(cpu, insn, FP64, 16);                                                                    \
		else if (insn->q)                                                                                      \
			lanes(cpu, insn, FP32, 16);                                                                    \
		else                                                                                                   \
			lanes(cpu, insn, FP32, 8);                                                                     \
	}                                                                                                              \
	FP_INSN(name##_vech)                                                                                           \
	{                                                                                                              \
		lanes(cpu, insn, FP16, q_bytes(insn));                                                                 \
	}
#define FORMS_SCALAR(name, lanes)                                                                                      \
	FP_INSN(name##_scalar)                                                                                         \
	{                                                                                                              \
		if (insn->z)                                                                                           \
			lanes(cpu, insn, FP64, 8);                                                                     \
		else                                                                                                   \
			lanes(cpu, insn, FP32, 4);                                                                     \
	}                                                                                                              \
	FP_INSN(name##_scalarh)                                                                                        \
	{                                                                                                              \
		lanes(cpu, insn, FP16, 2);                                                                             \
	}
#define FORMS(name, lanes)                                                                                             \
	FORMS_VEC(name, lanes)                                                                                         \
	FORMS_SCALAR(name, lanes)

/* --- three same: a, b sources, c the old destination --- */
#define LANES3(name, ...)                                                                                              \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, enum fp_format f, unsigned bytes)           \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), d = vget(cpu, insn->d), r = {0};                   \
		for (unsigned e = 0; e < bytes * 8 / fp_width(f); e++) {                                               \
			u64 a = lane_fp(&n, f, e), b = lane_fp(&m, f, e), c = lane_fp(&d, f, e);                       \
			(void)c;                                                                                       \
			lane_fp_put(&r, f, e, __VA_ARGS__);                                                            \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}
#define VEC3(name, ...)                                                                                                \
	LANES3(name, __VA_ARGS__)                                                                                      \
	FORMS_VEC(name, lanes_##name)
#define BOTH3(name, ...)                                                                                               \
	LANES3(name, __VA_ARGS__)                                                                                      \
	FORMS(name, lanes_##name)
VEC3(FMAXNM, fp_maxnm(f, a, b, FP_ENV))
VEC3(FMINNM, fp_minnm(f, a, b, FP_ENV))
VEC3(FMAX, fp_max(f, a, b, FP_ENV))
VEC3(FMIN, fp_min(f, a, b, FP_ENV))
VEC3(FADD, fpx_add(cpu, f, a, b))
VEC3(FSUB, fpx_sub(cpu, f, a, b))
VEC3(FMUL, fpx_mul(cpu, f, a, b))
VEC3(FDIV, fpx_div(cpu, f, a, b))
VEC3(FMLA, fpx_muladd(cpu, f, c, a, b))
VEC3(FMLS, fpx_muladd(cpu, f, c, fp_neg(f, a), b))
BOTH3(FMULX, fp_mulx(f, a, b, FP_ENV))
BOTH3(FABD, fp_abs(f, fpx_sub(cpu, f, a, b)))
BOTH3(FRECPS, fp_recip_step(f, a, b, FP_ENV))
BOTH3(FRSQRTS, fp_rsqrt_step(f, a, b, FP_ENV))
#define TRUTH(condition) ((condition) ? ~0ull : 0)
BOTH3(FCMEQ, TRUTH(fp_eq(f, a, b, FP_ENV)))
BOTH3(FCMGE, TRUTH(fp_ge(f, a, b, FP_ENV)))
BOTH3(FCMGT, TRUTH(fp_gt(f, a, b, FP_ENV)))
BOTH3(FACGE, TRUTH(fp_ge(f, fp_abs(f, a), fp_abs(f, b), FP_ENV)))
BOTH3(FACGT, TRUTH(fp_gt(f, fp_abs(f, a), fp_abs(f, b), FP_ENV)))

/* --- pairwise: pairs of n, then of m --- */
#define PAIRWISE(name, op)                                                                                             \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, enum fp_format f, unsigned bytes)           \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), r = {0};                                           \
		unsigned half = bytes * 4 / fp_width(f);                                                               \
		for (unsigned e = 0; e < 2 * half; e++) {                                                              \
			const vec *from = e < half ? &n : &m;                                                          \
			unsigned i = 2 * (e < half ? e : e - half);                                                    \
			lane_fp_put(&r, f, e, op(f, lane_fp(from, f, i), lane_fp(from, f, i + 1), FP_ENV));            \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}                                                                                                              \
	FORMS_VEC(name, lanes_##name)
PAIRWISE(FMAXNMP, fp_maxnm)
PAIRWISE(FMINNMP, fp_minnm)
PAIRWISE(FADDP, fp_add)
PAIRWISE(FMAXP, fp_max)
PAIRWISE(FMINP, fp_min)

/* --- two-register miscellaneous --- */
#define LANES2(name, ...)                                                                                              \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, enum fp_format f, unsigned bytes)           \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), r = {0};                                                                   \
		for (unsigned e = 0; e < bytes * 8 / fp_width(f); e++) {                                               \
			u64 a = lane_fp(&n, f, e);                                                                     \
			lane_fp_put(&r, f, e, __VA_ARGS__);                                                            \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}
#define VEC2(name, ...)                                                                                                \
	LANES2(name, __VA_ARGS__)                                                                                      \
	FORMS_VEC(name, lanes_##name)
#define BOTH2(name, ...)                                                                                               \
	LANES2(name, __VA_ARGS__)                                                                                      \
	FORMS(name, lanes_##name)
VEC2(FABS, fp_abs(f, a))
VEC2(FNEG, fp_neg(f, a))
VEC2(FSQRT, fpx_sqrt(cpu, f, a))
VEC2(FRINTN, fp_round_int(f, a, ROUND_TIEEVEN, false, FP_ENV))
VEC2(FRINTP, fp_round_int(f, a, ROUND_POSINF, false, FP_ENV))
VEC2(FRINTM, fp_round_int(f, a, ROUND_NEGINF, false, FP_ENV))
VEC2(FRINTZ, fp_round_int(f, a, ROUND_ZERO, false, FP_ENV))
VEC2(FRINTA, fp_round_int(f, a, ROUND_TIEAWAY, false, FP_ENV))
VEC2(FRINTX, fp_round_int(f, a, fpcr_round(cpu->fpcr), true, FP_ENV))
VEC2(FRINTI, fp_round_int(f, a, fpcr_round(cpu->fpcr), false, FP_ENV))
#define FRINT_N(name, mode, int_bits)                                                                                  \
	LANES2(name, fp_round_int_n(f, a, mode, int_bits, FP_ENV))                                                     \
	FP_INSN_IF(name##_vec, insn->z == 0 || insn->q)                                                                \
	{                                                                                                              \
		lanes_##name(cpu, insn, insn->z ? FP64 : FP32, q_bytes(insn));                                         \
	}
FRINT_N(FRINT32Z, ROUND_ZERO, 32)
FRINT_N(FRINT32X, fpcr_round(cpu->fpcr), 32)
FRINT_N(FRINT64Z, ROUND_ZERO, 64)
FRINT_N(FRINT64X, fpcr_round(cpu->fpcr), 64)
BOTH2(FCMGT0, TRUTH(fp_gt(f, a, 0, FP_ENV)))
BOTH2(FCMGE0, TRUTH(fp_ge(f, a, 0, FP_ENV)))
BOTH2(FCMEQ0, TRUTH(fp_eq(f, a, 0, FP_ENV)))
BOTH2(FCMLE0, TRUTH(fp_ge(f, 0, a, FP_ENV)))
BOTH2(FCMLT0, TRUTH(fp_gt(f, 0, a, FP_ENV)))
BOTH2(FRECPE, fp_recip_estimate(f, a, FP_ENV))
BOTH2(FRSQRTE, fp_rsqrt_estimate(f, a, FP_ENV))
LANES2(FRECPX, fp_recpx(f, a, FP_ENV))
FORMS_SCALAR(FRECPX, lanes_FRECPX)
#define TO_INT(name, is_unsigned, mode) BOTH2(name, fp_to_fixed(f, a, 0, is_unsigned, fp_width(f), mode, FP_ENV))
TO_INT(FCVTNS, false, ROUND_TIEEVEN)
TO_INT(FCVTNU, true, ROUND_TIEEVEN)
TO_INT(FCVTPS, false, ROUND_POSINF)
TO_INT(FCVTPU, true, ROUND_POSINF)
TO_INT(FCVTMS, false, ROUND_NEGINF)
TO_INT(FCVTMU, true, ROUND_NEGINF)
TO_INT(FCVTZS, false, ROUND_ZERO)
TO_INT(FCVTZU, true, ROUND_ZERO)
TO_INT(FCVTAS, false, ROUND_TIEAWAY)
TO_INT(FCVTAU, true, ROUND_TIEAWAY)
BOTH2(SCVTF, fp_from_fixed(f, (u64)sign_extend(a, fp_width(f)), 0, false, FP_ENV))
BOTH2(UCVTF, fp_from_fixed(f, a, 0, true, FP_ENV))

/* --- between formats: z 0 is half and single, 1 is single and double --- */
FP_INSN(FCVTL_vec)
{
	vec n = vget(cpu, insn->n), r = {0};
	enum fp_format from = insn->z ? FP32 : FP16, to = insn->z ? FP64 : FP32;
	unsigned count = insn->z ? 2 : 4;

	for (unsigned e = 0; e < count; e++)
		lane_fp_put(&r, to, e,
			    fp_convert(from, to, lane_fp(&n, from, e + (insn->q ? count : 0)), fpcr_round(cpu->fpcr),
				       FP_ENV));
	cpu->v[insn->d] = r.u128;
}
INLINE void convert_narrow(struct cpu *cpu, const struct insn *insn, enum fp_round mode)
{
	vec n = vget(cpu, insn->n), r = {0};
	enum fp_format from = insn->z ? FP64 : FP32, to = insn->z ? FP32 : FP16;
	unsigned count = insn->z ? 2 : 4;

	for (unsigned e = 0; e < count; e++)
		lane_fp_put(&r, to, e, fp_convert(from, to, lane_fp(&n, from, e), mode, FP_ENV));
	cpu->v[insn->d] = insn->q ? (u128)r.u64[0] << 64 | (u64)cpu->v[insn->d] : r.u64[0];
}
FP_INSN(FCVTN_vec)
{
	convert_narrow(cpu, insn, fpcr_round(cpu->fpcr));
}
FP_INSN_IF(FCVTXN_vec, insn->z == 1)
{
	convert_narrow(cpu, insn, ROUND_ODD);
}
FP_INSN_IF(FCVTXN_scalar, insn->z == 1)
{
	cpu->v[insn->d] = fp_convert(FP64, FP32, (u64)cpu->v[insn->n], ROUND_ODD, FP_ENV);
}

/* --- by element: to o the format, to i the index --- */
static bool fp_element(struct insn *insn)
{
	if (insn->z == 0) { /* half: H:L:M, Rm has 4 bits */
		insn->o = FP16;
		insn->i = (unsigned)insn->h << 2 | (unsigned)insn->l << 1 | insn->m >> 4;
		insn->m &= 15;
		return true;
	}
	insn->o = insn->z == 2 ? FP32 : FP64;
	insn->i = insn->z == 2 ? (unsigned)insn->h << 1 | insn->l : insn->h;
	return insn->z == 2 || (insn->z == 3 && !insn->l);
}
#define ELEMENT(name, ...)                                                                                             \
	INLINE void elem_##name(struct cpu *cpu, const struct insn *insn, enum fp_format f, unsigned bytes)            \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), d = vget(cpu, insn->d), r = {0};                   \
		u64 b = lane_fp(&m, f, insn->i);                                                                       \
		for (unsigned e = 0; e < bytes * 8 / fp_width(f); e++) {                                               \
			u64 a = lane_fp(&n, f, e), c = lane_fp(&d, f, e);                                              \
			(void)c;                                                                                       \
			lane_fp_put(&r, f, e, __VA_ARGS__);                                                            \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}                                                                                                              \
	FP_INSN_IF(name##_elem, fp_element(insn) && (insn->o != FP64 || insn->q))                                      \
	{                                                                                                              \
		switch (insn->o) {                                                                                     \
		case FP16: elem_##name(cpu, insn, FP16, q_bytes(insn)); break;                                         \
		case FP32: elem_##name(cpu, insn, FP32, q_bytes(insn)); break;                                         \
		default: elem_##name(cpu, insn, FP64, 16); break;                                                      \
		}                                                                                                      \
	}                                                                                                              \
	FP_INSN_IF(name##_selem, fp_element(insn))                                                                     \
	{                                                                                                              \
		switch (insn->o) {                                                                                     \
		case FP16: elem_##name(cpu, insn, FP16, 2); break;                                                     \
		case FP32: elem_##name(cpu, insn, FP32, 4); break;                                                     \
		default: elem_##name(cpu, insn, FP64, 8); break;                                                       \
		}                                                                                                      \
	}
ELEMENT(FMUL, fpx_mul(cpu, f, a, b))
ELEMENT(FMULX, fp_mulx(f, a, b, FP_ENV))
ELEMENT(FMLA, fpx_muladd(cpu, f, c, a, b))
ELEMENT(FMLS, fpx_muladd(cpu, f, c, fp_neg(f, a), b))

/* --- complex numbers: even lanes real, odd ones imaginary; r counts quarter turns --- */
INLINE bool is_complex(struct insn *insn)
{
	insn->o = (u8)(insn->z - 1);
	return insn->z != 0 && is_not_1d(insn);
}
/* Rotation 0: +re+im by re of a; 90: -im, +re by im of a; and so on. */
INLINE void complex_fma(struct cpu *cpu, const struct insn *insn, enum fp_format f, vec m, int element)
{
	vec n = vget(cpu, insn->n), d = vget(cpu, insn->d), r = {0};
	unsigned bytes = q_bytes(insn), turn = insn->r;

	for (unsigned e = 0; e < bytes * 4 / fp_width(f); e++) {
		unsigned k = element < 0 ? e : (unsigned)element;
		u64 a = lane_fp(&n, f, 2 * e + (turn & 1));
		u64 re = lane_fp(&m, f, 2 * k + (turn & 1)), im = lane_fp(&m, f, 2 * k + !(turn & 1));
		if (turn == 1 || turn == 2)
			re = fp_neg(f, re);
		if (turn >= 2)
			im = fp_neg(f, im);
		lane_fp_put(&r, f, 2 * e, fpx_muladd(cpu, f, lane_fp(&d, f, 2 * e), a, re));
		lane_fp_put(&r, f, 2 * e + 1, fpx_muladd(cpu, f, lane_fp(&d, f, 2 * e + 1), a, im));
	}
	put(cpu, insn->d, r, bytes);
}
FP_INSN_IF(FCMLA_vec, is_complex(insn))
{
	complex_fma(cpu, insn, insn->o, vget(cpu, insn->m), -1);
}
/* z 1: half, index H:L; z 2: single, index H, Q = 1, L = 0. Both Rm have 5 bits. */
static bool complex_element(struct insn *insn)
{
	insn->o = (u8)(insn->z - 1);
	insn->i = insn->z == 1 ? (unsigned)insn->h << 1 | insn->l : insn->h;
	return insn->z == 1 ? !(insn->h && !insn->q) : insn->z == 2 && !insn->l && insn->q;
}
FP_INSN_IF(FCMLA_elem, complex_element(insn))
{
	complex_fma(cpu, insn, insn->o, vget(cpu, insn->m), (int)insn->i);
}
/* r: 0 is 90 degrees, 1 is 270. */
FP_INSN_IF(FCADD_vec, is_complex(insn))
{
	vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), r = {0};
	enum fp_format f = insn->o;
	unsigned bytes = q_bytes(insn);

	for (unsigned e = 0; e < bytes * 4 / fp_width(f); e++) {
		u64 re = lane_fp(&m, f, 2 * e), im = lane_fp(&m, f, 2 * e + 1);
		if (insn->r)
			re = fp_neg(f, re);
		else
			im = fp_neg(f, im);
		lane_fp_put(&r, f, 2 * e, fpx_add(cpu, f, lane_fp(&n, f, 2 * e), im));
		lane_fp_put(&r, f, 2 * e + 1, fpx_add(cpu, f, lane_fp(&n, f, 2 * e + 1), re));
	}
	put(cpu, insn->d, r, bytes);
}
