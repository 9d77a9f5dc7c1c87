/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The soft TLB of one vCPU, and the slow path of every access.
 *
 * Level 1 is what instructions look at (state.h): direct-mapped arrays of {tag, addend}, RAM only, one bank for EL1 and
 * EL0_BANKS for EL0, one per recent ASID, so that a context switch is a change of pointer. The EL1 bank survives ASID
 * changes; the few entries in it that are non-global or open to EL0 are remembered by slot and removed when the ASID
 * changes or PAN is set.
 *
 * Level 2 is a 4-way table of translations as the walk made them, tagged {va, size, ASID or global}; one entry per
 * descriptor, whatever its size. TLBI by va removes it there, and in level 1 the page named; level-1 entries that came
 * from larger descriptors are covered by a small filter over {va >> shift, shift}: a hit there empties level 1.
 *
 * Translated code that misses level 1 looks here before it takes the slow path (tlb_refill), first, in code of its own, among the blocks of
 * 2 MiB that descriptors and host memory both have as one (`large`, beside level 1 and emptied with it).
 *
 * Only the vCPU's own thread touches any of it: others send mail (cpus.c). No locks; nothing is allocated after create.
 *
 *   access -> level 1 -- miss -> alignment -> level 2 -- miss -> walk (mmu.c) -> rights -> watchpoints
 *          -> RAM: fill level 1, do it | device: go OUT, machine lock, do it, IN again | nothing: external abort
 */
#include <stdlib.h>
#include <string.h>

#include "base/conformance.h"
#include "base/trace.h"
#include "cpu/code.h"
#include "cpu/exec.h"
#include "cpu/vcpu.h"

#define EL0_BANKS 8
#define SETS 1024
#define WAYS 4
#define PAGE 4096ull
#define EL1_SPECIAL_MAX 128
#define FILTER_BITS 4096
#define STRESS_ENTRIES 4

struct entry {
	u64 tag; /* canonical va aligned to its size, + shift; 0: empty */
	u64 pa;
	u16 asid;
	u8 may, level, attr, shift;
	bool global, device, clean;
};

struct tlb {
	struct entry entry[SETS][WAYS];
	u8 next[SETS];
	u64 shifts; /* bit per size that has been filled since the last full flush */
	unsigned el0; /* current EL0 bank: index in cpu->banks */
	u64 tick;
	struct {
		bool valid;
		u16 asid;
		u64 used;
		struct code_space code; /* kept while another ASID is current */
	} bank[EL0_BANKS + 1]; /* by index in cpu->banks; BANK_EL1 is unused */
	bool el0_global; /* an EL0 bank holds a global entry */
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

static struct tlb *tlb_of(const struct cpu *cpu)
{
	return cpu->tlb2;
}

static struct tlb_entry *watched_of(struct tlb_bank *bank, unsigned slot)
{
	return &bank->watched[slot & (TLB_WATCHED_ENTRIES - 1)];
}

static void bank_clear(struct tlb_bank *bank)
{
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		bank->read[i].tag = tlb_empty(i);
	for (unsigned i = 0; i < TLB_ENTRIES; i++)
		bank->write[i].tag = tlb_empty(i);
	for (unsigned i = 0; i < TLB_WATCHED_ENTRIES; i++)
		bank->watched[i].tag = tlb_empty(i);
	for (unsigned i = 0; i < TLB_LARGE_ENTRIES; i++)
		bank->large[0][i].tag = bank->large[1][i].tag = tlb_large_empty(i);
}

bool tlb_create(struct cpu *cpu, struct error *err)
{
	cpu->banks = aligned_alloc(4096, align_up((EL0_BANKS + 1) * sizeof(struct tlb_bank), 4096));
	cpu->tlb2 = calloc(1, sizeof(struct tlb));
	cpu->itlb = calloc(ITLB_ENTRIES, sizeof(struct itlb_entry));
	if (!cpu->banks || !cpu->tlb2 || !cpu->itlb)
		return fail(err, "-smp: no memory for the TLB of vCPU %u", cpu->index);
	for (unsigned i = 0; i < EL0_BANKS + 1; i++)
		bank_clear(&cpu->banks[i]);
	code_flush_itlb(cpu); /* gives out the first generations */
	return true;
}

void tlb_destroy(struct cpu *cpu)
{
	free(cpu->banks);
	free(cpu->tlb2);
	free(cpu->itlb);
	cpu->banks = NULL;
	cpu->tlb2 = NULL;
	cpu->itlb = NULL;
}

struct tlb_bank *tlb_bank_of(struct cpu *cpu, unsigned el)
{
	return &cpu->banks[el ? BANK_EL1 : tlb_of(cpu)->el0];
}

void tlb_flush_direct(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);

