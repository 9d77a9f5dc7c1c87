/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes at the same addresses, each under an ASID of its own, below a kernel in the upper half that switches them in the midst of nested calls: by
 * SVC, by interrupt, more of them than a TLB may know ASIDs. Who comes back returns into its own code, also if that was mapped elsewhere or patched
 * meanwhile, by this vCPU or another. So does a kernel that is itself mapped by ASID. [DDI0487 D8.16, B2.4.4]
 */
/* run: smp=1,2,4 timeout=60 */
#include "bare.h"

#define HIGH 0xffffff8000000000ul
#define VA 0x4000400000ul
#define KERNEL_VA (HIGH | VA)
#define PROCESSES 12
#define D_USER ((D_RAM & ~D_UXN) | D_NG | D_EL0 | D_RO)
#define ID(n) ((n) + 1)
#define ASID(n) ((n) + 5ul)
#define ADD(reg, n) (0x91000000u | (n) << 10 | (reg) << 5 | (reg)) /* add reg, reg, #n */
#define BL(words) (0x94000000u | ((words) & 0x3ffffff))
#define B_NE(words) (0x54000001u | ((words) & 0x7ffff) << 5)
#define SVC(n) (0xd4000001u | (n) << 5)
#define RET(reg) (0xd65f0000u | (reg) << 5)
#define MOV(to, from) (0xaa0003e0u | (from) << 16 | (to))
#define BLR_X2 0xd63f0040u
#define SUBS_X0_1 0xf1000400u
enum { SVC_SWITCH, SVC_END, SVC_START, SVC_WRONG };

struct context { u64 x[31], elr, spsr; };
static struct scheduler {
	struct context kernel, process[PROCESSES];
	bool ended[PROCESSES];
	unsigned count, current;
	u64 kernel_sp, wrong_esr, wrong_far, ticks, want[PROCESSES];
	void (*before)(unsigned next); /* a process that has run already goes on */
} schedulers[CPUS_MAX];
static struct tables high, spaces[PROCESSES];
static u32 *first[PROCESSES], *second[PROCESSES][2];
static u64 tcr;

/* --- the programs --- */

/* Calls over three levels and two pages; where x7 is not 0, the innermost gives way. Each level adds the process's number: to x1, x2, x3. */
static void write_second(u32 *at, unsigned id)
{
	at[16] = MOV(20, 30);
	at[17] = BL(24 - 17);
	at[18] = ADD(3, id);
	at[19] = MOV(30, 20);
	at[20] = RET(30);
	at[24] = 0xb4000047; /* cbz x7, .+8 */
	at[25] = SVC(SVC_SWITCH);
	at[26] = RET(30);
	code_changed(at, 108);
}
static void write_program(unsigned n)
{
	u32 *at = first[n];

	at[0] = BL(8);
	at[1] = ADD(1, ID(n));
	at[2] = SUBS_X0_1;
	at[3] = B_NE(-3);
	at[4] = SVC(SVC_END);
	at[8] = MOV(19, 30);
	at[9] = BL(1024 + 16 - 9);
	at[10] = ADD(2, ID(n));
	at[11] = RET(19);
	at[64] = RET(30);
	code_changed(at, 260);
	write_second(second[n][0], ID(n));
}
static void processes_make(void)
{
	for (unsigned n = 0; n < PROCESSES; n++) {
		first[n] = page_alloc(4096);
		second[n][0] = page_alloc(4096);
		second[n][1] = page_alloc(4096);
		write_program(n);
		tables_init(&spaces[n], 12, 39);
		map_machine(&spaces[n]);
		map(&spaces[n], VA, (u64)first[n], D_USER, 3);
		map(&spaces[n], VA + 4096, (u64)second[n][0], D_USER, 3);
	}
}

/* --- the kernel: all of it runs in the upper half, and finds its data in the lower one as well --- */

