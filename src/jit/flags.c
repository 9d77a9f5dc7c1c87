/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NZCV inside a block: where it lives (translate.h), how an instruction sets it and finds it again, and the look ahead that says
 * whether anybody sees what an instruction sets.
 */
#include "jit/private.h"

/* --- set and found --- */

u32 flags_constant(unsigned nzcv)
{
	return (nzcv >> 3 & 1) << 15 | (nzcv >> 2 & 1) << 14 | (~nzcv >> 1 & 1) << 8 | (nzcv & 1);
}

/* Makes EFLAGS valid, in any shape. May use RAX. */
static void load(struct block *b)
{
	unsigned redo = b->redo[b->k];

	if (b->flags != FLAGS_SAVED)
		return;
	if (redo) {
		const struct insn *insn = &b->page->insn[b->list[redo - 1]];
		bool save = b->save_flags;

		b->save_flags = false;
		emitter_of(b, insn)->emit(b, insn);
		b->save_flags = save;
		return;
	}
	x64_load_extend(&b->x, false, false, 2, RAX, CPU_MEM(jit_flags));
	x64_u8(&b->x, 0x04); /* add al, 0x7f: OF from bit 0 */
	x64_u8(&b->x, 0x7f);
	x64_u8(&b->x, 0x9e); /* sahf */
	b->flags = FLAGS_BORROW;
}

/* In the shape of a subtraction. */
static void load_borrow(struct block *b)
{
	load(b);
	if (b->flags == FLAGS_LOGIC)
		x64_u8(&b->x, 0xf9); /* stc */
	else if (b->flags == FLAGS_CARRY)
		x64_u8(&b->x, 0xf5); /* cmc */
	b->flags = FLAGS_BORROW;
}

void flags_set(struct block *b, enum flags_place place)
{
	b->flags = place;
	if (!b->save_flags)
		return;
	load_borrow(b);
	x64_u8(&b->x, 0x9f); /* lahf */
	x64_setcc(&b->x, CC_O, RAX);
	x64_store_sized(&b->x, 2, CPU_MEM(jit_flags), RAX);
}

void flags_save(struct block *b, unsigned setter, enum flags_place place)
{
	const struct insn *insn = &b->page->insn[b->list[setter]];

	b->save_flags = true;
	if (place != FLAGS_SAVED)
		flags_set(b, place);
	else
		emitter_of(b, insn)->emit(b, insn);
	b->flags = FLAGS_SAVED;
}

void flags_load_carry(struct block *b, bool inverted)
{
	if (b->flags == FLAGS_SAVED && !b->redo[b->k]) {
		x64_rm(&b->x, false, P66 | OP_0F(0xba), 4, CPU_MEM(jit_flags)); /* bt of the word that was stored: a wider one waits for the store */
		x64_u8(&b->x, 8);
		b->flags = FLAGS_BORROW;
	}
	if (inverted) {
		load_borrow(b);
		return;
	}
	load(b);
	if (b->flags == FLAGS_BORROW)
		x64_u8(&b->x, 0xf5);
	b->flags = FLAGS_CARRY;
}

/* A condition that one byte of jit_flags tells: whether these bits of it are all 0. */
struct byte_test {
	u8 byte, bits;
	bool zero;
};
static const struct byte_test *byte_test(unsigned cond)
{
	enum { OF = 1, CF = 1, ZF = 0x40, SF = 0x80 };
	static const struct byte_test tests[10] = {
		{1, ZF, false}, {1, ZF, true}, {1, CF, true}, {1, CF, false}, {1, SF, false}, {1, SF, true}, {0, OF, false}, {0, OF, true},
		{1, CF | ZF, true}, {1, CF | ZF, false},
	};

	return cond < ARRAY_SIZE(tests) ? &tests[cond] : NULL;
}

enum host_cc flags_cc(struct block *b, unsigned cond)
{
	static const u8 cc[14] = {CC_E, CC_NE, CC_AE, CC_B, CC_S, CC_NS, CC_O, CC_NO, CC_A, CC_BE, CC_GE, CC_L, CC_G, CC_LE};
	const struct byte_test *t = byte_test(cond);

	if (b->flags == FLAGS_SAVED && !b->redo[b->k] && t) {
		x64_rm(&b->x, false, OP(0xf6), 0, mem_at(RBP, (s32)offsetof(struct cpu, jit_flags) + t->byte - BIAS)); /* test */
		x64_u8(&b->x, t->bits);
		return t->zero ? CC_E : CC_NE;
	}
	load(b);
	if ((cond == 2 || cond == 3) && b->flags == FLAGS_CARRY)
		return cc[cond ^ 1];
	if (cond == 2 || cond == 3 || cond == 8 || cond == 9)
		load_borrow(b);
	return cc[cond];
}

/* --- the look ahead --- */

/* An access that follows in a group: it cannot miss, and is made of moves. */
static bool is_sure(const struct block *b, unsigned k)
{
	return b->group[k].role == GROUP_FOLLOWS && !b->group[k].checks_sp && !b->jit->counts;
}