	bank_clear(&cpu->banks[BANK_EL1]);
	for (unsigned i = 0; i < EL0_BANKS + 1; i++)
		if (i != BANK_EL1 && tlb->bank[i].valid)
			bank_clear(&cpu->banks[i]);
	tlb->el0_global = false;
	tlb->el1_special_count = 0;
	tlb->el1_special_overflow = false;
	if (tlb->filter_used)
		memset(tlb->filter, 0, sizeof(tlb->filter));
	tlb->filter_used = false;
	code_flush_itlb(cpu);
}

void tlb_flush_all(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);

	if (tlb->shifts)
		memset(tlb->entry, 0, sizeof(tlb->entry));
	tlb->shifts = 0;
	tlb_flush_direct(cpu);
}

static void el1_special_clear(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);
	struct tlb_bank *bank = &cpu->banks[BANK_EL1];

	if (tlb->el1_special_overflow) {
		bank_clear(bank);
	} else {
		for (unsigned i = 0; i < tlb->el1_special_count; i++) {
			unsigned slot = tlb->el1_special[i];

			bank->read[slot].tag = bank->write[slot].tag = watched_of(bank, slot)->tag = tlb_empty(slot);
		}
	}
	tlb->el1_special_count = 0;
	tlb->el1_special_overflow = false;
}

void tlb_pan_set(struct cpu *cpu)
{
	el1_special_clear(cpu);
}

void tlb_asid_changed(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);
	u16 asid = mmu_asid(cpu);
	unsigned found = 0, oldest = BANK_EL0;
	bool hit = false;

	if (tlb->bank[tlb->el0].valid && tlb->bank[tlb->el0].asid == asid)
		return;
	el1_special_clear(cpu);
	for (unsigned i = 0; i < EL0_BANKS + 1 && !hit; i++) {
		if (i == BANK_EL1)
			continue;
		if (tlb->bank[i].valid && tlb->bank[i].asid == asid) {
			found = i;
			hit = true;
		} else if (!tlb->bank[i].valid || tlb->bank[i].used < tlb->bank[oldest].used) {
			oldest = i;
		}
	}
	if (!hit) {
		found = oldest;
		if (tlb->bank[found].valid)
			bank_clear(&cpu->banks[found]);
		tlb->bank[found].code.drops = 0;
		tlb->bank[found].valid = true;
		tlb->bank[found].asid = asid;
	}
	tlb->bank[found].used = ++tlb->tick;
	if (found != tlb->el0)
		code_space_keep(cpu, &tlb->bank[tlb->el0].code);
	tlb->el0 = found;
	code_space_switch(cpu, &tlb->bank[found].code);
	cpu_rederive(cpu);
}

/* --- level 2 --- */

static unsigned set_of(u64 va, unsigned shift)
{
	u64 n = va >> shift;

	return (unsigned)((n ^ n >> 10 ^ (u64)shift << 3) & (SETS - 1));
}

static struct entry *entry_find(struct tlb *tlb, u64 canonical, u16 asid)
{
	for (u64 left = tlb->shifts; left; left &= left - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(left);
		u64 tag = (canonical & ~ones(shift)) + shift;
		struct entry *set = tlb->entry[set_of(canonical, shift)];

		for (unsigned way = 0; way < WAYS; way++)
			if (set[way].tag == tag && (set[way].global || set[way].asid == asid))
				return &set[way];
	}
	return NULL;
}

static void entry_insert(struct tlb *tlb, u64 canonical, u16 asid, const struct translation *t)
{
	unsigned index = set_of(canonical, t->shift), way = tlb->next[index] % WAYS;
	u64 tag = (canonical & ~ones(t->shift)) + t->shift;
	struct entry *set = tlb->entry[index];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].tag == tag && (set[i].global || t->global || set[i].asid == asid)) {
			way = i;
			break;
		}
		if (!set[i].tag)
			way = i;
	}
	if (set[way].tag && set[way].tag != tag)
		tlb->next[index]++;
	set[way] = (struct entry){
		.tag = tag,
		.pa = t->pa & ~ones(t->shift),
		.asid = asid,
		.may = t->may,
		.level = t->level,
		.attr = t->attr,
		.shift = t->shift,
		.global = t->global,
		.device = t->device,
		.clean = t->clean,
	};
	tlb->shifts |= BIT(t->shift);
}

/* What is known without a walk. The MMU is on. */
static bool recall(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, bool pan, struct translation *t)
{
	u64 canonical = mmu_canonical(va);
	struct entry *e = entry_find(tlb_of(cpu), canonical, mmu_asid(cpu));

	if (!e)
		return false;
	/* An untagged address, or one whose tag is ignored; and E0PD and EPD are looked at by the walk. */
	if (canonical != va && !bit(cpu->sys.tcr, bit(va, 55) ? 38 : 37))
		return false;
	if (el == 0 && bit(cpu->sys.tcr, bit(va, 55) ? 56 : 55))
		return false;
	*t = (struct translation){
		.pa = e->pa | (va & ones(e->shift)),
		.shift = e->shift,
		.may = e->may,
		.level = e->level,
		.attr = e->attr,
		.device = e->device,
		.global = e->global,
		.clean = e->clean,
	};
	if (mmu_allows(cpu, t, access, el, pan) && !(access == MMU_WRITE && t->clean))
		return true;
	/* Refused by what may be stale, or to be marked dirty: ask the tables. */
	e->tag = 0;
	return false;
}

