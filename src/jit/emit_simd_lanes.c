/* SPDX-License-Identifier: BSD-2-Clause */
/* Advanced SIMD that moves lanes: copies, permutes, table lookups, reversals, immediates, pairwise operations and those across lanes. */
#include "jit/vector.h"

/* --- copies: z and h are size and index --- */

static void broadcast_general(struct block *b, unsigned x, unsigned z, unsigned r)
{
	if (block_host(b)->avx512) {
		v3_512(b, z == 3, P66 | OP_38(z < 2 ? 0x7a + z : 0x7c), x, 0, r); /* vpbroadcast of a general register */
		return;
	}
	x64_movq_to_xmm(&b->x, z == 3, x, r);
	v_broadcast(b, x, x, z, 0);
}
EMIT(DUP_general)
{
	unsigned r = reg_read(b, i->n, RCX), x = vreg_new(b);

	broadcast_general(b, x, i->z, r);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(DUP_elem)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v_broadcast(b, x, n, i->z, i->h);
	vreg_done_q(b, i, x);
	return true;
}
/* Lane h of n to `to`, zero-extended: from memory. */
static void lane_load(struct block *b, unsigned to, unsigned n, unsigned z, unsigned h, bool sign, bool w)
{
	x64_load_extend(&b->x, w, sign, 1u << z, to, vreg_mem_at(n, h << z));
}
EMIT(DUP_scalar)
{
	unsigned x = vreg_new(b);

	lane_load(b, RAX, i->n, i->z, i->h, false, true);
	x64_movq_to_xmm(&b->x, i->z == 3, x, RAX);
	vreg_done(b, i->d, x, i->z == 3 ? 8 : 4);
	return true;
}
static bool to_general(struct block *b, const struct insn *i, bool sign, bool w)
{
	unsigned r = reg_dest(b, slot_written(i->d), RAX);

	lane_load(b, r, i->n, i->z, i->h, sign, w);
	reg_done(b, slot_written(i->d), r);
	return true;
}
EMIT(UMOV_w)
{
	return to_general(b, i, false, true);
}
EMIT(UMOV_x)
{
	return to_general(b, i, false, true);
}
EMIT(SMOV_w)
{
	return to_general(b, i, true, false);
}
EMIT(SMOV_x)
{
	return to_general(b, i, true, true);
}
/* x = d with lane h from register r */
static void insert(struct block *b, unsigned x, unsigned d, unsigned z, unsigned h, unsigned r)
{
	static const u32 op[] = {P66 | OP_3A(0x20), P66 | OP_0F(0xc4), P66 | OP_3A(0x22), P66 | OP_3A(0x22)};

	if (block_host(b)->avx) {
		x64_vex_rr(&b->x, z == 3, 1, op[z] >> 8 & 3, op[z] & 0xff, x, d, r);
	} else {
		v_move(b, x, d);
		x64_rr(&b->x, z == 3, op[z], x, r);
	}
	x64_u8(&b->x, h);
}
EMIT(INS_general)
{
	unsigned r = reg_read(b, i->n, RAX), d = vreg_read(b, i->d, 16), x = vreg_new(b);

	insert(b, x, d, i->z, i->h, r);
	vreg_done(b, i->d, x, 16);
	return true;
}
EMIT(INS_elem)
{
	unsigned d = vreg_read(b, i->d, 16), from = i->s >> i->z, n, x;

	if (i->z < 2) {
		lane_load(b, RAX, i->n, i->z, from, false, false);
		x = vreg_new(b);
		insert(b, x, d, i->z, i->h, RAX);
	} else {
		n = vreg_read(b, i->n, 16);
		x = vreg_new(b);
		if (i->z == 2)
			v3_imm(b, P66 | OP_3A(0x21), x, d, n, from << 6 | (unsigned)i->h << 4);
		else if (i->h)
			v3_imm(b, P66 | OP_0F(0xc6), x, d, n, from << 1);
		else
			v3_imm(b, P66 | OP_0F(0xc6), x, n, d, from | 2);
	}
	vreg_done(b, i->d, x, 16);
	return true;
}

/* --- permutes --- */

