/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * V registers in host registers, and host vector instructions.
 *
 * V registers live in memory; within a block XMM4..XMM15 also hold copies, so that a chain of operations does not go through memory.
 * Every result is stored at once (vreg_done), so leaving a block at any point needs nothing. A call of C code loses the copies; a
 * slow path, which comes back into the middle of the block, loads again those that the code behind it expects (vreg_reload).
 *
 * A copy may be of the low 4 or 8 bytes only: then the rest of the host register is zero, as scalar operations want it.
 */
#include "jit/private.h"
#include "jit/vector.h"

#define FIRST 4

/* --- copies --- */

void vreg_forget_all(struct block *b)
{
	memset(b->v.copy, 0, sizeof(b->v.copy));
}

static struct vcopy *copy_of(struct block *b, unsigned x)
{
	return &b->v.copy[x - FIRST];
}

static void touch(struct block *b, unsigned x)
{
	b->v.used[x - FIRST] = ++b->v.clock;
}

static unsigned find(const struct block *b, unsigned n)
{
	for (unsigned k = 0; k < VCOPIES; k++)
		if (b->v.copy[k].valid && b->v.copy[k].reg == n)
			return k + FIRST;
	return NO_REG;
}

/* Memory of Vn was written. */
static void vreg_forget(struct block *b, unsigned n)
{
	b->v.written |= 1u << n;
	for (unsigned k = 0; k < VCOPIES; k++) {
		struct vcopy *c = &b->v.copy[k];

		if ((c->reg & (VCOPY_PAIR - 1)) == n || (c->reg & VCOPY_PAIR && c->high == n))
			c->valid = 0;
	}
}

unsigned vreg_new(struct block *b)
{
	unsigned best = 0;

	for (unsigned k = 0; k < VCOPIES; k++)
		if (b->v.used[k] < b->v.used[best])
			best = k;
	b->v.copy[best].valid = 0;
	touch(b, best + FIRST);
	return best + FIRST;
}

static void load(struct block *b, unsigned x, unsigned n, unsigned bytes)
{
	if (bytes == 16)
		x64_movdqa_load(&b->x, x, vreg_mem(n));
	else
		x64_rm(&b->x, false, bytes == 8 ? PF3 | OP_0F(0x7e) : P66 | OP_0F(0x6e), x, vreg_mem(n));
}

unsigned vreg_read(struct block *b, unsigned n, unsigned bytes)
{
	unsigned x = find(b, n);

	if (x != NO_REG && copy_of(b, x)->valid >= bytes) {
		touch(b, x);
		return x;
	}
	if (x == NO_REG)
		x = vreg_new(b);
	if (!(b->v.written >> n & 1))
		b->v.live_in[n] = (u8)MAX(b->v.live_in[n], bytes);
	load(b, x, n, bytes);
	*copy_of(b, x) = (struct vcopy){.reg = (u8)n, .valid = (u8)bytes, .zero_from = (u8)bytes};
	touch(b, x);
	return x;
}

bool vreg_is_zero_above(struct block *b, unsigned x, unsigned bytes)
{
	return copy_of(b, x)->valid && copy_of(b, x)->zero_from <= bytes;
}

void vreg_done(struct block *b, unsigned n, unsigned x, unsigned zero_from)
{
	vreg_forget(b, n);
	x64_movdqa_store(&b->x, vreg_mem(n), x);
	if (x >= FIRST) {
		*copy_of(b, x) = (struct vcopy){.reg = (u8)n, .valid = 16, .zero_from = (u8)zero_from};
		touch(b, x);
	}
}

unsigned vreg_read_pair(struct block *b, unsigned low, unsigned high, unsigned select)
{
	unsigned x, from, with;

	for (unsigned k = 0; k < VCOPIES; k++) {
		const struct vcopy *c = &b->v.copy[k];

		if (c->valid && c->reg == (low | VCOPY_PAIR) && c->high == high && c->select == select) {
			touch(b, k + FIRST);
			return k + FIRST;
		}
	}
	from = vreg_read(b, low, 16), with = vreg_read(b, high, 16);
	x = vreg_new(b);
	v3_imm(b, SHUFPS, x, from, with, select);
	vreg_pair_done(b, low, high, select, x);
	return x;
}

