/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exclusives and the atomic operations of FEAT_LSE, as cpu/atomic.c has them: host atomics on the host address. With one vCPU the
 * monitor is the address, size and value of LDXR; with more, LDXR also reserves (cpu/monitor.c) and STXR asks the monitor, by a light call.
 * Misaligned addresses are the interpreter's. What is watched for somebody's exclusive is not in the TLB for writing.
 *
 * The loops that compilers and kernels write have both in one block, and arithmetic between them; there the value is enough. Where such
 * an LDXR is left by a side exit, and a store-exclusive elsewhere wants to end it, that one fails, once: the next LDXR of that address
 * reserves.
 */
#include "cpu/vcpu.h"
#include "jit/private.h"
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

/* RSI = the address, aligned to `size`; a misaligned SP or address takes the slow path. */
static void address_to_rsi(struct block *b, const struct insn *i, unsigned size)
{
	unsigned align = (i->n == SLOT_SP && !b->sp_aligned ? 15u : 0) | (size - 1);

	reg_copy(b, true, RSI, i->n);
	if (!align)
		return;
	x64_test_imm(&b->x, false, RSI, (s32)align);
	slow_path(b, x64_jcc(&b->x, CC_NE));
}

/* Opcode for i->z with the byte form `op`; the others are op + 1. */
static void sized(struct block *b, const struct insn *i, u32 op, unsigned reg, struct mem m)
{
	if (i->z == 0)
		x64_rm8(&b->x, false, op, reg, m);
	else
		x64_rm(&b->x, i->z == 3, (op + 1) | (i->z == 1 ? P66 : 0), reg, m);
}
static void locked(struct block *b, const struct insn *i, u32 op, unsigned reg, struct mem m)
{
	x64_u8(&b->x, 0xf0);
	sized(b, i, op, reg, m);
}
#define CMPXCHG OP_0F(0xb0)
#define XADD OP_0F(0xc0)
#define XCHG OP(0x86)

/* r = its low bytes of i->z, zero-extended; words are already. */
static void narrow(struct block *b, const struct insn *i, unsigned r)
{
	if (i->z < 2)
		x64_extend(&b->x, false, false, 1u << i->z, r, r);
}

/* RSI = the host address of what `m` (RSI + RCX) names; RCX is free. */
static struct mem host_to_rsi(struct block *b, struct mem m)
{
	x64_lea(&b->x, true, RSI, m);
	return mem_at(RSI, 0);
}

/* LOCK CMPXCHG16B of m (RSI) with RDX:RAX and x[low], x[high]; it wants RBX, which waits on the stack. RCX is lost. */
static void cmpxchg16b(struct block *b, unsigned low, unsigned high, struct mem m)
{
	struct x64 *x = &b->x;

	reg_copy(b, true, RCX, high);
	x64_push(x, RBX);
	reg_copy(b, true, RBX, low);
	x64_u8(x, 0xf0);
	x64_rm(x, true, OP_0F(0xc7), 1, m);
	x64_pop(x, RBX);
}

/* Before an LDXR of `m` loads; with several vCPUs. As monitor_reserve: says what is reserved, then looks whether the page is watched. RAX, RDX. */
static void reserve(struct block *b, struct mem m)
{
	struct x64 *x = &b->x;

	if (cpus_count(b->cpu->cpus) == 1)
		return;
	x64_lea(x, true, RDX, m);
	x64_alu_imm(x, true, ALU_AND, RDX, -MONITOR_GRANULE);
	x64_rm(x, true, OP(0x87), RDX, CPU_MEM(exclusive.reserved));
	x64_lea(x, true, RDX, m);
	x64_shift_imm(x, true, SHIFT_SHR, RDX, 12);
	x64_alu_imm(x, false, ALU_AND, RDX, (s32)WATCH_BITS - 1);
	x64_load(x, true, RAX, CPU_MEM(cpus));
	x64_rm(x, false, OP_0F(0xa3), RDX, mem_at(RAX, offsetof(struct cpus, monitor.watched))); /* bt */
	slow_path(b, x64_jcc(x, CC_AE));
}
/* Whether the store-exclusive (row or `release`) of this LDXR is in view, and what it stores depends on registers and the value loaded alone. */
static bool has_in_view(struct block *b, const struct insn *i, unsigned row, unsigned release)
{
	enum { VIEW = 8 };

	if (cpus_count(b->cpu->cpus) == 1 || b->cpu->cpus->instruction_time || !jit_has(b->jit, JIT_EXCLUSIVES) || i->t == i->n)
		return false;
	for (unsigned n = 1; n <= VIEW; n++) {
		const struct insn *next = next_insn(b, n);
		u8 slots[OPERANDS_MAX];

		if (!next)
			return false;
		if (next->row == row || next->row == release) {
			if (next->n != i->n || next->z != i->z)
				return false;
			b->closes = b->k + n;
			return true;
		}
		for (unsigned k = operands_of(b, b->k + n, slots); k--;)
			if (slots[k] == i->n)
				return false;
		switch (next->row) {
		case ROW_B_cond: case ROW_CBZ: case ROW_CBNZ: case ROW_TBZ: case ROW_TBNZ: break;
		default:
			if (!(emitter_of(b, next)->flags & EMIT_PURE))
				return false;
		}
	}
	return false;
}
static void set_armed(struct block *b, unsigned how)
{
	x64_rm(&b->x, false, OP(0xc6), 0, CPU_MEM(exclusive.armed));
	x64_u8(&b->x, how);
}
/* Ahead of the access, and before it loads; the other way is reserve(). */
static void will_load(struct block *b)
{
	set_armed(b, ARMED_TO_LOAD);
}
static void may_load(struct block *b)
{
	x64_alu_load(&b->x, true, ALU_CMP, RSI, CPU_MEM(exclusive.strict));
	slow_path(b, x64_jcc(&b->x, CC_E));
}