/* Translates and checks rights; false: *fsc. Raises nothing. */
static bool translate(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, bool pan, struct translation *t,
		      u32 *fsc)
{
	if (!cpu_is_mmu_on(cpu))
		return mmu_walk(cpu, va, el == 0, access, true, t, fsc);
	if (recall(cpu, va, access, el, pan, t))
		return true;
	if (!mmu_walk(cpu, va, el == 0, access, true, t, fsc))
		return false;
	entry_insert(tlb_of(cpu), mmu_canonical(va), mmu_asid(cpu), t);
	if (!mmu_allows(cpu, t, access, el, pan)) {
		*fsc = FSC_PERMISSION + t->level;
		return false;
	}
	return true;
}

/* --- level 1 --- */

static unsigned filter_slot(u64 va, unsigned shift)
{
	u64 n = (va >> shift) * 0x9e3779b97f4a7c15ull + shift;

	return (unsigned)(n >> 40) % FILTER_BITS;
}

static void filter_add(struct tlb *tlb, u64 va, const struct translation *t)
{
	unsigned n = filter_slot(mmu_canonical(va), t->shift);

	if (t->shift == 12 || t->flat)
		return;
	tlb->filter[n / 64] |= BIT(n % 64);
	tlb->filter_used = true;
}

/* -accel stress-tlb: a slot is filled, and the one filled STRESS_ENTRIES times before it is forgotten. */
static void stress(struct tlb *tlb, struct tlb_bank *bank, unsigned slot)
{
	unsigned n = tlb->stress_next++ % STRESS_ENTRIES, old = tlb->stress[n].slot;

	if (tlb->stress[n].bank)
		tlb->stress[n].bank->read[old].tag = tlb->stress[n].bank->write[old].tag = watched_of(tlb->stress[n].bank, old)->tag = tlb_empty(old);
	tlb->stress[n].bank = bank;
	tlb->stress[n].slot = slot;
}

/* Entries of EL1's bank that an ASID or PAN takes away. */
static bool is_special(const struct translation *t)
{
	return !t->flat && (!t->global || (t->may & (MAY_R0 | MAY_X0)));
}

/* What was not asked for is filled only where nothing is lost: source and destination of a copy often share a slot. */
static void fill(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const u8 *host, bool readonly, bool for_write)
{
	struct tlb *tlb = tlb_of(cpu);
	struct tlb_bank *bank = tlb_bank_of(cpu, el);
	unsigned slot = (unsigned)(va >> 12) & (TLB_ENTRIES - 1);
	u64 page = va & ~(PAGE - 1), addend;
	bool pan = cpu->pan && el == 1;

	if (t->device || cpu->align_check)
		return;
	addend = (u64)(uintptr_t)host - (va & (PAGE - 1)) - page;
	if (unlikely(cpu->cpus->config.stress_tlb))
		stress(tlb, bank, slot);
	filter_add(tlb, va, t);
	if (el == 0) {
		tlb->bank[tlb->el0].valid = true;
		tlb->bank[tlb->el0].asid = mmu_asid(cpu);
		tlb->el0_global |= t->global;
	} else if (is_special(t)) {
		if (tlb->el1_special_count < EL1_SPECIAL_MAX)
			tlb->el1_special[tlb->el1_special_count++] = (u16)slot;
		else
			tlb->el1_special_overflow = true;
	}
	if ((!for_write || bank->read[slot].tag == tlb_empty(slot)) && mmu_allows(cpu, t, MMU_READ, el, pan) &&
	    !debug_covers_page(cpu, page, false))
		bank->read[slot] = (struct tlb_entry){page, addend};
	if ((for_write || bank->write[slot].tag == tlb_empty(slot)) && !readonly && !t->clean &&
	    mmu_allows(cpu, t, MMU_WRITE, el, pan) && !debug_covers_page(cpu, page, true) && !space_has_code(cpu->space, t->pa))
		*(monitor_is_watching(cpu, host) ? watched_of(bank, slot) : &bank->write[slot]) = (struct tlb_entry){page, addend};
}

/* Behind fill, for an access that is allowed: the block of 2 MiB around the page. Watchpoints are of pages; so are code and the exclusive monitor's watches, which are looked
 * at when a page of the block is entered for writing. */
