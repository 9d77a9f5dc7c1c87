/* SPDX-License-Identifier: BSD-2-Clause */
/* Emitters: multiply, divide, count and reverse bits, checksums. */
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)
#define W (i->z != 0)

/* --- multiply and divide --- */

/* RAX = x[a] +- RAX, or +-RAX -> d. Keeps EFLAGS. */
static bool multiply_add(struct block *b, const struct insn *i, bool w, bool subtract)
{
	struct x64 *x = &b->x;

	unsigned r = RAX;

	if (subtract)
		x64_not(x, w, RAX);
	if (i->a != SLOT_ZR || subtract)
		r = reg_dest(b, i->d, RAX);
	if (i->a != SLOT_ZR)
		x64_lea(x, w, r, mem_index(RAX, reg_read(b, i->a, RCX), 0, subtract));
	else if (subtract)
		x64_lea(x, w, r, mem_at(RAX, 1));
	reg_done(b, i->d, r);
	return true;
}
/* high:low = x[n] * x[m]; EFLAGS are kept. Long products multiply row upon row by the same register, which stays in RDX. */
static void product_by_mulx(struct block *b, const struct insn *i, bool w, unsigned high, unsigned low)
{
	unsigned in_rdx = i->n == b->multiplier ? i->n : i->m, by = in_rdx == i->n ? i->m : i->n;

	if (in_rdx != b->multiplier)
		reg_copy(b, w, RDX, in_rdx);
	b->multiplier = w ? (u8)in_rdx : NO_REG;
	if (by == SLOT_ZR || slot_pin(b, by) != NO_REG)
		x64_mulx_rr(&b->x, w, high, low, reg_read(b, by, RCX));
	else
		x64_mulx_rm(&b->x, w, high, low, slot_mem(by));
}
/* In place where the destination is pinned and not the addend. MULX takes longer: only where flags are to be kept. */
static bool multiply(struct block *b, const struct insn *i, bool subtract)
{
	bool in_place = slot_pin(b, i->d) != NO_REG && i->d != i->a && !subtract && i->n != SLOT_ZR && i->m != SLOT_ZR;
	unsigned r = in_place ? reg_dest(b, i->d, RAX) : RAX, n = i->n, m = i->m;

	if (b->flags != FLAGS_SAVED && block_host(b)->bmi2) {
		if (i->a == SLOT_ZR && !subtract) {
			product_by_mulx(b, i, W, RCX, reg_dest(b, i->d, RAX));
			reg_done(b, i->d, reg_dest(b, i->d, RAX));
			return true;
		}
		product_by_mulx(b, i, W, RCX, RAX);
		return multiply_add(b, i, W, subtract);
	}
	if (in_place && i->d == m) {
		m = n;
		n = i->d;
	}
	if (!in_place || i->d != n)
		reg_copy(b, W, r, n);
	if (m == SLOT_ZR)
		x64_mov_imm(&b->x, r, 0);
	else if (slot_pin(b, m) != NO_REG)
		x64_imul(&b->x, W, r, slot_pin(b, m));
	else
		x64_rm(&b->x, W, OP_0F(0xaf), r, slot_mem(m));
	if (!in_place)
		return multiply_add(b, i, W, subtract);
	if (i->a != SLOT_ZR)
		reg_alu(b, W, ALU_ADD, r, i->a);
	return true;
}
EMIT(MADD)
{
	return multiply(b, i, false);
}
EMIT(MSUB)
{
	return multiply(b, i, true);
}
static void product_of_words(struct block *b, const struct insn *i, bool sign)
{
	unsigned n = reg_read(b, i->n, RAX), m;

	x64_extend(&b->x, true, sign, 4, RAX, n);
	m = reg_read(b, i->m, RDX);
	x64_extend(&b->x, true, sign, 4, RDX, m);
	if (b->flags != FLAGS_SAVED && block_host(b)->bmi2)
		x64_mulx_rr(&b->x, true, RCX, RAX, RAX);
	else
		x64_imul(&b->x, true, RAX, RDX);
}
EMIT(SMADDL)
{
	product_of_words(b, i, true);
	return multiply_add(b, i, true, false);
}
EMIT(SMSUBL)
{
	product_of_words(b, i, true);
	return multiply_add(b, i, true, true);
}
EMIT(UMADDL)
{
	product_of_words(b, i, false);
	return multiply_add(b, i, true, false);
}
EMIT(UMSUBL)
{
	product_of_words(b, i, false);
	return multiply_add(b, i, true, true);
}
static bool multiply_high(struct block *b, const struct insn *i, unsigned extension)
{
	unsigned m;

	reg_copy(b, true, RAX, i->n);
	m = reg_read(b, i->m, RCX);
	x64_rr(&b->x, true, OP(0xf7), extension, m);
	reg_done(b, i->d, RDX);
	return true;
}
EMIT(UMULH)
{
	unsigned r = reg_dest(b, i->d, RCX);

	if (!block_host(b)->bmi2)
		return multiply_high(b, i, 4);
	product_by_mulx(b, i, true, r, RAX);
	reg_done(b, i->d, r);
	return true;
}
EMIT(SMULH)
{
	return multiply_high(b, i, 5);
}