void vreg_pair_done(struct block *b, unsigned low, unsigned high, unsigned select, unsigned x)
{
	*copy_of(b, x) = (struct vcopy){(u8)(low | VCOPY_PAIR), 16, 16, (u8)high, (u8)select};
	touch(b, x);
}

void vreg_reload(struct block *b, const struct vcopy copies[VCOPIES])
{
	for (unsigned k = 0; k < VCOPIES; k++) {
		const struct vcopy *c = &copies[k];

		if (!c->valid)
			continue;
		load(b, k + FIRST, c->reg & (VCOPY_PAIR - 1), c->valid);
		if (c->reg & VCOPY_PAIR) {
			x64_rm(&b->x, false, SHUFPS, k + FIRST, vreg_mem(c->high));
			x64_u8(&b->x, c->select);
		}
	}
}

/* --- loops --- */

#define KEPT 9 /* of VCOPIES; the others are for what comes and goes */

bool vreg_loop_begin(struct block *b)
{
	struct vcopy head[VCOPIES] = {{0}};
	unsigned count = 0;

	for (unsigned n = 0; n < 32 && count < KEPT; n++)
		if (b->v.live_in[n])
			head[count++] = (struct vcopy){.reg = (u8)n, .valid = b->v.live_in[n], .zero_from = b->v.live_in[n]};
	if (!b->loops || !count || !jit_has(b->jit, JIT_VECTORS))
		return false;
	memset(&b->v, 0, sizeof(b->v));
	memcpy(b->v.head, head, sizeof(head));
	memcpy(b->v.copy, head, sizeof(head));
	for (unsigned k = 0; k < count; k++)
		touch(b, k + FIRST);
	return true;
}

/* All at once: a register is written when nobody still needs what is in it; a ring goes by XMM0. EFLAGS are kept. */
void vreg_loop_back(struct block *b)
{
	unsigned from[VCOPIES], pending = 0;

	for (unsigned k = 0; k < VCOPIES; k++) {
		const struct vcopy *want = &b->v.head[k];
		unsigned x = want->valid ? find(b, want->reg) : NO_REG;

		from[k] = NO_REG;
		if (x == NO_REG || copy_of(b, x)->valid < want->valid || copy_of(b, x)->zero_from > want->zero_from)
			continue;
		if (x != k + FIRST) {
			from[k] = x;
			pending++;
		}
	}
	while (pending) {
		bool moved = false;

		for (unsigned k = 0; k < VCOPIES; k++) {
			bool is_source = false;

			for (unsigned j = 0; j < VCOPIES; j++)
				is_source |= from[j] == k + FIRST;
			if (from[k] == NO_REG || is_source)
				continue;
			v_move(b, k + FIRST, from[k]);
			from[k] = NO_REG;
			*copy_of(b, k + FIRST) = b->v.head[k];
			pending--;
			moved = true;
		}
		for (unsigned k = 0; !moved && k < VCOPIES; k++)
			if (from[k] != NO_REG) { /* the ring is cut here: others read XMM0 instead */
				v_move(b, 0, k + FIRST);
				for (unsigned j = 0; j < VCOPIES; j++)
					if (from[j] == k + FIRST)
						from[j] = 0;
				moved = true;
			}
	}
	for (unsigned k = 0; k < VCOPIES; k++) {
		const struct vcopy *want = &b->v.head[k], *is = &b->v.copy[k];

		if (want->valid && (is->reg != want->reg || is->valid < want->valid || is->zero_from > want->zero_from))
			load(b, k + FIRST, want->reg, want->valid);
	}
	memcpy(b->v.copy, b->v.head, sizeof(b->v.copy));
}

