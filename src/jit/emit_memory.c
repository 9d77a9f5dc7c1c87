/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores: general registers singly and in pairs, V registers of 1 to 16 bytes, acquire and release. Whatever the TLB does
 * not hold, and a misaligned SP, is the interpreter's. Loads write their registers after the base, stores read them before: as
 * cpu/load_store.c has it.
 */
#include "jit/private.h"

/* The register with the address: pinned base, or RAX. */
static unsigned address(struct block *b, unsigned n, s32 offset)
{
	unsigned base = reg_read(b, n, RAX);

	if (!offset)
		return base;
	x64_lea(&b->x, true, RAX, mem_at(base, offset));
	return RAX;
}

/* Where an access goes: the host's address, and the guest's, which is `va` (RAX or the pinned base) + more. */
struct place {
	struct mem m;
	unsigned va;
	s32 more;
};

/* Looks for the page, unless another access has done so for this one: groups.c. RCX, RDX. */
static struct place reach(struct block *b, const struct insn *i, unsigned size, bool store, unsigned mode, unsigned flags)
{
	const struct group *g = &b->group[b->k];
	struct mem kept = mem_at(RBP, (s32)(offsetof(struct cpu, jit_group) + g->slot * 8u) - BIAS);
	s32 offset = mode == AT_POST ? 0 : (s32)i->i;
	struct place p = {0};

	flags |= store || g->writes ? MEMORY_WRITE : 0;
	if (b->jit->counts)
		count(b, &b->jit->counts->accesses[g->role]);
	if (g->role != GROUP_FOLLOWS || g->checks_sp)
		check_sp(b, i->n);
	switch (g->role) {
	case GROUP_LEADS:
		p.va = address(b, i->n, g->low);
		p.more = offset - g->low;
		p.m = memory_check(b, p.va, g->size, flags | MEMORY_GROUP);
		x64_store(&b->x, true, kept, RCX);
		break;
	case GROUP_FOLLOWS:
		p.va = reg_read(b, i->n, RAX);
		p.more = offset;
		if (b->addend != b->k || b->group[b->k - 1].slot != g->slot)
			x64_load(&b->x, true, RCX, kept);
		p.m = mem_index(p.va, RCX, 0, 0);
		break;
	default:
		p.va = address(b, i->n, offset);
		p.m = memory_check(b, p.va, size, flags);
		break;
	}
	p.m.disp += p.more;
	b->addend = g->role == GROUP_NONE ? 0 : b->k + 1;
	return p;
}

/* The base of an access that changes it. */
static void write_back(struct block *b, const struct insn *i, const struct place *p, unsigned mode)
{
	s32 offset = (s32)i->i, more = p->more + (mode == AT_POST ? offset : 0);
	bool aligned = b->sp_aligned && !(offset & 15);
	unsigned n = i->n, r = p->va;

	if (mode == AT_OFFSET)
		return;
	if (more) {
		r = reg_dest(b, n, RAX);
		x64_lea(&b->x, true, r, mem_at(p->va, more));
	}
	reg_done(b, n, r);
	if (n == SLOT_SP)
		b->sp_aligned = aligned;
}

/* --- general registers --- */

struct shape {
	u8 size;
	bool store, sign, wide; /* sign-extends to 64 bits if wide */
};

static void load_done(struct block *b, const struct insn *i, struct shape s, struct mem m)
{
	unsigned r = reg_dest(b, i->t, RDX);

	x64_load_extend(&b->x, s.wide, s.sign, s.size, r, m);
	reg_done(b, i->t, r);
}

static void access_at(struct block *b, const struct insn *i, struct shape s, const struct place *p, unsigned mode)
{
	if (s.store) {
		unsigned t = reg_read(b, i->t, RDX);

		x64_store_sized(&b->x, s.size, p->m, t);
		write_back(b, i, p, mode);
	} else if (mode == AT_OFFSET) {
		load_done(b, i, s, p->m);
	} else {
		unsigned t = i->t == i->n ? RDX : reg_dest(b, i->t, RDX);

		x64_load_extend(&b->x, s.wide, s.sign, s.size, t, p->m);
		write_back(b, i, p, mode);
		reg_done(b, i->t, t);
	}
}
/* At the address in RAX. */
static void access_rax(struct block *b, const struct insn *i, struct shape s)
{
	struct place p = {.m = memory_check(b, RAX, s.size, s.store ? MEMORY_WRITE : 0), .va = RAX};

	access_at(b, i, s, &p, AT_OFFSET);
}

