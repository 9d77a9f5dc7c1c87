/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the soft TLB know of each other.
 *
 * Level 1 is what instructions look at (state.h): direct-mapped arrays of {tag, addend}, RAM only, one bank for EL1 and
 * EL0_BANKS for EL0, one per recent ASID, so that a context switch is a change of pointer. The EL1 bank survives ASID
 * changes; the few entries in it that are non-global or open to EL0 are remembered by slot and removed when the ASID
 * changes or PAN is set.
 *
 * Level 2 is a 4-way table of translations as the walk made them, tagged {va, size, ASID or global}; one entry per
 * descriptor, whatever its size, or per contiguous set of them. TLBI by va removes it there, and in level 1 the page
 * named, as who changes a contiguous set names each of its descriptors; level-1 entries that came from descriptors larger
 * than a page are covered by a small filter over {va >> shift, shift}: a hit there empties level 1.
 *
 * Translated code that misses level 1 looks here before it takes the slow path (tlb_refill), first, in code of its own,
 * among the blocks of 2 MiB that descriptors and host memory both have as one (`large`, beside level 1 and emptied with
 * it).
 *
 * Only the vCPU's own thread touches any of it: others send mail (cpus.c). No locks; nothing is allocated after create.
 *
 *   access -> level 1 -- miss -> alignment -> level 2 -- miss -> walk (mmu.c) -> rights -> watchpoints
 *          -> RAM: fill level 1, do it | device: go OUT, machine lock, do it, IN again | nothing: external abort
 *
 *   tlb.c             life, banks and ASIDs, flushes        tlb_fill.c   walk -> level 2 -> level 1
 *   tlb_invalidate.c  what a TLBI takes away                access.c     the slow path of an access
 */
#ifndef CPU_TLB_H
#define CPU_TLB_H

#include "cpu/vcpu.h"

#define EL0_BANKS       8
#define BANKS           (EL0_BANKS + 1)
#define TLB2_SETS       1024
#define TLB2_WAYS       4
#define PAGE            4096ull
#define EL1_SPECIAL_MAX 128
#define FILTER_BITS     4096
#define STRESS_ENTRIES  4

struct tlb2_entry {
	u64 tag; /* canonical va aligned to its size, + span; 0: empty */
	u64 pa;
	u16 asid;
	u8 may, level, attr, shift, span; /* the last two: struct translation */
	bool global, device, clean;
};

struct tlb {
	struct tlb2_entry entry[TLB2_SETS][TLB2_WAYS];
	u8 next[TLB2_SETS];
	u64 sizes;    /* bit per size that has been filled since the last full flush */
	unsigned el0; /* current EL0 bank: index in cpu->banks */
	u64 tick;
	struct {
		bool valid;
		u16 asid;
		u64 used;
		struct code_space code; /* kept while another ASID is current */
	} bank[BANKS];                  /* by index in cpu->banks; BANK_EL1 is unused */
	bool el0_global;                /* an EL0 bank holds a global entry */
	unsigned el1_special_count;
	bool el1_special_overflow;
	u16 el1_special[EL1_SPECIAL_MAX];
	u64 filter[FILTER_BITS / 64];
	bool filter_used;
	struct {
		struct tlb_bank *bank;
		unsigned slot;
	} stress[STRESS_ENTRIES]; /* filled last, in turn */
	unsigned stress_next;
};

static inline struct tlb *tlb_of(const struct cpu *cpu)
{
	return cpu->tlb2;
}

static inline struct tlb_entry *tlb_watched_of(struct tlb_bank *bank, unsigned slot)
{
	return &bank->watched[slot & (TLB_WATCHED_ENTRIES - 1)];
}

static inline unsigned tlb2_set_of(u64 va, unsigned shift)
{
	u64 n = va >> shift;

	return (unsigned)((n ^ n >> 10 ^ (u64)shift << 3) & (TLB2_SETS - 1));
}

static inline unsigned tlb_filter_slot(u64 va, unsigned shift)
{
	u64 n = (va >> shift) * 0x9e3779b97f4a7c15ull + shift;

	return (unsigned)(n >> 40) % FILTER_BITS;
}

/* tlb.c: empties one bank; the entries of EL1's bank that an ASID or PAN takes away. */
void tlb_bank_clear(struct tlb_bank *bank);
void tlb_el1_special_clear(struct cpu *cpu);

/* Whether the whole page of 4 KiB around pa, which lies in the range, does. */
static inline bool range_has_page(const struct range *range, u64 pa)
{
	u64 page = pa & ~(PAGE - 1);

	return page >= range->base && range_holds(range, page, PAGE);
}

/* tlb_fill.c. Translates by level 2 or a walk and checks rights; false: *fsc. Raises nothing. */
bool tlb_lookup(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, bool pan, struct translation *t,
		u32 *fsc);
/* Enters the page of an access that is allowed into level 1, and the block of 2 MiB around it; `host`: of the byte at
 * va. */
void tlb_fill(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const struct range *range,
	      const u8 *host, bool write);
/* Code was fetched by this translation: what its descriptor covers is remembered for TLBI. */
void tlb_note_fetch(struct cpu *cpu, u64 va, const struct translation *t);

#endif
