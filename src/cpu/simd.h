/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the FP and Advanced SIMD files share: views of a V register, the access check, lanes, templates of functions.
 *
 * Integer operations that set no flag compute all 16 bytes and keep what the form asks for (`put`): constant trip
 * counts, which gcc vectorises. Whatever can set QC or an FP flag visits active lanes only.
 */
#ifndef CPU_SIMD_H
#define CPU_SIMD_H

#include "cpu/decode.h"
#include "cpu/softfp.h"
#include "cpu/state.h"

/* A V register; a member is named as its lane type. */
typedef union {
	u128 u128;
	u8 u8[16];
	s8 s8[16];
	u16 u16[8];
	s16 s16[8];
	u32 u32[4];
	s32 s32[4];
	u64 u64[2];
	s64 s64[2];
} vec;

#define INLINE static inline __attribute__((always_inline))

/* Trap of FP and SIMD: CV = 1, COND = 0b1110. [DDI0487 ESR_EL1, ISS for EC 0x07] */
#define FP_ACCESS_ISS (1u << 24 | 0xeu << 20)

/* FP_INSN(NAME) { ... }: the body of exec_NAME, behind the access check. FP_INSN_IF also makes prep_NAME. */
#define FP_INSN(name)                                                                                                  \
	INLINE void do_##name(struct cpu *cpu, const struct insn *insn);                                               \
	void exec_##name(struct cpu *cpu, const struct insn *insn)                                                     \
	{                                                                                                              \
		if (likely(cpu->fp_enabled))                                                                           \
			do_##name(cpu, insn);                                                                          \
		else                                                                                                   \
			cpu_raise(cpu, EC_FP_ACCESS, FP_ACCESS_ISS);                                                   \
	}                                                                                                              \
	INLINE void do_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name, condition)                                                                                          \
	bool prep_##name(struct insn *insn)                                                                            \
	{                                                                                                              \
		return condition;                                                                                      \
	}
#define FP_INSN_IF(name, condition)                                                                                    \
	PREP(name, condition)                                                                                          \
	FP_INSN(name)

INLINE vec vget(const struct cpu *cpu, unsigned n)
{
	return (vec){.u128 = cpu->v[n]};
}

/* Writes the low `bytes` (1, 2, 4, 8, 16) of r and zeroes the rest. */
INLINE void put(struct cpu *cpu, unsigned d, vec r, unsigned bytes)
{
	if (bytes == 16)
		cpu->v[d] = r.u128;
	else if (bytes == 8)
		cpu->v[d] = r.u64[0];
	else
		cpu->v[d] = r.u64[0] & ((1ull << bytes * 8) - 1);
}

INLINE unsigned q_bytes(const struct insn *insn)
{
	return insn->q ? 16 : 8;
}

INLINE u64 lane_get(const vec *v, unsigned size_log2, unsigned e)
{
	switch (size_log2) {
	case 0: return v->u8[e];
	case 1: return v->u16[e];
	case 2: return v->u32[e];
	default: return v->u64[e];
	}
}

INLINE void lane_put(vec *v, unsigned size_log2, unsigned e, u64 value)
{
	switch (size_log2) {
	case 0: v->u8[e] = (u8)value; break;
	case 1: v->u16[e] = (u16)value; break;
	case 2: v->u32[e] = (u32)value; break;
	default: v->u64[e] = value; break;
	}
}

/* v clamped to `width` bits; *qc is set when it did not fit. */
INLINE s64 saturate_s(s128 v, unsigned width, bool *qc)
{
	s128 max = ((s128)1 << (width - 1)) - 1;

	if (v > max || v < -max - 1) {
		*qc = true;
		v = v < 0 ? -max - 1 : max;
	}
	return (s64)v;
}
INLINE u64 saturate_u(s128 v, unsigned width, bool *qc)
{
	s128 max = ((s128)1 << width) - 1;

	if (v > max || v < 0) {
		*qc = true;
		v = v < 0 ? 0 : max;
	}
	return (u64)v;
}

/* Whether a vector with size `z` exists: all but 1D; not 64-bit lanes; 16 or 32 bits. */
INLINE bool is_not_1d(const struct insn *insn)
{
	return insn->z != 3 || insn->q;
}
INLINE bool is_bhs(const struct insn *insn)
{
	return insn->z != 3;
}
INLINE bool is_hs(const struct insn *insn)
{
	return insn->z == 1 || insn->z == 2;
}

