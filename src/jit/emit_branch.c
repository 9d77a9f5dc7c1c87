/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branches. A conditional branch that is the last of its block makes two exits; inside a block it makes a side exit. A forward B that
 * the block follows is nothing at all.
 */
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

static s64 here(const struct block *b)
{
	return b->list[b->k];
}
static s64 target_of(const struct block *b, const struct insn *i)
{
	return here(b) + (s32)i->i;
}

static void fall_through(struct block *b)
{
	if (is_last(b))
		exit_to(b, here(b) + 1);
}

EMIT(B)
{
	if (is_last(b))
		exit_to(b, target_of(b, i));
	return true;
}
static void link_register(struct block *b)
{
	address_of(b, RCX, here(b) + 1);
	reg_done(b, 30, RCX);
}
EMIT(BL)
{
	link_register(b);
	exit_call(b, target_of(b, i));
	return true;
}
EMIT(B_cond)
{
	if (i->c >= 14) {
		exit_to(b, target_of(b, i));
		return true;
	}
	exit_if(b, flags_cc(b, i->c), target_of(b, i));
	fall_through(b);
	return true;
}
static bool compare_branch(struct block *b, const struct insn *i, enum host_cc cc)
{
	bool w = i->z;

	if (i->t == SLOT_ZR) {
		if (cc == CC_E)
			exit_to(b, target_of(b, i));
		else
			fall_through(b);
		return true;
	}
	if (slot_pin(b, i->t) != NO_REG)
		x64_test(&b->x, w, slot_pin(b, i->t), slot_pin(b, i->t));
	else
		x64_alu_mem_imm(&b->x, w, ALU_CMP, slot_mem(i->t), 0);
	exit_if(b, cc, target_of(b, i));
	fall_through(b);
	return true;
}
EMIT(CBZ)
{
	return compare_branch(b, i, CC_E);
}
EMIT(CBNZ)
{
	return compare_branch(b, i, CC_NE);
}
static bool test_branch(struct block *b, const struct insn *i, bool set)
{
	unsigned t = reg_read(b, i->t, RAX);

	if (i->h < 31) {
		x64_test_imm(&b->x, false, t, (s32)(1u << i->h));
		exit_if(b, set ? CC_NE : CC_E, target_of(b, i));
	} else {
		x64_bt_imm(&b->x, true, t, i->h);
		exit_if(b, set ? CC_B : CC_AE, target_of(b, i));
	}
	fall_through(b);
	return true;
}
EMIT(TBZ)
{
	return test_branch(b, i, false);
}
EMIT(TBNZ)
{
	return test_branch(b, i, true);
}
EMIT(BR)
{
	reg_copy(b, true, RAX, i->n);
	exit_indirect(b);
	return true;
}
EMIT(BLR)
{
	reg_copy(b, true, RAX, i->n);
	link_register(b);
	exit_call_indirect(b);
	return true;
}
EMIT(RET)
{
	reg_copy(b, true, RAX, i->n);
	exit_return(b);
	return true;
}

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
const struct emitter_row emit_branch_rows[] = {
	{ROW_B, EMIT_KEEPS, emit_B},
	ROW(BL, 0) ROW(B_cond, EMIT_KEEPS) ROW(CBZ, 0) ROW(CBNZ, 0) ROW(TBZ, 0) ROW(TBNZ, 0) ROW(BR, 0) ROW(BLR, 0)
	{ROW_RET, 0, emit_RET},
	{ROW_NONE, 0, NULL},
};
