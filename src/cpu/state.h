/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of one vCPU, private to cpu/ and jit/. Guest-visible state first, then what can be rebuilt from it.
 *
 * Registers. x[0..30] as named; x[SLOT_ZR] is always 0 (a source of XZR); x[SLOT_SP] is the current SP; x[SLOT_DUMP]
 * swallows writes to XZR. The decoder maps register numbers to slots, so instructions never test for 31.
 * A write to a W register stores the zero-extended value.
 *
 * PC. While guest code runs, `ip` is the decode record to execute next; pc = code_va + 4 * (record index). cpu_pc()
 * computes it; `pc` itself is valid only outside the dispatch loop.
 */
#ifndef CPU_STATE_H
#define CPU_STATE_H

#include "base/bits.h"
#include "base/loop.h"
#include "base/types.h"
#include "mem/mem.h"

struct cpu;
struct cpus;
struct code_page;
struct code_table;

enum { SLOT_ZR = 31, SLOT_SP = 32, SLOT_DUMP = 33, SLOT_COUNT = 34 };

/* One pre-decoded instruction, 32 bytes. The generic decoder fills a field from each letter of the row's pattern; the
 * meaning of a letter is the row's, but d n m a t u are always register numbers (general ones as slots). */
struct insn {
	void (*exec)(struct cpu *cpu, const struct insn *insn);
	u32 word; /* the instruction itself */
	u32 i;    /* letter i: immediate, up to 26 bits, raw; or what the row's prepare function made of it */
	u16 row;  /* index in a64.def */
	u8 d, n, m, a, t, u; /* register fields */
	u8 s, r, c, z, o, q, h, l; /* other fields, up to 8 bits each */
};
_Static_assert(sizeof(struct insn) == 32, "a record is half a cache line");

/* Soft TLB. One entry per 4 KiB page: host = addend + va on a hit. */
#define TLB_BITS 10
#define TLB_ENTRIES (1u << TLB_BITS)
#define TLB_LARGE_SHIFT 21
#define TLB_LARGE_ENTRIES 64u
#define TLB_WATCHED_ENTRIES 16u

struct tlb_entry {
	u64 tag;    /* va & ~0xfff, top byte as the access had it */
	u64 addend; /* host address - va */
};

/* The tag of an empty slot: a page that belongs into another slot, so that no address that comes here can match it. (No
 * constant would do: the compare takes any address up to a page above the tag.) */
static inline u64 tlb_empty(unsigned slot)
{
	return (u64)(slot ^ 1) << 12;
}
static inline u64 tlb_large_empty(unsigned slot)
{
	return (u64)(slot ^ 1) << TLB_LARGE_SHIFT;
}

/* A block of 2 MiB that tables and host memory both have as one. */
struct tlb_large {
	u64 tag, addend;
	const u64 *code; /* of a block that may be written: its code marks, one bit per page */
	u64 none;
};

/* Direct accesses of one regime: what EL0 may do (also LDTR/STTR at EL1), and what EL1 may do. RAM only: devices,
 * watched, clean and code pages are simply absent. */
enum { BANK_EL0, BANK_EL1 };
struct tlb_bank {
	struct tlb_entry read[TLB_ENTRIES];
	struct tlb_entry write[TLB_ENTRIES];
	struct tlb_entry watched[TLB_WATCHED_ENTRIES]; /* pages that would be in `write`, but for the exclusive monitor's watching them */
	struct tlb_large large[2][TLB_LARGE_ENTRIES]; /* what the translator refills `read` and `write` from, by va >> 21 */
};

/* Instruction side: va page -> decoded page. EL0 entries of an ASID outlive a switch to another one and back: their generation is
 * kept with the ASID's TLB bank. So are those of EL1 once it has fetched from a page that is an ASID's own, as a Linux kernel does that is not
 * mapped while user programs run; until then EL1 has one generation for all. */
struct code_space {
	u64 itlb[2], jit[2], drops; /* generations by EL */
	bool el1_own;
};
#define CODE_FILTER_BITS 16384
#define ITLB_ENTRIES 512
struct itlb_entry {
	u64 tag; /* see itlb_tag in exec.h; 0: empty */
	struct code_page *page;
};

/* System registers that hold state. The ones with side effects are changed through sysreg.c only. */
struct sys {
	u64 sctlr, actlr, cpacr, ttbr0, ttbr1, tcr, mair, amair, vbar, contextidr, par;
	u64 esr, far, elr, spsr, afsr0, afsr1, sp_el0, sp_el1;
	u64 tpidr_el0, tpidrro_el0, tpidr_el1, scxtnum_el0, scxtnum_el1;
	u64 csselr, mdscr, osdlr, oslsr, mdccint, cntkctl, disr;
	u64 dbgbvr[16], dbgbcr[16], dbgwvr[16], dbgwcr[16], dbgclaim;
	u64 cntfrq, cntp_ctl, cntp_cval, cntv_ctl, cntv_cval;
	u64 pmcr, pmcnten, pminten, pmovs, pmuserenr, pmselr, pmccfiltr, pmccntr, pmevtyper[31], pmevcntr[31];
};

