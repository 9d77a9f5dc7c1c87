/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Advanced SIMD. Operands come from memory, results go there; a form of 8 bytes (q = 0) zeroes the upper half, which a load of 8
 * bytes into an xmm register does by itself where the operation keeps zero lanes zero; else vreg_done clears it.
 */
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

/* Stores XMM `from` to Vd; with q = 0 the low half, upper half zero. */
static void vreg_done(struct block *b, unsigned d, unsigned from, bool q)
{
	if (!q)
		x64_rr(&b->x, false, PF3 | OP_0F(0x7e), from, from); /* movq: upper half zero */
	x64_movdqa_store(&b->x, vreg_mem(d), from);
}

/* Vd = `first` OP `second`, legacy SSE: XMM0 = first, then op XMM0, [second]. */
static bool sse(struct block *b, u32 op, unsigned d, unsigned first, unsigned second, bool q)
{
	x64_movdqa_load(&b->x, 0, vreg_mem(first));
	x64_rm(&b->x, false, op, 0, vreg_mem(second));
	vreg_done(b, d, 0, q);
	return true;
}
EMIT(AND_vec)
{
	return sse(b, P66 | OP_0F(0xdb), i->d, i->n, i->m, i->q);
}
EMIT(BIC_vec)
{
	return sse(b, P66 | OP_0F(0xdf), i->d, i->m, i->n, i->q); /* pandn: ~m & n */
}
EMIT(ORR_vec)
{
	return sse(b, P66 | OP_0F(0xeb), i->d, i->n, i->m, i->q);
}
EMIT(EOR_vec)
{
	return sse(b, P66 | OP_0F(0xef), i->d, i->n, i->m, i->q);
}
EMIT(ADD_vec)
{
	static const u8 op[] = {0xfc, 0xfd, 0xfe, 0xd4};

	return sse(b, P66 | OP_0F(op[i->z]), i->d, i->n, i->m, i->q);
}
EMIT(SUB_vec)
{
	static const u8 op[] = {0xf8, 0xf9, 0xfa, 0xfb};

	return sse(b, P66 | OP_0F(op[i->z]), i->d, i->n, i->m, i->q);
}

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
#define KEEP EMIT_PURE | EMIT_KEEPS
const struct emitter_row emit_simd_rows[] = {
	ROW(AND_vec, KEEP) ROW(BIC_vec, KEEP) ROW(ORR_vec, KEEP) ROW(EOR_vec, KEEP) ROW(ADD_vec, KEEP) ROW(SUB_vec, KEEP)
	{ROW_NONE, 0, NULL},
};
