/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD three-same, integer: vector and scalar forms, with the RDM extension and dot products.
 *                                                              [DDI0487 C4.1: Advanced SIMD three same (extra)]
 * Lanes are over a, b (sources) and c (the old destination).
 */
#include "cpu/simd.h"

#define LOOP(T, count, ...)                                                                                            \
	for (unsigned e = 0; e < (count); e++) {                                                                       \
		T a = n.T[e], b = m.T[e], c = d.T[e];                                                                  \
		(void)a, (void)b, (void)c;                                                                             \
		r.T[e] = (T)(__VA_ARGS__);                                                                             \
	}
#define OPERANDS vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), d = vget(cpu, insn->d), r = {0}

/* May set `qc`: active lanes. W is the lane's width. */
#define OPQ(name, S, function)                                                                                         \
	INLINE void lanes_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                             \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		bool qc = false;                                                                                       \
		switch (insn->z) {                                                                                     \
		case 0: LOOP(S##8, bytes, function(a, b, c, 8, &qc)) break;                                            \
		case 1: LOOP(S##16, bytes / 2, function(a, b, c, 16, &qc)) break;                                      \
		case 2: LOOP(S##32, bytes / 4, function(a, b, c, 32, &qc)) break;                                      \
		default: LOOP(S##64, bytes / 8, function(a, b, c, 64, &qc)) break;                                     \
		}                                                                                                      \
		if (qc)                                                                                                \
			cpu->fpsr |= FPSR_QC;                                                                          \
		put(cpu, insn->d, r, bytes);                                                                           \
	}

/* --- add, subtract, halve --- */
LANES_OP(ADD, u, a + b)
LANES_OP(SUB, u, a - b)
LANES_OP(SHADD, s, (a & b) + ((a ^ b) >> 1))
LANES_OP(UHADD, u, (a & b) + ((a ^ b) >> 1))
LANES_OP(SRHADD, s, (a | b) - ((a ^ b) >> 1))
LANES_OP(URHADD, u, (a | b) - ((a ^ b) >> 1))
LANES_OP(SHSUB, s, (a >> 1) - (b >> 1) - (~a & b & 1))
LANES_OP(UHSUB, u, (a >> 1) - (b >> 1) - (~a & b & 1))
LANES_VEC(ADD, is_not_1d(insn))
LANES_SCALAR(ADD, insn->z == 3)
LANES_VEC(SUB, is_not_1d(insn))
LANES_SCALAR(SUB, insn->z == 3)
LANES_VEC(SHADD, is_bhs(insn))
LANES_VEC(UHADD, is_bhs(insn))
LANES_VEC(SRHADD, is_bhs(insn))
LANES_VEC(URHADD, is_bhs(insn))
LANES_VEC(SHSUB, is_bhs(insn))
LANES_VEC(UHSUB, is_bhs(insn))

INLINE u64 sqadd(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s((s128)a + b, w, qc);
}
INLINE u64 sqsub(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s((s128)a - b, w, qc);
}
INLINE u64 uqadd(u64 a, u64 b, u64 c, unsigned w, bool *qc)
{
	return saturate_u((s128)a + b, w, qc);
}
INLINE u64 uqsub(u64 a, u64 b, u64 c, unsigned w, bool *qc)
{
	return saturate_u((s128)a - b, w, qc);
}
#define SATURATING(name, S, function)                                                                                  \
	OPQ(name, S, function)                                                                                         \
	LANES_VEC(name, is_not_1d(insn))                                                                               \
	LANES_SCALAR(name, true)
SATURATING(SQADD, s, sqadd)
SATURATING(SQSUB, s, sqsub)
SATURATING(UQADD, u, uqadd)
SATURATING(UQSUB, u, uqsub)

/* --- compare --- */
LANES_OP(CMGT, s, -(a > b))
LANES_OP(CMGE, s, -(a >= b))
LANES_OP(CMHI, u, -(a > b))
LANES_OP(CMHS, u, -(a >= b))
LANES_OP(CMEQ, u, -(a == b))
LANES_OP(CMTST, u, -((a & b) != 0))
#define COMPARE(name)                                                                                                  \
	LANES_VEC(name, is_not_1d(insn))                                                                               \
	LANES_SCALAR(name, insn->z == 3)
COMPARE(CMGT)
COMPARE(CMGE)
COMPARE(CMHI)
COMPARE(CMHS)
COMPARE(CMEQ)
COMPARE(CMTST)

/* --- minimum, maximum, absolute difference --- */
LANES_OP(SMAX, s, a > b ? a : b)
LANES_OP(SMIN, s, a < b ? a : b)
LANES_OP(UMAX, u, a > b ? a : b)
LANES_OP(UMIN, u, a < b ? a : b)
LANES_OP(SABD, s, a > b ? a - b : b - a)
LANES_OP(UABD, u, a > b ? a - b : b - a)
LANES_OP(SABA, s, c + (a > b ? a - b : b - a))
LANES_OP(UABA, u, c + (a > b ? a - b : b - a))
LANES_VEC(SMAX, is_bhs(insn))
LANES_VEC(SMIN, is_bhs(insn))
LANES_VEC(UMAX, is_bhs(insn))
LANES_VEC(UMIN, is_bhs(insn))
LANES_VEC(SABD, is_bhs(insn))
LANES_VEC(UABD, is_bhs(insn))
LANES_VEC(SABA, is_bhs(insn))
LANES_VEC(UABA, is_bhs(insn))

/* --- multiply --- */
LANES_OP(MUL, u, (u32)a * (u32)b)
LANES_OP(MLA, u, c + (u32)a * (u32)b)
LANES_OP(MLS, u, c - (u32)a * (u32)b)
LANES_VEC(MUL, is_bhs(insn))
LANES_VEC(MLA, is_bhs(insn))
LANES_VEC(MLS, is_bhs(insn))

FP_INSN_IF(PMUL_vec, insn->z == 0)
{
	OPERANDS;

	(void)d;
	for (unsigned i = 0; i < 8; i++)
		for (unsigned e = 0; e < 16; e++)
			r.u8[e] ^= (u8)((n.u8[e] << i) & -(m.u8[e] >> i & 1));
	put(cpu, insn->d, r, q_bytes(insn));
}

INLINE u64 sqdmulh(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s(((s128)a * b * 2) >> w, w, qc);
}
INLINE u64 sqrdmulh(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s(((s128)a * b * 2 + ((s128)1 << (w - 1))) >> w, w, qc);
}
INLINE u64 sqrdmlah(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s((((s128)c << w) + (s128)a * b * 2 + ((s128)1 << (w - 1))) >> w, w, qc);
}
INLINE u64 sqrdmlsh(s64 a, s64 b, s64 c, unsigned w, bool *qc)
{
	return (u64)saturate_s((((s128)c << w) - (s128)a * b * 2 + ((s128)1 << (w - 1))) >> w, w, qc);
}
#define MULTIPLY_HIGH(name, function)                                                                                  \
	OPQ(name, s, function)                                                                                         \
	LANES_VEC(name, is_hs(insn))                                                                                   \
	LANES_SCALAR(name, is_hs(insn))
MULTIPLY_HIGH(SQDMULH, sqdmulh)
MULTIPLY_HIGH(SQRDMULH, sqrdmulh)
MULTIPLY_HIGH(SQRDMLAH, sqrdmlah)
MULTIPLY_HIGH(SQRDMLSH, sqrdmlsh)

/* --- shift by register: the lowest byte of b, signed --- */
INLINE u64 shift_by_register(s128 v, s8 shift, unsigned w, bool is_unsigned, bool round, bool saturate, bool *qc)
{
	if (shift >= 0) {
		if (shift >= (int)w) {
			if (!v || !saturate)
				return 0;
			v = v < 0 ? -((s128)1 << 100) : (s128)1 << 100;
		} else {
			v = (s128)((u128)v << shift);
		}
	} else {
		unsigned right = (unsigned)MIN(-shift, (int)w + 1);
		if (round)
			v += (s128)1 << (right - 1);
		v >>= right;
	}
	if (!saturate)
		return (u64)v;
	return is_unsigned ? saturate_u(v, w, qc) : (u64)saturate_s(v, w, qc);
}
#define SHIFT(name, S, is_unsigned, round, saturate)                                                                   \
	INLINE u64 shift_##name(S##64 a, S##64 b, S##64 c, unsigned w, bool *qc)                                       \
	{                                                                                                              \
		return shift_by_register(a, (s8)b, w, is_unsigned, round, saturate, qc);                               \
	}                                                                                                              \
	OPQ(name, S, shift_##name)                                                                                     \
	LANES_VEC(name, is_not_1d(insn))                                                                               \
	LANES_SCALAR(name, saturate || insn->z == 3)
SHIFT(SSHL, s, false, false, false)
SHIFT(USHL, u, true, false, false)
SHIFT(SRSHL, s, false, true, false)
SHIFT(URSHL, u, true, true, false)
SHIFT(SQSHL, s, false, false, true)
SHIFT(UQSHL, u, true, false, true)
SHIFT(SQRSHL, s, false, true, true)
SHIFT(UQRSHL, u, true, true, true)

/* --- bitwise --- */
#define LOGICAL(name, ...)                                                                                             \
	FP_INSN(name##_vec)                                                                                            \
	{                                                                                                              \
		u128 a = cpu->v[insn->n], b = cpu->v[insn->m], c = cpu->v[insn->d];                                    \
		(void)c;                                                                                               \
		put(cpu, insn->d, (vec){.u128 = (__VA_ARGS__)}, q_bytes(insn));                                        \
	}
LOGICAL(AND, a &b)
LOGICAL(BIC, a & ~b)
LOGICAL(ORR, a | b)
LOGICAL(ORN, a | ~b)
LOGICAL(EOR, a ^ b)
LOGICAL(BSL, (c & a) | (~c & b))
LOGICAL(BIT, (a & b) | (c & ~b))
LOGICAL(BIF, (a & ~b) | (c & b))

/* --- pairwise: the pairs of n, then those of m --- */
#define PAIR_LOOP(T, op, bytes)                                                                                        \
	for (unsigned e = 0; e < (bytes) / (2 * sizeof(T)); e++) {                                                     \
		T a = n.T[2 * e], b = n.T[2 * e + 1];                                                                  \
		r.T[e] = (T)(op);                                                                                      \
		a = m.T[2 * e], b = m.T[2 * e + 1];                                                                    \
		r.T[e + (bytes) / (2 * sizeof(T))] = (T)(op);                                                          \
	}
#define PAIRWISE(name, S, condition, op)                                                                               \
	FP_INSN_IF(name##_vec, condition)                                                                              \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		unsigned bytes = q_bytes(insn);                                                                        \
		(void)d;                                                                                               \
		switch (insn->z) {                                                                                     \
		case 0: PAIR_LOOP(S##8, op, bytes) break;                                                              \
		case 1: PAIR_LOOP(S##16, op, bytes) break;                                                             \
		case 2: PAIR_LOOP(S##32, op, bytes) break;                                                             \
		default: PAIR_LOOP(S##64, op, bytes) break;                                                            \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}
PAIRWISE(ADDP, u, is_not_1d(insn), a + b)
PAIRWISE(SMAXP, s, is_bhs(insn), a > b ? a : b)
PAIRWISE(SMINP, s, is_bhs(insn), a < b ? a : b)
PAIRWISE(UMAXP, u, is_bhs(insn), a > b ? a : b)
PAIRWISE(UMINP, u, is_bhs(insn), a < b ? a : b)

/* --- dot products: four bytes into a word --- */
#define DOT(name, S)                                                                                                   \
	FP_INSN(name##_vec)                                                                                            \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		for (unsigned e = 0; e < 4; e++) {                                                                     \
			r.u32[e] = d.u32[e];                                                                           \
			for (unsigned k = 0; k < 4; k++)                                                               \
				r.u32[e] += (u32)(n.S##8 [4 * e + k] * m.S##8 [4 * e + k]);                            \
		}                                                                                                      \
		put(cpu, insn->d, r, q_bytes(insn));                                                                   \
	}                                                                                                              \
	FP_INSN(name##_elem)                                                                                           \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		unsigned index = insn->i;                                                                              \
		for (unsigned e = 0; e < 4; e++) {                                                                     \
			r.u32[e] = d.u32[e];                                                                           \
			for (unsigned k = 0; k < 4; k++)                                                               \
				r.u32[e] += (u32)(n.S##8 [4 * e + k] * m.S##8 [4 * index + k]);                        \
		}                                                                                                      \
		put(cpu, insn->d, r, q_bytes(insn));                                                                   \
	}
DOT(SDOT, s)
DOT(UDOT, u)