static bool single(struct block *b, const struct insn *i, struct shape s, unsigned mode, unsigned flags)
{
	struct place p = reach(b, i, s.size, s.store, mode, flags);

	access_at(b, i, s, &p, mode);
	return true;
}

/* RAX = base + index */
static void index_address(struct block *b, const struct insn *i, unsigned shift)
{
	unsigned n, m = reg_read(b, i->m, RCX);

	if (!(i->o & 1)) {
		x64_extend(&b->x, true, i->o & 4, 4, RCX, m);
		m = RCX;
	}
	n = reg_read(b, i->n, RAX);
	if (shift <= 3) {
		x64_lea(&b->x, true, RAX, mem_index(n, m, shift, 0));
		return;
	}
	x64_mov(&b->x, true, RDX, m);
	x64_shift_imm(&b->x, true, SHIFT_SHL, RDX, shift);
	x64_lea(&b->x, true, RAX, mem_index(n, RDX, 0, 0));
}

static bool indexed(struct block *b, const struct insn *i, struct shape s)
{
	check_sp(b, i->n);
	index_address(b, i, i->i);
	access_rax(b, i, s);
	return true;
}

#define SHAPE(size, store, sign, wide) ((struct shape){size, store, sign, wide})
#define ONE(name, form, call)                                                                                          \
	static bool emit_##name##_##form(struct block *b, const struct insn *i)                                        \
	{                                                                                                              \
		return call;                                                                                           \
	}
#define SINGLE(name, ...)                                                                                              \
	ONE(name, uimm, single(b, i, SHAPE(__VA_ARGS__), AT_OFFSET, 0))                                                   \
	ONE(name, unscaled, single(b, i, SHAPE(__VA_ARGS__), AT_OFFSET, 0))                                               \
	ONE(name, post, single(b, i, SHAPE(__VA_ARGS__), AT_POST, 0))                                                     \
	ONE(name, pre, single(b, i, SHAPE(__VA_ARGS__), AT_PRE, 0))                                                       \
	ONE(name, unpriv, single(b, i, SHAPE(__VA_ARGS__), AT_OFFSET, MEMORY_EL0))                                        \
	ONE(name, reg, indexed(b, i, SHAPE(__VA_ARGS__)))
SINGLE(STRB, 1, true, false, false)
SINGLE(STRH, 2, true, false, false)
SINGLE(STR_w, 4, true, false, false)
SINGLE(STR_x, 8, true, false, true)
SINGLE(LDRB, 1, false, false, false)
SINGLE(LDRH, 2, false, false, false)
SINGLE(LDR_w, 4, false, false, false)
SINGLE(LDR_x, 8, false, false, true)
SINGLE(LDRSB_x, 1, false, true, true)
SINGLE(LDRSB_w, 1, false, true, false)
SINGLE(LDRSH_x, 2, false, true, true)
SINGLE(LDRSH_w, 2, false, true, false)
SINGLE(LDRSW, 4, false, true, true)

/* --- literals --- */

static bool literal(struct block *b, const struct insn *i, struct shape s)
{
	page_va(b, RAX);
	x64_lea(&b->x, true, RAX, mem_at(RAX, (s32)b->list[b->k] * 4 + (s32)i->i));
	access_rax(b, i, s);
	return true;
}
ONE(LDR_w, lit, literal(b, i, SHAPE(4, false, false, false)))
ONE(LDR_x, lit, literal(b, i, SHAPE(8, false, false, true)))
ONE(LDRSW, lit, literal(b, i, SHAPE(4, false, true, true)))

/* --- pairs --- */

