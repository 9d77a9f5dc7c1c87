/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hints, barriers, PSTATE.DAIF, DC ZVA, and the system registers that are plain words (cpu/sysreg.def has them as FIELD or CONST) or that
 * are read all the time. Everything else goes to the interpreter's functions. On an x86-64 host only a store followed by a load needs a
 * fence.
 */
#include "cpu/code.h"
#include "cpu/sysreg.h"
#include "cpu/vcpu.h"
#include "jit/private.h"
#include "jit/vector.h"

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
EMIT(DSB)
{
	struct x64 *x = &b->x;

	/* Lines to make persistent, or a TLBI or IC to wait for: out of line. */
	x64_load(x, true, RAX, CPU_MEM(thread));
	x64_alu_mem_imm(x, false, ALU_CMP, mem_at(RAX, offsetof(struct cpu_thread, persist_count)), 0);
	slow_path(b, x64_jcc(x, CC_NE));
	x64_rm(x, false, OP(0x80), ALU_CMP, mem_at(RAX, offsetof(struct cpu_thread, dsb_needed)));
	x64_u8(x, 0);
	slow_path(b, x64_jcc(x, CC_NE));
	x64_u8(x, 0xf0);
	x64_alu_mem_imm(x, false, ALU_OR, mem_at(RSP, 0), 0);
	b->flags = FLAGS_SAVED;
	return true;
}
_Static_assert(offsetof(struct cpu, irq_levels) == offsetof(struct cpu, serror_pending) + 1 && offsetof(struct cpu, irq_levels) % 8 == 4,
	       "one load reads both");

/* Out of line if an interrupt waits, masked or not. RAX. */
static void check_interrupts(struct block *b)
{
	struct x64 *x = &b->x;

	x64_load(x, true, RAX, mem_at(RBP, (s32)offsetof(struct cpu, irq_levels) - 4 - BIAS));
	x64_shift_imm(x, true, SHIFT_SHR, RAX, 24);
	slow_path(b, x64_jcc(x, CC_NE));
}

/* Nothing, unless an interrupt waits, or decoded code was invalidated since this vCPU looked last. */
EMIT(ISB)
{
	struct x64 *x = &b->x;

	check_interrupts(b);
	x64_load(x, true, RAX, CPU_MEM(codes));
	x64_load(x, true, RAX, mem_at(RAX, (s32)code_epoch_offset));
	x64_alu_load(x, true, ALU_CMP, RAX, CPU_MEM(code_epoch));
	slow_path(b, x64_jcc(x, CC_NE));
	b->flags = FLAGS_SAVED;
	return true;
}

/* --- PSTATE.DAIF, at EL1 --- */

/* What makes cpu_daif_changed do anything is out of line: an interrupt waits, masked or not; a debugger may step or break. RAX. */
static void check_quiet(struct block *b)
{
	struct x64 *x = &b->x;

	check_interrupts(b);
	x64_rm(x, false, OP(0xf7), 0, CPU_MEM(sys.mdscr));
	x64_u32(x, 0x8001);
	slow_path(b, x64_jcc(x, CC_NE));
	b->flags = FLAGS_SAVED;
}
static void change_daif(struct block *b, enum x64_alu op, u8 bits)
{
	x64_rm(&b->x, false, OP(0x80), op, CPU_MEM(daif));
	x64_u8(&b->x, bits);
	b->flags = FLAGS_SAVED;
}
EMIT(MSR_DAIFSet)
{
	if (!(b->mode & MODE_EL1))
		return false;
	if (i->i & 8)
		check_quiet(b);
	change_daif(b, ALU_OR, (u8)i->i);
	return true;
}
EMIT(MSR_DAIFClr)
{
	if (!(b->mode & MODE_EL1))
		return false;
	check_quiet(b);
	change_daif(b, ALU_AND, (u8)~i->i);
	return true;
}

/* --- system registers --- */

