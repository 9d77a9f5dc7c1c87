/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sixteen vCPUs that start and end each other, invalidate each other's TLBs and code, and interrupt each other, without any order; in between
 * calls of firmware with nonsense. What holds: it ends when it is told to, and nothing is lost.
 */
/* run: smp=4,16 timeout=60 */
#include "bare.h"

static unsigned cpus;
static volatile u64 go, stop, turns[CPUS_MAX];
static u64 counter;
static u32 *code;

static u64 rnd(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}

static bool irq(struct frame *f, unsigned vector)
{
	u64 intid = icc_get(ICC_IAR1);

	if (intid != 1023)
		icc_set(intid, ICC_EOIR1);
	return true;
}

static void tlb(u64 r)
{
	switch (r % 6) {
	case 0: asm volatile("tlbi vmalle1is; dsb ish" ::: "memory"); break;
	case 1: asm volatile("tlbi vmalle1is; tlbi vmalle1is; tlbi vmalle1is; dsb ish; isb" ::: "memory"); break;
	case 2: asm volatile("tlbi vaae1is, %0" :: "r"(r) : "memory"); break; /* no DSB */
	case 3: asm volatile("tlbi aside1is, %0; dsb ish" :: "r"(r << 48) : "memory"); break;
	case 4: asm volatile("tlbi vale1is, %0; dsb ish" :: "r"(r & 0xffff00000000fff) : "memory"); break;
	default: asm volatile("ic ialluis; dsb ish; isb" ::: "memory");
	}
}

static void call(u64 r, unsigned cpu)
{
	static const u32 ids[] = {0x84000000, 0x84000003, 0xc4000004, 0x84000006, 0x8400000a, 0x80000001, 0xc4000053, 0x8400001f, 0xc3001234, 0x86000010};

	switch (r % 4) {
	case 0: hvc(PSCI_CPU_ON, r >> 8 & 31, (u64)secondary, r >> 8 & 31); break;
	case 1: hvc(PSCI_CPU_ON, 1 + (r >> 8) % (cpus - 1), (u64)secondary, 1 + (r >> 8) % (cpus - 1)); break;
	case 2: hvc(PSCI_AFFINITY_INFO, r >> 8 & 31, r >> 16 & 3, 0); break;
	default:
		if (ids[(r >> 8) % 10] != 0x84000003)
			hvc(ids[(r >> 8) % 10], r >> 16, r >> 3, r);
	}
}

static void storm(unsigned cpu, void *arg)
{
	u64 until = now() + ms(RUNS(1500, 60000)), seed = now() * 2 + cpu * 2 + 1, mine = 0;

	gic_init_cpu();
	write32(GICR(cpu) + 0x10080, ~0u);
	write32(GICR(cpu) + 0x10100, 0xffff);
	self()->irq = irq;
	irq_on();
	if (!cpu) /* all have been started */
		go = 1;
	while (!go)
		asm volatile("yield");
	while (!stop) {
		u64 r = rnd(&seed);

		mine++;
		switch (r >> 60) {
		case 0 ... 5: tlb(r); break;
		case 6 ... 8: call(r, cpu); break;
		case 9: icc_set((r & 0xf0f) << 16 | (r & 0xffff) | (r & BIT(40)), ICC_SGI1R); break;
		case 10:
			*(volatile u32 *)&code[16 * (r & 63)] = 0xd2800000u | (r & 0xffff) << 5;
			code_changed(&code[16 * (r & 63)], 4);
			break;
		case 11 ... 12: ((u64 (*)(void))&code[16 * (r & 63)])(); break;
		case 13: asm volatile("sev; wfe" ::: "memory"); break;
		default: break;
		}
		asm volatile(".arch armv8.1-a\n stadd %0, [%1]" :: "r"(1ul), "r"(&counter) : "memory");
		if (!cpu && now() >= until)
			stop = 1;
		if (cpu && r % 256 == 3)
			break; /* off: somebody will start it again, or nobody */
	}
	irq_off();
	asm volatile(".arch armv8.1-a\n stadd %0, [%1]" :: "r"(mine), "r"(&turns[cpu]) : "memory");
}

void test(void)
{
	u64 sum = 0;

	cpus = cpus_present();
	mmu_flat();
	gic_init();
	code = page_alloc(4096);
	for (unsigned i = 0; i < 64; i++) {
		code[16 * i] = 0xd2800000;
		code[16 * i + 1] = 0xd65f03c0;
	}
	code_changed(code, 4096);
	smp_run(cpus, storm, NULL);
	/* Who was seen off first may have been started once more, and has gone at once. */
	for (unsigned i = 1; i < cpus; i++)
		while (hvc(PSCI_AFFINITY_INFO, i, 0, 0).x0 != 1)
			asm volatile("yield");
	for (unsigned i = 0; i < cpus; i++)
		sum += turns[i];
	check("every turn was counted", counter, sum);
	check_true("there were some", sum > 1000);
	done("storms");
}