static void fill_large(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const struct range *range, bool write)
{
	static const u64 no_code[BIT(TLB_LARGE_SHIFT - 12) / 64];
	u64 block = va & ~ones(TLB_LARGE_SHIFT), pa = t->pa & ~ones(TLB_LARGE_SHIFT), offset = range->offset + (pa - range->base);
	unsigned slot = (unsigned)(va >> TLB_LARGE_SHIFT) & (TLB_LARGE_ENTRIES - 1);
	struct tlb_large *large = &tlb_bank_of(cpu, el)->large[write][slot];

	if (t->shift < TLB_LARGE_SHIFT || large->tag == block || t->device || cpu->align_check || (el && is_special(t)) ||
	    (write && (range->region->readonly || t->clean)) ||
	    (cpu->sys.mdscr & BIT(15)) || cpu->cpus->debugger.watch_count || cpu->cpus->config.stress_tlb || pa < range->base ||
	    range->last - pa < ones(TLB_LARGE_SHIFT) || (range->code && (offset & ones(TLB_LARGE_SHIFT))))
		return;
	if (range->region->ready) {
		range->region->ready(range->region, offset);
		range->region->ready(range->region, offset + ones(TLB_LARGE_SHIFT));
	}
	*large = (struct tlb_large){
		.tag = block,
		.addend = (u64)(uintptr_t)range->region->host + offset - block,
		.code = range->code ? range->code + (offset >> 12) / 64 : no_code,
	};
}

static void slot_clear(struct tlb_bank *bank, u64 canonical)
{
	unsigned slot = (unsigned)(canonical >> 12) & (TLB_ENTRIES - 1);
	u64 page = canonical & ~(PAGE - 1);

	/* Tags keep the top byte of the access, which may be ignored. */
	if (!((bank->read[slot].tag ^ page) << 8))
		bank->read[slot].tag = tlb_empty(slot);
	if (!((bank->write[slot].tag ^ page) << 8))
		bank->write[slot].tag = tlb_empty(slot);
	if (!((watched_of(bank, slot)->tag ^ page) << 8))
		watched_of(bank, slot)->tag = tlb_empty(slot);
}

static bool tlbi_takes(const struct tlbi *tlbi, bool global, u16 asid)
{
	switch (tlbi->kind) {
	case TLBI_ALL:
	case TLBI_VA_ALL_ASID: return true;
	case TLBI_VA: return global || asid == tlbi->asid;
	default: return !global && asid == tlbi->asid;
	}
}

static void bank_tlbi(struct cpu *cpu, const struct tlbi *tlbi, u64 va, bool whole)
{
	struct tlb *tlb = tlb_of(cpu);

	for (unsigned i = 0; i < EL0_BANKS + 1; i++) {
		bool mine = i == BANK_EL1 ||
			    (tlb->bank[i].valid && (tlb->el0_global || tlbi_takes(tlbi, false, tlb->bank[i].asid)));

		if (!mine)
			continue;
		if (!whole)
			slot_clear(&cpu->banks[i], va);
		else
			bank_clear(&cpu->banks[i]);
	}
}

static void tlbi_page(struct cpu *cpu, const struct tlbi *tlbi, u64 va, bool *large, bool *fetch)
{
	struct tlb *tlb = tlb_of(cpu);

	for (u64 left = tlb->shifts; left; left &= left - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(left);
		u64 tag = (va & ~ones(shift)) + shift;
		struct entry *set = tlb->entry[set_of(va, shift)];

		for (unsigned way = 0; way < WAYS; way++)
			if (set[way].tag == tag && tlbi_takes(tlbi, set[way].global, set[way].asid))
				set[way].tag = 0;
		if (shift > 12 && tlb->filter_used) {
			unsigned n = filter_slot(va, shift);
			*large |= bit(tlb->filter[n / 64], n % 64);
		}
	}
	bank_tlbi(cpu, tlbi, va, false);
	*fetch |= code_may_hold(cpu, va);
}

/* Forgets fetches from pages that the TLBI names: for one ASID's own pages, that ASID's alone. */
static void code_tlbi(struct cpu *cpu, const struct tlbi *tlbi)
{
	struct tlb *tlb = tlb_of(cpu);

	if (tlbi->kind != TLBI_ASID && (tlbi->kind != TLBI_VA || tlb->el0_global || bit(tlbi->va, 55))) {
		code_flush_itlb(cpu);
		return;
	}
	for (unsigned i = 0; i < EL0_BANKS + 1; i++)
		if (i != BANK_EL1 && i != tlb->el0 && tlb->bank[i].valid && tlb->bank[i].asid == tlbi->asid)
			tlb->bank[i].code.drops = 0;
	if (tlbi->asid == mmu_asid(cpu) || cpu->el1_code_local)
		code_space_switch(cpu, NULL);
}

