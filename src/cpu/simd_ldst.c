/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of FP and SIMD registers: single registers, pairs, literals, and the structure forms LD1-LD4 and
 * ST1-ST4.                                        [DDI0487 C4.1: Loads and Stores, Advanced SIMD load/store]
 * Loads gather everything before the first register changes; a store that faults half-way has stored the first half.
 */
#include "cpu/access.h"
#include "cpu/simd.h"

/* The base register, after the SP alignment check; false: raised. */
INLINE bool base_address(struct cpu *cpu, const struct insn *insn, u64 *base)
{
	*base = cpu->x[insn->n];
	if (insn->n == SLOT_SP && unlikely(*base & 15) && bit(cpu->sys.sctlr, cpu->el ? 3 : 4)) {
		cpu_raise(cpu, EC_SP_ALIGN, 0);
		return false;
	}
	return true;
}

INLINE bool load_v(struct cpu *cpu, u64 va, unsigned size, u128 *v)
{
	u64 low;

	if (size == 16)
		return mem_load128(cpu, va, v);
	if (!mem_load(cpu, va, size, &low))
		return false;
	*v = low;
	return true;
}
INLINE bool store_v(struct cpu *cpu, u64 va, unsigned size, u128 v)
{
	return size == 16 ? mem_store128(cpu, va, v) : mem_store(cpu, va, size, (u64)v);
}

#define OFFSET ((u64)(s64)(s32)insn->i)
#define SIGNED9 (insn->i = (u32)sign_extend(insn->i, 9), true)

/* Offset register: option bits in o, whether it is scaled in h. */
INLINE u64 index_of(const struct cpu *cpu, const struct insn *insn, unsigned size)
{
	u64 m = cpu->x[insn->m];

	if (!(insn->o & 1))
		m = insn->o & 4 ? (u64)(s64)(s32)m : (u32)m;
	return insn->h ? m * size : m;
}

/* `at` is the address, `after` the new base, or the base itself. */
#define LOAD(size, at, after)                                                                                    \
	{                                                                                                              \
		u64 base;                                                                                              \
		u128 v;                                                                                                \
		if (!base_address(cpu, insn, &base) || !load_v(cpu, at, size, &v))                                     \
			return;                                                                                        \
		after;                                                                                                 \
		cpu->v[insn->t] = v;                                                                                   \
	}
#define STORE(size, at, after)                                                                                   \
	{                                                                                                              \
		u64 base;                                                                                              \
		u128 v = cpu->v[insn->t];                                                                              \
		if (!base_address(cpu, insn, &base) || !store_v(cpu, at, size, v))                                     \
			return;                                                                                        \
		after;                                                                                                 \
	}
