/* SPDX-License-Identifier: BSD-2-Clause */
/* Scalar floating point. V registers are in memory between instructions; a scalar result zeroes the rest of its register. */
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

/* --- moves with general registers --- */

static bool to_general(struct block *b, const struct insn *i, bool w, unsigned byte)
{
	unsigned r = reg_dest(i->d, RAX);

	x64_load(&b->x, w, r, vreg_mem_at(i->n, byte));
	reg_done(b, i->d, r);
	return true;
}
EMIT(FMOV_s_to_w)
{
	return to_general(b, i, false, 0);
}
EMIT(FMOV_d_to_x)
{
	return to_general(b, i, true, 0);
}
EMIT(FMOV_top_to_x)
{
	return to_general(b, i, true, 8);
}
static bool from_general(struct block *b, const struct insn *i, bool w)
{
	unsigned r;

	r = reg_read(b, i->n, RAX);
	x64_movq_to_xmm(&b->x, w, 0, r);
	x64_movdqa_store(&b->x, vreg_mem(i->d), 0);
	return true;
}
EMIT(FMOV_w_to_s)
{
	return from_general(b, i, false);
}
EMIT(FMOV_x_to_d)
{
	return from_general(b, i, true);
}

#define ROW(name, flags) {ROW_##name, flags, emit_##name},
#define KEEP EMIT_PURE | EMIT_KEEPS
const struct emitter_row emit_fp_rows[] = {
	ROW(FMOV_s_to_w, KEEP) ROW(FMOV_d_to_x, KEEP) ROW(FMOV_top_to_x, KEEP)
	ROW(FMOV_w_to_s, KEEP) ROW(FMOV_x_to_d, KEEP)
	{ROW_NONE, 0, NULL},
};