/* Write entries of watched pages: by the host page they lead to. */
static void writers_clear(struct cpu *cpu, unsigned n)
{
	struct tlb *tlb = tlb_of(cpu);

	for (unsigned i = 0; i < EL0_BANKS + 1; i++) {
		struct tlb_entry *write = cpu->banks[i].write;

		if (i != BANK_EL1 && !tlb->bank[i].valid)
			continue;
		for (unsigned slot = 0; slot < TLB_ENTRIES; slot++)
			if (watch_bit(write[slot].addend + write[slot].tag) == n)
				write[slot].tag = tlb_empty(slot);
	}
}

void tlb_apply(struct cpu *cpu, const struct tlbi *tlbi)
{
	struct tlb *tlb = tlb_of(cpu);
	bool large = false, fetch = false;

	switch (tlbi->kind) {
	case TLBI_VA:
	case TLBI_VA_ALL_ASID:
		/* Bounded: 256 pages one by one, else every entry is looked at. */
		if (tlbi->last - tlbi->va < 256 * PAGE) {
			for (u64 n = 0; n <= (tlbi->last - tlbi->va) / PAGE; n++)
				tlbi_page(cpu, tlbi, (tlbi->va & ~(PAGE - 1)) + n * PAGE, &large, &fetch);
			if (large)
				tlb_flush_direct(cpu);
			else if (fetch)
				code_tlbi(cpu, tlbi);
			return;
		}
		for (unsigned i = 0; i < SETS * WAYS; i++) {
			struct entry *e = &tlb->entry[0][0] + i;
			u64 first = e->tag & ~ones(e->shift);

			if (e->tag && first <= tlbi->last && tlbi->va <= first + ones(e->shift) &&
			    tlbi_takes(tlbi, e->global, e->asid))
				e->tag = 0;
		}
		tlb_flush_direct(cpu);
		return;
	case TLBI_ASID:
		for (unsigned i = 0; i < SETS * WAYS; i++) {
			struct entry *e = &tlb->entry[0][0] + i;

			if (e->tag && tlbi_takes(tlbi, e->global, e->asid))
				e->tag = 0;
		}
		for (unsigned i = 0; i < EL0_BANKS + 1; i++)
			if (i != BANK_EL1 && tlb->bank[i].valid && tlb->bank[i].asid == tlbi->asid)
				bank_clear(&cpu->banks[i]);
		if (tlbi->asid == mmu_asid(cpu))
			el1_special_clear(cpu);
		code_tlbi(cpu, tlbi);
		return;
	case TLBI_WRITERS: writers_clear(cpu, (unsigned)tlbi->va); return;
	default: tlb_flush_all(cpu); return;
	}
}

/* --- the slow path --- */

struct target {
	struct translation t;
	u8 *host;      /* of the first byte, if it can be pointed at for this access */
	bool nothing;  /* no memory there */
	bool io;       /* needs the machine lock */
	bool code;     /* holds decoded code, and is to be written */
	bool watched;  /* by the exclusive monitor, and is to be written */
};

/* An atomic read-modify-write faults as its read, if that would fault so too. [DDI0487 ESR_EL1, WnR] */
static u32 iss_of(unsigned flags)
{
	return (flags & ACCESS_WRITE) && !(flags & ACCESS_ATOMIC) ? ISS_WNR : 0;
}

static unsigned el_of(const struct cpu *cpu, unsigned flags)
{
	return (flags & ACCESS_EL0) && !(cpu->el && cpu->uao) ? 0 : cpu->el;
}

/* One page's worth: [va, va + size) does not leave its 4 KiB page. False: exception taken. */
static bool aim(struct cpu *cpu, u64 va, unsigned size, unsigned align, unsigned flags, u64 fault_va, struct target *to)
{
	enum mmu_access access = flags & ACCESS_WRITE ? MMU_WRITE : MMU_READ;
	bool write = access == MMU_WRITE, atomic = flags & ACCESS_ATOMIC;
	unsigned el = el_of(cpu, flags);
	const struct range *range;
	struct region *region;
	u64 offset;
	u32 fsc;

	*to = (struct target){0};
	if (!translate(cpu, va, access, el, cpu->pan && el == 1, &to->t, &fsc)) {
		u32 iss = iss_of(flags), ignored;

		if (atomic && translate(cpu, va, MMU_READ, el, cpu->pan && el == 1, &to->t, &ignored))
			iss |= ISS_WNR;
		mmu_data_abort(cpu, va, fsc | iss);
		return false;
	}
	if (to->t.device && (fault_va & (align - 1))) {
		mmu_data_abort(cpu, fault_va, FSC_ALIGNMENT | iss_of(flags));
		return false;
	}
	if (unlikely(cpu->cpus->debugger.watch_count) &&
	    ((atomic && debugger_watch(cpu, va, size, false)) || debugger_watch(cpu, va, size, write)))
		return false;
	if ((cpu->sys.mdscr & BIT(15)) &&
	    ((atomic && debug_watch(cpu, va, size, false, el, false)) || debug_watch(cpu, va, size, write, el, false)))
		return false;
	range = space_lookup(cpu->space, to->t.pa);
	if (!range) {
		to->nothing = true;
		return true;
	}
	region = range->region;
	offset = range->offset + (to->t.pa - range->base);
	if (region->host && !(write && region->readonly) && range->last - to->t.pa >= size - 1) {
		u64 page_pa = to->t.pa & ~(PAGE - 1);

		if (region->ready)
			region->ready(region, offset);
		to->host = region->host + offset;
		to->code = write && space_has_code(cpu->space, to->t.pa);
		to->watched = write && monitor_is_watching(cpu, to->host);
		if (page_pa >= range->base && range->last - page_pa >= PAGE - 1) {
			fill(cpu, va, el, &to->t, to->host, region->readonly, write);
			fill_large(cpu, va, el, &to->t, range, write);
		}
	} else {
		/* Also a piece that goes on into the next range, which may be a device. */
		to->io = !region->lockless || range->last - to->t.pa < size - 1;
	}
	return true;
}

