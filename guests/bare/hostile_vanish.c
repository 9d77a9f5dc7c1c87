/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that goes away under those who use it: CXL memory whose device is switched off holds data, code, page tables, the ITS's tables and queue and
 * LPI configuration; page tables lie in devices and in nothing. What holds: each access is either served or aborts, and the guest goes on.
 */
/* run: topology=cxl2 smp=1,4 timeout=60 */
#include "bare.h"

#define CFG(bus, dev, reg) (ECAM + ((u64)(bus) << 20) + ((u64)(dev) << 15) + (reg))
#define FAR_VA BIT(46) /* what the tables in CXL memory map */
#define TABLES_AT (WINDOW + 0x100000)
#define ITS_AT (WINDOW + 0x200000)
#define CODE_AT (WINDOW + 0x400000)

static u64 control; /* DVSEC: CXL.mem of the first device */
static struct tables wide;
static unsigned cpus;
static volatile u64 stop, *ram;

/* Counts, and goes on behind: a call that came here by a fetch goes back. */
static volatile u64 aborts[CPUS_MAX];
static bool leave(struct frame *f, unsigned vector)
{
	struct percpu *cpu = self();

	aborts[cpu->index]++;
	if (cpu->recover && (f->esr >> 26 == 0x21 || f->esr >> 26 == 0)) {
		f->elr = cpu->recover;
		f->sp = cpu->recover_sp;
	} else if ((vector & 3) == KIND_SYNC) {
		f->elr += 4;
	}
	return true;
}

static void power(bool on)
{
	write16(control, on ? 6 : 2);
	dsb();
}

static void find_control(void)
{
	u64 ep = CFG(129, 0, 0), at;

	for (unsigned i = 0; i < 2; i++) {
		write32(CFG(128, i, 0x18), 128 | (129 + i) << 8 | (129 + i) << 16);
		write16(CFG(128, i, 4), 6);
	}
	for (at = 0x100; at; at = read32(ep + at) >> 20)
		if ((read32(ep + at) & 0xffff) == 0x23 && (read32(ep + at + 4) & 0xffff) == 0x1e98 && !(read32(ep + at + 8) & 0xffff))
			break;
	check_true("the device's DVSEC", at != 0);
	control = ep + at + 0x0c;
	check("CXL.mem is on", read16(control) & 4, 4);
}

static void map_all(void)
{
	tables_init(&wide, 12, 48);
	map_machine(&wide);
	for (u64 pa = ECAM + (128ul << 20); pa < ECAM + (132ul << 20); pa += BIT(21))
		map(&wide, pa, pa, D_DEV, 2);
	for (u64 pa = WINDOW; pa < WINDOW + (512ul << 20); pa += BIT(21))
		map(&wide, pa, pa, D_RAM & ~D_UXN, 2);
	mmu_set(wide.root, tcr_for(&wide));
	ram = page_alloc(4096);
}

/* A level 1 table in CXL memory, a level 2 and 3 behind it: FAR_VA leads to `ram`. */
static void tables_in_cxl(void)
{
	for (u64 a = TABLES_AT; a < TABLES_AT + 0x3000; a += 8)
		write64(a, 0);
	write64(TABLES_AT, (TABLES_AT + 0x1000) | 3);
	write64(TABLES_AT + 0x1000, (TABLES_AT + 0x2000) | 3);
	write64(TABLES_AT + 0x2000, (u64)ram | D_RAM | 3);
	*table_slot(&wide, FAR_VA, 0) = TABLES_AT | 3;
	tlbi_all();
}

static void data(void)
{
	write64(WINDOW, 0x11);
	power(false);
	check("memory that is off reads ones", read64(WINDOW), ~0ul);
	write64(WINDOW, 0x22);
	power(true);
	check("and is back as it was", read64(WINDOW), 0x11);
	for (unsigned i = 0; i < 50; i++) {
		power(i & 1);
		for (u64 a = WINDOW; a < WINDOW + 0x1000; a += 56)
			asm volatile("ldp x9, x10, [%0]; stp x9, x10, [%0]; ldr q0, [%0]; str q0, [%0]" :: "r"(a) : "x9", "x10", "memory");
	}
	power(true);
	done("data");
}

