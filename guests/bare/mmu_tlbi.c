/* SPDX-License-Identifier: BSD-2-Clause */
/* TLB invalidation: every form drops what it names, on this vCPU and on the others; ASIDs keep their own. [DDI0487 D8.14] */
/* run: smp=1,4 */
#include "bare.h"

#define VA 0x4000200000ul
#define PAGES 16
static u64 a[PAGES], b[PAGES], va_of[PAGES];
static u64 *slot[PAGES];
static unsigned cpus;

static void set_asid(u64 asid)
{
	write_sysreg(flat.root | asid << 48, ttbr0_el1);
	isb();
}

#define OPERAND(asid, page) ((u64)(asid) << 48 | ((VA >> 12) + (page)))
/* RVA: TG 4K, base page, NUM 0 and SCALE 0: two pages; NUM 7: 16. */
#define RANGE(asid, num) ((u64)(asid) << 48 | 1ul << 46 | (u64)(num) << 39 | VA >> 12)

enum { ALL, ONE, TWO_PAGES };
#define FORMS(F)                                                                                                       \
	F("vmalle1", 0, ALL, "tlbi vmalle1") F("vmalle1is", 0, ALL, "tlbi vmalle1is") F("vmalle1os", 0, ALL, "tlbi vmalle1os") \
	F("vae1", OPERAND(5, 0), ONE, "tlbi vae1, %0") F("vae1is", OPERAND(5, 0), ONE, "tlbi vae1is, %0")                       \
	F("vae1os", OPERAND(5, 0), ONE, "tlbi vae1os, %0") F("vale1", OPERAND(5, 0), ONE, "tlbi vale1, %0")                     \
	F("vale1is", OPERAND(5, 0), ONE, "tlbi vale1is, %0") F("vale1os", OPERAND(5, 0), ONE, "tlbi vale1os, %0")               \
	F("vaae1", OPERAND(0, 0), ONE, "tlbi vaae1, %0") F("vaae1is", OPERAND(9, 0), ONE, "tlbi vaae1is, %0")                   \
	F("vaae1os", OPERAND(9, 0), ONE, "tlbi vaae1os, %0") F("vaale1", OPERAND(9, 0), ONE, "tlbi vaale1, %0")                 \
	F("vaale1is", OPERAND(9, 0), ONE, "tlbi vaale1is, %0") F("vaale1os", OPERAND(9, 0), ONE, "tlbi vaale1os, %0")           \
	F("aside1", 5ul << 48, ALL, "tlbi aside1, %0") F("aside1is", 5ul << 48, ALL, "tlbi aside1is, %0")                       \
	F("aside1os", 5ul << 48, ALL, "tlbi aside1os, %0")                                                                  \
	F("rvae1", RANGE(5, 0), TWO_PAGES, "tlbi rvae1, %0") F("rvae1is", RANGE(5, 0), TWO_PAGES, "tlbi rvae1is, %0")           \
	F("rvae1os", RANGE(5, 0), TWO_PAGES, "tlbi rvae1os, %0") F("rvale1is", RANGE(5, 0), TWO_PAGES, "tlbi rvale1is, %0")     \
	F("rvaae1is", RANGE(0, 0), TWO_PAGES, "tlbi rvaae1is, %0") F("rvaale1is", RANGE(0, 0), TWO_PAGES, "tlbi rvaale1is, %0") \
	F("rvaae1 16", RANGE(0, 7), ALL, "tlbi rvaae1, %0") F("rvaae1is 16", RANGE(0, 7), ALL, "tlbi rvaae1is, %0")

static void point(u64 *const *where, const u64 *pages, u64 attributes)
{
	for (unsigned i = 0; i < PAGES; i++)
		*(volatile u64 *)where[i] = pages[i] | attributes | 3;
}

static void one_form(const char *name, u64 operand, int reach, void (*op)(u64))
{
	point(slot, a, D_RAM | D_NG);
	tlbi_all();
	for (unsigned i = 0; i < PAGES; i++)
		check(name, read64(va_of[i]), 0xa00 + i);
	point(slot, b, D_RAM | D_NG);
	dsb();
	op(operand);
	dsb();
	isb();
	for (unsigned i = 0; i < (reach == ALL ? PAGES : reach == ONE ? 1 : 2); i++)
		check(name, read64(va_of[i]), 0xb00 + i);
}

