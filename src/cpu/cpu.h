/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The door of cpu/: a set of A64 vCPUs at EL0 and EL1, run by threads or, under instruction time, one after another on
 * one thread with fixed quanta (design D8, D9). Nothing outside cpu/ and jit/ sees struct cpu's inside.
 */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include "base/error.h"
#include "base/line.h"
#include "base/loop.h"
#include "base/types.h"
#include "mem/mem.h"

struct cpu;
struct cpus;

#define CPUS_MAX 16

/* Timer interrupts, as GIC PPI INTIDs. [BSA] */
enum { PPI_PMU = 23, PPI_CNTV = 27, PPI_CNTP = 30 };

/* Another way to run guest code than the interpreter: the translator. */
struct cpu_engine {
	const char *name;
	void *(*create)(struct cpus *cpus, struct error *err); /* after the vCPUs; NULL: failed */
	void (*destroy)(void *engine, struct cpus *cpus);
	void (*run)(struct cpu *cpu); /* runs until cpu->left is 0 or less; under instruction time exactly as the interpreter would */
};

struct cpus_config {
	unsigned count;           /* 1..CPUS_MAX */
	const char *model;        /* -cpu: "max", "cortex-a57" ... */
	struct loop *loop;
	struct space *space;
	/* Called for what the guest asks by PSCI and EFI stubs; from the vCPU's thread, without the machine lock. */
	void (*system_off)(void *opaque);
	void (*system_reset)(void *opaque);
	/* A core goes off, or starts anew by itself: its interface to the GIC goes with it. From its thread, under the machine lock;
	 * NULL: there is none. */
	void (*core_reset)(void *opaque, unsigned index);
	/* HVC with a non-zero immediate or a vendor function ID: EFI runtime service stubs. x0..x7 in and out; `cpu` for
	 * access_copy_in/out through cpu_guest_read/_write. True if handled. */
	bool (*hypercall)(void *opaque, struct cpu *cpu, u16 imm, u64 x[8]);
	/* HLT #0xf000: a semihosting call, from the vCPU's thread, without the machine lock; the result is x0's. NULL: HLT is UNDEFINED, as it
	 * is at EL0 without semihost_el0. */
	u64 (*semihost)(void *opaque, struct cpu *cpu, u32 operation, u64 parameter);
	bool semihost_el0;
	/* An instruction is about to take an external abort because of poison at `pa`. From the vCPU's thread, under the machine
	 * lock; NULL: nobody wants to know. */
	void (*poison_consumed)(void *opaque, u64 pa);
	void *opaque;
	u64 quantum_insns;        /* instruction time: instructions per turn */
	u32 icount_shift;         /* an instruction takes 1 << icount_shift ns */
	const struct cpu_engine *engine; /* NULL: the interpreter */
	u64 engine_cache;         /* bytes for translated code; 0: the engine's default */
	u32 engine_switches;      /* what is not as the engine would have it: jit.h */
	/* For tests: level 1 of the TLB has four entries in all; a chunk is 64 instructions. */
	bool stress_tlb, stress_poll;
	/* -d state: from this instruction on, every `state_chunk` instructions and with all registers; 0: at the end of turns. */
	u64 state_from, state_chunk;
};

struct cpus *cpus_create(const struct cpus_config *config, struct error *err);
/* The threads' end: none is in a device, or waits for the machine lock, any more. Without that lock. */
void cpus_end(struct cpus *cpus);
void cpus_destroy(struct cpus *cpus);
unsigned cpus_count(const struct cpus *cpus);
/* Names that -cpu takes, NULL-terminated, with MIDRs in features.c. */
const char *const *cpus_models(void);
/* Physical address bits of the model, for the memory-map check. */
unsigned cpus_pa_bits(const struct cpus *cpus);
u32 cpus_midr(const struct cpus *cpus);
u64 cpus_mpidr(unsigned index); /* Aff0 = index % 16, Aff1 = index / 16 */

/* Machine reset: vCPU 0 at `entry` with x0 = `x0`, EL1, MMU off; the others powered off. All stopped. */
void cpus_reset(struct cpus *cpus, u64 entry, u64 x0);
/* The guest has asked for the end or a reset of the machine: no vCPU runs another instruction until cpus_reset. Any thread. */
void cpus_park(struct cpus *cpus);
/* Threads start, stop (all out of guest code when it returns; callable from a vCPU thread via loop_defer only), end. */
bool cpus_start(struct cpus *cpus, struct error *err);
u32 cpus_thread_id(struct cpus *cpus, unsigned index); /* of the host, for monitors; 0: not running yet */
void cpus_pause(struct cpus *cpus);
void cpus_resume(struct cpus *cpus);