bool tlb_refill(struct cpu *cpu, u64 va, bool write)
{
	const struct tlb_entry *entry = (write ? cpu->bank->write : cpu->bank->read) + ((va >> 12) & (TLB_ENTRIES - 1));
	const struct range *range;
	struct translation t;
	u64 page_pa, offset;

	if (!cpu_is_mmu_on(cpu) || cpu->cpus->config.stress_tlb || !recall(cpu, va, write ? MMU_WRITE : MMU_READ, cpu->el, cpu->pan && cpu->el, &t))
		return false;
	page_pa = t.pa & ~(PAGE - 1);
	range = space_lookup(cpu->space, page_pa);
	if (!range || !range->region->host || range->last - page_pa < PAGE - 1)
		return false;
	offset = range->offset + (page_pa - range->base);
	if (range->region->ready)
		range->region->ready(range->region, offset);
	fill(cpu, va, cpu->el, &t, range->region->host + offset + (va & (PAGE - 1)), range->region->readonly, write);
	fill_large(cpu, va, cpu->el, &t, range, write);
	return entry->tag == (va & ~(PAGE - 1));
}

static bool external_abort(struct cpu *cpu, u64 va, unsigned flags)
{
	guest_error(ACCESS_NOWHERE, "cpu %u: no memory answers at va 0x%llx", cpu->index, (unsigned long long)va);
	mmu_data_abort(cpu, va, FSC_EXTERNAL | iss_of(flags));
	return false;
}

/* Firmware's record is there before the abort is taken: the handler looks for it. The vCPU is out. */
static void poison_consumed(struct cpu *cpu, u64 pa)
{
	const struct cpus_config *config = &cpu->cpus->config;

	if (!config->poison_consumed)
		return;
	loop_lock(cpu->loop);
	config->poison_consumed(config->opaque, pa);
	loop_unlock(cpu->loop);
}

/* Device or piecewise access by the space. */
static bool far_access(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 *value)
{
	enum mem_result result;
	bool alive = true;

	if (to->nothing)
		return external_abort(cpu, va, flags);
	if (to->io)
		cpu_out(cpu);
	if (flags & ACCESS_WRITE)
		result = space_write(cpu->space, to->t.pa, size, *value);
	else
		result = space_read(cpu->space, to->t.pa, size, value);
	if (result == MEM_ABORT) {
		if (!to->io)
			cpu_out(cpu);
		poison_consumed(cpu, to->t.pa);
	}
	if (to->io || result == MEM_ABORT)
		alive = cpu_in(cpu);
	if (!alive)
		return false;
	if (result != MEM_OK)
		return external_abort(cpu, va, flags);
	return true;
}

static bool aligned_or_fault(struct cpu *cpu, u64 va, unsigned align, unsigned flags)
{
	if (likely(!(va & (align - 1))) || !(cpu->align_check || (flags & ACCESS_ALIGNED)))
		return true;
	mmu_data_abort(cpu, va, FSC_ALIGNMENT | iss_of(flags));
	return false;
}

u8 *access_host(struct cpu *cpu, u64 va, unsigned size, unsigned flags, bool *taken)
{
	struct target to;

	*taken = true;
	if (!aligned_or_fault(cpu, va, size, flags))
		return NULL;
	if ((va & (PAGE - 1)) + size > PAGE) {
		*taken = false;
		return NULL;
	}
	if (!aim(cpu, va, size, size, flags, va, &to))
		return NULL;
	/* DC ZVA, the only one of this size, may not clear Device memory. */
	if (size == 64 && to.t.device) {
		mmu_data_abort(cpu, va, FSC_ALIGNMENT | iss_of(flags));
		return NULL;
	}
	*taken = false;
	/* The caller writes where code was: forget that code first; without IC IVAU nothing more is promised. */
	if (to.host && to.code)
		code_invalidate(cpu->cpus, to.t.pa, size);
	if (to.host && to.watched && !(flags & ACCESS_MONITOR)) /* it may write more than `size`: MOPS */
		monitor_written(cpu, (const void *)((uintptr_t)to.host & ~(PAGE - 1)), PAGE);
	return to.host;
}

