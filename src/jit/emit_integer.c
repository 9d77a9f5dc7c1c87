/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer data processing. The records are as prepared by cpu/alu.c (immediates shifted, bit fields as two shifts). */
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)
#define W (i->z != 0)

/* Whether x[d] = x[n] OP something is done in the memory of struct cpu. */
static bool in_memory(struct block *b, bool w, unsigned d, unsigned n)
{
	return w && d == n && slot_pin(b, d) == NO_REG;
}

/* d = n OP m, where m is a slot. */
static void three(struct block *b, bool w, enum x64_alu op, unsigned d, unsigned n, unsigned m)
{
	bool commutes = op != ALU_SUB && op != ALU_SBB;
	unsigned r = reg_dest(b, d, RAX);

	if (op == ALU_SUB && n == SLOT_ZR) { /* its flags are those of a subtraction, too */
		reg_copy(b, w, r, m);
		x64_neg(&b->x, w, r);
		reg_done(b, d, r);
		return;
	}
	if (d == m && d != n) {
		if (commutes) {
			m = n;
			n = d;
		} else {
			r = RAX;
		}
	}
	if (in_memory(b, w, d, n)) {
		x64_alu_store(&b->x, true, op, slot_mem(d), reg_read(b, m, RAX));
		return;
	}
	if (slot_pin(b, n) != r || n == SLOT_ZR)
		reg_copy(b, w, r, n);
	reg_alu(b, w, op, r, m);
	reg_done(b, d, r);
}

/* d = n OP RCX */
static void three_rcx(struct block *b, bool w, enum x64_alu op, unsigned d, unsigned n)
{
	unsigned r = reg_dest(b, d, RAX);

	if (in_memory(b, w, d, n)) {
		x64_alu_store(&b->x, true, op, slot_mem(d), RCX);
		return;
	}
	if (slot_pin(b, n) != r || n == SLOT_ZR)
		reg_copy(b, w, r, n);
	x64_alu(&b->x, w, op, r, RCX);
	reg_done(b, d, r);
}

static void three_imm(struct block *b, bool w, enum x64_alu op, unsigned d, unsigned n, s32 v)
{
	unsigned r = reg_dest(b, d, RAX);

	if (in_memory(b, w, d, n)) {
		x64_alu_mem_imm(&b->x, true, op, slot_mem(d), v);
		return;
	}
	if (slot_pin(b, n) != r || n == SLOT_ZR)
		reg_copy(b, w, r, n);
	x64_alu_imm(&b->x, w, op, r, v);
	reg_done(b, d, r);
}

/* --- add and subtract, immediate --- */

static void add_imm(struct block *b, const struct insn *i, s32 v)
{
	unsigned r = reg_dest(b, i->d, RAX), n;
	bool sp_stays_aligned = i->d == SLOT_SP && i->n == SLOT_SP && !(v & 15) && b->sp_aligned;

	if (v == 0 && W && i->d == i->n)
		return;
	if (b->flags == FLAGS_SAVED && in_memory(b, W, i->d, i->n)) {
		x64_alu_mem_imm(&b->x, true, ALU_ADD, slot_mem(i->d), v);
		return;
	}
	n = reg_read(b, i->n, RAX);
	if (v == 0)
		x64_mov(&b->x, W, r, n);
	else
		x64_lea(&b->x, W, r, mem_at(n, v));
	reg_done(b, i->d, r);
	if (sp_stays_aligned)
		b->sp_aligned = true;
}
EMIT(ADD_imm)
{
	add_imm(b, i, (s32)i->i);
	return true;
}
EMIT(SUB_imm)
{
	add_imm(b, i, -(s32)i->i);
	return true;
}
EMIT(ADDS_imm)
{
	three_imm(b, W, ALU_ADD, i->d, i->n, (s32)i->i);
	flags_set(b, FLAGS_CARRY);
	return true;
}
EMIT(SUBS_imm)
{
	if (i->d == SLOT_DUMP && slot_pin(b, i->n) != NO_REG)
		x64_alu_imm(&b->x, W, ALU_CMP, slot_pin(b, i->n), (s32)i->i);
	else if (i->d == SLOT_DUMP)
		x64_alu_mem_imm(&b->x, W, ALU_CMP, slot_mem(i->n), (s32)i->i);
	else
		three_imm(b, W, ALU_SUB, i->d, i->n, (s32)i->i);
	flags_set(b, FLAGS_BORROW);
	return true;
}

