/* SPDX-License-Identifier: BSD-2-Clause */
/* What a TLBI takes out of the soft TLB (tlb.h), by the vCPU's own instruction or by mail. */
#include "cpu/code.h"
#include "cpu/tlb.h"

static void slot_clear(struct tlb_bank *bank, u64 canonical)
{
	unsigned slot = (unsigned)(canonical >> 12) & (TLB_ENTRIES - 1);
	u64 page = canonical & ~(PAGE - 1);

	/* Tags keep the top byte of the access, which may be ignored. */
	if (!((bank->read[slot].tag ^ page) << 8))
		bank->read[slot].tag = tlb_empty(slot);
	if (!((bank->write[slot].tag ^ page) << 8))
		bank->write[slot].tag = tlb_empty(slot);
	if (!((tlb_watched_of(bank, slot)->tag ^ page) << 8))
		tlb_watched_of(bank, slot)->tag = tlb_empty(slot);
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

	for (unsigned i = 0; i < BANKS; i++) {
		bool mine = i == BANK_EL1 ||
			    (tlb->bank[i].valid && (tlb->el0_global || tlbi_takes(tlbi, false, tlb->bank[i].asid)));

		if (!mine)
			continue;
		if (!whole)
			slot_clear(&cpu->banks[i], va);
		else
			tlb_bank_clear(&cpu->banks[i]);
	}
}

static void tlbi_page(struct cpu *cpu, const struct tlbi *tlbi, u64 va, bool *large, bool *fetch)
{
	struct tlb *tlb = tlb_of(cpu);

	for (u64 left = tlb->sizes; left; left &= left - 1) {
		unsigned shift = (unsigned)__builtin_ctzll(left);
		u64 tag = (va & ~ones(shift)) + shift;
		struct tlb2_entry *set = tlb->entry[tlb2_set_of(va, shift)];

		for (unsigned way = 0; way < TLB2_WAYS; way++)
			if (set[way].tag == tag && tlbi_takes(tlbi, set[way].global, set[way].asid))
				set[way].tag = 0;
		if (shift > 12 && tlb->filter_used) {
			unsigned n = tlb_filter_slot(va, shift);
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
	for (unsigned i = 0; i < BANKS; i++)
		if (i != BANK_EL1 && i != tlb->el0 && tlb->bank[i].valid && tlb->bank[i].asid == tlbi->asid)
			tlb->bank[i].code.drops = 0;
	if (tlbi->asid == mmu_asid(cpu) || cpu->el1_code_low)
		code_space_switch(cpu, NULL);
}

/* Write entries of watched pages: by the host page they lead to. */
static void writers_clear(struct cpu *cpu, unsigned n)
{
	struct tlb *tlb = tlb_of(cpu);

	for (unsigned i = 0; i < BANKS; i++) {
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
		for (unsigned i = 0; i < TLB2_SETS * TLB2_WAYS; i++) {
			struct tlb2_entry *e = &tlb->entry[0][0] + i;
			u64 first = e->tag & ~ones(e->span);

			if (e->tag && first <= tlbi->last && tlbi->va <= first + ones(e->span) &&
			    tlbi_takes(tlbi, e->global, e->asid))
				e->tag = 0;
		}
		tlb_flush_direct(cpu);
		return;
	case TLBI_ASID:
		for (unsigned i = 0; i < TLB2_SETS * TLB2_WAYS; i++) {
			struct tlb2_entry *e = &tlb->entry[0][0] + i;

			if (e->tag && tlbi_takes(tlbi, e->global, e->asid))
				e->tag = 0;
		}
		for (unsigned i = 0; i < BANKS; i++)
			if (i != BANK_EL1 && tlb->bank[i].valid && tlb->bank[i].asid == tlbi->asid)
				tlb_bank_clear(&cpu->banks[i]);
		if (tlbi->asid == mmu_asid(cpu))
			tlb_el1_special_clear(cpu);
		code_tlbi(cpu, tlbi);
		return;
	case TLBI_WRITERS: writers_clear(cpu, (unsigned)tlbi->va); return;
	default: tlb_flush_all(cpu); return;
	}
}