/* The address is in RSI, what was loaded in RDX and, of 16 bytes, RAX. */
static void arm(struct block *b, unsigned how, unsigned size)
{
	struct x64 *x = &b->x;

	x64_store_imm(x, false, CPU_MEM(exclusive.armed), (s32)(size << 8 | how)); /* and size */
	x64_store(x, true, CPU_MEM(exclusive.va), RSI);
	x64_store(x, true, CPU_MEM(exclusive.low), RDX);
	if (size == 16)
		x64_store(x, true, CPU_MEM(exclusive.high), RAX);
	else
		x64_store_imm(x, true, CPU_MEM(exclusive.high), 0);
}

EMIT(LDXR)
{
	bool by_value = has_in_view(b, i, ROW_STXR, ROW_STLXR);
	unsigned size = 1u << i->z;
	struct mem m;

	if (by_value)
		will_load(b);
	address_to_rsi(b, i, size);
	m = memory_check(b, RSI, size, 0);
	if (by_value)
		may_load(b);
	else
		reserve(b, m);
	x64_load_extend(&b->x, size == 8, false, size, RDX, m);
	arm(b, by_value ? ARMED_BY_VALUE : ARMED_RESERVED, size);
	reg_done(b, i->t, RDX);
	return true;
}
/* The pair is atomic if the STXP succeeds, which compares all of it. */
EMIT(LDXP)
{
	bool by_value = i->u != i->n && has_in_view(b, i, ROW_STXP, ROW_STLXP);
	unsigned size = i->z ? 16 : 8;
	struct x64 *x = &b->x;
	struct mem m, second;

	if (by_value)
		will_load(b);
	address_to_rsi(b, i, size);
	second = m = memory_check(b, RSI, size, 0);
	if (by_value)
		may_load(b);
	else
		reserve(b, m);
	x64_load(x, true, RDX, m);
	second.disp += 8;
	if (size == 16)
		x64_load(x, true, RAX, second);
	arm(b, by_value ? ARMED_BY_VALUE : ARMED_RESERVED, size);
	if (size == 8) {
		x64_mov(x, true, RAX, RDX);
		x64_shift_imm(x, true, SHIFT_SHR, RAX, 32);
		x64_mov(x, false, RDX, RDX);
	}
	reg_done(b, i->t, RDX);
	reg_done(b, i->u, RAX);
	return true;
}

/* --- store-exclusive: RDX, and of a pair RCX, is the new value --- */

