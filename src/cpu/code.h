/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoded code, shared by the vCPUs of a set: see code.c for the theory. Called by cpus.c (create, destroy), interp.c
 * and the translator.
 */
#ifndef CPU_CODE_H
#define CPU_CODE_H

#include "cpu/state.h"

/* One per set of vCPUs; every vCPU of the set has it in cpu->codes before it runs. NULL: no host memory. */
struct code_table *code_table_create(struct space *space, struct error *err);
void code_table_destroy(struct code_table *table);
/* Where in the table the latest invalidation is (u64), to be compared with cpu->code_epoch: if they differ, code_catch_up has something to do. */
extern const u32 code_epoch_offset;

/* Fills record `index` of a page that this vCPU holds; false: the page is retired, and may not be decoded any more. */
bool code_decode(struct cpu *cpu, struct code_page *page, unsigned index);
/* still.c: sets `poll` of every vCPU, because decoded code of an older epoch must not run on for long. */
void cpus_code_changed(struct cpus *cpus, u64 epoch);
/* cpus.c: does what other threads asked for by `poll` (and waits, if halted or stopped); false: cpu_run must return. */
bool cpu_service(struct cpu *cpu);
/* debug.c: the instruction under software step has completed. */
void debug_step_done(struct cpu *cpu);

/* The vCPU is (about to be) somewhere it does not run guest code, maybe for long: it lets go of decoded pages, so
 * that they can be freed, and looks `ip` up again afterwards. Own thread; may be called twice. */
void code_let_go(struct cpu *cpu);
/* Takes note of invalidations up to now: forgets the instruction TLB if there were any. Own thread. */
void code_catch_up(struct cpu *cpu);

#endif
