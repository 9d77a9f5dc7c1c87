/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD1 to LD4 and ST1 to ST4, when all bytes lie in one page. Structures of 2 and 4 are taken apart and put together by pairs of unzips
 * and zips (with AVX), structures of 3 by shuffles whose parts are joined.
 */
#include "jit/vector.h"

/* Memory in XMM m[0..count). */
static void unzip(struct block *b, unsigned z, unsigned even, unsigned odd, unsigned a, unsigned c)
{
	switch (z) {
	case 3:
		v3(b, PUNPCKLQDQ, even, a, c);
		v3(b, PUNPCKHQDQ, odd, a, c);
		break;
	case 2:
		v3_imm(b, SHUFPS, even, a, c, 0x88);
		v3_imm(b, SHUFPS, odd, a, c, 0xdd);
		break;
	default:
		v3_c(b, PSHUFB, 2, a, z ? C_UNZIP16 : C_UNZIP8);
		v3_c(b, PSHUFB, 3, c, z ? C_UNZIP16 : C_UNZIP8);
		v3(b, PUNPCKLQDQ, even, 2, 3);
		v3(b, PUNPCKHQDQ, odd, 2, 3);
		break;
	}
}
static void zip(struct block *b, unsigned z, unsigned low, unsigned high, unsigned a, unsigned c)
{
	static const u8 op[4][2] = {{0x60, 0x68}, {0x61, 0x69}, {0x62, 0x6a}, {0x6c, 0x6d}};

	v3(b, P66 | OP_0F(op[z][0]), low, a, c);
	v3(b, P66 | OP_0F(op[z][1]), high, a, c);
}

/* x[] = OP of m[], each a sum of three shuffles; `count` parts of 16 bytes are there. */
static void shuffle3(struct block *b, unsigned x[3], const unsigned m[3], unsigned z, bool store, unsigned count, unsigned results)
{
	for (unsigned k = 0; k < results; k++) {
		for (unsigned n = 0; n < count; n++) {
			unsigned to = n ? 0 : x[k];

			v3_c(b, PSHUFB, to, m[n], store ? c_structure3(C_ST3, z, n, k) : c_structure3(C_LD3, z, k, n));
			if (n)
				v3(b, POR, x[k], x[k], 0);
		}
	}
}

/* After the access: the base moves by a register, or by the bytes transferred when that is 31. RAX may be lost, RCX is kept. */
static void post_index(struct block *b, const struct insn *i, unsigned va, unsigned bytes)
{
	bool aligned = b->sp_aligned && i->m == SLOT_ZR && !(bytes & 15);
	unsigned r = reg_dest(b, i->n, RAX);

	if (i->m == SLOT_ZR) {
		x64_lea(&b->x, true, r, mem_at(va, (s32)bytes));
	} else {
		unsigned step = reg_read(b, i->m, RDX);

		x64_lea(&b->x, true, r, mem_index(va, step, 0, 0));
	}
	reg_done(b, i->n, r);
	if (i->n == SLOT_SP)
		b->sp_aligned = aligned;
}

static void store_parts(struct block *b, const unsigned x[4], unsigned bytes, struct mem m)
{
	for (unsigned k = 0; bytes; k++, m.disp += 16) {
		x64_rm(&b->x, bytes == 8, bytes >= 16 ? PF3 | OP_0F(0x7f) : P66 | OP_0F(0x7e), x[k], m);
		bytes -= MIN(bytes, 16u);
	}
}

static unsigned load_parts(struct block *b, unsigned x[4], unsigned bytes, struct mem m)
{
	unsigned k = 0;

	for (; bytes; k++, m.disp += 16) {
		x[k] = vreg_new(b);
		if (bytes >= 16)
			x64_movdqu_load(&b->x, x[k], m);
		else
			x64_movq_load(&b->x, true, x[k], m);
		bytes -= MIN(bytes, 16u);
	}
	return k;
}