/* --- logical, immediate --- */

static u64 logic_imm(const struct insn *i)
{
	/* Halves are equal (i), or it is a rotated run of ones: as exec_ has it. */
	u64 halves = (u64)i->i << 32 | i->i, value;

	if (!W)
		return i->i;
	return logical_immediate(true, i->h, i->r, i->s, &value) ? value : halves;
}
static void logic(struct block *b, const struct insn *i, enum x64_alu op)
{
	u64 v = logic_imm(i);

	if (op == ALU_AND && (v == 0xff || v == 0xffff) && !in_memory(b, W, i->d, i->n)) {
		unsigned r = reg_dest(b, i->d, RAX);

		x64_extend(&b->x, false, false, v == 0xff ? 1 : 2, r, reg_read(b, i->n, r));
		reg_done(b, i->d, r);
		return;
	}
	if ((W && (u64)(s64)(s32)v == v) || !W) {
		if (op == ALU_OR && i->n == SLOT_ZR) {
			unsigned r = reg_dest(b, i->d, RAX);

			x64_mov_imm(&b->x, r, v);
			reg_done(b, i->d, r);
			return;
		}
		three_imm(b, W, op, i->d, i->n, (s32)v);
		return;
	}
	if (op == ALU_AND && v <= 0xffffffff) { /* the upper half becomes zero */
		three_imm(b, false, op, i->d, i->n, (s32)v);
		return;
	}
	x64_mov_imm(&b->x, RCX, v);
	if (op == ALU_OR && i->n == SLOT_ZR)
		reg_done(b, i->d, RCX);
	else
		three_rcx(b, true, op, i->d, i->n);
}
EMIT(AND_imm)
{
	logic(b, i, ALU_AND);
	return true;
}
EMIT(ORR_imm)
{
	logic(b, i, ALU_OR);
	return true;
}
EMIT(EOR_imm)
{
	logic(b, i, ALU_XOR);
	return true;
}
EMIT(ANDS_imm)
{
	u64 v = logic_imm(i);

	if (!W || (u64)(s64)(s32)v == v) {
		if (i->d == SLOT_DUMP)
			x64_test_imm(&b->x, W, reg_read(b, i->n, RAX), (s32)v);
		else
			three_imm(b, W, ALU_AND, i->d, i->n, (s32)v);
	} else {
		x64_mov_imm(&b->x, RCX, v);
		if (i->d == SLOT_DUMP)
			x64_test(&b->x, true, reg_read(b, i->n, RAX), RCX);
		else
			three_rcx(b, true, ALU_AND, i->d, i->n);
	}
	flags_set(b, FLAGS_LOGIC);
	return true;
}

/* --- move wide --- */

static void constant(struct block *b, unsigned d, u64 v)
{
	unsigned r = reg_dest(b, d, RAX);

	if (d != SLOT_DUMP && slot_pin(b, d) == NO_REG && (u64)(s64)(s32)v == v) {
		x64_store_imm(&b->x, true, slot_mem(d), (s32)v);
		return;
	}
	x64_mov_imm(&b->x, r, v);
	reg_done(b, d, r);
}
/* A constant and the MOVKs behind it are one constant. */
static void wide(struct block *b, const struct insn *i, u64 v)
{
	const struct insn *next;

	while ((next = paired_insn(b, b->skip + 1)) && next->row == ROW_MOVK && next->d == i->d && next->z == i->z) {
		v = (v & ~(0xffffull << next->h)) | (u64)next->i << next->h;
		if (!W)
			v = (u32)v;
		b->skip++;
	}
	constant(b, i->d, v);
}
EMIT(MOVZ)
{
	wide(b, i, i->h <= 16 ? i->i : (u64)i->i << i->h); /* small ones are shifted already */
	return true;
}
EMIT(MOVN)
{
	wide(b, i, W ? ~((u64)i->i << i->h) : i->i);
	return true;
}
EMIT(MOVK)
{
	unsigned r = reg_dest(b, i->d, RAX);

	if (i->d == SLOT_DUMP)
		return true;
	reg_copy(b, W, r, i->d);
	if (!W || i->h == 0) {
		x64_alu_imm(&b->x, W, ALU_AND, r, (s32)~(0xffffu << i->h));
		x64_alu_imm(&b->x, W, ALU_OR, r, (s32)(i->i << i->h));
	} else {
		x64_mov_imm(&b->x, RCX, ~(0xffffull << i->h));
		x64_alu(&b->x, true, ALU_AND, r, RCX);
		x64_mov_imm(&b->x, RCX, (u64)i->i << i->h);
		x64_alu(&b->x, true, ALU_OR, r, RCX);
	}
	reg_done(b, i->d, r);
	return true;
}

