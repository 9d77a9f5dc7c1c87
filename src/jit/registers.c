/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * General registers in host registers.
 *
 * Eight guest registers have a host register of their own, at home: pins[]. That is how every block begins and ends, and what the fixed routines
 * and C code know. Inside a block a host register whose owner the block hardly names may be lent to a register that it names often:
 *
 *	mov [owner], host ; mov host, [slot]      lent, at the first instruction that names the slot (no load if that one overwrites it)
 *	mov [slot], host ; mov host, [owner]      given back (no store if the slot was not written): at each exit, before C code is called
 *
 * While it is lent, the owner is a memory operand. All moves, so EFLAGS are kept. Out of line, an exit or a slow path begins with what was lent
 * when its instruction began: nothing is changed before a check. A slow path that returns loads the slots again.
 *
 * In a block that jumps to itself all is lent ahead of the loop, where the jump back leads to.
 *
 * What is lent is planned on the list of records: by how often each register is named, where what stands behind a side exit counts less, against
 * what the moves cost.
 */
#include "jit/private.h"

/* Those that instructions name most (-accel jit,count=on -d chain), in gcc, python3, xz and gunzip alike. SP is behind x7, but has its alignment
 * looked at; it is never lent. */
static const u8 pins[SLOT_COUNT] = {
	[0] = RBX, [1] = RDI, [2] = R8, [3] = R9, [4] = R10, [5] = R11, [6] = R12, [SLOT_SP] = R13,
};

unsigned slot_home(unsigned slot)
{
	return pins[slot] ? pins[slot] : NO_REG;
}

unsigned slot_pin(const struct block *b, unsigned slot)
{
	return slot < SLOT_COUNT && b->r.pin[slot] ? b->r.pin[slot] : NO_REG;
}

/* --- plan --- */

#define ALWAYS 64u   /* the weight of what is executed once each time the block is entered */
#define LOOP_COUNT 8u /* how often a loop is thought to go round */

unsigned operand_letters(const struct a64_row *row)
{
	unsigned letters = 0;

	for (const char *p = row->template; (p = strchr(p, '%')); ) {
		const char *letter;

		p += p[1] == '=' ? 2 : 1;
		if (!*p || !strchr("wxrze", *p) || !p[1])
			continue;
		letter = strchr(OPERAND_LETTERS, p[1]);
		if (letter)
			letters |= 1u << (letter - OPERAND_LETTERS);
	}
	return letters;
}

unsigned operands_of(const struct block *b, unsigned k, u8 slots[OPERANDS_MAX])
{
	const struct insn *insn = &b->page->insn[b->list[k]];
	const u8 all[OPERANDS_MAX] = {insn->d, insn->n, insn->m, insn->a, insn->t, insn->u, insn->s};
	unsigned letters = insn->row == ROW_NONE ? 0 : b->jit->operands[insn->row], count = 0;

	for (unsigned o = 0; o < OPERANDS_MAX; o++)
		if ((letters >> o & 1) && all[o] < SLOT_COUNT)
			slots[count++] = all[o];
	return count;
}

/* Whether instruction k overwrites the register, all of it, and does not read it. */
static bool overwrites(const struct block *b, unsigned k, unsigned slot)
{
	const struct insn *insn = &b->page->insn[b->list[k]];
	const struct emitter *e = emitter_of(b, insn);
	const struct access_row *a = access_row(insn->row);

	if (!e->emit || insn->n == slot)
		return false;
	if (a)
		return a->loads && (insn->t == slot || (a->pair && insn->u == slot));
	if (!(e->flags & EMIT_PURE) || (row_of(insn)->flags & A64_FPSIMD) || insn->row == ROW_MOVK || insn->row == ROW_BFM)
		return false;
	return (b->jit->operands[insn->row] & 1) && insn->d == slot && insn->m != slot && insn->a != slot;
}