static void context_save(struct context *c, const struct frame *f)
{
	for (unsigned n = 0; n < 31; n++)
		c->x[n] = f->x[n];
	c->elr = f->elr;
	c->spsr = f->spsr;
}
static void context_load(const struct context *c, struct frame *f)
{
	for (unsigned n = 0; n < 31; n++)
		f->x[n] = c->x[n];
	f->elr = c->elr;
	f->spsr = c->spsr;
}
static void enter(struct scheduler *s, struct frame *f, unsigned n)
{
	write_sysreg(spaces[n].root | ASID(n) << 48, ttbr0_el1);
	isb();
	s->current = n;
	context_load(&s->process[n], f);
}
/* To the next process, or back to the kernel. */
static void next(struct scheduler *s, struct frame *f)
{
	for (unsigned n = 0, p = s->current; n < s->count; n++) {
		p = p + 1 < s->count ? p + 1 : 0;
		if (s->ended[p])
			continue;
		if (s->before && s->process[p].elr != VA)
			s->before(p);
		enter(s, f, p);
		return;
	}
	context_load(&s->kernel, f);
	f->sp = s->kernel_sp;
}
static bool trap(struct frame *f, unsigned vector)
{
	struct scheduler *s = &schedulers[self()->index];

	switch (f->esr) {
	case EC(0x15, SVC_SWITCH):
		context_save(&s->process[s->current], f);
		next(s, f);
		return true;
	case EC(0x15, SVC_END):
		context_save(&s->process[s->current], f);
		s->ended[s->current] = true;
		next(s, f);
		return true;
	case EC(0x15, SVC_START):
		context_save(&s->kernel, f);
		s->kernel_sp = f->sp;
		enter(s, f, 0);
		return true;
	case EC(0x15, SVC_WRONG): /* a process that returns to where the kernel would */
		context_save(&s->kernel, f);
		s->kernel_sp = f->sp;
		s->process[0].x[30] = f->x[30];
		enter(s, f, 0);
		return true;
	default: break;
	}
	if (vector != VECTOR_EL0)
		return false;
	if (f->esr >> 26 == 0x20 && f->far - VA < 8192 && (f->esr & 0x3f) == 7) /* not there for a moment */
		return true;
	s->wrong_esr = f->esr;
	s->wrong_far = f->far;
	context_load(&s->kernel, f);
	f->sp = s->kernel_sp;
	return true;
}
static bool tick(struct frame *f, unsigned vector)
{
	struct scheduler *s = &schedulers[self()->index];
	u64 intid = icc_get(ICC_IAR1);

	if (intid == 1023)
		return true;
	write_sysreg(now() + ms(1) / 32, cntv_cval_el0);
	isb();
	icc_set(intid, ICC_EOIR1);
	if (intid != 27 || vector != VECTOR_EL0 + KIND_IRQ)
		return false;
	s->ticks++;
	context_save(&s->process[s->current], f);
	next(s, f);
	return true;
}

static void check_nothing_wrong(const char *what)
{
	struct scheduler *s = &schedulers[self()->index];

	check(what, s->wrong_esr, 0);
	check(what, s->wrong_far, 0);
}
static void run_processes(const char *what, unsigned count, u64 rounds, u64 spsr, u64 gives_way, void (*before)(unsigned next))
{
	struct scheduler *s = &schedulers[self()->index];

	s->count = count;
	s->before = before;
	s->wrong_esr = s->wrong_far = 0;
	for (unsigned n = 0; n < count; n++) {
		s->process[n] = (struct context){.x[0] = rounds + n, .x[7] = gives_way, .elr = VA, .spsr = spsr};
		s->ended[n] = false;
		s->want[n] = before ? 0 : (rounds + n) * ID(n);
	}
	asm volatile("svc %0" :: "i"(SVC_START) : "memory");
	check_nothing_wrong(what);
	for (unsigned n = 0; n < count; n++) {
		check(what, s->process[n].x[1], (rounds + n) * ID(n));
		check(what, s->process[n].x[2], (rounds + n) * ID(n));
		check(what, s->process[n].x[3], s->want[n]);
	}
}

/* --- what happens to a process while others run --- */