static bool zip(struct block *b, const struct insn *i, bool upper)
{
	static const u8 low[] = {0x60, 0x61, 0x62, 0x6c}, high[] = {0x68, 0x69, 0x6a, 0x6d};
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v3(b, P66 | OP_0F(upper && i->q ? high[i->z] : low[i->z]), x, n, m);
	if (upper && !i->q)
		v2_imm(b, PSHUFD, x, x, 0xee);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(ZIP1)
{
	return zip(b, i, false);
}
EMIT(ZIP2)
{
	return zip(b, i, true);
}
/* x = the even (or odd) lanes of n, then of m; in forms of 8 bytes its upper half is anything. XMM0, XMM1. */
static void unzip(struct block *b, unsigned z, bool q, unsigned x, unsigned n, unsigned m, bool odd)
{
	enum constant mask = z ? C_UNZIP16 : C_UNZIP8;

	if (z == 3) {
		v3(b, odd ? PUNPCKHQDQ : PUNPCKLQDQ, x, n, m);
	} else if (z == 2 && q) {
		v3_imm(b, SHUFPS, x, n, m, odd ? 0xdd : 0x88);
	} else if (!q) {
		v3(b, PUNPCKLQDQ, x, n, m);
		if (z == 2)
			v2_imm(b, PSHUFD, x, x, odd ? 0x0d : 0x08);
		else
			v3_c(b, PSHUFB, x, x, mask);
		if (z != 2 && odd)
			v2_imm(b, PSHUFD, x, x, 0xee);
	} else {
		v3_c(b, PSHUFB, 0, n, mask);
		v3_c(b, PSHUFB, 1, m, mask);
		v3(b, odd ? PUNPCKHQDQ : PUNPCKLQDQ, x, 0, 1);
	}
}
static bool uzp(struct block *b, const struct insn *i, bool odd)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	unzip(b, i->z, i->q, x, n, m, odd);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(UZP1)
{
	return uzp(b, i, false);
}
EMIT(UZP2)
{
	return uzp(b, i, true);
}
static bool transpose(struct block *b, const struct insn *i, bool odd)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	if (i->z == 3) {
		v3(b, odd ? PUNPCKHQDQ : PUNPCKLQDQ, x, n, m);
	} else if (odd) { /* odd lanes of n go down, those of m stay */
		v_shift(b, 0x71 + i->z, 2, x, n, 8u << i->z);
		v2_c(b, P66 | OP_0F(0x6f), 0, C_EVEN8 + i->z);
		v3(b, PANDN, 0, 0, m);
		v3(b, POR, x, x, 0);
	} else {
		v3_c(b, PAND, x, n, C_EVEN8 + i->z);
		v_shift(b, 0x71 + i->z, 6, 0, m, 8u << i->z);
		v3(b, POR, x, x, 0);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(TRN1)
{
	return transpose(b, i, false);
}
EMIT(TRN2)
{
	return transpose(b, i, true);
}
EMIT(EXT)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	if (i->q) {
		v3_imm(b, PALIGNR, x, m, n, i->i);
	} else {
		v3(b, PUNPCKLQDQ, x, n, m);
		v_shift(b, 0x73, 3, x, x, i->i);
	}
	vreg_done_q(b, i, x);
	return true;
}

/* --- table lookup: indexes from 16 on become 0x80 and more, which PSHUFB answers with zero --- */

static bool table_lookup(struct block *b, const struct insn *i, bool keep)
{
	unsigned m = vreg_read(b, i->m, 16), x = vreg_new(b);

	v_move(b, 1, m);
	for (unsigned k = 0; k <= i->l; k++) {
		unsigned t = vreg_read(b, (i->n + k) & 31, 16);

		if (k)
			v3_c(b, host_sub.op[0], 1, 1, C_16);
		v3_c(b, P66 | OP_0F(0xdc), 0, 1, C_TABLE); /* paddusb */
		v3(b, PSHUFB, 2, t, 0);
		if (k)
			v3(b, POR, x, x, 2);
		else
			v_move(b, x, 2);
	}
	if (keep) { /* where the index, less all that the table holds, is still out of range */
		v_fill(b, 0, 0, 16u * (i->l + 1u));
		v3(b, host_umax.op[0], 2, 0, m);
		v3(b, host_eq.op[0], 2, 2, m);
		v3(b, PAND, 2, 2, vreg_read(b, i->d, 16));
		v3(b, POR, x, x, 2);
	}
	vreg_done_q(b, i, x);
	return true;
}
EMIT(TBL)
{
	return table_lookup(b, i, false);
}
EMIT(TBX)
{
	return table_lookup(b, i, true);
}

/* --- reversals --- */

static bool reverse(struct block *b, const struct insn *i, enum constant mask)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v3_c(b, PSHUFB, x, n, mask);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(REV64_vec)
{
	return reverse(b, i, C_REV64_8 + i->z);
}
EMIT(REV32_vec)
{
	return reverse(b, i, C_REV32_8 + i->z);
}
EMIT(REV16_vec)
{
	return reverse(b, i, C_REV16_8);
}

/* --- immediates --- */

static u64 expand(unsigned op, unsigned cmode, u64 v)
{
	u64 r = 0;

	switch (cmode >> 1) {
	case 0: case 1: case 2: case 3: return (v << 8 * (cmode >> 1)) * 0x100000001ull;
	case 4: return v * 0x0001000100010001ull;
	case 5: return (v << 8) * 0x0001000100010001ull;
	case 6: return (cmode & 1 ? v << 16 | 0xffff : v << 8 | 0xff) * 0x100000001ull;
	default: break;
	}
	if (cmode & 1) {
		u64 s = v >> 7, e = v >> 6 & 1, low = v & 0x3f;

		return op ? s << 63 | (e ^ 1) << 62 | (e ? 0xffull : 0) << 54 | low << 48
			  : (s << 31 | (e ^ 1) << 30 | (e ? 0x1full : 0) << 25 | low << 19) * 0x100000001ull;
	}
	if (!op)
		return v * 0x0101010101010101ull;
	for (unsigned k = 0; k < 8; k++)
		r |= v >> k & 1 ? 0xffull << 8 * k : 0;
	return r;
}
static bool immediate(struct block *b, const struct insn *i, unsigned op, unsigned cmode)
{
	u64 v = expand(op, cmode, i->i);
	bool logic = (cmode & 1) && cmode < 12;
	unsigned x = vreg_new(b);

	if (op && cmode < 14 && !logic)
		v = ~v; /* MVNI */
	v_fill(b, x, (u32)v == v >> 32 ? 2 : 3, v);
	if (logic)
		v3(b, op ? PANDN : POR, x, x, vreg_read(b, i->d, 16));
	vreg_done_q(b, i, x);
	return true;
}
#define IMMEDIATES(F)                                                                                                  \
	F(MOVI_s0, 0, 0) F(ORR_s0, 0, 1) F(MOVI_s8, 0, 2) F(ORR_s8, 0, 3) F(MOVI_s16, 0, 4) F(ORR_s16, 0, 5)           \
	F(MOVI_s24, 0, 6) F(ORR_s24, 0, 7) F(MOVI_h0, 0, 8) F(ORR_h0, 0, 9) F(MOVI_h8, 0, 10) F(ORR_h8, 0, 11)         \
	F(MOVI_ones8, 0, 12) F(MOVI_ones16, 0, 13) F(MOVI_b, 0, 14) F(FMOV_vecs, 0, 15)                                \
	F(MVNI_s0, 1, 0) F(BIC_s0, 1, 1) F(MVNI_s8, 1, 2) F(BIC_s8, 1, 3) F(MVNI_s16, 1, 4) F(BIC_s16, 1, 5)           \
	F(MVNI_s24, 1, 6) F(BIC_s24, 1, 7) F(MVNI_h0, 1, 8) F(BIC_h0, 1, 9) F(MVNI_h8, 1, 10) F(BIC_h8, 1, 11)         \
	F(MVNI_ones8, 1, 12) F(MVNI_ones16, 1, 13) F(MOVI_d, 1, 14) F(FMOV_vecd, 1, 15)
#define F(name, op, cmode)                                                                                             \
	EMIT(name)                                                                                                     \
	{                                                                                                              \
		return immediate(b, i, op, cmode);                                                                     \
	}
IMMEDIATES(F)
#undef F

/* --- pairwise: the even lanes with the odd ones --- */

static bool pairwise(struct block *b, const struct insn *i, const struct by_size *op)
{
	unsigned n = vreg_read(b, i->n, 16), m = vreg_read(b, i->m, 16), x = vreg_new(b);

	unzip(b, i->z, i->q, 2, n, m, false);
	unzip(b, i->z, i->q, x, n, m, true);
	v3(b, op->op[i->z], x, x, 2);
	vreg_done_q(b, i, x);
	return true;
}
EMIT(ADDP_vec)
{
	return pairwise(b, i, &host_add);
}
EMIT(SMAXP_vec)
{
	return pairwise(b, i, &host_smax);
}
EMIT(SMINP_vec)
{
	return pairwise(b, i, &host_smin);
}
EMIT(UMAXP_vec)
{
	return pairwise(b, i, &host_umax);
}
EMIT(UMINP_vec)
{
	return pairwise(b, i, &host_umin);
}
EMIT(ADDP_scalar)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b);

	v2_imm(b, PSHUFD, 0, n, 0xee);
	v3(b, host_add.op[3], x, n, 0);
	v_low(b, x, x, 8);
	vreg_done(b, i->d, x, 8);
	return true;
}

