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
 * what the moves cost. (An operand in a register saves half an instruction to one; a loan takes four moves, three around each call of C.)
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
#define INSNS_MIN 3u /* in fewer nothing is named often enough */

unsigned operand_letters(const struct a64_row *row)
{
	unsigned letters = 0;

	for (const char *p = row->template; (p = strchr(p, '%'));) {
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
	static const u8 at[OPERANDS_MAX] = {
		offsetof(struct insn, d), offsetof(struct insn, n), offsetof(struct insn, m), offsetof(struct insn, a), offsetof(struct insn, t),
		offsetof(struct insn, u), offsetof(struct insn, s),
	};
	const struct insn *insn = &b->page->insn[b->list[k]];
	unsigned letters = insn->row == ROW_NONE ? 0 : b->jit->operands[insn->row], count = 0;

	for (; letters; letters &= letters - 1) {
		u8 slot = ((const u8 *)insn)[at[__builtin_ctz(letters)]];

		if (slot < SLOT_COUNT)
			slots[count++] = slot;
	}
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

/* How often each register is named, and where and how likely first. */
struct plan {
	unsigned named[SLOT_COUNT], at[SLOT_COUNT];
	u8 first[SLOT_COUNT];
};

/* The calls of C functions, each of which takes three moves for each register that is lent. */
static unsigned calls_of(const struct block *b)
{
	unsigned calls = 0;

	for (unsigned k = 0; k < b->count; k++)
		calls += !emitter_of(b, &b->page->insn[b->list[k]])->emit;
	return calls;
}

static void look(const struct block *b, struct plan *p)
{
	unsigned weight = ALWAYS;

	for (unsigned k = 0; k < b->count; k++) {
		const struct insn *insn = &b->page->insn[b->list[k]];
		u8 slots[OPERANDS_MAX];
		unsigned count = operands_of(b, k, slots);

		for (unsigned o = 0; o < count; o++) {
			if (!p->named[slots[o]]) {
				p->first[slots[o]] = (u8)k;
				p->at[slots[o]] = weight;
			}
			p->named[slots[o]] += weight;
		}
		if (insn->row != ROW_B && (row_of(insn)->flags & A64_BR))
			weight -= weight / 3;
	}
}

void registers_plan(struct block *b)
{
	bool stress = jit_has(b->jit, JIT_STRESS_REGISTERS);
	struct plan plan = {0}, *p = &plan;
	unsigned lent = 0; /* owners */

	b->r.count = 0;
	if (!jit_has(b->jit, JIT_REGISTERS) || (b->count < INSNS_MIN && !stress))
		return;
	look(b, p);
	for (;;) {
		unsigned owner = SLOT_SP, slot = 0, most = 0; /* the least named, the one that gains most */

		for (unsigned n = 0; n < SLOT_ZR; n++) {
			unsigned cost = b->loops ? ALWAYS * 4 / LOOP_COUNT : p->at[n] * 5;

			if (stress)
				cost = 0;
			if (pins[n] && !(lent >> n & 1) && (owner == SLOT_SP || p->named[n] < p->named[owner]))
				owner = n;
			if (!pins[n] && p->named[n] > cost + most) {
				slot = n;
				most = p->named[n] - cost;
			}
		}
		if (owner == SLOT_SP || !most)
			return;
		if (!stress && (most <= p->named[owner] || most <= p->named[owner] + calls_of(b) * 3 * ALWAYS))
			return;
		b->r.loan[b->r.count++] = (struct loan){pins[owner], (u8)owner, (u8)slot, p->first[slot]};
		p->named[slot] = 0;
		lent |= 1u << owner;
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

void registers_at(struct block *b, struct lent lent)
{
	registers_start(b);
	for (unsigned n = 0; n < b->r.count; n++) {
		const struct loan *loan = &b->r.loan[n];

		if (!(lent.lent >> n & 1))
			continue;
		b->r.pin[loan->owner] = 0;
		b->r.pin[loan->slot] = loan->host;
	}
	b->r.now = lent;
}

void registers_again(struct block *b, struct lent lent)
{
	for (unsigned n = 0; n < b->r.count; n++)
		if (lent.lent >> n & 1)
			x64_load(&b->x, true, b->r.loan[n].host, slot_mem(b->r.loan[n].slot));
	registers_at(b, (struct lent){lent.lent, 0});
}
