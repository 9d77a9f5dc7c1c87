/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD shifts by an immediate, and conversions with fraction bits.
 *                                             [DDI0487 C4.1: Advanced SIMD (scalar) shift by immediate]
 * i = immh:immb. The prepare functions make z, the lane size by immh's highest set bit, and i, the amount.
 */
#include "cpu/simd.h"

/* immh = 0 is another class (modified immediates): never matches here. */
static bool split(struct insn *insn, bool left)
{
	unsigned immh = insn->i >> 3;

	if (!immh)
		return false;
	insn->z = (u8)(31 - __builtin_clz(immh));
	unsigned width = 8u << insn->z;
	insn->i = left ? insn->i - width : 2 * width - insn->i;
	return true;
}
#define RIGHT split(insn, false)
#define LEFT  split(insn, true)

#define LOOP(T, count, ...)                                                                                            \
	for (unsigned e = 0; e < (count); e++) {                                                                       \
		T a = n.T[e], c = d.T[e];                                                                              \
		(void)c;                                                                                               \
		r.T[e] = (T)(__VA_ARGS__);                                                                             \
	}
#define EACH(S, bytes, ...)                                                                                            \
	switch (insn->z) {                                                                                             \
	case 0: LOOP(S##8, bytes, __VA_ARGS__) break;                                                                  \
	case 1: LOOP(S##16, (bytes) / 2, __VA_ARGS__) break;                                                           \
	case 2: LOOP(S##32, (bytes) / 4, __VA_ARGS__) break;                                                           \
	default: LOOP(S##64, (bytes) / 8, __VA_ARGS__) break;                                                          \
	}
#define OPERANDS                                                                                                       \
	vec n = vget(cpu, insn->n), d = vget(cpu, insn->d), r = {0};                                                   \
	const unsigned sh = insn->i, w = 8u << insn->z;                                                                \
	(void)w
#define FORMS(name, way, S, scalar_condition, ...)                                                                     \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                             \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		bool qc = false;                                                                                       \
		(void)qc;                                                                                              \
		EACH(S, bytes, __VA_ARGS__)                                                                            \
		if (qc)                                                                                                \
			cpu->fpsr |= FPSR_QC;                                                                          \
		put(cpu, insn->d, r, bytes);                                                                           \
	}                                                                                                              \
	FP_INSN_IF(name##_imm_vec, way && is_not_1d(insn))                                                             \
	{                                                                                                              \
		if (insn->q)                                                                                           \
			lanes_##name(cpu, insn, 16);                                                                   \
		else                                                                                                   \
			lanes_##name(cpu, insn, 8);                                                                    \
	}                                                                                                              \
	FP_INSN_IF(name##_imm_scalar, way && (scalar_condition))                                                       \
	{                                                                                                              \
		lanes_##name(cpu, insn, 1u << insn->z);                                                                \
	}
/* Right shifts reach the lane's width. In two steps, the last bit apart: no over-long shifts of C. */
#define SHR(a) ((a) >> (sh - 1) >> 1)
#define RSHR(a) (((a) >> (sh - 1) >> 1) + ((a) >> (sh - 1) & 1))
#define D_ONLY insn->z == 3
FORMS(SSHR, RIGHT, s, D_ONLY, SHR(a))
FORMS(USHR, RIGHT, u, D_ONLY, SHR(a))
FORMS(SSRA, RIGHT, s, D_ONLY, c + SHR(a))
FORMS(USRA, RIGHT, u, D_ONLY, c + SHR(a))
FORMS(SRSHR, RIGHT, s, D_ONLY, RSHR(a))
FORMS(URSHR, RIGHT, u, D_ONLY, RSHR(a))
FORMS(SRSRA, RIGHT, s, D_ONLY, c + RSHR(a))
FORMS(URSRA, RIGHT, u, D_ONLY, c + RSHR(a))
FORMS(SHL, LEFT, u, D_ONLY, a << sh)
FORMS(SRI, RIGHT, u, D_ONLY, sh >= w ? c : (u64)SHR(a) | (c & ~(ones(w) >> sh)))
FORMS(SLI, LEFT, u, D_ONLY, ((u64)a << sh) | (c & ones(sh)))
FORMS(SQSHL, LEFT, s, true, saturate_s((s128)a << sh, w, &qc))
FORMS(UQSHL, LEFT, u, true, saturate_u((s128)((u128)a << sh), w, &qc))
FORMS(SQSHLU, LEFT, s, true, saturate_u((s128)a << sh, w, &qc))

/* --- narrowing right shifts: from lanes of 2 << z bytes; the upper form keeps the destination's low half --- */
INLINE void narrow(struct cpu *cpu, const struct insn *insn, bool scalar, bool is_signed, bool round, int saturation)
{
	vec n = vget(cpu, insn->n), r = {0};
	unsigned count = scalar ? 1 : 8u >> insn->z, width = 8u << insn->z, sh = insn->i;
	bool qc = false;

	for (unsigned e = 0; e < count; e++) {
		u64 raw = lane_get(&n, insn->z + 1u, e), out;
		s128 v = is_signed ? (s128)sign_extend(raw, 2 * width) : (s128)raw;
		v = (v + (round ? (s128)1 << (sh - 1) : 0)) >> sh;
		out = saturation == 0   ? (u64)v
		      : saturation == 1 ? (u64)saturate_s(v, width, &qc)
					: saturate_u(v, width, &qc);
		lane_put(&r, insn->z, e, out);
	}
	if (qc)
		cpu->fpsr |= FPSR_QC;
	if (!scalar && insn->q)
		cpu->v[insn->d] = (u64)cpu->v[insn->d] | (u128)r.u64[0] << 64;
	else
		cpu->v[insn->d] = r.u64[0];
}
#define NARROW_VEC(name, is_signed, round, saturation)                                                                 \
	FP_INSN_IF(name##_vec, RIGHT &&insn->z <= 2)                                                                   \
	{                                                                                                              \
		narrow(cpu, insn, false, is_signed, round, saturation);                                                \
	}
#define NARROW(name, is_signed, round, saturation)                                                                     \
	NARROW_VEC(name, is_signed, round, saturation)                                                                 \
	FP_INSN_IF(name##_scalar, RIGHT &&insn->z <= 2)                                                                \
	{                                                                                                              \
		narrow(cpu, insn, true, is_signed, round, saturation);                                                 \
	}
NARROW_VEC(SHRN, false, false, 0)
NARROW_VEC(RSHRN, false, true, 0)
NARROW(SQSHRN, true, false, 1)
NARROW(SQRSHRN, true, true, 1)
NARROW(SQSHRUN, true, false, 2)
NARROW(SQRSHRUN, true, true, 2)
NARROW(UQSHRN, false, false, 2)
NARROW(UQRSHRN, false, true, 2)

/* --- widening left shifts --- */
#define WIDEN(W, T)                                                                                                    \
	for (unsigned e = 0; e < 16 / sizeof(W); e++)                                                                  \
		r.W[e] = (W)((W)n.T[e + (insn->q ? 16 / sizeof(W) : 0)] << insn->i);
#define SHIFT_LONG(name, S)                                                                                            \
	FP_INSN_IF(name##_vec, LEFT &&insn->z <= 2)                                                                    \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), r;                                                                         \
		switch (insn->z) {                                                                                     \
		case 0: WIDEN(S##16, S##8) break;                                                                      \
		case 1: WIDEN(S##32, S##16) break;                                                                     \
		default: WIDEN(S##64, S##32) break;                                                                    \
		}                                                                                                      \
		cpu->v[insn->d] = r.u128;                                                                              \
	}
SHIFT_LONG(SSHLL, s)
SHIFT_LONG(USHLL, u)

/* --- conversions with fixed point: z 1, 2, 3 are FP16, FP32, FP64; i fraction bits --- */
#define FIXED(name, ...)                                                                                               \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                             \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), r = {0};                                                                   \
		enum fp_format f = (enum fp_format)(insn->z - 1);                                                      \
		for (unsigned e = 0; e < bytes >> insn->z; e++) {                                                      \
			u64 a = lane_get(&n, insn->z, e);                                                              \
			lane_put(&r, insn->z, e, __VA_ARGS__);                                                         \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}                                                                                                              \
	FP_INSN_IF(name##_fixed_vec, RIGHT &&insn->z >= 1 && is_not_1d(insn))                                          \
	{                                                                                                              \
		lanes_##name(cpu, insn, q_bytes(insn));                                                                \
	}                                                                                                              \
	FP_INSN_IF(name##_fixed_scalar, RIGHT &&insn->z >= 1)                                                          \
	{                                                                                                              \
		lanes_##name(cpu, insn, 1u << insn->z);                                                                \
	}
FIXED(SCVTF, fp_from_fixed(f, (u64)sign_extend(a, fp_width(f)), insn->i, false, FP_ENV))
FIXED(UCVTF, fp_from_fixed(f, a, insn->i, true, FP_ENV))
FIXED(FCVTZS, fp_to_fixed(f, a, insn->i, false, fp_width(f), ROUND_ZERO, FP_ENV))
FIXED(FCVTZU, fp_to_fixed(f, a, insn->i, true, fp_width(f), ROUND_ZERO, FP_ENV))
