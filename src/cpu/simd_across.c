/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD across lanes, and scalar pairwise.   [DDI0487 C4.1: Advanced SIMD across lanes, scalar pairwise]
 * Floating-point reductions go by halves (Reduce()), so that NaNs and flags come out as in the pseudocode.
 */
#include "cpu/simd.h"

/* 4H, 8H, 8B, 16B, 4S. */
INLINE bool is_across(const struct insn *insn)
{
	return insn->z <= 1 || (insn->z == 2 && insn->q);
}

#define ACROSS(name, S, out_shift, op)                                                                                 \
	FP_INSN_IF(name##_vec, is_across(insn))                                                                        \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), r = {0};                                                                   \
		unsigned width = 8u << insn->z, count = q_bytes(insn) >> insn->z;                                      \
		S##64 v = 0;                                                                                           \
		for (unsigned e = 0; e < count; e++) {                                                                 \
			u64 raw = lane_get(&n, insn->z, e);                                                            \
			S##64 x = S##64_of(raw, width);                                                                \
			v = e == 0 ? x : (op);                                                                         \
		}                                                                                                      \
		lane_put(&r, insn->z + out_shift, 0, (u64)v);                                                          \
		cpu->v[insn->d] = r.u128;                                                                              \
	}
#define s64_of(raw, width) sign_extend(raw, width)
#define u64_of(raw, width) ((void)(width), (raw))
ACROSS(ADDV, u, 0, v + x)
ACROSS(SADDLV, s, 1, v + x)
ACROSS(UADDLV, u, 1, v + x)
ACROSS(SMAXV, s, 0, v > x ? v : x)
ACROSS(SMINV, s, 0, v < x ? v : x)
ACROSS(UMAXV, u, 0, v > x ? v : x)
ACROSS(UMINV, u, 0, v < x ? v : x)

FP_INSN(ADDP_scalar)
{
	vec n = vget(cpu, insn->n);
	cpu->v[insn->d] = n.u64[0] + n.u64[1];
}

typedef u64 fp_binary(enum fp_format f, u64 a, u64 b, u32 fpcr, u32 *fpsr);

/* Pairs of neighbours by Reduce's recursion: (lower half) op (upper half). */
INLINE void fp_across(struct cpu *cpu, const struct insn *insn, enum fp_format f, unsigned count, fp_binary *op)
{
	vec n = vget(cpu, insn->n);
	u64 v[8];

	for (unsigned e = 0; e < count; e++)
		v[e] = lane_fp(&n, f, e);
	/* Reduce(a[0..N)) = op(Reduce(low half), Reduce(high half)): neighbours first. */
	for (; count > 1; count /= 2)
		for (unsigned e = 0; e < count / 2; e++)
			v[e] = op(f, v[2 * e], v[2 * e + 1], FP_ENV);
	cpu->v[insn->d] = v[0];
}
#define FP_ACROSS(name, op)                                                                                            \
	FP_INSN(name##_vec)                                                                                            \
	{                                                                                                              \
		fp_across(cpu, insn, FP32, 4, op);                                                                     \
	}                                                                                                              \
	FP_INSN(name##_vech)                                                                                           \
	{                                                                                                              \
		fp_across(cpu, insn, FP16, insn->q ? 8 : 4, op);                                                       \
	}
FP_ACROSS(FMAXNMV, fp_maxnm)
FP_ACROSS(FMINNMV, fp_minnm)
FP_ACROSS(FMAXV, fp_max)
FP_ACROSS(FMINV, fp_min)

#define FP_PAIR(name, op)                                                                                              \
	FP_INSN(name##_scalar)                                                                                         \
	{                                                                                                              \
		fp_across(cpu, insn, insn->z ? FP64 : FP32, 2, op);                                                    \
	}                                                                                                              \
	FP_INSN(name##_scalarh)                                                                                        \
	{                                                                                                              \
		fp_across(cpu, insn, FP16, 2, op);                                                                     \
	}
FP_PAIR(FADDP, fp_add)
FP_PAIR(FMAXNMP, fp_maxnm)
FP_PAIR(FMINNMP, fp_minnm)
FP_PAIR(FMAXP, fp_max)
FP_PAIR(FMINP, fp_min)