/* --- bit fields: left by r, then right by s --- */

static void field(struct block *b, bool w, bool sign, unsigned to, unsigned n, unsigned left, unsigned right)
{
	unsigned width = (w ? 64 : 32) - left;

	if (left == right && (width == 8 || width == 16 || (width == 32 && w))) {
		unsigned from = reg_read(b, n, to);

		x64_extend(&b->x, w, sign, width / 8, to, from);
		return;
	}
	if (!sign && left == right && width < 32) {
		reg_copy(b, false, to, n);
		x64_alu_imm(&b->x, false, ALU_AND, to, (s32)ones(width));
		return;
	}
	reg_copy(b, w, to, n);
	if (left)
		x64_shift_imm(&b->x, w, SHIFT_SHL, to, left);
	if (right)
		x64_shift_imm(&b->x, w, sign ? SHIFT_SAR : SHIFT_SHR, to, right);
}
EMIT(UBFM)
{
	unsigned r = reg_dest(b, i->d, RAX);

	field(b, W, false, r, i->n, i->r, i->s);
	reg_done(b, i->d, r);
	return true;
}
EMIT(SBFM)
{
	unsigned r = reg_dest(b, i->d, RAX);

	field(b, W, true, r, i->n, i->r, i->s);
	reg_done(b, i->d, r);
	return true;
}
EMIT(BFM)
{
	u64 mask = W ? ~(~0ull << i->r >> i->s) : (u32) ~(~0u << i->r >> i->s);

	field(b, W, false, RCX, i->n, i->r, i->s);
	reg_copy(b, W, RAX, i->d);
	if (!W || (u64)(s64)(s32)mask == mask) {
		x64_alu_imm(&b->x, W, ALU_AND, RAX, (s32)mask);
	} else {
		x64_mov_imm(&b->x, RDX, mask);
		x64_alu(&b->x, true, ALU_AND, RAX, RDX);
	}
	x64_alu(&b->x, W, ALU_OR, RAX, RCX);
	reg_done(b, i->d, RAX);
	return true;
}
/* to = x[n], rotated to the right */
static void rotated(struct block *b, bool w, unsigned to, unsigned n, unsigned by)
{
	if (by && block_host(b)->bmi2) {
		unsigned from = reg_read(b, n, to);

		x64_rorx(&b->x, w, to, from, by);
		return;
	}
	reg_copy(b, w, to, n);
	if (by)
		x64_shift_imm(&b->x, w, SHIFT_ROR, to, by);
}
EMIT(EXTR)
{
	unsigned r;

	if (i->n == i->m) {
		r = reg_dest(b, i->d, RAX);
		rotated(b, W, r, i->n, i->i);
		reg_done(b, i->d, r);
		return true;
	}
	r = reg_dest(b, i->d, RAX);
	if (i->i) { /* SHRD takes longer on many hosts */
		reg_copy(b, W, RCX, i->n);
		x64_shift_imm(&b->x, W, SHIFT_SHL, RCX, (W ? 64 : 32) - i->i);
	}
	reg_copy(b, W, r, i->m);
	if (i->i) {
		x64_shift_imm(&b->x, W, SHIFT_SHR, r, i->i);
		x64_alu(&b->x, W, ALU_OR, r, RCX);
	}
	reg_done(b, i->d, r);
	return true;
}

/* --- shifted and extended registers --- */

