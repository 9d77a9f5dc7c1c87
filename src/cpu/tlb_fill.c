/* SPDX-License-Identifier: BSD-2-Clause */
/* How a translation comes into the soft TLB (tlb.h): walk -> level 2 -> level 1. */
#include "cpu/tlb.h"

static struct tlb2_entry *entry_find(struct tlb *tlb, u64 canonical, u16 asid)
{
	for (u64 left = tlb->sizes; left; left &= left - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(left);
		u64 tag = (canonical & ~ones(shift)) + shift;
		struct tlb2_entry *set = tlb->entry[tlb2_set_of(canonical, shift)];

		for (unsigned way = 0; way < TLB2_WAYS; way++)
			if (set[way].tag == tag && (set[way].global || set[way].asid == asid))
				return &set[way];
	}
	return NULL;
}

static void entry_insert(struct tlb *tlb, u64 canonical, u16 asid, const struct translation *t)
{
	unsigned index = tlb2_set_of(canonical, t->span), way = tlb->next[index] % TLB2_WAYS;
	u64 tag = (canonical & ~ones(t->span)) + t->span;
	struct tlb2_entry *set = tlb->entry[index];

	for (unsigned i = 0; i < TLB2_WAYS; i++) {
		if (set[i].tag == tag && (set[i].global || t->global || set[i].asid == asid)) {
			way = i;
			break;
		}
		if (!set[i].tag)
			way = i;
	}
	if (set[way].tag && set[way].tag != tag)
		tlb->next[index]++;
	set[way] = (struct tlb2_entry){
		.tag = tag,
		.pa = t->pa & ~ones(t->span),
		.asid = asid,
		.may = t->may,
		.level = t->level,
		.attr = t->attr,
		.shift = t->shift,
		.span = t->span,
		.global = t->global,
		.device = t->device,
		.clean = t->clean,
	};
	tlb->sizes |= BIT(t->shift) | BIT(t->span);
}

/* What is known without a walk. The MMU is on. */
static bool recall(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, bool pan, struct translation *t)
{
	u64 canonical = mmu_canonical(va);
	struct tlb2_entry *e = entry_find(tlb_of(cpu), canonical, mmu_asid(cpu));

	if (!e)
		return false;
	/* An untagged address, or one whose tag is ignored; and E0PD and EPD are looked at by the walk. */
	if (canonical != va && !bit(cpu->sys.tcr, bit(va, 55) ? 38 : 37))
		return false;
	if (el == 0 && bit(cpu->sys.tcr, bit(va, 55) ? 56 : 55))
		return false;
	*t = (struct translation){
		.pa = e->pa | (va & ones(e->span)),
		.shift = e->shift,
		.span = e->span,
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

bool tlb_lookup(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, bool pan, struct translation *t, u32 *fsc)
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

static void filter_add(struct tlb *tlb, u64 va, const struct translation *t)
{
	unsigned n = tlb_filter_slot(mmu_canonical(va), t->shift);

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
		tlb->stress[n].bank->read[old].tag = tlb->stress[n].bank->write[old].tag =
			tlb_watched_of(tlb->stress[n].bank, old)->tag = tlb_empty(old);
	tlb->stress[n].bank = bank;
	tlb->stress[n].slot = slot;
}

/* Entries of EL1's bank that an ASID or PAN takes away. */
static bool is_special(const struct translation *t)
{
	return !t->flat && (!t->global || (t->may & (MAY_R0 | MAY_X0)));
}

/* The page. What was not asked for is filled only where nothing is lost: source and destination of a copy often share a
 * slot. */
static void fill_page(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const u8 *host, bool readonly,
		      bool write)
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
	if ((!write || bank->read[slot].tag == tlb_empty(slot)) && mmu_allows(cpu, t, MMU_READ, el, pan) &&
	    !debug_covers_page(cpu, page, false))
		bank->read[slot] = (struct tlb_entry){page, addend};
	if ((write || bank->write[slot].tag == tlb_empty(slot)) && !readonly && !t->clean &&
	    mmu_allows(cpu, t, MMU_WRITE, el, pan) && !debug_covers_page(cpu, page, true) &&
	    !space_has_code(cpu->space, t->pa))
		*(monitor_is_watching(cpu, host) ? tlb_watched_of(bank, slot) : &bank->write[slot]) =
			(struct tlb_entry){page, addend};
}

/* The block of 2 MiB around it. Watchpoints are of pages; so are code and the exclusive monitor's watches, which are
 * looked at when a page of the block is entered for writing. */
static void fill_large(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const struct range *range,
		       bool write)
{
	static const u64 no_code[BIT(TLB_LARGE_SHIFT - 12) / 64];
	u64 block = va & ~ones(TLB_LARGE_SHIFT), pa = t->pa & ~ones(TLB_LARGE_SHIFT),
	    offset = range->offset + (pa - range->base);
	unsigned slot = (unsigned)(va >> TLB_LARGE_SHIFT) & (TLB_LARGE_ENTRIES - 1);
	struct tlb_large *large = &tlb_bank_of(cpu, el)->large[write][slot];

	if (t->shift < TLB_LARGE_SHIFT || large->tag == block || t->device || cpu->align_check ||
	    (el && is_special(t)) || (write && (range->region->readonly || t->clean)) || (cpu->sys.mdscr & BIT(15)) ||
	    cpu->cpus->debugger.watch_count || cpu->cpus->config.stress_tlb || pa < range->base ||
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

void tlb_fill(struct cpu *cpu, u64 va, unsigned el, const struct translation *t, const struct range *range,
	      const u8 *host, bool write)
{
	if (!range_has_page(range, t->pa))
		return;
	fill_page(cpu, va, el, t, host, range->region->readonly, write);
	fill_large(cpu, va, el, t, range, write);
}

bool tlb_refill(struct cpu *cpu, u64 va, bool write)
{
	const struct tlb_entry *entry = (write ? cpu->bank->write : cpu->bank->read) + ((va >> 12) & (TLB_ENTRIES - 1));
	const struct range *range;
	struct translation t;

	if (!cpu_is_mmu_on(cpu) || cpu->cpus->config.stress_tlb ||
	    !recall(cpu, va, write ? MMU_WRITE : MMU_READ, cpu->el, cpu->pan && cpu->el, &t))
		return false;
	range = space_lookup(cpu->space, t.pa);
	if (!range || !range->region->host || !range_has_page(range, t.pa))
		return false;
	tlb_fill(cpu, va, cpu->el, &t, range, range_host(range, t.pa), write);
	return entry->tag == (va & ~(PAGE - 1));
}

void tlb_note_fetch(struct cpu *cpu, u64 va, const struct translation *t)
{
	filter_add(tlb_of(cpu), va, t);
	if (cpu->el && !t->flat && !bit(va, 55))
		cpu->el1_code_low = true;
	else if (cpu->el && !t->flat && !t->global)
		cpu->el1_code_own = true;
	if (cpu->el == 0 && t->global)
		tlb_of(cpu)->el0_global = true;
}

bool tlb_translate(struct cpu *cpu, u64 va, enum mmu_access access, unsigned el, u32 iss, u64 *pa, bool *device)
{
	struct translation t;
	u32 fsc;

	/* PAN is not for cache maintenance. */
	if (!tlb_lookup(cpu, va, access, el, false, &t, &fsc)) {
		mmu_data_abort(cpu, va, fsc | iss);
		return false;
	}
	*pa = t.pa;
	*device = t.device;
	return true;
}
