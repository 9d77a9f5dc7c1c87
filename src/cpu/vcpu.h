/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of cpu/ that do not execute instructions know of each other: the set of vCPUs, their threads and
 * mailboxes (cpus.c, still.c), translation (mmu.c, tlb*.c), exceptions, timers, PMU, debug, features.
 *
 * In and out. A vCPU is IN while it may use guest state that others take away by TLBI or by a change of the memory map
 * (TLB entries, host pointers, decoded pages), and OUT otherwise: asleep, paused, in a device or waiting for any lock.
 * cpu_in waits until nobody wants the world to stand still, then works off the mailbox; so nobody ever waits for a
 * vCPU that is OUT. The flags are stored and read with sequential consistency: whoever posts first and looks at `state`
 * second either sees IN (and waits) or is seen by cpu_in.
 */
#ifndef CPU_VCPU_H
#define CPU_VCPU_H

#include <pthread.h>

#include "base/line.h"
#include "cpu/access.h"
#include "cpu/cpu.h"
#include "cpu/state.h"
#include "cpu/sysreg.h"

/* --- TLB maintenance, own or by mail: tlb_invalidate.c --- */
/* TLBI_WRITERS: level-1 write entries of pages with bit `va` in the monitor's maps. */
enum tlbi_kind { TLBI_ALL, TLBI_ASID, TLBI_VA, TLBI_VA_ALL_ASID, TLBI_WRITERS };
struct tlbi {
	u8 kind;
	u16 asid;
	u64 va, last; /* canonical, page-aligned: first byte and last byte of the range */
};

#define MAIL_MAX 64
enum { CPU_OUT, CPU_IN };

struct cpu_thread {
	pthread_t thread;
	bool started;
	u32 id; /* the host's number of the thread, 0: not running yet; atomic */
	u32 state;   /* CPU_IN, CPU_OUT; atomic */
	u32 asleep;  /* waits on wake_seq; atomic */
	u32 wake_seq;
	bool looks;  /* for a while, before it waits: the last wait was short; own thread */
	u32 reset_pending;
	u64 reset_pc, reset_x0; /* atomic, as reset_on */
	bool reset_on;
	bool wfe;           /* WFE executed: give way for a moment; atomic */
	unsigned wfe_count; /* in a row */
	u32 seated;         /* has a seat; futex; changed under the seats' lock; atomic */
	u64 seated_ns;      /* since when */
	bool resume;        /* halted by a power-down: starts anew at resume_pc; own thread */
	u64 resume_pc, resume_x0;
	u32 wake_request;   /* cpus_set_wake; atomic */
	u32 on_pending;     /* CPU_ON given (1), being carried out (2); atomic */
	u64 on_pc, on_x0;
	pthread_mutex_t mail_lock;
	struct tlbi mail[MAIL_MAX];
	unsigned mail_count;
	bool mail_all;
	u64 mail_posted, mail_done; /* atomic */
	bool dsb_needed;
	u64 dsb_want[CPUS_MAX];
	/* of a debugger: debugger.c; atomic */
	u32 held, step;    /* runs nothing; runs one instruction */
	u32 set_pc, set_pstate;
	u64 new_pc, new_pstate;
	u64 code_want; /* code epoch that the next DSB waits for */
	struct region *persist[8]; /* regions with recorded lines, drained by DSB */
	unsigned persist_count;
};

struct cpu_model {
	const char *name;
	u64 midr;
	u8 pa_bits;
	bool granule_16k;
	u64 missing; /* bits per enum a64_feature */
	/* The most that each field may be; ~0: as we are. */
	u64 id_isar0, id_isar1, id_isar2, id_pfr0, id_pfr1, id_mmfr0, id_mmfr1, id_mmfr2, id_dfr0;
};

/* ID register values of the set, after the model's masks. */
struct cpu_ids {
	u64 midr, pfr0, pfr1, dfr0, isar0, isar1, isar2, mmfr0, mmfr1, mmfr2;
	u64 ctr, clidr, dczid;
	u8 pa_bits;
	bool granule_16k;
	bool pan, epan, uao, e0pd, hafdbs, hpds, lor, ecv, tlbi_os_range, csv2_2, mops;
	bool ssbs, ssbs_named; /* PSTATE.SSBS; MSR and MRS of it */
};

