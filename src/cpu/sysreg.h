/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System registers as table rows (docs/tables.md). cpu/sysreg.def holds the CPU's own; irq/ adds the GIC CPU
 * interface's with sysreg_add. Keys are op0:op1:CRn:CRm:op2 as they stand in bits 20..5 of MRS and MSR.
 */
#ifndef CPU_SYSREG_H
#define CPU_SYSREG_H

#include "base/types.h"

struct cpu;
struct cpus;

#define SYSREG(op0, op1, crn, crm, op2)                                                                                \
	((u32)(op0) << 14 | (u32)(op1) << 11 | (u32)(crn) << 7 | (u32)(crm) << 3 | (u32)(op2))

/* Lowest exception level that may access; SYSREG_NEVER: the access is UNDEFINED. */
enum { SYSREG_EL0 = 0, SYSREG_EL1 = 1, SYSREG_NEVER = 2 };

struct sysreg {
	u32 key;
	const char *name;
	u8 read_el, write_el;
	u32 field;  /* offset of a u64 in struct cpu, or SYSREG_NO_FIELD */
	u64 reset;
	u64 rw;     /* bits that a write changes; others keep their value */
	/* Hooks replace the plain access. `opaque` is what sysreg_add was given. A hook that raises an exception returns false. */
	bool (*read)(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 *value);
	bool (*write)(struct cpu *cpu, const struct sysreg *reg, void *opaque, u64 value);
	u8 lockless; /* hooks that need no machine lock: all of cpu/; rows added from outside are called under it */
};
#define SYSREG_NO_FIELD 0xffffffffu

/* Adds rows for every vCPU; before any runs. `opaque_of(owner, cpu_index)` gives each vCPU's opaque, once, now. */
void sysreg_add(struct cpus *cpus, const struct sysreg *rows, unsigned count,
		void *(*opaque_of)(void *owner, unsigned cpu_index), void *owner);

#endif