/* to = the shifted operand; it may be the host register of x[m]. */
static void shifted_to(struct block *b, const struct insn *i, unsigned to)
{
	static const u8 ops[] = {SHIFT_SHL, SHIFT_SHR, SHIFT_SAR, SHIFT_ROR};

	if (ops[i->h] == SHIFT_ROR) {
		rotated(b, W, to, i->m, i->i);
		return;
	}
	reg_copy(b, W, to, i->m);
	if (i->i)
		x64_shift_imm(&b->x, W, ops[i->h], to, i->i);
}
static void shifted(struct block *b, const struct insn *i, enum x64_alu op, bool invert)
{
	unsigned r;

	if (!i->i && !invert) {
		three(b, W, op, i->d, i->n, i->m);
		return;
	}
	if (op != ALU_SUB && i->d != i->n) { /* in the result's place */
		r = reg_dest(b, i->d, RAX);
		shifted_to(b, i, r);
		if (invert)
			x64_not(&b->x, W, r);
		reg_alu(b, W, op, r, i->n);
		reg_done(b, i->d, r);
		return;
	}
	shifted_to(b, i, RCX);
	if (invert)
		x64_not(&b->x, W, RCX);
	three_rcx(b, W, op, i->d, i->n);
}
/* d = n AND NOT m */
static void bit_clear(struct block *b, const struct insn *i)
{
	unsigned r, m, n;

	if (i->i || !block_host(b)->bmi2 || i->n == SLOT_ZR || in_memory(b, W, i->d, i->n)) {
		shifted(b, i, ALU_AND, true);
		return;
	}
	r = reg_dest(b, i->d, RAX);
	m = reg_read(b, i->m, RCX);
	n = slot_pin(b, i->n);
	if (n != NO_REG)
		x64_andn_rr(&b->x, W, r, m, n);
	else
		x64_andn_rm(&b->x, W, r, m, slot_mem(i->n));
	reg_done(b, i->d, r);
}
EMIT(ADD_reg)
{
	bool two = !i->i && (i->d == i->n || i->d == i->m) && b->flags == FLAGS_SAVED; /* nobody needs EFLAGS: ADD */

	if (i->h == 0 && i->i <= 3 && i->n != SLOT_ZR && i->m != SLOT_ZR && !two) {
		unsigned r = reg_dest(b, i->d, RAX), n = reg_read(b, i->n, RAX), m = reg_read(b, i->m, RCX);

		x64_lea(&b->x, W, r, mem_index(n, m, i->i, 0));
		reg_done(b, i->d, r);
		return true;
	}
	shifted(b, i, ALU_ADD, false);
	return true;
}
EMIT(SUB_reg)
{
	shifted(b, i, ALU_SUB, false);
	return true;
}
EMIT(ADDS_reg)
{
	shifted(b, i, ALU_ADD, false);
	flags_set(b, FLAGS_CARRY);
	return true;
}
static void compare_rcx_or_slot(struct block *b, bool w, unsigned n, unsigned m, bool m_is_rcx)
{
	unsigned r = reg_read(b, n, RAX);

	if (m_is_rcx)
		x64_alu(&b->x, w, ALU_CMP, r, RCX);
	else
		reg_alu(b, w, ALU_CMP, r, m);
}
EMIT(SUBS_reg)
{
	if (i->d == SLOT_DUMP) {
		if (i->i)
			shifted_to(b, i, RCX);
		compare_rcx_or_slot(b, W, i->n, i->m, i->i);
	} else {
		shifted(b, i, ALU_SUB, false);
	}
	flags_set(b, FLAGS_BORROW);
	return true;
}
EMIT(AND_reg)
{
	shifted(b, i, ALU_AND, false);
	return true;
}
EMIT(BIC_reg)
{
	bit_clear(b, i);
	return true;
}
EMIT(ORR_reg)
{
	if (i->n == SLOT_ZR && !i->i) { /* MOV */
		unsigned r = reg_dest(b, i->d, RAX);

		if (i->m == SLOT_ZR) {
			constant(b, i->d, 0);
			return true;
		}
		if (slot_pin(b, i->d) == NO_REG && W) {
			reg_done(b, i->d, reg_read(b, i->m, RAX));
			return true;
		}
		reg_copy(b, W, r, i->m);
		reg_done(b, i->d, r);
		return true;
	}
	shifted(b, i, ALU_OR, false);
	return true;
}
EMIT(ORN_reg)
{
	if (i->n == SLOT_ZR) { /* MVN */
		shifted_to(b, i, RCX);
		x64_not(&b->x, W, RCX);
		reg_done(b, i->d, RCX);
		return true;
	}
	shifted(b, i, ALU_OR, true);
	return true;
}
EMIT(EOR_reg)
{
	shifted(b, i, ALU_XOR, false);
	return true;
}
EMIT(EON_reg)
{
	shifted(b, i, ALU_XOR, true);
	return true;
}
EMIT(ANDS_reg)
{
	if (i->d == SLOT_DUMP && !i->i) {
		unsigned n = reg_read(b, i->n, RAX), m = slot_pin(b, i->m);

		if (m != NO_REG)
			x64_test(&b->x, W, n, m);
		else
			x64_rm(&b->x, W, OP(0x85), n, slot_mem(i->m));
	} else {
		shifted(b, i, ALU_AND, false);
	}
	flags_set(b, FLAGS_LOGIC);
	return true;
}
EMIT(BICS_reg)
{
	bit_clear(b, i);
	flags_set(b, FLAGS_LOGIC);
	return true;
}