/* MRS NZCV and MSR NZCV, by the form that jit_flags has. */
static bool read_nzcv(struct block *b, const struct insn *i)
{
	struct x64 *x = &b->x;

	x64_load_extend(x, false, false, 2, RAX, CPU_MEM(jit_flags));
	x64_mov(x, false, RCX, RAX);
	x64_alu_imm(x, false, ALU_XOR, RCX, 0x100);
	x64_alu_imm(x, false, ALU_AND, RCX, 0x100);
	x64_shift_imm(x, false, SHIFT_SHL, RCX, 21);
	x64_mov(x, false, RDX, RAX);
	x64_alu_imm(x, false, ALU_AND, RDX, 1);
	x64_shift_imm(x, false, SHIFT_SHL, RDX, 28);
	x64_alu_imm(x, false, ALU_AND, RAX, 0xc000);
	x64_shift_imm(x, false, SHIFT_SHL, RAX, 16);
	x64_alu(x, false, ALU_OR, RAX, RCX);
	x64_alu(x, false, ALU_OR, RAX, RDX);
	reg_done(b, i->t, RAX);
	b->flags = FLAGS_SAVED;
	return true;
}
static bool write_nzcv(struct block *b, const struct insn *i)
{
	struct x64 *x = &b->x;

	reg_copy(b, false, RAX, i->t);
	x64_mov(x, false, RCX, RAX);
	x64_shift_imm(x, false, SHIFT_SHR, RCX, 21);
	x64_not(x, false, RCX);
	x64_alu_imm(x, false, ALU_AND, RCX, 0x100);
	x64_mov(x, false, RDX, RAX);
	x64_shift_imm(x, false, SHIFT_SHR, RDX, 28);
	x64_alu_imm(x, false, ALU_AND, RDX, 1);
	x64_shift_imm(x, false, SHIFT_SHR, RAX, 16);
	x64_alu_imm(x, false, ALU_AND, RAX, 0xc000);
	x64_alu(x, false, ALU_OR, RAX, RCX);
	x64_alu(x, false, ALU_OR, RAX, RDX);
	x64_store_sized(x, 2, CPU_MEM(jit_flags), RAX);
	b->flags = FLAGS_SAVED;
	return true;
}

static bool read_mem(struct block *b, const struct insn *i, bool w, struct mem m)
{
	unsigned r = reg_dest(b, i->t, RAX);

	x64_load(&b->x, w, r, m);
	reg_done(b, i->t, r);
	return true;
}
/* FPSR: the flags that translated code has gathered in MXCSR go to it first. */
static void gather_fpsr(struct block *b)
{
	call_routine(b, b->jit->fp_flags);
	b->flags = FLAGS_SAVED;
}
static bool read_fpsr(struct block *b, const struct insn *i)
{
	if (!(b->mode & MODE_FP))
		return false;
	gather_fpsr(b);
	return read_mem(b, i, false, CPU_MEM(fpsr));
}
static bool write_fpsr(struct block *b, const struct insn *i)
{
	if (!(b->mode & MODE_FP))
		return false;
	gather_fpsr(b);
	reg_copy(b, false, RAX, i->t);
	x64_alu_imm(&b->x, false, ALU_AND, RAX, FPSR_MASK);
	x64_store(&b->x, false, CPU_MEM(fpsr), RAX);
	return true;
}
/* What FPCR is already is often written. Another value may be another mode. */
static bool write_fpcr(struct block *b, const struct insn *i)
{
	if (!(b->mode & MODE_FP))
		return false;
	reg_copy(b, false, RAX, i->t);
	x64_alu_load(&b->x, false, ALU_CMP, RAX, CPU_MEM(fpcr));
	slow_path(b, x64_jcc(&b->x, CC_NE));
	b->flags = FLAGS_SAVED;
	return true;
}
/* The row of a register that is a plain word in struct cpu, or a constant, and may be accessed in the block's mode. */
static const struct sysreg *plain(const struct block *b, u32 key, bool read)
{
	const struct cpus *cpus = b->cpu->cpus;
	unsigned n = cpus->sysreg_map[key & 0xffff];
	const struct sysreg *reg = n ? cpus->slots[n - 1].reg : NULL;
	unsigned el = b->mode & MODE_EL1 ? 1 : 0;

	if (!reg || !reg->lockless || el < (read ? reg->read_el : reg->write_el) || (read ? (const void *)reg->read : (const void *)reg->write))
		return NULL;
	return reg;
}
static struct mem field_mem(const struct sysreg *reg)
{
	return mem_at(RBP, (s32)reg->field - BIAS);
}

