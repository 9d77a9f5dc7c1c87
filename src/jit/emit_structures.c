/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LD1 to LD4 and ST1 to ST4 of whole registers, when all bytes lie in one page. Structures of 2 and 4 are taken apart and put together
 * by pairs of unzips and zips; structures of 3, halves of them, and single lanes are the interpreter's.
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

static bool structures(struct block *b, const struct insn *i, unsigned regs, unsigned elems, bool store, bool post)
{
	unsigned bytes = i->q ? 16 : 8, x[4] = {0}, y[4] = {0}, va;
	struct mem m;

	if (elems == 3 || (elems > 1 && !i->q) || (elems > 1 && !block_host(b)->avx))
		return false;
	check_sp(b, i->n);
	va = reg_read(b, i->n, RAX);
	m = memory_check(b, va, regs * bytes, store ? MEMORY_WRITE : 0);
	if (store) {
		for (unsigned k = 0; k < regs; k++)
			x[k] = vreg_read(b, (i->t + k) & 31, bytes);
		if (elems == 2) {
			zip(b, i->z, 0, 1, x[0], x[1]);
			x[0] = 0;
			x[1] = 1;
		} else if (elems == 4) {
			unsigned p = vreg_new(b), q = vreg_new(b), r = vreg_new(b), s = vreg_new(b);

			zip(b, i->z, p, q, x[0], x[2]);
			zip(b, i->z, r, s, x[1], x[3]);
			zip(b, i->z, 0, 1, p, r);
			zip(b, i->z, 2, 3, q, s);
			for (unsigned k = 0; k < 4; k++)
				x[k] = k;
		}
		for (unsigned k = 0; k < regs; k++, m.disp += (s32)bytes)
			x64_rm(&b->x, bytes == 8, bytes == 16 ? PF3 | OP_0F(0x7f) : P66 | OP_0F(0x7e), x[k], m);
	} else {
		for (unsigned k = 0; k < regs; k++, m.disp += (s32)bytes) {
			x[k] = vreg_new(b);
			if (bytes == 16)
				x64_movdqu_load(&b->x, x[k], m);
			else
				x64_movq_load(&b->x, true, x[k], m);
		}
		if (elems == 2) {
			for (unsigned k = 0; k < 2; k++)
				y[k] = vreg_new(b);
			unzip(b, i->z, y[0], y[1], x[0], x[1]);
			memcpy(x, y, sizeof(x));
		} else if (elems == 4) {
			for (unsigned k = 0; k < 4; k++)
				y[k] = vreg_new(b);
			unzip(b, i->z, y[0], y[1], x[0], x[1]);
			unzip(b, i->z, y[2], y[3], x[2], x[3]);
			unzip(b, i->z, x[0], x[2], y[0], y[2]);
			unzip(b, i->z, x[1], x[3], y[1], y[3]);
		}
	}
	if (post) {
		bool aligned = b->sp_aligned && i->m == SLOT_ZR && !(regs * bytes & 15);
		unsigned r = reg_dest(i->n, RAX);

		if (i->m == SLOT_ZR) {
			x64_lea(&b->x, true, r, mem_at(va, (s32)(regs * bytes)));
		} else {
			unsigned step = reg_read(b, i->m, RDX);

			x64_lea(&b->x, true, r, mem_index(va, step, 0, 0));
		}
		reg_done(b, i->n, r);
		if (i->n == SLOT_SP)
			b->sp_aligned = aligned;
	}
	for (unsigned k = 0; !store && k < regs; k++)
		vreg_done(b, (i->t + k) & 31, x[k], bytes);
	return true;
}

#define ONE(name, regs, elems, store, post)                                                                            \
	EMIT(name)                                                                                                     \
	{                                                                                                              \
		return structures(b, i, regs, elems, store, post);                                                     \
	}
#define BOTH(form, regs, elems)                                                                                        \
	ONE(LD##form, regs, elems, false, false)                                                                       \
	ONE(LD##form##_post, regs, elems, false, true)                                                                 \
	ONE(ST##form, regs, elems, true, false)                                                                        \
	ONE(ST##form##_post, regs, elems, true, true)
BOTH(1_1, 1, 1)
BOTH(1_2, 2, 1)
BOTH(1_3, 3, 1)
BOTH(1_4, 4, 1)
BOTH(2, 2, 2)
BOTH(4, 4, 4)

#define ROWS(form)                                                                                                     \
	{ROW_LD##form, 0, emit_LD##form}, {ROW_LD##form##_post, 0, emit_LD##form##_post}, {ROW_ST##form, 0, emit_ST##form}, \
		{ROW_ST##form##_post, 0, emit_ST##form##_post},
const struct emitter_row emit_structures_rows[] = {
	ROWS(1_1) ROWS(1_2) ROWS(1_3) ROWS(1_4) ROWS(2) ROWS(4)
	{ROW_NONE, 0, NULL},
};
