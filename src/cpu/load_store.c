/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of general registers: single registers, pairs, literals. [DDI0487 C6.2]
 *
 * Every row has two functions: the plain one, and one for a base of SP that checks SP alignment first. `i` is the
 * signed byte offset. Choices where the architecture leaves one (docs/quirks.md):
 *   - load with writeback, base = destination: the loaded value stays, the writeback is lost;
 *   - store with writeback, base = source: the old value of the base is stored;
 *   - LDP with equal destinations: the second value stays;
 *   - a pair that faults on its second half may have stored its first.
 */
#include "cpu/access.h"
#include "cpu/exec.h"

#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define VARIANT(name) static void exec_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name) bool prep_##name(struct insn *insn)
#define T cpu->x[insn->t]
#define U cpu->x[insn->u]
#define OFFSET ((u64)(s64)(s32)insn->i)

static bool sp_misaligned(struct cpu *cpu)
{
	if (likely(!(cpu->x[SLOT_SP] & 15) || !bit(cpu->sys.sctlr, cpu->el ? 3 : 4))) /* SA, SA0 */
		return false;
	cpu_raise(cpu, EC_SP_ALIGN, 0);
	return true;
}

/* Defines a row's two functions from a body that computes with `base`, and its prepare function. */
#define ROW(name, body, prepare)                                                                                       \
	static always_inline void body_##name(struct cpu *cpu, const struct insn *insn, u64 base)                      \
	{                                                                                                              \
		body                                                                                                   \
	}                                                                                                              \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		body_##name(cpu, insn, cpu->x[insn->n]);                                                               \
	}                                                                                                              \
	VARIANT(name##_sp)                                                                                             \
	{                                                                                                              \
		if (!sp_misaligned(cpu))                                                                               \
			body_##name(cpu, insn, cpu->x[SLOT_SP]);                                                       \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		if (insn->n == SLOT_SP)                                                                                \
			insn->exec = exec_##name##_sp;                                                                 \
		prepare;                                                                                               \
		return true;                                                                                           \
	}

/* A row that runs by another row's functions. */
#define ALIAS(name, other, prepare)                                                                                    \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		exec_##other(cpu, insn);                                                                               \
	}                                                                                                              \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		insn->exec = insn->n == SLOT_SP ? exec_##other##_sp : exec_##other;                                    \
		prepare;                                                                                               \
		return true;                                                                                           \
	}

static always_inline bool load_el0(struct cpu *cpu, u64 va, unsigned size, u64 *value)
{
	void *host = tlb_hit(cpu->bank_el0->read, va, size);

	if (likely(host != NULL)) {
		*value = host_load(host, size);
		return true;
	}
	return access_read_slow(cpu, va, size, cpu->el && !cpu->uao ? ACCESS_EL0 : 0, value);
}

static always_inline bool store_el0(struct cpu *cpu, u64 va, unsigned size, u64 value)
{
	void *host = tlb_hit(cpu->bank_el0->write, va, size);

	if (likely(host != NULL)) {
		host_store(host, size, value);
		return true;
	}
	return access_write_slow(cpu, va, size, ACCESS_WRITE | (cpu->el && !cpu->uao ? ACCESS_EL0 : 0), value);
}

/* The offset register of [Xn, Rm, extend]: option bits in o, the shift in i. */
static always_inline u64 index_w(const struct cpu *cpu, const struct insn *insn)
{
	u64 m = cpu->x[insn->m];

	return (insn->o & 4 ? (u64)(s64)(s32)m : (u64)(u32)m) << insn->i;
}

#define SIGNED9 insn->i = (u32)sign_extend(insn->i, 9)

