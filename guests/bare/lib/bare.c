/* SPDX-License-Identifier: BSD-2-Clause */
/* Console, checks, exceptions, vCPUs. */
#include "bare.h"

struct percpu percpus[CPUS_MAX] __attribute__((aligned(16)));
u8 stacks[CPUS_MAX][32768] __attribute__((aligned(16)));
u8 el0_stacks[CPUS_MAX][8192] __attribute__((aligned(16)));
u64 el0_offset;
u64 boot_dtb = 1; /* in .data: written before .bss is used */
static unsigned failed, checked, groups_failed;

void *memset(void *to, int byte, u64 size)
{
	for (volatile u8 *p = to; size--;)
		*p++ = (u8)byte;
	return to;
}

void *memcpy(void *to, const void *from, u64 size)
{
	volatile u8 *p = to;

	for (const volatile u8 *q = from; size--;)
		*p++ = *q++;
	return to;
}

/* --- console --- */

static void put_char(char c)
{
	while (read32(UART + 0x18) & 0x20) /* FR.TXFF */
		;
	write32(UART, (u32)c);
}

void put(const char *s)
{
	for (; *s; s++)
		put_char(*s);
}

void put_hex(u64 v)
{
	bool seen = false;

	put("0x");
	for (int i = 60; i >= 0; i -= 4) {
		unsigned d = v >> i & 15;

		seen |= d || !i;
		if (seen)
			put_char("0123456789abcdef"[d]);
	}
}

