/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Break-before-make under load: vCPU 0 moves pages from frame to frame (invalid, TLBI, copy, valid) while the others count up in
 * them; a write that were to reach an old frame would be lost. The others' faults wait until the page is back.
 */
/* run: smp=2,4 timeout=60 */
#include "bare.h"

#define VA 0x4000400000ul
#define PAGES 4
static unsigned cpus;
static volatile u64 moving = 1, moves;
static u64 frames[2 * PAGES];
static u64 *slot[PAGES];
static volatile u64 faults[CPUS_MAX], counted[CPUS_MAX][PAGES];

static bool retry(struct frame *f, unsigned vector)
{
	if (f->esr >> 26 != 0x25 || f->far - VA >= PAGES * 4096ul)
		return false;
	faults[self()->index]++;
	return true; /* the same instruction again */
}

static void load(unsigned cpu, void *arg)
{
	if (!cpu) {
		u64 until = now() + ms(RUNS(700, 60000));

		for (unsigned i = 0; now() < until || i < 20; i++) {
			unsigned page = i % PAGES;
			u64 from = frames[page], to = frames[PAGES + page];

			*(volatile u64 *)slot[page] = 0;
			asm volatile("dsb ishst; tlbi vae1is, %0; dsb ish; isb" :: "r"((VA >> 12) + page) : "memory");
			for (unsigned n = 0; n < 64; n++) {
				((volatile u64 *)to)[n] = ((volatile u64 *)from)[n];
				((volatile u64 *)from)[n] = 0xdead;
			}
			frames[page] = to;
			frames[PAGES + page] = from;
			asm volatile("dmb ish" ::: "memory");
			*(volatile u64 *)slot[page] = to | D_RAM | D_NG | 3;
			asm volatile("dsb ishst; isb" ::: "memory");
			moves++;
		}
		__atomic_store_n(&moving, 0, __ATOMIC_RELEASE);
		return;
	}
	self()->hook = retry;
	for (u64 n = 0; __atomic_load_n(&moving, __ATOMIC_ACQUIRE); n++) {
		unsigned page = n % PAGES;
		u64 own = VA + page * 4096 + cpu * 8, shared = VA + page * 4096, old, v;

		/* A plain word of its own, and one shared by all, by LSE and by exclusives. */
		v = read64(own);
		check("own word", v, counted[cpu][page] * 0x10001);
		write64(own, ++counted[cpu][page] * 0x10001);
		if (n & 4)
			asm volatile(".arch armv8.1-a\n ldaddal %1, %0, [%2]" : "=r"(old) : "r"(1ul), "r"(shared) : "memory");
		else
			asm volatile("1: ldaxr %0, [%1]; add %0, %0, #1; stlxr w9, %0, [%1]; cbnz w9, 1b" : "=&r"(old) : "r"(shared) : "x9", "memory");
	}
	self()->hook = NULL;
}

void test(void)
{
	u64 total = 0;

	cpus = cpus_present();
	mmu_flat();
	for (unsigned i = 0; i < 2 * PAGES; i++)
		frames[i] = (u64)page_alloc(4096);
	for (unsigned i = 0; i < PAGES; i++)
		slot[i] = map(&flat, VA + i * 4096, frames[i], D_RAM | D_NG, 3);
	tlbi_all();
	smp_run(cpus, load, NULL);
	for (unsigned page = 0; page < PAGES; page++) {
		u64 sum = 0;

		for (unsigned cpu = 1; cpu < cpus; cpu++) {
			check("own word at the end", ((volatile u64 *)frames[page])[cpu], counted[cpu][page] * 0x10001);
			sum += counted[cpu][page];
		}
		check("shared word", *(volatile u64 *)frames[page], sum);
		total += sum;
	}
	for (unsigned cpu = 1; cpu < cpus; cpu++)
		say("faults waited out", faults[cpu]);
	say("moves", moves);
	say("writes", total);
	check_true("others ran", total > 0);
	done("break before make");
}
