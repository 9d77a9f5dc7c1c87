/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory copy and set. [DDI0487 FEAT_MOPS: CPYP, CPYM, CPYE, CPYFP ..., SETP, SETM, SETE]
 *
 * Option A (NZCV.C = 0) is implemented. After the prologue of a forward operation the address registers hold the
 * ends of the buffers and Xn holds minus the bytes left; of a backward copy they hold the starts and Xn the bytes
 * left. The prologue does no copying; the main instruction does all of it, piece by piece: each piece lies in one
 * page of source and one of destination, Xn is brought up to date after it, and the instruction is executed again
 * until nothing is left. So it can be interrupted between pieces, and a fault finds Xn as it must be. The epilogue
 * does what is left in the same way.
 *
 * Choices: equal registers, or 31 where the syntax has no XZR: UNDEFINED. Copies that do not overlap go forward.
 * Devices are accessed by bytes.
 */
#include "cpu/access.h"
#include "cpu/exec.h"
#include "cpu/vcpu.h"

#define EXEC(name) void exec_##name(struct cpu *cpu, const struct insn *insn)
#define PREP(name) bool prep_##name(struct insn *insn)

enum { OPTION_WRITE_EL0 = 1, OPTION_READ_EL0 = 2 };
#define SLOW_BYTES 64 /* per execution, where no host pointer is to be had */

static bool mops_enabled(struct cpu *cpu)
{
	if (cpu->el || bit(cpu->sys.sctlr, 33)) /* MSCEn */
		return true;
	cpu_undefined(cpu);
	return false;
}

/* Memory Copy or Memory Set exception: the registers or the flags are not as the prologue left them. */
static void mops_raise(struct cpu *cpu, const struct insn *insn, bool is_set, bool epilogue, bool wrong_option)
{
	u32 w = insn->word;
	u32 iss = (u32)is_set << 24 | (is_set ? (w >> 12 & 3) : (w >> 12 & 15)) << 19 | (u32)epilogue << 18 |
		  (u32)wrong_option << 17 | 1u << 16 | (w & 31) << 10 | (w >> 16 & 31) << 5 | (w >> 5 & 31);

	cpu_raise(cpu, EC_MOPS, iss);
}

/* Host bytes at va for at most `want` bytes inside the page; *want is cut. NULL: not direct, or *taken. */
static u8 *piece(struct cpu *cpu, u64 va, u64 *want, bool el0, bool write, bool backward, bool *taken)
{
	struct tlb_bank *bank = el0 ? cpu->bank_el0 : cpu->bank;
	u64 in_page = backward ? (va & 4095) + 1 : 4096 - (va & 4095);
	u8 *host;

	*taken = false;
	*want = MIN(*want, in_page);
	/* Any one byte of the page stands for it. */
	host = tlb_hit(write ? bank->write : bank->read, va, 1);
	if (!host)
		host = access_host(cpu, va, 1, ACCESS_PAGE | (write ? ACCESS_WRITE : 0) | (el0 ? ACCESS_EL0 : 0), taken);
	return host;
}

/* Executes the same instruction once more. (After a slow access `ip` may stand in another page of records.) */
static void again(struct cpu *cpu, const struct insn *insn)
{
	if (cpu->ip == insn + 1)
		cpu->ip = (struct insn *)insn;
	else
		code_set_pc(cpu, cpu_pc_of(cpu, cpu->ip) - 4);
}

static bool is_el0(const struct cpu *cpu, const struct insn *insn, unsigned option)
{
	return (insn->o & option) && cpu->el && !cpu->uao;
}

/* One piece of a copy; true if the instruction went well (then Xn is brought up to date). */
static bool copy_piece(struct cpu *cpu, const struct insn *insn)
{
	s64 n = (s64)cpu->x[insn->n];
	bool read_el0 = is_el0(cpu, insn, OPTION_READ_EL0), write_el0 = is_el0(cpu, insn, OPTION_WRITE_EL0);
	bool backward = n > 0;
	/* The next byte: the first of what is left, or the last. */
	u64 at = backward ? (u64)n - 1 : (u64)n, left = backward ? (u64)n : -(u64)n;
	u64 from = cpu->x[insn->s] + at, to = cpu->x[insn->d] + at;
	bool taken;
	u8 *source, *target;

	source = piece(cpu, from, &left, read_el0, false, backward, &taken);
	if (taken)
		return false;
	target = piece(cpu, to, &left, write_el0, true, backward, &taken);
	if (taken)
		return false;
	/* The second look may have let the map change under the first pointer only if it went to a device: it did
	 * not. */
	if (source && target) {
		if (backward)
			memmove(target - (left - 1), source - (left - 1), left);
		else
			memmove(target, source, left);
		cpu->x[insn->n] = (u64)(backward ? n - (s64)left : n + (s64)left);
		return true;
	}
	left = MIN(left, SLOW_BYTES);
	for (u64 k = 0; k < left; k++) {
		u64 step = backward ? -k : k, value;

		if (!access_read_slow(cpu, from + step, 1, read_el0 ? ACCESS_EL0 : 0, &value) ||
		    !access_write_slow(cpu, to + step, 1, ACCESS_WRITE | (write_el0 ? ACCESS_EL0 : 0), value))
			return false;
		cpu->x[insn->n] += backward ? -1ull : 1;
	}
	return true;
}

