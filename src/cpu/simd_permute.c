/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD copies, permutes, table lookups, extraction and modified immediates.
 *                          [DDI0487 C4.1: Advanced SIMD copy, permute, extract, table lookup, modified immediate]
 */
#include "cpu/simd.h"

/* imm5 (field i): its lowest set bit is the size, what is above the index: to z and h. */
static bool split_imm5(struct insn *insn)
{
	unsigned imm5 = insn->i & 0x1f;

	if (!(imm5 & 0xf))
		return false;
	insn->z = (u8)__builtin_ctz(imm5);
	insn->h = (u8)(imm5 >> (insn->z + 1));
	return true;
}

INLINE void duplicate(struct cpu *cpu, unsigned d, unsigned z, u64 value, unsigned bytes)
{
	static const u64 pattern[] = {0x0101010101010101ull, 0x0001000100010001ull, 0x0000000100000001ull, 1};
	u64 v = (value & ones(8u << z)) * pattern[z];

	put(cpu, d, (vec){.u64 = {v, v}}, bytes);
}

FP_INSN_IF(DUP_elem, split_imm5(insn) && is_not_1d(insn))
{
	vec n = vget(cpu, insn->n);
	duplicate(cpu, insn->d, insn->z, lane_get(&n, insn->z, insn->h), q_bytes(insn));
}
FP_INSN_IF(DUP_general, split_imm5(insn) && is_not_1d(insn))
{
	duplicate(cpu, insn->d, insn->z, cpu->x[insn->n], q_bytes(insn));
}
FP_INSN_IF(DUP_scalar, split_imm5(insn))
{
	vec n = vget(cpu, insn->n);
	cpu->v[insn->d] = lane_get(&n, insn->z, insn->h);
}
FP_INSN_IF(SMOV_w, split_imm5(insn) && insn->z <= 1)
{
	vec n = vget(cpu, insn->n);
	cpu->x[insn->d] = (u32)sign_extend(lane_get(&n, insn->z, insn->h), 8u << insn->z);
}
FP_INSN_IF(SMOV_x, split_imm5(insn) && insn->z <= 2)
{
	vec n = vget(cpu, insn->n);
	cpu->x[insn->d] = (u64)sign_extend(lane_get(&n, insn->z, insn->h), 8u << insn->z);
}
FP_INSN_IF(UMOV_w, split_imm5(insn) && insn->z <= 2)
{
	vec n = vget(cpu, insn->n);
	cpu->x[insn->d] = lane_get(&n, insn->z, insn->h);
}
FP_INSN_IF(UMOV_x, split_imm5(insn) && insn->z == 3)
{
	vec n = vget(cpu, insn->n);
	cpu->x[insn->d] = lane_get(&n, 3, insn->h);
}
FP_INSN_IF(INS_general, split_imm5(insn))
{
	vec d = vget(cpu, insn->d);
	lane_put(&d, insn->z, insn->h, cpu->x[insn->n]);
	cpu->v[insn->d] = d.u128;
}
/* s: imm4, the source index above the size's low bits. */
FP_INSN_IF(INS_elem, split_imm5(insn))
{
	vec n = vget(cpu, insn->n), d = vget(cpu, insn->d);
	lane_put(&d, insn->z, insn->h, lane_get(&n, insn->z, insn->s >> insn->z));
	cpu->v[insn->d] = d.u128;
}

/* --- permutes --- */
/* `from` is an index into n followed by m. */
#define PERMUTE(name, from)                                                                                            \
	FP_INSN_IF(name, is_not_1d(insn))                                                                              \
	{                                                                                                              \
		vec n = vget(cpu, insn->n), m = vget(cpu, insn->m), r = {0};                                           \
		unsigned bytes = q_bytes(insn), count = bytes >> insn->z;                                              \
		for (unsigned e = 0; e < count; e++) {                                                                 \
			unsigned i = (from);                                                                           \
			lane_put(&r, insn->z, e, lane_get(i < count ? &n : &m, insn->z, i < count ? i : i - count));   \
		}                                                                                                      \
		put(cpu, insn->d, r, bytes);                                                                           \
	}
PERMUTE(UZP1, 2 * e)
PERMUTE(UZP2, 2 * e + 1)
PERMUTE(TRN1, (e & ~1u) + (e & 1 ? count : 0))
PERMUTE(TRN2, (e | 1u) + (e & 1 ? count : 0))
PERMUTE(ZIP1, e / 2 + (e & 1 ? count : 0))
PERMUTE(ZIP2, e / 2 + count / 2 + (e & 1 ? count : 0))

FP_INSN_IF(EXT, insn->q || insn->i < 8)
{
	unsigned bytes = q_bytes(insn);
	u8 both[32];

	memcpy(both, &cpu->v[insn->n], bytes);
	memcpy(both + bytes, &cpu->v[insn->m], bytes);
	vec r = {0};
	memcpy(&r, both + insn->i, bytes);
	put(cpu, insn->d, r, bytes);
}