static bool pair(struct block *b, const struct insn *i, struct shape s, unsigned mode)
{
	struct place p = reach(b, i, s.size * 2u, s.store, mode, 0);
	struct mem second = p.m;
	unsigned t, u;

	second.disp += s.size;
	if (s.store) {
		t = reg_read(b, i->t, RDX);
		u = reg_read(b, i->u, RSI);
		x64_store_sized(&b->x, s.size, p.m, t);
		x64_store_sized(&b->x, s.size, second, u);
		write_back(b, i, &p, mode);
		return true;
	}
	t = i->t == i->n ? RDX : reg_dest(b, i->t, RDX);
	u = i->u == i->n ? RSI : reg_dest(b, i->u, RSI);
	x64_load_extend(&b->x, s.wide, s.sign, s.size, t, p.m);
	x64_load_extend(&b->x, s.wide, s.sign, s.size, u, second);
	write_back(b, i, &p, mode);
	reg_done(b, i->t, t);
	reg_done(b, i->u, u);
	return true;
}
#define PAIR(name, ...)                                                                                                \
	ONE(name, off, pair(b, i, SHAPE(__VA_ARGS__), AT_OFFSET))                                                         \
	ONE(name, post, pair(b, i, SHAPE(__VA_ARGS__), AT_POST))                                                          \
	ONE(name, pre, pair(b, i, SHAPE(__VA_ARGS__), AT_PRE))
PAIR(STP_w, 4, true, false, false)
PAIR(STP_x, 8, true, false, true)
PAIR(LDP_w, 4, false, false, false)
PAIR(LDP_x, 8, false, false, true)
PAIR(LDPSW, 4, false, true, true)

/* --- V registers --- */

/* XMM0 <- guest memory, zero-extended to 16 bytes. */
static void vector_load(struct block *b, unsigned size, unsigned xmm, struct mem m)
{
	if (size == 16) {
		x64_movdqu_load(&b->x, xmm, m);
	} else if (size >= 4) {
		x64_movq_load(&b->x, size == 8, xmm, m);
	} else {
		x64_load_extend(&b->x, false, false, size, RDX, m);
		x64_movq_to_xmm(&b->x, false, xmm, RDX);
	}
}
static void vector_store(struct block *b, unsigned size, unsigned v, struct mem m)
{
	if (size >= 4) {
		unsigned x = vreg_read(b, v, size);

		x64_rm(&b->x, size == 8, size == 16 ? PF3 | OP_0F(0x7f) : P66 | OP_0F(0x7e), x, m);
	} else {
		x64_load(&b->x, true, RDX, vreg_mem(v));
		x64_store_sized(&b->x, size, m, RDX);
	}
}

static bool vector_at(struct block *b, const struct insn *i, unsigned size, bool store, const struct place *p, unsigned mode)
{
	if (store) {
		vector_store(b, size, i->t, p->m);
		write_back(b, i, p, mode);
	} else {
		unsigned x = vreg_new(b);

		vector_load(b, size, x, p->m);
		write_back(b, i, p, mode);
		vreg_done(b, i->t, x, MAX(size, 4u));
	}
	return true;
}
static bool vector(struct block *b, const struct insn *i, unsigned size, bool store, unsigned mode)
{
	struct place p = reach(b, i, size, store, mode, 0);

	return vector_at(b, i, size, store, &p, mode);
}
static bool vector_indexed(struct block *b, const struct insn *i, unsigned size, unsigned log, bool store)
{
	struct place p = {.va = RAX};

	check_sp(b, i->n);
	index_address(b, i, i->h ? log : 0);
	p.m = memory_check(b, RAX, size, store ? MEMORY_WRITE : 0);
	return vector_at(b, i, size, store, &p, AT_OFFSET);
}
static bool vector_literal(struct block *b, const struct insn *i, unsigned size)
{
	unsigned x = vreg_new(b);
	struct mem m;

	page_va(b, RAX);
	x64_lea(&b->x, true, RAX, mem_at(RAX, (s32)b->list[b->k] * 4 + (s32)i->i));
	m = memory_check(b, RAX, size, 0);
	vector_load(b, size, x, m);
	vreg_done(b, i->t, x, size);
	return true;
}
static bool vector_pair(struct block *b, const struct insn *i, unsigned size, bool store, unsigned mode)
{
	struct place p = reach(b, i, size * 2, store, mode, 0);
	struct mem second = p.m;
	unsigned t, u;

	second.disp += (s32)size;
	if (store) {
		vector_store(b, size, i->t, p.m);
		vector_store(b, size, i->u, second);
		write_back(b, i, &p, mode);
		return true;
	}
	t = vreg_new(b);
	u = vreg_new(b);
	vector_load(b, size, t, p.m);
	vector_load(b, size, u, second);
	write_back(b, i, &p, mode);
	vreg_done(b, i->t, t, size);
	vreg_done(b, i->u, u, size);
	return true;
}
#define TWO(name, call)                                                                                                \
	static bool emit_##name(struct block *b, const struct insn *i)                                                 \
	{                                                                                                              \
		return call;                                                                                           \
	}
