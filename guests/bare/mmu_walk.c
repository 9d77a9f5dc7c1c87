/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage 1 with every granule: levels, faults and their levels, rights, AF and dirty state, PAN, TBI, contiguous, AT. [DDI0487 D8] */
#include "bare.h"

#define VA 0x800000000000ul /* where the tests map things: a top-level entry of its own */

static struct tables t;
static u64 tcr, ram, other; /* two pages of RAM with known words */

static noinline u64 el0_load(u64 a, u64 b) { return *(volatile u64 *)a; }
static noinline u64 el0_store(u64 a, u64 b) { *(volatile u64 *)a = b; return 0; }

static u64 el0_try(u64 (*fn)(u64, u64), u64 a)
{
	exc_begin();
	el0_call(fn, a, 5);
	return self()->count ? self()->esr : 0;
}

/* 0, or the syndrome */
static u64 try_read(u64 va)
{
	u64 v;

	exc_begin();
	asm volatile("ldr %0, [%1]" : "=&r"(v) : "r"(va) : "memory");
	return self()->count ? self()->esr : 0;
}

static u64 try_write(u64 va)
{
	exc_begin();
	asm volatile("str %0, [%0]" :: "r"(va) : "memory");
	return self()->count ? self()->esr : 0;
}

static u64 try_call(u64 va)
{
	exc_begin();
	guarded_call((void *)va, 0, 0);
	return self()->count ? self()->esr : 0;
}

static void remap(u64 va, u64 pa, u64 attributes, unsigned level)
{
	map(&t, va, pa, attributes, level);
	tlbi_all();
}

#define READ_FAULT(fsc) EC(0x25, fsc)
#define WRITE_FAULT(fsc) EC(0x25, 0x40 | (fsc))
#define FETCH_FAULT(fsc) EC(0x21, fsc)

static void faults_by_level(unsigned shift)
{
	unsigned stride = shift - 3, first = 4 - (48 - shift + stride - 1) / stride;

	for (unsigned level = first; level <= 3; level++) {
		u64 *slot = table_slot(&t, VA, level), kept = *slot;

		*(volatile u64 *)slot = 0;
		tlbi_all();
		check("translation fault", try_read(VA), READ_FAULT(4 + level));
		check("translation fault, far", self()->far, VA);
		check("translation fault on write", try_write(VA), WRITE_FAULT(4 + level));
		exc_begin();
		asm volatile(".arch armv8.2-a\n ldadd x9, x9, [%0]" :: "r"(VA) : "x9", "memory");
		check("translation fault on ldadd", self()->esr, READ_FAULT(4 + level));
		check("translation fault on fetch", try_call(VA), FETCH_FAULT(4 + level));
		if (level == 3) {
			*(volatile u64 *)slot = ram | D_RAM | 1; /* reserved */
			tlbi_all();
			check("reserved page", try_read(VA), READ_FAULT(7));
		}
		*(volatile u64 *)slot = kept;
		if (level < 3) { /* the table's own address too big for IPS = 36 bits */
			*(volatile u64 *)slot = (kept & ~(0xfful << 40)) | BIT(40);
			write_sysreg((tcr & ~(7ul << 32)) | 1ul << 32, tcr_el1);
			isb();
			tlbi_all();
			check("address size fault", try_read(VA), READ_FAULT(level));
			write_sysreg(tcr, tcr_el1);
			isb();
			/* Where there is no memory: an external abort on the walk. */
			*(volatile u64 *)slot = (0xff0000000000ul) | 3;
			tlbi_all();
			check("external abort on walk", try_read(VA), READ_FAULT(0x15 + level));
			*(volatile u64 *)slot = kept;
		}
		tlbi_all();
		check("works again", try_read(VA), 0);
	}
}