void registers_plan(struct block *b)
{
	unsigned named[SLOT_COUNT] = {0}, at[SLOT_COUNT] = {0}, weight = ALWAYS, calls = 0;
	u8 first[SLOT_COUNT] = {0};
	bool lent[SLOT_COUNT] = {0}, stress = jit_has(b->jit, JIT_STRESS_REGISTERS);

	b->r.count = 0;
	if (!jit_has(b->jit, JIT_REGISTERS))
		return;
	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		u8 slots[OPERANDS_MAX];
		unsigned count = operands_of(b, k, slots);

		for (unsigned o = 0; o < count; o++) {
			unsigned slot = slots[o];

			if (!at[slot]) {
				first[slot] = (u8)k;
				at[slot] = weight;
			}
			named[slot] += weight;
		}
		if (!emitter_of(b, insn)->emit)
			calls += weight;
		if ((row_of(insn)->flags & A64_BR) && insn->row != ROW_B)
			weight -= weight / 4;
	}
	for (;;) {
		unsigned owner = SLOT_SP, slot = 0, most = 0; /* the least named, the one that gains most */

		for (unsigned n = 0; n < SLOT_ZR; n++) {
			unsigned cost = stress ? 0 : b->loops ? ALWAYS * 4 / LOOP_COUNT : at[n] * 4 + calls * 3;

			if (pins[n] && !lent[n] && (owner == SLOT_SP || named[n] < named[owner]))
				owner = n;
			if (!pins[n] && !lent[n] && named[n] > cost + most) {
				slot = n;
				most = named[n] - cost;
			}
		}
		if (owner == SLOT_SP || !most || (most <= named[owner] && !stress))
			return;
		lent[owner] = lent[slot] = true;
		b->r.loan[b->r.count++] = (struct loan){pins[owner], (u8)owner, (u8)slot, first[slot]};
	}
}

/* --- at work --- */

void registers_start(struct block *b)
{
	memcpy(b->r.pin, pins, sizeof(pins));
	b->r.now = (struct lent){0};
}

static void lend(struct block *b, unsigned n, bool load)
{
	const struct loan *loan = &b->r.loan[n];

	x64_store(&b->x, true, slot_mem(loan->owner), loan->host);
	if (load)
		x64_load(&b->x, true, loan->host, slot_mem(loan->slot));
	b->r.pin[loan->owner] = 0;
	b->r.pin[loan->slot] = loan->host;
	b->r.now.lent |= (u8)(1u << n);
}

void registers_lend(struct block *b)
{
	for (unsigned n = 0; n < b->r.count; n++)
		if (!(b->r.now.lent >> n & 1) && b->r.loan[n].first <= b->k)
			lend(b, n, !overwrites(b, b->k, b->r.loan[n].slot));
	b->r.begin = b->r.now;
}

void registers_lend_all(struct block *b)
{
	for (unsigned n = 0; n < b->r.count; n++)
		lend(b, n, true);
	b->r.now.changed = b->r.now.lent; /* as it is when the loop has gone round */
}

void registers_changed(struct block *b, unsigned slot)
{
	for (unsigned n = 0; n < b->r.count; n++)
		if (b->r.loan[n].slot == slot)
			b->r.now.changed |= b->r.now.lent & (u8)(1u << n);
}

void registers_home(struct block *b)
{
	for (unsigned n = 0; n < b->r.count; n++) {
		const struct loan *loan = &b->r.loan[n];

		if (!(b->r.now.lent >> n & 1))
			continue;
		if (b->r.now.changed >> n & 1)
			x64_store(&b->x, true, slot_mem(loan->slot), loan->host);
		x64_load(&b->x, true, loan->host, slot_mem(loan->owner));
	}
	registers_start(b);
}

void registers_again(struct block *b, struct lent lent)
{
	for (unsigned n = 0; n < b->r.count; n++) {
		const struct loan *loan = &b->r.loan[n];

		if (!(lent.lent >> n & 1))
			continue;
		x64_load(&b->x, true, loan->host, slot_mem(loan->slot));
		b->r.pin[loan->owner] = 0;
		b->r.pin[loan->slot] = loan->host;
	}
	b->r.now = (struct lent){lent.lent, 0};
}