/* to = the extended operand; likewise. */
static void extended_to(struct block *b, const struct insn *i, unsigned to)
{
	static const u8 bytes[] = {1, 2, 4, 8, 1, 2, 4, 8};
	unsigned m = reg_read(b, i->m, to);

	x64_extend(&b->x, true, i->o & 4, bytes[i->o], to, m);
	if (i->i)
		x64_shift_imm(&b->x, true, SHIFT_SHL, to, i->i);
}
static void add_extended(struct block *b, const struct insn *i)
{
	unsigned r = reg_dest(b, i->d, RAX);

	if (i->d == i->n) {
		extended_to(b, i, RCX);
		three_rcx(b, W, ALU_ADD, i->d, i->n);
		return;
	}
	extended_to(b, i, r);
	reg_alu(b, W, ALU_ADD, r, i->n);
	reg_done(b, i->d, r);
}
EMIT(ADD_ext)
{
	add_extended(b, i);
	return true;
}
EMIT(SUB_ext)
{
	extended_to(b, i, RCX);
	three_rcx(b, W, ALU_SUB, i->d, i->n);
	return true;
}
EMIT(ADDS_ext)
{
	add_extended(b, i);
	flags_set(b, FLAGS_CARRY);
	return true;
}
EMIT(SUBS_ext)
{
	extended_to(b, i, RCX);
	if (i->d == SLOT_DUMP)
		compare_rcx_or_slot(b, W, i->n, 0, true);
	else
		three_rcx(b, W, ALU_SUB, i->d, i->n);
	flags_set(b, FLAGS_BORROW);
	return true;
}

/* --- with carry --- */

static void with_carry(struct block *b, const struct insn *i, bool subtract)
{
	enum x64_alu op = subtract ? ALU_SBB : ALU_ADC;
	unsigned n = i->n, m = i->m, r = reg_dest(b, i->d, RCX);

	flags_load_carry(b, subtract);
	if (!subtract && i->d == m && n != SLOT_ZR) { /* commutes */
		m = n;
		n = i->d;
	}
	if (in_memory(b, W, i->d, n)) {
		if (m == SLOT_ZR)
			x64_alu_mem_imm(&b->x, true, op, slot_mem(n), 0);
		else
			x64_alu_store(&b->x, true, op, slot_mem(n), reg_read(b, m, RCX));
		return;
	}
	if (r == slot_pin(b, m) && i->d != n)
		r = RCX;
	if (slot_pin(b, n) != r || n == SLOT_ZR)
		reg_copy(b, W, r, n);
	reg_alu(b, W, op, r, m);
	reg_done(b, i->d, r);
}
EMIT(ADC)
{
	with_carry(b, i, false);
	return true;
}
EMIT(SBC)
{
	with_carry(b, i, true);
	return true;
}
EMIT(ADCS)
{
	with_carry(b, i, false);
	flags_set(b, FLAGS_CARRY);
	return true;
}
EMIT(SBCS)
{
	with_carry(b, i, true);
	flags_set(b, FLAGS_BORROW);
	return true;
}