static bool read_piece(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 *value)
{
	if (to->host) {
		if (size == 1 || size == 2 || size == 4 || size == 8)
			*value = host_load(to->host, size);
		else
			*value = load_le(to->host, size);
		return true;
	}
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return far_access(cpu, va, size, flags, to, value);
	*value = 0;
	for (unsigned i = 0; i < size; i++) {
		struct target one = *to;
		u64 byte = 0;

		one.t.pa += i;
		if (!far_access(cpu, va + i, 1, flags, &one, &byte))
			return false;
		*value |= byte << (8 * i);
	}
	return true;
}

static bool write_piece(struct cpu *cpu, u64 va, unsigned size, unsigned flags, const struct target *to, u64 value)
{
	if (to->host) {
		if (to->watched)
			monitor_begin_write(cpu, to->host, size);
		if (size == 1 || size == 2 || size == 4 || size == 8)
			host_store(to->host, size, value);
		else
			store_le(to->host, size, value);
		if (to->watched)
			monitor_unlock(cpu);
		if (to->code)
			code_invalidate(cpu->cpus, to->t.pa, size);
		return true;
	}
	if (size == 1 || size == 2 || size == 4 || size == 8)
		return far_access(cpu, va, size, flags, to, &value);
	for (unsigned i = 0; i < size; i++) {
		struct target one = *to;
		u64 byte = (u8)(value >> (8 * i));

		one.t.pa += i;
		if (!far_access(cpu, va + i, 1, flags, &one, &byte))
			return false;
	}
	return true;
}

/* Whether a host pointer may still be used: going OUT for another piece may have let the map change. */
static bool aim_again(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 fault_va, struct target *to)
{
	return !to->host || aim(cpu, va, size, 1, flags, fault_va, to);
}

bool access_read_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 *value)
{
	unsigned first = (unsigned)(PAGE - (va & (PAGE - 1)));
	struct target to, next;
	u64 low = 0, high = 0;

	if (!aligned_or_fault(cpu, va, size, flags))
		return false;
	if (first >= size) {
		if (!aim(cpu, va, size, size, flags, va, &to) || !read_piece(cpu, va, size, flags, &to, &low))
			return false;
		*value = low;
		return true;
	}
	if (!aim(cpu, va, first, size, flags, va, &to) || !aim(cpu, va + first, size - first, size, flags, va, &next))
		return false;
	if (!read_piece(cpu, va, first, flags, &to, &low))
		return false;
	if (to.io && !aim_again(cpu, va + first, size - first, flags, va, &next))
		return false;
	if (!read_piece(cpu, va + first, size - first, flags, &next, &high))
		return false;
	*value = low | high << (8 * first);
	return true;
}

bool access_write_slow(struct cpu *cpu, u64 va, unsigned size, unsigned flags, u64 value)
{
	unsigned first = (unsigned)(PAGE - (va & (PAGE - 1)));
	struct target to, next;

	flags |= ACCESS_WRITE;
	if (!aligned_or_fault(cpu, va, size, flags))
		return false;
	if (first >= size)
		return aim(cpu, va, size, size, flags, va, &to) && write_piece(cpu, va, size, flags, &to, value);
	if (!aim(cpu, va, first, size, flags, va, &to) || !aim(cpu, va + first, size - first, size, flags, va, &next))
		return false;
	if (!write_piece(cpu, va, first, flags, &to, value & ones(8 * first)))
		return false;
	if (to.io && !aim_again(cpu, va + first, size - first, flags, va, &next))
		return false;
	return write_piece(cpu, va + first, size - first, flags, &next, value >> (8 * first));
}

bool access_read128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 *value)
{
	struct target to;
	u64 low, high;

	if (!aligned_or_fault(cpu, va, 16, flags))
		return false;
	flags &= ~(unsigned)ACCESS_ALIGNED;
	/* One element: its halves are accesses of their own only in Normal memory. */
	if ((va & 15) && !aim(cpu, va, 1, 16, flags, va, &to))
		return false;
	/* The far end first, if it is in another page: its fault may not follow a device read. */
	if ((va & (PAGE - 1)) > PAGE - 16 && !aim(cpu, va, (unsigned)(PAGE - (va & (PAGE - 1))), 8, flags, va, &to))
		return false;
	if ((va & (PAGE - 1)) > PAGE - 16 && !aim(cpu, (va + 15) & ~(PAGE - 1), 1, 8, flags, va, &to))
		return false;
	if (!access_read_slow(cpu, va, 8, flags, &low) || !access_read_slow(cpu, va + 8, 8, flags, &high))
		return false;
	*value = (u128)high << 64 | low;
	return true;
}