struct sysreg_slot {
	const struct sysreg *reg;
	void **opaque; /* per vCPU, or NULL */
};
#define SYSREG_SLOTS_MAX 1024

struct debugger {
	void (*stopped)(void *opaque, const struct debug_stop *what);
	void *opaque;
	struct debug_break { u64 va, pa; u32 original; bool memory, patched; } breaks[DEBUGGER_BREAKS_MAX];
	struct debug_watch { u64 va, size; bool read, write; } watches[DEBUGGER_WATCHES_MAX];
	unsigned break_count, watch_count;
	unsigned compared; /* breakpoints that are compared with every PC */
	bool planned;      /* cpus_debug_plan since the last resume */
	u32 stopping;      /* a vCPU has stopped, and the machine is about to; atomic */
};
#define DEBUGGER_BRK 0xc71 /* immediate of our BRK */

/* The global exclusive monitor: monitor.c. */
#define WATCH_BITS 65536u
#define MONITOR_GRANULE 64
static inline unsigned watch_bit(u64 host)
{
	return (unsigned)(host >> 12) & (WATCH_BITS - 1);
}
struct monitor {
	u64 watching[WATCH_BITS / 64], watched[WATCH_BITS / 64]; /* atomic */
	u32 lock;
	u64 epoch, watches, stores; /* times all was forgotten, and since then; by the lock */
};

/* Who may run when there are more vCPUs than processors: seats.c. */
struct seats {
	unsigned count, left; /* count 0: no limit */
	pthread_mutex_t lock;
	u32 waiting; /* entries of queue; atomic */
	u8 queue[CPUS_MAX];
};

struct cpus {
	struct cpus_config config;
	struct loop *loop;
	struct space *space;
	unsigned count;
	const struct cpu_model *model;
	struct cpu_ids ids;
	struct cpu *cpu[CPUS_MAX];
	struct cpu_thread thread[CPUS_MAX];
	struct line ppi[CPUS_MAX][32];
	struct code_table *codes;
	void *engine;       /* of config.engine */
	u64 code_epoch;     /* latest; atomic */
	u32 stop_count;     /* > 0: nobody goes IN; futex; atomic */
	u32 event, event_waiters; /* a vCPU went OUT or emptied its mailbox; futex; atomic */
	u32 paused, quit;
	u32 parked; /* the guest has asked for the machine's end or reset: nobody runs until cpus_reset; atomic */
	bool running;       /* threads exist */
	bool instruction_time;
	u32 turn_seq, turn_asleep; /* instruction time: the one thread's futex */
	struct monitor monitor;
	struct debugger debugger;
	pthread_mutex_t psci_lock;
	struct seats seats;
	struct sysreg_slot slots[SYSREG_SLOTS_MAX];
	unsigned slot_count;
	u16 sysreg_map[65536]; /* key -> slot + 1 */
	u64 random; /* instruction time: state of the TRNG's fixed sequence */
	void **opaques[16];
	unsigned opaque_count;
};

/* --- cpus.c --- */
void cpus_futex_wait(u32 *word, u32 value, u64 limit_ns); /* limit 0: none */
void cpus_futex_wake(u32 *word);
u64 cpus_host_ns(void);
/* True unless the current instruction must be given up because a reset is due (then cpu->left is 0 or less). */
bool cpu_in(struct cpu *cpu);
void cpu_out(struct cpu *cpu);
void cpu_wake(struct cpu *cpu);
void cpu_poke(struct cpu *cpu); /* sets poll */
void cpu_mail_post(struct cpu *from, const struct tlbi *tlbi);
bool cpu_mail_serve(struct cpu *cpu);
/* Waits until what was posted is served by all; false as cpu_in. */
bool cpu_mail_wait(struct cpu *cpu);
/* Sets the event register, and ends a WFE. Any thread. */
void cpu_event(struct cpu *cpu);
/* Own thread: this vCPU starts anew at pc. False: as cpu_in. */
bool cpu_warm_reset(struct cpu *cpu, u64 pc);
void cpu_wfi_now(struct cpu *cpu);
void cpu_power_down(struct cpu *cpu, u64 entry, u64 x0); /* suspends; an interrupt ends it with a start at `entry` */
void cpu_power_off(struct cpu *cpu);
void cpu_set_ppi(struct cpu *cpu, unsigned ppi, bool level); /* machine lock held */
/* The two around a call that takes the machine lock; nothing may be held. */
void cpu_lock_machine(struct cpu *cpu);
bool cpu_unlock_machine(struct cpu *cpu);
/* PSTATE.DAIF or an interrupt input changed: looks again soon. */
static inline bool cpu_interrupt_pending(const struct cpu *cpu)
{
	return __atomic_load_n(&cpu->irq_levels, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&cpu->serror_pending, __ATOMIC_SEQ_CST);
}