u64 light_time(struct cpu *cpu, u64 rsi, u64 rdx, u64 rcx)
{
	return loop_now(cpu->loop);
}
/* The count, which at EL0 CNTKCTL_EL1 may refuse. Under instruction time it is made of instructions: exec_MRS. */
static bool read_count(struct block *b, const struct insn *i, unsigned enable)
{
	if (b->cpu->cpus->instruction_time)
		return false;
	if (!(b->mode & MODE_EL1)) {
		x64_rm(&b->x, false, OP(0xf6), 0, CPU_MEM(sys.cntkctl));
		x64_u8(&b->x, 1u << enable);
		slow_path(b, x64_jcc(&b->x, CC_E));
	}
	call_light(b, LIGHT_TIME);
	reg_done(b, i->t, RAX);
	return true;
}
/* A constant, if at EL0 a bit (8 to 15) of SCTLR_EL1 is set. */
static bool read_constant(struct block *b, const struct insn *i, u64 value, unsigned enable)
{
	if (!(b->mode & MODE_EL1)) {
		x64_rm(&b->x, false, OP(0xf6), 0, mem_at(RBP, (s32)offsetof(struct cpu, sys.sctlr) + 1 - BIAS));
		x64_u8(&b->x, 1u << (enable - 8));
		slow_path(b, x64_jcc(&b->x, CC_E));
		b->flags = FLAGS_SAVED;
	}
	x64_mov_imm(&b->x, RAX, value);
	reg_done(b, i->t, RAX);
	return true;
}
EMIT(MRS)
{
	bool el1 = b->mode & MODE_EL1;
	const struct sysreg *reg;

	switch (i->i) {
	case SYSREG(3, 0, 4, 1, 0): /* SP_EL0 */
		return el1 && (b->mode & MODE_SPSEL) && read_mem(b, i, true, CPU_MEM(sys.sp_el0));
	case SYSREG(3, 3, 4, 2, 0): return read_nzcv(b, i);
	case SYSREG(3, 3, 4, 2, 1): /* DAIF */
		if (!el1)
			return false;
		x64_load_extend(&b->x, false, false, 1, RAX, CPU_MEM(daif));
		x64_shift_imm(&b->x, false, SHIFT_SHL, RAX, 6);
		reg_done(b, i->t, RAX);
		b->flags = FLAGS_SAVED;
		return true;
	case SYSREG(3, 3, 0, 0, 1): return read_constant(b, i, b->cpu->cpus->ids.ctr, 15); /* CTR_EL0: SCTLR_EL1.UCT */
	case SYSREG(3, 3, 0, 0, 7): return read_constant(b, i, b->cpu->cpus->ids.dczid, 14); /* DCZID_EL0: DZE, without which it reads otherwise */
	case SYSREG(3, 3, 4, 4, 0): return (b->mode & MODE_FP) && read_mem(b, i, false, CPU_MEM(fpcr));
	case SYSREG(3, 3, 4, 4, 1): return read_fpsr(b, i);
	case SYSREG(3, 3, 14, 0, 1): return read_count(b, i, 0); /* CNTPCT_EL0, CNTVCT_EL0, and the self-synchronised ones */
	case SYSREG(3, 3, 14, 0, 2): return read_count(b, i, 1);
	case SYSREG(3, 3, 14, 0, 5): return b->cpu->cpus->ids.ecv && read_count(b, i, 0);
	case SYSREG(3, 3, 14, 0, 6): return b->cpu->cpus->ids.ecv && read_count(b, i, 1);
	default: break;
	}
	reg = plain(b, i->i, true);
	if (!reg)
		return false;
	if (reg->field != SYSREG_NO_FIELD)
		return read_mem(b, i, true, field_mem(reg));
	x64_mov_imm(&b->x, RAX, reg->reset);
	reg_done(b, i->t, RAX);
	return true;
}
EMIT(MSR)
{
	bool el1 = b->mode & MODE_EL1;
	struct x64 *x = &b->x;
	const struct sysreg *reg;

	switch (i->i) {
	case SYSREG(3, 0, 4, 1, 0):
		if (!el1 || !(b->mode & MODE_SPSEL))
			return false;
		x64_store(x, true, CPU_MEM(sys.sp_el0), reg_read(b, i->t, RAX));
		return true;
	case SYSREG(3, 3, 4, 2, 0): return write_nzcv(b, i);
	case SYSREG(3, 3, 4, 4, 0): return write_fpcr(b, i);
	case SYSREG(3, 3, 4, 4, 1): return write_fpsr(b, i);
	case SYSREG(3, 3, 4, 2, 1):
		if (!el1)
			return false;
		check_quiet(b);
		reg_copy(b, false, RAX, i->t);
		x64_shift_imm(x, false, SHIFT_SHR, RAX, 6);
		x64_alu_imm(x, false, ALU_AND, RAX, 15);
		x64_store_sized(x, 1, CPU_MEM(daif), RAX);
		return true;
	default: break;
	}
	reg = plain(b, i->i, false);
	if (!reg)
		return false;
	if (reg->field == SYSREG_NO_FIELD || !reg->rw)
		return true;
	reg_copy(b, true, RAX, i->t);
	if (reg->rw != ~0ull) { /* the other bits stay */
		x64_mov_imm(x, RCX, reg->rw);
		x64_load(x, true, RDX, field_mem(reg));
		x64_alu(x, true, ALU_XOR, RAX, RDX);
		x64_alu(x, true, ALU_AND, RAX, RCX);
		x64_alu(x, true, ALU_XOR, RAX, RDX);
	}
	x64_store(x, true, field_mem(reg), RAX);
	b->flags = FLAGS_SAVED;
	return true;
}