void put_dec(u64 v)
{
	char text[21];
	unsigned n = 0;

	do
		text[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		put_char(text[--n]);
}

void say(const char *what, u64 value)
{
	put(what);
	put(": ");
	put_dec(value);
	put("\n");
}

static void report(const char *what, u64 got, u64 want)
{
	failed++;
	if (failed > 20)
		return;
	put("FAIL ");
	put_dec(checked);
	put(" ");
	put(what);
	put(": got ");
	put_hex(got);
	put(", want ");
	put_hex(want);
	put("\n");
}

void check(const char *what, u64 got, u64 want)
{
	struct percpu *cpu = self();

	if (cpu->index) { /* told by vCPU 0 after smp_run */
		if (got != want && !cpu->failures++) {
			cpu->fail_what = what;
			cpu->fail_got = got;
			cpu->fail_want = want;
		}
		return;
	}
	checked++;
	if (got != want)
		report(what, got, want);
}

void check_true(const char *what, bool holds)
{
	check(what, holds, 1);
}

void done(const char *group)
{
	put(failed ? "FAIL group " : "PASS ");
	put(group);
	put(" (");
	put_dec(checked);
	put(" checks)\n");
	groups_failed += !!failed;
	failed = checked = 0;
}

/* --- exceptions --- */

void exc_begin(void)
{
	struct percpu *cpu = self();

	cpu->count = 0;
	cpu->esr = cpu->elr = cpu->far = cpu->spsr = cpu->vector = 0;
	asm volatile("" ::: "memory");
}

void exc_check(const char *what, u64 esr)
{
	struct percpu *cpu = self();

	check(what, cpu->count, 1);
	check(what, cpu->esr, esr);
	cpu->count = 0;
}

void exc_check_far(const char *what, u64 esr, u64 far)
{
	exc_check(what, esr);
	check(what, self()->far, far);
}

void exc_none(const char *what)
{
	struct percpu *cpu = self();

	if (cpu->count)
		check(what, cpu->esr, 0);
	else
		check(what, 0, 0);
	cpu->count = 0;
}

static void fatal(const char *why, const struct frame *f, unsigned vector)
{
	put("FAIL ");
	put(why);
	put(": vector ");
	put_dec(vector);
	put(" cpu ");
	put_dec(self()->index);
	put(" esr ");
	put_hex(f->esr);
	put(" elr ");
	put_hex(f->elr);
	put(" far ");
	put_hex(f->far);
	put(" spsr ");
	put_hex(f->spsr);
	put(" x30 ");
	put_hex(f->x[30]);
	put("\n");
	power_off();
}

void exception(struct frame *f, unsigned vector)
{
	struct percpu *cpu = self();
	unsigned class = f->esr >> 26 & 63;

	if ((vector & 3) == KIND_IRQ || (vector & 3) == KIND_FIQ) {
		if (!cpu->irq || !cpu->irq(f, vector))
			fatal("unexpected interrupt", f, vector);
		return;
	}
	if (vector == VECTOR_EL0 && f->esr == EC(0x15, 0x777)) {
		f->elr = (u64)el0_return;
		f->spsr = 0x3c5;
		f->sp = cpu->el0_sp;
		return;
	}
	if (cpu->hook && cpu->hook(f, vector))
		return;
	if ((vector & 3) == KIND_SERROR)
		fatal("unexpected SError", f, vector);
	cpu->count++;
	cpu->vector = vector;
	cpu->esr = f->esr;
	cpu->elr = f->elr;
	cpu->far = f->far;
	cpu->spsr = f->spsr;
	cpu->fp_sp = f->sp;
	if (cpu->count > 1000)
		fatal("too many exceptions", f, vector);
	if (class == 0x20 || class == 0x21 || class == 0x22 || class == 0x0e) {
		if (vector == VECTOR_EL0) { /* back from where EL0 went */
			f->elr = (u64)el0_return;
			f->spsr = 0x3c5;
			f->sp = cpu->el0_sp;
		} else if (cpu->recover) {
			f->elr = cpu->recover;
			f->sp = cpu->recover_sp;
		} else {
			fatal("unexpected", f, vector);
		}
		f->spsr &= ~BIT(20);
		return;
	}
	if (class != 0x15 && class != 0x16 && class != 0x17)
		f->elr += 4;
}

u64 irq_window_open(void)
{
	u64 kept = self()->exception_sp;

	self()->exception_sp = ((u64)__builtin_frame_address(0) - 1024) & ~15ul;
	irq_on();
	return kept;
}

void irq_window_close(u64 kept)
{
	irq_off();
	self()->exception_sp = kept;
}

/* --- PSCI and vCPUs --- */

#define CALL(name)                                                                                                     \
	struct smccc name(u64 id, u64 a, u64 b, u64 c)                                                                 \
	{                                                                                                              \
		register u64 x0 asm("x0") = id, x1 asm("x1") = a, x2 asm("x2") = b, x3 asm("x3") = c;                  \
		asm volatile(#name " #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) :: "memory", "x4", "x5", "x6", "x7"); \
		return (struct smccc){x0, x1, x2, x3};                                                                 \
	}
CALL(hvc)
CALL(smc)

void power_off(void)
{
	put("END\n");
	hvc(0x84000008, 0, 0, 0);
	for (;;)
		asm volatile("wfi");
}

unsigned cpus_present(void)
{
	unsigned n = 1;

	while (n < CPUS_MAX && (s64)hvc(PSCI_AFFINITY_INFO, n, 0, 0).x0 >= 0)
		n++;
	return n;
}

static struct {
	void (*fn)(unsigned cpu, void *arg);
	void *arg;
	u64 sctlr, tcr, ttbr0, ttbr1, mair, mdscr;
} work;

void secondary_main(unsigned index)
{
	self()->index = index;
	write_sysreg(work.mair, mair_el1);
	write_sysreg(work.tcr, tcr_el1);
	write_sysreg(work.ttbr0, ttbr0_el1);
	write_sysreg(work.ttbr1, ttbr1_el1);
	write_sysreg(work.mdscr, mdscr_el1);
	isb();
	asm volatile("tlbi vmalle1; dsb nsh; isb" ::: "memory");
	write_sysreg(work.sctlr, sctlr_el1);
	isb();
	work.fn(index, work.arg);
	dsb();
	hvc(PSCI_CPU_OFF, 0, 0, 0);
}

void smp_run(unsigned n, void (*fn)(unsigned cpu, void *arg), void *arg)
{
	work.fn = fn;
	work.arg = arg;
	work.sctlr = read_sysreg(sctlr_el1);
	work.tcr = read_sysreg(tcr_el1);
	work.ttbr0 = read_sysreg(ttbr0_el1);
	work.ttbr1 = read_sysreg(ttbr1_el1);
	work.mair = read_sysreg(mair_el1);
	work.mdscr = read_sysreg(mdscr_el1);
	dsb();
	for (unsigned i = 1; i < n; i++) {
		u64 result = hvc(PSCI_CPU_ON, i, (u64)secondary, i).x0;

		if (result)
			check("CPU_ON", result, 0);
	}
	fn(0, arg);
	for (unsigned i = 1; i < n; i++) {
		while (hvc(PSCI_AFFINITY_INFO, i, 0, 0).x0 != 1)
			asm volatile("yield");
		if (percpus[i].failures) {
			checked++;
			put("vCPU ");
			put_dec(i);
			put(", ");
			put_dec(percpus[i].failures);
			put(" failures, first:\n");
			report(percpus[i].fail_what, percpus[i].fail_got, percpus[i].fail_want);
			percpus[i].failures = 0;
		}
	}
}

/* Needs the MMU on. Waits by WFE, as there may be fewer CPUs than vCPUs. */
void barrier_wait(struct barrier *b, unsigned n)
{
	u32 generation = b->generation, old;

	old = __atomic_fetch_add(&b->count, 1, __ATOMIC_ACQ_REL);
	if (old + 1 == n) {
		b->count = 0;
		__atomic_store_n(&b->generation, generation + 1, __ATOMIC_RELEASE);
		asm volatile("dsb ish; sev" ::: "memory");
		return;
	}
	while (__atomic_load_n(&b->generation, __ATOMIC_ACQUIRE) == generation)
		asm volatile("wfe" ::: "memory");
}

u64 ms(u64 n)
{
	return read_sysreg(cntfrq_el0) / 1000 * n;
}

void test(void);

void start(void)
{
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		percpus[i].index = i;
		percpus[i].el0_stack = (u64)el0_stacks[i + 1];
	}
	write_sysreg(SCTLR_OFF | 0x18, sctlr_el1);
	isb();
	test();
	if (checked)
		done("rest");
	power_off();
}