/* --- seats.c; own thread, OUT --- */
void seats_init(struct cpus *cpus); /* before the threads start; a count that is set already stays */
void seat_take(struct cpu *cpu);    /* waits for one */
void seat_give(struct cpu *cpu);
void seat_pass(struct cpu *cpu);    /* gives and takes: others have their turn */
/* Whether another waits and this one's time is over, or it has nothing better to do. IN or OUT. */
bool seat_is_due(struct cpu *cpu, bool idle);

/* --- exception.c --- */
/* Exception to EL1 with everything given. */
void cpu_enter(struct cpu *cpu, enum esr_class class, u32 iss, u64 elr, bool has_far, u64 far);
void cpu_daif_changed(struct cpu *cpu);
/* Own thread: an interrupt that can be taken is taken before the next instruction. */
void cpu_look_for_interrupts(struct cpu *cpu);

/* --- features.c --- */
const struct cpu_model *cpu_model_find(const char *name);
void cpu_ids_make(const struct cpu_model *model, struct cpu_ids *ids);

/* --- mmu.c --- */
enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };
/* May-bits of a translation, before PAN. */
enum { MAY_R0 = 1, MAY_W0 = 2, MAY_X0 = 4, MAY_R1 = 8, MAY_W1 = 16, MAY_X1 = 32 };
struct translation {
	u64 pa;        /* of the va asked for */
	u8 shift;      /* log2 of the size that one descriptor maps */
	u8 span;       /* log2 of the size that is mapped alike: of the contiguous set of descriptors, or shift */
	u8 may;
	u8 level;
	u8 attr;       /* MAIR byte */
	u8 share;      /* SH */
	bool device;
	bool global;
	bool clean;    /* write allowed by DBM but not yet marked dirty: MAY_W bits are those after marking */
	bool flat;     /* stage 1 off */
	u64 desc_pa;   /* of the leaf descriptor; where the walk ends with an external abort, of the one that it could not read */
	u64 desc;
};
/* Walks stage 1 for `va`. False: *fsc holds the fault status code (0x04..). `write`: will be written (dirty state). */
bool mmu_walk(struct cpu *cpu, u64 va, bool el0, enum mmu_access access, bool mark, struct translation *out, u32 *fsc);
/* Whether the access is allowed at `el` (0, 1) with PAN as given. */
bool mmu_allows(const struct cpu *cpu, const struct translation *t, enum mmu_access access, unsigned el, bool pan);
u16 mmu_asid(const struct cpu *cpu);
/* Sign-extends from bit 55, removing a tag. */
static inline u64 mmu_canonical(u64 va)
{
	return (u64)sign_extend(va, 56);
}
/* AT S1E<el><R|W>[P] -> PAR_EL1; false: exception taken. */
bool mmu_at(struct cpu *cpu, u64 va, unsigned el, bool write, bool pan);
enum {
	FSC_ADDRESS_SIZE = 0x00,
	FSC_TRANSLATION = 0x04,
	FSC_ACCESS_FLAG = 0x08,
	FSC_PERMISSION = 0x0c,
	FSC_EXTERNAL = 0x10,
	FSC_EXTERNAL_WALK = 0x14,
	FSC_ALIGNMENT = 0x21,
	FSC_DEBUG = 0x22,
	FSC_ATOMIC = 0x35,
};
enum { ISS_WNR = 1 << 6, ISS_CM = 1 << 8, ISS_FNV = 1 << 10 };
/* Data abort to EL1 for the current instruction. */
void mmu_data_abort(struct cpu *cpu, u64 va, u32 iss);

