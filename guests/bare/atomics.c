/* SPDX-License-Identifier: BSD-2-Clause */
/* Exclusives and LSE between vCPUs: counters come out exact, values stay whole, ABA fools no store-exclusive. [DDI0487 B2.9, B2.12] */
/* run: smp=1,2,4 timeout=60 */
#include "bare.h"

asm(".arch armv8.4-a");

static unsigned cpus;
static u64 *word; /* 16-byte pairs, a line apart */
static struct barrier bar;
#define W(n) ((u64)&word[(n) * 16])

enum { LDXR64, LDAXR32, LDXR8, LDXP, LDADD64, LDADD8, LDADD16_UNALIGNED, CAS, CASP, SWP_LOCK, LDCLR_LDSET, LDEOR, LDSMAX, LDXP32, LDAXP, COMPARED, LEFT, LEFT_LOCKED, MIXED, KINDS };

static void step(unsigned kind, unsigned cpu, u64 n)
{
	u64 x = 0, y = 0;

	switch (kind) {
	case LDXR64:
		asm volatile("1: ldxr %0, [%1]; add %0, %0, #1; stxr w9, %0, [%1]; cbnz w9, 1b" : "=&r"(x) : "r"(W(0)) : "x9", "memory");
		break;
	case LDAXR32:
		asm volatile("1: ldaxr %w0, [%1]; add %w0, %w0, #1; stlxr w9, %w0, [%1]; cbnz w9, 1b" : "=&r"(x) : "r"(W(1)) : "x9", "memory");
		break;
	case LDXR8: /* one byte each vCPU, all in one word */
		asm volatile("1: ldxrb %w0, [%1]; add %w0, %w0, #1; stxrb w9, %w0, [%1]; cbnz w9, 1b" : "=&r"(x) : "r"(W(2) + cpu) : "x9", "memory");
		break;
	case LDXP:
		asm volatile("1: ldxp %0, %1, [%2]; add %0, %0, #1; sub %1, %1, #1; stxp w9, %0, %1, [%2]; cbnz w9, 1b"
			     : "=&r"(x), "=&r"(y) : "r"(W(3)) : "x9", "memory");
		break;
	case LDADD64: asm volatile("ldadd %1, %0, [%2]" : "=r"(x) : "r"(1ul), "r"(W(4)) : "memory"); break;
	case LDADD8: asm volatile("ldaddb %w1, %w0, [%2]" : "=r"(x) : "r"(1u), "r"(W(5) + cpu) : "memory"); break;
	case LDADD16_UNALIGNED: asm volatile("staddh %w0, [%1]" :: "r"(1u), "r"(W(6) + 2 * cpu) : "memory"); break;
	case CAS:
		asm volatile("ldr x10, [%1]; 1: mov x11, x10; add x12, x10, #1; casal x10, x12, [%1]; cmp x10, x11; b.ne 1b"
			     : "=&r"(x) : "r"(W(7)) : "x10", "x11", "x12", "cc", "memory");
		break;
	case CASP:
		asm volatile("ldp x10, x11, [%0]; 1: mov x12, x10; mov x13, x11; add x14, x10, #1; sub x15, x11, #1;"
			     "caspal x10, x11, x14, x15, [%0]; cmp x10, x12; ccmp x11, x13, #0, eq; b.ne 1b"
			     :: "r"(W(8)) : "x10", "x11", "x12", "x13", "x14", "x15", "cc", "memory");
		break;
	case SWP_LOCK:
		asm volatile("1: swpa %w0, w9, [%1]; cbnz w9, 1b; ldr x10, [%2]; add x10, x10, #1; str x10, [%2]; stlr wzr, [%1]"
			     :: "r"(1u), "r"(W(9)), "r"(W(10)) : "x9", "x10", "memory");
		break;
	case LDCLR_LDSET:
		asm volatile("ldset %1, %0, [%2]" : "=r"(x) : "r"(BIT(cpu)), "r"(W(11)) : "memory");
		check("ldset: own bit was clear", x >> cpu & 1, 0);
		asm volatile("ldclral %1, %0, [%2]" : "=r"(x) : "r"(BIT(cpu)), "r"(W(11)) : "memory");
		check("ldclr: own bit was set", x >> cpu & 1, 1);
		break;
	case LDEOR: asm volatile("steor %0, [%1]" :: "r"(1ul << cpu), "r"(W(12)) : "memory"); break;
	case LDXP32: /* x0 is the high half, then the status */
		asm volatile("1: mov x1, %0; ldxp w2, w0, [x1]; add w2, w2, #1; sub w0, w0, #1; stxp w0, w2, w0, [x1]; cbnz w0, 1b"
			     :: "r"(W(15)) : "x0", "x1", "x2", "memory");
		break;
	case LDAXP:
		asm volatile("1: ldaxp x0, x9, [%0]; add x0, x0, #1; sub x9, x9, #1; stlxp w10, x0, x9, [%0]; cbnz w10, 1b"
			     :: "r"(W(16)) : "x0", "x9", "x10", "memory");
		break;
	case COMPARED: /* left ahead of the store if another value is there */
		asm volatile("ldr x9, [%0]; 1: mov x10, x9; add x11, x9, #1; 2: ldaxr x9, [%0]; eor x12, x9, x10; cbnz x12, 3f;"
			     "stlxr w12, x11, [%0]; cbnz w12, 2b; b 4f; 3: b 1b; 4:" :: "r"(W(17)) : "x9", "x10", "x11", "x12", "memory");
		break;
	case LEFT: /* one time in four another store-exclusive ends it, behind a branch */
		asm volatile("1: ldxr x9, [%0]; cbz %1, 2f; add x9, x9, #1; stxr w10, x9, [%0]; cbnz w10, 1b; b 3f;"
			     "2: isb; add x9, x9, #1; stxr w10, x9, [%0]; cbnz w10, 1b; 3:" :: "r"(W(18)), "r"(n & 3) : "x9", "x10", "memory");
		break;
	case LEFT_LOCKED: /* another exclusive ahead of each try; now and then, as each of these is slow */
		if (n % 16)
			asm volatile("stadd %0, [%1]" :: "r"(1ul), "r"(W(21)) : "memory");
		else
			asm volatile("1: ldxr x9, [%1]; add x9, x9, #1; stxr w10, x9, [%1]; cbnz w10, 1b;"
				     "ldxr x9, [%0]; cbz xzr, 2f; stxr w10, x9, [%0]; 2: add x9, x9, #1; stxr w10, x9, [%0]; cbnz w10, 1b"
				     :: "r"(W(21)), "r"(W(26)) : "x9", "x10", "memory");
		break;
	case MIXED: /* one that needs the monitor, one that does not, and none */
		switch ((n + cpu) % 3) {
		case 0:
			asm volatile("1: ldxr x9, [%0]; ldr x10, [%0, #8]; add x9, x9, #1; stxr w10, x9, [%0]; cbnz w10, 1b"
				     :: "r"(W(19)) : "x9", "x10", "memory");
			break;
		case 1:
			asm volatile("1: ldxr x9, [%0]; add x9, x9, #1; stxr w10, x9, [%0]; cbnz w10, 1b" :: "r"(W(19)) : "x9", "x10", "memory");
			break;
		default: asm volatile("stadd %0, [%1]" :: "r"(1ul), "r"(W(19)) : "memory"); break;
		}
		write64(W(20) + 16 * cpu, n);
		break;
	case LDSMAX: asm volatile("stsmax %0, [%1]" :: "r"(n * 8 + cpu), "r"(W(13)) : "memory"); break;
	}
}

