/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the instruction functions share: register writes, conditions, flags, branches. Private to cpu/; every function
 * here is on the hot path.
 */
#ifndef CPU_EXEC_H
#define CPU_EXEC_H

#include "cpu/decode.h"
#include "cpu/state.h"

#define always_inline inline __attribute__((always_inline))

#define NZCV_N 0x80000000u
#define NZCV_Z 0x40000000u
#define NZCV_C 0x20000000u
#define NZCV_V 0x10000000u

/* For a register that was mapped as a source: 31 (XZR) is dropped. */
static always_inline void reg_write(struct cpu *cpu, unsigned slot, u64 v)
{
	cpu->x[slot == SLOT_ZR ? SLOT_DUMP : slot] = v;
}

/* Bit f of entry c: whether condition c holds when NZCV is f. Conditions 14 and 15 always hold. */
extern const u16 cond_table[16];

static always_inline bool cond_holds(const struct cpu *cpu, unsigned cond)
{
	return cond_table[cond] >> (cpu->nzcv >> 28) & 1;
}

/* NZCV from what `lahf; seto %al` leaves in ax: S Z . . . . . C in bits 15..8, O in bit 0. An addition sets C where
 * x86 does, a subtraction where it does not. */
static always_inline u32 nzcv_of_ax(u32 ax, bool subtraction)
{
	return (ax & 0xc000) << 16 | ((ax ^ (subtraction ? 0x100u : 0)) & 0x100) << 21 | (ax & 1) << 28;
}

#ifdef __x86_64__
#define HOST_FLAGS(op, suffix, a, b, subtraction)                                                                      \
	({                                                                                                             \
		__typeof__(a) r_ = (a);                                                                                \
		u32 ax_;                                                                                               \
		__asm__(op suffix " %2, %0\n\tlahf\n\tseto %%al" : "+&r"(r_), "=&a"(ax_) : "r"(b) : "cc");             \
		cpu->nzcv = nzcv_of_ax(ax_, subtraction);                                                              \
		r_;                                                                                                    \
	})
#endif

/* a + b + carry and its flags; subtraction: b inverted, carry 1. With a constant carry the host's flags serve: on a
 * loop of SUBS a quarter faster than computing all four. */
static always_inline u64 add_flags64(struct cpu *cpu, u64 a, u64 b, u64 carry)
{
	u64 r, c, v;

#ifdef __x86_64__
	if (__builtin_constant_p(carry) && carry == 0)
		return HOST_FLAGS("add", "q", a, b, false);
	if (__builtin_constant_p(carry) && carry == 1)
		return HOST_FLAGS("sub", "q", a, ~b, true);
#endif
	r = a + b + carry;
	c = ((a & b) | ((a | b) & ~r)) >> 63;
	v = ((a ^ r) & (b ^ r)) >> 63;
	cpu->nzcv = (u32)(r >> 63) << 31 | (u32)(r == 0) << 30 | (u32)c << 29 | (u32)v << 28;
	return r;
}

static always_inline u64 add_flags32(struct cpu *cpu, u32 a, u32 b, u32 carry)
{
	u32 r, c, v;

#ifdef __x86_64__
	if (__builtin_constant_p(carry) && carry == 0)
		return HOST_FLAGS("add", "l", a, b, false);
	if (__builtin_constant_p(carry) && carry == 1)
		return HOST_FLAGS("sub", "l", a, ~b, true);
#endif
	r = a + b + carry;
	c = ((a & b) | ((a | b) & ~r)) >> 31;
	v = ((a ^ r) & (b ^ r)) >> 31;
	cpu->nzcv = (r & NZCV_N) | (u32)(r == 0) << 30 | c << 29 | v << 28;
	return r;
}

static always_inline u64 logic_flags64(struct cpu *cpu, u64 r)
{
	cpu->nzcv = (u32)(r >> 63) << 31 | (u32)(r == 0) << 30;
	return r;
}

static always_inline u64 logic_flags32(struct cpu *cpu, u32 r)
{
	cpu->nzcv = (r & NZCV_N) | (u32)(r == 0) << 30;
	return r;
}

static always_inline u64 ror64(u64 v, unsigned n)
{
	return v >> (n & 63) | v << (-n & 63);
}

static always_inline u32 ror32(u32 v, unsigned n)
{
	return v >> (n & 31) | v << (-n & 31);
}

/* The immediate of AND, ORR, EOR, ANDS; false: reserved. [DDI0487 DecodeBitMasks] */
bool logical_immediate(bool is64, unsigned n, unsigned immr, unsigned imms, u64 *value);

/* --- control flow --- */

/* Bits 48..12 of the address, the generation above them, the EL below. Addresses have 48 bits and a sign; others never
 * match (they fault). */
#define ITLB_VA 0x0001fffffffff000ull
#define ITLB_GENERATION (1ull << 49)

static always_inline u64 itlb_tag(const struct cpu *cpu, u64 va)
{
	return cpu->itlb_generation[cpu->el] | (va & ITLB_VA) | cpu->el;
}

/* A branch that changes nothing but the PC. */
static always_inline void branch_to(struct cpu *cpu, u64 va)
{
	if (likely(va - cpu->code_va < 4096 && !(va & 3)))
		cpu->ip = &cpu->code->insn[(va - cpu->code_va) >> 2];
	else
		cpu_jump(cpu, va);
}

/* Makes the next record one that looks `va` up. */
void code_set_pc(struct cpu *cpu, u64 va);
/* Adapts a fresh record to its place in a page: branches that stay inside the page. branch.c */
void branch_localize(struct insn *insn, unsigned index);

/* Words that stand for no instruction. */
void exec_fetch(struct cpu *cpu, const struct insn *insn);
void exec_next_page(struct cpu *cpu, const struct insn *insn);
void exec_decode(struct cpu *cpu, const struct insn *insn);

#endif