static void rights(void)
{
	unsigned level = 3;
	bool pan = read_sysreg(id_aa64mmfr1_el1) >> 20 & 15;

	for (unsigned i = 0; i < 16; i++) {
		u64 bits = (i & 1 ? D_EL0 : 0) | (i & 2 ? D_RO : 0) | (i & 4 ? D_UXN : 0) | (i & 8 ? D_PXN : 0);
		bool el0 = i & 1, ro = i & 2;

		*(volatile u32 *)ram = 0xd65f03c0; /* ret */
		code_changed((void *)ram, 4);
		remap(VA, ram, D_ATTR(ATTR_NORMAL) | D_ISH | D_AF | bits, 3);
		check("EL1 reads", try_read(VA + 64), 0);
		check("EL1 writes", try_write(VA + 64), ro ? WRITE_FAULT(0xc + level) : 0);
		check("EL0 reads", el0_try(el0_load, VA + 64), el0 ? 0 : EC(0x24, 0x0f));
		check("EL0 writes", el0_try(el0_store, VA + 64), el0 && !ro ? 0 : EC(0x24, 0x4f));
		check("EL1 fetches", try_call(VA), (i & 8) || (el0 && !ro) ? FETCH_FAULT(0xf) : 0);
		/* UXN keeps EL0 from executing: a fetch at EL0 that is allowed returns to el0_end. */
		exc_begin();
		el0_run((void *)(VA - el0_offset), 0, 0, 0x3c0);
		check("EL0 fetches", self()->count ? self()->esr : 0, i & 4 ? EC(0x20, 0xf) : 0);
		exc_begin();
		asm volatile("ldtr x9, [%0]" :: "r"(VA + 64) : "x9", "memory");
		check("ldtr", self()->count ? self()->esr : 0, el0 ? 0 : READ_FAULT(0xf));
		exc_begin();
		asm volatile("sttr x9, [%0]" :: "r"(VA + 64) : "memory");
		check("sttr", self()->count ? self()->esr : 0, el0 && !ro ? 0 : WRITE_FAULT(0xf));
		/* An atomic operation faults as a read, if the read would fault. */
		exc_begin();
		asm volatile(".arch armv8.2-a\n ldadd x9, x9, [%0]" :: "r"(VA + 64) : "x9", "memory");
		check("ldadd", self()->count ? self()->esr : 0, ro ? WRITE_FAULT(0xf) : 0);
		if (pan) {
			asm volatile(".arch armv8.2-a\n msr pan, #1");
			check("EL1 reads with PAN", try_read(VA + 64), el0 ? READ_FAULT(0xf) : 0);
			check("EL1 writes with PAN", try_write(VA + 64), ro || el0 ? WRITE_FAULT(0xf) : 0);
			exc_begin();
			asm volatile("ldtr x9, [%0]" :: "r"(VA + 64) : "x9", "memory");
			check("ldtr with PAN", self()->count ? self()->esr : 0, el0 ? 0 : READ_FAULT(0xf));
			asm volatile("at s1e1rp, %0; isb" :: "r"(VA));
			check("at s1e1rp", read_sysreg(par_el1) & 1, el0);
			asm volatile("msr pan, #0");
			check("EL1 reads after PAN", try_read(VA + 64), 0);
		}
		asm volatile("at s1e1r, %0; isb" :: "r"(VA + 0x123));
		check("at s1e1r", read_sysreg(par_el1), (ram & 0xfffffffff000) | 0xfful << 56 | 3 << 7 | BIT(11));
		asm volatile("at s1e0w, %0; isb" :: "r"(VA + 0x123));
		check("at s1e0w", read_sysreg(par_el1) & 0x7f, el0 && !ro ? 0 : 0x1f);
		asm volatile("at s1e1w, %0; isb" :: "r"(VA + 0x123));
		check("at s1e1w", read_sysreg(par_el1) & 0x7f, ro ? 0x1f : 0);
	}
	/* Hierarchical rights of the table above. */
	u64 *above = table_slot(&t, VA, 2), kept = *above;

	remap(VA, ram, D_RAM & ~D_UXN, 3);
	*(volatile u64 *)above = kept | BIT(62); /* APTable: read-only */
	tlbi_all();
	check("APTable read-only", try_write(VA), WRITE_FAULT(0xf));
	check("APTable lets read", try_read(VA), 0);
	*(volatile u64 *)above = kept | BIT(59); /* PXNTable */
	tlbi_all();
	check("PXNTable", try_call(VA), FETCH_FAULT(0xf));
	*(volatile u64 *)above = kept | BIT(61); /* APTable: not EL0 */
	remap(VA, ram, D_RAM | D_EL0, 3);
	check("APTable no EL0", el0_try(el0_load, VA), EC(0x24, 0xf));
	*(volatile u64 *)above = kept;
	tlbi_all();
}