/*
 * The local monitor. ARMED_RESERVED: the global monitor watches as well, if there are several vCPUs. The others are of translated code that has the
 * store-exclusive in view (jit/emit_atomic.c): it is about to load; it has; the store-exclusive has come.
 */
enum { ARMED_NOT, ARMED_RESERVED, ARMED_TO_LOAD, ARMED_BY_VALUE, ARMED_TO_STORE };

#define JIT_GROUPS_MAX 8
struct cpu {
	/* --- guest-visible state --- */
	u64 x[SLOT_COUNT];
	u64 pc;   /* see above */
	u32 nzcv; /* N Z C V in bits 31..28, the rest 0 */
	u16 jit_flags; /* the same while translated code runs: jit/translate.h */
	u8 el;    /* 0 or 1 */
	u8 spsel; /* PSTATE.SP: at EL1, 0 means SP_EL0 is current */
	u8 daif;  /* D A I F in bits 3..0 */
	u8 pan, uao, ssbs, il, ss;
	_Alignas(16) u128 v[32];
	u32 fpcr, fpsr;

	/*
	 * --- execution: what blocks touch all the time. Not further on: with `code_va` 2 KiB behind x30, page faults took 1.6 times as long on a Zen 5,
	 * as if it took the load for that of the store just made to an address that is the same modulo 2 KiB. ---
	 */
	struct insn *ip;           /* next record */
	struct code_page *code;    /* page that holds ip */
	u64 code_va;               /* va of record 0 of that page */
	s64 left;                  /* instructions until the dispatch loop looks at `poll`; set to 0 to leave it early */
	struct tlb_bank *bank;     /* of the current EL for plain accesses: &banks[...] */
	struct tlb_bank *bank_el0; /* for LDTR/STTR */
	void *jit_view;            /* the translator's: what it knows of the page that runs. While translated code runs it alone says which that is and
				    * where: `code` and `code_va` are right when C code runs */
	void *jit_jumps;           /* cache of indirect branch targets */
	u64 jit_key;               /* generation and mode that entries of jit_jumps must have now */
	u64 jit_group[JIT_GROUPS_MAX]; /* addends that the accesses of a block share */
	/* Exclusive monitor: armed by LDXR/LDAXR (value as loaded), cleared by CLREX, exception return and context loss. */
	struct {
		u8 armed;   /* ARMED_ */
		u8 size;    /* bytes in all: 1..16 */
		bool locked; /* this vCPU holds the monitor's lock, until the instruction ends */
		u64 va, pa;
		u64 strict;    /* the next LDXR here reserves: a store-exclusive came that the last one did not have in view */
		u64 low, high; /* the value loaded */
		u64 reserved;  /* granule of host memory that the global monitor holds for us, 0: none; atomic: monitor.c */
	} exclusive;

	/* --- guest-visible state, the rest --- */
	struct sys sys;
	bool wfe_event;    /* the event register */
	bool powered_off;  /* PSCI: not running */
	bool halted;       /* in WFI/WFE, waiting */
	bool serror_pending;
	u32 irq_levels;    /* bit 0 IRQ, bit 1 FIQ: inputs from the GIC; atomic, any thread */

	/* --- execution, rebuilt from the above --- */
	u64 pmu_icount;         /* icount up to which the PMU has counted */
	bool pmu_level;         /* the PMU's interrupt line */
	bool step_armed;        /* software step: the instruction being run is to be stepped */
	bool looked_at;         /* a debugger reads a system register: nothing is raised */
	u64 step_icount;        /* icount before it */
	u32 step_iss;           /* what is known of the step that is pending */
	u64 turn_icount;        /* instruction time: icount when this turn began */
	u64 icount;             /* instructions retired, up to the last chunk; cpu_icount() is exact */
	s64 chunk;              /* what `left` was set to at the chunk's start */
	u32 poll;               /* set to non-zero by any thread to bring the vCPU out of guest code; atomic */
	u8 access_el;           /* 0 or 1: whose permissions plain accesses use */
	bool fp_enabled;        /* CPACR_EL1.FPEN allows FP at the current EL */
	bool align_check;       /* SCTLR_EL1.A */
	bool stepping;          /* software step is active: one instruction per chunk */

