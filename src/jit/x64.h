/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The x86-64 encoder: bytes of one host instruction per call, appended at x->at. It knows no guest. Callers make sure that there is
 * room (translate.c keeps a margin). Checked against objdump by tests/unit/jit/x64_test.c.  [AMD64 APM vol. 3; Intel SDM vol. 2]
 *
 * Opcodes are written as OP(byte), OP_0F(byte), OP_38(byte), OP_3A(byte), with P66, PF2 or PF3 added for a mandatory prefix.
 * `w`: 64-bit operands. Operands are (reg, rm): `reg` is the ModRM.reg operand, the destination of a load form.
 */
#ifndef JIT_X64_H
#define JIT_X64_H

#include "base/bits.h"
#include "base/types.h"

enum host_reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, NO_REG = 0xff };
enum host_cc {
	CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G,
};
enum x64_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
enum x64_shift { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL = 4, SHIFT_SHR = 5, SHIFT_SAR = 7 };

struct x64 {
	u8 *at;
	unsigned insns; /* appended; those that callers write byte by byte are not counted */
};

/* [base + index * 2^scale + disp] */
struct mem {
	u8 base, index, scale;
	s32 disp;
};
static inline struct mem mem_at(unsigned base, s32 disp)
{
	return (struct mem){(u8)base, NO_REG, 0, disp};
}
static inline struct mem mem_index(unsigned base, unsigned index, unsigned scale, s32 disp)
{
	return (struct mem){(u8)base, (u8)index, (u8)scale, disp};
}

#define OP(byte) (byte)
#define OP_0F(byte) (0x100u | (byte))
#define OP_38(byte) (0x200u | (byte))
#define OP_3A(byte) (0x300u | (byte))
#define P66 0x660000u
#define PF2 0xf20000u
#define PF3 0xf30000u

static inline void x64_u8(struct x64 *x, unsigned v)
{
	*x->at++ = (u8)v;
}
static inline void x64_u32(struct x64 *x, u32 v)
{
	memcpy(x->at, &v, 4);
	x->at += 4;
}
static inline void x64_u64(struct x64 *x, u64 v)
{
	memcpy(x->at, &v, 8);
	x->at += 8;
}

/* Prefixes, REX and opcode. `force`: a byte register that is not AL, CL, DL, BL needs a REX. */
static inline void x64_head(struct x64 *x, bool w, u32 op, unsigned reg, unsigned index, unsigned base, bool force)
{
	unsigned rex = (w ? 8u : 0) | (reg >> 3 & 1) << 2 | (index == NO_REG ? 0 : (index >> 3 & 1) << 1) | (base >> 3 & 1);

	x->insns++;
	if (op >> 16)
		x64_u8(x, op >> 16);
	if (rex || force)
		x64_u8(x, 0x40 | rex);
	if (op >> 8 & 3)
		x64_u8(x, 0x0f);
	if ((op >> 8 & 3) == 2)
		x64_u8(x, 0x38);
	if ((op >> 8 & 3) == 3)
		x64_u8(x, 0x3a);
	x64_u8(x, op & 0xff);
}

static inline void x64_modrm_mem(struct x64 *x, unsigned reg, struct mem m)
{
	unsigned r = (reg & 7) << 3;
	bool sib = m.index != NO_REG || (m.base & 7) == RSP;
	unsigned mod = m.disp == 0 && (m.base & 7) != RBP ? 0 : m.disp == (s8)m.disp ? 0x40 : 0x80;

	x64_u8(x, mod | r | (sib ? 4u : (m.base & 7u)));
	if (sib)
		x64_u8(x, (unsigned)m.scale << 6 | (m.index == NO_REG ? 4u : (m.index & 7u)) << 3 | (m.base & 7u));
	if (mod == 0x40)
		x64_u8(x, (u8)m.disp);
	else if (mod == 0x80)
		x64_u32(x, (u32)m.disp);
}