/* --- table lookup: l + 1 registers from n, modulo 32 --- */
INLINE void table_lookup(struct cpu *cpu, const struct insn *insn, vec r)
{
	vec index = vget(cpu, insn->m);
	unsigned bytes = q_bytes(insn), size = (insn->l + 1u) * 16;
	u8 table[64];

	for (unsigned i = 0; i <= insn->l; i++)
		memcpy(table + 16 * i, &cpu->v[(insn->n + i) & 31], 16);
	for (unsigned e = 0; e < bytes; e++)
		if (index.u8[e] < size)
			r.u8[e] = table[index.u8[e]];
	put(cpu, insn->d, r, bytes);
}
FP_INSN(TBL)
{
	table_lookup(cpu, insn, (vec){0});
}
FP_INSN(TBX)
{
	table_lookup(cpu, insn, vget(cpu, insn->d));
}

/* --- modified immediates: i = abcdefgh --- */

/* AdvSIMDExpandImm: too wide for a record, so at execution. */
static u64 expand_immediate(unsigned op, unsigned cmode, u64 imm8)
{
	switch (cmode >> 1) {
	case 0: case 1: case 2: case 3: return (imm8 << 8 * (cmode >> 1)) * 0x100000001ull;
	case 4: return imm8 * 0x0001000100010001ull;
	case 5: return (imm8 << 8) * 0x0001000100010001ull;
	case 6: return (cmode & 1 ? imm8 << 16 | 0xffff : imm8 << 8 | 0xff) * 0x100000001ull;
	default: break;
	}
	if (!(cmode & 1)) {
		if (!op)
			return imm8 * 0x0101010101010101ull;
		u64 r = 0;
		for (unsigned i = 0; i < 8; i++)
			r |= imm8 >> i & 1 ? 0xffull << 8 * i : 0;
		return r;
	}
	return op ? fp_expand_imm(FP64, (unsigned)imm8) : fp_expand_imm(FP32, (unsigned)imm8) * 0x100000001ull;
}
/* op and cmode are constants of each row; logic: ORR or BIC into the destination. */
INLINE void immediate(struct cpu *cpu, const struct insn *insn, unsigned op, unsigned cmode)
{
	u64 imm = expand_immediate(op, cmode, insn->i);
	vec d = vget(cpu, insn->d);

	if ((cmode & 1) && cmode < 12) { /* ORR, BIC */
		d.u64[0] = op ? d.u64[0] & ~imm : d.u64[0] | imm;
		d.u64[1] = op ? d.u64[1] & ~imm : d.u64[1] | imm;
	} else {
		if (op && cmode < 14)
			imm = ~imm; /* MVNI */
		d.u64[0] = d.u64[1] = imm;
	}
	put(cpu, insn->d, d, q_bytes(insn));
}
#define IMMEDIATE(name, op, cmode)                                                                                     \
	FP_INSN_IF(name, cmode != 15 || !op || insn->q) /* FMOV of doubles has no 1D form */                           \
	{                                                                                                              \
		immediate(cpu, insn, op, cmode);                                                                       \
	}
IMMEDIATE(MOVI_s0, 0, 0)
IMMEDIATE(ORR_s0, 0, 1)
IMMEDIATE(MOVI_s8, 0, 2)
IMMEDIATE(ORR_s8, 0, 3)
IMMEDIATE(MOVI_s16, 0, 4)
IMMEDIATE(ORR_s16, 0, 5)
IMMEDIATE(MOVI_s24, 0, 6)
IMMEDIATE(ORR_s24, 0, 7)
IMMEDIATE(MOVI_h0, 0, 8)
IMMEDIATE(ORR_h0, 0, 9)
IMMEDIATE(MOVI_h8, 0, 10)
IMMEDIATE(ORR_h8, 0, 11)
IMMEDIATE(MOVI_ones8, 0, 12)
IMMEDIATE(MOVI_ones16, 0, 13)
IMMEDIATE(MOVI_b, 0, 14)
IMMEDIATE(FMOV_vecs, 0, 15)
IMMEDIATE(MVNI_s0, 1, 0)
IMMEDIATE(BIC_s0, 1, 1)
IMMEDIATE(MVNI_s8, 1, 2)
IMMEDIATE(BIC_s8, 1, 3)
IMMEDIATE(MVNI_s16, 1, 4)
IMMEDIATE(BIC_s16, 1, 5)
IMMEDIATE(MVNI_s24, 1, 6)
IMMEDIATE(BIC_s24, 1, 7)
IMMEDIATE(MVNI_h0, 1, 8)
IMMEDIATE(BIC_h0, 1, 9)
IMMEDIATE(MVNI_h8, 1, 10)
IMMEDIATE(BIC_h8, 1, 11)
IMMEDIATE(MVNI_ones8, 1, 12)
IMMEDIATE(MVNI_ones16, 1, 13)
IMMEDIATE(MOVI_d, 1, 14)
IMMEDIATE(FMOV_vecd, 1, 15)
FP_INSN(FMOV_vech)
{
	duplicate(cpu, insn->d, 1, fp_expand_imm(FP16, insn->i), q_bytes(insn));
}