/* What has been executed there is no more. A page that is global is of every ASID, but not of TLBI ASIDE1. */
static void one_form_code(const char *name, u64 operand, void (*op)(u64), u64 global, u64 to[2])
{
	u64 (*volatile at)(void) = (u64 (*)(void))VA;

	*(volatile u64 *)slot[0] = to[0] | D_RAM | global | 3;
	tlbi_all();
	check(name, at(), 0);
	*(volatile u64 *)slot[0] = to[1] | D_RAM | global | 3;
	dsb();
	op(operand);
	dsb();
	isb();
	check(name, at(), 1);
}

#define DEFINE(name, operand, reach, text) { name, operand, reach },
static const struct { const char *name; u64 operand; int reach; } forms[] = { FORMS(DEFINE) };

static void run_form(unsigned n, u64 x)
{
	unsigned i = 0;

#define RUN(name, operand, reach, text) if (i++ == n) asm volatile(".arch armv8.4-a\n" text :: "r"(x) : "memory");
	FORMS(RUN)
}

static unsigned form;
static void op(u64 x) { run_form(form, x); }

/* Others read in a loop; after TLBI IS and DSB the old page must not be seen. */
static struct barrier bar;
static volatile bool more;
static volatile u64 rounds;
static volatile u64 stamp;

static void broadcast(unsigned cpu, void *arg)
{
	u64 turn = 1;

	for (unsigned f = 0; f < 7; f++) {
		static const char *const names[] = {"vmalle1is", "vae1is", "vale1is", "vaae1is", "vaale1is", "aside1is", "rvae1is"};

		u64 until = now() + ms(RUNS(100, 20000));

		for (more = true;; turn++) {
			if (!cpu) {
				point(slot, a, D_RAM | D_NG);
				tlbi_all();
			}
			barrier_wait(&bar, cpus);
			if (!cpu) {
				/* Let the others fill their TLBs, then change the page and what it says. */
				for (u64 until = now() + 20000; now() < until;)
					;
				*(volatile u64 *)slot[0] = b[0] | D_RAM | D_NG | 3;
				asm volatile("dsb ishst");
				switch (f) {
				case 0: asm volatile("tlbi vmalle1is" ::: "memory"); break;
				case 1: asm volatile("tlbi vae1is, %0" :: "r"(OPERAND(5, 0)) : "memory"); break;
				case 2: asm volatile("tlbi vale1is, %0" :: "r"(OPERAND(5, 0)) : "memory"); break;
				case 3: asm volatile("tlbi vaae1is, %0" :: "r"(OPERAND(0, 0)) : "memory"); break;
				case 4: asm volatile("tlbi vaale1is, %0" :: "r"(OPERAND(0, 0)) : "memory"); break;
				case 5: asm volatile("tlbi aside1is, %0" :: "r"(5ul << 48) : "memory"); break;
				case 6: asm volatile(".arch armv8.4-a\n tlbi rvae1is, %0" :: "r"(RANGE(5, 0)) : "memory"); break;
				}
				asm volatile("dsb ish" ::: "memory");
				__atomic_store_n(&stamp, stamp + 1, __ATOMIC_RELEASE);
			} else {
				for (;;) {
					u64 flag = __atomic_load_n(&stamp, __ATOMIC_ACQUIRE), v = read64(VA);

					if (flag == turn) {
						check(names[f], v, 0xb00);
						break;
					}
				}
			}
			if (!cpu) {
				rounds++;
				more = now() < until;
			}
			barrier_wait(&bar, cpus);
			if (!more)
				break;
		}
		turn++;
		barrier_wait(&bar, cpus);
	}
}