static void count(unsigned cpu, void *arg)
{
	u64 runs = RUNS(20000, 2000000);

	for (unsigned kind = 0; kind < KINDS; kind++) {
		barrier_wait(&bar, cpus);
		for (u64 n = 0; n < runs; n++)
			step(kind, cpu, n);
	}
}

static void result(void)
{
	u64 runs = RUNS(20000, 2000000), all = runs * cpus, bytes = 0, halves = 0;

	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		bytes |= (runs & 0xff) << (8 * cpu);
		halves |= (runs & 0xffff) << (16 * cpu);
	}
	check("ldxr", read64(W(0)), all);
	check("ldaxr w", read64(W(1)), all);
	check("ldxrb", read64(W(2)), bytes);
	check("ldxp", read64(W(3)), all);
	check("ldxp, high", read64(W(3) + 8), -all);
	check("ldxp w", read64(W(15)), (u32)all | (u64)(u32)-all << 32);
	check("ldaxp", read64(W(16)), all);
	check("ldaxp, high", read64(W(16) + 8), -all);
	check("ldaxr, compared", read64(W(17)), all);
	check("ldxr, left", read64(W(18)), all);
	check("ldxr, left, behind another", read64(W(21)), all);
	check("ldxr and ldadd", read64(W(19)), all);
	check("ldadd", read64(W(4)), all);
	check("ldaddb", read64(W(5)), bytes);
	check("staddh", read64(W(6)), halves);
	check("cas", read64(W(7)), all);
	check("casp", read64(W(8)), all);
	check("casp, high", read64(W(8) + 8), -all);
	check("lock by swp", read64(W(10)), all);
	check("ldset, ldclr", read64(W(11)), 0);
	check("eor", read64(W(12)), (runs & 1) ? BIT(cpus) - 1 : 0);
	check("smax", read64(W(13)), (runs - 1) * 8 + cpus - 1);
}