/* --- instructions --- */

static bool avx(const struct block *b)
{
	return block_host(b)->avx;
}
static unsigned pp_of(u32 op)
{
	switch (op >> 16) {
	case 0x66: return 1;
	case 0xf3: return 2;
	case 0xf2: return 3;
	default: return 0;
	}
}

void v_move(struct block *b, unsigned d, unsigned n)
{
	if (d != n)
		x64_rr(&b->x, false, OP_0F(0x28), d, n); /* movaps */
}

void v3(struct block *b, u32 op, unsigned d, unsigned n, unsigned m)
{
	if (avx(b)) {
		x64_vex_rr(&b->x, false, pp_of(op), op >> 8 & 3, op & 0xff, d, n, m);
		return;
	}
	assert(d == n || d != m);
	v_move(b, d, n);
	x64_rr(&b->x, false, op, d, m);
}
void v3_imm(struct block *b, u32 op, unsigned d, unsigned n, unsigned m, unsigned imm)
{
	v3(b, op, d, n, m);
	x64_u8(&b->x, imm);
}

/* The displacement of an operand relative to the instruction's end. */
static void constant_operand(struct block *b, unsigned reg, enum constant c)
{
	x64_u8(&b->x, (reg & 7) << 3 | 5);
	x64_u32(&b->x, (u32)(b->jit->constants + 16 * c - (b->x.at + 4)));
}
void v3_c(struct block *b, u32 op, unsigned d, unsigned n, enum constant c)
{
	if (avx(b)) {
		x64_vex(&b->x, false, false, pp_of(op), op >> 8 & 3, op & 0xff, d, n, NO_REG, 0);
	} else {
		v_move(b, d, n);
		x64_head(&b->x, false, op, d, NO_REG, 0, false);
	}
	constant_operand(b, d, c);
}
void v2(struct block *b, u32 op, unsigned d, unsigned m)
{
	if (avx(b))
		x64_vex_rr(&b->x, false, pp_of(op), op >> 8 & 3, op & 0xff, d, 0, m);
	else
		x64_rr(&b->x, false, op, d, m);
}
void v2_imm(struct block *b, u32 op, unsigned d, unsigned m, unsigned imm)
{
	v2(b, op, d, m);
	x64_u8(&b->x, imm);
}
void v2_c(struct block *b, u32 op, unsigned d, enum constant c)
{
	x64_head(&b->x, false, op, d, NO_REG, 0, false);
	constant_operand(b, d, c);
}
void v_shift(struct block *b, unsigned op, unsigned ext, unsigned d, unsigned n, unsigned imm)
{
	if (avx(b)) {
		x64_vex_rr(&b->x, false, 1, 1, op, ext, d, n);
	} else {
		v_move(b, d, n);
		x64_rr(&b->x, false, P66 | OP_0F(op), ext, d);
	}
	x64_u8(&b->x, imm);
}
void v3_512(struct block *b, bool w, u32 op, unsigned d, unsigned n, unsigned m)
{
	x64_evex_rr(&b->x, w, pp_of(op), op >> 8 & 3, op & 0xff, d, n, m);
}
void v_ternary(struct block *b, unsigned table, unsigned d, unsigned n, unsigned m)
{
	v3_512(b, false, P66 | OP_3A(0x25), d, n, m);
	x64_u8(&b->x, table);
}
void v_rotate(struct block *b, unsigned z, unsigned d, unsigned n, unsigned count)
{
	if (block_host(b)->avx512) {
		v3_512(b, z == 3, P66 | OP_0F(0x72), 1, d, n); /* vprold, vprolq: /1 */
		x64_u8(&b->x, count);
		return;
	}
	v_shift(b, 0x70 + z, 2, 3, n, (8u << z) - count);
	v_shift(b, 0x70 + z, 6, d, n, count);
	v3(b, POR, d, d, 3);
}
void v_zero(struct block *b, unsigned d)
{
	v3(b, PXOR, d, d, d);
}
static void v_ones(struct block *b, unsigned d)
{
	v3(b, P66 | OP_0F(0x76), d, d, d);
}
void v_low(struct block *b, unsigned d, unsigned n, unsigned bytes)
{
	if (bytes == 8)
		v2(b, PF3 | OP_0F(0x7e), d, n);
	else
		v3_imm(b, P66 | OP_3A(0x21), d, n, n, 0x0e); /* insertps: lane 0 stays, others zero */
}
void v_fill(struct block *b, unsigned d, unsigned z, u64 value)
{
	static const u64 pattern[] = {0x0101010101010101ull, 0x0001000100010001ull, 0x0000000100000001ull, 1};
	u64 v = (value & ones(8u << z)) * pattern[z];

	if (!v) {
		v_zero(b, d);
		return;
	}
	if (v == ~0ull) {
		v_ones(b, d);
		return;
	}
	x64_mov_imm(&b->x, RAX, z == 3 ? v : (u32)v);
	x64_movq_to_xmm(&b->x, z == 3, d, RAX);
	v2_imm(b, PSHUFD, d, d, z == 3 ? 0x44 : 0);
}
void v_broadcast(struct block *b, unsigned d, unsigned m, unsigned z, unsigned e)
{
	if (z < 2 && !e && block_host(b)->avx2) {
		v2(b, P66 | OP_38(0x78 + z), d, m); /* vpbroadcast */
		return;
	}
	switch (z) {
	case 0:
		v_fill(b, 3, 0, e);
		v3(b, PSHUFB, d, m, 3);
		break;
	case 1:
		v2_imm(b, e < 4 ? PF2 | OP_0F(0x70) : PF3 | OP_0F(0x70), d, m, (e & 3) * 0x55);
		v2_imm(b, PSHUFD, d, d, e < 4 ? 0 : 0xaa);
		break;
	case 2: v2_imm(b, PSHUFD, d, m, e * 0x55); break;
	default: v2_imm(b, PSHUFD, d, m, e ? 0xee : 0x44); break;
	}
}