static void asids(void)
{
	/* One VA, two ASIDs: each keeps its own without invalidation in between. */
	struct tables other = {.shift = 12, .va_bits = 39};

	tables_init(&other, 12, 39);
	map_machine(&other);
	*(volatile u64 *)slot[0] = a[0] | D_RAM | D_NG | 3;
	map(&other, VA, b[0], D_RAM | D_NG, 3);
	map(&other, VA + 4096, b[1], D_RAM, 3);
	*(volatile u64 *)slot[1] = b[1] | D_RAM | 3; /* global, the same in both */
	tlbi_all();
	for (unsigned i = 0; i < 20; i++) {
		write_sysreg(flat.root | 5ul << 48, ttbr0_el1);
		isb();
		check("asid 5", read64(VA), 0xa00);
		check("global", read64(VA + 4096), 0xb01);
		write_sysreg(other.root | 6ul << 48, ttbr0_el1);
		isb();
		check("asid 6", read64(VA), 0xb00);
		check("global", read64(VA + 4096), 0xb01);
	}
	/* 16 bits of ASID: 0x105 is not 5 with AS = 1, and is with AS = 0. */
	write_sysreg(read_sysreg(tcr_el1) | BIT(36), tcr_el1);
	isb();
	tlbi_all();
	set_asid(5);
	check("asid 5", read64(VA), 0xa00);
	write_sysreg(other.root | 0x105ul << 48, ttbr0_el1);
	isb();
	check("asid 0x105", read64(VA), 0xb00);
	/* An invalidation of ASID 5 leaves nothing wrong in 0x105. */
	asm volatile("dsb ish; tlbi aside1is, %0; dsb ish; isb" :: "r"(5ul << 48) : "memory");
	check("asid 0x105", read64(VA), 0xb00);
	set_asid(5);
	check("asid 5 again", read64(VA), 0xa00);
	write_sysreg(read_sysreg(tcr_el1) & ~BIT(36), tcr_el1);
	set_asid(5);
	tlbi_all();
}

void test(void)
{
	cpus = cpus_present();
	mmu_flat();
	set_asid(5);
	for (unsigned i = 0; i < PAGES; i++) {
		a[i] = (u64)page_alloc(4096);
		b[i] = (u64)page_alloc(4096);
		va_of[i] = VA + 4096ul * i;
		slot[i] = table_slot(&flat, va_of[i], 3);
		*(volatile u64 *)a[i] = 0xa00 + i;
		*(volatile u64 *)b[i] = 0xb00 + i;
	}
	for (form = 0; form < sizeof(forms) / sizeof(forms[0]); form++)
		one_form(forms[form].name, forms[form].operand, forms[form].reach, op);
	done("every form, own TLB");
	u64 codes[2] = {(u64)page_alloc(4096), (u64)page_alloc(4096)};

	for (unsigned i = 0; i < 2; i++) {
		*(volatile u64 *)codes[i] = 0xd65f03c0ul << 32 | 0xd2800000 | i << 5; /* mov x0, #i; ret */
		code_changed((void *)codes[i], 8);
	}
	for (form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
		one_form_code(forms[form].name, forms[form].operand, op, D_NG, codes);
		if (forms[form].operand != 5ul << 48)
			one_form_code(forms[form].name, forms[form].operand, op, 0, codes);
	}
	done("every form, code");
	asids();
	done("ASIDs");
	/* A page made smaller and larger: a block in place of a table, and back. */
	u64 *above = table_slot(&flat, VA, 2), table = *above;
	u64 big = ((u64)page_alloc(BIT(21)));

	*(volatile u64 *)big = 0xb16;
	for (unsigned i = 0; i < 50; i++) {
		*(volatile u64 *)above = 0;
		tlbi_va(VA);
		*(volatile u64 *)above = big | D_RAM | 1;
		dsb();
		check("block", read64(VA), 0xb16);
		*(volatile u64 *)(big + 0x5008) = i;
		check("block inside", read64(VA + 0x5008), i);
		*(volatile u64 *)above = 0;
		/* One TLBI by any VA inside the block drops all of it. */
		tlbi_va(VA + 0x7000);
		FAULTS_FAR("no block", EC(0x25, 6), VA + 0x5008, "ldr x9, [%0]" :: "r"(VA + 0x5008) : "x9", "memory");
		*(volatile u64 *)above = table;
		tlbi_va(VA);
		point(slot, a, D_RAM | D_NG);
		tlbi_all();
		check("table", read64(VA + 4096), 0xa01);
	}
	done("blocks and tables");
	if (cpus > 1) {
		smp_run(cpus, broadcast, NULL);
		say("rounds", rounds);
		done("broadcast");
	}
}
