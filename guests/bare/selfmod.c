/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-modifying code: patched with the architected sequence, in a loop, across pages, through another mapping, by another vCPU, and where Linux
 * patches without a new fetch boundary; code in a device aborts. [DDI0487 B2.4.4, Concurrent modification and execution]
 */
/* run: smp=1,2,4 */
#include "bare.h"

#define MOVZ(n) (0xd2800000u | (n) << 5) /* mov x0, #n */
#define RET 0xd65f03c0u
#define B(words) (0x14000000u | ((words) & 0x3ffffff))
#define NOP 0xd503201fu
#define ALIAS 0x4000000000ul
static unsigned cpus;
static struct barrier bar;
static u32 *code;

static void patch(volatile u32 *at, u32 word)
{
	*at = word;
	code_changed((void *)at, 4);
}

static u64 call(const void *at)
{
	return ((u64 (*)(void))at)();
}

/* Zeroes are UDF: back from there. */
static bool leave(struct frame *f, unsigned vector)
{
	self()->esr = f->esr;
	f->elr = self()->recover;
	f->sp = self()->recover_sp;
	return true;
}

static void own(void)
{
	/* Called in a loop, each time another constant. */
	code[1] = RET;
	for (unsigned i = 0; i < 2000; i++) {
		patch(&code[0], MOVZ(i));
		check("patched", call(code), i);
	}
	done("patch in a loop");

	/* A loop that patches its own next word: add x0, x0, #1 and #2 by turns. */
	u64 total;
	asm volatile("adr x10, 2f; mov x0, #0; mov x9, #100; ldr w11, 3f; 1: str w11, [x10]; dc cvau, x10; dsb ish; ic ivau, x10; dsb ish; isb;"
		     "2: nop; eor w11, w11, #0xc00; subs x9, x9, #1; b.ne 1b; b 4f; 3: .inst 0x91000400; 4: mov %0, x0" : "=&r"(total)
		     :: "x0", "x9", "x10", "x11", "cc", "memory");
	check("patches itself", total, 150);
	done("patch of the running page");

	/* Across pages: an instruction at the end of one page falls into the next, either is patched. */
	volatile u32 *edge = code + 1024 - 1;

	edge[1] = RET;
	for (unsigned i = 0; i < 300; i++) {
		patch(&edge[0], MOVZ(i));
		patch(&edge[1], i & 1 ? RET : NOP);
		patch(&edge[2], RET);
		check("across pages", call((const void *)edge), i);
	}
	/* A branch over pages and back, its target changed. */
	patch(&code[0], B(2048));
	patch(&code[2049], RET);
	for (unsigned i = 0; i < 300; i++) {
		patch(&code[2048], MOVZ(i + 7));
		check("target in another page", call(code), i + 7);
		patch(&code[0], i & 1 ? B(2048) : B(2048));
	}
	done("across pages");

	/* Written through another mapping: IC IVAU by the address of either. */
	map(&flat, ALIAS, (u64)code, D_RAM, 3);
	tlbi_all();
	for (unsigned i = 0; i < 300; i++) {
		*(volatile u32 *)ALIAS = MOVZ(i);
		code[1] = RET;
		if (i & 1)
			code_changed((void *)ALIAS, 8);
		else
			code_changed(code, 8);
		check("through another mapping", call(code), i);
	}
	/* IC IALLU and IALLUIS. */
	for (unsigned i = 0; i < 100; i++) {
		code[0] = MOVZ(i);
		asm volatile("dc cvau, %0; dsb ish" :: "r"(code) : "memory");
		if (i & 1)
			asm volatile("ic iallu; dsb ish; isb" ::: "memory");
		else
			asm volatile("ic ialluis; dsb ish; isb" ::: "memory");
		check("ic iallu", call(code), i);
	}
	/* The page under the address is another: TLBI, no IC needed for what has its own contents. */
	u32 *two = page_alloc(4096);
	u64 *slot = map(&flat, ALIAS, (u64)code, D_RAM & ~D_UXN, 3);

	two[0] = MOVZ(222);
	two[1] = RET;
	code[0] = MOVZ(111);
	code_changed(two, 8);
	code_changed(code, 8);
	tlbi_all();
	for (unsigned i = 0; i < 100; i++) {
		*(volatile u64 *)slot = (u64)(i & 1 ? two : code) | (D_RAM & ~D_UXN) | 3;
		tlbi_va(ALIAS);
		check("remapped", call((void *)ALIAS), i & 1 ? 222 : 111);
	}
	/* Stores of every kind to code. */
	u64 both = (u64)RET << 32 | MOVZ(5);
	asm volatile("str %0, [%1]" :: "r"(both), "r"(code) : "memory");
	code_changed(code, 8);
	check("str x", call(code), 5);
	both = (u64)RET << 32 | MOVZ(6);
	asm volatile("fmov d0, %0; str d0, [%1]" :: "r"(both), "r"(code) : "memory");
	code_changed(code, 8);
	check("str d", call(code), 6);
	both = (u64)RET << 32 | MOVZ(8);
	asm volatile(".arch armv8.1-a\n swp %0, x9, [%1]" :: "r"(both), "r"(code) : "x9", "memory");
	code_changed(code, 8);
	check("swp", call(code), 8);
	both = (u64)RET << 32 | MOVZ(9);
	asm volatile("1: ldxr x9, [%1]; stxr w9, %0, [%1]; cbnz w9, 1b" :: "r"(both), "r"(code) : "x9", "memory");
	code_changed(code, 8);
	check("stxr", call(code), 9);
	patch(&code[16], RET);
	asm volatile("dc zva, %0" :: "r"(code) : "memory");
	code_changed(code, 64);
	exc_begin();
	self()->hook = leave;
	guarded_call(code, 0, 0);
	self()->hook = NULL;
	check("dc zva", self()->esr, EC(0, 0));
	done("other ways to write");

	/* A device is no place for code. */
	exc_begin();
	map(&flat, ALIAS + 0x200000, UART, D_ATTR(ATTR_DEVICE) | D_AF, 3);
	tlbi_all();
	exc_begin();
	guarded_call((void *)(ALIAS + 0x200000), 0, 0);
	exc_check("fetch from a device", EC(0x21, 0x10));
	check("far", self()->far, ALIAS + 0x200000);
	map(&flat, ALIAS + 0x200000, 0x3f000000000, D_RAM & ~D_UXN, 3);
	tlbi_all();
	exc_begin();
	guarded_call((void *)(ALIAS + 0x200000), 0, 0);
	exc_check("fetch from nothing", EC(0x21, 0x10));
	done("code in no memory");
}

