/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory copy and set [FEAT_MOPS], as cpu/mops.c has them. The prologue is arithmetic. The main instruction and the epilogue do here what
 * is left if it goes forward and lies in one page of source and one of destination that the TLB has: a C library's short copies. All
 * else, and what takes several pieces, is the interpreter's.
 */
#include <string.h>

#include "cpu/access.h"
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

/* SCTLR_EL1.MSCEn */
static void check_enabled(struct block *b)
{
	if (b->mode & MODE_EL1)
		return;
	x64_rm(&b->x, false, OP(0xf6), 0, mem_at(RBP, (s32)offsetof(struct cpu, sys.sctlr) + 4 - BIAS));
	x64_u8(&b->x, 2);
	slow_path(b, x64_jcc(&b->x, CC_E));
}

/* x[slot] += RDX */
static void add_count(struct block *b, unsigned slot)
{
	if (slot_pin(b, slot) != NO_REG)
		x64_alu(&b->x, true, ALU_ADD, reg_dest(b, slot, RAX), RDX);
	else
		x64_alu_store(&b->x, true, ALU_ADD, slot_mem(slot), RDX);
}
/* RDX = the count: addresses to the ends, the count negative, NZCV 0. */
static bool go_forward(struct block *b, const struct insn *i, bool has_source)
{
	struct x64 *x = &b->x;

	add_count(b, i->d);
	if (has_source)
		add_count(b, i->s);
	x64_neg(x, true, RDX);
	reg_done(b, i->n, RDX);
	x64_mov_imm(x, RAX, flags_constant(0));
	x64_store_sized(x, 2, CPU_MEM(jit_flags), RAX);
	b->flags = FLAGS_SAVED;
	return true;
}
static bool prologue(struct block *b, const struct insn *i, bool has_source)
{
	check_enabled(b);
	reg_copy(b, true, RDX, i->n);
	x64_test(&b->x, true, RDX, RDX);
	slow_path(b, x64_jcc(&b->x, CC_S));
	return go_forward(b, i, has_source);
}
EMIT(CPYFP)
{
	return prologue(b, i, true);
}
EMIT(SETP)
{
	return prologue(b, i, false);
}
/* Backward if the destination begins in the source; of addresses 56 bits count. */
EMIT(CPYP)
{
	struct x64 *x = &b->x;

	check_enabled(b);
	reg_copy(b, true, RDX, i->n);
	x64_mov(x, true, RCX, RDX);
	x64_shift_imm(x, true, SHIFT_SHR, RCX, 55);
	slow_path(b, x64_jcc(x, CC_NE));
	reg_copy(b, true, RAX, i->d);
	reg_alu(b, true, ALU_SUB, RAX, i->s);
	x64_shift_imm(x, true, SHIFT_SHL, RAX, 8);
	x64_mov(x, true, RCX, RDX);
	x64_shift_imm(x, true, SHIFT_SHL, RCX, 8);
	x64_alu(x, true, ALU_CMP, RAX, RCX);
	slow_path(b, x64_jcc(x, CC_B));
	return go_forward(b, i, true);
}

/* `to` and `from` are the ends, n minus the bytes. 0: done. */
u64 light_copy(struct cpu *cpu, u64 to, u64 from, u64 n)
{
	u64 bytes = -n;
	void *source, *target;

	if (bytes > 4096)
		return 1;
	source = tlb_hit(cpu->bank->read, from + n, (unsigned)bytes);
	target = tlb_hit(cpu->bank->write, to + n, (unsigned)bytes);
	if (!source || !target)
		return 1;
	memmove(target, source, bytes);
	return 0;
}
u64 light_set(struct cpu *cpu, u64 to, u64 value, u64 n)
{
	u64 bytes = -n;
	void *target = bytes > 4096 ? NULL : tlb_hit(cpu->bank->write, to + n, (unsigned)bytes);

	if (!target)
		return 1;
	memset(target, (u8)value, bytes);
	return 0;
}

static bool rest(struct block *b, const struct insn *i, enum light light)
{
	struct x64 *x = &b->x;
	u8 *nothing;

	if ((i->o & 3) && (b->mode & MODE_EL1)) /* with EL0's rights */
		return false;
	check_enabled(b);
	x64_rm(x, false, OP(0xf6), 0, mem_at(RBP, (s32)offsetof(struct cpu, jit_flags) + 1 - BIAS)); /* C is 0 */
	x64_u8(x, 1);
	slow_path(b, x64_jcc(x, CC_E));
	reg_copy(b, true, RCX, i->n);
	x64_test(x, true, RCX, RCX);
	nothing = x64_jcc_short(x, CC_E);
	slow_path(b, x64_jcc(x, CC_NS));
	reg_copy(b, true, RSI, i->d);
	reg_copy(b, true, RDX, i->s);
	call_light(b, light);
	x64_test(x, false, RAX, RAX);
	slow_path(b, x64_jcc(x, CC_NE));
	reg_done(b, i->n, RAX);
	x64_bind_short(x, nothing);
	return true;
}
EMIT(CPYM)
{
	return rest(b, i, LIGHT_COPY);
}
EMIT(SETM)
{
	return rest(b, i, LIGHT_SET);
}

#define ROW(name, function) {ROW_##name, 0, emit_##function},
const struct emitter_row emit_mops_rows[] = {
	ROW(CPYP, CPYP) ROW(CPYM, CPYM) ROW(CPYE, CPYM) ROW(CPYFP, CPYFP) ROW(CPYFM, CPYM) ROW(CPYFE, CPYM) ROW(SETP, SETP) ROW(SETM, SETM)
	ROW(SETE, SETM)
	{ROW_NONE, 0, NULL},
};