/* --- across lanes: halves onto halves --- */

static bool across(struct block *b, const struct insn *i, const struct by_size *op)
{
	unsigned n = vreg_read(b, i->n, 16), x = vreg_new(b), bytes = i->q ? 8 : 4;

	v_shift(b, 0x73, 3, 0, n, bytes);
	v3(b, op->op[i->z], x, n, 0);
	while ((bytes /= 2) >= 1u << i->z) {
		v_shift(b, 0x73, 3, 0, x, bytes);
		v3(b, op->op[i->z], x, x, 0);
	}
	if (i->z == 2)
		v_low(b, x, x, 4);
	else
		v3_c(b, PAND, x, x, i->z ? C_LOW16 : C_LOW8);
	vreg_done(b, i->d, x, 4);
	return true;
}
EMIT(ADDV_vec)
{
	return across(b, i, &host_add);
}
EMIT(SMAXV_vec)
{
	return across(b, i, &host_smax);
}
EMIT(SMINV_vec)
{
	return across(b, i, &host_smin);
}
EMIT(UMAXV_vec)
{
	return across(b, i, &host_umax);
}
EMIT(UMINV_vec)
{
	return across(b, i, &host_umin);
}
EMIT(UADDLV_vec)
{
	unsigned n, x;

	if (i->z)
		return false;
	n = vreg_read(b, i->n, 16);
	v_zero(b, 0);
	x = vreg_new(b);
	v3(b, P66 | OP_0F(0xf6), x, n, 0); /* psadbw: sums of both halves */
	if (i->q) {
		v2_imm(b, PSHUFD, 0, x, 0xee);
		v3(b, host_add.op[2], x, x, 0);
	}
	v_low(b, x, x, 8);
	vreg_done(b, i->d, x, 4);
	return true;
}