/* --- conditional --- */

/* The flags of n - m or n + m if the condition holds, else the constant. */
static bool conditional_compare(struct block *b, const struct insn *i, bool add, bool immediate)
{
	struct x64 *x = &b->x;
	u8 *fails = NULL, *end = NULL;
	unsigned n;

	if (i->c < 14) {
		enum host_cc cc = flags_cc(b, i->c);

		fails = x64_jcc_short(x, cc ^ 1);
	}
	n = add ? RAX : reg_read(b, i->n, RAX);
	if (add)
		reg_copy(b, W, RAX, i->n);
	if (immediate)
		x64_alu_imm(x, W, add ? ALU_ADD : ALU_CMP, n, i->m);
	else
		reg_alu(b, W, add ? ALU_ADD : ALU_CMP, n, i->m);
	if (add)
		x64_u8(x, 0xf5);
	if (fails) {
		end = x64_jmp_short(x);
		x64_bind_short(x, fails);
		x64_mov_imm(x, RAX, flags_constant(i->i >> 28));
		x64_u8(x, 0x04);
		x64_u8(x, 0x7f);
		x64_u8(x, 0x9e);
		x64_bind_short(x, end);
	}
	flags_set(b, FLAGS_BORROW);
	return true;
}
EMIT(CCMP_reg)
{
	return conditional_compare(b, i, false, false);
}
EMIT(CCMN_reg)
{
	return conditional_compare(b, i, true, false);
}
EMIT(CCMP_imm)
{
	return conditional_compare(b, i, false, true);
}
EMIT(CCMN_imm)
{
	return conditional_compare(b, i, true, true);
}

/* x[n] if the condition holds, else f(x[m]). f keeps EFLAGS. */
static bool conditional_select(struct block *b, const struct insn *i, bool invert, bool increment)
{
	struct x64 *x = &b->x;
	enum host_cc cc;
	unsigned n, r;

	if (i->c >= 14) {
		reg_copy(b, W, RCX, i->n);
		reg_done(b, i->d, RCX);
		return true;
	}
	cc = flags_cc(b, i->c);
	if (i->n == SLOT_ZR && i->m == SLOT_ZR && (invert || increment) && !(invert && increment)) { /* CSET, CSETM */
		x64_setcc(x, cc ^ 1, RCX);
		x64_extend(x, false, false, 1, RCX, RCX);
		if (invert) { /* 0 or 1 -> 0 or -1, without touching flags */
			x64_lea(x, W, RCX, mem_at(RCX, -1));
			x64_not(x, W, RCX);
		}
		reg_done(b, i->d, RCX);
		return true;
	}
	if (i->d == i->n && slot_pin(b, i->d) != NO_REG && !invert && !increment) {
		x64_cmov(x, W, cc ^ 1, reg_dest(b, i->d, RCX), reg_read(b, i->m, RDX));
		return true;
	}
	r = i->d == i->n ? RCX : reg_dest(b, i->d, RCX);
	if (i->d != i->m || r == RCX || !W)
		reg_copy(b, W, r, i->m);
	if (invert)
		x64_not(x, W, r);
	if (increment)
		x64_lea(x, W, r, mem_at(r, 1));
	n = reg_read(b, i->n, RDX);
	x64_cmov(x, W, cc, r, n);
	reg_done(b, i->d, r);
	return true;
}
EMIT(CSEL)
{
	return conditional_select(b, i, false, false);
}
EMIT(CSINC)
{
	return conditional_select(b, i, false, true);
}
EMIT(CSINV)
{
	return conditional_select(b, i, true, false);
}
EMIT(CSNEG)
{
	return conditional_select(b, i, true, true);
}

/* --- shifts by register --- */