/*
 * ABA: vCPU 0 loads exclusively, tells vCPU 1, which writes B and A again; the store exclusive must fail, as the location was written
 * in between, whatever wrote it. And a lock-free stack whose nodes come back.
 */
struct node { u64 next, owner; };
static struct node nodes[64] __attribute__((aligned(16)));
static u64 head __attribute__((aligned(64)));
static volatile u64 aba_stage, aba_passed;

/* B, then A again, at W(14), by every kind of store. */
#define ABA_KINDS 7
static void aba_write(unsigned kind)
{
	switch (kind) {
	case 0:
		write64(W(14), 0xb);
		dmb();
		write64(W(14), 0xa);
		break;
	case 1: asm volatile("stp %0, xzr, [%2]; dmb ish; stp %1, xzr, [%2]" :: "r"(0xbul), "r"(0xaul), "r"(W(14)) : "memory"); break;
	case 2: asm volatile("swpal %0, x9, [%2]; swpal %1, x9, [%2]" :: "r"(0xbul), "r"(0xaul), "r"(W(14)) : "x9", "memory"); break;
	case 3: asm volatile("stadd %0, [%1]; dmb ish; stclr %0, [%1]" :: "r"(1ul), "r"(W(14)) : "memory"); break;
	case 4:
		asm volatile("mov x9, %1; casal x9, %0, [%2]; casal %0, %1, [%2]" :: "r"(0xbul), "r"(0xaul), "r"(W(14)) : "x9", "memory");
		break;
	case 5:
		asm volatile("1: ldxr x9, [%2]; stxr w10, %0, [%2]; cbnz w10, 1b; 2: ldxr x9, [%2]; stxr w10, %1, [%2]; cbnz w10, 2b"
			     :: "r"(0xbul), "r"(0xaul), "r"(W(14)) : "x9", "x10", "memory");
		break;
	case 6:
		asm volatile("dc zva, %1; dmb ish; stlr %0, [%1]" :: "r"(0xaul), "r"(W(14)) : "memory");
		break;
	}
}

static void aba(unsigned cpu, void *arg)
{
	for (unsigned i = 0; i < RUNS(200, 20000); i++) {
		u32 status;

		if (!cpu) {
			write64(W(14), 0xa);
			barrier_wait(&bar, 2);
			if (i / ABA_KINDS & 1)
				asm volatile("ldxp x9, x11, [%1]; stlr %2, [%3]; 1: ldar x10, [%3]; cmp x10, #2; b.ne 1b; stxp %w0, x9, x11, [%1]; clrex"
					     : "=&r"(status) : "r"(W(14)), "r"(1ul), "r"(&aba_stage) : "x9", "x10", "x11", "cc", "memory");
			else
				asm volatile("ldxr x9, [%1]; stlr %2, [%3]; 1: ldar x10, [%3]; cmp x10, #2; b.ne 1b; stxr %w0, x9, [%1]; clrex"
					     : "=&r"(status) : "r"(W(14)), "r"(1ul), "r"(&aba_stage) : "x9", "x10", "cc", "memory");
			aba_passed += !status;
			aba_stage = 0;
			barrier_wait(&bar, 2);
		} else {
			barrier_wait(&bar, 2);
			while (__atomic_load_n(&aba_stage, __ATOMIC_ACQUIRE) != 1)
				;
			aba_write(i % ABA_KINDS);
			__atomic_store_n(&aba_stage, 2, __ATOMIC_RELEASE);
			barrier_wait(&bar, 2);
		}
	}
}

