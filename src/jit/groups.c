/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One TLB check for several accesses off the same base register: a stack frame, a structure, an unrolled copy.
 *
 * The first of a group (it leads) looks for the page of all of them, from the lowest byte to the last; the addend is kept in
 * cpu->jit_group, and those that follow only add it. That is sound inside a block: other vCPUs' TLBI and changes of the memory map wait
 * for its next poll. It ends with anything that may serve mail or change a TLB under it:
 *   - a call of C that is planned (no emitter), or a system instruction: no group goes on behind it;
 *   - a slow path of a memory access, or an emitter that declines, between the first and the last of a group: then the block is left
 *     behind that instruction.
 * Where it is left to, and where a leader goes whose group is not in one page or not in the TLB, is a block of the same records
 * that has no groups (`plain`), so that an object which lies across two pages costs a jump and not a call.
 *
 * A group may go on while its base changes by constants: writeback, ADD and SUB of an immediate. If it stores, its page is looked for
 * among those that may be written, which may be read as well (what is watched for reading is not in the TLB for writing). So a store joins
 * a group that began with a load only if no branch is between: else the page may be one that is never written.
 */
#include "jit/private.h"

#define SPAN_MAX 1024 /* bytes from first to last: the more, the more often it lies across two pages */

struct base {
	u8 group; /* 1 + number, or 0 */
	s64 moved; /* the base's value now less its value at the leader */
};
struct plan {
	struct base base[2][SLOT_COUNT]; /* by what the leader checked: 0 for reading, 1 for writing */
	unsigned count, branch; /* instructions up to the last branch */
	struct {
		u8 leader, last, members;
		bool writes;
		s64 low, high;
	} group[BLOCK_INSNS_MAX];
	u8 of[BLOCK_INSNS_MAX]; /* 1 + its group, or 0 */
	bool checks_sp[BLOCK_INSNS_MAX];
};

static void forget(struct plan *p, unsigned slot)
{
	if (slot < SLOT_COUNT)
		p->base[0][slot].group = p->base[1][slot].group = 0;
}
static void forget_all(struct plan *p)
{
	memset(p->base, 0, sizeof(p->base));
}
static void moves(struct plan *p, unsigned slot, s64 bytes)
{
	p->base[0][slot].moved += bytes;
	p->base[1][slot].moved += bytes;
}

static bool joins(struct plan *p, struct base *base, unsigned k, s64 offset, unsigned size)
{
	unsigned g = base->group - 1u;
	s64 low, high;

	if (!base->group)
		return false;
	low = MIN(p->group[g].low, base->moved + offset);
	high = MAX(p->group[g].high, base->moved + offset + size);
	if (high - low > SPAN_MAX)
		return false;
	p->group[g].low = low;
	p->group[g].high = high;
	p->group[g].last = (u8)k;
	p->group[g].members++;
	p->of[k] = (u8)(g + 1);
	p->checks_sp[k] = base->moved & 15;
	return true;
}

static void plan_access(struct plan *p, const struct insn *insn, unsigned k, const struct access_row *a)
{
	s32 offset = a->mode == AT_POST ? 0 : (s32)insn->i;
	unsigned n = insn->n;

	if (n >= SLOT_COUNT || n == SLOT_ZR)
		return;
	if (!p->base[1][n].group && a->store && p->base[0][n].group && p->branch <= p->group[p->base[0][n].group - 1].leader) {
		p->base[1][n] = p->base[0][n];
		p->base[0][n].group = 0;
		p->group[p->base[1][n].group - 1].writes = true;
	}
	if (!joins(p, &p->base[1][n], k, offset, a->size) && (a->store || !joins(p, &p->base[0][n], k, offset, a->size))) {
		p->group[p->count].leader = p->group[p->count].last = (u8)k;
		p->group[p->count].members = 1;
		p->group[p->count].writes = a->store;
		p->group[p->count].low = offset;
		p->group[p->count].high = offset + a->size;
		p->of[k] = (u8)++p->count;
		p->base[a->store][n] = (struct base){(u8)p->count, 0};
	}
	if (a->mode != AT_OFFSET)
		moves(p, n, (s32)insn->i);
	if (a->loads) {
		forget(p, insn->t);
		if (a->pair)
			forget(p, insn->u);
	}
}

/* What is not such an access. */
static void plan_other(struct plan *p, const struct insn *insn, u32 flags, const struct emitter *e)
{
	if (!e->emit || ((flags & A64_SYS) && !(e->flags & EMIT_PURE) && insn->row != ROW_MRS && insn->row != ROW_HINT)) {
		forget_all(p);
		return;
	}
	if ((flags & A64_BR) || insn->row == ROW_HINT)
		return;
	if ((insn->row == ROW_ADD_imm || insn->row == ROW_SUB_imm) && insn->d == insn->n && insn->z && insn->d < SLOT_COUNT) {
		moves(p, insn->d, insn->row == ROW_ADD_imm ? (s64)insn->i : -(s64)insn->i);
		return;
	}
	if (insn->row == ROW_MRS) {
		forget(p, insn->t);
		return;
	}
	forget(p, insn->d);
	if ((e->flags & EMIT_PURE) || ((flags & A64_FPSIMD) && !(flags & (A64_LOAD | A64_STORE))))
		return;
	forget(p, insn->n);
	forget(p, insn->t);
	forget(p, insn->u);
	forget(p, insn->s);
	forget(p, insn->s + 1u);
	forget(p, insn->m);
}

void groups_plan(struct block *b)
{
	struct plan plan = {0}, *p = &plan;
	unsigned used = 0;

	memset(b->group, 0, sizeof(b->group));
	if (b->plain || !jit_has(b->jit, JIT_GROUPS))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		const struct emitter *e = emitter_of(b, insn);
		const struct access_row *a = e->emit ? access_row(insn->row) : NULL;

		if (row_of(insn)->flags & A64_BR)
			p->branch = k + 1;
		if (a)
			plan_access(p, insn, k, a);
		else
			plan_other(p, insn, row_of(insn)->flags, e);
	}
	for (unsigned k = 0; k < b->count; k++) {
		unsigned g = p->of[k] - 1u;

		if (!p->of[k] || p->group[g].members < 2 || p->group[g].leader != k || used == JIT_GROUPS_MAX)
			continue;
		for (unsigned j = k; j < b->count && j <= p->group[g].last; j++) {
			if (p->of[j] == p->of[k])
				b->group[j] = (struct group){.role = j == k ? GROUP_LEADS : GROUP_FOLLOWS, .slot = (u8)used,
							   .checks_sp = p->checks_sp[j] && b->page->insn[b->list[j]].n == SLOT_SP};
			if (j < p->group[g].last)
				b->goes_on[j] = true;
		}
		b->group[k].writes = p->group[g].writes;
		b->group[k].low = (s32)p->group[g].low;
		b->group[k].size = (u16)(p->group[g].high - p->group[g].low);
		used++;
	}
}
