/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD two-register miscellaneous, integer: reversals, counts, absolute values, compares with zero, pairwise
 * long additions, narrowing, estimates.        [DDI0487 C4.1: Advanced SIMD (scalar) two-register miscellaneous]
 */
#include "cpu/simd.h"

#define LOOP(T, count, ...)                                                                                            \
	for (unsigned e = 0; e < (count); e++) {                                                                       \
		T a = n.T[e], c = d.T[e];                                                                              \
		(void)c;                                                                                               \
		r.T[e] = (T)(__VA_ARGS__);                                                                             \
	}
#define OPERANDS vec n = vget(cpu, insn->n), d = vget(cpu, insn->d), r = {0}
#define OPQ(name, S, ...)                                                                                              \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                             \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		bool qc = false;                                                                                       \
		const unsigned w = 8u << insn->z;                                                                      \
		EACH_SIZE(S, bytes, __VA_ARGS__)                                                                       \
		if (qc)                                                                                                \
			cpu->fpsr |= FPSR_QC;                                                                          \
		put(cpu, insn->d, r, bytes);                                                                           \
	}

/* --- absolute value, negation, compare with zero --- */
LANES_OP(ABS, s, a < 0 ? -(u64)a : (u64)a)
LANES_OP(NEG, u, -a)
LANES_OP(CMGT0, s, -(a > 0))
LANES_OP(CMGE0, s, -(a >= 0))
LANES_OP(CMEQ0, s, -(a == 0))
LANES_OP(CMLE0, s, -(a <= 0))
LANES_OP(CMLT0, s, -(a < 0))
#define BOTH(name)                                                                                                     \
	LANES_VEC(name, is_not_1d(insn))                                                                               \
	LANES_SCALAR(name, insn->z == 3)
BOTH(ABS)
BOTH(NEG)
BOTH(CMGT0)
BOTH(CMGE0)
BOTH(CMEQ0)
BOTH(CMLE0)
BOTH(CMLT0)

/* --- saturating: SUQADD takes an unsigned source into a signed sum, USQADD the other way --- */
OPQ(SQABS, s, saturate_s(a < 0 ? -(s128)a : a, w, &qc))
OPQ(SQNEG, s, saturate_s(-(s128)a, w, &qc))
OPQ(SUQADD, u, saturate_s((s128)a + sign_extend(c, w), w, &qc))
OPQ(USQADD, u, saturate_u((s128)c + sign_extend(a, w), w, &qc))
#define BOTHQ(name)                                                                                                    \
	LANES_VEC(name, is_not_1d(insn))                                                                               \
	LANES_SCALAR(name, true)
BOTHQ(SQABS)
BOTHQ(SQNEG)
BOTHQ(SUQADD)
BOTHQ(USQADD)

/* --- counts and bits --- */
#define WIDTH ((unsigned)sizeof(a) * 8)
LANES_OP(CLZ, u, a ? (unsigned)__builtin_clzll(a) - (64 - WIDTH) : WIDTH)
LANES_OP(CLS, s, __builtin_clrsbll(a) - (int)(64 - WIDTH))
LANES_OP(CNT, u, __builtin_popcount((u8)a))
LANES_OP(NOT, u, ~a)
LANES_VEC(CLZ, is_bhs(insn))
LANES_VEC(CLS, is_bhs(insn))
LANES_VEC(CNT, insn->z == 0)
LANES_VEC(NOT, insn->z == 0)
FP_INSN(RBIT_vec)
{
	vec n = vget(cpu, insn->n);

	for (unsigned e = 0; e < 2; e++) {
		u64 v = n.u64[e];
		v = (v >> 1 & 0x5555555555555555ull) | (v & 0x5555555555555555ull) << 1;
		v = (v >> 2 & 0x3333333333333333ull) | (v & 0x3333333333333333ull) << 2;
		n.u64[e] = (v >> 4 & 0x0f0f0f0f0f0f0f0full) | (v & 0x0f0f0f0f0f0f0f0full) << 4;
	}
	put(cpu, insn->d, n, q_bytes(insn));
}

/* --- REV: lanes of size z change places inside containers --- */
INLINE void reverse(struct cpu *cpu, const struct insn *insn, unsigned container_bytes)
{
	vec n = vget(cpu, insn->n), r;
	unsigned flip = container_bytes - (1u << insn->z); /* byte index ^ flip: reversed lanes, bytes kept */

	for (unsigned e = 0; e < 16; e++)
		r.u8[e] = n.u8[e ^ flip];
	put(cpu, insn->d, r, q_bytes(insn));
}
FP_INSN_IF(REV64_vec, is_bhs(insn))
{
	reverse(cpu, insn, 8);
}
FP_INSN_IF(REV32_vec, insn->z <= 1)
{
	reverse(cpu, insn, 4);
}
FP_INSN_IF(REV16_vec, insn->z == 0)
{
	reverse(cpu, insn, 2);
}