/* LD1, ST1: the registers one after another. */
static bool plain(struct block *b, const struct insn *i, unsigned regs, bool store, bool post)
{
	unsigned bytes = i->q ? 16 : 8, x[4] = {0}, va;
	struct mem m;

	check_sp(b, i->n);
	va = reg_read(b, i->n, RAX);
	m = memory_check(b, va, regs * bytes, store ? MEMORY_WRITE : 0);
	for (unsigned k = 0; k < regs; k++, m.disp += (s32)bytes) {
		if (store) {
			x[k] = vreg_read(b, (i->t + k) & 31, bytes);
			store_parts(b, x + k, bytes, m);
		} else {
			load_parts(b, x + k, bytes, m);
		}
	}
	if (post)
		post_index(b, i, va, regs * bytes);
	for (unsigned k = 0; !store && k < regs; k++)
		vreg_done(b, (i->t + k) & 31, x[k], bytes);
	return true;
}

static bool structures(struct block *b, const struct insn *i, unsigned elems, bool store, bool post)
{
	unsigned bytes = i->q ? 16 : 8, parts[4] = {0}, x[4], y[4], va;
	struct mem m;

	if ((i->z == 3 && !i->q) || (elems != 3 && !block_host(b)->avx))
		return false;
	check_sp(b, i->n);
	va = reg_read(b, i->n, RAX);
	m = memory_check(b, va, elems * bytes, store ? MEMORY_WRITE : 0);
	for (unsigned k = 0; store && k < elems; k++)
		x[k] = vreg_read(b, (i->t + k) & 31, bytes);
	if (!store)
		load_parts(b, parts, elems * bytes, m);
	for (unsigned k = 0; k < elems; k++)
		y[k] = vreg_new(b);
	if (elems == 3) {
		shuffle3(b, y, store ? x : parts, i->z, store, store || i->q ? 3 : 2, store && !i->q ? 2 : 3);
	} else if (elems == 2 && store) {
		zip(b, i->z, y[0], y[1], x[0], x[1]);
	} else if (elems == 2) {
		unzip(b, i->z, y[0], y[1], parts[0], parts[i->q]);
	} else if (store) {
		zip(b, i->z, y[0], y[1], x[0], x[2]);
		zip(b, i->z, y[2], y[3], x[1], x[3]);
		zip(b, i->z, 0, 1, y[0], y[2]);
		if (i->q)
			zip(b, i->z, 2, 3, y[1], y[3]);
		for (unsigned k = 0; k < 4; k++)
			y[k] = k;
	} else {
		unsigned even = vreg_new(b), odd = vreg_new(b);

		unzip(b, i->z, even, odd, parts[0], parts[1]);
		if (i->q) {
			unsigned even_high = parts[0], odd_high = parts[1];

			unzip(b, i->z, even_high, odd_high, parts[2], parts[3]);
			unzip(b, i->z, y[0], y[2], even, even_high);
			unzip(b, i->z, y[1], y[3], odd, odd_high);
		} else {
			unzip(b, i->z, y[0], y[2], even, even);
			unzip(b, i->z, y[1], y[3], odd, odd);
		}
	}
	if (store)
		store_parts(b, y, elems * bytes, m);
	if (post)
		post_index(b, i, va, elems * bytes);
	for (unsigned k = 0; !store && k < elems; k++) {
		if (!i->q)
			v_low(b, y[k], y[k], 8);
		vreg_done(b, (i->t + k) & 31, y[k], bytes);
	}
	return true;
}

/* --- one lane: o the lane size, h the index --- */