EMIT(UDIV)
{
	struct x64 *x = &b->x;
	u8 *zero, *end;

	reg_copy(b, W, RCX, i->m);
	reg_copy(b, W, RAX, i->n);
	x64_test(x, W, RCX, RCX);
	zero = x64_jcc_short(x, CC_E);
	x64_alu(x, false, ALU_XOR, RDX, RDX);
	x64_rr(x, W, OP(0xf7), 6, RCX);
	end = x64_jmp_short(x);
	x64_bind_short(x, zero);
	x64_mov_imm(x, RAX, 0);
	x64_bind_short(x, end);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(SDIV)
{
	struct x64 *x = &b->x;
	u8 *special, *minus, *end, *done;

	reg_copy(b, W, RCX, i->m);
	reg_copy(b, W, RAX, i->n);
	x64_lea(x, W, RDX, mem_at(RCX, 1)); /* 0 or -1: 1 or 0 */
	x64_alu_imm(x, W, ALU_CMP, RDX, 1);
	special = x64_jcc_short(x, CC_BE);
	if (W)
		x64_u8(x, 0x48);
	x64_u8(x, 0x99); /* cqo, cdq */
	x64_rr(x, W, OP(0xf7), 7, RCX);
	end = x64_jmp_short(x);
	x64_bind_short(x, special);
	minus = x64_jcc_short(x, CC_B);
	x64_mov_imm(x, RAX, 0);
	done = x64_jmp_short(x);
	x64_bind_short(x, minus);
	x64_neg(x, W, RAX);
	x64_bind_short(x, done);
	x64_bind_short(x, end);
	reg_done(b, i->d, RAX);
	return true;
}

/* --- one source --- */

/* RAX = leading zeros of RCX. */
static void leading_zeros(struct block *b, bool w)
{
	if (block_host(b)->lzcnt) {
		x64_rr(&b->x, w, PF3 | OP_0F(0xbd), RAX, RCX);
		return;
	}
	x64_mov_imm(&b->x, RDX, w ? 127 : 63);
	x64_rr(&b->x, w, OP_0F(0xbd), RAX, RCX); /* bsr: ZF if there is no bit */
	x64_cmov(&b->x, w, CC_E, RAX, RDX);
	x64_alu_imm(&b->x, false, ALU_XOR, RAX, w ? 63 : 31);
}
EMIT(CLZ)
{
	reg_copy(b, W, RCX, i->n);
	leading_zeros(b, W);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(CLS)
{
	reg_copy(b, W, RCX, i->n);
	x64_mov(&b->x, W, RAX, RCX);
	x64_shift_imm(&b->x, W, SHIFT_SAR, RAX, 1);
	x64_alu(&b->x, W, ALU_XOR, RCX, RAX);
	leading_zeros(b, W);
	x64_alu_imm(&b->x, false, ALU_SUB, RAX, 1);
	reg_done(b, i->d, RAX);
	return true;
}
/* RAX: swaps neighbours of `n` bits each; RCX, RDX. */
static void swap_bits(struct x64 *x, unsigned n, u64 mask)
{
	x64_mov_imm(x, RDX, mask);
	x64_mov(x, true, RCX, RAX);
	x64_shift_imm(x, true, SHIFT_SHR, RCX, n);
	x64_alu(x, true, ALU_AND, RCX, RDX);
	x64_alu(x, true, ALU_AND, RAX, RDX);
	x64_shift_imm(x, true, SHIFT_SHL, RAX, n);
	x64_alu(x, true, ALU_OR, RAX, RCX);
}
EMIT(RBIT)
{
	const struct insn *next = paired_insn(b, 1);
	struct x64 *x = &b->x;

	reg_copy(b, W, RAX, i->n);
	if (next && next->row == ROW_CLZ && next->n == i->d && next->d == i->d && next->z == i->z && i->d != SLOT_DUMP) {
		/* Trailing zeros: the reversed value is overwritten. */
		x64_mov_imm(x, RDX, W ? 64 : 32);
		x64_rr(x, W, OP_0F(0xbc), RAX, RAX); /* bsf */
		x64_cmov(x, W, CC_E, RAX, RDX);
		b->skip = 1;
		reg_done(b, i->d, RAX);
		return true;
	}
	swap_bits(x, 1, 0x5555555555555555ull);
	swap_bits(x, 2, 0x3333333333333333ull);
	swap_bits(x, 4, 0x0f0f0f0f0f0f0f0full);
	x64_bswap(x, W, RAX);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(REV16)
{
	reg_copy(b, W, RAX, i->n);
	if (W) {
		swap_bits(&b->x, 8, 0x00ff00ff00ff00ffull);
	} else {
		x64_bswap(&b->x, false, RAX);
		x64_shift_imm(&b->x, false, SHIFT_ROR, RAX, 16);
	}
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(REV_w)
{
	reg_copy(b, false, RAX, i->n);
	x64_bswap(&b->x, false, RAX);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(REV32)
{
	reg_copy(b, true, RAX, i->n);
	x64_bswap(&b->x, true, RAX);
	x64_shift_imm(&b->x, true, SHIFT_ROR, RAX, 32);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(REV_x)
{
	reg_copy(b, true, RAX, i->n);
	x64_bswap(&b->x, true, RAX);
	reg_done(b, i->d, RAX);
	return true;
}
/* The Castagnoli forms: SSE4.2 has them. */
static bool crc(struct block *b, const struct insn *i, unsigned bytes)
{
	unsigned m;

	if (!block_host(b)->sse42)
		return false;
	reg_copy(b, false, RAX, i->n);
	m = reg_read(b, i->m, RCX);
	if (bytes == 1)
		x64_rr8(&b->x, false, PF2 | OP_38(0xf0), RAX, m);
	else if (bytes == 2) {
		x64_u8(&b->x, 0x66);
		x64_rr(&b->x, false, PF2 | OP_38(0xf1), RAX, m);
	} else
		x64_rr(&b->x, bytes == 8, PF2 | OP_38(0xf1), RAX, m);
	reg_done(b, i->d, RAX);
	return true;
}
EMIT(CRC32CB)
{
	return crc(b, i, 1);
}
EMIT(CRC32CH)
{
	return crc(b, i, 2);
}
EMIT(CRC32CW)
{
	return crc(b, i, 4);
}
EMIT(CRC32CX)
{
	return crc(b, i, 8);
}

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
#define PRODUCT EMIT_PURE | EMIT_KEEPS_BMI2
const struct emitter_row emit_multiply_rows[] = {
	ROW(MADD, PRODUCT) ROW(MSUB, PRODUCT) ROW(SMADDL, PRODUCT) ROW(SMSUBL, PRODUCT) ROW(UMADDL, PRODUCT) ROW(UMSUBL, PRODUCT)
	ROW(UMULH, PRODUCT) ROW(SMULH, EMIT_PURE) ROW(UDIV, EMIT_PURE) ROW(SDIV, EMIT_PURE)
	ROW(CLZ, EMIT_PURE) ROW(CLS, EMIT_PURE) ROW(RBIT, EMIT_PURE) ROW(REV16, EMIT_PURE) ROW(REV_w, EMIT_PURE)
	ROW(REV32, EMIT_PURE) ROW(REV_x, EMIT_PURE)
	ROW(CRC32CB, 0) ROW(CRC32CH, 0) ROW(CRC32CW, 0) ROW(CRC32CX, 0)
	{ROW_NONE, 0, NULL},
};