const struct by_size host_add = {{P66 | OP_0F(0xfc), P66 | OP_0F(0xfd), P66 | OP_0F(0xfe), P66 | OP_0F(0xd4)}};
const struct by_size host_sub = {{P66 | OP_0F(0xf8), P66 | OP_0F(0xf9), P66 | OP_0F(0xfa), P66 | OP_0F(0xfb)}};
const struct by_size host_eq = {{P66 | OP_0F(0x74), P66 | OP_0F(0x75), P66 | OP_0F(0x76), P66 | OP_38(0x29)}};
const struct by_size host_gt = {{P66 | OP_0F(0x64), P66 | OP_0F(0x65), P66 | OP_0F(0x66), P66 | OP_38(0x37)}};
const struct by_size host_smax = {{P66 | OP_38(0x3c), P66 | OP_0F(0xee), P66 | OP_38(0x3d), 0}};
const struct by_size host_smin = {{P66 | OP_38(0x38), P66 | OP_0F(0xea), P66 | OP_38(0x39), 0}};
const struct by_size host_umax = {{P66 | OP_0F(0xde), P66 | OP_38(0x3e), P66 | OP_38(0x3f), 0}};
const struct by_size host_umin = {{P66 | OP_0F(0xda), P66 | OP_38(0x3a), P66 | OP_38(0x3b), 0}};