/*
 * The same while the store exclusive faults: its handler lets vCPU 1 write B and A again, and stores exclusively what the program wanted to.
 * That must fail as well, also under a breakpoint somewhere, which has it interpreted.
 */
static u64 *fault_desc, fault_page, fault_va = 0x4000200000ul;
static volatile u64 fault_status;

static bool store_in_its_place(struct frame *f, unsigned vector)
{
	u32 status;

	*(volatile u64 *)fault_desc &= ~D_RO;
	tlbi_va(fault_va);
	__atomic_store_n(&aba_stage, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&aba_stage, __ATOMIC_ACQUIRE) != 2)
		;
	write_sysreg(read_sysreg(mdscr_el1) | BIT(15) | BIT(13), mdscr_el1);
	asm volatile("msr daifclr, #8; isb; stxr %w0, %1, [%2]; msr daifset, #8" : "=&r"(status) : "r"(0xcul), "r"(fault_va) : "memory");
	write_sysreg(read_sysreg(mdscr_el1) & ~(BIT(15) | BIT(13)), mdscr_el1);
	fault_status = status;
	f->elr += 4;
	return true;
}

static void faulting(unsigned cpu, void *arg)
{
	for (unsigned i = 0; i < RUNS(50, 2000); i++) {
		if (!cpu) {
			write64(fault_page, 0xa);
			*(volatile u64 *)fault_desc |= D_RO;
			tlbi_va(fault_va);
			self()->hook = store_in_its_place;
			write_sysreg(fault_va, dbgbvr0_el1);
			write_sysreg(i & 1 ? 3 : 0, dbgbcr0_el1);
			barrier_wait(&bar, 2);
			asm volatile("ldxr x9, [%0]; add x10, x9, #1; stxr w11, x10, [%0]; clrex" :: "r"(fault_va) : "x9", "x10", "x11", "memory");
			self()->hook = NULL;
			check("a handler's store exclusive", fault_status, 1);
			check("what is there", read64(fault_page), 0xa);
			aba_stage = 0;
			barrier_wait(&bar, 2);
		} else {
			barrier_wait(&bar, 2);
			while (__atomic_load_n(&aba_stage, __ATOMIC_ACQUIRE) != 1)
				;
			write64(fault_page, 0xb);
			dmb();
			write64(fault_page, 0xa);
			__atomic_store_n(&aba_stage, 2, __ATOMIC_RELEASE);
			barrier_wait(&bar, 2);
		}
	}
}

static volatile u64 twice;

static void stack(unsigned cpu, void *arg)
{
	for (unsigned i = 0; i < RUNS(20000, 1000000); i++) {
		struct node *n, *next;
		u32 fail;

		/* Pop with LDAXR/STLXR: NEXT is read between them. */
		do {
			asm volatile("ldaxr %0, [%1]" : "=r"(n) : "r"(&head) : "memory");
			if (!n) {
				asm volatile("clrex");
				break;
			}
			next = (struct node *)*(volatile u64 *)&n->next;
			asm volatile("stlxr %w0, %1, [%2]" : "=&r"(fail) : "r"(next), "r"(&head) : "memory");
		} while (fail);
		if (!n)
			continue;
		if (__atomic_exchange_n(&n->owner, cpu + 1, __ATOMIC_ACQ_REL))
			twice++;
		if (i & 1)
			asm volatile("yield; yield");
		__atomic_store_n(&n->owner, 0, __ATOMIC_RELEASE);
		do {
			asm volatile("ldxr %0, [%1]" : "=r"(next) : "r"(&head) : "memory");
			*(volatile u64 *)&n->next = (u64)next;
			asm volatile("stlxr %w0, %1, [%2]" : "=&r"(fail) : "r"(n), "r"(&head) : "memory");
		} while (fail);
	}
}