static void page_tables(void)
{
	ram[0] = 0x77;
	tables_in_cxl();
	check("a walk through CXL memory", read64(FAR_VA), 0x77);
	self()->hook = leave;
	for (unsigned i = 0; i < 20; i++) {
		power(false);
		tlbi_all();
		read64(FAR_VA);
		write64(FAR_VA, 5);
		asm volatile("at s1e1r, %0" :: "r"(FAR_VA) : "memory");
		power(true);
		tlbi_all();
		ram[0] = i;
		check("the walk is back", read64(FAR_VA), i);
	}
	/* Tables where no memory is: flash, a device, configuration space, nothing, past the address space. */
	static const u64 odd[] = {0, GICD, UART, ITS, 0x09020000, ECAM, 0x4004000000, 0x3f000000000, 0xfffffffff000, WINDOW + (4ul << 30)};
	for (unsigned i = 0; i < sizeof(odd) / 8; i++) {
		*table_slot(&wide, FAR_VA, 0) = odd[i] | 3;
		tlbi_all();
		aborts[0] = 0;
		read64(FAR_VA + 8);
		write64(FAR_VA + (7ul << 30), 5);
		asm volatile("at s1e1w, %0; dc zva, %0" :: "r"(FAR_VA) : "memory");
		check_true("no table there", aborts[0] > 0);
	}
	/* A table that is its own. */
	u64 *own = table_slot(&wide, FAR_VA, 0);

	*own = wide.root | 3;
	tlbi_all();
	aborts[0] = 0;
	read64(FAR_VA | (FAR_VA >> 39 & 511) << 30 | (FAR_VA >> 39 & 511) << 21 | (FAR_VA >> 39 & 511) << 12);
	self()->hook = NULL;
	tables_in_cxl();
	done("page tables");
}

static void code(void)
{
	volatile u32 *at = (volatile u32 *)CODE_AT;

	self()->hook = leave;
	for (unsigned i = 0; i < 50; i++) {
		power(true);
		at[0] = 0xd2800000u | i << 5; /* mov x0, #i */
		at[1] = 0xd65f03c0;
		code_changed((void *)at, 8);
		check("code in CXL memory", guarded_call((void *)at, 0, 0), i);
		power(false);
		guarded_call((void *)at, 0, 0); /* all ones: undefined, or an abort */
	}
	power(true);
	self()->hook = NULL;
	done("code");
}

/* --- the ITS --- */

static u64 place;
static void command(u64 a, u64 b, u64 c)
{
	write64(ITS_AT + place, a);
	write64(ITS_AT + place + 8, b);
	write64(ITS_AT + place + 16, c);
	write64(ITS_AT + place + 24, 0);
	dsb();
	place = (place + 32) % 4096;
	write64(ITS + 0x88, place);
}

static volatile u64 taken;
static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid != 1023) {
		taken++;
		icc_set(intid, ICC_EOIR1);
	}
	return true;
}

static void all_mapped(void)
{
	command(0x42ul << 32 | 8, 4, (ITS_AT + 0x40000) | BIT(63));
	command(9, 0, BIT(63));
	command(0x42ul << 32 | 0x0a, 8200ul << 32 | 3, 0);
	command(0x42ul << 32 | 0x0c, 3, 0);
}