#define BOTH(v) {v, v}
#define REP8(v) BOTH((v) * 0x0101010101010101ull)
#define REP16(v) BOTH((v) * 0x0001000100010001ull)
#define REP32(v) BOTH((v) * 0x0000000100000001ull)
static const u64 vector_constants[C_TABLE_COUNT][2] = {
	[C_ONES] = BOTH(~0ull),
	[C_EVEN8] = REP16(0xffull), [C_EVEN16] = REP32(0xffffull), [C_EVEN32] = BOTH(0xffffffffull),
	[C_ONE8] = REP8(1ull), [C_ONE16] = REP16(1ull), [C_ONE32] = REP32(1ull), [C_ONE64] = BOTH(1ull),
	[C_LOW8] = {0xff, 0}, [C_LOW16] = {0xffff, 0},
	[C_NIBBLE] = REP8(0x0full),
	[C_POPCOUNT] = {0x0302020102010100ull, 0x0403030203020201ull},
	[C_RBIT_HIGH] = {0xe060a020c0408000ull, 0xf070b030d0509010ull},
	[C_RBIT_LOW] = {0x0e060a020c040800ull, 0x0f070b030d050901ull},
	[C_UNZIP8] = {0x0e0c0a0806040200ull, 0x0f0d0b0907050301ull},
	[C_UNZIP16] = {0x0d0c090805040100ull, 0x0f0e0b0a07060302ull},
	[C_REV64_8] = {0x0001020304050607ull, 0x08090a0b0c0d0e0full},
	[C_REV64_16] = {0x0100030205040706ull, 0x09080b0a0d0c0f0eull},
	[C_REV64_32] = {0x0302010007060504ull, 0x0b0a09080f0e0d0cull},
	[C_REV32_8] = {0x0405060700010203ull, 0x0c0d0e0f08090a0bull},
	[C_REV32_16] = {0x0504070601000302ull, 0x0d0c0f0e09080b0aull},
	[C_REV16_8] = {0x0607040502030001ull, 0x0e0f0c0d0a0b0809ull},
	[C_TABLE] = REP8(0x70ull), [C_16] = REP8(16ull),
	[C_SIGN8] = REP8(0x80ull), [C_SIGN16] = REP16(0x8000ull), [C_SIGN32] = REP32(0x80000000ull), [C_SIGN64] = BOTH(1ull << 63),
	[C_ABS32] = REP32(0x7fffffffull), [C_ABS64] = BOTH(~0ull >> 1),
	[C_TINY32] = REP32(0x00800000ull), [C_TINY64] = BOTH(0x0010000000000000ull),
	[C_FP_ONE32] = REP32(0x3f800000ull), [C_FP_ONE64] = BOTH(0x3ff0000000000000ull), [C_HALF_S] = REP32(0x3f000000ull), [C_HALF_D] = BOTH(0x3fe0000000000000ull),
	[C_2_23_S] = REP32(0x4b000000ull), [C_2_52_D] = BOTH(0x4330000000000000ull),
	[C_2_32_D] = BOTH(0x41f0000000000000ull), [C_2_63_D] = BOTH(0x43e0000000000000ull),
	[C_2_32_S] = REP32(0x4f800000ull), [C_2_63_S] = REP32(0x5f000000ull),
	[C_SHA1_K0] = REP32(0x100000000ull - 0x5a827999), [C_SHA1_K1] = REP32(0x100000000ull - 0x6ed9eba1),
	[C_SHA1_K2] = REP32(0x100000000ull - 0x8f1bbcdc),
	[C_CRC32] = {0xb4e5b025f7011641, 0x1db710641},
};

void vector_constants_make(u8 *to)
{
	memcpy(to, vector_constants, sizeof(vector_constants));
	memset(to + 16 * C_TABLE_COUNT, 0x80, 16 * (C_COUNT - C_TABLE_COUNT));
	for (unsigned z = 0; z < 4; z++)
		for (unsigned at = 0; at < 48; at++) { /* of memory */
			unsigned element = at >> z, k = element % 3, byte = (element / 3 << z) + (at & ((1u << z) - 1));

			to[16 * c_structure3(C_LD3, z, k, at / 16) + byte] = (u8)(at % 16);
			to[16 * c_structure3(C_ST3, z, k, at / 16) + at % 16] = (u8)byte;
		}
}