/* The page to which it returns next says which of two it is. */
static void place(unsigned n, unsigned frame, bool everywhere)
{
	u64 *slot = table_slot(&spaces[n], VA + 4096, 3), of_page = ASID(n) << 48 | (VA + 4096) >> 12;

	*(volatile u64 *)slot = 0;
	if (everywhere)
		asm volatile("dsb ishst; tlbi vae1is, %0; dsb ish" :: "r"(of_page) : "memory");
	else if (n & 1)
		asm volatile("dsb nshst; tlbi vae1, %0; dsb nsh" :: "r"(of_page) : "memory");
	else
		asm volatile("dsb nshst; tlbi aside1, %0; dsb nsh" :: "r"(ASID(n) << 48) : "memory");
	*(volatile u64 *)slot = (u64)second[n][frame] | D_USER | 3;
	asm volatile("dsb ishst; isb" ::: "memory");
}
static unsigned turns[PROCESSES];
static void moves(unsigned n)
{
	unsigned frame = ++turns[n] & 1;

	place(n, frame, false);
	schedulers[self()->index].want[n] += ID(n) + 100 * frame;
}
static void patches(unsigned n)
{
	unsigned id = ID(n) + ++turns[n] % 1000;

	second[n][0][18] = ADD(3, id);
	code_changed(&second[n][0][18], 4);
	schedulers[self()->index].want[n] += id;
}

/* --- a kernel that is mapped by ASID: TCR_EL1.A1 --- */

/* Swaps x3 and x4, and TTBR1_EL1 is x3. */
asm("swap: mov x5, x3; mov x3, x4; mov x4, x5; msr ttbr1_el1, x3; isb; ret");
extern char swap[];
static void own(void)
{
	struct tables other;
	u64 rounds = RUNS(2000, 100000);

	tables_init(&other, 12, 39);
	map_machine(&other);
	for (unsigned k = 0; k < 2; k++) {
		u32 *at = page_alloc(4096);

		at[0] = MOV(9, 30);
		at[1] = BL(8 - 1);
		at[2] = ADD(1, k + 1);
		at[3] = SUBS_X0_1;
		at[4] = B_NE(-3);
		at[5] = RET(9);
		at[8] = MOV(10, 30);
		at[9] = BLR_X2;
		at[10] = ADD(6, k + 1);
		at[11] = RET(10);
		code_changed(at, 48);
		map(k ? &other : &high, KERNEL_VA, (u64)at, D_RAM | D_NG, 3);
	}
	write_sysreg(tcr | BIT(22), tcr_el1);
	write_sysreg(high.root | 30ul << 48, ttbr1_el1);
	tlbi_all();
	register u64 x0 asm("x0") = rounds, x1 asm("x1") = 0, x2 asm("x2") = (u64)swap, x3 asm("x3") = high.root | 30ul << 48,
		     x4 asm("x4") = other.root | 31ul << 48, x6 asm("x6") = 0, x7 asm("x7") = KERNEL_VA;
	asm volatile("blr %6" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x6) : "r"(x7) : "x5", "x9", "x10", "x30", "cc", "memory");
	u64 outer = x1, inner = x6;

	write_sysreg(high.root, ttbr1_el1);
	write_sysreg(tcr, tcr_el1);
	tlbi_all();
	check("the caller of a swap", inner, rounds / 2 * 3);
	check("its caller", outer, rounds / 2 * 3);
}

/* --- a process that returns where the kernel has a return to make --- */

asm("wrong: stp x29, x30, [sp, #-16]!; bl 1f; 2: ldp x29, x30, [sp], #16; ret; 1: svc #3; ret");
extern char wrong[];
static void returns_to_the_kernel(void)
{
	struct scheduler *s = &schedulers[self()->index];

	for (unsigned turn = 0; turn < RUNS(300, 20000); turn++) {
		s->wrong_esr = s->wrong_far = 0;
		s->process[0] = (struct context){.elr = VA + 256, .spsr = 0x3c0};
		asm volatile("blr %0" :: "r"(wrong) : "x30", "memory");
		check("it may not run that", s->wrong_esr, EC(0x20, 0x0e));
		check("at the address", s->wrong_far, (u64)wrong + 8);
	}
}

/* --- on each vCPU, in the upper half --- */