static bool variable_shift(struct block *b, const struct insn *i, enum x64_shift op)
{
	if (op != SHIFT_ROR && block_host(b)->bmi2) {
		unsigned r = reg_dest(b, i->d, RAX), n = reg_read(b, i->n, RAX), m = reg_read(b, i->m, RCX);

		x64_shiftx(&b->x, W, op, r, n, m);
		reg_done(b, i->d, r);
		return true;
	}
	reg_copy(b, false, RCX, i->m);
	reg_copy(b, W, RAX, i->n);
	x64_shift_cl(&b->x, W, op, RAX);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(LSLV)
{
	return variable_shift(b, i, SHIFT_SHL);
}
EMIT(LSRV)
{
	return variable_shift(b, i, SHIFT_SHR);
}
EMIT(ASRV)
{
	return variable_shift(b, i, SHIFT_SAR);
}
EMIT(RORV)
{
	return variable_shift(b, i, SHIFT_ROR);
}

/* --- addresses --- */

EMIT(ADR)
{
	unsigned r = reg_dest(b, i->d, RAX);
	s64 bytes = (s64)b->list[b->k] * 4 + (s32)i->i;

	page_va(b, r);
	x64_lea(&b->x, true, r, mem_at(r, (s32)bytes));
	reg_done(b, i->d, r);
	return true;
}
EMIT(ADRP)
{
	const struct insn *next = paired_insn(b, 1);
	unsigned r = reg_dest(b, i->d, RAX);
	s64 bytes = (s64)(s32)i->i * 4096;

	if (next && next->row == ROW_ADD_imm && next->z && next->n == i->d && next->d == i->d && i->d != SLOT_DUMP) {
		bytes += next->i;
		b->skip = 1;
	}
	page_va(b, r);
	if (bytes == (s32)bytes) {
		x64_lea(&b->x, true, r, mem_at(r, (s32)bytes));
	} else {
		x64_mov_imm(&b->x, RCX, (u64)bytes);
		x64_lea(&b->x, true, r, mem_index(r, RCX, 0, 0));
	}
	reg_done(b, i->d, r);
	return true;
}

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
#define KEEP EMIT_PURE | EMIT_KEEPS
const struct emitter_row emit_integer_rows[] = {
	ROW(ADD_imm, KEEP) ROW(SUB_imm, KEEP) ROW(ADDS_imm, EMIT_PURE) ROW(SUBS_imm, EMIT_PURE)
	ROW(AND_imm, EMIT_PURE) ROW(ORR_imm, EMIT_PURE) ROW(EOR_imm, EMIT_PURE) ROW(ANDS_imm, EMIT_PURE)
	ROW(MOVZ, KEEP) ROW(MOVN, KEEP) ROW(MOVK, EMIT_PURE)
	ROW(UBFM, EMIT_PURE) ROW(SBFM, EMIT_PURE) ROW(BFM, EMIT_PURE) ROW(EXTR, EMIT_PURE)
	ROW(ADD_reg, EMIT_PURE) ROW(SUB_reg, EMIT_PURE) ROW(ADDS_reg, EMIT_PURE) ROW(SUBS_reg, EMIT_PURE)
	ROW(AND_reg, EMIT_PURE) ROW(BIC_reg, EMIT_PURE) ROW(ORR_reg, EMIT_PURE) ROW(ORN_reg, EMIT_PURE)
	ROW(EOR_reg, EMIT_PURE) ROW(EON_reg, EMIT_PURE) ROW(ANDS_reg, EMIT_PURE) ROW(BICS_reg, EMIT_PURE)
	ROW(ADD_ext, EMIT_PURE) ROW(SUB_ext, EMIT_PURE) ROW(ADDS_ext, EMIT_PURE) ROW(SUBS_ext, EMIT_PURE)
	ROW(ADC, EMIT_PURE) ROW(SBC, EMIT_PURE) ROW(ADCS, EMIT_PURE) ROW(SBCS, EMIT_PURE)
	ROW(CCMP_reg, EMIT_PURE) ROW(CCMN_reg, EMIT_PURE) ROW(CCMP_imm, EMIT_PURE) ROW(CCMN_imm, EMIT_PURE)
	ROW(CSEL, KEEP) ROW(CSINC, KEEP) ROW(CSINV, KEEP) ROW(CSNEG, KEEP)
	ROW(LSLV, EMIT_PURE) ROW(LSRV, EMIT_PURE) ROW(ASRV, EMIT_PURE) ROW(RORV, EMIT_PURE)
	ROW(ADR, KEEP) ROW(ADRP, KEEP)
	{ROW_NONE, 0, NULL},
};