#define LOADS(name, size, log, conv)                                                                                   \
	ROW(name##_uimm, { u64 v; if (!mem_load(cpu, base + OFFSET, size, &v)) return; T = conv; }, insn->i *= size) \
	ALIAS(name##_unscaled, name##_uimm, SIGNED9)                                                                   \
	ROW(name##_post, { u64 v; if (!mem_load(cpu, base, size, &v)) return;                                          \
		cpu->x[insn->n] = base + OFFSET; T = conv; }, SIGNED9)                                                 \
	ROW(name##_pre, { u64 v; if (!mem_load(cpu, base + OFFSET, size, &v)) return;                                  \
		cpu->x[insn->n] = base + OFFSET; T = conv; }, SIGNED9)                                                 \
	ROW(name##_unpriv, { u64 v; if (!load_el0(cpu, base + OFFSET, size, &v)) return; T = conv; }, SIGNED9) \
	INDEXED(name, { u64 v; if (!mem_load(cpu, va, size, &v)) return; T = conv; }, log)

#define STORES(name, size, log)                                                                                        \
	ROW(name##_uimm, { mem_store(cpu, base + OFFSET, size, T); }, insn->i *= size) \
	ALIAS(name##_unscaled, name##_uimm, SIGNED9)                                                                   \
	ROW(name##_post, { if (mem_store(cpu, base, size, T)) cpu->x[insn->n] = base + OFFSET; }, SIGNED9) \
	ROW(name##_pre, { if (mem_store(cpu, base + OFFSET, size, T)) cpu->x[insn->n] = base + OFFSET; }, SIGNED9) \
	ROW(name##_unpriv, { store_el0(cpu, base + OFFSET, size, T); }, SIGNED9) \
	INDEXED(name, { mem_store(cpu, va, size, T); }, log)

/* Register offset: 64-bit registers, and the rest (32-bit registers, or a base of SP). Option bit 1 clear: reserved. */
#define INDEXED(name, body, log)                                                                                       \
	static always_inline void body_##name##_reg(struct cpu *cpu, const struct insn *insn, u64 va)                  \
	{                                                                                                              \
		body                                                                                                   \
	}                                                                                                              \
	EXEC(name##_reg)                                                                                               \
	{                                                                                                              \
		body_##name##_reg(cpu, insn, cpu->x[insn->n] + (cpu->x[insn->m] << insn->i));                          \
	}                                                                                                              \
	VARIANT(name##_reg_w)                                                                                          \
	{                                                                                                              \
		body_##name##_reg(cpu, insn, cpu->x[insn->n] + index_w(cpu, insn));                                    \
	}                                                                                                              \
	VARIANT(name##_reg_sp)                                                                                         \
	{                                                                                                              \
		if (!sp_misaligned(cpu))                                                                               \
			body_##name##_reg(cpu, insn, cpu->x[SLOT_SP] + (insn->o & 1 ? cpu->x[insn->m] << insn->i :     \
										      index_w(cpu, insn)));    \
	}                                                                                                              \
	PREP(name##_reg)                                                                                               \
	{                                                                                                              \
		insn->i = insn->h ? log : 0;                                                                           \
		if (insn->n == SLOT_SP)                                                                                \
			insn->exec = exec_##name##_reg_sp;                                                             \
		else if (!(insn->o & 1))                                                                               \
			insn->exec = exec_##name##_reg_w;                                                              \
		return insn->o & 2;                                                                                    \
	}

STORES(STRB, 1, 0)
STORES(STRH, 2, 1)
STORES(STR_w, 4, 2)
STORES(STR_x, 8, 3)
LOADS(LDRB, 1, 0, v)
LOADS(LDRH, 2, 1, v)
LOADS(LDR_w, 4, 2, v)
LOADS(LDR_x, 8, 3, v)
LOADS(LDRSB_x, 1, 0, (u64)(s64)(s8)v)
LOADS(LDRSB_w, 1, 0, (u32)(s32)(s8)v)
LOADS(LDRSH_x, 2, 1, (u64)(s64)(s16)v)
LOADS(LDRSH_w, 2, 1, (u32)(s32)(s16)v)
LOADS(LDRSW, 4, 2, (u64)(s64)(s32)v)

/* --- prefetches do nothing and never fault --- */

EXEC(PRFM_uimm)
{
}
EXEC(PRFM_unscaled)
{
}
EXEC(PRFM_lit)
{
}
EXEC(PRFM_reg)
{
}
PREP(PRFM_reg)
{
	return insn->o & 2;
}

/* --- literals --- */

#define LITERAL(name, size, conv)                                                                                      \
	EXEC(name##_lit)                                                                                               \
	{                                                                                                              \
		u64 v;                                                                                                 \
		if (mem_load(cpu, cpu_pc_of(cpu, insn) + OFFSET, size, &v))                                            \
			T = conv;                                                                                      \
	}                                                                                                              \
	PREP(name##_lit)                                                                                               \
	{                                                                                                              \
		insn->i = (u32)sign_extend(insn->i, 19) * 4;                                                           \
		return true;                                                                                           \
	}
LITERAL(LDR_w, 4, v)
LITERAL(LDR_x, 8, v)
LITERAL(LDRSW, 4, (u64)(s64)(s32)v)

/* --- pairs: two accesses of the register's size --- */

static always_inline bool load_pair(struct cpu *cpu, u64 va, unsigned size, u64 *first, u64 *second)
{
	const u8 *host = tlb_hit(cpu->bank->read, va, size * 2);

	if (likely(host != NULL)) {
		*first = host_load(host, size);
		*second = host_load(host + size, size);
		return true;
	}
	return mem_load(cpu, va, size, first) && mem_load(cpu, va + size, size, second);
}

static always_inline bool store_pair(struct cpu *cpu, u64 va, unsigned size, u64 first, u64 second)
{
	u8 *host = tlb_hit(cpu->bank->write, va, size * 2);

	if (likely(host != NULL)) {
		host_store(host, size, first);
		host_store(host + size, size, second);
		return true;
	}
	return mem_store(cpu, va, size, first) && mem_store(cpu, va + size, size, second);
}

#define SIGNED7(size) insn->i = (u32)sign_extend(insn->i, 7) * size
#define LOAD_PAIR_OFF(name, size, conv)                                                                                \
	ROW(name##_off, { u64 v; u64 w; if (!load_pair(cpu, base + OFFSET, size, &v, &w)) return; \
		T = conv(v); U = conv(w); }, SIGNED7(size))                                                            \
	ROW(name##_post, { u64 v; u64 w; if (!load_pair(cpu, base, size, &v, &w)) return; \
		cpu->x[insn->n] = base + OFFSET; T = conv(v); U = conv(w); }, SIGNED7(size))                           \
	ROW(name##_pre, { u64 v; u64 w; if (!load_pair(cpu, base + OFFSET, size, &v, &w)) return; \
		cpu->x[insn->n] = base + OFFSET; T = conv(v); U = conv(w); }, SIGNED7(size))
#define STORE_PAIR(name, size)                                                                                         \
	ROW(name##_off, { store_pair(cpu, base + OFFSET, size, T, U); }, SIGNED7(size)) \
	ROW(name##_post, { if (store_pair(cpu, base, size, T, U)) cpu->x[insn->n] = base + OFFSET; }, SIGNED7(size)) \
	ROW(name##_pre, { if (store_pair(cpu, base + OFFSET, size, T, U)) cpu->x[insn->n] = base + OFFSET; }, \
	    SIGNED7(size))
#define KEEP(v) (v)
#define SIGNED_WORD(v) ((u64)(s64)(s32)(v))
LOAD_PAIR_OFF(LDP_x, 8, KEEP)
LOAD_PAIR_OFF(LDP_w, 4, KEEP)
LOAD_PAIR_OFF(LDPSW, 4, SIGNED_WORD)
STORE_PAIR(STP_x, 8)
STORE_PAIR(STP_w, 4)
ALIAS(LDP_x_np, LDP_x_off, SIGNED7(8))
ALIAS(LDP_w_np, LDP_w_off, SIGNED7(4))
ALIAS(STP_x_np, STP_x_off, SIGNED7(8))
ALIAS(STP_w_np, STP_w_off, SIGNED7(4))