	struct tlb_bank *banks;     /* allocated by tlb.c */
	struct itlb_entry *itlb;    /* ITLB_ENTRIES */
	struct code_table *codes;   /* decoded code, of the set: code.h */
	u64 itlb_generation[2];     /* by EL: in the tags of valid entries; bits 63..49 */
	u64 itlb_last;              /* generation given out last */
	u64 code_drops;             /* how often everything was forgotten: a struct code_space of before is void */
	bool el1_code_own;          /* EL1 has fetched from a page of the upper half that is an ASID's own */
	bool el1_code_low;          /* or from any of the lower half */
	u64 code_filter[CODE_FILTER_BITS / 64]; /* pages fetched from since then, by code_filter_bit */
	u64 code_epoch;             /* atomic: code changes up to here are no longer used by this vCPU; 0: it holds no pages */
	u64 code_epoch_kept;        /* code_epoch before it became 0: what the instruction TLB is good for */
	u64 missing_features;       /* bit per enum a64_feature that the model lacks: its rows are UNDEFINED */

	struct cpus *cpus;
	struct space *space;
	struct loop *loop;
	unsigned index;         /* 0.. */
	void *mmu, *tlb2, *timers, *debug, *pmu, *cpuif; /* owned by mmu.c, tlb.c, timer.c, debug.c, pmu.c, irq/ */
	struct cpu_thread *thread; /* cpus.c */
	void *host_fp;          /* fp.c: cached host FP mode */

	/* --- the translator's: jit/ --- */
	const struct cpu_engine *engine; /* NULL: the interpreter */
	void *jit;              /* of the set */
	u64 jit_generation[2], jit_last; /* as itlb_generation and itlb_last, but never wraps */
	void *jit_views;        /* all of this vCPU: views.c */
	void *jit_stack;        /* the host's stack where that of returns is empty: thunks.c */
	u32 jit_mxcsr;          /* on its way between MXCSR and FPSR */
	u64 jit_va;             /* target of an indirect branch that missed; or which link of jit_view did */
	u32 jit_mode;           /* mode of the code that runs */
};

/* One guest page of decoded instructions (always 4 KiB of physical memory), shared by all vCPUs. Records start as
 * exec_decode, which decodes its own word and runs it. Record 1024 is exec_next_page. */
#define CODE_PAGE_INSNS 1024
#define CODE_MODES 32
#define CODE_FAR_MAX 31
struct code_page {
	struct insn insn[CODE_PAGE_INSNS + 1];
	u64 pa;
	const u32 *host;        /* the page's bytes; NULL: there is poison among them, or a device */
	struct code_page *next; /* hash chain; kept while retired, for readers that are still on it */
	struct code_page *link; /* retire list, free list */
	u32 *jit[CODE_MODES];   /* the translator's, by mode: per record, where its block is in the code cache; 0: none. Or NULL */
	u64 retired_at;         /* epoch at which it left the table; 0: it is in */
	u32 jit_segments;       /* the translator's: bit per segment of the code cache that has blocks of it */
	u32 jit_fars;           /* the translator's: how many of these are used */
	s32 jit_far[CODE_FAR_MAX]; /* records of other pages that its blocks jump to directly, counted from this page's first */
};

static inline u64 cpu_pc_of(const struct cpu *cpu, const struct insn *insn)
{
	return cpu->code_va + (u64)(insn - cpu->code->insn) * 4;
}

static inline u64 cpu_icount(const struct cpu *cpu)
{
	return cpu->icount + (u64)(cpu->chunk - cpu->left);
}

/* Ends the current chunk after this instruction, so that `poll` and interrupts are looked at. (What was retired beyond it, by blocks that do not
 * look, stays counted.) */
static inline void cpu_leave_chunk(struct cpu *cpu)
{
	s64 left = cpu->left > 0 ? cpu->left : 0;

	cpu->chunk -= left;
	cpu->left -= left;
}

static inline bool cpu_is_mmu_on(const struct cpu *cpu)
{
	return cpu->sys.sctlr & 1;
}

/* --- control flow: interp.c --- */

/* Continues at va (bits as the instruction gave them; the tag byte is handled inside). A fetch fault is raised when
 * the target is executed, with ELR = va. */
void cpu_jump(struct cpu *cpu, u64 va);
/* Forgets this vCPU's instruction TLB (after TLBI, TTBR, SCTLR changes). Own thread only. `ip` is looked up again. */
void code_flush_itlb(struct cpu *cpu);
/* The same for what is an ASID's own, if that is enough: there is another one, or its own has been invalidated. `to`: what was kept for the new one, or
 * NULL. The current one can be kept by code_space_keep before. */