/* DC ZVA: 64 bytes of zeroes. */
EMIT(SYS)
{
	struct x64 *x = &b->x;
	struct mem m;

	if (i->i != SYSREG(1, 3, 7, 4, 1))
		return false;
	if (!(b->mode & MODE_EL1)) { /* SCTLR_EL1.DZE */
		x64_rm(x, false, OP(0xf6), 0, mem_at(RBP, (s32)offsetof(struct cpu, sys.sctlr) + 1 - BIAS));
		x64_u8(x, 0x40);
		slow_path(b, x64_jcc(x, CC_E));
	}
	reg_copy(b, true, RAX, i->t);
	x64_alu_imm(x, true, ALU_AND, RAX, -64);
	m = memory_check(b, RAX, 64, MEMORY_WRITE);
	v_zero(b, 0);
	for (unsigned k = 0; k < 64; k += 16) {
		m.disp = (s32)k;
		x64_movdqu_store(x, m, 0);
	}
	return true;
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
	{ROW_DSB, 0, emit_DSB},
	{ROW_ISB, 0, emit_ISB},
	{ROW_MSR_DAIFSet, 0, emit_MSR_DAIFSet},
	{ROW_MSR_DAIFClr, 0, emit_MSR_DAIFClr},
	{ROW_MRS, 0, emit_MRS},
	{ROW_MSR, 0, emit_MSR},
	{ROW_SYS, 0, emit_SYS},
	{ROW_NONE, 0, NULL},
};