static void its(void)
{
	gic_init();
	self()->irq = irq;
	for (u64 a = ITS_AT; a < ITS_AT + 0x80000; a += 8)
		write64(a, 0);
	for (u64 a = ITS_AT + 0x50000; a < ITS_AT + 0x52000; a++)
		write8(a, 0xa1);
	for (unsigned n = 0; n < 2; n++)
		write64(ITS + 0x100 + 8 * n, (ITS_AT + 0x20000 + n * 0x10000) | BIT(63) | 2ul << 8);
	write64(ITS + 0x80, ITS_AT | BIT(63));
	write64(ITS + 0x88, 0);
	write64(GICR(0) + 0x70, (ITS_AT + 0x50000) | 13);
	write64(GICR(0) + 0x78, (ITS_AT + 0x60000) | BIT(62));
	write32(GICR(0), 1);
	write32(ITS, 1);
	all_mapped();
	command(0x42ul << 32 | 3, 3, 0);
	irq_on();
	isb();
	irq_off();
	check("an LPI by tables in CXL memory", taken, 1);
	for (unsigned i = 0; i < 20; i++) {
		power(false);
		write64(ITS + 0x88, (place + 32 * (i % 8)) % 4096); /* commands that are not there */
		write32(GICR(0), 0);
		write32(GICR(0), 1);
		write32(ITS, 0);
		write32(ITS, 1);
		power(true);
		write64(ITS + 0x80, ITS_AT | BIT(63)); /* while it is on: refused */
		write32(ITS, 0);
		write64(ITS + 0x80, ITS_AT | BIT(63));
		place = 0;
		write64(ITS + 0x88, 0);
		write32(ITS, 1);
		irq_on();
		isb();
		irq_off();
	}
	write32(GICR(0), 0);
	for (u64 a = ITS_AT + 0x60000; a < ITS_AT + 0x64000; a += 8)
		write64(a, 0);
	write32(GICR(0), 1);
	taken = 0;
	all_mapped();
	command(0x42ul << 32 | 3, 3, 0);
	irq_on();
	isb();
	irq_off();
	check("and again, afterwards", taken, 1);
	/* Tables over each other, and over the queue; the commands write into the queue that is read. */
	write32(ITS, 0);
	write64(ITS + 0x100, ITS_AT | BIT(63) | 2ul << 8);
	write64(ITS + 0x108, ITS_AT | BIT(63) | 2ul << 8);
	write32(ITS, 1);
	for (u64 n = 0; n < 512; n++)
		command((n & 0xff) << 32 | (n % 16), n * 0x0101010101ul, n << 16 | BIT(63) | (n & 15));
	write32(ITS, 0);
	write32(GICR(0), 0);
	self()->irq = NULL;
	done("interrupt tables");
}

/* --- everybody at once --- */

static void use(unsigned cpu, void *arg)
{
	u64 until = now() + ms(RUNS(400, 20000)), served = 0, n = cpu * 77;
	volatile u32 *at = (volatile u32 *)(CODE_AT + 0x10000);

	self()->hook = leave;
	if (!cpu) {
		for (unsigned i = 0; now() < until; i++)
			power(i & 1);
		power(true);
		stop = 1;
		self()->hook = NULL;
		return;
	}
	while (!stop) {
		u64 a = WINDOW + 0x1000000 + (n++ * 4160 & 0xffffff);

		write64(a, a);
		served += read64(a) == a;
		read64(FAR_VA);
		if (n % 64 == 0)
			tlbi_va(FAR_VA);
		if (n % 16 == 0)
			guarded_call((void *)at, 0, 0);
		asm volatile(".arch armv8.1-a\n ldaddal %0, x9, [%1]; ldxr x9, [%1]; stxr w10, x9, [%1]; dc cvac, %1" :: "r"(1ul), "r"(a & ~15ul) : "x9", "x10", "memory");
	}
	check_true("some were served", served > 0);
}

void test(void)
{
	cpus = cpus_present();
	map_all();
	find_control();
	data();
	page_tables();
	code();
	its();
	if (cpus == 1)
		return;
	volatile u32 *at = (volatile u32 *)(CODE_AT + 0x10000);

	at[0] = 0xd2800020;
	at[1] = 0xd65f03c0;
	code_changed((void *)at, 8);
	smp_run(cpus, use, NULL);
	ram[0] = 0x1234;
	check("all is back", read64(FAR_VA), 0x1234);
	done("memory that goes away under others");
}