static bool lane(struct block *b, const struct insn *i, unsigned elems, bool store, bool post)
{
	unsigned size = 1u << i->o, x[4] = {0}, va;
	struct mem m;

	check_sp(b, i->n);
	va = reg_read(b, i->n, RAX);
	m = memory_check(b, va, elems * size, store ? MEMORY_WRITE : 0);
	for (unsigned k = 0; k < elems; k++, m.disp += (s32)size) {
		static const u32 insert[4] = {P66 | OP_3A(0x20), P66 | OP_0F(0xc4), P66 | OP_3A(0x22), P66 | OP_3A(0x22)};
		unsigned t = (i->t + k) & 31, old;

		if (store) {
			x64_load_extend(&b->x, i->o == 3, false, size, RDX, vreg_mem_at(t, i->h * size));
			x64_store_sized(&b->x, size, m, RDX);
			continue;
		}
		old = vreg_read(b, t, 16);
		x[k] = vreg_new(b);
		v_move(b, x[k], old);
		x64_rm(&b->x, i->o == 3, insert[i->o], x[k], m);
		x64_u8(&b->x, i->h);
	}
	if (post)
		post_index(b, i, va, elems * size);
	for (unsigned k = 0; !store && k < elems; k++)
		vreg_done(b, (i->t + k) & 31, x[k], 16);
	return true;
}

/* One element to every lane. */
static bool replicate(struct block *b, const struct insn *i, unsigned elems, bool post)
{
	unsigned size = 1u << i->z, x[4] = {0}, va;
	struct mem m;

	check_sp(b, i->n);
	va = reg_read(b, i->n, RAX);
	m = memory_check(b, va, elems * size, 0);
	for (unsigned k = 0; k < elems; k++, m.disp += (s32)size) {
		x[k] = vreg_new(b);
		if (size >= 4) {
			x64_movq_load(&b->x, size == 8, x[k], m);
		} else {
			x64_load_extend(&b->x, false, false, size, RDX, m);
			x64_movq_to_xmm(&b->x, false, x[k], RDX);
		}
	}
	if (post)
		post_index(b, i, va, elems * size);
	for (unsigned k = 0; k < elems; k++) {
		v_broadcast(b, x[k], x[k], i->z, 0);
		if (!i->q)
			v_low(b, x[k], x[k], 8);
		vreg_done(b, (i->t + k) & 31, x[k], i->q ? 16 : 8);
	}
	return true;
}

#define ONE(name, call)                                                                                                \
	EMIT(name)                                                                                                     \
	{                                                                                                              \
		return call;                                                                                           \
	}
#define LOAD_STORE(form, function, count)                                                                              \
	ONE(LD##form, function(b, i, count, false, false))                                                             \
	ONE(LD##form##_post, function(b, i, count, false, true))                                                       \
	ONE(ST##form, function(b, i, count, true, false))                                                              \
	ONE(ST##form##_post, function(b, i, count, true, true))
#define LANES(elems)                                                                                                   \
	LOAD_STORE(elems##_lane, lane, elems)                                                                          \
	ONE(LD##elems##R, replicate(b, i, elems, false))                                                               \
	ONE(LD##elems##R_post, replicate(b, i, elems, true))
LOAD_STORE(1_1, plain, 1)
LOAD_STORE(1_2, plain, 2)
LOAD_STORE(1_3, plain, 3)
LOAD_STORE(1_4, plain, 4)
LOAD_STORE(2, structures, 2)
LOAD_STORE(3, structures, 3)
LOAD_STORE(4, structures, 4)
LANES(1)
LANES(2)
LANES(3)
LANES(4)

#define LOADS(form) {ROW_LD##form, 0, emit_LD##form}, {ROW_LD##form##_post, 0, emit_LD##form##_post},
#define ROWS(form) LOADS(form) {ROW_ST##form, 0, emit_ST##form}, {ROW_ST##form##_post, 0, emit_ST##form##_post},
const struct emitter_row emit_structures_rows[] = {
	ROWS(1_1) ROWS(1_2) ROWS(1_3) ROWS(1_4) ROWS(2) ROWS(3) ROWS(4)
	ROWS(1_lane) ROWS(2_lane) ROWS(3_lane) ROWS(4_lane) LOADS(1R) LOADS(2R) LOADS(3R) LOADS(4R)
	{ROW_NONE, 0, NULL},
};
