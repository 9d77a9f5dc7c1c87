/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of jit/ that are not emitters share: the code cache and the fixed routines in it. */
#ifndef JIT_PRIVATE_H
#define JIT_PRIVATE_H

#include <pthread.h>

#include "cpu/cpu.h"
#include "cpu/softfp.h"
#include "jit/jit.h"
#include "jit/translate.h"

#define CACHE_SIZE (128u << 20) /* unless -accel jit,tb-size= says so */
#define CACHE_MARGIN (2048u * BLOCK_INSNS_MAX) /* more than one block takes */
#define SEGMENTS 8u
#define JUMPS 16384u /* bits 15..2 of the address, exclusive-or bits 27..14: see exit_indirect */
#define JUMPS_SIZE (JUMPS * sizeof(struct jump))
#define INDEX_SIZE (CODE_PAGE_INSNS * sizeof(u32))
#define INDEXES_MAX 65536u /* 256 MiB of address space, used as needed */

/* Why translated code came back: one of these, or the address of link data (struct link_data). */
enum { LEFT_PLAIN, LEFT_BUDGET, LEFT_INDIRECT, LEFT_FAR, LEFT_COUNT };

/* The stack of returns (thunks.c): what a call leaves there, from RSP. */
enum { RETURN_LR = 8, RETURN_VIEW = 16, RETURN_BYTES = 32 };

/* Stands behind the call in a link stub. */
struct link_data {
	u32 index; /* record to go to; with LINK_PLAIN, at its block without groups */
	s32 site;  /* the jump to patch, relative to this */
};

#define LINK_PLAIN 0x80000000u

/* A page of code as one vCPU sees it: views.c. */
struct view {
	u64 va, key;
	struct code_page *page;
	struct view *next; /* with the same hash */
	struct view_link {
		struct view *view;
		const u8 *host;
	} links[CODE_FAR_MAX]; /* to where page->jit_far says */
};

/* Targets of indirect branches, per vCPU. */
struct jump {
	u64 va, key;
	const u8 *host;
	struct view *view;
};

static inline unsigned jump_slot(u64 va)
{
	return (unsigned)(va >> 2 ^ va >> 14) & (JUMPS - 1);
}

/* What -accel jit,count=on counts. Translated code adds without a lock: with several vCPUs some are lost. */
struct counts {
	u64 blocks;                /* entered, by jumps or from C */
	u64 direct;                /* jumps to other pages; they probe as well */
	u64 probes, left[LEFT_COUNT + 1]; /* jumps that asked the table of jumps; why translated code came back (last: to be linked) */
	u64 host;                  /* instructions of translated code, without what is counted here, slow paths and fixed routines */
	u64 calls[A64_ROW_COUNT + 1], slow[A64_ROW_COUNT + 1]; /* of exec_ functions: there is no emitter, it declined; something was rare */
	u64 accesses[3];           /* alone, leading a group, following */
	u64 refills[2];            /* of level 1 of the TLB, for reading and for writing, without leaving the block */
	u64 slots[SLOT_COUNT];     /* general registers that instructions of the blocks entered name, once for each operand */
	u64 registers[2][65536];   /* calls of MSR or SYS, and of MRS, by key */
};

struct jit {
	struct cpus *cpus;
	u32 on;                  /* bits of enum jit_switch */
	struct host_features host;
	size_t cache_size;
	u8 *cache, *at;          /* `at`: next free byte; lock */
	s64 run;                 /* code runs so far from where it is written: 0, or the distance of two mappings */
	u8 *blocks;              /* behind the fixed routines */
	unsigned segment;        /* being filled; lock */
	u64 next_epoch;          /* the next one may be filled when every vCPU has arrived here; lock */
	bool wrapped;            /* every segment has been filled; lock */
	pthread_mutex_t lock;    /* translation */
	u8 *tables;              /* of jumps, one per vCPU, and indexes */
	u32 *index_free;         /* the indexes among them */
	unsigned index_used;
	struct emitter emitters[A64_ROW_COUNT];
	u8 operands[A64_ROW_COUNT]; /* operand_letters */
	/* fixed routines */
	u64 (*enter)(struct cpu *cpu, const u8 *host);
	const u8 *exec, *light[LIGHT_COUNT], *light_exec, *fp_flags, *refill[2], *link, *budget, *indirect, *far;
	const u8 *constants; /* vector_constants */
	u64 blocks_made, blocks_lending, insns_made, bytes_made, segments_reused;
	struct counts *counts; /* with count=on, or NULL */
};

static inline bool jit_has(const struct jit *jit, enum jit_switch n)
{
	return jit->on >> n & 1;
}

/* cache.c: the memory of the code cache; false: the host gives none. */
bool cache_map(struct jit *jit);
void cache_unmap(struct jit *jit);
/* The jumps and views of all vCPUs and the pages' indexes, zero. */
bool tables_map(struct jit *jit);
void tables_unmap(struct jit *jit);
/* views.c: their size for one vCPU, zero at first. */
size_t views_size(const struct cpus *cpus);
/* Makes the view of the page that runs (cpu->code, cpu->code_va, cpu->jit_key) the current one; false: there were too many, all is to be looked up anew. */
bool view_enter(struct jit *jit, struct cpu *cpu);
/* Which link of its views a page has for a record of another; -1: none. Lock held. */
int view_link_for(struct code_page *page, s64 index);
/* blocks.c: after an exec_ function that went elsewhere: the block to go on at, or NULL. */
const u8 *jit_resume(struct cpu *cpu);
/* thunks.c: fills the start of the cache. */
void thunks_make(struct jit *jit);
/* translate.c: the block at record `first`, of a mode of the vCPU or with MODE_PLAIN; NULL: not now. Lock held. */
const u8 *translate(struct jit *jit, struct cpu *cpu, struct code_page *page, unsigned first, unsigned index_mode);
void emitters_collect(struct jit *jit);
/* translate.c: what stands for an emitter where the interpreter's function can be called with registers and flags where they are. */
bool emit_light(struct block *b, const struct insn *i);
/* translate.c: emits the addition to a counter of jit->counts, if there is one; RAX and EFLAGS are lost. */
void count(struct block *b, u64 *counter);
/* dump.c */
void dump_counts(const struct jit *jit);
void dump_block(const struct block *b, const u8 *from, const u8 *to);

/* With these, floating point is not what the host does: another rounding mode, flush to zero. (A default NaN is a NaN: those
 * results go to the interpreter's functions anyway. FZ16 and AHP are of half precision.) */
#define FPCR_SPECIAL (FPCR_RMODE | FPCR_FZ)

static inline unsigned mode_of(const struct cpu *cpu)
{
	return (cpu->el ? MODE_EL1 : 0u) | (cpu->fp_enabled ? MODE_FP : 0u) | (cpu->spsel ? MODE_SPSEL : 0u) |
	       (cpu->fpcr & FPCR_SPECIAL ? MODE_FPCR : 0u);
}

#endif
