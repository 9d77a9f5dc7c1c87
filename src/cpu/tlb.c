/* SPDX-License-Identifier: BSD-2-Clause */
/* The soft TLB's life: its banks, one of them current per EL and ASID, and flushes. What it is, tlb.h says. */
#include <stdlib.h>
#include <string.h>

#include "cpu/code.h"
#include "cpu/exec.h"
#include "cpu/tlb.h"

void tlb_bank_clear(struct tlb_bank *bank)
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
	cpu->banks = aligned_alloc(4096, align_up(BANKS * sizeof(struct tlb_bank), 4096));
	cpu->tlb2 = calloc(1, sizeof(struct tlb));
	cpu->itlb = calloc(ITLB_ENTRIES, sizeof(struct itlb_entry));
	if (!cpu->banks || !cpu->tlb2 || !cpu->itlb)
		return fail(err, "-smp: no memory for the TLB of vCPU %u", cpu->index);
	for (unsigned i = 0; i < BANKS; i++)
		tlb_bank_clear(&cpu->banks[i]);
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

	tlb_bank_clear(&cpu->banks[BANK_EL1]);
	for (unsigned i = 0; i < BANKS; i++)
		if (i != BANK_EL1 && tlb->bank[i].valid)
			tlb_bank_clear(&cpu->banks[i]);
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

	if (tlb->sizes)
		memset(tlb->entry, 0, sizeof(tlb->entry));
	tlb->sizes = 0;
	tlb_flush_direct(cpu);
}

void tlb_el1_special_clear(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);
	struct tlb_bank *bank = &cpu->banks[BANK_EL1];

	if (tlb->el1_special_overflow) {
		tlb_bank_clear(bank);
	} else {
		for (unsigned i = 0; i < tlb->el1_special_count; i++) {
			unsigned slot = tlb->el1_special[i];

			bank->read[slot].tag = bank->write[slot].tag = tlb_watched_of(bank, slot)->tag =
				tlb_empty(slot);
		}
	}
	tlb->el1_special_count = 0;
	tlb->el1_special_overflow = false;
}

void tlb_pan_set(struct cpu *cpu)
{
	tlb_el1_special_clear(cpu);
}

void tlb_asid_changed(struct cpu *cpu)
{
	struct tlb *tlb = tlb_of(cpu);
	u16 asid = mmu_asid(cpu);
	unsigned found = 0, oldest = BANK_EL0;
	bool hit = false;

	if (tlb->bank[tlb->el0].valid && tlb->bank[tlb->el0].asid == asid)
		return;
	tlb_el1_special_clear(cpu);
	for (unsigned i = 0; i < BANKS && !hit; i++) {
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
			tlb_bank_clear(&cpu->banks[found]);
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