/* --- tlb.c, tlb_invalidate.c, tlb_fill.c --- */
bool tlb_create(struct cpu *cpu, struct error *err);
void tlb_destroy(struct cpu *cpu);
void tlb_apply(struct cpu *cpu, const struct tlbi *tlbi);
void tlb_flush_all(struct cpu *cpu);
void tlb_flush_direct(struct cpu *cpu);   /* level 1 only: watchpoints, SCTLR */
void tlb_asid_changed(struct cpu *cpu);   /* TTBR or TCR.A1 written */
void tlb_pan_set(struct cpu *cpu);        /* PAN 0 -> 1 */
struct tlb_bank *tlb_bank_of(struct cpu *cpu, unsigned el);
/* For an access at the current EL that missed level 1: whether it is there now. Raises nothing; waits for no vCPU and no lock, but makes the page ready. */
bool tlb_refill(struct cpu *cpu, u64 va, bool write);
/* Translation for cache maintenance and DC ZVA: by va with rights checked as a read (CM faults). */
bool tlb_translate(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, u32 iss, u64 *pa, bool *device);

/* --- atomic.c --- */
/* A store-exclusive of what the monitor is armed for, aligned. UNKNOWN: nothing was done, as the TLB does not have the page. */
enum exclusive_result { EXCLUSIVE_STORED, EXCLUSIVE_FAILED, EXCLUSIVE_UNKNOWN };
enum exclusive_result exclusive_store(struct cpu *cpu, u64 va, u64 low, u64 high);

/* --- monitor.c; with more than one vCPU. `host`: host address of guest RAM --- */
bool monitor_is_watching(const struct cpu *cpu, const void *host); /* no write entries for its page */
/* Around a store of ours, and before one of the caller's. */
void monitor_begin_write(struct cpu *cpu, const void *host, u64 size);
void monitor_unlock(struct cpu *cpu);
void monitor_written(struct cpu *cpu, const void *host, u64 size);
/* LDXR, before it loads. *again: it went OUT, translate anew. False: as cpu_in. */
bool monitor_reserve(struct cpu *cpu, const void *host, bool *again);
/* STXR: if true, compare, swap and end. `reserved`: only if what LDXR reserved still is. */
bool monitor_begin_store_exclusive(struct cpu *cpu, const void *host, bool reserved);
void monitor_end_store_exclusive(struct cpu *cpu, const void *host, unsigned size, bool stored);

/* --- debugger.c; own thread --- */
bool debugger_before(struct cpu *cpu); /* in stepping mode: stopped, true */
void debugger_after(struct cpu *cpu);
bool debugger_brk(struct cpu *cpu, u32 imm); /* a word of ours: stopped, true */
bool debugger_covers(const struct cpu *cpu, u64 va, u64 size, bool write);
bool debugger_watch(struct cpu *cpu, u64 va, unsigned size, bool write);
void debugger_apply(struct cpu *cpu);
void debugger_resume(struct cpus *cpus);
void debugger_machine_reset(struct cpus *cpus);

/* --- timer.c, pmu.c, debug.c --- */
bool timers_create(struct cpu *cpu, struct error *err);
void timers_destroy(struct cpu *cpu);
void timers_reset(struct cpu *cpu);
void timers_settle(struct cpu *cpu);
void pmu_reset(struct cpu *cpu);
void pmu_before_el(struct cpu *cpu);      /* the EL is about to change */
void pmu_poll(struct cpu *cpu);           /* at a chunk's end while counting */
bool pmu_is_counting(const struct cpu *cpu);
u64 pmu_until_overflow(const struct cpu *cpu); /* instructions to the next interrupt of a counter; UINT64_MAX: none */
void pmu_event(struct cpu *cpu, u16 event);
void debug_reset(struct cpu *cpu);
void debug_rederive(struct cpu *cpu);     /* from cpu_rederive and after debug registers change */
bool debug_covers_page(struct cpu *cpu, u64 va, bool write);
/* A watchpoint that matches: raises, true. */
bool debug_watch(struct cpu *cpu, u64 va, unsigned size, bool write, unsigned el, bool cm);
/* Before an instruction, in stepping mode: true if an exception was taken instead (breakpoint). */
bool debug_before(struct cpu *cpu);
bool debug_software_step_enabled(const struct cpu *cpu, unsigned el, bool d);
/* fp.c */
void fp_mode_changed(struct cpu *cpu);

/* Rows' hooks that live outside sysreg.c are declared by HOOK in sysreg.c. */
#endif
