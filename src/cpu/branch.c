/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branches. [DDI0487 C6.2]
 *
 * Direct branches keep their signed offset in i, in instructions. Once a record has its place in a page,
 * branch_localize turns those that stay inside the page into the _near form: an addition to `ip`.
 */
#include "cpu/exec.h"

#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define VARIANT(name) static void exec_##name(struct cpu *cpu, const struct insn *insn)
#define T cpu->x[insn->t]

static always_inline void go_near(struct cpu *cpu, const struct insn *insn)
{
	cpu->ip = (struct insn *)insn + (s32)insn->i;
}

static always_inline void go_far(struct cpu *cpu, const struct insn *insn)
{
	cpu_jump(cpu, cpu_pc_of(cpu, insn) + (u64)(s64)(s32)insn->i * 4);
}

/* `taken` decides; `extra` is done first. */
#define DIRECT(name, extra, taken)                                                                                     \
	EXEC(name)                                                                                                     \
	{                                                                                                              \
		extra;                                                                                                 \
		if (taken)                                                                                             \
			go_far(cpu, insn);                                                                             \
	}                                                                                                              \
	VARIANT(name##_near)                                                                                           \
	{                                                                                                              \
		extra;                                                                                                 \
		if (taken)                                                                                             \
			go_near(cpu, insn);                                                                            \
	}
#define STATIC_DIRECT(name, taken)                                                                                     \
	VARIANT(name)                                                                                                  \
	{                                                                                                              \
		if (taken)                                                                                             \
			go_far(cpu, insn);                                                                             \
	}                                                                                                              \
	VARIANT(name##_near)                                                                                           \
	{                                                                                                              \
		if (taken)                                                                                             \
			go_near(cpu, insn);                                                                            \
	}
DIRECT(B, , true)
DIRECT(BL, cpu->x[30] = cpu_pc_of(cpu, insn) + 4, true)
DIRECT(B_cond, , cond_holds(cpu, insn->c))
STATIC_DIRECT(B_eq, cpu->nzcv &NZCV_Z)
STATIC_DIRECT(B_ne, !(cpu->nzcv & NZCV_Z))
DIRECT(CBZ, , !T)
DIRECT(CBNZ, , T)
STATIC_DIRECT(CBZ_w, !(u32)T)
STATIC_DIRECT(CBNZ_w, (u32)T)
DIRECT(TBZ, , !(T >> insn->h & 1))
DIRECT(TBNZ, , T >> insn->h & 1)

static const struct {
	void (*far)(struct cpu *cpu, const struct insn *insn), (*near)(struct cpu *cpu, const struct insn *insn);
} pairs[] = {
	{exec_B, exec_B_near},         {exec_BL, exec_BL_near},       {exec_B_cond, exec_B_cond_near},
	{exec_B_eq, exec_B_eq_near},   {exec_B_ne, exec_B_ne_near},   {exec_CBZ, exec_CBZ_near},
	{exec_CBNZ, exec_CBNZ_near},   {exec_CBZ_w, exec_CBZ_w_near}, {exec_CBNZ_w, exec_CBNZ_w_near},
	{exec_TBZ, exec_TBZ_near},     {exec_TBNZ, exec_TBNZ_near},
};

void branch_localize(struct insn *insn, unsigned index)
{
	s64 target = (s64)index + (s32)insn->i;

	for (unsigned k = 0; k < ARRAY_SIZE(pairs); k++)
		if (insn->exec == pairs[k].far && target >= 0 && target < CODE_PAGE_INSNS)
			insn->exec = pairs[k].near;
}

static bool offset(struct insn *insn, unsigned width)
{
	insn->i = (u32)sign_extend(insn->i, width);
	return true;
}
bool prep_B(struct insn *insn)
{
	return offset(insn, 26);
}
bool prep_BL(struct insn *insn)
{
	return offset(insn, 26);
}
bool prep_B_cond(struct insn *insn)
{
	if (insn->c <= 1)
		insn->exec = insn->c ? exec_B_ne : exec_B_eq;
	return offset(insn, 19);
}
bool prep_CBZ(struct insn *insn)
{
	if (!insn->z)
		insn->exec = exec_CBZ_w;
	return offset(insn, 19);
}
bool prep_CBNZ(struct insn *insn)
{
	if (!insn->z)
		insn->exec = exec_CBNZ_w;
	return offset(insn, 19);
}
bool prep_TBZ(struct insn *insn)
{
	return offset(insn, 14);
}
bool prep_TBNZ(struct insn *insn)
{
	return offset(insn, 14);
}

EXEC(BR)
{
	branch_to(cpu, cpu->x[insn->n]);
}
EXEC(RET)
{
	branch_to(cpu, cpu->x[insn->n]);
}
EXEC(BLR)
{
	u64 target = cpu->x[insn->n];

	cpu->x[30] = cpu_pc_of(cpu, insn) + 4;
	branch_to(cpu, target);
}
EXEC(ERET)
{
	if (cpu->el == 0)
		cpu_undefined(cpu);
	else
		cpu_eret(cpu);
}