static void begin(void)
{
	write_sysreg((u64)vectors, vbar_el1);
	isb();
	self()->hook = trap;
	self()->irq = tick;
}
static void end(void)
{
	write_sysreg(flat.root, ttbr0_el1);
	write_sysreg((u64)vectors - HIGH, vbar_el1);
	tlbi_all();
	self()->hook = NULL;
	self()->irq = NULL;
}
static void together(void)
{
	begin();
	run_processes("two", 2, RUNS(3000, 100000), 0x3c0, 1, NULL);
	run_processes("many", PROCESSES, RUNS(600, 10000), 0x3c0, 1, NULL);
	returns_to_the_kernel();
	end();
}
static void interrupted(void)
{
	struct scheduler *s = &schedulers[self()->index];

	begin();
	s->ticks = 0;
	gic_init_cpu();
	gic_enable(27, 0x80, 1);
	write_sysreg(now(), cntv_cval_el0);
	write_sysreg(1, cntv_ctl_el0);
	isb();
	for (unsigned turn = 0; (s->ticks < RUNS(100, 10000) && turn < 10000) || turn < 2; turn++)
		run_processes("interrupted", 3, RUNS(3000, 20000), 0x340, turn & 1, NULL);
	write_sysreg(0, cntv_ctl_el0);
	gic_disable(27);
	check_true("interrupts", s->ticks > 0);
	end();
}
static void changed(void)
{
	begin();
	for (unsigned n = 0; n < PROCESSES; n++)
		write_second(second[n][1], ID(n) + 100);
	run_processes("mapped elsewhere", 2, RUNS(300, 10000), 0x3c0, 1, moves);
	run_processes("mapped elsewhere, one of many", PROCESSES, RUNS(50, 1000), 0x3c0, 1, moves);
	for (unsigned n = 0; n < PROCESSES; n++)
		place(n, 0, true);
	run_processes("patched", 2, RUNS(300, 10000), 0x3c0, 1, patches);
	for (unsigned n = 0; n < PROCESSES; n++)
		write_second(second[n][0], ID(n));
	end();
}
static void kernels(void)
{
	begin();
	own();
	end();
}

static void go_high(void (*fn)(void))
{
	asm volatile("blr %0" :: "r"((u64)fn + HIGH) : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
		     "x17", "x18", "x30", "cc", "memory");
}
static void on_each(unsigned cpu, void *arg)
{
	go_high(arg);
}

/* vCPU 1 moves the processes' pages and spoils those that they were in; vCPU 0 must not get there. */
static volatile u32 over;
static void two_processes(void)
{
	begin();
	run_processes("moved by another vCPU", 2, RUNS(20000, 1000000), 0x3c0, 1, NULL);
	end();
}
static void moved(unsigned cpu, void *arg)
{
	if (cpu == 0) {
		go_high(two_processes);
		__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
		return;
	}
	for (unsigned turn = 0; cpu == 1 && !__atomic_load_n(&over, __ATOMIC_ACQUIRE); turn++) {
		unsigned n = turn & 1, frame = ~turn >> 1 & 1;
		u32 *old = second[n][!frame];

		write_second(second[n][frame], ID(n));
		place(n, frame, true);
		for (unsigned k = 16; k < 27; k++)
			old[k] = 0; /* udf */
		code_changed(old, 108);
	}
}

void test(void)
{
	unsigned cpus = cpus_present();

	mmu_flat();
	tables_init(&high, 12, 39);
	map_machine(&high);
	processes_make();
	/* The upper half: 39 bits, 4 KiB, walks as those of the lower one. */
	tcr = (tcr_for(&flat) & ~BIT(23)) | 25ul << 16 | 2ul << 30 | 3ul << 28 | 1ul << 26 | 1ul << 24;
	write_sysreg(high.root, ttbr1_el1);
	mmu_set(flat.root, tcr);
	gic_init();

	smp_run(cpus, on_each, together);
	done("switched in nested calls");
	smp_run(cpus, on_each, interrupted);
	done("by interrupts");
	go_high(changed);
	done("changed meanwhile");
	go_high(kernels);
	done("a kernel by ASID");
	if (cpus == 1)
		return;
	smp_run(cpus, moved, NULL);
	done("moved by another vCPU");
}