/*
 * Integer operations written once for all lane sizes. A file says what a lane's operands are, by OPERANDS and
 * LOOP(T, count, result); LANES_OP(name, S, result) then makes lanes_NAME over lanes of type s8..s64 (S = s) or u8..u64
 * (S = u), and LANES_VEC and LANES_SCALAR make the instructions from it.
 */
#define EACH_SIZE(S, bytes, ...)                                                                                       \
	switch (insn->z) {                                                                                             \
	case 0: LOOP(S##8, (bytes), __VA_ARGS__) break;                                                                \
	case 1: LOOP(S##16, (bytes) / 2, __VA_ARGS__) break;                                                           \
	case 2: LOOP(S##32, (bytes) / 4, __VA_ARGS__) break;                                                           \
	default: LOOP(S##64, (bytes) / 8, __VA_ARGS__) break;                                                          \
	}
#define LANES_OP(name, S, ...)                                                                                         \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                             \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		EACH_SIZE(S, 16, __VA_ARGS__)                                                                          \
		put(cpu, insn->d, r, bytes);                                                                           \
	}
#define LANES_VEC(name, condition)                                                                                     \
	FP_INSN_IF(name##_vec, condition)                                                                              \
	{                                                                                                              \
		lanes_##name(cpu, insn, q_bytes(insn));                                                                \
	}
#define LANES_SCALAR(name, condition)                                                                                  \
	FP_INSN_IF(name##_scalar, condition)                                                                           \
	{                                                                                                              \
		lanes_##name(cpu, insn, 1u << insn->z);                                                                \
	}

/* --- floating point lanes: `f` is a constant where these are called, so each becomes one path --- */

#define FP_ENV cpu->fpcr, &cpu->fpsr

INLINE u64 lane_fp(const vec *v, enum fp_format f, unsigned e)
{
	return lane_get(v, (unsigned)f + 1, e);
}
INLINE void lane_fp_put(vec *v, enum fp_format f, unsigned e, u64 value)
{
	lane_put(v, (unsigned)f + 1, e, value);
}

#define FP_BY_FORMAT(name)                                                                                             \
	INLINE u64 fpx_##name(struct cpu *cpu, enum fp_format f, u64 a, u64 b)                                         \
	{                                                                                                              \
		return f == FP32   ? fp32_##name((u32)a, (u32)b, FP_ENV)                                               \
		       : f == FP64 ? fp64_##name(a, b, FP_ENV)                                                         \
				   : fp_##name(f, a, b, FP_ENV);                                                       \
	}
FP_BY_FORMAT(add)
FP_BY_FORMAT(sub)
FP_BY_FORMAT(mul)
FP_BY_FORMAT(div)
#undef FP_BY_FORMAT
INLINE u64 fpx_muladd(struct cpu *cpu, enum fp_format f, u64 c, u64 a, u64 b)
{
	return f == FP32   ? fp32_muladd((u32)c, (u32)a, (u32)b, FP_ENV)
	       : f == FP64 ? fp64_muladd(c, a, b, FP_ENV)
			   : fp_muladd(f, c, a, b, FP_ENV);
}
INLINE u64 fpx_sqrt(struct cpu *cpu, enum fp_format f, u64 a)
{
	return f == FP32   ? fp32_sqrt((u32)a, FP_ENV)
	       : f == FP64 ? fp64_sqrt(a, FP_ENV)
			   : fp_sqrt(f, a, FP_ENV);
}

/* The constant that FMOV (immediate) and MOVI expand from 8 bits. [VFPExpandImm] */
INLINE u64 fp_expand_imm(enum fp_format f, unsigned imm8)
{
	u64 sign = imm8 >> 7, b = imm8 >> 6 & 1, low = imm8 & 0x3f;

	switch (f) {
	case FP16: return sign << 15 | (b ^ 1) << 14 | (b ? 3ull : 0) << 12 | low << 6;
	case FP32: return sign << 31 | (b ^ 1) << 30 | (b ? 0x1full : 0) << 25 | low << 19;
	default: return sign << 63 | (b ^ 1) << 62 | (b ? 0xffull : 0) << 54 | low << 48;
	}
}

#endif