static void access_flag(void)
{
	u64 *slot = map(&t, VA, ram, (D_RAM | D_RO | D_DBM) & ~D_AF, 3);

	tlbi_all();
	check("access flag fault", try_read(VA), READ_FAULT(0xb));
	check("access flag fault on write comes first", try_write(VA), WRITE_FAULT(0xb));
	asm volatile("at s1e1r, %0; isb" :: "r"(VA));
	check("at without AF", read_sysreg(par_el1) & 0x7f, 0x17);
	if ((read_sysreg(id_aa64mmfr1_el1) & 15) < 2)
		return;
	write_sysreg(tcr | BIT(39), tcr_el1); /* HA */
	isb();
	tlbi_all();
	check("HA: read", try_read(VA), 0);
	check("HA: AF is set", *(volatile u64 *)slot >> 10 & 1, 1);
	check("HA without HD: still read-only", try_write(VA), WRITE_FAULT(0xf));
	write_sysreg(tcr | BIT(39) | BIT(40), tcr_el1); /* HD */
	isb();
	tlbi_all();
	check("HD: read leaves it clean", try_read(VA), 0);
	check("HD: clean", *(volatile u64 *)slot >> 7 & 1, 1);
	asm volatile("dc cvac, %0; at s1e1w, %0; isb" :: "r"(VA) : "memory");
	check("HD: clean after cache maintenance", *(volatile u64 *)slot >> 7 & 1, 1);
	check("HD: write", try_write(VA), 0);
	check("HD: dirty", *(volatile u64 *)slot >> 7 & 1, 0);
	map(&t, VA, ram, D_RAM | D_RO | D_DBM, 3);
	tlbi_all();
	exc_begin();
	/* A store exclusive that fails may or may not dirty; a CAS that fails may too; one that succeeds must. */
	asm volatile(".arch armv8.2-a\n ldxr x9, [%0]; stxr w10, x9, [%0]" :: "r"(VA) : "x9", "x10", "memory");
	exc_none("HD: stxr");
	check("HD: stxr dirties", *(volatile u64 *)slot >> 7 & 1, 0);
	map(&t, VA, ram, D_RAM | D_RO | D_DBM, 3);
	tlbi_all();
	exc_begin();
	asm volatile("ldadd x9, x9, [%0]" :: "r"(VA) : "x9", "memory");
	exc_none("HD: ldadd");
	check("HD: ldadd dirties", *(volatile u64 *)slot >> 7 & 1, 0);
	map(&t, VA, ram, D_RAM | D_RO, 3);
	tlbi_all();
	check("read-only without DBM", try_write(VA), WRITE_FAULT(0xf));
	write_sysreg(tcr, tcr_el1);
	isb();
}

static void top_byte(void)
{
	remap(VA, ram, D_RAM, 3);
	check("no TBI", try_read(VA | 0x5aul << 56), READ_FAULT(4));
	check("no TBI, far", self()->far, VA | 0x5aul << 56);
	write_sysreg(tcr | BIT(37), tcr_el1);
	isb();
	tlbi_all();
	*(volatile u64 *)ram = 0x1234;
	check("TBI", read64(VA | 0x5aul << 56), 0x1234);
	check("TBI write", try_write(VA | 0xa5ul << 56), 0);
	check("TBI same memory", *(volatile u64 *)ram, VA | 0xa5ul << 56);
	check("TBI fault", try_read((VA + 0x1000000) | 0x77ul << 56), READ_FAULT(t.shift == 12 ? 6 : t.shift == 14 ? 7 : 7));
	check("TBI far keeps the tag", self()->far, (VA + 0x1000000) | 0x77ul << 56);
	/* A branch loses the tag. */
	remap(VA, ram, D_RAM & ~D_UXN, 3);
	*(volatile u64 *)ram = 0xd65f03c0100000e0ul >> 32 | 0ul;
	*(volatile u32 *)ram = 0x10000000; /* adr x0, . */
	*(volatile u32 *)(ram + 4) = 0xd65f03c0;
	code_changed((void *)ram, 8);
	check("branch strips the tag", guarded_call((void *)(VA | 0x33ul << 56), 0, 0), VA);
	write_sysreg(tcr, tcr_el1);
	isb();
	tlbi_all();
}