void code_space_switch(struct cpu *cpu, const struct code_space *to);
void code_space_keep(const struct cpu *cpu, struct code_space *space);
/* Whether anything may be known of the page at `va`; if not, a TLBI of it means nothing here. */
bool code_may_hold(const struct cpu *cpu, u64 va);
/* Invalidates decoded code of [pa, pa + size) for every vCPU (IC IVAU, stores to code, DMA). Any vCPU thread. */
void code_invalidate(struct cpus *cpus, u64 pa, u64 size);
void code_invalidate_all(struct cpus *cpus);
/* The same for an IC of a line, or of everything (size 0). Returns the epoch that every vCPU must have passed when the next DSB completes. */
u64 code_forget(struct cpu *cpu, u64 pa, u64 size);
/* Those that the translator has put blocks of into one of `segments` (code_page.jit_segments). Returns the epoch at which a vCPU must
 * have arrived to use none of them any more. */
u64 code_invalidate_segments(struct cpus *cpus, u32 segments);

/* --- exceptions: exception.c. The faulting instruction is cpu->ip - 1; they enter EL1 at once, so the caller returns. --- */

/* ESR exception classes. [DDI0487 ESR_EL1] */
enum esr_class {
	EC_UNKNOWN = 0x00, EC_WFX = 0x01, EC_FP_ACCESS = 0x07, EC_ILLEGAL = 0x0e, EC_SVC = 0x15, EC_HVC = 0x16,
	EC_SMC = 0x17, EC_SYSREG = 0x18, EC_INSN_LOWER = 0x20, EC_INSN_SAME = 0x21, EC_PC_ALIGN = 0x22,
	EC_DATA_LOWER = 0x24, EC_DATA_SAME = 0x25, EC_SP_ALIGN = 0x26, EC_MOPS = 0x27, EC_FP_TRAP = 0x2c, EC_SERROR = 0x2f,
	EC_BREAK_LOWER = 0x30, EC_BREAK_SAME = 0x31, EC_STEP_LOWER = 0x32, EC_STEP_SAME = 0x33, EC_WATCH_LOWER = 0x34,
	EC_WATCH_SAME = 0x35, EC_BRK = 0x3c,
};
/* Synchronous exception, preferred return address = this instruction (cpu->ip - 1). */
void cpu_raise(struct cpu *cpu, enum esr_class class, u32 iss);
/* The same with FAR. */
void cpu_raise_far(struct cpu *cpu, enum esr_class class, u32 iss, u64 far);
/* The same with preferred return address = the next instruction: SVC, HVC, SMC, software step. */
void cpu_raise_next(struct cpu *cpu, enum esr_class class, u32 iss);
/* UNDEFINED: unallocated encoding, or a register that may not be reached. ESR EC 0. */
void cpu_undefined(struct cpu *cpu);
void cpu_eret(struct cpu *cpu);
/* At a chunk's end: takes a pending, unmasked SError, IRQ or FIQ; true if one was taken. */
bool cpu_take_interrupt(struct cpu *cpu);
/* PSTATE as SPSR has it, and back (also for ERET, debug and reset). */
u64 cpu_pstate(const struct cpu *cpu);
void cpu_set_pstate(struct cpu *cpu, u64 spsr);
/* After a change of EL, SP select, SCTLR, CPACR, PAN, UAO: re-derives bank, access_el, fp_enabled, align_check. */
void cpu_rederive(struct cpu *cpu);

/* --- system registers and instructions: sysreg.c, mmu.c, psci.c --- */

/* MRS / MSR (register). key = op0:op1:CRn:CRm:op2 as bits 20..5 of the word. Raise by themselves; false if raised. */
bool sysreg_read(struct cpu *cpu, u32 key, u64 *value);
bool sysreg_write(struct cpu *cpu, u32 key, u64 value);
/* SYS / SYSL space: IC, DC (but DC ZVA: load_store.c), AT, TLBI, cache and hint-like ones. */
bool sysinsn(struct cpu *cpu, u32 key, u64 value);
/* HVC and SMC with immediate: SMCCC and PSCI; the instruction has completed (ELR would be the next one). */
void cpu_smccc(struct cpu *cpu, bool smc, u16 imm);
/* HLT with this immediate; false: there is no semihosting here. [Arm Semihosting 2.0] */
#define SEMIHOST_HLT 0xf000
bool cpu_semihost(struct cpu *cpu);
/* WFI, WFE, SEV, SEVL, YIELD, DSB (TLBI completion, persistence), ISB. */
void cpu_wfi(struct cpu *cpu);
void cpu_wfe(struct cpu *cpu);
void cpu_sev(struct cpu *cpu, bool local);
void cpu_dsb(struct cpu *cpu);

#endif
