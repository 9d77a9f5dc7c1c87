/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD three-different: long, wide and narrow forms; the long multiplies and the multiplies by element.
 *                                [DDI0487 C4.1: Advanced SIMD (scalar) three different, x indexed element]
 * Long forms take the lower half of their sources, or the upper one when q is set.
 */
#include "cpu/simd.h"

#define OPERANDS vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), d = vget(cpu, insn->d), r = {0}

/* For each wide lane: x from the narrow lane of n, y from that of m, w from the wide lane of n, c from d. */
#define LONG_LOOP(W, T, ...)                                                                                           \
	{                                                                                                              \
		const unsigned count = 16 / sizeof(W), from = insn->q ? count : 0;                                     \
		for (unsigned e = 0; e < count; e++) {                                                                 \
			W x = (W)n.T[from + e], y = (W)m.T[from + e], w = n.W[e], c = d.W[e];                          \
			(void)x, (void)y, (void)w, (void)c;                                                            \
			r.W[e] = (W)(__VA_ARGS__);                                                                     \
		}                                                                                                      \
		break;                                                                                                 \
	}
#define LONG_BODY(S, ...)                                                                                              \
	switch (insn->z) {                                                                                             \
	case 0: LONG_LOOP(S##16, S##8, __VA_ARGS__)                                                                    \
	case 1: LONG_LOOP(S##32, S##16, __VA_ARGS__)                                                                   \
	default: LONG_LOOP(S##64, S##32, __VA_ARGS__)                                                                  \
	}
#define LONG(name, S, ...)                                                                                             \
	FP_INSN_IF(name##_vec, is_bhs(insn))                                                                           \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		LONG_BODY(S, __VA_ARGS__)                                                                              \
		cpu->v[insn->d] = r.u128;                                                                              \
	}
LONG(SADDL, s, x + y)
LONG(UADDL, u, x + y)
LONG(SSUBL, s, x - y)
LONG(USUBL, u, x - y)
LONG(SADDW, s, w + y)
LONG(UADDW, u, w + y)
LONG(SSUBW, s, w - y)
LONG(USUBW, u, w - y)
LONG(SABDL, s, x > y ? x - y : y - x)
LONG(UABDL, u, x > y ? x - y : y - x)
LONG(SABAL, s, c + (x > y ? x - y : y - x))
LONG(UABAL, u, c + (x > y ? x - y : y - x))
LONG(SMULL, s, x *y)
LONG(SMLAL, s, c + x * y)
LONG(SMLSL, s, c - x * y)
/* 16-bit lanes are promoted to int: (u32) keeps 0xffff * 0xffff defined; 64-bit lanes hold 32-bit values. */
#define UMUL(x, y) ((u64)(x) * (u64)(y))
LONG(UMULL, u, UMUL(x, y))
LONG(UMLAL, u, c + UMUL(x, y))
LONG(UMLSL, u, c - UMUL(x, y))

/* --- narrow: the upper half of sums of wide lanes --- */
#define NARROW_LOOP(W, T, op, round)                                                                                   \
	{                                                                                                              \
		const unsigned half = sizeof(T) * 8;                                                                   \
		for (unsigned e = 0; e < 16 / sizeof(W); e++) {                                                        \
			W a = n.W[e], b = m.W[e];                                                                      \
			r.T[e] = (T)((W)((op) + (round ? (W)1 << (half - 1) : 0)) >> half);                            \
		}                                                                                                      \
		break;                                                                                                 \
	}
#define NARROW(name, op, round)                                                                                        \
	FP_INSN_IF(name##_vec, is_bhs(insn))                                                                           \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		switch (insn->z) {                                                                                     \
		case 0: NARROW_LOOP(u16, u8, op, round)                                                                \
		case 1: NARROW_LOOP(u32, u16, op, round)                                                               \
		default: NARROW_LOOP(u64, u32, op, round)                                                              \
		}                                                                                                      \
		cpu->v[insn->d] = insn->q ? (u128)r.u64[0] << 64 | d.u64[0] : r.u64[0];                                \
	}
NARROW(ADDHN, a + b, false)
NARROW(RADDHN, a + b, true)
NARROW(SUBHN, a - b, false)
NARROW(RSUBHN, a - b, true)

/* --- saturating doubling: SQDMULL, SQDMLAL, SQDMLSL --- */
enum accumulate { SET, PLUS, MINUS };

INLINE u64 sqdml(s64 a, s64 b, s64 c, unsigned wide, enum accumulate how, bool *qc)
{
	s64 product = saturate_s((s128)a * b * 2, wide, qc);

	switch (how) {
	case SET: return (u64)product;
	case PLUS: return (u64)saturate_s((s128)c + product, wide, qc);
	default: return (u64)saturate_s((s128)c - product, wide, qc);
	}
}
/* `element` < 0: lane by lane; else lane `element` of m. */
INLINE void doubling(struct cpu *cpu, const struct insn *insn, bool scalar, int element, enum accumulate how)
{
	OPERANDS;
	unsigned width = 8u << insn->z, count = scalar ? 1 : 8u >> insn->z, from = scalar || !insn->q ? 0 : count;
	bool qc = false;

	for (unsigned e = 0; e < count; e++) {
		s64 a = sign_extend(lane_get(&n, insn->z, from + e), width);
		s64 b = sign_extend(lane_get(&m, insn->z, element < 0 ? from + e : (unsigned)element), width);
		s64 c = sign_extend(lane_get(&d, insn->z + 1u, e), 2 * width);
		lane_put(&r, insn->z + 1u, e, sqdml(a, b, c, 2 * width, how, &qc));
	}
	if (qc)
		cpu->fpsr |= FPSR_QC;
	cpu->v[insn->d] = r.u128; /* scalar: one lane, the rest is zero */
}

/* The index of a 16-bit element is H:L:M with a 4-bit Rm, of a 32-bit one H:L with M:Rm. Fields: h l, m =
 * M:Rm; to i. */
static bool index_element(struct insn *insn)
{
	if (insn->z == 1) {
		insn->i = (unsigned)insn->h << 2 | (unsigned)insn->l << 1 | insn->m >> 4;
		insn->m &= 15;
	} else {
		insn->i = (unsigned)insn->h << 1 | insn->l;
	}
	return is_hs(insn);
}
bool prep_SDOT_elem(struct insn *insn)
{
	insn->z = 2;
	return index_element(insn);
}
bool prep_UDOT_elem(struct insn *insn)
{
	insn->z = 2;
	return index_element(insn);
}

#define DOUBLING(name, how)                                                                                            \
	FP_INSN_IF(name##_vec, is_hs(insn))                                                                            \
	{                                                                                                              \
		doubling(cpu, insn, false, -1, how);                                                                   \
	}                                                                                                              \
	FP_INSN_IF(name##_scalar, is_hs(insn))                                                                         \
	{                                                                                                              \
		doubling(cpu, insn, true, -1, how);                                                                    \
	}                                                                                                              \
	FP_INSN_IF(name##_elem, index_element(insn))                                                                   \
	{                                                                                                              \
		doubling(cpu, insn, false, (int)insn->i, how);                                                         \
	}                                                                                                              \
	FP_INSN_IF(name##_selem, index_element(insn))                                                                  \
	{                                                                                                              \
		doubling(cpu, insn, true, (int)insn->i, how);                                                          \
	}
DOUBLING(SQDMULL, SET)
DOUBLING(SQDMLAL, PLUS)
DOUBLING(SQDMLSL, MINUS)

/* --- by element, long: m's element in every lane --- */
#define LONG_ELEM(name, S, ...)                                                                                        \
	FP_INSN_IF(name##_elem, index_element(insn))                                                                   \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		if (insn->z == 1) {                                                                                    \
			u16 y16 = m.u16[insn->i];                                                                      \
			for (unsigned e = 0; e < 8; e++)                                                               \
				m.u16[e] = y16;                                                                        \
		} else {                                                                                               \
			u32 y32 = m.u32[insn->i];                                                                      \
			for (unsigned e = 0; e < 4; e++)                                                               \
				m.u32[e] = y32;                                                                        \
		}                                                                                                      \
		switch (insn->z) {                                                                                     \
		case 1: LONG_LOOP(S##32, S##16, __VA_ARGS__)                                                           \
		default: LONG_LOOP(S##64, S##32, __VA_ARGS__)                                                          \
		}                                                                                                      \
		cpu->v[insn->d] = r.u128;                                                                              \
	}
LONG_ELEM(SMULL, s, x *y)
LONG_ELEM(SMLAL, s, c + x * y)
LONG_ELEM(SMLSL, s, c - x * y)
LONG_ELEM(UMULL, u, UMUL(x, y))
LONG_ELEM(UMLAL, u, c + UMUL(x, y))
LONG_ELEM(UMLSL, u, c - UMUL(x, y))

/* --- by element, same size --- */
#define SAME_ELEM(name, ...)                                                                                           \
	FP_INSN_IF(name##_elem, index_element(insn))                                                                   \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		if (insn->z == 1)                                                                                      \
			for (unsigned e = 0; e < 8; e++) {                                                             \
				u32 a = n.u16[e], b = m.u16[insn->i], c = d.u16[e];                                    \
				(void)c;                                                                               \
				r.u16[e] = (u16)(__VA_ARGS__);                                                         \
			}                                                                                              \
		else                                                                                                   \
			for (unsigned e = 0; e < 4; e++) {                                                             \
				u32 a = n.u32[e], b = m.u32[insn->i], c = d.u32[e];                                    \
				(void)c;                                                                               \
				r.u32[e] = __VA_ARGS__;                                                                \
			}                                                                                              \
		put(cpu, insn->d, r, q_bytes(insn));                                                                   \
	}
SAME_ELEM(MUL, a *b)
SAME_ELEM(MLA, c + a * b)
SAME_ELEM(MLS, c - a * b)

/* w: the lane's width. */
#define HIGH_ELEM(name, ...)                                                                                           \
	INLINE void elem_##name(struct cpu *cpu, const struct insn *insn, unsigned bytes)                              \
	{                                                                                                              \
		OPERANDS;                                                                                              \
		const unsigned w = 8u << insn->z;                                                                      \
		s64 b = sign_extend(lane_get(&m, insn->z, insn->i), w);                                                \
		bool qc = false;                                                                                       \
		for (unsigned e = 0; e < bytes >> insn->z; e++) {                                                      \
			s64 a = sign_extend(lane_get(&n, insn->z, e), w);                                              \
			s64 c = sign_extend(lane_get(&d, insn->z, e), w);                                              \
			(void)c;                                                                                       \
			lane_put(&r, insn->z, e, (u64)saturate_s((__VA_ARGS__) >> w, w, &qc));                         \
		}                                                                                                      \
		if (qc)                                                                                                \
			cpu->fpsr |= FPSR_QC;                                                                          \
		put(cpu, insn->d, r, bytes);                                                                           \
	}                                                                                                              \
	FP_INSN_IF(name##_elem, index_element(insn))                                                                   \
	{                                                                                                              \
		elem_##name(cpu, insn, q_bytes(insn));                                                                 \
	}                                                                                                              \
	FP_INSN_IF(name##_selem, index_element(insn))                                                                  \
	{                                                                                                              \
		elem_##name(cpu, insn, 1u << insn->z);                                                                 \
	}
#define HALF ((s128)1 << (w - 1))
HIGH_ELEM(SQDMULH, (s128)a *b * 2)
HIGH_ELEM(SQRDMULH, (s128)a *b * 2 + HALF)
HIGH_ELEM(SQRDMLAH, ((s128)c << w) + (s128)a * b * 2 + HALF)
HIGH_ELEM(SQRDMLSH, ((s128)c << w) - (s128)a * b * 2 + HALF)