static void contiguous(void)
{
	unsigned count = t.shift == 12 ? 16 : t.shift == 14 ? 128 : 32;
	u64 size = BIT(t.shift), area = (u64)page_alloc(size * count);

	for (unsigned i = 0; i < count; i++) {
		map(&t, VA + (1ul << 30) + i * size, area + i * size, D_RAM | D_CONT, 3);
		*(volatile u64 *)(area + i * size) = 0x1000 + i;
	}
	tlbi_all();
	for (unsigned i = 0; i < count; i++)
		check("contiguous", read64(VA + (1ul << 30) + ((i * 7 + 3) % count) * size), 0x1000 + (i * 7 + 3) % count);
	/* Block of the level above. */
	u64 block = BIT(2 * t.shift - 3), pa = RAM & ~(block - 1);

	remap(VA + 0x100000000ul * 8, pa, D_RAM, 2);
	*(volatile u64 *)other = 0xb10c;
	check("block", read64(VA + 0x100000000ul * 8 + (other - pa)), 0xb10c);
}

static void granule(unsigned shift, const char *name)
{
	mmu_off();
	tables_init(&t, shift, 48);
	map_machine(&t);
	for (u64 pa = RAM & ~(BIT(2 * shift - 3) - 1); pa < RAM_END; pa += BIT(2 * shift - 3))
		map(&t, EL0_ALIAS + pa, pa, D_ATTR(ATTR_NORMAL) | D_ISH | D_AF | D_EL0 | D_PXN, 2);
	tcr = tcr_for(&t);
	ram = (u64)page_alloc(BIT(shift));
	other = (u64)page_alloc(BIT(shift));
	map(&t, VA, ram, D_RAM, 3);
	mmu_set(t.root, tcr);
	el0_offset = EL0_ALIAS;
	*(volatile u64 *)ram = 0x600d;
	check("reads through the tables", read64(VA), 0x600d);
	check("unaligned over two words", read64(VA + 3), 0);
	faults_by_level(shift);
	rights();
	access_flag();
	top_byte();
	contiguous();
	/* Outside the 48 bits, and the upper half with EPD1. */
	check("not canonical", try_read(BIT(48)), READ_FAULT(4));
	check("upper half with EPD1", try_read(~0ul << 48), READ_FAULT(4));
	/* An unaligned access over a page whose neighbour is missing reports the neighbour. */
	u64 last = VA + BIT(shift);

	*(volatile u64 *)table_slot(&t, last, 3) = 0;
	tlbi_all();
	remap(VA, ram, D_RAM, 3);
	check("over the end", try_read(last - 4), READ_FAULT(7));
	check("over the end, far", self()->far, last);
	write64(VA + BIT(shift) - 8, 0x1111111111111111);
	exc_begin();
	asm volatile("str x9, [%0]" :: "r"(last - 4) : "memory");
	check("write over the end", self()->esr, WRITE_FAULT(7));
	check("write over the end leaves its first half", read64(VA + BIT(shift) - 8), 0x1111111111111111);
	mmu_off();
	el0_offset = 0;
	done(name);
}

void test(void)
{
	granule(12, "4K");
	if ((read_sysreg(id_aa64mmfr0_el1) >> 20 & 15) == 1)
		granule(14, "16K");
	granule(16, "64K");
}