/* --- pairwise long additions --- */
#define PAIR_LONG(W, T, base)                                                                                          \
	for (unsigned e = 0; e < 16 / sizeof(W); e++)                                                                  \
		r.W[e] = (W)((base ? d.W[e] : 0) + (W)n.T[2 * e] + (W)n.T[2 * e + 1]);
#define ADD_LONG_PAIRS(name, S, accumulate)                                                                            \
	FP_INSN_IF(name##_vec, is_bhs(insn))                                                                           \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		(void)d;                                                                                               \
		switch (insn->z) {                                                                                     \
		case 0: PAIR_LONG(S##16, S##8, accumulate) break;                                                      \
		case 1: PAIR_LONG(S##32, S##16, accumulate) break;                                                     \
		default: PAIR_LONG(S##64, S##32, accumulate) break;                                                    \
		}                                                                                                      \
		put(cpu, insn->d, r, q_bytes(insn));                                                                   \
	}
ADD_LONG_PAIRS(SADDLP, s, false)
ADD_LONG_PAIRS(UADDLP, u, false)
ADD_LONG_PAIRS(SADALP, s, true)
ADD_LONG_PAIRS(UADALP, u, true)

/* --- narrowing: lanes of 2 << z bytes become 1 << z; the upper half form keeps the low half of the destination --- */
INLINE void narrow(struct cpu *cpu, const struct insn *insn, bool scalar, u64 (*op)(u64 wide, unsigned width, bool *qc))
{
	vec n = vget(cpu, insn->n), r = {0};
	unsigned count = scalar ? 1 : 8u >> insn->z, width = 8u << insn->z;
	bool qc = false;

	for (unsigned e = 0; e < count; e++)
		lane_put(&r, insn->z, e, op(lane_get(&n, insn->z + 1u, e), width, &qc));
	if (qc)
		cpu->fpsr |= FPSR_QC;
	if (!scalar && insn->q)
		cpu->v[insn->d] = (u64)cpu->v[insn->d] | (u128)r.u64[0] << 64;
	else
		cpu->v[insn->d] = r.u64[0];
}
INLINE u64 narrow_xtn(u64 v, unsigned w, bool *qc)
{
	return v;
}
INLINE u64 narrow_sqxtn(u64 v, unsigned w, bool *qc)
{
	return (u64)saturate_s(sign_extend(v, 2 * w), w, qc);
}
INLINE u64 narrow_sqxtun(u64 v, unsigned w, bool *qc)
{
	return saturate_u(sign_extend(v, 2 * w), w, qc);
}
INLINE u64 narrow_uqxtn(u64 v, unsigned w, bool *qc)
{
	return saturate_u(v, w, qc);
}
FP_INSN_IF(XTN_vec, is_bhs(insn))
{
	narrow(cpu, insn, false, narrow_xtn);
}
#define NARROW(name, function)                                                                                         \
	FP_INSN_IF(name##_vec, is_bhs(insn))                                                                           \
	{                                                                                                              \
		narrow(cpu, insn, false, function);                                                                    \
	}                                                                                                              \
	FP_INSN_IF(name##_scalar, is_bhs(insn))                                                                        \
	{                                                                                                              \
		narrow(cpu, insn, true, function);                                                                     \
	}
NARROW(SQXTN, narrow_sqxtn)
NARROW(SQXTUN, narrow_sqxtun)
NARROW(UQXTN, narrow_uqxtn)

/* Widens the lower or upper half and shifts by the lane's own width. */
FP_INSN_IF(SHLL_vec, is_bhs(insn))
{
	vec n = vget(cpu, insn->n), r = {0};
	unsigned count = 8u >> insn->z, width = 8u << insn->z;

	for (unsigned e = 0; e < count; e++)
		lane_put(&r, insn->z + 1u, e, lane_get(&n, insn->z, e + (insn->q ? count : 0)) << width);
	cpu->v[insn->d] = r.u128;
}

FP_INSN(URECPE_vec)
{
	vec n = vget(cpu, insn->n);

	for (unsigned e = 0; e < 4; e++)
		n.u32[e] = fp_unsigned_recip_estimate(n.u32[e]);
	put(cpu, insn->d, n, q_bytes(insn));
}
FP_INSN(URSQRTE_vec)
{
	vec n = vget(cpu, insn->n);

	for (unsigned e = 0; e < 4; e++)
		n.u32[e] = fp_unsigned_rsqrt_estimate(n.u32[e]);
	put(cpu, insn->d, n, q_bytes(insn));
}