#define WRITEBACK cpu->x[insn->n] = base + OFFSET
#define KEEP      (void)0
#define SINGLE(letter, size)                                                                              \
	FP_INSN_IF(LDR_##letter##_uimm, (insn->i *= size, true))                                                       \
	LOAD(size, base + OFFSET, KEEP)                                                                        \
	FP_INSN_IF(STR_##letter##_uimm, (insn->i *= size, true))                                                       \
	STORE(size, base + OFFSET, KEEP)                                                                       \
	FP_INSN_IF(LDUR_##letter, SIGNED9)                                                                             \
	LOAD(size, base + OFFSET, KEEP)                                                                        \
	FP_INSN_IF(STUR_##letter, SIGNED9)                                                                             \
	STORE(size, base + OFFSET, KEEP)                                                                       \
	FP_INSN_IF(LDR_##letter##_post, SIGNED9)                                                                       \
	LOAD(size, base, WRITEBACK)                                                                            \
	FP_INSN_IF(STR_##letter##_post, SIGNED9)                                                                       \
	STORE(size, base, WRITEBACK)                                                                           \
	FP_INSN_IF(LDR_##letter##_pre, SIGNED9)                                                                        \
	LOAD(size, base + OFFSET, WRITEBACK)                                                                   \
	FP_INSN_IF(STR_##letter##_pre, SIGNED9)                                                                        \
	STORE(size, base + OFFSET, WRITEBACK)                                                                  \
	FP_INSN_IF(LDR_##letter##_reg, insn->o & 2)                                                                    \
	LOAD(size, base + index_of(cpu, insn, size), KEEP)                                                     \
	FP_INSN_IF(STR_##letter##_reg, insn->o & 2)                                                                    \
	STORE(size, base + index_of(cpu, insn, size), KEEP)
SINGLE(b, 1)
SINGLE(h, 2)
SINGLE(s, 4)
SINGLE(d, 8)
SINGLE(q, 16)

#define LITERAL(letter, size)                                                                                          \
	FP_INSN_IF(LDR_##letter##_lit, (insn->i = (u32)(sign_extend(insn->i, 19) * 4), true))                          \
	{                                                                                                              \
		u128 v;                                                                                                \
		if (load_v(cpu, cpu_pc_of(cpu, insn) + OFFSET, size, &v))                                              \
			cpu->v[insn->t] = v;                                                                           \
	}
LITERAL(s, 4)
LITERAL(d, 8)
LITERAL(q, 16)

#define LOAD_PAIR(size, at, after)                                                                                     \
	{                                                                                                              \
		u64 base;                                                                                              \
		u128 v, w;                                                                                             \
		if (!base_address(cpu, insn, &base) || !load_v(cpu, at, size, &v) ||                                   \
		    !load_v(cpu, (at) + size, size, &w))                                                               \
			return;                                                                                        \
		after;                                                                                                 \
		cpu->v[insn->t] = v;                                                                                   \
		cpu->v[insn->u] = w;                                                                                   \
	}
#define STORE_PAIR(size, at, after)                                                                                    \
	{                                                                                                              \
		u64 base;                                                                                              \
		u128 v = cpu->v[insn->t], w = cpu->v[insn->u];                                                         \
		if (!base_address(cpu, insn, &base) || !store_v(cpu, at, size, v) ||                                   \
		    !store_v(cpu, (at) + size, size, w))                                                               \
			return;                                                                                        \
		after;                                                                                                 \
	}
#define SCALED7(size) (insn->i = (u32)(sign_extend(insn->i, 7) * size), true)
#define PAIR(letter, size)                                                                                             \
	FP_INSN_IF(LDNP_##letter, SCALED7(size))                                                                       \
	LOAD_PAIR(size, base + OFFSET, KEEP)                                                                           \
	FP_INSN_IF(STNP_##letter, SCALED7(size))                                                                       \
	STORE_PAIR(size, base + OFFSET, KEEP)                                                                          \
	FP_INSN_IF(LDP_##letter##_off, SCALED7(size))                                                                  \
	LOAD_PAIR(size, base + OFFSET, KEEP)                                                                           \
	FP_INSN_IF(STP_##letter##_off, SCALED7(size))                                                                  \
	STORE_PAIR(size, base + OFFSET, KEEP)                                                                          \
	FP_INSN_IF(LDP_##letter##_post, SCALED7(size))                                                                 \
	LOAD_PAIR(size, base, WRITEBACK)                                                                               \
	FP_INSN_IF(STP_##letter##_post, SCALED7(size))                                                                 \
	STORE_PAIR(size, base, WRITEBACK)                                                                              \
	FP_INSN_IF(LDP_##letter##_pre, SCALED7(size))                                                                  \
	LOAD_PAIR(size, base + OFFSET, WRITEBACK)                                                                      \
	FP_INSN_IF(STP_##letter##_pre, SCALED7(size))                                                                  \
	STORE_PAIR(size, base + OFFSET, WRITEBACK)
PAIR(s, 4)
PAIR(d, 8)
PAIR(q, 16)

/* --- structures --- */

/* After the access: the base moves by a register, or by the bytes transferred when that is 31. */
INLINE void post_index(struct cpu *cpu, const struct insn *insn, u64 base, unsigned bytes)
{
	cpu->x[insn->n] = base + (insn->m == SLOT_ZR ? bytes : cpu->x[insn->m]);
}

/* `regs` registers of structures with `elems` elements each (LD1: elems 1). In RAM, inside one page, at once; else
 * element by element, as alignment and devices want it. */
INLINE bool load_structures(struct cpu *cpu, const struct insn *insn, u64 base, unsigned regs, unsigned elems)
{
	unsigned reg_bytes = q_bytes(insn), size = 1u << insn->z, lanes = reg_bytes >> insn->z;
	const u8 *host = cpu->align_check ? NULL : tlb_hit(cpu->bank->read, base, regs * reg_bytes);
	vec v[4] = {0};
	u8 bytes[64];

	if (likely(host != NULL)) {
		for (unsigned i = 0; i < regs * reg_bytes; i += 8)
			store_le(bytes + i, 8, host_load(host + i, 8));
	} else {
		for (unsigned i = 0; i < regs * reg_bytes; i += size) {
			u64 value;
			if (!mem_load(cpu, base + i, size, &value))
				return false;
			store_le(bytes + i, size, value);
		}
	}
	if (elems == 1) {
		for (unsigned k = 0; k < regs; k++)
			memcpy(&v[k], bytes + k * reg_bytes, reg_bytes);
	} else {
		for (unsigned e = 0; e < lanes; e++)
			for (unsigned k = 0; k < elems; k++)
				lane_put(&v[k], insn->z, e, load_le(bytes + ((e * elems + k) << insn->z), size));
	}
	for (unsigned k = 0; k < regs; k++)
		cpu->v[(insn->t + k) & 31] = v[k].u128;
	return true;
}
INLINE bool store_structures(struct cpu *cpu, const struct insn *insn, u64 base, unsigned regs, unsigned elems)
{
	unsigned reg_bytes = q_bytes(insn), size = 1u << insn->z, lanes = reg_bytes >> insn->z;
	u8 *host = cpu->align_check ? NULL : tlb_hit(cpu->bank->write, base, regs * reg_bytes);
	u8 bytes[64];

	if (elems == 1) {
		for (unsigned k = 0; k < regs; k++)
			memcpy(bytes + k * reg_bytes, &cpu->v[(insn->t + k) & 31], reg_bytes);
	} else {
		for (unsigned k = 0; k < elems; k++) {
			vec v = vget(cpu, (insn->t + k) & 31);
			for (unsigned e = 0; e < lanes; e++)
				store_le(bytes + ((e * elems + k) << insn->z), size, lane_get(&v, insn->z, e));
		}
	}
	if (likely(host != NULL)) {
		for (unsigned i = 0; i < regs * reg_bytes; i += size)
			host_store(host + i, size, load_le(bytes + i, size));
		return true;
	}
	for (unsigned i = 0; i < regs * reg_bytes; i += size)
		if (!mem_store(cpu, base + i, size, load_le(bytes + i, size)))
			return false;
	return true;
}
#define MULTIPLE(way, name, function, regs, elems)                                                                     \
	FP_INSN_IF(way##name, elems == 1 || is_not_1d(insn))                                                           \
	{                                                                                                              \
		u64 base;                                                                                              \
		if (base_address(cpu, insn, &base))                                                                    \
			function(cpu, insn, base, regs, elems);                                                        \
	}                                                                                                              \
	FP_INSN_IF(way##name##_post, elems == 1 || is_not_1d(insn))                                                    \
	{                                                                                                              \
		u64 base;                                                                                              \
		if (base_address(cpu, insn, &base) && function(cpu, insn, base, regs, elems))                          \
			post_index(cpu, insn, base, regs * q_bytes(insn));                                             \
	}
#define STRUCTURES(name, regs, elems)                                                                                  \
	MULTIPLE(LD, name, load_structures, regs, elems)                                                               \
	MULTIPLE(ST, name, store_structures, regs, elems)
STRUCTURES(1_1, 1, 1)
STRUCTURES(1_2, 2, 1)
STRUCTURES(1_3, 3, 1)
STRUCTURES(1_4, 4, 1)
STRUCTURES(2, 2, 2)
STRUCTURES(3, 3, 3)
STRUCTURES(4, 4, 4)

/* --- one lane: c is the scale, s and z the rest of the index: to o, the lane size, and h, the index --- */
static bool split_lane(struct insn *insn)
{
	unsigned q = insn->q, s = insn->s, z = insn->z;

	insn->o = insn->c;
	switch (insn->c) {
	case 0:
		insn->h = (u8)(q << 3 | s << 2 | z);
		return true;
	case 1:
		insn->h = (u8)(q << 2 | s << 1 | z >> 1);
		return !(z & 1);
	case 2:
		if (z & 2)
			return false;
		if (!z) {
			insn->h = (u8)(q << 1 | s);
			return true;
		}
		insn->o = 3;
		insn->h = (u8)q;
		return !s;
	default:
		return false;
	}
}
INLINE bool load_lane(struct cpu *cpu, const struct insn *insn, u64 base, unsigned elems)
{
	u64 value[4];

	for (unsigned k = 0; k < elems; k++)
		if (!mem_load(cpu, base + (k << insn->o), 1u << insn->o, &value[k]))
			return false;
	for (unsigned k = 0; k < elems; k++) {
		vec v = vget(cpu, (insn->t + k) & 31);
		lane_put(&v, insn->o, insn->h, value[k]);
		cpu->v[(insn->t + k) & 31] = v.u128;
	}
	return true;
}
INLINE bool store_lane(struct cpu *cpu, const struct insn *insn, u64 base, unsigned elems)
{
	for (unsigned k = 0; k < elems; k++) {
		vec v = vget(cpu, (insn->t + k) & 31);
		if (!mem_store(cpu, base + (k << insn->o), 1u << insn->o, lane_get(&v, insn->o, insn->h)))
			return false;
	}
	return true;
}
/* One element to every lane. */
INLINE bool load_replicate(struct cpu *cpu, const struct insn *insn, u64 base, unsigned elems)
{
	u64 value[4];

	for (unsigned k = 0; k < elems; k++)
		if (!mem_load(cpu, base + (k << insn->z), 1u << insn->z, &value[k]))
			return false;
	for (unsigned k = 0; k < elems; k++) {
		vec v = {0};
		for (unsigned e = 0; e < 16u >> insn->z; e++)
			lane_put(&v, insn->z, e, value[k]);
		put(cpu, (insn->t + k) & 31, v, q_bytes(insn));
	}
	return true;
}
#define LANE(name, function, elems, condition, size_log2)                                                              \
	FP_INSN_IF(name, condition)                                                                                    \
	{                                                                                                              \
		u64 base;                                                                                              \
		if (base_address(cpu, insn, &base))                                                                    \
			function(cpu, insn, base, elems);                                                              \
	}                                                                                                              \
	FP_INSN_IF(name##_post, condition)                                                                             \
	{                                                                                                              \
		u64 base;                                                                                              \
		if (base_address(cpu, insn, &base) && function(cpu, insn, base, elems))                                \
			post_index(cpu, insn, base, elems << (size_log2));                                             \
	}
#define LANES(elems)                                                                                                   \
	LANE(LD##elems##_lane, load_lane, elems, split_lane(insn), insn->o)                                            \
	LANE(ST##elems##_lane, store_lane, elems, split_lane(insn), insn->o)                                           \
	LANE(LD##elems##R, load_replicate, elems, true, insn->z)
LANES(1)
LANES(2)
LANES(3)
LANES(4)