#define ROW(name) {ROW_##name, EMIT_PURE | EMIT_KEEPS, emit_##name},
#define F(name, op, cmode) ROW(name)
const struct emitter_row emit_simd_lanes_rows[] = {
	ROW(DUP_general) ROW(DUP_elem) ROW(DUP_scalar) ROW(UMOV_w) ROW(UMOV_x) ROW(SMOV_w) ROW(SMOV_x) ROW(INS_general) ROW(INS_elem)
	ROW(ZIP1) ROW(ZIP2) ROW(UZP1) ROW(UZP2) ROW(TRN1) ROW(TRN2) ROW(EXT) ROW(TBL) ROW(TBX)
	ROW(REV64_vec) ROW(REV32_vec) ROW(REV16_vec)
	IMMEDIATES(F)
	ROW(ADDP_vec) ROW(SMAXP_vec) ROW(SMINP_vec) ROW(UMAXP_vec) ROW(UMINP_vec) ROW(ADDP_scalar)
	ROW(ADDV_vec) ROW(SMAXV_vec) ROW(SMINV_vec) ROW(UMAXV_vec) ROW(UMINV_vec) {ROW_UADDLV_vec, EMIT_KEEPS, emit_UADDLV_vec},
	{ROW_NONE, 0, NULL},
};