bool access_write128_slow(struct cpu *cpu, u64 va, unsigned flags, u128 value)
{
	struct target to;

	flags |= ACCESS_WRITE;
	if (!aligned_or_fault(cpu, va, 16, flags))
		return false;
	flags &= ~(unsigned)ACCESS_ALIGNED;
	/* One element: its halves are accesses of their own only in Normal memory. */
	if ((va & 15) && !aim(cpu, va, 1, 16, flags, va, &to))
		return false;
	if ((va & (PAGE - 1)) > PAGE - 16 && !aim(cpu, va, (unsigned)(PAGE - (va & (PAGE - 1))), 8, flags, va, &to))
		return false;
	if ((va & (PAGE - 1)) > PAGE - 16 && !aim(cpu, (va + 15) & ~(PAGE - 1), 1, 8, flags, va, &to))
		return false;
	return access_write_slow(cpu, va, 8, flags, (u64)value) &&
	       access_write_slow(cpu, va + 8, 8, flags, (u64)(value >> 64));
}

bool access_fetch(struct cpu *cpu, u64 va, u64 *pa, const u8 **host_page)
{
	enum esr_class class = cpu->el ? EC_INSN_SAME : EC_INSN_LOWER;
	const struct range *range;
	struct translation t;
	u64 page_pa;
	u32 fsc;

	*host_page = NULL;
	if (va & 3) {
		cpu_enter(cpu, EC_PC_ALIGN, 0, va, true, va);
		return false;
	}
	if (!translate(cpu, va, MMU_FETCH, cpu->el, false, &t, &fsc)) {
		cpu_enter(cpu, class, fsc, va, true, va);
		return false;
	}
	range = space_lookup(cpu->space, t.pa);
	if (!range) {
		cpu_enter(cpu, class, FSC_EXTERNAL, va, true, va);
		return false;
	}
	filter_add(tlb_of(cpu), va, &t);
	if (cpu->el && !t.global && !t.flat)
		cpu->el1_code_local = true;
	if (cpu->el == 0 && t.global)
		tlb_of(cpu)->el0_global = true;
	*pa = t.pa;
	page_pa = t.pa & ~(PAGE - 1);
	if (range->region->host && page_pa >= range->base && range->last - page_pa >= PAGE - 1) {
		u64 offset = range->offset + (page_pa - range->base);

		if (range->region->ready)
			range->region->ready(range->region, offset);
		*host_page = range->region->host + offset;
	}
	return true;
}

bool tlb_translate(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, u32 iss, u64 *pa, bool *device)
{
	struct translation t;
	u32 fsc;

	/* PAN is not for cache maintenance. */
	if (!translate(cpu, va, access, el, false, &t, &fsc)) {
		mmu_data_abort(cpu, va, fsc | iss);
		return false;
	}
	*pa = t.pa;
	*device = t.device;
	return true;
}

/* --- copies for the emulator's own use --- */

static bool copy(struct cpu *cpu, u64 va, u8 *to, const u8 *from, u64 size)
{
	while (size) {
		u64 part = MIN(size, PAGE - (va & (PAGE - 1)));
		const struct range *range;
		struct translation t;
		u32 fsc;

		if (!translate(cpu, va, from ? MMU_WRITE : MMU_READ, 1, false, &t, &fsc))
			return false;
		range = space_lookup(cpu->space, t.pa);
		if (!range || !range->region->host || (from && range->region->readonly) ||
		    range->last - t.pa < part - 1)
			return false;
		if (range->region->ready)
			range->region->ready(range->region, range->offset + (t.pa - range->base));
		if (from && monitor_is_watching(cpu, range->region->host + range->offset + (t.pa - range->base)))
			monitor_written(cpu, range->region->host + range->offset + (t.pa - range->base), part);
		if (from)
			memcpy(range->region->host + range->offset + (t.pa - range->base), from, part);
		else
			memcpy(to, range->region->host + range->offset + (t.pa - range->base), part);
		if (from && space_has_code(cpu->space, t.pa))
			code_invalidate(cpu->cpus, t.pa, part);
		va += part;
		to += from ? 0 : part;
		from += from ? part : 0;
		size -= part;
	}
	return true;
}

bool access_copy_in(struct cpu *cpu, u64 va, void *to, u64 size)
{
	return copy(cpu, va, to, NULL, size);
}

bool access_copy_out(struct cpu *cpu, u64 va, const void *from, u64 size)
{
	return copy(cpu, va, NULL, from, size);
}