/* Runs one vCPU for `budget` instructions, or less if it waits or is stopped; returns those retired, which, outside instruction time, may be up
 * to a page of code more. Resumable; both engines. */
u64 cpu_run(struct cpu *cpu, u64 budget);
struct cpu *cpus_get(struct cpus *cpus, unsigned index);

/* Inputs of vCPU `index`, driven by the GIC: any thread. */
void cpus_set_irq(struct cpus *cpus, unsigned index, bool level);
void cpus_set_fiq(struct cpus *cpus, unsigned index, bool level);
/* Ends a CPU_SUSPEND to power down, as IRQ and FIQ do: the WakeRequest of a redistributor that sleeps. Any thread. */
void cpus_set_wake(struct cpus *cpus, unsigned index, bool level);
/* Where the vCPU's timer and PMU outputs go; before start. */
void cpus_connect_ppi(struct cpus *cpus, unsigned index, unsigned ppi, struct line line);
/* SError (asynchronous external abort). */
void cpus_serror(struct cpus *cpus, unsigned index);

/* Guest virtual memory by the vCPU's current stage 1, for hypercalls and debuggers; false on a fault. */
bool cpu_guest_read(struct cpu *cpu, u64 va, void *to, u64 size);
bool cpu_guest_write(struct cpu *cpu, u64 va, const void *from, u64 size);

/* still_ops for space_set_still; the opaque is the struct cpus. */
extern const struct still_ops cpus_still;

/* --- debugger.c: for a debugger outside. Machine lock held, every vCPU paused; `stopped` comes from a vCPU's thread --- */
#define DEBUGGER_BREAKS_MAX 64
#define DEBUGGER_WATCHES_MAX 16
enum debug_why { DEBUG_BREAK, DEBUG_WATCH, DEBUG_STEP };
struct debug_stop { unsigned cpu; enum debug_why why; u64 va; bool read, write; }; /* read, write: what the watchpoint is for */
/* NULL: no debugger any more. What an earlier one has set is forgotten. */
void cpus_debug_attach(struct cpus *cpus, void (*stopped)(void *opaque, const struct debug_stop *what), void *opaque);
/* By virtual address; `memory`: may be a word in guest memory as `by` sees it. False: too many, or there is none. */
bool cpus_debug_breakpoint(struct cpus *cpus, struct cpu *by, u64 va, bool memory, bool add);
bool cpus_debug_watchpoint(struct cpus *cpus, u64 va, u64 size, bool read, bool write, bool add);
/* What a vCPU does once the machine goes on. Without a plan for any all run. */
enum debug_plan { DEBUG_RUN, DEBUG_ONE, DEBUG_HOLD };
void cpus_debug_plan(struct cpus *cpus, unsigned index, enum debug_plan plan);
bool cpus_debug_is_off(struct cpus *cpus, unsigned index); /* by PSCI */
bool cpu_debug_translate(struct cpu *cpu, u64 va, u64 *pa); /* as EL1 would */
/* RAM only; no device is disturbed. */
bool cpu_debug_read(struct cpu *cpu, u64 va, void *to, u64 size, bool physical);
bool cpu_debug_write(struct cpu *cpu, u64 va, const void *from, u64 size, bool physical);
enum debug_reg { DEBUG_X0 = 0, DEBUG_SP = 31, DEBUG_PC, DEBUG_PSTATE, DEBUG_FPSR, DEBUG_FPCR };
u64 cpu_debug_get(struct cpu *cpu, enum debug_reg reg);
void cpu_debug_set(struct cpu *cpu, enum debug_reg reg, u64 value);
u128 *cpu_debug_vector(struct cpu *cpu, unsigned n);
const char *cpus_debug_sysreg(struct cpus *cpus, unsigned n); /* names of those that hold state; NULL after the last */
u64 cpu_debug_sysreg_get(struct cpu *cpu, unsigned n);
size_t cpu_debug_disasm(u32 word, u64 pc, char *text, size_t size);

/* For -d, gdb and reports: register values of a stopped vCPU or of the caller's own. */
u64 cpu_reg(const struct cpu *cpu, unsigned n); /* 0..30, 31 = SP */
u64 cpu_pc(const struct cpu *cpu);
u64 cpus_total_instructions(struct cpus *cpus);

#endif
