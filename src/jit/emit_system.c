/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hints, barriers and the system registers that are read all the time. Everything else goes to the interpreter's functions.
 * On an x86-64 host only a store followed by a load needs a fence.
 */
#include "cpu/sysreg.h"
#include "jit/translate.h"

#define EMIT(name) static bool emit_##name(struct block *b, const struct insn *i)

EMIT(HINT)
{
	return i->exec == exec_HINT; /* not WFE, WFI, SEV, SEVL */
}
EMIT(PRFM)
{
	return true;
}
EMIT(CLREX)
{
	x64_rm(&b->x, false, OP(0xc6), 0, CPU_MEM(exclusive.armed));
	x64_u8(&b->x, 0);
	return true;
}
EMIT(DMB)
{
	if (i->exec == exec_DMB) { /* else of loads or of stores alone */
		x64_u8(&b->x, 0xf0);
		x64_alu_mem_imm(&b->x, false, ALU_OR, mem_at(RSP, 0), 0);
	}
	return true;
}
static bool read_field(struct block *b, const struct insn *i, struct mem m)
{
	unsigned r = reg_dest(i->t, RAX);

	x64_load(&b->x, true, r, m);
	reg_done(b, i->t, r);
	return true;
}
EMIT(MRS)
{
	switch (i->i) {
	case SYSREG(3, 3, 13, 0, 2): return read_field(b, i, CPU_MEM(sys.tpidr_el0));
	case SYSREG(3, 0, 13, 0, 4): return (b->mode & MODE_EL1) && read_field(b, i, CPU_MEM(sys.tpidr_el1));
	case SYSREG(3, 0, 4, 1, 0):
		return (b->mode & MODE_EL1) && (b->mode & MODE_SPSEL) && read_field(b, i, CPU_MEM(sys.sp_el0));
	default: return false;
	}
}

const struct emitter_row emit_system_rows[] = {
	{ROW_HINT, EMIT_KEEPS, emit_HINT},
	{ROW_PRFM_uimm, EMIT_PURE | EMIT_KEEPS, emit_PRFM},
	{ROW_PRFM_unscaled, EMIT_PURE | EMIT_KEEPS, emit_PRFM},
	{ROW_PRFM_lit, EMIT_PURE | EMIT_KEEPS, emit_PRFM},
	{ROW_PRFM_reg, EMIT_PURE | EMIT_KEEPS, emit_PRFM},
	{ROW_CLREX, EMIT_PURE | EMIT_KEEPS, emit_CLREX},
	{ROW_DMB, EMIT_PURE, emit_DMB},
	{ROW_SB, EMIT_PURE | EMIT_KEEPS, emit_PRFM},
	{ROW_MRS, EMIT_KEEPS, emit_MRS},
	{ROW_NONE, 0, NULL},
};