#define VECTOR(letter, size, log)                                                                                      \
	TWO(LDR_##letter##_uimm, vector(b, i, size, false, AT_OFFSET))                                                    \
	TWO(STR_##letter##_uimm, vector(b, i, size, true, AT_OFFSET))                                                     \
	TWO(LDUR_##letter, vector(b, i, size, false, AT_OFFSET))                                                          \
	TWO(STUR_##letter, vector(b, i, size, true, AT_OFFSET))                                                           \
	TWO(LDR_##letter##_post, vector(b, i, size, false, AT_POST))                                                      \
	TWO(STR_##letter##_post, vector(b, i, size, true, AT_POST))                                                       \
	TWO(LDR_##letter##_pre, vector(b, i, size, false, AT_PRE))                                                        \
	TWO(STR_##letter##_pre, vector(b, i, size, true, AT_PRE))                                                         \
	TWO(LDR_##letter##_reg, vector_indexed(b, i, size, log, false))                                                \
	TWO(STR_##letter##_reg, vector_indexed(b, i, size, log, true))
VECTOR(b, 1, 0)
VECTOR(h, 2, 1)
VECTOR(s, 4, 2)
VECTOR(d, 8, 3)
VECTOR(q, 16, 4)
TWO(LDR_s_lit, vector_literal(b, i, 4))
TWO(LDR_d_lit, vector_literal(b, i, 8))
TWO(LDR_q_lit, vector_literal(b, i, 16))

#define VECTOR_PAIR(letter, size)                                                                                      \
	TWO(LDP_##letter##_off, vector_pair(b, i, size, false, AT_OFFSET))                                                \
	TWO(STP_##letter##_off, vector_pair(b, i, size, true, AT_OFFSET))                                                 \
	TWO(LDP_##letter##_post, vector_pair(b, i, size, false, AT_POST))                                                 \
	TWO(STP_##letter##_post, vector_pair(b, i, size, true, AT_POST))                                                  \
	TWO(LDP_##letter##_pre, vector_pair(b, i, size, false, AT_PRE))                                                   \
	TWO(STP_##letter##_pre, vector_pair(b, i, size, true, AT_PRE))
VECTOR_PAIR(s, 4)
VECTOR_PAIR(d, 8)
VECTOR_PAIR(q, 16)

/* --- acquire and release: every load of the host acquires; a release that a later acquire must not pass is an exchange --- */

static void check_aligned(struct block *b, unsigned va, unsigned size)
{
	if (size == 1)
		return;
	x64_test_imm(&b->x, false, va, (s32)size - 1);
	slow_path(b, x64_jcc(&b->x, CC_NE));
}
static bool acquire(struct block *b, const struct insn *i, struct shape s, s32 offset)
{
	unsigned va;

	check_sp(b, i->n);
	va = address(b, i->n, offset);
	check_aligned(b, va, s.size);
	load_done(b, i, s, memory_check(b, va, s.size, 0));
	return true;
}
static bool release(struct block *b, const struct insn *i, unsigned size, s32 offset)
{
	unsigned va;
	struct mem m;

	check_sp(b, i->n);
	va = address(b, i->n, offset);
	check_aligned(b, va, size);
	m = memory_check(b, va, size, MEMORY_WRITE);
	reg_copy(b, true, RDX, i->t);
	if (size == 1)
		x64_rm8(&b->x, false, OP(0x86), RDX, m);
	else
		x64_rm(&b->x, size == 8, size == 2 ? P66 | OP(0x87) : OP(0x87), RDX, m);
	return true;
}
TWO(LDAR, acquire(b, i, SHAPE(1u << i->z, false, false, i->z == 3), 0))
TWO(STLR, release(b, i, 1u << i->z, 0))
#define LDAPUR(name, ...) TWO(name, acquire(b, i, SHAPE(__VA_ARGS__), (s32)i->i))
LDAPUR(LDAPURB, 1, false, false, false)
LDAPUR(LDAPURH, 2, false, false, false)
LDAPUR(LDAPUR_w, 4, false, false, false)
LDAPUR(LDAPUR_x, 8, false, false, true)
LDAPUR(LDAPURSB_x, 1, false, true, true)
LDAPUR(LDAPURSB_w, 1, false, true, false)
LDAPUR(LDAPURSH_x, 2, false, true, true)
LDAPUR(LDAPURSH_w, 2, false, true, false)
LDAPUR(LDAPURSW, 4, false, true, true)
#define STLUR(name, size) TWO(name, release(b, i, size, (s32)i->i))
STLUR(STLURB, 1)
STLUR(STLURH, 2)
STLUR(STLUR_w, 4)
STLUR(STLUR_x, 8)

/* --- what groups.c wants to know of them --- */

#define GENERAL_ACCESS(name, size, store)                                                                              \
	[ROW_##name##_uimm] = {size, AT_OFFSET, store, !(store), false},                                               \
	[ROW_##name##_unscaled] = {size, AT_OFFSET, store, !(store), false},                                           \
	[ROW_##name##_post] = {size, AT_POST, store, !(store), false},                                                 \
	[ROW_##name##_pre] = {size, AT_PRE, store, !(store), false},
#define PAIR_ACCESS(name, size, store, general)                                                                        \
	[ROW_##name##_off] = {2 * (size), AT_OFFSET, store, (general) && !(store), true},                              \
	[ROW_##name##_post] = {2 * (size), AT_POST, store, (general) && !(store), true},                               \
	[ROW_##name##_pre] = {2 * (size), AT_PRE, store, (general) && !(store), true},
#define VECTOR_ACCESS(letter, size)                                                                                    \
	[ROW_LDR_##letter##_uimm] = {size, AT_OFFSET, false, false, false}, [ROW_STR_##letter##_uimm] = {size, AT_OFFSET, true, false, false}, \
	[ROW_LDUR_##letter] = {size, AT_OFFSET, false, false, false}, [ROW_STUR_##letter] = {size, AT_OFFSET, true, false, false}, \
	[ROW_LDR_##letter##_post] = {size, AT_POST, false, false, false}, [ROW_STR_##letter##_post] = {size, AT_POST, true, false, false}, \
	[ROW_LDR_##letter##_pre] = {size, AT_PRE, false, false, false}, [ROW_STR_##letter##_pre] = {size, AT_PRE, true, false, false},
const struct access_row *access_row(unsigned row)
{
	static const struct access_row rows[A64_ROW_COUNT] = {
		GENERAL_ACCESS(STRB, 1, true) GENERAL_ACCESS(STRH, 2, true) GENERAL_ACCESS(STR_w, 4, true) GENERAL_ACCESS(STR_x, 8, true)
		GENERAL_ACCESS(LDRB, 1, false) GENERAL_ACCESS(LDRH, 2, false) GENERAL_ACCESS(LDR_w, 4, false) GENERAL_ACCESS(LDR_x, 8, false)
		GENERAL_ACCESS(LDRSB_x, 1, false) GENERAL_ACCESS(LDRSB_w, 1, false) GENERAL_ACCESS(LDRSH_x, 2, false)
		GENERAL_ACCESS(LDRSH_w, 2, false) GENERAL_ACCESS(LDRSW, 4, false)
		PAIR_ACCESS(STP_w, 4, true, true) PAIR_ACCESS(STP_x, 8, true, true) PAIR_ACCESS(LDP_w, 4, false, true)
		PAIR_ACCESS(LDP_x, 8, false, true) PAIR_ACCESS(LDPSW, 4, false, true)
		VECTOR_ACCESS(b, 1) VECTOR_ACCESS(h, 2) VECTOR_ACCESS(s, 4) VECTOR_ACCESS(d, 8) VECTOR_ACCESS(q, 16)
		PAIR_ACCESS(LDP_s, 4, false, false) PAIR_ACCESS(LDP_d, 8, false, false) PAIR_ACCESS(LDP_q, 16, false, false)
		PAIR_ACCESS(STP_s, 4, true, false) PAIR_ACCESS(STP_d, 8, true, false) PAIR_ACCESS(STP_q, 16, true, false)
	};

	return row < A64_ROW_COUNT && rows[row].size ? &rows[row] : NULL;
}

#define ROW(name) {ROW_##name, 0, emit_##name},
#define ROWS(name) ROW(name##_uimm) ROW(name##_unscaled) ROW(name##_post) ROW(name##_pre) ROW(name##_unpriv) ROW(name##_reg)
#define PAIR_ROWS(name) ROW(name##_off) ROW(name##_post) ROW(name##_pre)
#define VECTOR_ROWS(letter)                                                                                            \
	ROW(LDR_##letter##_uimm) ROW(STR_##letter##_uimm) ROW(LDUR_##letter) ROW(STUR_##letter) ROW(LDR_##letter##_post)    \
	ROW(STR_##letter##_post) ROW(LDR_##letter##_pre) ROW(STR_##letter##_pre) ROW(LDR_##letter##_reg)               \
	ROW(STR_##letter##_reg)
#define VECTOR_PAIR_ROWS(letter)                                                                                       \
	PAIR_ROWS(LDP_##letter) PAIR_ROWS(STP_##letter) {ROW_LDNP_##letter, 0, emit_LDP_##letter##_off},              \
		{ROW_STNP_##letter, 0, emit_STP_##letter##_off},
const struct emitter_row emit_memory_rows[] = {
	ROWS(STRB) ROWS(STRH) ROWS(STR_w) ROWS(STR_x) ROWS(LDRB) ROWS(LDRH) ROWS(LDR_w) ROWS(LDR_x)
	ROWS(LDRSB_x) ROWS(LDRSB_w) ROWS(LDRSH_x) ROWS(LDRSH_w) ROWS(LDRSW)
	ROW(LDR_w_lit) ROW(LDR_x_lit) ROW(LDRSW_lit)
	PAIR_ROWS(STP_w) PAIR_ROWS(STP_x) PAIR_ROWS(LDP_w) PAIR_ROWS(LDP_x) PAIR_ROWS(LDPSW)
	{ROW_LDP_x_np, 0, emit_LDP_x_off}, {ROW_LDP_w_np, 0, emit_LDP_w_off},
	{ROW_STP_x_np, 0, emit_STP_x_off}, {ROW_STP_w_np, 0, emit_STP_w_off},
	VECTOR_ROWS(b) VECTOR_ROWS(h) VECTOR_ROWS(s) VECTOR_ROWS(d) VECTOR_ROWS(q)
	ROW(LDR_s_lit) ROW(LDR_d_lit) ROW(LDR_q_lit)
	VECTOR_PAIR_ROWS(s) VECTOR_PAIR_ROWS(d) VECTOR_PAIR_ROWS(q)
	ROW(LDAR) {ROW_LDAPR, 0, emit_LDAR}, {ROW_LDLAR, 0, emit_LDAR}, ROW(STLR) {ROW_STLLR, 0, emit_STLR},
	ROW(LDAPURB) ROW(LDAPURH) ROW(LDAPUR_w) ROW(LDAPUR_x) ROW(LDAPURSB_x) ROW(LDAPURSB_w) ROW(LDAPURSH_x) ROW(LDAPURSH_w) ROW(LDAPURSW)
	ROW(STLURB) ROW(STLURH) ROW(STLUR_w) ROW(STLUR_x)
	{ROW_NONE, 0, NULL},
};