static bool set_piece(struct cpu *cpu, const struct insn *insn)
{
	bool el0 = is_el0(cpu, insn, OPTION_WRITE_EL0), taken;
	u64 n = cpu->x[insn->n], left = -n, to = cpu->x[insn->d] + n;
	u8 value = (u8)cpu->x[insn->s];
	u8 *target = piece(cpu, to, &left, el0, true, false, &taken);

	if (taken)
		return false;
	if (target) {
		memset(target, value, left);
		cpu->x[insn->n] = n + left;
		return true;
	}
	left = MIN(left, SLOW_BYTES);
	for (u64 k = 0; k < left; k++) {
		if (!access_write_slow(cpu, to + k, 1, ACCESS_WRITE | (el0 ? ACCESS_EL0 : 0), value))
			return false;
		cpu->x[insn->n]++;
	}
	return true;
}

static void copy_rest(struct cpu *cpu, const struct insn *insn, bool forward_only, bool epilogue)
{
	if (!mops_enabled(cpu))
		return;
	if (cpu->nzcv & NZCV_C) {
		mops_raise(cpu, insn, false, epilogue, true);
		return;
	}
	if (forward_only && (s64)cpu->x[insn->n] > 0) {
		mops_raise(cpu, insn, false, epilogue, false);
		return;
	}
	if (cpu->x[insn->n] && copy_piece(cpu, insn) && cpu->x[insn->n])
		again(cpu, insn);
}

static void set_rest(struct cpu *cpu, const struct insn *insn, bool epilogue)
{
	if (!mops_enabled(cpu))
		return;
	if ((cpu->nzcv & NZCV_C) || (s64)cpu->x[insn->n] > 0) {
		mops_raise(cpu, insn, true, epilogue, cpu->nzcv & NZCV_C);
		return;
	}
	if (cpu->x[insn->n] && set_piece(cpu, insn) && cpu->x[insn->n])
		again(cpu, insn);
}

/* Forward: addresses to the ends, the count negative. */
static void go_forward(struct cpu *cpu, const struct insn *insn, u64 n, bool has_source)
{
	cpu->x[insn->d] += n;
	if (has_source)
		cpu->x[insn->s] += n;
	cpu->x[insn->n] = -n;
	cpu->nzcv = 0;
}

EXEC(CPYFP)
{
	if (mops_enabled(cpu))
		go_forward(cpu, insn, MIN(cpu->x[insn->n], (u64)INT64_MAX), true);
}
EXEC(CPYP)
{
	u64 n = MIN(cpu->x[insn->n], 0x007fffffffffffffull);
	u64 from = cpu->x[insn->s] & MASK(55, 0), to = cpu->x[insn->d] & MASK(55, 0);

	if (!mops_enabled(cpu))
		return;
	if (from < to && ((from + n) & MASK(55, 0)) > to) {
		cpu->x[insn->n] = n;
		cpu->nzcv = 0;
		return;
	}
	go_forward(cpu, insn, n, true);
}
EXEC(SETP)
{
	if (mops_enabled(cpu))
		go_forward(cpu, insn, MIN(cpu->x[insn->n], (u64)INT64_MAX), false);
}
EXEC(CPYFM)
{
	copy_rest(cpu, insn, true, false);
}
EXEC(CPYFE)
{
	copy_rest(cpu, insn, true, true);
}
EXEC(CPYM)
{
	copy_rest(cpu, insn, false, false);
}
EXEC(CPYE)
{
	copy_rest(cpu, insn, false, true);
}
EXEC(SETM)
{
	set_rest(cpu, insn, false);
}
EXEC(SETE)
{
	set_rest(cpu, insn, true);
}

static bool registers_differ(const struct insn *insn, bool is_set)
{
	unsigned d = insn->word & 31, n = insn->word >> 5 & 31, s = insn->word >> 16 & 31;

	return d != n && d != s && n != s && d != 31 && n != 31 && (is_set || s != 31);
}
#define PREP_CPY(name)                                                                                                 \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		return registers_differ(insn, false);                                                                  \
	}
#define PREP_SET(name)                                                                                                 \
	PREP(name)                                                                                                     \
	{                                                                                                              \
		return registers_differ(insn, true);                                                                   \
	}
PREP_CPY(CPYFP)
PREP_CPY(CPYFM)
PREP_CPY(CPYFE)
PREP_CPY(CPYP)
PREP_CPY(CPYM)
PREP_CPY(CPYE)
PREP_SET(SETP)
PREP_SET(SETM)
PREP_SET(SETE)
