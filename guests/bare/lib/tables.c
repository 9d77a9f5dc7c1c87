/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables of any granule, and the MMU's registers. [DDI0487 D8] */
#include "bare.h"

struct tables flat;
static u64 free_page;

void *page_alloc(u64 size)
{
	u64 at;

	if (!free_page)
		free_page = (u64)end_of_program;
	at = (free_page + size - 1) & ~(size - 1);
	free_page = at + size;
	for (u64 p = at; p < at + size; p += 8)
		*(volatile u64 *)p = 0;
	return (void *)at;
}

static unsigned start_level(const struct tables *t)
{
	unsigned stride = t->shift - 3;

	return 4 - (t->va_bits - t->shift + stride - 1) / stride;
}

void tables_init(struct tables *t, unsigned shift, unsigned va_bits)
{
	t->shift = shift;
	t->va_bits = va_bits;
	t->root = (u64)page_alloc(1ul << shift);
}

u64 *table_slot(struct tables *t, u64 va, unsigned level)
{
	unsigned stride = t->shift - 3, at = start_level(t);
	u64 *table = (u64 *)t->root;

	va &= BIT(t->va_bits) - 1;
	for (;; at++) {
		unsigned lsb = t->shift + (3 - at) * stride;
		u64 *slot = &table[at == start_level(t) ? va >> lsb : (va >> lsb & (BIT(stride) - 1))];

		if (at == level)
			return slot;
		if (!(*slot & 1))
			*slot = (u64)page_alloc(1ul << t->shift) | 3;
		table = (u64 *)(*slot & 0xffffffffffff & ~(BIT(t->shift) - 1));
	}
}

u64 *map(struct tables *t, u64 va, u64 pa, u64 attributes, unsigned level)
{
	u64 *slot = table_slot(t, va, level);

	*(volatile u64 *)slot = pa | attributes | (level == 3 ? 3 : 1);
	return slot;
}

void map_machine(struct tables *t)
{
	u64 block = BIT(t->shift + t->shift - 3);

	for (u64 pa = 0x08000000ul & ~(block - 1); pa < 0x0a000000ul; pa += block)
		map(t, pa, pa, D_DEV, 2);
	for (u64 pa = RAM; pa < RAM_END; pa += block)
		map(t, pa, pa, D_RAM, 2);
}

u64 tcr_for(const struct tables *t)
{
	u64 tg0 = t->shift == 12 ? 0 : t->shift == 14 ? 2 : 1;

	/* IPS 48 bits, inner shareable write-back walks, EPD1. */
	return (64 - t->va_bits) | tg0 << 14 | 3ul << 12 | 1ul << 10 | 1ul << 8 | BIT(23) | 5ul << 32;
}

void mmu_set(u64 ttbr0, u64 tcr)
{
	dsb();
	write_sysreg(MAIR, mair_el1);
	write_sysreg(tcr, tcr_el1);
	write_sysreg(ttbr0, ttbr0_el1);
	isb();
	tlbi_all();
	write_sysreg(SCTLR_ON, sctlr_el1);
	isb();
}

void mmu_off(void)
{
	dsb();
	write_sysreg(SCTLR_OFF | 0x18, sctlr_el1);
	isb();
	tlbi_all();
	el0_offset = 0;
}

void mmu_flat(void)
{
	if (!flat.root) {
		tables_init(&flat, 12, 39);
		map_machine(&flat);
		for (u64 pa = RAM; pa < RAM_END; pa += BIT(21))
			map(&flat, EL0_ALIAS + pa, pa, D_ATTR(ATTR_NORMAL) | D_ISH | D_AF | D_EL0 | D_PXN, 2);
	}
	mmu_set(flat.root, tcr_for(&flat));
	el0_offset = EL0_ALIAS;
}