/* The monitor itself, on one vCPU. */
static void monitor(void)
{
	u32 s;

	asm volatile("clrex; stxr %w0, xzr, [%1]" : "=&r"(s) : "r"(W(15)) : "memory");
	check("stxr without ldxr", s, 1);
	asm volatile("ldxr x9, [%1]; clrex; stxr %w0, x9, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "memory");
	check("stxr after clrex", s, 1);
	asm volatile("ldxr x9, [%1]; stxr %w0, x9, [%1]; stxr %w0, x9, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "memory");
	check("second stxr", s, 1);
	asm volatile("ldxr x9, [%1]; stxr %w0, x9, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "memory");
	check("stxr", s, 0);
	asm volatile("ldxr x9, [%1]; svc #0; stxr %w0, x9, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "memory");
	check("stxr after an exception return", s, 1);
	exc_begin();
	asm volatile("ldxp x9, x10, [%1]; stxp %w0, x10, x9, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "x10", "memory");
	check("stxp", s, 0);
	asm volatile("ldxp w9, w10, [%1]; stxp %w0, x9, x10, [%1]" : "=&r"(s) : "r"(W(15)) : "x9", "x10", "memory");
	check("stxp of another size", s, 1);
	write64(W(15), 0);
	write64(W(15) + 8, 0);
	asm volatile("ldxp x9, x10, [%1]; str %1, [%1, #8]; stxp %w0, x9, x10, [%1]; clrex" : "=&r"(s) : "r"(W(15)) : "x9", "x10", "memory");
	check("stxp after a change of its high half", s, 1);
	write64(W(15) + 8, 0);
	exc_begin();
}

/* After a store-exclusive that passes: an LDXR that has one in view and is left ahead of it; then, as many instructions into a block that is translated
 * right after that one, a store-exclusive of another address. */
#define ELSEWHERE(fill)                                                                                                \
	do {                                                                                                           \
		asm volatile("ldxr x9, [%1]; stxr %w0, x9, [%1]; adr x10, 1f; br x10;"                                 \
			     "1: ldxr x9, [%1];" fill "cbz xzr, 2f; stxr %w0, x9, [%1]; 2: adr x10, 3f; br x10;"       \
			     "3: mov x11, x11; mov x11, x11;" fill "stxr %w0, %3, [%2]"                                \
			     : "=&r"(s) : "r"(W(15)), "r"(other), "r"(1ul) : "x9", "x10", "x11", "memory");             \
		check("stxr of another address", s, 1);                                                                \
		check("what is there", *other, 0);                                                                     \
	} while (0)
static void elsewhere(void)
{
	volatile u64 *other = page_alloc(4096); /* that nobody watches */
	u32 s;

	write64(W(15), 0);
	*other = 0;
	ELSEWHERE("mov x11, x11;");
	ELSEWHERE("mov x11, x11; mov x11, x11;");
	ELSEWHERE("mov x11, x11; mov x11, x11; mov x11, x11;");
}

void test(void)
{
	u64 freed = 0;

	cpus = cpus_present();
	mmu_flat();
	word = page_alloc(4096);
	monitor();
	elsewhere();
	done("monitor");
	smp_run(cpus, count, NULL);
	result();
	done("counters");
	if (cpus == 1)
		return;
	smp_run(2, aba, NULL);
	check("store exclusives that passed over ABA", aba_passed, 0);
	fault_page = (u64)page_alloc(4096);
	fault_desc = map(&flat, fault_va, fault_page, D_RAM, 3);
	smp_run(2, faulting, NULL);
	for (unsigned i = 0; i < 64; i++) {
		nodes[i].next = head;
		head = (u64)&nodes[i];
	}
	smp_run(cpus, stack, NULL);
	for (u64 n = head; n && freed < 1000; n = ((struct node *)n)->next)
		freed++;
	check("nodes at the end", freed, 64);
	check("nodes owned twice", twice, 0);
	done("stack");
}