/* vCPU 0 patches with the full sequence, tells; the others do an ISB and run it. */
static volatile u64 told;
static volatile bool more;

static void shared(unsigned cpu, void *arg)
{
	u64 until = now() + ms(RUNS(300, 20000));

	for (u64 i = 1;; i++) {
		if (!cpu) {
			patch(&code[0], MOVZ(i & 0xffff));
			told = i & 0xffff;
			more = now() < until;
		}
		barrier_wait(&bar, cpus);
		isb();
		check("patched by another vCPU", call(code), told);
		bool again = more;
		barrier_wait(&bar, cpus);
		if (!again)
			break;
	}
}

/* A NOP becomes a B and back while others run it: they may see either, never anything else, and in time the new one. */
static volatile u64 stop, seen_new[CPUS_MAX];

static void live(unsigned cpu, void *arg)
{
	if (!cpu) {
		u64 until = now() + ms(RUNS(200, 10000));

		for (unsigned i = 0; now() < until; i++)
			patch(&code[16], i & 1 ? B(3) : NOP);
		patch(&code[16], B(3));
		for (unsigned i = 1; i < cpus; i++) {
			u64 limit = now() + ms(3000);

			for (seen_new[i] = 0; !seen_new[i] && now() < limit;)
				;
			check("others see it in time", seen_new[i], 1);
		}
		stop = 1;
		return;
	}
	while (!stop) {
		u64 v = call(&code[16]);

		check_true("old or new", v == 1 || v == 2);
		if (v == 2)
			seen_new[cpu] = 1;
	}
}

/*
 * Each patches functions of its own, all in the same two pages, by their addresses or through another mapping, tells their numbers and calls those of
 * the others: what was told is there, and nothing of before.
 */
static volatile u64 last[CPUS_MAX][2];

static u32 *own_code(unsigned cpu, unsigned page)
{
	return code + 1024 * page + 64 + 8 * cpu;
}

static void everybody(unsigned cpu, void *arg)
{
	u64 until = now() + ms(RUNS(300, 20000));

	for (u64 i = 1; now() < until && i < 0xffff; i++) {
		unsigned page = i & 1;
		u64 to_alias = i & 2 ? ALIAS - (u64)code : 0, by_alias = i & 4 ? ALIAS - (u64)code : 0, at = (u64)own_code(cpu, page);

		write32(at + to_alias, MOVZ(i));
		if (i & 8)
			code_changed((void *)(at + by_alias), 4);
		else
			asm volatile("dc cvau, %0; dsb ish; ic ialluis; dsb ish; isb" :: "r"(at + by_alias) : "memory");
		check("one's own", call((void *)at), i);
		__atomic_store_n(&last[cpu][page], i, __ATOMIC_RELEASE);
		for (unsigned o = 0; o < cpus; o++) {
			u64 told_here = __atomic_load_n(&last[o][page], __ATOMIC_ACQUIRE), v;

			isb();
			v = call(own_code(o, page));
			if (v < told_here)
				check("another's", v, told_here);
		}
	}
}

void test(void)
{
	cpus = cpus_present();
	mmu_flat();
	code = page_alloc(16384);
	own();
	if (cpus == 1)
		return;
	patch(&code[1], RET);
	smp_run(cpus, shared, NULL);
	code[17] = MOVZ(1);
	code[18] = RET;
	code[19] = MOVZ(2);
	code[20] = RET;
	code[16] = NOP;
	code_changed(code + 16, 20);
	smp_run(cpus, live, NULL);
	map(&flat, ALIAS, (u64)code, D_RAM, 3);
	map(&flat, ALIAS + 4096, (u64)code + 4096, D_RAM, 3);
	tlbi_all();
	for (unsigned n = 0; n < 2 * cpus; n++) {
		own_code(n / 2, n & 1)[0] = MOVZ(0);
		own_code(n / 2, n & 1)[1] = RET;
	}
	code_changed(code, 8192);
	smp_run(cpus, everybody, NULL);
	done("between vCPUs");
}