static inline void x64_rr(struct x64 *x, bool w, u32 op, unsigned reg, unsigned rm)
{
	x64_head(x, w, op, reg, NO_REG, rm, false);
	x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
/* The same where reg or rm is a byte register. */
static inline void x64_rr8(struct x64 *x, bool w, u32 op, unsigned reg, unsigned rm)
{
	x64_head(x, w, op, reg, NO_REG, rm, reg >= 4 || rm >= 4);
	x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
static inline void x64_rm(struct x64 *x, bool w, u32 op, unsigned reg, struct mem m)
{
	x64_head(x, w, op, reg, m.index, m.base, false);
	x64_modrm_mem(x, reg, m);
}
static inline void x64_rm8(struct x64 *x, bool w, u32 op, unsigned reg, struct mem m)
{
	x64_head(x, w, op, reg, m.index, m.base, reg >= 4);
	x64_modrm_mem(x, reg, m);
}

/* --- moves --- */
static inline void x64_mov(struct x64 *x, bool w, unsigned to, unsigned from)
{
	x64_rr(x, w, OP(0x8b), to, from);
}
static inline void x64_load(struct x64 *x, bool w, unsigned to, struct mem m)
{
	x64_rm(x, w, OP(0x8b), to, m);
}
static inline void x64_store(struct x64 *x, bool w, struct mem m, unsigned from)
{
	x64_rm(x, w, OP(0x89), from, m);
}
static inline void x64_lea(struct x64 *x, bool w, unsigned to, struct mem m)
{
	x64_rm(x, w, OP(0x8d), to, m);
}
/* Keeps flags. */
static inline void x64_mov_imm(struct x64 *x, unsigned to, u64 v)
{
	if (v <= 0xffffffffull) {
		x64_head(x, false, OP(0xb8 | (to & 7)), 0, NO_REG, to, false);
		x64_u32(x, (u32)v);
	} else if ((u64)(s64)(s32)v == v) {
		x64_rr(x, true, OP(0xc7), 0, to);
		x64_u32(x, (u32)v);
	} else {
		x64_head(x, true, OP(0xb8 | (to & 7)), 0, NO_REG, to, false);
		x64_u64(x, v);
	}
}
/* Sign-extended 32-bit immediate. */
static inline void x64_store_imm(struct x64 *x, bool w, struct mem m, s32 v)
{
	x64_rm(x, w, OP(0xc7), 0, m);
	x64_u32(x, (u32)v);
}

/* --- arithmetic --- */
static inline void x64_alu(struct x64 *x, bool w, enum x64_alu op, unsigned to, unsigned from)
{
	x64_rr(x, w, OP(op * 8 + 3), to, from);
}
static inline void x64_alu_load(struct x64 *x, bool w, enum x64_alu op, unsigned to, struct mem m)
{
	x64_rm(x, w, OP(op * 8 + 3), to, m);
}
static inline void x64_alu_store(struct x64 *x, bool w, enum x64_alu op, struct mem m, unsigned from)
{
	x64_rm(x, w, OP(op * 8 + 1), from, m);
}
static inline void x64_alu_imm(struct x64 *x, bool w, enum x64_alu op, unsigned to, s32 v)
{
	bool small = v == (s8)v;

	x64_rr(x, w, OP(small ? 0x83 : 0x81), op, to);
	if (small)
		x64_u8(x, (u8)v);
	else
		x64_u32(x, (u32)v);
}
static inline void x64_alu_mem_imm(struct x64 *x, bool w, enum x64_alu op, struct mem m, s32 v)
{
	bool small = v == (s8)v;

	x64_rm(x, w, OP(small ? 0x83 : 0x81), op, m);
	if (small)
		x64_u8(x, (u8)v);
	else
		x64_u32(x, (u32)v);
}
static inline void x64_test(struct x64 *x, bool w, unsigned a, unsigned b)
{
	x64_rr(x, w, OP(0x85), a, b);
}
static inline void x64_test_imm(struct x64 *x, bool w, unsigned a, s32 v)
{
	x64_rr(x, w, OP(0xf7), 0, a);
	x64_u32(x, (u32)v);
}
static inline void x64_not(struct x64 *x, bool w, unsigned r)
{
	x64_rr(x, w, OP(0xf7), 2, r);
}
static inline void x64_neg(struct x64 *x, bool w, unsigned r)
{
	x64_rr(x, w, OP(0xf7), 3, r);
}
static inline void x64_imul(struct x64 *x, bool w, unsigned to, unsigned from)
{
	x64_rr(x, w, OP_0F(0xaf), to, from);
}
static inline void x64_bswap(struct x64 *x, bool w, unsigned r)
{
	x64_head(x, w, OP_0F(0xc8 | (r & 7)), 0, NO_REG, r, false);
}
static inline void x64_shift_imm(struct x64 *x, bool w, enum x64_shift op, unsigned r, unsigned n)
{
	x64_rr(x, w, OP(0xc1), op, r);
	x64_u8(x, n);
}
/* By CL. */
static inline void x64_shift_cl(struct x64 *x, bool w, enum x64_shift op, unsigned r)
{
	x64_rr(x, w, OP(0xd3), op, r);
}
static inline void x64_bt_imm(struct x64 *x, bool w, unsigned r, unsigned n)
{
	x64_rr(x, w, OP_0F(0xba), 4, r);
	x64_u8(x, n);
}
static inline void x64_cmov(struct x64 *x, bool w, enum host_cc cc, unsigned to, unsigned from)
{
	x64_rr(x, w, OP_0F(0x40 | cc), to, from);
}
static inline void x64_setcc(struct x64 *x, enum host_cc cc, unsigned r)
{
	x64_rr8(x, false, OP_0F(0x90 | cc), 0, r);
}
/* Widths in bytes; sign-extends to 64 (w) or 32 bits. */
static inline void x64_extend(struct x64 *x, bool w, bool sign, unsigned bytes, unsigned to, unsigned from)
{
	switch (bytes) {
	case 1: x64_rr8(x, w && sign, sign ? OP_0F(0xbe) : OP_0F(0xb6), to, from); break;
	case 2: x64_rr(x, w && sign, sign ? OP_0F(0xbf) : OP_0F(0xb7), to, from); break;
	case 4:
		if (sign && w)
			x64_rr(x, true, OP(0x63), to, from);
		else
			x64_mov(x, false, to, from);
		break;
	default: x64_mov(x, true, to, from); break;
	}
}
static inline void x64_load_extend(struct x64 *x, bool w, bool sign, unsigned bytes, unsigned to, struct mem m)
{
	switch (bytes) {
	case 1: x64_rm(x, w && sign, sign ? OP_0F(0xbe) : OP_0F(0xb6), to, m); break;
	case 2: x64_rm(x, w && sign, sign ? OP_0F(0xbf) : OP_0F(0xb7), to, m); break;
	case 4:
		if (sign && w)
			x64_rm(x, true, OP(0x63), to, m);
		else
			x64_load(x, false, to, m);
		break;
	default: x64_load(x, true, to, m); break;
	}
}
static inline void x64_store_sized(struct x64 *x, unsigned bytes, struct mem m, unsigned from)
{
	switch (bytes) {
	case 1: x64_rm8(x, false, OP(0x88), from, m); break;
	case 2: x64_rm(x, false, P66 | OP(0x89), from, m); break;
	case 4: x64_store(x, false, m, from); break;
	default: x64_store(x, true, m, from); break;
	}
}

/* --- control flow; a site is the address of the 4-byte displacement --- */
static inline u8 *x64_jmp(struct x64 *x)
{
	x->insns++;
	x64_u8(x, 0xe9);
	x64_u32(x, 0);
	return x->at - 4;
}
static inline u8 *x64_jcc(struct x64 *x, enum host_cc cc)
{
	x->insns++;
	x64_u8(x, 0x0f);
	x64_u8(x, 0x80 | cc);
	x64_u32(x, 0);
	return x->at - 4;
}
static inline u8 *x64_call(struct x64 *x)
{
	x->insns++;
	x64_u8(x, 0xe8);
	x64_u32(x, 0);
	return x->at - 4;
}
static inline void x64_bind(u8 *site, const u8 *target)
{
	s32 distance = (s32)(target - (site + 4));

	memcpy(site, &distance, 4);
}
/* Short forward jumps inside one emitter: the site is the 1-byte displacement. */
static inline u8 *x64_jcc_short(struct x64 *x, enum host_cc cc)
{
	x->insns++;
	x64_u8(x, 0x70 | cc);
	x64_u8(x, 0);
	return x->at - 1;
}
static inline u8 *x64_jmp_short(struct x64 *x)
{
	x->insns++;
	x64_u8(x, 0xeb);
	x64_u8(x, 0);
	return x->at - 1;
}
static inline void x64_bind_short(struct x64 *x, u8 *site)
{
	assert(x->at - (site + 1) <= 127);
	*site = (u8)(x->at - (site + 1));
}
static inline void x64_jmp_mem(struct x64 *x, struct mem m)
{
	x64_rm(x, false, OP(0xff), 4, m);
}
static inline void x64_call_mem(struct x64 *x, struct mem m)
{
	x64_rm(x, false, OP(0xff), 2, m);
}
static inline void x64_push(struct x64 *x, unsigned r)
{
	x64_head(x, false, OP(0x50 | (r & 7)), 0, NO_REG, r, false);
}
static inline void x64_pop(struct x64 *x, unsigned r)
{
	x64_head(x, false, OP(0x58 | (r & 7)), 0, NO_REG, r, false);
}
/* Fills up with long NOPs. */
static inline void x64_nops(struct x64 *x, unsigned n)
{
	static const u8 nop[] = {0x0f, 0x1f, 0x80, 0, 0, 0, 0};

	for (; n >= 7; n -= 7)
		for (unsigned k = 0; k < 7; k++)
			x64_u8(x, nop[k]);
	for (; n >= 3; n -= 3) {
		x64_u8(x, 0x0f);
		x64_u8(x, 0x1f);
		x64_u8(x, 0x00);
	}
	for (; n; n--)
		x64_u8(x, 0x90);
}

/* --- SSE and AVX. Vector registers are 0..15. x64_rr and x64_rm encode the legacy forms (P66 | OP_0F(0x6f) ...). --- */

/* VEX: pp 0 none, 1 66, 2 F3, 3 F2; map 1 0F, 2 0F38, 3 0F3A. v is the second source (ModRM.reg is the destination). */
static inline void x64_vex(struct x64 *x, bool w, bool l256, unsigned pp, unsigned map, unsigned op, unsigned reg, unsigned v,
			   unsigned index, unsigned base)
{
	unsigned r = ~reg >> 3 & 1, xx = index == NO_REG ? 1 : ~index >> 3 & 1, b = ~base >> 3 & 1;
	unsigned last = (~v & 15) << 3 | (l256 ? 4u : 0) | pp;

	x->insns++;
	if (xx && b && !w && map == 1) {
		x64_u8(x, 0xc5);
		x64_u8(x, r << 7 | last);
	} else {
		x64_u8(x, 0xc4);
		x64_u8(x, r << 7 | xx << 6 | b << 5 | map);
		x64_u8(x, (w ? 0x80u : 0) | last);
	}
	x64_u8(x, op);
}
static inline void x64_vex_rr(struct x64 *x, bool w, unsigned pp, unsigned map, unsigned op, unsigned reg, unsigned v, unsigned rm)
{
	x64_vex(x, w, false, pp, map, op, reg, v, NO_REG, rm);
	x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
static inline void x64_vex_rm(struct x64 *x, bool w, unsigned pp, unsigned map, unsigned op, unsigned reg, unsigned v, struct mem m)
{
	x64_vex(x, w, false, pp, map, op, reg, v, m.index, m.base);
	x64_modrm_mem(x, reg, m);
}
/* EVEX, 128 bits, registers 0..15, no mask; pp, map and w as VEX has them. A mask register as `reg` or `rm` is its number. */
static inline void x64_evex_rr(struct x64 *x, bool w, unsigned pp, unsigned map, unsigned op, unsigned reg, unsigned v, unsigned rm)
{
	x->insns++;
	x64_u8(x, 0x62);
	x64_u8(x, (~reg >> 3 & 1) << 7 | 1 << 6 | (~rm >> 3 & 1) << 5 | 1 << 4 | map);
	x64_u8(x, (w ? 0x80u : 0) | (~v & 15) << 3 | 1 << 2 | pp);
	x64_u8(x, 1 << 3);
	x64_u8(x, op);
	x64_u8(x, 0xc0 | (reg & 7) << 3 | (rm & 7));
}
/* BMI2, flags kept: to = from shifted by `by`; kind 0x66 SHLX, 0xf2 SHRX, 0xf3 SARX. */
static inline void x64_shiftx(struct x64 *x, bool w, enum x64_shift op, unsigned to, unsigned from, unsigned by)
{
	x64_vex_rr(x, w, op == SHIFT_SHL ? 1 : op == SHIFT_SHR ? 3 : 2, 2, 0xf7, to, by, from);
}
/* BMI2, flags kept: high:low = RDX * the operand. */
static inline void x64_mulx_rr(struct x64 *x, bool w, unsigned high, unsigned low, unsigned by)
{
	x64_vex_rr(x, w, 3, 2, 0xf6, high, low, by);
}
static inline void x64_mulx_rm(struct x64 *x, bool w, unsigned high, unsigned low, struct mem by)
{
	x64_vex_rm(x, w, 3, 2, 0xf6, high, low, by);
}
/* to = by and not `inverted`; flags of a logical operation */
static inline void x64_andn_rr(struct x64 *x, bool w, unsigned to, unsigned inverted, unsigned by)
{
	x64_vex_rr(x, w, 0, 2, 0xf2, to, inverted, by);
}
static inline void x64_andn_rm(struct x64 *x, bool w, unsigned to, unsigned inverted, struct mem by)
{
	x64_vex_rm(x, w, 0, 2, 0xf2, to, inverted, by);
}
static inline void x64_rorx(struct x64 *x, bool w, unsigned to, unsigned from, unsigned n)
{
	x64_vex_rr(x, w, 3, 3, 0xf0, to, 0, from);
	x64_u8(x, n);
}

/* movdqu xmm <-> memory, movq, movd */
static inline void x64_movdqu_load(struct x64 *x, unsigned xmm, struct mem m)
{
	x64_rm(x, false, PF3 | OP_0F(0x6f), xmm, m);
}
static inline void x64_movdqu_store(struct x64 *x, struct mem m, unsigned xmm)
{
	x64_rm(x, false, PF3 | OP_0F(0x7f), xmm, m);
}
/* Aligned: V registers in struct cpu. */
static inline void x64_movdqa_load(struct x64 *x, unsigned xmm, struct mem m)
{
	x64_rm(x, false, P66 | OP_0F(0x6f), xmm, m);
}
static inline void x64_movdqa_store(struct x64 *x, struct mem m, unsigned xmm)
{
	x64_rm(x, false, P66 | OP_0F(0x7f), xmm, m);
}
/* 32 (w false) or 64 bits of a general register or memory; the rest of the vector register is zeroed. */
static inline void x64_movq_to_xmm(struct x64 *x, bool w, unsigned xmm, unsigned r)
{
	x64_rr(x, w, P66 | OP_0F(0x6e), xmm, r);
}
static inline void x64_movq_from_xmm(struct x64 *x, bool w, unsigned r, unsigned xmm)
{
	x64_rr(x, w, P66 | OP_0F(0x7e), xmm, r);
}
static inline void x64_movq_load(struct x64 *x, bool w, unsigned xmm, struct mem m)
{
	x64_rm(x, w, P66 | OP_0F(0x6e), xmm, m);
}

#endif