/* Some rows keep them with some operands: MOV (emit_ORR_reg), additions by LEA (emit_ADD_reg). */
bool flags_are_kept(const struct block *b, unsigned k, const struct emitter *e, const struct insn *insn)
{
	if (is_sure(b, k))
		return true;
	switch (insn->row) {
	case ROW_ORR_reg: return insn->n == SLOT_ZR && !insn->i;
	case ROW_ADD_reg: return insn->n != SLOT_ZR && insn->m != SLOT_ZR && insn->h == 0 && insn->i <= 3;
	default: return e->flags & EMIT_KEEPS;
	}
}

static const struct insn *insn_at(const struct block *b, unsigned k)
{
	return &b->page->insn[b->list[k]];
}

/* Whether instruction n, a pure one, an access or a branch inside the block, may write the register. */
static bool writes(const struct block *b, unsigned n, unsigned slot)
{
	const struct insn *insn = insn_at(b, n);
	const struct access_row *a = access_row(insn->row);
	u32 flags = row_of(insn)->flags;
	u8 named[OPERANDS_MAX];
	unsigned count;

	if (a)
		return (a->loads && (insn->t == slot || (a->pair && insn->u == slot))) || (a->mode != AT_OFFSET && insn->n == slot);
	if (flags & A64_BR)
		return false;
	if (!(flags & (A64_LOAD | A64_STORE)))
		return insn->d == slot;
	count = operands_of(b, n, named);
	for (unsigned o = 0; o < count; o++)
		if (named[o] == slot)
			return true;
	return insn->row == ROW_CASP && insn->s + 1u == slot; /* which its row does not name */
}

/* Whether the compare k can be done again at j: it only sets flags, needs no scratch register but RAX, and its operands are as they
 * were. */
static bool is_redoable(const struct block *b, unsigned k, unsigned j)
{
	const struct insn *insn = &b->page->insn[b->list[k]];
	unsigned m = SLOT_ZR;
	u64 imm;

	if (insn->d != SLOT_DUMP)
		return false;
	switch (insn->row) {
	case ROW_SUBS_imm: break;
	case ROW_ANDS_imm:
		if (insn->z && !(logical_immediate(true, insn->h, insn->r, insn->s, &imm) && (u64)(s64)(s32)imm == imm))
			return false;
		break;
	case ROW_SUBS_reg: case ROW_ANDS_reg:
		if (insn->i)
			return false;
		m = insn->m;
		break;
	default: return false;
	}
	for (unsigned n = k + 1; n < j; n++)
		if (writes(b, n, insn->n) || writes(b, n, m))
			return false;
	return true;
}

/* What becomes of the flags that are not in memory, at an instruction that does not set them. */
enum fate {
	FATE_SEEN, /* they had to be in memory */
	FATE_KEPT, /* they are in EFLAGS as before */
	FATE_LOST, /* they are in EFLAGS no more */
	FATE_LOST_AND_MADE, /* who leaves here makes them again: then their operands must be as they were */
};
static enum fate fate(const struct block *b, unsigned j)
{
	const struct insn *insn = insn_at(b, j);
	const struct emitter *e = emitter_of(b, insn);
	u32 flags = row_of(insn)->flags;
	bool last = j == b->count - 1;

	if (!e->emit)
		return FATE_SEEN;
	if ((e->flags & EMIT_PURE) || is_sure(b, j))
		return flags_are_kept(b, j, e, insn) ? FATE_KEPT : FATE_LOST;
	switch (insn->row) {
	case ROW_B: return last ? FATE_SEEN : FATE_KEPT;
	case ROW_B_cond: return last || insn->c >= 14 ? FATE_SEEN : FATE_KEPT; /* found or made for the branch, stored by the exit */
	case ROW_CBZ: case ROW_CBNZ: case ROW_TBZ: case ROW_TBNZ: return last ? FATE_SEEN : FATE_LOST_AND_MADE;
	default: break;
	}
	if ((flags & (A64_LOAD | A64_STORE)) && !(flags & (A64_BR | A64_SYS | A64_ENDS | A64_SETFLAGS | A64_GETFLAGS)))
		return FATE_LOST_AND_MADE;
	return FATE_SEEN;
}

bool flags_are_seen(struct block *b, unsigned k)
{
	bool kept = true;

	if (!jit_has(b->jit, JIT_LAZY_FLAGS))
		return true;
	/* Copies and sets have theirs in memory. Nobody may make them again: they change registers and memory. */
	if (row_of(insn_at(b, k))->flags & (A64_LOAD | A64_STORE))
		return true;
	for (unsigned j = k + 1; j < b->count; j++) {
		const struct insn *insn = insn_at(b, j);
		u32 flags = row_of(insn)->flags;
		enum fate now = fate(b, j);

		if (now == FATE_SEEN || (now == FATE_LOST_AND_MADE && !is_redoable(b, k, j)))
			return true;
		if ((flags & A64_GETFLAGS) && !kept && insn->c < 14) { /* conditions 14 and 15 look at none, and put none into EFLAGS */
			if (!is_redoable(b, k, j))
				return true;
			b->redo[j] = (u8)(k + 1);
			kept = true;
		}
		if (flags & A64_SETFLAGS)
			return false;
		if (now != FATE_KEPT)
			kept = false;
	}
	return true;
}