u64 light_exclusive(struct cpu *cpu, u64 va, u64 low, u64 high)
{
	return exclusive_store(cpu, va, low, high);
}
static void pair_to_rdx(struct block *b, const struct insn *i)
{
	reg_copy(b, false, RCX, i->u);
	x64_shift_imm(&b->x, true, SHIFT_SHL, RCX, 32);
	reg_copy(b, false, RDX, i->t);
	x64_alu(&b->x, true, ALU_OR, RDX, RCX);
}
/* RAX = 0 if it was stored; what was loaded is all that matters. */
static void store_if_same(struct block *b, const struct insn *i, unsigned size, bool pair)
{
	struct x64 *x = &b->x;
	struct mem m = memory_check(b, RSI, size, MEMORY_WRITE);

	if (pair)
		m = host_to_rsi(b, m);
	if (size == 16) {
		x64_load(x, true, RAX, CPU_MEM(exclusive.low));
		x64_load(x, true, RDX, CPU_MEM(exclusive.high));
		cmpxchg16b(b, i->t, i->u, m);
	} else {
		if (pair)
			pair_to_rdx(b, i);
		else
			reg_copy(b, true, RDX, i->t);
		x64_load(x, true, RAX, CPU_MEM(exclusive.low));
		x64_u8(x, 0xf0);
		if (size == 1)
			x64_rm8(x, false, CMPXCHG, RDX, m);
		else
			x64_rm(x, size == 8, (CMPXCHG + 1) | (size == 2 ? P66 : 0), RDX, m);
	}
	x64_setcc(x, CC_NE, RAX);
	x64_extend(x, false, false, 1, RAX, RAX);
}
static bool store_exclusive(struct block *b, const struct insn *i, unsigned size, bool pair)
{
	struct x64 *x = &b->x;
	u8 *other[2], *done, *stored = NULL;

	address_to_rsi(b, i, size);
	x64_load_extend(x, false, false, 2, RAX, CPU_MEM(exclusive.armed));
	if (b->closes && b->closes == b->k) {
		u8 *reserved;

		x64_alu_imm(x, false, ALU_CMP, RAX, (s32)(size << 8 | ARMED_BY_VALUE));
		reserved = x64_jcc(x, CC_NE);
		set_armed(b, ARMED_TO_STORE);
		store_if_same(b, i, size, pair);
		stored = x64_jmp(x);
		x64_bind(reserved, x->at);
	}
	x64_alu_imm(x, false, ALU_CMP, RAX, (s32)(size << 8 | ARMED_RESERVED));
	other[0] = x64_jcc(x, CC_NE);
	x64_alu_load(x, true, ALU_CMP, RSI, CPU_MEM(exclusive.va));
	other[1] = x64_jcc(x, CC_NE);
	if (cpus_count(b->cpu->cpus) == 1) {
		store_if_same(b, i, size, pair);
	} else {
		if (pair && size == 8) {
			pair_to_rdx(b, i);
		} else {
			reg_copy(b, true, RDX, i->t);
			if (pair)
				reg_copy(b, true, RCX, i->u);
		}
		call_light(b, LIGHT_EXCLUSIVE);
		x64_alu_imm(x, false, ALU_CMP, RAX, EXCLUSIVE_UNKNOWN);
		slow_path(b, x64_jcc(x, CC_E));
	}
	done = x64_jmp_short(x);
	x64_bind(other[0], x->at);
	x64_bind(other[1], x->at);
	if (cpus_count(b->cpu->cpus) > 1) {
		u8 *other_way;

		x64_alu_imm(x, false, ALU_AND, RAX, 0xff);
		x64_alu_imm(x, false, ALU_CMP, RAX, ARMED_BY_VALUE);
		other_way = x64_jcc_short(x, CC_NE);
		x64_load(x, true, RAX, CPU_MEM(exclusive.va));
		x64_store(x, true, CPU_MEM(exclusive.strict), RAX);
		x64_bind_short(x, other_way);
	}
	x64_mov_imm(x, RAX, 1);
	x64_bind_short(x, done);
	if (stored)
		x64_bind(stored, x->at);
	set_armed(b, ARMED_NOT);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(STXR)
{
	return store_exclusive(b, i, 1u << i->z, false);
}
EMIT(STXP)
{
	return store_exclusive(b, i, i->z ? 16 : 8, true);
}

EMIT(CAS)
{
	struct mem m;

	address_to_rsi(b, i, 1u << i->z);
	m = memory_check(b, RSI, 1u << i->z, MEMORY_WRITE);
	reg_copy(b, i->z == 3, RAX, i->s);
	reg_copy(b, true, RDX, i->t);
	locked(b, i, CMPXCHG, RDX, m);
	narrow(b, i, RAX);
	reg_done(b, slot_written(i->s), RAX);
	return true;
}
EMIT(SWP)
{
	struct mem m;

	address_to_rsi(b, i, 1u << i->z);
	m = memory_check(b, RSI, 1u << i->z, MEMORY_WRITE);
	reg_copy(b, true, RDX, i->m);
	sized(b, i, XCHG, RDX, m);
	narrow(b, i, RDX);
	reg_done(b, i->t, RDX);
	return true;
}
EMIT(LDADD)
{
	struct mem m;

	address_to_rsi(b, i, 1u << i->z);
	m = memory_check(b, RSI, 1u << i->z, MEMORY_WRITE);
	reg_copy(b, true, RDX, i->m);
	locked(b, i, XADD, RDX, m);
	narrow(b, i, RDX);
	reg_done(b, i->t, RDX);
	return true;
}

/* The operations whose old value x86 gives only by compare-and-swap. */
static bool logic(struct block *b, const struct insn *i, enum x64_alu op, bool invert)
{
	struct x64 *x = &b->x;
	struct mem m;
	u8 *again;

	address_to_rsi(b, i, 1u << i->z);
	m = memory_check(b, RSI, 1u << i->z, MEMORY_WRITE);
	if (i->t == SLOT_DUMP) {
		reg_copy(b, true, RDX, i->m);
		if (invert)
			x64_not(x, true, RDX);
		locked(b, i, OP(op * 8), RDX, m);
		return true;
	}
	x64_load_extend(x, i->z == 3, false, 1u << i->z, RAX, m);
	again = x->at;
	reg_copy(b, true, RDX, i->m);
	if (invert)
		x64_not(x, true, RDX);
	x64_alu(x, true, op, RDX, RAX);
	locked(b, i, CMPXCHG, RDX, m);
	x64_u8(x, 0x70 | CC_NE);
	x64_u8(x, (u8)(again - (x->at + 1)));
	narrow(b, i, RAX);
	reg_done(b, i->t, RAX);
	return true;
}
EMIT(LDCLR)
{
	return logic(b, i, ALU_AND, true);
}
EMIT(LDEOR)
{
	return logic(b, i, ALU_XOR, false);
}
EMIT(LDSET)
{
	return logic(b, i, ALU_OR, false);
}

/* The old value stays if `keep` holds between it and the operand. */
static bool extreme(struct block *b, const struct insn *i, bool sign, enum host_cc keep)
{
	unsigned size = 1u << i->z;
	struct x64 *x = &b->x;
	struct mem m;
	u8 *again;

	address_to_rsi(b, i, 1u << i->z);
	m = host_to_rsi(b, memory_check(b, RSI, size, MEMORY_WRITE));
	x64_load_extend(x, i->z == 3, false, size, RAX, m);
	again = x->at;
	reg_copy(b, true, RDX, i->m);
	x64_extend(x, true, sign, size, RDX, RDX);
	x64_extend(x, true, sign, size, RCX, RAX);
	x64_alu(x, true, ALU_CMP, RCX, RDX);
	x64_cmov(x, true, keep, RDX, RCX);
	locked(b, i, CMPXCHG, RDX, m);
	x64_u8(x, 0x70 | CC_NE);
	x64_u8(x, (u8)(again - (x->at + 1)));
	narrow(b, i, RAX);
	reg_done(b, i->t, RAX);
	return true;
}
EMIT(LDSMAX)
{
	return extreme(b, i, true, CC_GE);
}
EMIT(LDSMIN)
{
	return extreme(b, i, true, CC_LE);
}
EMIT(LDUMAX)
{
	return extreme(b, i, false, CC_AE);
}
EMIT(LDUMIN)
{
	return extreme(b, i, false, CC_BE);
}

/* Pairs: of doublewords by CMPXCHG16B. */
EMIT(CASP)
{
	unsigned size = i->z ? 16 : 8;
	struct x64 *x = &b->x;
	struct mem m;

	reg_copy(b, true, RSI, i->n);
	x64_test_imm(x, false, RSI, (s32)size - 1);
	slow_path(b, x64_jcc(x, CC_NE));
	if (i->n == SLOT_SP)
		check_sp(b, i->n);
	m = host_to_rsi(b, memory_check(b, RSI, size, MEMORY_WRITE));
	reg_copy(b, i->z, RAX, i->s);
	reg_copy(b, i->z, RDX, i->s + 1u);
	if (i->z) {
		cmpxchg16b(b, i->t, i->t + 1u, m);
	} else {
		x64_shift_imm(x, true, SHIFT_SHL, RDX, 32);
		x64_alu(x, true, ALU_OR, RAX, RDX);
		reg_copy(b, false, RCX, i->t + 1u);
		x64_shift_imm(x, true, SHIFT_SHL, RCX, 32);
		reg_copy(b, false, RDX, i->t);
		x64_alu(x, true, ALU_OR, RCX, RDX);
		x64_u8(x, 0xf0);
		x64_rm(x, true, OP_0F(0xb1), RCX, m);
		x64_mov(x, true, RDX, RAX);
		x64_shift_imm(x, true, SHIFT_SHR, RDX, 32);
		x64_mov(x, false, RAX, RAX);
	}
	reg_done(b, slot_written(i->s), RAX);
	reg_done(b, slot_written(i->s + 1u), RDX);
	return true;
}

#define ROW(name) {ROW_##name, 0, emit_##name},
const struct emitter_row emit_atomic_rows[] = {
	ROW(LDXR) ROW(STXR) {ROW_LDAXR, 0, emit_LDXR}, {ROW_STLXR, 0, emit_STXR},
	ROW(LDXP) ROW(STXP) {ROW_LDAXP, 0, emit_LDXP}, {ROW_STLXP, 0, emit_STXP},
	ROW(CAS) ROW(SWP) ROW(LDADD) ROW(LDCLR) ROW(LDEOR) ROW(LDSET) ROW(LDSMAX) ROW(LDSMIN) ROW(LDUMAX) ROW(LDUMIN) ROW(CASP)
	{ROW_NONE, 0, NULL},
};
